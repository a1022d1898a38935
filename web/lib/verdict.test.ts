import { describe, expect, it } from "vitest";
import type { HeatmapAnswer, ImageAnswer, Verdict } from "./api";
import {
  jobSummaryReasonAnyOf0Values,
  problemCodeValues,
  reasonValues,
  verdictValues,
} from "./api-types";
import type { Rates } from "./card";
import { advice, basis, heatNote, meaning, REASONS, VERDICT_ORDER, VERDICTS } from "./verdict";

const KNOWN: Rates = {
  falseAlarms: { value: 0.01, isLimit: false },
  misses: { value: 0.08, isLimit: false },
};
const UNKNOWN: Rates = { falseAlarms: null, misses: null };

describe("meaning", () => {
  it("tells a flag by its false alarms and a pass by its misses", () => {
    expect(meaning({ verdict: "likely_fake", reason: null }, KNOWN)).toContain("about 10 would");
    expect(meaning({ verdict: "likely_real", reason: null }, KNOWN)).toContain("about 80 would");
  });

  it("promises no more than was counted", () => {
    const few: Rates = { ...KNOWN, falseAlarms: { value: 0.0263, isLimit: true } };
    expect(meaning({ verdict: "likely_fake", reason: null }, few)).toContain("up to 26 would");
  });

  it.each(["likely_fake", "likely_real"] as const)(
    "gives %s no figure without a card",
    (verdict) => {
      expect(meaning({ verdict, reason: null }, UNKNOWN)).not.toMatch(/\d/);
    },
  );

  it("gives the reason where no side is taken", () => {
    expect(meaning({ verdict: "inconclusive", reason: "blurred" }, KNOWN)).toBe(REASONS.blurred);
    expect(meaning({ verdict: "not_analysed", reason: "face_too_small" }, KNOWN)).toBe(
      REASONS.face_too_small,
    );
  });
});

describe("heatNote", () => {
  const map = { empty: false } as HeatmapAnswer;

  it.each([
    ["not scored", null, null],
    ["asked for", 0.97, null],
    ["empty", 0.97, { ...map, empty: true }],
    ["where it looked", 0.97, map],
  ])("says what is %s", (words, p_fake, heatmap) => {
    expect(heatNote({ p_fake, heatmap })).toContain(words);
  });
});

describe("basis", () => {
  const answer = (verdict: Verdict, nFaces: number, headline_face: number | null) =>
    ({ verdict, headline_face, faces: Array(nFaces).fill({}) }) as unknown as ImageAnswer;

  it("names the face that decided, counted from one", () => {
    expect(basis(answer("likely_fake", 3, 1))).toContain("face 2 of 3 decided");
    expect(basis(answer("likely_fake", 3, 1))).toContain("by mistake");
    expect(basis(answer("inconclusive", 2, 0))).toContain("face 1 of 2 decided");
    expect(basis(answer("likely_real", 2, 1))).toContain("face 2 of 2 came closest");
  });

  it("says nothing where one face is all, or none was scored", () => {
    expect(basis(answer("likely_fake", 1, 0))).toBe("");
    expect(basis(answer("not_analysed", 4, null))).toBe("");
  });
});

it.each(reasonValues)("has words for %s", (reason) => {
  expect(REASONS[reason]).toMatch(/\w/);
});

it("has words for every verdict, each once", () => {
  expect(Object.keys(VERDICTS).sort()).toEqual([...verdictValues].sort());
  expect([...VERDICT_ORDER].sort()).toEqual(Object.keys(VERDICTS).sort());
});

describe("advice", () => {
  const reasons = jobSummaryReasonAnyOf0Values.filter((reason) => reason !== null);
  it.each([...problemCodeValues, ...reasons])("knows %s", (code) => {
    expect(advice(code)).not.toEqual(advice("a code of tomorrow"));
  });

  it("says what to do, whatever the code", () => {
    for (const code of ["too_large", "unreachable", "a code of tomorrow", "constructor"]) {
      expect(advice(code).title).toMatch(/\w/);
      expect(advice(code).todo).toMatch(/\w/);
    }
  });

  it("offers another try only where it may help", () => {
    expect(advice("busy").again).toBe(true);
    expect(advice("undecodable").again).toBeFalsy();
  });
});
