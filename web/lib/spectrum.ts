/** The radial profile of a face's spectrum, as a plot. */

import type { ModelAnswer } from "./api";

/** Where genuine faces of the calibration set lie, band by band: most of them between `low` (the
 * 5th percentile) and `high` (the 95th). */
export interface GenuineBand {
  n: number;
  mean: number[];
  low: number[];
  high: number[];
}

/** What the card says of genuine faces; null where it says nothing, or has other bands. */
export function genuineBand(card: ModelAnswer | undefined, nBands: number): GenuineBand | null {
  const told = (card?.documentation.genuine_spectrum ?? {}) as Record<string, unknown>;
  const [mean, low, high] = [told.mean, told.p5, told.p95].map((row) => numbers(row, nBands));
  return mean && low && high && typeof told.n === "number" ? { n: told.n, mean, low, high } : null;
}

/** How many bands of a profile lie outside of where most genuine faces do. */
export function nOutside(profile: readonly number[], band: GenuineBand): number {
  return profile.filter((power, i) => power < at(band.low, i) || power > at(band.high, i)).length;
}

/** SVG paths in a box of 100 x 100, strong at its top; `top` is the log power there. */
export function paths(profile: readonly number[], band: GenuineBand | null) {
  const top = Math.max(1, Math.ceil(Math.max(...profile, ...(band?.high ?? []))));
  const point = (power: number, i: number) => {
    const [x, y] = [(100 * (i + 0.5)) / profile.length, 100 - (100 * power) / top];
    return `${Number(x.toFixed(2))} ${Number(y.toFixed(2))}`;
  };
  const line = (values: readonly number[]) => `M${values.map(point).join("L")}`;
  return {
    top,
    profile: line(profile),
    mean: band && line(band.mean),
    band: band && `${line(band.high)}L${band.low.map(point).reverse().join("L")}Z`,
  };
}

function numbers(row: unknown, length: number): number[] | null {
  const isRow =
    Array.isArray(row) && row.length === length && row.every((value) => Number.isFinite(value));
  return isRow ? (row as number[]) : null;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.NaN;
}
