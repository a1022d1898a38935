/** What the page tells of the model, read from its card. What the card does not say is null. */

import type { ModelAnswer } from "./api";

/** A share of faces: as counted, or where none was counted the most that this leaves open. */
export interface Bound {
  value: number;
  isLimit: boolean;
}

export interface Rates {
  /** Share of genuine faces that are called likely manipulated. */
  falseAlarms: Bound | null;
  /** Share of manipulated faces that are called likely genuine. */
  misses: Bound | null;
}

/** The rates on one source of validation pictures, and on how many they were counted. */
export interface SourceRates {
  source: string;
  /** Share of genuine faces that are called likely manipulated. */
  falseAlarms: number | null;
  /** Share of manipulated faces that are called likely genuine. */
  misses: number | null;
  /** Share of manipulated faces that are called likely manipulated. */
  detections: number | null;
  nReal: number | null;
  nFake: number | null;
}

/** Scores from `fake` up are likely manipulated, up to `real` likely genuine. */
export interface Thresholds {
  real: number;
  fake: number;
}

/** The card that a finding may be explained with: of the model that gave it, not of another one
 * that the server has loaded since. */
export function cardOf(
  card: ModelAnswer | undefined,
  { model }: { model: { sha256: string } },
): ModelAnswer | undefined {
  return card?.sha256 === model.sha256 ? card : undefined;
}

export function thresholds(card: ModelAnswer | undefined): Thresholds | null {
  const { likely_real: real, likely_fake: fake } = card?.thresholds ?? {};
  return real === undefined || fake === undefined ? null : { real, fake };
}

/** The rates on each source of pictures that the thresholds were set on. */
export function sources(card: ModelAnswer | undefined): SourceRates[] {
  return Object.entries(record(card?.documentation.validation)).flatMap(([source, value]) => {
    const counted = record(value);
    const falseAlarms = share(counted.false_alarms);
    return falseAlarms === null
      ? []
      : {
          source,
          falseAlarms,
          detections: share(counted.detected),
          misses: share(counted.missed),
          nReal: number(counted.n_real),
          nFake: number(counted.n_fake),
        };
  });
}

/** The worst of each rate over the sources: nobody's photos are all of the kindest one. */
export function rates(card: ModelAnswer | undefined): Rates {
  const known = sources(card);
  return {
    falseAlarms: worst(known.map(({ falseAlarms, nReal }) => bound(falseAlarms, nReal))),
    misses: worst(known.map(({ misses, nFake }) => bound(misses, nFake))),
  };
}

/** A share counted among `n`: among few, none is no promise that there are none, and among nobody
 * knows how many it tells nothing. */
export function bound(counted: number | null, n: number | null): Bound | null {
  if (counted !== 0) {
    return counted === null ? null : { value: counted, isLimit: false };
  }
  return n === null ? null : { value: leftOpen(n), isLimit: true };
}

function worst(bounds: (Bound | null)[]): Bound | null {
  return bounds.reduce(
    (most, next) => ((next?.value ?? -1) > (most?.value ?? -1) ? next : most),
    null,
  );
}

export function knownFailures(card: ModelAnswer | undefined): string[] {
  const failures = card?.documentation.known_failures;
  return Array.isArray(failures) ? failures.filter((item) => typeof item === "string") : [];
}

/** How often a flag is right where `prevalence` of all faces are manipulated; null if none falls. */
export function flagPrecision(
  detections: number,
  falseAlarms: number,
  prevalence: number,
): number | null {
  const right = detections * prevalence;
  const wrong = falseAlarms * (1 - prevalence);
  return right + wrong === 0 ? null : right / (right + wrong);
}

/** The rate that none among `n` faces leaves open: the upper 95 % limit
 * (Wilson 1927). None seen is not none. */
export function leftOpen(n: number): number {
  return 1.6449 ** 2 / (n + 1.6449 ** 2);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function share(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= 1 ? value : null;
}
