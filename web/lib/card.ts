/** What the page tells of the model, read from its card. What the card does not say is null. */

import type { ModelAnswer } from "./api";

export interface Rates {
  /** Share of genuine faces that are called likely manipulated. */
  falseAlarms: number | null;
  /** Share of manipulated faces that are called likely manipulated. */
  detections: number | null;
  /** Share of manipulated faces that are called likely genuine. */
  misses: number | null;
  measuredOn: string | null;
}

/** Scores from `fake` up are likely manipulated, up to `real` likely genuine. */
export interface Thresholds {
  real: number;
  fake: number;
}

export function thresholds(card: ModelAnswer | undefined): Thresholds | null {
  const { likely_real: real, likely_fake: fake } = card?.thresholds ?? {};
  return real === undefined || fake === undefined ? null : { real, fake };
}

export function rates(card: ModelAnswer | undefined): Rates {
  const point = record(card?.documentation.operating_point);
  return {
    falseAlarms: share(point.false_alarm_rate),
    detections: share(point.detection_rate),
    misses: share(point.miss_rate),
    measuredOn: text(point.measured_on),
  };
}

export function knownFailures(card: ModelAnswer): string[] {
  const failures = card.documentation.known_failures;
  return Array.isArray(failures) ? failures.filter((item) => typeof item === "string") : [];
}

/** How often a flag is right where `prevalence` of all faces are manipulated. */
export function flagPrecision(detections: number, falseAlarms: number, prevalence: number): number {
  const right = detections * prevalence;
  const wrong = falseAlarms * (1 - prevalence);
  return right + wrong === 0 ? 0 : right / (right + wrong);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function share(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= 1 ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
