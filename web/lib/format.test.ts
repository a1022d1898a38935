import { describe, expect, it } from "vitest";
import {
  bytes,
  clock,
  count,
  digitsApart,
  percent,
  perThousand,
  pixels,
  rate,
  seconds,
  signed,
} from "./format";

const SPACE = "\u202f";

describe("percent", () => {
  it.each([
    [0.5, "50.0"],
    [0.9731, "97.3"],
    [0, "0.1"],
    [0.00001, "0.1"],
    [0.99999, "99.9"],
    [1, "99.9"],
  ])("prints %d as %s: nothing reads certain", (fraction, expected) => {
    expect(percent(fraction)).toBe(`${expected}${SPACE}%`);
  });
});

describe("rate", () => {
  it.each([
    [0.87, "87"],
    [0.9876, "99"],
    [0.9962, "99.6"],
    [0.99999, "99.9"],
    [0.0098, "0.98"],
    [0, "0"],
    [1, "100"],
  ])("prints %d as %s", (fraction, expected) => {
    expect(rate(fraction)).toBe(`${expected}${SPACE}%`);
  });
});

describe("perThousand", () => {
  it.each([
    [0, "fewer than 1"],
    [0.0004, "fewer than 1"],
    [0.0005, "about 1"],
    [0.0098, "about 10"],
    [1, "about 1000"],
  ])("tells %d as %s", (fraction, expected) => {
    expect(perThousand(fraction)).toBe(expected);
  });

  it("tells a limit as such", () => {
    expect(perThousand(0.0263, true)).toBe("up to 26");
    expect(perThousand(0.0003, true)).toBe("fewer than 1");
  });
});

describe("digitsApart", () => {
  it.each([
    [63.7, 64, pixels, `63.7${SPACE}px`, `64.0${SPACE}px`],
    [0.954, 0.95, rate, `95.4${SPACE}%`, `95${SPACE}%`],
    [0.98041, 0.98044, percent, `98.041${SPACE}%`, `98.044${SPACE}%`],
    [0.99991, 0.99999, percent, `99.991${SPACE}%`, `99.999${SPACE}%`],
    [120, 64, pixels, `120${SPACE}px`, `64${SPACE}px`],
    [64, 64, pixels, `64${SPACE}px`, `64${SPACE}px`],
  ])("tells %d from %d", (value, limit, print, asValue, asLimit) => {
    const more = digitsApart(value, limit, print);
    expect([print(value, more), print(limit, more)]).toEqual([asValue, asLimit]);
  });
});

describe("bytes", () => {
  it.each([
    [0, "0", "bytes"],
    [1023, "1023", "bytes"],
    [1024, "1", "kB"],
    [1536, "1.5", "kB"],
    [50 * 1024 * 1024, "50", "MB"],
    [300 * 1024 * 1024, "300", "MB"],
    [5 * 1024 ** 4, "5120", "GB"],
  ])("prints %d as %s %s", (n, value, unit) => {
    expect(bytes(n)).toBe(`${value}${SPACE}${unit}`);
  });
});

it("prints seconds, signs and counts", () => {
  expect(seconds(0.1234)).toBe(`0.12${SPACE}s`);
  expect(seconds(12.6)).toBe(`13${SPACE}s`);
  expect(signed(-1.234)).toBe("\u22121.23");
  expect(signed(0)).toBe("+0.00");
  expect(count(1, "face")).toBe("1 face");
  expect(count(0, "face")).toBe("0 faces");
});

describe("clock", () => {
  it.each([
    [0, "0:00.0"],
    [7.46, "0:07.5"],
    [59.97, "1:00.0"],
    [723, "12:03.0"],
    [3600, "1:00:00.0"],
    [-0.01, "0:00.0"],
  ])("prints %d s as %s", (timeS, expected) => {
    expect(clock(timeS)).toBe(expected);
  });
});
