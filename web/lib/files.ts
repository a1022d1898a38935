/** What a drop, a paste or a choice brings. */

/** The files of a drop, those of dropped folders included; a paste has files only. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  // Both lists are emptied as soon as the event is over: read them before the first await.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) {
    return files;
  }
  const found = await Promise.all(entries.map((entry) => (entry ? filesUnder(entry) : [])));
  return found.flat();
}

async function filesUnder(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) {
    return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const read = () =>
    new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  const found: FileSystemEntry[] = [];
  // A reader hands out a folder in parts; an empty part is the end.
  for (let part = await read(); part.length > 0; part = await read()) {
    found.push(...part);
  }
  const visible = found.filter((child) => !child.name.startsWith("."));
  return (await Promise.all(visible.map(filesUnder))).flat();
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

const VIDEO_NAME = /\.(mp4|m4v|mov|avi|mkv|webm)$/i;

/** Whether a file goes the way of videos. Its name decides where the system knows no type; the
 * server looks at the content whatever it is called. */
export function isVideo({ type, name }: Pick<File, "type" | "name">): boolean {
  return type === "" ? VIDEO_NAME.test(name) : type.startsWith("video/");
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256(file: File): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
