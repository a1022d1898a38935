import { ApiError } from "./api";
import { bytes } from "./format";

const MOST_TRIES = 5;
const LONGEST_WAIT_MS = 30_000;

/** So long, or until the `signal` aborts. */
export const pause = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });

/** Ask, and ask a busy server again when it says so, a few times, but never wait long. Fails with an `ApiError`. */
export async function insist<Answer>(
  ask: () => Promise<Answer>,
  signal: AbortSignal,
  wait = pause,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      signal.throwIfAborted();
      return await ask();
    } catch (error) {
      const problem = error instanceof ApiError ? error : new ApiError("unexpected", String(error));
      if (problem.code !== "busy" || tries === MOST_TRIES || signal.aborted) {
        throw problem;
      }
      await wait(Math.min(1000 * (problem.retryAfterS ?? 1), LONGEST_WAIT_MS), signal);
    }
  }
}

/** How a file that failed stands: the code and the words of an `ApiError`. */
export async function failed(
  error: unknown,
  file: File,
): Promise<{ step: "failed"; code: string; detail: string }> {
  const { code, message } = error as ApiError;
  // A browser that cannot read what it is to send says no more than where nobody answers.
  if (code === "unreachable" && !(await isReadable(file))) {
    return { step: "failed", code: "unreadable", detail: "It is gone, or has changed since." };
  }
  return { step: "failed", code, detail: message };
}

function isReadable(file: File): Promise<boolean> {
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
}

/** How a file stands that has just come: one over `maxBytes` has failed, and is never sent. */
export function admitted(file: File, maxBytes: number | null) {
  return maxBytes !== null && file.size > maxBytes
    ? ({
        step: "failed",
        code: "too_large",
        detail: `This server takes up to ${bytes(maxBytes)}. It was not sent.`,
      } as const)
    : ({ step: "waiting" } as const);
}
