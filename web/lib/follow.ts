/** A job followed to its end: by the server's events, and by asking where those do not come. */

import { ApiError, endJob, getJob, type JobAnswer, type JobSummary, watchJob } from "./api";
import { pause } from "./insist";

/** After which a stream that has told nothing is given up: a proxy may be holding it back. */
const SILENT_MS = 5_000;
/** After which one that has told something is: its connection may be dead without a sign. */
const FORSAKEN_MS = 30_000;
const POLL_MS = 2_000;
const LONGEST_WAIT_MS = 10_000;

const LINE = { get: getJob, watch: watchJob };

interface Listener {
  onChange: (job: JobSummary) => void;
  /** The server does not answer; it is asked on, and `onChange` says when it is back. */
  onSilence: () => void;
}

/** Follow a job until it has ended, through any silence of the server.
 * Fails where the job is gone, or the `signal` aborts. */
export async function follow(
  id: string,
  { onChange, onSilence }: Listener,
  signal: AbortSignal,
  line = LINE,
  wait = pause,
): Promise<JobAnswer> {
  let nFailures = 0;
  let isFirst = true;
  for (;;) {
    try {
      const job = await line.get(id, signal);
      nFailures = 0;
      onChange(job);
      if (isFinal(job)) {
        return job;
      }
      if (isFirst) {
        isFirst = false;
        await listen(id, onChange, signal, line.watch);
        continue;
      }
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      nFailures += 1;
      onSilence();
    }
    await wait(Math.min(POLL_MS * 2 ** Math.max(0, nFailures - 1), LONGEST_WAIT_MS));
    signal.throwIfAborted();
  }
}

export function isFinal({ state }: Pick<JobSummary, "state">): boolean {
  return state !== "queued" && state !== "running";
}

/** Cancel a job, unless it has ended meanwhile: then that would delete what was found. */
export async function cancelJob(id: string, line = { get: getJob, end: endJob }): Promise<void> {
  if (!isFinal(await line.get(id))) {
    await line.end(id);
  }
}

/** Until the stream of events is over, for whichever reason. */
function listen(
  id: string,
  onChange: (job: JobSummary) => void,
  signal: AbortSignal,
  watch: typeof watchJob,
): Promise<void> {
  return new Promise((resolve) => {
    let stop = () => {};
    const over = () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", giveUp);
      resolve();
    };
    const giveUp = () => {
      stop();
      over();
    };
    let silence = setTimeout(giveUp, SILENT_MS);
    signal.addEventListener("abort", giveUp);
    const hear = (job: JobSummary) => {
      clearTimeout(silence);
      silence = setTimeout(giveUp, FORSAKEN_MS);
      onChange(job);
    };
    stop = watch(id, hear, over);
  });
}

function isPassing(error: unknown): boolean {
  return error instanceof ApiError && ["unreachable", "busy", "internal"].includes(error.code);
}
