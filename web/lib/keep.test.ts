import { afterEach, describe, expect, it, vi } from "vitest";
import { isKept, setKept } from "./keep";

afterEach(() => vi.unstubAllGlobals());

function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
}

function blocked(): never {
  throw new DOMException("denied", "SecurityError");
}

describe("what is kept", () => {
  it.each([
    ["remembers", storage()],
    ["blocks the data of sites", { getItem: blocked, setItem: blocked, removeItem: blocked }],
  ])("is what was chosen, in a browser that %s", (_, localStorage) => {
    vi.stubGlobal("localStorage", localStorage);
    expect(isKept()).toBe(true);
    setKept(false);
    expect(isKept()).toBe(false);
    setKept(true);
    expect(isKept()).toBe(true);
  });
});
