/** Whether findings on photos may go into the history of the server: kept by this browser. */

const KEY = "keep";
const listeners = new Set<() => void>();

export function isKept(): boolean {
  return localStorage.getItem(KEY) !== "no";
}

export function setKept(keep: boolean): void {
  if (keep) {
    localStorage.removeItem(KEY);
  } else {
    localStorage.setItem(KEY, "no");
  }
  for (const listener of listeners) {
    listener();
  }
}

export function onKeptChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
