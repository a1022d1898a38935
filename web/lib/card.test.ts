import { describe, expect, it } from "vitest";
import type { ModelAnswer } from "./api";
import {
  bound,
  cardOf,
  flagPrecision,
  knownFailures,
  leftOpen,
  rates,
  sources,
  thresholds,
} from "./card";

function card(documentation: object, limits: Record<string, number> = {}): ModelAnswer {
  return { documentation, thresholds: limits } as ModelAnswer;
}

describe("cardOf", () => {
  it("is the card of the model that gave the finding, or none", () => {
    const loaded = { sha256: "aa" } as ModelAnswer;
    expect(cardOf(loaded, { model: { sha256: "aa" } })).toBe(loaded);
    expect(cardOf(loaded, { model: { sha256: "bb" } })).toBeUndefined();
    expect(cardOf(undefined, { model: { sha256: "aa" } })).toBeUndefined();
  });
});

describe("rates", () => {
  const validation = {
    threshold_at_5_percent_false_alarms: 0.4,
    films: { n_real: 900, n_fake: 800, false_alarms: 0.01, detected: 0.6, missed: 0.05 },
    photos: { n_real: 400, n_fake: 700, false_alarms: 0.002, detected: 0.9, missed: 0.08 },
  };

  it("reads the card source by source, and leaves out what is none", () => {
    expect(sources(card({ validation }))).toEqual([
      { source: "films", nReal: 900, nFake: 800, falseAlarms: 0.01, detections: 0.6, misses: 0.05 },
      {
        source: "photos",
        nReal: 400,
        nFake: 700,
        falseAlarms: 0.002,
        detections: 0.9,
        misses: 0.08,
      },
    ]);
  });

  it("takes the worst of each", () => {
    expect(rates(card({ validation }))).toEqual({
      falseAlarms: { value: 0.01, isLimit: false },
      misses: { value: 0.08, isLimit: false },
    });
  });

  it("reckons with what none among a few leaves open", () => {
    const few = { n_real: 100, n_fake: 100, false_alarms: 0, detected: 1, missed: 0 };
    const { falseAlarms, misses } = rates(card({ validation: { ...validation, few } }));
    expect(falseAlarms).toEqual({ value: leftOpen(100), isLimit: true });
    expect(misses).toEqual({ value: 0.08, isLimit: false });
  });

  it.each([
    undefined,
    card({}),
    card({ validation: null }),
    card({ validation: { films: { false_alarms: "low" } } }),
    card({ validation: { films: { false_alarms: 8 } } }),
  ])("makes up nothing", (silent) => {
    expect(Object.values(rates(silent))).toEqual([null, null]);
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

  it("is certain where there is nothing genuine, and unknown where nothing is flagged", () => {
    expect(flagPrecision(0.5, 0.1, 1)).toBe(1);
    expect(flagPrecision(0, 0, 0.5)).toBeNull();
  });
});

it("takes none among an unknown number for no figure at all", () => {
  expect(bound(0, null)).toBeNull();
  expect(bound(null, 100)).toBeNull();
  expect(bound(0.01, null)).toEqual({ value: 0.01, isLimit: false });
});

it("leaves open what none among a few cannot rule out", () => {
  expect(leftOpen(100)).toBeCloseTo(0.0263, 4);
  expect(leftOpen(10_000)).toBeLessThan(0.0003);
  expect(flagPrecision(0.5, leftOpen(100), 0.1)).toBeLessThan(0.7);
});
