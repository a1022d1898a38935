/** Whether findings on photos may go into the history of the server: kept by this browser. */

import { store, stored } from "./stored";

const KEY = "keep";
const listeners = new Set<() => void>();
/** What was chosen on this visit. */
let chosen: "no" | null = null;

export function isKept(): boolean {
  return (stored(KEY) ?? chosen) !== "no";
}

export function setKept(keep: boolean): void {
  chosen = keep ? null : "no";
  store(KEY, chosen);
  for (const listener of listeners) {
    listener();
  }
}

/** Be told of every choice, also one that is made in another tab. */
export function onKeptChange(listener: () => void): () => void {
  const hear = () => {
    chosen = null; // what is stored is newer
    listener();
  };
  listeners.add(listener);
  window.addEventListener("storage", hear);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", hear);
  };
}
