import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "./api";
import { Clips, isOnItsWay } from "./clips";

const video = (name: string, size = 10) => new File(["x".repeat(size)], name);
const steps = (clips: Clips) => clips.snapshot().map(({ sending }) => sending.step);
const revoked: string[] = [];
const ended: string[] = [];
const end = async (jobId: string) => {
  ended.push(jobId);
};

beforeEach(() => {
  let created = 0;
  revoked.length = 0;
  ended.length = 0;
  vi.stubGlobal("URL", {
    createObjectURL: () => `blob:${created++}`,
    revokeObjectURL: (url: string) => revoked.push(url),
  });
});

describe("Clips", () => {
  it("sends one after another and tells how far each is", async () => {
    const told: unknown[] = [];
    let atOnce = 0;
    const clips = new Clips(async (file, onSent) => {
      atOnce += 1;
      expect(atOnce).toBe(1);
      await Promise.resolve();
      onSent(4);
      told.push(clips.snapshot().map(({ sending }) => sending));
      atOnce -= 1;
      return { id: `job of ${file.name}` };
    }, end);
    clips.add([video("a"), video("b")], null);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent", "sent"]));
    expect(told[0]).toEqual([{ step: "sending", sent: 4 }, { step: "waiting" }]);
    expect(clips.snapshot()[1]?.sending).toEqual({ step: "sent", jobId: "job of b", place: null });
    expect(clips.snapshot().some(isOnItsWay)).toBe(false);
  });

  it("never sends a video that is too large, and takes one that just fits", async () => {
    const start = vi.fn(async (file: File) => ({ id: file.name }));
    const clips = new Clips(start, end);
    clips.add([video("over", 11), video("fits", 10)], 10);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["failed", "sent"]));
    expect(clips.snapshot()[0]?.sending).toMatchObject({ code: "too_large" });
    expect(start.mock.calls.map(([file]) => file.name)).toEqual(["fits"]);
  });

  it("sends once more after a failure, however often it is told to", async () => {
    const start = vi
      .fn(async () => ({ id: "1" }))
      .mockRejectedValueOnce(new ApiError("unreachable", "Gone."));
    const clips = new Clips(start, end);
    clips.add([video("a")], null);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["failed"]));
    const id = clips.snapshot()[0]?.id as number;
    clips.retry(id);
    clips.retry(id);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent"]));
    clips.retry(id);
    expect(start).toHaveBeenCalledTimes(2);
  });

  it("waits as long as a busy server asks, and gives up in the end", async () => {
    const waits: number[] = [];
    const start = vi.fn(async () => {
      throw new ApiError("busy", "Later.", 3);
    });
    const clips = new Clips(start, end, async (ms) => {
      waits.push(ms);
    });
    clips.add([video("a")], null);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["failed"]));
    expect(waits).toEqual([3000, 3000, 3000, 3000]);
  });

  it("stops what is being sent when it is dropped, and goes on with the next", async () => {
    const clips = new Clips(
      (file, _, signal) =>
        file.name === "b"
          ? Promise.resolve({ id: "b" })
          : new Promise((__, reject) => {
              signal.onabort = () => reject(new DOMException("Stopped.", "AbortError"));
            }),
      end,
    );
    clips.add([video("a"), video("b")], null);
    clips.drop(clips.snapshot()[0]?.id as number);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent"]));
    expect(clips.snapshot()[0]?.file.name).toBe("b");
    expect(revoked).toEqual(["blob:0"]);
    expect(ended).toEqual([]);
  });

  it("never sends a dropped video again, be the server busy before or after", async () => {
    const names: string[] = [];
    const clips = new Clips(async (file, onSent) => {
      names.push(file.name);
      onSent(file.size);
      if (file.name === "c") {
        return { id: "c" };
      }
      if (file.name === "b") {
        clips.drop(clips.snapshot()[0]?.id as number);
      }
      throw new ApiError("busy", "Later.", 3600);
    }, end);
    clips.add([video("a"), video("b"), video("c")], null);
    await vi.waitFor(() =>
      expect(clips.snapshot()[0]?.sending).toEqual({ step: "sending", sent: 0 }),
    );
    clips.drop(clips.snapshot()[0]?.id as number);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent"]));
    expect(names).toEqual(["a", "b", "c"]);
    expect(ended).toEqual([]);
  });

  it("ends the job of a video that had arrived when it was dropped", async () => {
    let answer: (job: { id: string }) => void = () => {};
    const signals: AbortSignal[] = [];
    const clips = new Clips((file, onSent, signal) => {
      signals.push(signal);
      onSent(file.size);
      return file.name === "a"
        ? new Promise((resolve) => {
            answer = resolve;
          })
        : Promise.resolve({ id: "b" });
    }, end);
    clips.add([video("a"), video("b")], null);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sending", "waiting"]));
    clips.drop(clips.snapshot()[0]?.id as number);
    expect(signals[0]?.aborted).toBe(false);
    answer({ id: "unwanted" });
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent"]));
    expect(ended).toEqual(["unwanted"]);
    expect(clips.snapshot()[0]?.sending).toEqual({ step: "sent", jobId: "b", place: null });
  });

  it("goes on where a job cannot be ended", async () => {
    const clips = new Clips(
      async (file) => {
        if (file.name === "a") {
          clips.drop(clips.snapshot()[0]?.id as number);
        }
        return { id: file.name };
      },
      () => Promise.reject(new ApiError("unreachable", "Gone.")),
    );
    clips.add([video("a"), video("b")], null);
    await vi.waitFor(() => expect(steps(clips)).toEqual(["sent"]));
  });

  it("knows the file of a job that was chosen again", () => {
    const start = vi.fn(async () => ({ id: "1" }));
    const clips = new Clips(start, end);
    clips.know(video("again"), "77", 1);
    expect(clips.snapshot()[0]?.sending).toEqual({ step: "sent", jobId: "77", place: 1 });
    expect(start).not.toHaveBeenCalled();
  });
});
