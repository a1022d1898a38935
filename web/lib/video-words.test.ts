import { describe, expect, it } from "vitest";
import type { JobSummary, JobVideo, TrackAnswer } from "./api";
import { coverage, finding, ofOneFrame, outcomeOf, videoAdvice } from "./video-words";

function track(values: Partial<TrackAnswer>): TrackAnswer {
  return {
    verdict: "likely_real",
    reason: null,
    p_fake: 0.1,
    n_scored: 12,
    intervals: [],
    ...values,
  } as TrackAnswer;
}

function video(values: Partial<JobVideo>): JobVideo {
  return {
    verdict: "likely_real",
    reason: null,
    headline_track: 0,
    tracks: [],
    ...values,
  } as JobVideo;
}

describe("finding", () => {
  it("names who looks manipulated, and when", () => {
    const intervals = [
      { start_s: 2, end_s: 4.5, p_fake: 0.9 },
      { start_s: 61, end_s: 62, p_fake: 0.8 },
    ];
    const tracks = [track({}), track({ verdict: "likely_fake", intervals })];
    const text = finding(video({ verdict: "likely_fake", headline_track: 1, tracks }));
    expect(text).toContain("Person 2 looks manipulated from 0:02.0 to 0:04.5, from 1:01.0 to");
    expect(text).toContain("12 frames");
  });

  it("counts stretches beyond the third", () => {
    const intervals = [1, 3, 5, 7, 9].map((at) => ({ start_s: at, end_s: at + 1, p_fake: 0.9 }));
    const tracks = [track({ verdict: "likely_fake", intervals })];
    expect(finding(video({ verdict: "likely_fake", tracks }))).toContain("and 2 more stretches.");
  });

  it("says of a video without faces that there were none, and nothing of a score", () => {
    const text = finding(
      video({ verdict: "not_analysed", reason: "no_face", headline_track: null }),
    );
    expect(text).toContain("No face was found in any frame");
  });

  it("claims nothing of those who could not be judged", () => {
    const tracks = [
      track({}),
      track({ verdict: "not_analysed", reason: "face_too_small", p_fake: null }),
    ];
    const text = finding(video({ reason: "some_faces_not_analysed", tracks }));
    expect(text).toContain("the evidence against person 1 stays below");
    expect(text).toContain("Some people could not be judged");
  });

  it("calls strongest only who is", () => {
    const brief = (p_fake: number) => track({ reason: "few_frames", p_fake });
    const against = (...tracks: TrackAnswer[]) => finding(video({ tracks }));
    expect(against(track({}), brief(0.1))).toContain("person 1, the strongest, stays below");
    expect(against(track({}), brief(0.2))).toContain("against person 1 stays below");
    // Nobody decided but who was seen too little, and another was not judged at all.
    expect(against(brief(0.1), track({ p_fake: null }))).toContain("against person 1 stays below");
  });

  it("says where somebody was seen too little to be flagged", () => {
    const tracks = [track({ reason: "few_frames", n_scored: 1 })];
    const text = finding(video({ reason: "few_frames", tracks }));
    expect(text).toContain("over 1 frame, the evidence against the person");
    expect(text).toContain("Too few frames");
  });

  it("says of how little it speaks", () => {
    const tracks = [track({})];
    expect(finding(video({ reason: "timed_out", tracks }))).toContain("genuine. Most of the video");
  });

  it("gives the reason of who is unclear", () => {
    const tracks = [track({ verdict: "inconclusive", reason: "few_frames" })];
    expect(finding(video({ verdict: "inconclusive", tracks }))).toContain("Too few frames");
  });
});

describe("ofOneFrame", () => {
  it("lets no flagged frame flag a person whom all of them leave open", () => {
    const frame = { verdict: "likely_fake", p_fake: 0.988 } as const;
    expect(ofOneFrame(frame, "inconclusive")).toContain("the finding is: inconclusive");
    expect(ofOneFrame(frame, "likely_fake")).toBe("");
  });

  it("says nothing of a frame without a score", () => {
    expect(ofOneFrame({ verdict: "not_analysed", p_fake: null }, "inconclusive")).toBe("");
  });
});

describe("coverage", () => {
  const FOUND = {
    duration_s: 60,
    analysed_share: 0.497,
    sampled: 30,
    decoded: 30,
    with_face: 28,
    scored: 27,
    rejected: { no_face: 1, doubtful_face: 1, blurred: 1, face_too_small: 0 },
  };

  it("says how much was looked at and what was left out", () => {
    const text = coverage({ coverage: FOUND });
    expect(text).toContain("30 frames of 1:00.0 looked at, 27 of them scored");
    expect(text).toContain(
      "(1 without a face, 1 with nothing that is surely a face, 1 too blurred)",
    );
    expect(text).toMatch(/50.%/u);
    expect(coverage({ coverage: null })).toBe("");
  });

  it("tells of no share of the time where no frame was scored", () => {
    const found = { ...FOUND, analysed_share: 0, scored: 0, rejected: { no_face: 30 } };
    expect(coverage({ coverage: found })).toBe(
      "30 frames of 1:00.0 looked at, none scored (30 without a face).",
    );
  });
});

describe("outcomeOf", () => {
  const job = (state: JobSummary["state"], verdicts: JobSummary["verdicts"] = {}) =>
    outcomeOf({ state, verdicts });

  it("is the worst verdict of a job that has ended well", () => {
    expect(job("finished", { likely_real: 3, inconclusive: 1 })).toBe("inconclusive");
    expect(job("finished", { likely_real: 3, likely_fake: 1 })).toBe("likely_fake");
    expect(job("finished")).toBe("not_analysed");
  });

  it("is the state of any other, whatever was found so far", () => {
    expect(job("running", { likely_fake: 1 })).toBe("going_on");
    expect(job("queued")).toBe("going_on");
    expect(job("failed", { likely_real: 1 })).toBe("failed");
    expect(job("cancelled")).toBe("cancelled");
  });
});

describe("videoAdvice", () => {
  it("speaks of videos where it can, and always says something", () => {
    expect(videoAdvice("too_large").title).toContain("video");
    expect(videoAdvice("busy").title).toContain("busy");
    expect(videoAdvice("never heard of").todo).not.toBe("");
  });
});
