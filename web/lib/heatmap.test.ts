import { describe, expect, it } from "vitest";
import { COLOUR_MAPS, type ColourMap, colour, paint, placement, sample } from "./heatmap";

const MAPS = Object.keys(COLOUR_MAPS) as ColourMap[];

describe("colour", () => {
  it.each(MAPS)("%s starts and ends at its outer stops, also beyond them", (map) => {
    const stops = COLOUR_MAPS[map];
    expect(colour(0, map)).toEqual(stops[0]);
    expect(colour(1, map)).toEqual(stops.at(-1));
    expect(colour(-3, map)).toEqual(stops[0]);
    expect(colour(3, map)).toEqual(stops.at(-1));
  });

  it("mixes between two stops", () => {
    expect(colour(1 / 16, "jet")).toEqual([0, 0, 192]);
  });

  it("grows steadily brighter in viridis, which is what makes it readable without hue", () => {
    const luma = Array.from({ length: 33 }, (_, i) => {
      const [red, green, blue] = colour(i / 32, "viridis");
      return 0.299 * red + 0.587 * green + 0.114 * blue;
    });
    expect(luma).toEqual([...luma].sort((a, b) => a - b));
  });
});

describe("sample", () => {
  const grid = [
    [0, 1],
    [0, 1],
  ];

  it("has a cell's value at its centre, and holds it to the edge", () => {
    expect(sample(grid, 0.25, 0.25)).toBe(0);
    expect(sample(grid, 0.75, 0.75)).toBe(1);
    expect(sample(grid, 0, 0)).toBe(0);
    expect(sample(grid, 1, 1)).toBe(1);
  });

  it("is straight between centres, along x only here", () => {
    expect(sample(grid, 0.5, 0.1)).toBeCloseTo(0.5);
    expect(sample(grid, 0.5, 0.9)).toBeCloseTo(0.5);
  });

  it("is nothing on an empty grid", () => {
    expect(sample([], 0.5, 0.5)).toBe(0);
  });
});

describe("paint", () => {
  it("leaves cold pixels clear and paints hot ones fully", () => {
    const pixels = paint([[0, 1]], "jet", 4);
    expect(pixels).toHaveLength(4 * 4 * 4);
    expect(pixels[3]).toBe(0);
    expect([...pixels.slice(12, 16)]).toEqual([128, 0, 0, 255]);
  });
});

describe("placement", () => {
  const apply = (matrix: number[], x: number, y: number) => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = matrix;
    return [a * x + c * y + e, b * x + d * y + f];
  };

  it("lays the unit square on a rotated crop, corner on corner", () => {
    const corners = [
      [10, 20],
      [40, 60],
      [0, 90],
      [-30, 50],
    ];
    const matrix = placement(corners);
    expect(apply(matrix, 0, 0)).toEqual(corners[0]);
    expect(apply(matrix, 1, 0)).toEqual(corners[1]);
    expect(apply(matrix, 1, 1)).toEqual(corners[2]);
    expect(apply(matrix, 0, 1)).toEqual(corners[3]);
  });

  it("refuses what has no corners", () => {
    expect(() => placement([])).toThrow("four corners");
  });
});
