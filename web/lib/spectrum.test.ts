import { describe, expect, it } from "vitest";
import type { ModelAnswer } from "./api";
import { genuineBand, nOutside, paths } from "./spectrum";

function card(genuine_spectrum: unknown): ModelAnswer {
  return { documentation: { genuine_spectrum } } as unknown as ModelAnswer;
}

const told = { n: 900, mean: [5, 2], p5: [4, 1], p95: [6, 3] };
const band = { n: 900, mean: [5, 2], low: [4, 1], high: [6, 3] };

describe("genuineBand", () => {
  it("is what the card says", () => {
    expect(genuineBand(card(told), 2)).toEqual(band);
  });

  it.each([
    undefined,
    card(undefined),
    card(null),
    card({ ...told, p5: undefined }),
    card({ ...told, p95: [6, "3"] }),
    card({ ...told, n: "many" }),
  ])("is nothing where the card says nothing that can be drawn", (silent) => {
    expect(genuineBand(silent, 2)).toBeNull();
  });

  it("is nothing where the card has other bands than the face", () => {
    expect(genuineBand(card(told), 16)).toBeNull();
  });
});

it("counts the bands of a face that lie outside, on either side", () => {
  expect(nOutside([5, 2], band)).toBe(0);
  expect(nOutside([3.9, 3.1], band)).toBe(2);
  expect(nOutside([4, 3], band)).toBe(0); // the edge is inside
});

describe("paths", () => {
  it("runs from coarse to fine, strong at the top", () => {
    expect(paths([8, 2], null)).toEqual({
      top: 8,
      profile: "M25 0L75 75",
      mean: null,
      band: null,
    });
  });

  it("closes the band, on the scale of whatever is strongest", () => {
    expect(paths([4, 2], { ...band, high: [8, 4] })).toEqual({
      top: 8,
      profile: "M25 50L75 75",
      mean: "M25 37.5L75 75",
      band: "M25 0L75 50L75 87.5L25 50Z",
    });
  });

  it("does not divide by the nothing of a flat face", () => {
    expect(paths([0, 0], null).profile).toBe("M25 100L75 100");
  });
});
