/** The photos of a session, analysed one after another. */

import type { KeptImage } from "./api";
import { admitted, failed, insist, pause } from "./insist";
import { Watched } from "./watched";

export type Progress =
  | { step: "waiting" }
  | { step: "running"; startedAt: number }
  | { step: "done"; answer: KeptImage }
  | { step: "failed"; code: string; detail: string };

export interface Exhibit {
  id: number;
  file: File;
  progress: Progress;
}

type Detect = (file: File, signal: AbortSignal) => Promise<KeptImage>;

export class Queue extends Watched<Exhibit> {
  #running: AbortController | null = null;

  constructor(
    readonly detect: Detect,
    readonly wait = pause,
  ) {
    super();
  }

  /** Put photos at the end; those over `maxBytes` fail at once and are never sent. Gives their ids. */
  add(files: readonly File[], maxBytes: number | null): number[] {
    const added = this.append(files, (file) => ({ progress: admitted(file, maxBytes) }));
    void this.#drain();
    return added.map(({ id }) => id);
  }

  retry(id: number): void {
    this.change(id, { progress: { step: "waiting" } });
    void this.#drain();
  }

  /** Stop: what is running is aborted, what waits is dropped, what is done stays. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.keep(isSettled);
  }

  clear(): void {
    this.stop();
    this.keep(() => false);
  }

  async #drain(): Promise<void> {
    if (this.#running) {
      return;
    }
    const controller = new AbortController();
    this.#running = controller;
    let next = this.#waiting();
    while (next && !controller.signal.aborted) {
      this.change(next.id, { progress: { step: "running", startedAt: Date.now() } });
      const progress = await this.#analyse(next.file, controller.signal);
      if (!controller.signal.aborted) {
        this.change(next.id, { progress });
      }
      next = this.#waiting();
    }
    if (this.#running === controller) {
      this.#running = null;
    }
  }

  async #analyse(file: File, signal: AbortSignal): Promise<Progress> {
    try {
      const answer = await insist(() => this.detect(file, signal), signal, this.wait);
      return { step: "done", answer };
    } catch (error) {
      return failed(error, file);
    }
  }

  #waiting(): Exhibit | undefined {
    return this.snapshot().find((exhibit) => exhibit.progress.step === "waiting");
  }
}

export function isSettled(exhibit: Exhibit): boolean {
  return exhibit.progress.step === "done" || exhibit.progress.step === "failed";
}
