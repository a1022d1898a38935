import { describe, expect, it } from "vitest";
import type { FrameFace, JobVideo, Reason } from "./api";
import {
  analysed,
  gaps,
  isSound,
  line,
  type Moment,
  markerAt,
  momentsOf,
  nearest,
  telling,
} from "./timeline";

function face(track: number, p_fake: number | null, reasons: Reason[] = [], left = 0): FrameFace {
  const box: FrameFace["box"] = [left, 0, left + 10, 10];
  return { track, p_fake, box, quality: { reasons } } as unknown as FrameFace;
}

function moment(timeS: number, p_fake: number | null = 0.5, left = 0): Moment {
  return { frame: Math.round(10 * timeS), timeS, face: face(0, p_fake, [], left), crop: undefined };
}

describe("momentsOf", () => {
  it("gives each person its own faces, and the crop of the face by its place in the frame", () => {
    const video = {
      tracks: [{}, {}],
      frames: [
        { index: 3, time_s: 0.1, faces: [face(1, 0.2), face(0, 0.9)] },
        { index: 9, time_s: 0.3, faces: [face(1, null)] },
        { index: 12, time_s: 0.4, faces: [] },
      ],
      files: { thumbnail: "/t.jpg", "frame-3-face-0": "/a.jpg", "frame-3-face-1": "/b.jpg" },
    } as unknown as JobVideo;
    const [first, second] = momentsOf(video);
    expect(first?.map(({ frame, crop }) => [frame, crop])).toEqual([[3, "/b.jpg"]]);
    expect(second?.map(({ frame, crop }) => [frame, crop])).toEqual([
      [3, "/a.jpg"],
      [9, undefined],
    ]);
  });

  it("gives no score to what was hardly a face", () => {
    const video = {
      tracks: [{ reason: "doubtful_face" }, { reason: "few_frames" }],
      frames: [{ index: 3, time_s: 0.1, faces: [face(0, 0.98), face(1, 0.98)] }],
      files: {},
    } as unknown as JobVideo;
    const [pattern, person] = momentsOf(video).map(([first]) => first?.face);
    expect(pattern).toMatchObject({ verdict: "not_analysed", p_fake: null, heatmap: null });
    expect(person?.p_fake).toBe(0.98);
  });

  it("has nothing of a video without people", () => {
    expect(momentsOf({ tracks: [], frames: [], files: {} })).toEqual([]);
  });
});

describe("analysed and gaps", () => {
  it.each([
    [[], 10, [], [[0, 10]]],
    [[5], 10, [[4.5, 5.5]], [[0, 4.5], [5.5, 10]]], // biome-ignore format: one case, one line
    [[0.2, 9.9], 10, [[0, 0.7], [9.4, 10]], [[0.7, 9.4]]], // biome-ignore format: same
    [[3, 1, 2], 4, [[0.5, 3.5]], [[0, 0.5], [3.5, 4]]], // biome-ignore format: same
    [[0.1], 0.2, [[0, 0.2]], []],
    [[], 0, [], []],
  ])("frames at %j of %d s", (timesS, durationS, covered, uncovered) => {
    const spans = analysed(timesS, durationS);
    expect(spans.map(({ startS, endS }) => [startS, endS])).toEqual(covered);
    expect(gaps(spans, durationS).map(({ startS, endS }) => [startS, endS])).toEqual(uncovered);
  });
});

describe("nearest and telling", () => {
  const moments = [moment(0, 0.2), moment(1, 0.9), moment(2, null), moment(3, 0.4)];

  it("finds the moment closest in time, the earlier of two", () => {
    expect(nearest(moments, 1.4)).toBe(moments[1]);
    expect(nearest(moments, 99)).toBe(moments[3]);
    expect(nearest(moments, 0.5)).toBe(moments[0]);
    expect(nearest([], 1)).toBeUndefined();
  });

  it("tells by the highest score, and never by a face without one if another has one", () => {
    expect(telling(moments)).toBe(moments[1]);
    expect(telling([moment(0, null), moment(1, 0.01)])?.timeS).toBe(1);
    expect(telling([moment(0, null), moment(1, null)])?.timeS).toBe(0);
    expect(telling([])).toBeUndefined();
  });

  it("tells by what counts, as the verdict does, where anything does", () => {
    const blurred = { ...moment(5), face: face(0, 0.99, ["blurred"]) };
    expect(telling([blurred, ...moments])).toBe(moments[1]);
    expect(telling([moment(0, null), blurred])).toBe(blurred);
  });
});

describe("markerAt", () => {
  const moments = [moment(1, 0.5, 0), moment(2, 0.5, 100), moment(9, 0.5, 300)];

  it("is the box itself at the moment it was seen", () => {
    expect(markerAt(moments, 2)).toEqual({ box: [100, 0, 110, 10], moment: moments[1] });
  });

  it("moves on the straight line between two frames that are close", () => {
    expect(markerAt(moments, 1.25)?.box[0]).toBeCloseTo(25);
    expect(markerAt(moments, 1.25)?.moment).toBe(moments[0]);
  });

  it("has no score further from a frame than the frame speaks for", () => {
    const apart = [moment(1, 0.5, 0), moment(3, 0.5, 100)];
    expect(markerAt(apart, 2)).toEqual({ box: [50, 0, 60, 10], moment: null });
  });

  it("is not drawn where nobody looked", () => {
    expect(markerAt(moments, 0.4)).toBeNull();
    expect(markerAt(moments, 5)).toBeNull();
    expect(markerAt(moments, 9.6)).toBeNull();
    expect(markerAt(moments, 9.4)?.box[0]).toBe(300);
    expect(markerAt([], 1)).toBeNull();
  });
});

describe("line", () => {
  it("is solid where frames touch and a joint where nobody looked between them", () => {
    const moments = [moment(0), moment(1), moment(2.5), moment(3)];
    const { solid, joints } = line(moments);
    expect(solid.map((points) => points.map(({ timeS }) => timeS))).toEqual([
      [0, 1],
      [2.5, 3],
    ]);
    expect(joints.map((points) => points.map(({ timeS }) => timeS))).toEqual([[1, 2.5]]);
  });

  it("leaves out what has no score or does not count", () => {
    const doubtful = { ...moment(0.5), face: face(0, 0.99, ["blurred"]) };
    expect(isSound(doubtful)).toBe(false);
    const { solid } = line([moment(0), doubtful, moment(0.7, null), moment(1)]);
    expect(solid.flat().map(({ timeS }) => timeS)).toEqual([0, 1]);
    expect(line([doubtful])).toEqual({ solid: [], joints: [] });
  });
});
