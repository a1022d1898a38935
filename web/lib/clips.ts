/** The videos of a session, sent to the server one after another. */

import type { JobAnswer } from "./api";
import { admitted, failed, insist, pause } from "./insist";
import { Watched } from "./watched";

/** `place` is which file of its job a video is; null where it is the only one. */
export type Sending =
  | { step: "waiting" }
  | { step: "sending"; sent: number }
  | { step: "sent"; jobId: string; place: number | null }
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

export class Clips extends Watched<Clip> {
  #sending: { id: number; controller: AbortController } | null = null;

  /** `end` takes back the job of a video that was dropped when it had arrived already. */
  constructor(
    readonly start: Start,
    readonly end: (jobId: string) => Promise<void>,
    readonly wait = pause,
  ) {
    super();
  }

  /** Put videos at the end; those over `maxBytes` fail at once and are never sent. */
  add(files: readonly File[], maxBytes: number | null): void {
    this.append(files, (file) => ({
      url: URL.createObjectURL(file),
      sending: admitted(file, maxBytes),
    }));
    void this.#drain();
  }

  /** A file that is known to be the one of a job, so that it can be played. */
  know(file: File, jobId: string, place: number | null): void {
    this.append([file], () => ({
      url: URL.createObjectURL(file),
      sending: { step: "sent", jobId, place },
    }));
  }

  retry(id: number): void {
    if (this.of(id)?.sending.step === "failed") {
      this.change(id, { sending: { step: "waiting" } });
      void this.#drain();
    }
  }

  /** Let go of a video; where it is just being sent, that stops. */
  drop(id: number): void {
    // Once every byte has left, there will be a job: only its answer tells which one to end.
    if (this.#sending?.id === id && !hasLeft(this.of(id))) {
      this.#sending.controller.abort();
    }
    const url = this.of(id)?.url;
    if (url !== undefined) {
      URL.revokeObjectURL(url);
    }
    this.keep((clip) => clip.id !== id);
  }

  async #drain(): Promise<void> {
    if (this.#sending) {
      return;
    }
    for (let next = this.#waiting(); next; next = this.#waiting()) {
      const controller = new AbortController();
      this.#sending = { id: next.id, controller };
      this.change(next.id, { sending: { step: "sending", sent: 0 } });
      const sending = await this.#send(next, controller.signal);
      if (sending.step === "sent" && !this.of(next.id)) {
        // Where that fails, the job is in the history and can be cancelled there.
        await this.end(sending.jobId).catch(() => {});
      }
      this.change(next.id, { sending });
    }
    this.#sending = null;
  }

  async #send({ id, file }: Clip, signal: AbortSignal): Promise<Sending> {
    const onSent = (sent: number) => this.change(id, { sending: { step: "sending", sent } });
    // Of what a busy server turned away nothing has left: it is sent anew, unless it was dropped.
    const ask = () =>
      this.start(file, onSent, signal).catch((error: unknown) => {
        onSent(0);
        throw this.of(id) ? error : new DOMException("It was dropped.", "AbortError");
      });
    try {
      const job = await insist(ask, signal, this.wait);
      return { step: "sent", jobId: job.id, place: null };
    } catch (error) {
      return failed(error, file);
    }
  }

  #waiting(): Clip | undefined {
    return this.snapshot().find(({ sending }) => sending.step === "waiting");
  }
}

function hasLeft(clip: Clip | undefined): boolean {
  return clip?.sending.step === "sending" && clip.sending.sent >= clip.file.size;
}

/** Whether a video is still on its way: closing the page would lose it. */
export function isOnItsWay({ sending: { step } }: Clip): boolean {
  return step === "waiting" || step === "sending";
}
