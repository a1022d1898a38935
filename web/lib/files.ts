/** What a drop, a paste or a choice brings. */

export interface Brought {
  files: File[];
  /** The names of what could not be opened: a file or folder that vanished or may not be read. */
  unopened: string[];
}

/** The files of a drop, those of dropped folders included; a paste has files only. */
export async function filesOf(transfer: DataTransfer): Promise<Brought> {
  // Both lists are emptied as soon as the event is over: read them before the first await.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) {
    return { files, unopened: [] };
  }
  return under(entries.filter((entry) => entry !== null));
}

async function under(entries: readonly FileSystemEntry[]): Promise<Brought> {
  const brought = await Promise.all(entries.map(opened));
  return {
    files: brought.flatMap(({ files }) => files),
    unopened: brought.flatMap(({ unopened }) => unopened),
  };
}

/** What an entry holds. One that cannot be opened must not cost the rest of its folder. */
async function opened(entry: FileSystemEntry): Promise<Brought> {
  try {
    if (isFile(entry)) {
      const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
      return { files: [file], unopened: [] };
    }
    const children = await childrenOf(entry as FileSystemDirectoryEntry);
    return under(children.filter((child) => !child.name.startsWith(".")));
  } catch {
    return { files: [], unopened: [entry.name] };
  }
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const read = () =>
    new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  const found: FileSystemEntry[] = [];
  // A reader hands out a folder in parts; an empty part is the end.
  for (let part = await read(); part.length > 0; part = await read()) {
    found.push(...part);
  }
  return found;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** Whether a file of a folder that was picked is hidden, or lies in a folder that is. The picked one
 * itself may be. */
export function isHidden({ name, webkitRelativePath }: File): boolean {
  const [, ...path] = webkitRelativePath.split("/");
  return [...path, name].some((part) => part.startsWith("."));
}

/** Whether an event is that of a field for text, which takes text for itself. */
export function isEditable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(":read-write");
}

/** How Matroska, AVI, and MP4 and MOV begin; HEIC, AVIF and Canon's raw photos are boxes of MP4 too. */
const VIDEO_HEAD =
  /^(?:.E\xdf\xa3|RIFF.{4}AVI |.{4}(?:ftyp(?!avi[fs]|m[is]f1|hei|hev|crx )|moov|mdat|wide|free|skip))/s;

/** Whether a file goes the way of videos. A system tells its type by its name, which may be wrong or
 * without an ending: then the first bytes say it, as they do to the server. */
export async function isVideo(file: File): Promise<boolean> {
  if (file.type.startsWith("video/")) {
    return true;
  }
  // What cannot be read fails with its reason where it is sent.
  const head = await file
    .slice(0, 12)
    .arrayBuffer()
    .catch(() => new ArrayBuffer(0));
  return VIDEO_HEAD.test(String.fromCharCode(...new Uint8Array(head)));
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sha256(file: File): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
