import type { Measurement } from "../lib/measured";

export function excerpt(file: object): Measurement;
export function isMeasurement(file: object): boolean;
export function excerpts(): Measurement[];
