/** The photos of a session, analysed one after another. */

import { ApiError, type ImageAnswer } from "./api";

export type Progress =
  | { step: "waiting" }
  | { step: "running"; startedAt: number }
  | { step: "done"; answer: ImageAnswer }
  | { step: "failed"; code: string; detail: string };

export interface Exhibit {
  id: number;
  file: File;
  url: string;
  progress: Progress;
}

type Detect = (file: File, signal: AbortSignal) => Promise<ImageAnswer>;

const MOST_TRIES = 5;

export class Queue {
  #exhibits: readonly Exhibit[] = [];
  #listeners = new Set<() => void>();
  #nextId = 1;
  #running: AbortController | null = null;

  constructor(
    readonly detect: Detect,
    readonly wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  ) {}

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What `useSyncExternalStore` reads: the same array until something changes. */
  snapshot = () => this.#exhibits;

  /** Put photos at the end; those over `maxBytes` fail at once and are never sent. Gives their ids. */
  add(files: readonly File[], maxBytes: number | null): number[] {
    const exhibits = files.map((file): Exhibit => {
      const tooLarge = maxBytes !== null && file.size > maxBytes;
      const progress: Progress = tooLarge
        ? { step: "failed", code: "too_large", detail: "It was not sent." }
        : { step: "waiting" };
      const id = this.#nextId++;
      return { id, file, url: URL.createObjectURL(file), progress };
    });
    this.#set([...this.#exhibits, ...exhibits]);
    void this.#drain();
    return exhibits.map(({ id }) => id);
  }

  retry(id: number): void {
    this.#update(id, { step: "waiting" });
    void this.#drain();
  }

  /** Stop: what is running is aborted, what waits is dropped, what is done stays. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.#release(this.#exhibits.filter((exhibit) => !isSettled(exhibit)));
    this.#set(this.#exhibits.filter(isSettled));
  }

  clear(): void {
    this.stop();
    this.#release(this.#exhibits);
    this.#set([]);
  }

  async #drain(): Promise<void> {
    if (this.#running) {
      return;
    }
    const controller = new AbortController();
    this.#running = controller;
    let next = this.#waiting();
    while (next && !controller.signal.aborted) {
      this.#update(next.id, { step: "running", startedAt: Date.now() });
      const progress = await this.#analyse(next.file, controller.signal);
      if (!controller.signal.aborted) {
        this.#update(next.id, progress);
      }
      next = this.#waiting();
    }
    if (this.#running === controller) {
      this.#running = null;
    }
  }

  async #analyse(file: File, signal: AbortSignal): Promise<Progress> {
    for (let tries = 1; ; tries += 1) {
      try {
        return { step: "done", answer: await this.detect(file, signal) };
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

  #waiting(): Exhibit | undefined {
    return this.#exhibits.find((exhibit) => exhibit.progress.step === "waiting");
  }

  #update(id: number, progress: Progress): void {
    this.#set(this.#exhibits.map((e) => (e.id === id ? { ...e, progress } : e)));
  }

  #set(exhibits: readonly Exhibit[]): void {
    this.#exhibits = exhibits;
    for (const listener of this.#listeners) {
      listener();
    }
  }

  #release(exhibits: readonly Exhibit[]): void {
    for (const exhibit of exhibits) {
      URL.revokeObjectURL(exhibit.url);
    }
  }
}

export function isSettled(exhibit: Exhibit): boolean {
  return exhibit.progress.step === "done" || exhibit.progress.step === "failed";
}
