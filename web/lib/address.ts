/** What is open, as the address of the page has it, so that a reload finds it again. */

export type Address =
  | { view: "desk" }
  | { view: "photo"; id: number }
  | { view: "videos" }
  | { view: "history" }
  | { view: "job"; id: string; file: number | null };

/** One of the photos of this session; a reload ends that, and shows the empty desk. */
const PHOTO = /^#photo=(\d+)$/;
const JOB = /^#job=([0-9a-f]+)(?:&file=(\d+))?$/;

export function addressOf(hash: string): Address {
  const [, id, file] = JOB.exec(hash) ?? [];
  if (id !== undefined) {
    return { view: "job", id, file: file === undefined ? null : Number(file) };
  }
  const [, photo] = PHOTO.exec(hash) ?? [];
  if (photo !== undefined) {
    return { view: "photo", id: Number(photo) };
  }
  return hash === "#history" || hash === "#videos"
    ? { view: hash === "#history" ? "history" : "videos" }
    : { view: "desk" };
}

const TITLES: Record<Address["view"], string> = {
  desk: "Unmask: was this face manipulated?",
  photo: "Photo - Unmask",
  videos: "Videos - Unmask",
  history: "History - Unmask",
  job: "Analysis - Unmask",
};

/** What the window is called while it is open. */
export function titleOf(view: Address["view"]): string {
  return TITLES[view];
}

export function hashOf(address: Address): string {
  switch (address.view) {
    case "desk":
      return "#";
    case "photo":
      return `#photo=${address.id}`;
    case "job":
      return `#job=${address.id}${address.file === null ? "" : `&file=${address.file}`}`;
    default:
      return `#${address.view}`;
  }
}
