import { describe, expect, it } from "vitest";
import { isVideo, sha256 } from "./files";

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
