/** What is known of a video, laid out in time. */

import type { FrameFace, JobVideo } from "./api";

/** A frame speaks for so many seconds before and after it, as the server counts coverage. */
export const REACH_S = 0.5;

/** Between two frames of a person this far apart, the box is drawn where it must have been. */
const BRIDGE_S = 2;

export interface Span {
  startS: number;
  endS: number;
}

/** A person in one frame that was looked at. */
export interface Moment {
  /** Which frame, as the server numbers them. */
  frame: number;
  timeS: number;
  face: FrameFace;
  /** The path of the face, cut out; pictures are kept for a while only. */
  crop: string | undefined;
}

const UNSCORED = {
  verdict: "not_analysed",
  reason: "doubtful_face",
  p_fake: null,
  heatmap: null,
} as const;

/** The moments of each person, in order of time. What was found too unsurely to be called a face is
 * nobody who was scored, whatever its frames say. */
export function momentsOf(video: Pick<JobVideo, "tracks" | "frames" | "files">): Moment[][] {
  const people: Moment[][] = video.tracks.map(() => []);
  for (const { index, time_s: timeS, faces } of video.frames) {
    faces.forEach((told, number) => {
      const isDoubtful = video.tracks[told.track]?.reason === "doubtful_face";
      const face = isDoubtful ? { ...told, ...UNSCORED } : told;
      const crop = video.files[`frame-${index}-face-${number}`];
      people[face.track]?.push({ frame: index, timeS, face, crop });
    });
  }
  return people;
}

/** Whether a face was scored and is like those the thresholds were set on: those count. */
export function isSound({ face }: Moment): boolean {
  return face.p_fake !== null && face.quality.reasons.length === 0;
}

/** The stretches of a video that frames at these times speak for. */
export function analysed(timesS: readonly number[], durationS: number): Span[] {
  const spans: Span[] = [];
  for (const timeS of [...timesS].sort((a, b) => a - b)) {
    const last = spans.at(-1);
    const endS = Math.min(timeS + REACH_S, durationS);
    if (last && timeS - REACH_S <= last.endS) {
      last.endS = endS;
    } else {
      spans.push({ startS: Math.max(0, timeS - REACH_S), endS });
    }
  }
  return spans;
}

/** What lies between these stretches, and before and after them. */
export function gaps(spans: readonly Span[], durationS: number): Span[] {
  const borders = [0, ...spans.flatMap(({ startS, endS }) => [startS, endS]), durationS];
  const found: Span[] = [];
  for (let index = 0; index < borders.length; index += 2) {
    const [startS, endS] = [borders[index] as number, borders[index + 1] as number];
    if (endS > startS) {
      found.push({ startS, endS });
    }
  }
  return found;
}

/** The moment closest to a time. */
export function nearest(moments: readonly Moment[], timeS: number): Moment | undefined {
  return moments.reduce<Moment | undefined>(
    (best, moment) =>
      best && Math.abs(best.timeS - timeS) <= Math.abs(moment.timeS - timeS) ? best : moment,
    undefined,
  );
}

/** The moment that says most: the likeliest fake of those that count, or else of all that were scored,
 * or else the first. */
export function telling(moments: readonly Moment[]): Moment | undefined {
  const sound = moments.filter(isSound);
  return (sound.length > 0 ? sound : moments).reduce<Moment | undefined>(
    (best, moment) =>
      best && (best.face.p_fake ?? -1) >= (moment.face.p_fake ?? -1) ? best : moment,
    undefined,
  );
}

export interface Marker {
  box: readonly [number, number, number, number];
  /** The frame that was looked at, where one is near enough to speak for this time. */
  moment: Moment | null;
}

/** Where a person is at a time; null where nobody looked. Between two frames that were looked at
 * the box is drawn on the straight line. */
export function markerAt(moments: readonly Moment[], timeS: number): Marker | null {
  const after = moments.find((moment) => moment.timeS >= timeS);
  const before = moments.findLast((moment) => moment.timeS <= timeS);
  const near = nearest(moments, timeS);
  const moment = near && Math.abs(near.timeS - timeS) <= REACH_S ? near : null;
  if (before && after && after.timeS - before.timeS <= BRIDGE_S) {
    const length = after.timeS - before.timeS;
    const share = length === 0 ? 0 : (timeS - before.timeS) / length;
    const at = (side: 0 | 1 | 2 | 3) =>
      before.face.box[side] + share * (after.face.box[side] - before.face.box[side]);
    return { box: [at(0), at(1), at(2), at(3)], moment };
  }
  return moment && { box: moment.face.box, moment };
}

/** The score as a line: the points of each stretch whose frames touch, and what only joins them. */
export function line(moments: readonly Moment[]): { solid: Moment[][]; joints: Moment[][] } {
  const solid: Moment[][] = [];
  const joints: Moment[][] = [];
  for (const moment of moments.filter(isSound)) {
    const last = solid.at(-1);
    const before = last?.at(-1);
    if (last && before && moment.timeS - before.timeS <= 2 * REACH_S) {
      last.push(moment);
    } else {
      if (before) {
        joints.push([before, moment]);
      }
      solid.push([moment]);
    }
  }
  return { solid, joints };
}
