import { expect, it, vi } from "vitest";
import { save, toCsv, toJson } from "./export";
import type { Exhibit, Progress } from "./queue";

function exhibit(name: string, progress: Progress): Exhibit {
  return { id: 1, file: new File([], name), progress };
}

const answer = {
  verdict: "likely_fake",
  reason: null,
  p_fake: 0.97,
  faces: [{}, {}],
  sha256: "ab",
  detail: null,
};
const done = { step: "done", answer } as unknown as Progress;
const failed: Progress = {
  step: "failed",
  code: "undecodable",
  detail: 'Expected "a picture", got\ntext.',
};

it("writes a line per photo, with an empty cell where there is no answer", () => {
  const csv = toCsv([exhibit("a.jpg", done), exhibit("b.jpg", { step: "waiting" })]);
  expect(csv.split("\r\n")).toEqual([
    "\ufefffile,status,verdict,reason,p_fake,faces,sha256,detail",
    "a.jpg,done,likely_fake,,0.97,2,ab,",
    "b.jpg,waiting,,,,,,",
    "",
  ]);
});

it("quotes what would break a line, and defuses what a spreadsheet would run", () => {
  const [, line] = toCsv([exhibit("=cmd(),1.jpg", failed)]).split("\r\n");
  expect(line).toBe(`"'=cmd(),1.jpg",failed,,undecodable,,,,"Expected ""a picture"", got\ntext."`);
});

it("writes the server's answer as it came, or the code of what went wrong", () => {
  const written = JSON.parse(toJson([exhibit("a.jpg", done), exhibit("b.jpg", failed)]));
  expect(written).toEqual([
    { ...answer, file: "a.jpg" },
    { ...failed, file: "b.jpg" },
  ]);
});

it("keeps what is saved for as long as a browser may take to fetch it", async () => {
  const link = { href: "", download: "", click: vi.fn() };
  vi.stubGlobal("document", { createElement: () => link });
  vi.useFakeTimers();
  save("unmask.csv", "a,b");
  expect(link.click).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(10_000);
  vi.useRealTimers();
  vi.unstubAllGlobals();
  expect(await (await fetch(link.href)).text()).toBe("a,b");
});
