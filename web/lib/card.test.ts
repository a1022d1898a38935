import { describe, expect, it } from "vitest";
import type { ModelAnswer } from "./api";
import { flagPrecision, knownFailures, rates, thresholds } from "./card";

function card(documentation: object, limits: Record<string, number> = {}): ModelAnswer {
  return { documentation, thresholds: limits } as ModelAnswer;
}

describe("rates", () => {
  it("reads what the card says", () => {
    const point = { false_alarm_rate: 0.01, detection_rate: 0.6, miss_rate: 0.08 };
    expect(rates(card({ operating_point: { ...point, measured_on: "a set" } }))).toEqual({
      falseAlarms: 0.01,
      detections: 0.6,
      misses: 0.08,
      measuredOn: "a set",
    });
  });

  it.each([
    undefined,
    card({}),
    card({ operating_point: null }),
    card({ operating_point: { false_alarm_rate: "low", miss_rate: 8 } }),
  ])("makes up nothing", (silent) => {
    expect(Object.values(rates(silent))).toEqual([null, null, null, null]);
  });
});

it("has thresholds only in pairs", () => {
  expect(thresholds(card({}, { likely_real: 0.1, likely_fake: 0.9 }))).toEqual({
    real: 0.1,
    fake: 0.9,
  });
  expect(thresholds(card({}, { likely_fake: 0.9 }))).toBeNull();
  expect(thresholds(undefined)).toBeNull();
});

it("lists known failures, if there are any", () => {
  expect(knownFailures(card({ known_failures: ["masks", 3] }))).toEqual(["masks"]);
  expect(knownFailures(card({ known_failures: "masks" }))).toEqual([]);
});

describe("flagPrecision", () => {
  it("is the specification's own example: at one in a thousand, a flag is right 1.6 % of the time", () => {
    expect(flagPrecision(0.946, 0.06, 0.001)).toBeCloseTo(0.016, 3);
  });

  it("is certain where there is nothing genuine, and nothing where nothing is flagged", () => {
    expect(flagPrecision(0.5, 0.1, 1)).toBe(1);
    expect(flagPrecision(0, 0, 0.5)).toBe(0);
  });
});
