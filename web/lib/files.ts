/** What a drop or a paste brings. */

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
