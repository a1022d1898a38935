/** The videos of a session, sent to the server one after another. */

import { ApiError, type JobAnswer } from "./api";

export type Sending =
  | { step: "waiting" }
  | { step: "sending"; sent: number }
  | { step: "sent"; jobId: string }
  | { step: "failed"; code: string; detail: string };

export interface Clip {
  id: number;
  file: File;
  /** Where the browser finds the file, to play it. */
  url: string;
  sending: Sending;
}

type Start = (
  file: File,
  onSent: (sent: number) => void,
  signal: AbortSignal,
) => Promise<Pick<JobAnswer, "id">>;

const MOST_TRIES = 5;

export class Clips {
  #clips: readonly Clip[] = [];
  #listeners = new Set<() => void>();
  #nextId = 1;
  #sending: { id: number; controller: AbortController } | null = null;

  constructor(
    readonly start: Start,
    readonly wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  ) {}

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What `useSyncExternalStore` reads: the same array until something changes. */
  snapshot = () => this.#clips;

  /** Put videos at the end; those over `maxBytes` fail at once and are never sent. */
  add(files: readonly File[], maxBytes: number | null): void {
    const clips = files.map((file): Clip => {
      const tooLarge = maxBytes !== null && file.size > maxBytes;
      const sending: Sending = tooLarge
        ? { step: "failed", code: "too_large", detail: "It was not sent." }
        : { step: "waiting" };
      return { id: this.#nextId++, file, url: URL.createObjectURL(file), sending };
    });
    this.#set([...this.#clips, ...clips]);
    void this.#drain();
  }

  /** The file of a job that is known to be its file, so that it can be played. */
  know(file: File, jobId: string): void {
    const clip = { id: this.#nextId++, file, url: URL.createObjectURL(file) };
    this.#set([...this.#clips, { ...clip, sending: { step: "sent", jobId } }]);
  }

  retry(id: number): void {
    if (this.#of(id)?.sending.step === "failed") {
      this.#update(id, { step: "waiting" });
      void this.#drain();
    }
  }

  /** Let go of a video; where it is just being sent, that stops. */
  drop(id: number): void {
    if (this.#sending?.id === id) {
      this.#sending.controller.abort();
    }
    for (const clip of this.#clips.filter((clip) => clip.id === id)) {
      URL.revokeObjectURL(clip.url);
    }
    this.#set(this.#clips.filter((clip) => clip.id !== id));
  }

  async #drain(): Promise<void> {
    if (this.#sending) {
      return;
    }
    for (let next = this.#waiting(); next; next = this.#waiting()) {
      const controller = new AbortController();
      this.#sending = { id: next.id, controller };
      this.#update(next.id, { step: "sending", sent: 0 });
      this.#update(next.id, await this.#send(next, controller.signal));
    }
    this.#sending = null;
  }

  async #send({ id, file }: Clip, signal: AbortSignal): Promise<Sending> {
    const onSent = (sent: number) => this.#update(id, { step: "sending", sent });
    for (let tries = 1; ; tries += 1) {
      try {
        signal.throwIfAborted();
        return { step: "sent", jobId: (await this.start(file, onSent, signal)).id };
      } catch (error) {
        const problem =
          error instanceof ApiError ? error : new ApiError("unexpected", String(error));
        if (problem.code !== "busy" || tries === MOST_TRIES || signal.aborted) {
          return { step: "failed", code: problem.code, detail: problem.message };
        }
        await this.wait(1000 * (problem.retryAfterS ?? 1));
      }
    }
  }

  #of(id: number): Clip | undefined {
    return this.#clips.find((clip) => clip.id === id);
  }

  #waiting(): Clip | undefined {
    return this.#clips.find(({ sending }) => sending.step === "waiting");
  }

  #update(id: number, sending: Sending): void {
    this.#set(this.#clips.map((clip) => (clip.id === id ? { ...clip, sending } : clip)));
  }

  #set(clips: readonly Clip[]): void {
    this.#clips = clips;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Whether a video is still on its way: closing the page would lose it. */
export function isOnItsWay({ sending: { step } }: Clip): boolean {
  return step === "waiting" || step === "sending";
}
