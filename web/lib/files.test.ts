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
    ["clip.mp4", "video/mp4", "whatever it holds", true],
    ["VID-20260131", "", "\0\0\0\x20ftypisom", true],
    ["photo.jpg", "image/jpeg", "\0\0\0\x14ftypqt  ", true],
    ["old", "", "\0\0\0\x08wide", true],
    ["clip", "", "RIFF\n\0\0\0AVI LIST", true],
    ["clip", "application/octet-stream", "\x1aE\xdf\xa3", true],
    ["photo.mp4", "image/jpeg", "\xff\xd8\xff\xe0", false],
    ["photo.webp", "", "RIFF\n\0\0\0WEBPVP8 ", false],
    ["photo.heic", "", "\0\0\0\x18ftypheic", false],
    ["burst.heic", "", "\0\0\0\x18ftyphevc", false],
    ["photo.avif", "", "\0\0\0\x18ftypavif", false],
    ["photo.cr3", "", "\0\0\0\x18ftypcrx ", false],
    ["empty", "", "", false],
  ])("%s of type %j that begins with %j: %s", async (name, type, head, expected) => {
    const bytes = Uint8Array.from(head, (letter) => letter.charCodeAt(0));
    expect(await isVideo(new File([bytes], name, { type }))).toBe(expected);
  });

  it("is not what cannot be read", async () => {
    const gone = new File([], "gone");
    gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("NotFound")) }) as Blob;
    expect(await isVideo(gone)).toBe(false);
  });
});

describe("sha256", () => {
  it("is that of the standard's example", async () => {
    expect(await sha256(new File(["abc"], "abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
