import { describe, expect, it } from "vitest";
import { excerpt, excerpts, isMeasurement } from "../scripts/results.mjs";
import type { ModelAnswer } from "./api";
import { byModel, type Measurement, pictures, rows } from "./measured";

const estimate = { value: 0.01, low: 0, high: 0.02 };
const rates = {
  false_alarms: estimate,
  caught: { ...estimate, value: 0.6 },
  missed: estimate,
  inconclusive: estimate,
};
const counts = {
  real: { likely_fake: 1, likely_real: 90, inconclusive: 9, not_analysed: 4 },
  fake: { likely_fake: 30, likely_real: 5, inconclusive: 15, not_analysed: 2 },
};
const file = {
  name: "films",
  origin: { created: "2026-11-22T12:48:51+00:00" },
  model: { name: "unmask-xception", version: "1", sha256: "ab" },
  frame: { figures: { auc: estimate }, curves: { roc: [[0, 0]] } },
  verdicts: ["", "films"].map((source) => ({ source, counts, ...rates })),
};
const measured: Measurement = excerpt(file);

describe("excerpt", () => {
  it("keeps what the page tells and nothing more", () => {
    expect(Object.keys(measured)).toEqual([
      "name",
      "model",
      "areVideos",
      "created",
      "auc",
      "verdicts",
    ]);
    expect(measured.auc).toEqual(estimate);
    expect(excerpt({ ...file, frame: null }).auc).toBeNull();
  });

  it("is of measurements only", () => {
    expect(isMeasurement(file)).toBe(true);
    expect(isMeasurement({ name: "ablation", runs: [] })).toBe(false);
    // The same pictures once more, only some of them.
    expect(isMeasurement({ ...file, robustness: { "jpeg-50": {} } })).toBe(false);
    expect(isMeasurement({ ...file, robustness: {}, explanations: {} })).toBe(false);
    expect(isMeasurement({ ...file, settings: { without: "frequency" } })).toBe(false);
    // Faces that training had, if only to make fakes of.
    expect(isMeasurement({ ...file, settings: { split: "blend-source" } })).toBe(false);
    expect(isMeasurement({ ...file, settings: { split: "test" } })).toBe(true);
  });

  it("is there for the results files of the repository", () => {
    const there = excerpts();
    expect(there.length).toBeGreaterThan(0);
    for (const row of rows(there)) {
      expect(row.nReal + row.nFake).toBeGreaterThan(0);
      expect(row.falseAlarms).toHaveProperty("value");
    }
  });
});

it("tells whole videos from the pictures of the same source", () => {
  const videos = excerpt({ ...file, settings: { files: "videos" } });
  expect(rows([measured, videos]).map((row) => row.pictures)).toEqual([
    "films",
    "films, whole videos",
  ]);
});

it("counts what was analysed by source, without the mixture of all", () => {
  expect(rows([measured])).toEqual([
    {
      key: "films films",
      pictures: "films",
      nReal: 100,
      nFake: 50,
      notAnalysed: 6,
      falseAlarms: estimate,
      caught: { ...estimate, value: 0.6 },
      missed: estimate,
      inconclusive: estimate,
    },
  ]);
});

it("never passes the figures of another model for those of this one", () => {
  const card = { sha256: "ab" } as ModelAnswer;
  const other = { ...measured, model: { ...measured.model, sha256: "cd" } };
  expect(byModel([measured, other], card)).toEqual({ ours: [measured], others: [other] });
  expect(byModel([measured], undefined)).toEqual({ ours: [], others: [measured] });
});

it("names a source it does not know as it is named", () => {
  expect(pictures("dfdc")).toContain("DFDC");
  expect(pictures("films")).toBe("films");
  expect(pictures("photo")).toContain("genuine");
});
