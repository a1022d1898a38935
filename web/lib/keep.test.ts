import { afterEach, describe, expect, it, vi } from "vitest";
import { isKept, onKeptChange, setKept } from "./keep";

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

  it("is what was chosen last, be it in another tab", () => {
    const [localStorage, window] = [storage(), new EventTarget()];
    vi.stubGlobal("localStorage", localStorage);
    vi.stubGlobal("window", window);
    const listener = vi.fn();
    const leave = onKeptChange(listener);
    setKept(false);
    localStorage.removeItem("keep");
    window.dispatchEvent(new Event("storage"));
    expect(listener).toHaveBeenCalledTimes(2);
    expect(isKept()).toBe(true);
    leave();
    window.dispatchEvent(new Event("storage"));
    expect(listener).toHaveBeenCalledTimes(2);
  });
});
