import { useState } from "react";
import type { Verdict } from "@/lib/api";
import { save, toCsv, toJson } from "@/lib/export";
import { percent } from "@/lib/format";
import { type Exhibit, isSettled, type Progress } from "@/lib/queue";
import { cn } from "@/lib/utils";
import { advice, REASONS, VERDICT_ORDER, VERDICTS } from "@/lib/verdict";
import { Button } from "./ui/button";
import { Segmented } from "./ui/segmented";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

type Filter = Verdict | "all" | "failed";

/** Many photos, one line each. */
export function Tray(props: {
  exhibits: readonly Exhibit[];
  onOpen: (id: number) => void;
  onStop: () => void;
}) {
  const { exhibits } = props;
  const [filter, setFilter] = useState<Filter>("all");
  const nSettled = exhibits.filter(isSettled).length;
  const shown = exhibits.filter((exhibit) => filter === "all" || outcome(exhibit) === filter);
  return (
    <section aria-labelledby="tray">
      <h1 id="tray" className="font-serif text-[2.6rem] leading-[1.05]">
        {exhibits.length} photos
      </h1>
      <div className="mt-4 flex flex-wrap items-center gap-x-5 gap-y-3">
        <p className="reading text-sm" role="status">
          {nSettled} of {exhibits.length} done
        </p>
        <progress
          className="h-1 grow appearance-none bg-rule [&::-moz-progress-bar]:bg-ink [&::-webkit-progress-bar]:bg-rule [&::-webkit-progress-value]:bg-ink"
          aria-label="Photos done"
          value={nSettled}
          max={exhibits.length}
        />
        {nSettled < exhibits.length && <Button onClick={props.onStop}>Stop</Button>}
      </div>
      <div className="mt-5 flex flex-wrap items-center gap-3">
        <Segmented label="Show" options={filters(exhibits)} value={filter} onChange={setFilter} />
        <Button className="ml-auto" onClick={() => save("unmask.csv", toCsv(exhibits))}>
          Save as CSV
        </Button>
        <Button onClick={() => save("unmask.json", toJson(exhibits))}>Save as JSON</Button>
      </div>
      <table className="mt-5 w-full text-sm">
        <thead>
          <tr className="text-left text-muted text-xs">
            <th scope="col" className="py-2 font-normal" colSpan={2}>
              Photo
            </th>
            <th scope="col" className="hidden py-2 font-normal sm:table-cell">
              Finding
            </th>
            <th scope="col" className="py-2 text-right font-normal">
              Probability
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((exhibit) => (
            <Row key={exhibit.id} exhibit={exhibit} onOpen={() => props.onOpen(exhibit.id)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ exhibit, onOpen }: { exhibit: Exhibit; onOpen: () => void }) {
  const { file, url, progress } = exhibit;
  const answer = progress.step === "done" ? progress.answer : null;
  return (
    <tr className="border-rule border-t align-top">
      <td className="w-14 py-2">
        {progress.step !== "failed" && (
          <img src={url} alt="" className="size-11 bg-bench object-cover" loading="lazy" />
        )}
      </td>
      <td className="max-w-0 py-2 pr-4">
        <button
          type="button"
          onClick={onOpen}
          className="block max-w-full truncate py-1 text-left underline decoration-edge underline-offset-4 hover:decoration-ink"
        >
          {file.name}
        </button>
        <Outcome progress={progress} className="sm:hidden" />
        {progress.step === "failed" && <p className="text-muted">{advice(progress.code).title}</p>}
        {answer?.reason && <p className="hidden text-muted sm:block">{REASONS[answer.reason]}</p>}
      </td>
      <td className="hidden w-48 py-3 sm:table-cell">
        <Outcome progress={progress} />
      </td>
      <td className="reading w-20 py-3 text-right">
        {answer && answer.p_fake !== null && percent(answer.p_fake)}
      </td>
    </tr>
  );
}

function Outcome({ progress, className }: { progress: Progress; className?: string }) {
  if (progress.step !== "done") {
    return <span className={cn("text-muted", className)}>{STEPS[progress.step]}</span>;
  }
  const { verdict } = progress.answer;
  return (
    <span className={cn("flex items-center gap-2", VERDICT_TEXT[verdict], className)}>
      <VerdictMark verdict={verdict} />
      {VERDICTS[verdict].title}
    </span>
  );
}

const STEPS = { waiting: "Waiting", running: "Analysing", failed: "Failed" };

function outcome({ progress }: Exhibit): Filter | null {
  switch (progress.step) {
    case "done":
      return progress.answer.verdict;
    case "failed":
      return "failed";
    default:
      return null;
  }
}

function filters(exhibits: readonly Exhibit[]): { value: Filter; label: string }[] {
  const labels: [Filter, string][] = [
    ...VERDICT_ORDER.map((verdict): [Filter, string] => [verdict, VERDICTS[verdict].short]),
    ["failed", "failed"],
  ];
  const counted = labels.map(([value, label]) => {
    const n = exhibits.filter((exhibit) => outcome(exhibit) === value).length;
    return { value, label: `${n} ${label}`, n };
  });
  return [{ value: "all", label: "all" }, ...counted.filter(({ n }) => n > 0)];
}
