import { describe, expect, it } from "vitest";
import { filesOf, isHidden, isVideo, sha256 } from "./files";

function file(name: string, isReadable = true) {
  return {
    name,
    isFile: true,
    file: (resolve: (file: File) => void, reject: (error: Error) => void) =>
      isReadable ? resolve(new File(["x"], name)) : reject(new Error("NotReadableError")),
  };
}

/** A folder whose reader hands out one entry at a time. */
function folder(name: string, children: object[]) {
  const createReader = () => {
    const left = [...children];
    return { readEntries: (resolve: (part: object[]) => void) => resolve(left.splice(0, 1)) };
  };
  return { name, isFile: false, isDirectory: true, createReader };
}

function dropped(...entries: object[]): DataTransfer {
  const items = entries.map((entry) => ({ webkitGetAsEntry: () => entry }));
  return { items, files: [] } as unknown as DataTransfer;
}

describe("filesOf", () => {
  it("are those of folders within folders, but none that is hidden", async () => {
    const inner = folder("inner", [file("b.jpg")]);
    const brought = await filesOf(
      dropped(folder("outer", [file("a.jpg"), inner, file(".DS_Store")]), file("c.jpg")),
    );
    expect(brought.files.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg", "c.jpg"]);
    expect(brought.unopened).toEqual([]);
  });

  it("are the rest where one cannot be opened, which is named", async () => {
    const brought = await filesOf(
      dropped(folder("outer", [file("a.jpg"), file("locked.jpg", false), file("b.jpg")])),
    );
    expect(brought.files.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg"]);
    expect(brought.unopened).toEqual(["locked.jpg"]);
  });
});

describe("isHidden", () => {
  it.each([
    ["photos/a.jpg", false],
    ["photos/.DS_Store", true],
    ["photos/.thumbnails/a.jpg", true],
    ["photos/inner/.cache/deep/a.jpg", true],
    [".photos/a.jpg", false],
    ["", false],
  ])("%j: %s", (webkitRelativePath, expected) => {
    const name = webkitRelativePath.split("/").at(-1) ?? "";
    expect(isHidden({ name, webkitRelativePath } as File)).toBe(expected);
  });
});

describe("isVideo", () => {
  it.each([
    ["clip.mp4", "video/mp4", true],
    ["clip.bin", "video/webm", true],
    ["clip.MKV", "", true],
    ["photo.jpg", "image/jpeg", false],
    ["photo.mp4", "image/jpeg", false],
    ["photo.heic", "", false],
    ["mp4", "", false],
  ])("%s of type %j: %s", (name, type, expected) => {
    expect(isVideo({ name, type })).toBe(expected);
  });
});

describe("sha256", () => {
  it("is that of the standard's example", async () => {
    expect(await sha256(new File(["abc"], "abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
