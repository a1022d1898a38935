/** The heat map of a face as pixels, and where they go on the photo. */

export type ColourMap = "jet" | "viridis";
type Colour = readonly [number, number, number];

/** Evenly spaced stops. Jet is the field's habit; viridis reads the same to colour-blind eyes. */
export const COLOUR_MAPS: Record<ColourMap, readonly Colour[]> = {
  jet: [
    [0, 0, 128],
    [0, 0, 255],
    [0, 128, 255],
    [0, 255, 255],
    [128, 255, 128],
    [255, 255, 0],
    [255, 128, 0],
    [255, 0, 0],
    [128, 0, 0],
  ],
  viridis: [
    [68, 1, 84],
    [71, 45, 123],
    [59, 82, 139],
    [44, 114, 142],
    [33, 145, 140],
    [40, 174, 128],
    [94, 201, 98],
    [173, 220, 48],
    [253, 231, 37],
  ],
};

/** From this value on a pixel is fully opaque; below it fades, so that cold skin stays visible. */
const OPAQUE_FROM = 0.4;

export function colour(value: number, map: ColourMap): Colour {
  const stops = COLOUR_MAPS[map];
  const position = clamp(value, 0, 1) * (stops.length - 1);
  const index = Math.min(Math.floor(position), stops.length - 2);
  const [from, to] = [stops[index] as Colour, stops[index + 1] as Colour];
  const mix = (channel: 0 | 1 | 2) =>
    Math.round(from[channel] + (to[channel] - from[channel]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

/** The grid at a point of the unit square, bilinear between the centres of its cells. */
export function sample(grid: readonly (readonly number[])[], x: number, y: number): number {
  const rows = grid.length;
  const columns = grid[0]?.length ?? 0;
  const column = clamp(x * columns - 0.5, 0, columns - 1);
  const row = clamp(y * rows - 0.5, 0, rows - 1);
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const at = (r: number, c: number) => grid[Math.min(r, rows - 1)]?.[Math.min(c, columns - 1)] ?? 0;
  const upper = at(top, left) + (at(top, left + 1) - at(top, left)) * (column - left);
  const lower = at(top + 1, left) + (at(top + 1, left + 1) - at(top + 1, left)) * (column - left);
  return upper + (lower - upper) * (row - top);
}

/** `size` x `size` RGBA pixels of the grid. Values, not colours, are interpolated. */
export function paint(
  grid: readonly (readonly number[])[],
  map: ColourMap,
  size: number,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const value = sample(grid, (column + 0.5) / size, (row + 0.5) / size);
      const opacity = Math.round(255 * clamp(value / OPAQUE_FROM, 0, 1));
      pixels.set([...colour(value, map), opacity], 4 * (row * size + column));
    }
  }
  return pixels;
}

/** The canvas matrix `[a, b, c, d, e, f]` that lays the unit square on a crop's corners (top left,
 * top right, bottom right, bottom left). A crop is a rotated square, so three corners tell all. */
export function placement(
  corners: readonly (readonly number[])[],
): [number, number, number, number, number, number] {
  const [topLeft, topRight, , bottomLeft] = corners as [number, number][];
  if (!topLeft || !topRight || !bottomLeft) {
    throw new Error("a heat map has four corners");
  }
  return [
    topRight[0] - topLeft[0],
    topRight[1] - topLeft[1],
    bottomLeft[0] - topLeft[0],
    bottomLeft[1] - topLeft[1],
    topLeft[0],
    topLeft[1],
  ];
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
