import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, detectImage, getModel } from "./api";

const photo = new File(["x"], "x.jpg");

function serve(respond: () => Response | Promise<Response>) {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => respond());
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

afterEach(() => vi.unstubAllGlobals());

it("sends a photo in the field `file` to its own origin", async () => {
  const fetch = serve(() => Response.json({ verdict: "likely_real" }));
  expect(await detectImage(photo, true)).toEqual({ verdict: "likely_real" });
  const [url, init] = fetch.mock.calls[0] ?? [];
  expect(url).toBe("/api/detect/image?overlay=false&keep=true");
  expect((init?.body as FormData | undefined)?.get("file")).toBeInstanceOf(File);
});

describe("a failure", () => {
  const problem = { code: "busy", detail: "Come back later." };

  it("has the server's code, words and Retry-After", async () => {
    serve(() => Response.json(problem, { status: 503, headers: { "Retry-After": "7" } }));
    await expect(detectImage(photo, true)).rejects.toEqual(new ApiError("busy", problem.detail, 7));
    await expect(detectImage(photo, true)).rejects.toMatchObject({ code: "busy", retryAfterS: 7 });
  });

  it.each([
    [408, "unreachable"],
    [413, "too_large"],
    [429, "busy"],
    [500, "unreachable"],
    [502, "unreachable"],
    [503, "busy"],
    [504, "unreachable"],
    [520, "unreachable"],
    [418, "unexpected"],
  ])("of status %i without a problem document is %s", async (status, code) => {
    serve(() => new Response("<h1>Sorry</h1>", { status }));
    await expect(getModel()).rejects.toMatchObject({ code, retryAfterS: null });
  });

  it("is unexpected where a success is no JSON", async () => {
    serve(() => new Response("<h1>Welcome</h1>"));
    await expect(getModel()).rejects.toMatchObject({ code: "unexpected" });
  });

  it("is unreachable where an answer breaks off", async () => {
    const body = () =>
      new ReadableStream({ pull: (answer) => answer.error(new TypeError("network error")) });
    serve(() => new Response(body()));
    await expect(getModel()).rejects.toMatchObject({ code: "unreachable" });
  });

  it("is unreachable where there is no answer", async () => {
    serve(() => Promise.reject(new TypeError("Failed to fetch")));
    await expect(getModel()).rejects.toMatchObject({ code: "unreachable" });
  });

  it("stays an abort where the visitor stopped it", async () => {
    serve(() => Promise.reject(new DOMException("stopped", "AbortError")));
    await expect(getModel()).rejects.toMatchObject({ name: "AbortError" });
  });
});
