/** What is said of videos and jobs. */

import type { Code, FrameFace, JobSummary, JobVideo, Reason, TrackAnswer, Verdict } from "./api";
import { clock, count, rate } from "./format";
import { type Advice, advice, REASONS, VERDICT_ORDER, VERDICTS } from "./verdict";

/** Why a frame or a person was left out, after a number. */
const LEFT_OUT: Partial<Record<Reason, string>> = {
  no_face: "without a face",
  face_too_small: "with a face too small",
  blurred: "too blurred",
  extreme_pose: "with a face turned too far",
  truncated: "with a face cut off",
  doubtful_face: "with nothing that is surely a face",
  undecodable: "damaged",
  timed_out: "left when the time ran out",
};

const OF_VIDEOS: Partial<Record<Reason, string>> = {
  no_face:
    "No face was found in any frame that was looked at. Unmask judges faces and nothing else.",
  few_frames:
    "Too few frames of this person could be analysed to flag anybody: one frame may be wrong.",
  some_faces_not_analysed: "Some people could not be judged; the finding covers the others.",
  timed_out: "Most of the video was not looked at before the time set for it ran out.",
  undecodable: "Most of the video is damaged and could not be looked at.",
};

export function reasonOf(reason: Reason): string {
  return OF_VIDEOS[reason] ?? REASONS[reason];
}

/** What the verdict on the video rests on. */
export function finding(video: JobVideo): string {
  const track = video.headline_track === null ? undefined : video.tracks[video.headline_track];
  if (video.headline_track === null || !track) {
    return video.reason ? reasonOf(video.reason) : "No reason was given.";
  }
  const who = video.tracks.length === 1 ? "The person" : `Person ${video.headline_track + 1}`;
  // What limits the finding as a whole.
  const limit = video.reason ? ` ${reasonOf(video.reason)}` : "";
  switch (video.verdict) {
    case "likely_fake":
      return `${who} looks manipulated${when(track)}. The evidence of ${frames(track)} is above the line from which Unmask flags somebody.${limit}`;
    case "inconclusive":
      return `Nobody was flagged, but not all is clear. ${who}: ${reasonOf(track.reason ?? "between_thresholds")}`;
    default:
      return `Nobody was flagged: over ${frames(track)}, the evidence against ${against(video, video.headline_track)} stays below the line under which Unmask calls somebody genuine.${limit}`;
  }
}

/** Who decided that nobody is flagged. Of those without a score nobody knows how strong, and who was
 * seen too little to decide may be stronger. */
function against({ tracks }: JobVideo, person: number): string {
  if (tracks.length === 1) {
    return "the person";
  }
  const strongest = tracks[person]?.p_fake ?? 0;
  const isKnown = tracks.every(({ p_fake }) => p_fake !== null && p_fake <= strongest);
  return `person ${person + 1}${isKnown ? ", the strongest," : ""}`;
}

function frames({ n_scored }: TrackAnswer): string {
  return count(n_scored, "frame");
}

function when({ intervals }: TrackAnswer): string {
  const spans = intervals.map(({ start_s, end_s }) => `from ${clock(start_s)} to ${clock(end_s)}`);
  const shown = spans.slice(0, 3).join(", ");
  const rest = spans.length - 3;
  return (
    shown && ` ${shown}${rest > 0 ? ` and ${count(rest, "more stretch", "more stretches")}` : ""}`
  );
}

/** What to hold against the verdict on a single frame; empty where the person's is the same. */
export function ofOneFrame(
  { p_fake, verdict }: Pick<FrameFace, "p_fake" | "verdict">,
  person: Verdict,
): string {
  return p_fake === null || verdict === person
    ? ""
    : `One frame may be wrong. Over all frames of this person the finding is: ${VERDICTS[person].toLowerCase()}.`;
}

/** How much of the video the finding rests on. */
export function coverage({ coverage: found }: Pick<JobVideo, "coverage">): string {
  if (!found) {
    return "";
  }
  const left = Object.entries(found.rejected)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${n} ${LEFT_OUT[reason as Reason] ?? reason.replaceAll("_", " ")}`);
  const rejected = left.length > 0 ? ` (${left.join(", ")})` : "";
  const share =
    found.scored > 0
      ? ` The scored frames speak for ${rate(found.analysed_share)} of the time: half a second before and after each.`
      : "";
  return `${count(found.sampled, "frame")} of ${clock(found.duration_s)} looked at, ${found.scored > 0 ? `${found.scored} of them` : "none"} scored${rejected}.${share}`;
}

/** The worst verdict of a job that has ended well, else the state it is in. */
export type Outcome = Verdict | "going_on" | "failed" | "cancelled";

export function outcomeOf({ state, verdicts }: Pick<JobSummary, "state" | "verdicts">): Outcome {
  if (state === "finished") {
    return VERDICT_ORDER.find((verdict) => verdicts[verdict]) ?? "not_analysed";
  }
  return state === "failed" || state === "cancelled" ? state : "going_on";
}

const VIDEO_PROBLEMS: Partial<Record<Code, Advice>> = {
  too_large: {
    title: "This video is too large",
    todo: "Cut it to the part in question without encoding it again, or ask whoever runs this server to raise its limit.",
  },
  unsupported_format: {
    title: "This format cannot be read",
    todo: "Use the original video as MP4, MOV, AVI, MKV or WebM. A recording of a screen wipes out traces.",
  },
  undecodable: {
    title: "This file is empty, damaged or cut short",
    todo: "Open it in a player to check it, or fetch it again from its source.",
  },
  missing_field: { title: "No file arrived", todo: "Choose the video again." },
  unreachable: {
    title: "The server did not answer",
    todo: "Check that Unmask is still running and that you are connected, then send it again.",
    again: true,
  },
  internal: {
    title: "Unmask failed on this file",
    todo: "Send it again. If it happens again, tell whoever runs this server: the cause is in its log.",
  },
};

export function videoAdvice(code: string): Advice {
  const special = Object.hasOwn(VIDEO_PROBLEMS, code) ? VIDEO_PROBLEMS[code as Code] : undefined;
  return special ?? advice(code);
}
