import { describe, expect, it } from "vitest";
import { still } from "./still";

const DRAWN = new Blob(["the first picture"]);
const stillOf = (...parts: BlobPart[]) => still(new Blob(parts), async () => DRAWN);

const bytes = (...values: number[]) => new Uint8Array(values);
const webp = (chunk: string, flags: number) => ["RIFF....WEBP", chunk, "....", bytes(flags)];
const brands = (...names: string[]) => [
  bytes(0, 0, 0, 8 + 4 * names.length),
  `ftyp${names.join("")}`,
  "....meta hevc",
];
const chunk = (name: string, data: string) => [bytes(0, 0, 0, data.length), name, data, "crc."];
const png = (...chunks: BlobPart[][]) => [bytes(0x89), "PNG\r\n\x1a\n", ...chunks.flat()];

describe("still", () => {
  it.each([
    ["a GIF", ["GIF89a..."]],
    ["an animated WebP", webp("VP8X", 0x02)],
    ["an animated WebP with transparency", webp("VP8X", 0x12)],
    ["a sequence of AVIF", brands("avis", "0000", "avif")],
    ["a sequence of HEIC", brands("heic", "0000", "mif1", "msf1")],
  ])("draws the first picture of %s", async (_name, parts) => {
    expect(await stillOf(...parts)).toBe(DRAWN);
  });

  it.each([
    ["a JPEG", [bytes(0xff, 0xd8, 0xff, 0xe0), "..JFIF"]],
    ["a WebP with transparency alone", webp("VP8X", 0x10)],
    ["a plain WebP", webp("VP8 ", 0xff)],
    ["an AVIF", brands("avif", "0000", "mif1", "miaf")],
    ["a PNG", png(chunk("IHDR", "head"), chunk("IDAT", "acTL"), chunk("IEND", ""))],
    ["a PNG that ends early", png(chunk("IHDR", "head"))],
    ["nothing", []],
  ])("leaves %s as it is", async (_name, parts) => {
    const file = new Blob(parts);
    expect(await still(file, async () => DRAWN)).toBe(file);
  });

  it("takes the animation out of a PNG, and nothing else", async () => {
    const head = chunk("IHDR", "head");
    const rest = [chunk("IDAT", "picture"), chunk("fdAT", "more"), chunk("IEND", "")].flat();
    const animated = png(head, chunk("acTL", "10 times"), chunk("acTL", "again"), rest);
    const shown = await stillOf(...animated);
    expect(await shown.text()).toBe(await new Blob(png(head, rest)).text());
  });

  it("is empty where the browser cannot decode it", async () => {
    const shown = await still(new Blob(["GIF89a"]), () => Promise.reject(new Error("no GIF")));
    expect(shown.size).toBe(0);
  });
});
