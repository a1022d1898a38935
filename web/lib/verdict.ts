/** Verdicts, reasons and problems in plain words. */

import type { Code, FaceAnswer, ImageAnswer, Reason, Verdict } from "./api";
import type { Rates } from "./card";
import { perThousand } from "./format";

export const VERDICTS: Record<Verdict, string> = {
  likely_fake: "Likely manipulated",
  likely_real: "Likely genuine",
  inconclusive: "Inconclusive",
  not_analysed: "Not analysed",
};

/** Worst first: the order in which a person wants to see them. */
export const VERDICT_ORDER = [
  "likely_fake",
  "inconclusive",
  "likely_real",
  "not_analysed",
] as const satisfies readonly Verdict[];

/** What each is called where it is one of a list. */
export const VERDICT_LABELS = VERDICT_ORDER.map((verdict): [Verdict, string] => [
  verdict,
  VERDICTS[verdict].toLowerCase(),
]);

export const REASONS: Record<Reason, string> = {
  no_face: "No face was found in this picture. Unmask judges faces and nothing else.",
  face_too_small: "The face is too small: enlarged, it would hold no trace to look at.",
  blurred: "The face is too blurred: blur wipes out the traces of a manipulation.",
  extreme_pose: "The face is turned too far to the side for the model.",
  truncated: "Too much of the face lies outside the picture.",
  between_thresholds: "The score lies between the two lines at which Unmask takes a side.",
  some_faces_not_analysed:
    "Some faces in this picture could not be analysed; the finding covers the others.",
  undecodable: "The file is empty, damaged or cut short.",
  unsupported_format: "Unmask does not read this format.",
  too_large: "The file is over the size limit.",
  unreadable: "The file could not be read.",
  timed_out: "The time set for it ran out.",
  few_frames: "Too few pictures of this person could be analysed.",
  doubtful_face: "It was found too unsurely to be called a face.",
};

/** What a verdict on one face means, and how often it is wrong. */
export function meaning(face: Pick<FaceAnswer, "verdict" | "reason">, rates: Rates): string {
  switch (face.verdict) {
    case "likely_fake":
      return rates.falseAlarms === null
        ? "The score is above the line from which Unmask flags a face."
        : `Of 1,000 genuine faces like those the model was validated on, ${perThousand(rates.falseAlarms.value, rates.falseAlarms.isLimit)} would be flagged.`;
    case "likely_real":
      return rates.misses === null
        ? "The score is below the line under which Unmask calls a face genuine."
        : `Of 1,000 manipulated faces like those the model was validated on, ${perThousand(rates.misses.value, rates.misses.isLimit)} would pass as genuine.`;
    default:
      return face.reason ? REASONS[face.reason] : "No reason was given.";
  }
}

/** What the heat map of a face shows, or why there is none. */
export function heatNote({ p_fake, heatmap }: Pick<FaceAnswer, "p_fake" | "heatmap">): string {
  if (p_fake === null) {
    return "This face was not scored, so there is nothing to explain.";
  }
  if (!heatmap) {
    return "No heat map was asked for, so none was kept.";
  }
  return heatmap.empty
    ? "The map of this face is empty: nothing in it spoke for a manipulation."
    : "Where the model found what speaks for a manipulation. It shows where it looked, not what was altered.";
}

/** What the verdict on the whole picture rests on; empty where the face says it all. */
export function basis(answer: ImageAnswer): string {
  const n = answer.faces.length;
  if (answer.headline_face === null || n === 1) {
    return "";
  }
  const which = `face ${answer.headline_face + 1}`;
  switch (answer.verdict) {
    case "likely_fake":
      return `One flagged face is enough: ${which} of ${n} decided. The more faces there are, the likelier it is that one is flagged by mistake.`;
    case "inconclusive":
      return `No face was flagged, but not all are clear: ${which} of ${n} decided.`;
    default:
      return `No face was flagged; ${which} of ${n} came closest.`;
  }
}

export interface Advice {
  title: string;
  todo: string;
  /** Whether the same photo may succeed the next time. */
  again?: boolean;
}

const MISMATCH: Advice = {
  title: "Page and server do not fit together",
  todo: "Load this page again. If that does not help, tell whoever runs this server.",
};

const UNEXPECTED: Advice = {
  title: "Something unexpected happened",
  todo: "Try again. If it happens again, tell whoever runs this server.",
  again: true,
};

const PROBLEMS: Record<Code, Advice> = {
  too_large: {
    title: "This photo is too large",
    todo: "Save it smaller, or crop it to the faces, without enlarging anything.",
  },
  clip_too_long: {
    title: "This video is too long to be answered at once",
    todo: "Choose it on the start page: there, videos are analysed in the background.",
  },
  unsupported_format: {
    title: "This format cannot be read",
    todo: "Use the original photo as JPEG, PNG, WebP or AVIF. Do not send a screenshot of it if you can avoid that: it wipes out traces.",
  },
  undecodable: {
    title: "This file is empty, damaged or cut short",
    todo: "Open it in an image viewer to check it, or fetch it again from its source.",
  },
  unreadable: {
    title: "This file could not be read",
    todo: "Choose it again. If it lies on a remote drive, copy it to this device first.",
  },
  missing_field: {
    title: "No file arrived",
    todo: "Choose the photo again.",
  },
  too_many_files: {
    title: "Too many files at once",
    todo: "Send them in smaller parts.",
  },
  invalid_request: MISMATCH,
  method_not_allowed: MISMATCH,
  not_found: {
    title: "This result is no longer kept",
    todo: "Results are kept for a limited time, and can be deleted. Send the file again to have it analysed.",
  },
  store_off: {
    title: "This server keeps no list of results",
    todo: "A job can be found at its own address only, and for a short time.",
  },
  cancelled: {
    title: "The analysis was cancelled",
    todo: "It was stopped; what had been found by then is deleted with the job. Send the file again to have it analysed.",
  },
  worker_died: {
    title: "The analysis broke off",
    todo: "The process that worked on it ended, and the file may be why. If it happens again, tell whoever runs this server.",
  },
  busy: {
    title: "The server is busy",
    todo: "Others are using it. Try again in a moment.",
    again: true,
  },
  unreachable: {
    title: "The server did not answer",
    todo: "Check that Unmask is still running and that you are connected, then try again.",
    again: true,
  },
  internal: {
    title: "Unmask failed on this photo",
    todo: "Try again. If it happens again, tell whoever runs this server: the cause is in its log.",
    again: true,
  },
  unexpected: UNEXPECTED,
};

/** What went wrong and what to do; never empty, whatever the code. */
export function advice(code: string): Advice {
  return Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code as Code] : UNEXPECTED;
}
