import { describe, expect, it, vi } from "vitest";
import { ApiError, type KeptImage } from "./api";
import { Queue } from "./queue";

const ANSWER = { verdict: "likely_real" } as KeptImage;
const photo = (name: string, size = 1) => new File(["x".repeat(size)], name);
const steps = (queue: Queue) => queue.snapshot().map(({ progress }) => progress.step);

describe("Queue", () => {
  it("analyses one photo after another, in order", async () => {
    const seen: string[] = [];
    let atOnce = 0;
    const queue = new Queue(async (file) => {
      atOnce += 1;
      expect(atOnce).toBe(1);
      await Promise.resolve();
      seen.push(file.name);
      atOnce -= 1;
      return ANSWER;
    });
    const ids = queue.add([photo("a"), photo("b"), photo("c")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done", "done", "done"]));
    expect(seen).toEqual(["a", "b", "c"]);
    expect(queue.snapshot().map(({ id }) => id)).toEqual(ids);
  });

  it("never sends a photo that is too large, and takes one that just fits", async () => {
    const detect = vi.fn(async (_file: File) => ANSWER);
    const queue = new Queue(detect);
    queue.add([photo("over", 11), photo("fits", 10)], 10);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["failed", "done"]));
    expect(queue.snapshot()[0]?.progress).toMatchObject({ code: "too_large" });
    expect(detect.mock.calls.map(([file]) => file.name)).toEqual(["fits"]);
  });

  it("goes on after a failure, and can try it again", async () => {
    const detect = vi
      .fn(async (_file: File) => ANSWER)
      .mockRejectedValueOnce(new ApiError("internal", "It broke."));
    const queue = new Queue(detect);
    const [id] = queue.add([photo("a"), photo("b")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["failed", "done"]));
    expect(queue.snapshot()[0]?.progress).toEqual({
      step: "failed",
      code: "internal",
      detail: "It broke.",
    });
    queue.retry(id as number);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done", "done"]));
  });

  it("waits as long as a busy server asks, and gives up in the end", async () => {
    const waits: number[] = [];
    const busy = vi.fn(async () => {
      throw new ApiError("busy", "Later.", 3);
    });
    const queue = new Queue(busy, async (ms) => {
      waits.push(ms);
    });
    queue.add([photo("a")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["failed"]));
    expect(waits).toEqual([3000, 3000, 3000, 3000]);
    expect(busy).toHaveBeenCalledTimes(5);
  });

  it("never waits for hours, whatever it is told", async () => {
    const waits: number[] = [];
    const queue = new Queue(
      vi.fn(async () => ANSWER).mockRejectedValueOnce(new ApiError("busy", "Tomorrow.", 86_400)),
      async (ms) => {
        waits.push(ms);
      },
    );
    queue.add([photo("a")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done"]));
    expect(waits).toEqual([30_000]);
  });

  it("tells a file that cannot be read from a server that is gone", async () => {
    const lost = photo("lost");
    vi.spyOn(lost, "slice").mockReturnValue({
      arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")),
    } as unknown as Blob);
    const queue = new Queue(() => Promise.reject(new ApiError("unreachable", "Gone.")));
    queue.add([lost, photo("whole")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["failed", "failed"]));
    const codes = queue.snapshot().map(({ progress }) => "code" in progress && progress.code);
    expect(codes).toEqual(["unreadable", "unreachable"]);
  });

  it("stops: aborts what runs, drops what waits, keeps what is done", async () => {
    const signals: AbortSignal[] = [];
    const queue = new Queue((file, signal) => {
      signals.push(signal);
      return file.name === "a" ? Promise.resolve(ANSWER) : new Promise(() => {});
    });
    queue.add([photo("a"), photo("b"), photo("c")], null);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done", "running", "waiting"]));
    queue.stop();
    expect(signals[1]?.aborted).toBe(true);
    expect(steps(queue)).toEqual(["done"]);
  });

  it("takes photos again after a stop, and lets a late answer of before fall", async () => {
    let answerLate: (answer: KeptImage) => void = () => {};
    const queue = new Queue((file) =>
      file.name === "slow"
        ? new Promise((resolve) => {
            answerLate = resolve;
          })
        : Promise.resolve(ANSWER),
    );
    queue.add([photo("slow")], null);
    queue.clear();
    queue.add([photo("new")], null);
    answerLate(ANSWER);
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done"]));
    expect(queue.snapshot()[0]?.file.name).toBe("new");
  });

  it("tells its listeners, and gives the same array until something changes", async () => {
    const queue = new Queue(async () => ANSWER);
    const listener = vi.fn();
    const leave = queue.subscribe(listener);
    const before = queue.snapshot();
    expect(queue.snapshot()).toBe(before);
    queue.add([photo("a")], null);
    expect(queue.snapshot()).not.toBe(before);
    expect(listener).toHaveBeenCalled();
    leave();
    await vi.waitFor(() => expect(steps(queue)).toEqual(["done"]));
    const calls = listener.mock.calls.length;
    queue.clear();
    expect(listener).toHaveBeenCalledTimes(calls);
  });
});
