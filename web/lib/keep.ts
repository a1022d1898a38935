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

export function onKeptChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
