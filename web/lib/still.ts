/** The picture of a file that was judged: of an animation the first, and no other. */

/** The file itself where it holds one picture, else its first; empty where that cannot be had, which
 * a browser shows as what it cannot show. */
export async function still(file: Blob, draw = firstPicture): Promise<Blob> {
  try {
    const head = await bytesOf(file, 0, 64);
    if (textOf(head, 1, 8) === "PNG\r\n\x1a\n") {
      return await withoutAnimation(file);
    }
    return isSequence(head) ? await draw(file) : file;
  } catch {
    return new Blob();
  }
}

/** By the signatures and flags of GIF, WebP and the family of AVIF and HEIC. */
function isSequence(head: Uint8Array): boolean {
  if (textOf(head, 0, 4) === "GIF8") {
    return true;
  }
  if (textOf(head, 0, 4) === "RIFF" && textOf(head, 8, 16) === "WEBPVP8X") {
    return ((head[20] ?? 0) & 2) !== 0;
  }
  const brands = textOf(head, 4, 8) === "ftyp" ? textOf(head, 8, head[3] ?? 0) : "";
  return /avis|hevc|msf1/.test(brands);
}

/** A PNG without the chunk that makes an animation of it. What is left is its default picture, which
 * is judged; an animation may leave it out, so that no player ever shows it. */
async function withoutAnimation(file: Blob): Promise<Blob> {
  for (let at = 8; at + 8 <= file.size; ) {
    const head = await bytesOf(file, at, at + 8);
    const end = at + 12 + new DataView(head.buffer).getUint32(0);
    const chunk = textOf(head, 4, 8);
    if (chunk === "acTL") {
      return withoutAnimation(new Blob([file.slice(0, at), file.slice(end)], { type: file.type }));
    }
    if (chunk === "IDAT") {
      return file;
    }
    at = end;
  }
  return file;
}

async function firstPicture(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
  picture.close();
  return canvas.convertToBlob();
}

async function bytesOf(file: Blob, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.slice(from, to));
}
