import { describe, expect, it, vi } from "vitest";
import { ApiError, type JobAnswer, type JobSummary, type watchJob } from "./api";
import { cancelJob, follow } from "./follow";

const job = (state: JobSummary["state"], done = 0) =>
  ({ id: "1", state, progress: { done, total: 3, unit: "frames" } }) as JobAnswer;
const silent = () => new ApiError("unreachable", "Gone.");

type Watch = typeof watchJob;

/** Runs `follow` with these answers, one after another, and this stream. */
function setUp(answers: (JobAnswer | Error)[], watch: Watch) {
  const heard: string[] = [];
  const waits: number[] = [];
  const controller = new AbortController();
  const get = vi.fn(async () => {
    const next = answers.shift();
    if (!next || next instanceof Error) {
      throw next ?? new Error("asked too often");
    }
    return next;
  });
  const ended = follow(
    "1",
    {
      onChange: ({ state, progress }) => heard.push(`${state} ${progress.done}`),
      onSilence: () => heard.push("silence"),
    },
    controller.signal,
    { get, watch },
    async (ms) => {
      waits.push(ms);
    },
  );
  return { ended, heard, waits, get, controller };
}

describe("cancelJob", () => {
  it.each([
    ["queued", 1],
    ["running", 1],
    ["finished", 0],
    ["failed", 0],
  ] as const)("of one that is %s ends %i", async (state, n) => {
    const end = vi.fn(async () => {});
    await cancelJob("1", { get: async () => job(state), end });
    expect(end).toHaveBeenCalledTimes(n);
  });
});

describe("follow", () => {
  it("listens to the events and fetches the result at their end", async () => {
    const watch: Watch = (_, onChange, onOver) => {
      onChange(job("running", 1));
      onChange(job("finished", 3));
      onOver();
      return () => {};
    };
    const { ended, heard, waits, get } = setUp([job("queued"), job("finished", 3)], watch);
    expect((await ended).state).toBe("finished");
    expect(heard).toEqual(["queued 0", "running 1", "finished 3", "finished 3"]);
    expect(waits).toEqual([]);
    expect(get).toHaveBeenCalledTimes(2);
  });

  it("opens no stream for a job that has ended", async () => {
    const watch = vi.fn<Watch>();
    const { ended } = setUp([job("cancelled")], watch);
    expect((await ended).state).toBe("cancelled");
    expect(watch).not.toHaveBeenCalled();
  });

  it("asks again and again where the stream breaks, and opens it only once", async () => {
    const watch = vi.fn<Watch>((_, __, onOver) => {
      onOver();
      return () => {};
    });
    const answers = [job("queued"), job("running", 1), job("running", 2), job("finished", 3)];
    const { ended, heard, waits } = setUp(answers, watch);
    await ended;
    expect(heard).toEqual(["queued 0", "running 1", "running 2", "finished 3"]);
    expect(waits).toEqual([2000, 2000]);
    expect(watch).toHaveBeenCalledTimes(1);
  });

  it("outlasts a server that is gone, asking less and less often", async () => {
    const watch: Watch = (_, __, onOver) => {
      onOver();
      return () => {};
    };
    const gone = Array.from({ length: 5 }, silent);
    const { ended, heard, waits } = setUp([job("running"), ...gone, job("finished", 3)], watch);
    expect((await ended).state).toBe("finished");
    expect(heard.filter((word) => word === "silence")).toHaveLength(5);
    expect(waits).toEqual([2000, 4000, 8000, 10000, 10000]);
  });

  it("ends where the job is no more", async () => {
    const { ended } = setUp([new ApiError("not_found", "No such job.")], vi.fn<Watch>());
    await expect(ended).rejects.toMatchObject({ code: "not_found" });
  });

  it("gives up a stream that says nothing", async () => {
    vi.useFakeTimers();
    try {
      const stop = vi.fn();
      const { ended, heard } = setUp([job("queued"), job("finished", 3)], () => stop);
      await vi.advanceTimersByTimeAsync(5000);
      await ended;
      expect(stop).toHaveBeenCalled();
      expect(heard.at(-1)).toBe("finished 3");
    } finally {
      vi.useRealTimers();
    }
  });

  it("gives up a stream that says nothing more", async () => {
    vi.useFakeTimers();
    try {
      const stop = vi.fn();
      const watch: Watch = (_, onChange) => {
        setTimeout(() => onChange(job("running", 1)), 4000);
        setTimeout(() => onChange(job("running", 2)), 30_000);
        return stop;
      };
      const { ended, heard } = setUp([job("queued"), job("finished", 3)], watch);
      await vi.advanceTimersByTimeAsync(59_000);
      expect(heard).toEqual(["queued 0", "running 1", "running 2"]);
      await vi.advanceTimersByTimeAsync(1000);
      await ended;
      expect(stop).toHaveBeenCalled();
      expect(heard.at(-1)).toBe("finished 3");
    } finally {
      vi.useRealTimers();
    }
  });

  it("stops when it is told to", async () => {
    const stop = vi.fn();
    const { ended, controller, get } = setUp([job("queued"), job("running")], () => stop);
    await vi.waitFor(() => expect(get).toHaveBeenCalledTimes(1));
    controller.abort();
    await expect(ended).rejects.toThrow();
    expect(stop).toHaveBeenCalled();
  });
});
