import { describe, expect, it } from "vitest";
import type { Exhibit, Progress } from "./queue";
import { type Column, clicked, type Order, page, sorted } from "./tray";

function exhibit(name: string, size: number, progress: Progress): Exhibit {
  return { id: size, file: new File(["x".repeat(size)], name), progress };
}

function done(verdict: string, p_fake: number | null, nFaces: number): Progress {
  const answer = { verdict, p_fake, faces: Array.from({ length: nFaces }) };
  return { step: "done", answer } as unknown as Progress;
}

const exhibits = [
  exhibit("10.jpg", 3, done("likely_real", 0.1, 1)),
  exhibit("9.jpg", 5, done("likely_fake", 0.9, 2)),
  exhibit("b.jpg", 4, { step: "failed", code: "undecodable", detail: "" }),
  exhibit("a.jpg", 1, { step: "waiting" }),
  exhibit("c.jpg", 2, done("not_analysed", null, 0)),
];

function names(order: Order | null): string {
  return sorted(exhibits, order)
    .map(({ file }) => file.name.replace(".jpg", ""))
    .join(" ");
}

describe("sorted", () => {
  it("is the order of the files until a column is asked for", () => {
    expect(names(null)).toBe("10 9 b a c");
  });

  it.each<[Column, string, string]>([
    ["name", "9 10 a b c", "c b a 10 9"],
    ["finding", "9 10 c b a", "b c 10 9 a"],
    ["probability", "10 9 b a c", "9 10 b a c"],
    ["faces", "c 10 9 b a", "9 10 c b a"],
    ["size", "a c 10 b 9", "9 b 10 c a"],
  ])("goes by %s both ways, with what has no value last", (column, up, down) => {
    expect(names({ column, descending: false })).toBe(up);
    expect(names({ column, descending: true })).toBe(down);
  });
});

describe("clicked", () => {
  it("starts where a person looks first, and turns round", () => {
    expect(clicked(null, "finding")).toEqual({ column: "finding", descending: false });
    expect(clicked(null, "probability")).toEqual({ column: "probability", descending: true });
    const once = clicked(null, "name");
    expect(clicked(once, "name")).toEqual({ column: "name", descending: true });
    expect(clicked(once, "size")).toEqual({ column: "size", descending: true });
  });
});

describe("page", () => {
  it("cuts the list, the last part as long as it is", () => {
    expect(page([1, 2, 3, 4, 5], 1, 2)).toEqual({ number: 1, last: 2, first: 2, shown: [3, 4] });
    expect(page([1, 2, 3, 4, 5], 2, 2).shown).toEqual([5]);
  });

  it("is the last one there is, when a filter leaves fewer", () => {
    expect(page([1, 2], 7, 2)).toEqual({ number: 0, last: 0, first: 0, shown: [1, 2] });
    expect(page([], 3, 2)).toEqual({ number: 0, last: 0, first: 0, shown: [] });
  });
});
