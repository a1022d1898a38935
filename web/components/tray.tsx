import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Verdict } from "@/lib/api";
import { save, toCsv, toJson } from "@/lib/export";
import { filters } from "@/lib/filters";
import { bytes, percent } from "@/lib/format";
import { type Exhibit, isSettled, type Progress } from "@/lib/queue";
import { type Column, clicked, type Order, page, sorted } from "@/lib/tray";
import { cn } from "@/lib/utils";
import { advice, REASONS, VERDICT_LABELS, VERDICTS } from "@/lib/verdict";
import { KeptPicture } from "./kept-picture";
import { refocus, Title } from "./title";
import { Button } from "./ui/button";
import { Segmented } from "./ui/segmented";
import { usePicture } from "./use-picture";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** Hundreds of photos at once would be hundreds of decoded pictures in memory. */
const PER_PAGE = 50;

type Outcome = Verdict | "failed";

/** Many photos, one line each. */
export function Tray(props: {
  exhibits: readonly Exhibit[];
  /** The photo that lies open in place of the tray. */
  openId: number | null;
  onOpen: (id: number) => void;
  onRetry: (ids: readonly number[]) => void;
  onStop: () => void;
}) {
  const { exhibits } = props;
  const [wantedFilter, setFilter] = useState<Outcome | "all">("all");
  const [order, setOrder] = useState<Order | null>(null);
  const [wanted, setWanted] = useState(0);
  const nSettled = exhibits.filter(isSettled).length;
  const nFailed = exhibits.filter(({ progress }) => progress.step === "failed").length;
  const retriable = exhibits.filter(
    ({ progress }) => progress.step === "failed" && advice(progress.code).again,
  );
  const options = filters(exhibits.map(outcome), LABELS);
  const filter = options.some(({ value }) => value === wantedFilter) ? wantedFilter : "all";
  const filtered = exhibits.filter((exhibit) => filter === "all" || outcome(exhibit) === filter);
  const { shown, first, number, last } = page(sorted(filtered, order), wanted, PER_PAGE);
  const head = {
    order,
    onSort: (column: Column) => {
      setOrder(clicked(order, column));
      setWanted(0);
    },
  };
  return (
    <section aria-labelledby="tray">
      <Title id="tray">{exhibits.length} photos</Title>
      <div className="mt-4 flex flex-wrap items-center gap-x-5 gap-y-3">
        <p className="reading text-sm">
          {nSettled} of {exhibits.length} done
        </p>
        {/* Once, not at every photo. */}
        <p className="sr-only" role="status">
          {nSettled === exhibits.length &&
            `All ${nSettled} photos are done${nFailed > 0 ? `, ${nFailed} failed` : ""}`}
        </p>
        <progress
          className="forced-color-adjust-none h-1 grow appearance-none bg-rule [&::-moz-progress-bar]:bg-ink [&::-webkit-progress-bar]:bg-rule [&::-webkit-progress-value]:bg-ink"
          aria-label="Photos done"
          value={nSettled}
          max={exhibits.length}
        />
        {nSettled < exhibits.length && (
          <Button
            onClick={() => {
              props.onStop();
              refocus();
            }}
          >
            Stop
          </Button>
        )}
        {retriable.length > 0 && (
          <Button
            onClick={() => {
              props.onRetry(retriable.map(({ id }) => id));
              refocus();
            }}
          >
            Try {retriable.length} failed again
          </Button>
        )}
      </div>
      <div className="mt-5 flex flex-wrap items-center gap-3">
        <Segmented label="Show" options={options} value={filter} onChange={setFilter} />
        <div className="ml-auto flex flex-wrap gap-3">
          <Button onClick={() => save("unmask.csv", toCsv(exhibits))}>Save as CSV</Button>
          <Button onClick={() => save("unmask.json", toJson(exhibits))}>Save as JSON</Button>
        </div>
      </div>
      <table className="mt-5 w-full table-fixed text-sm">
        <caption className="sr-only">
          The photos; a click on the head of a column sorts them
        </caption>
        <thead>
          <tr className="text-left text-muted text-xs">
            <Head column="name" {...head}>
              Photo
            </Head>
            <Head column="finding" className="hidden w-48 sm:table-cell" {...head}>
              Finding
            </Head>
            <Head column="probability" isNumber className="w-20 sm:w-24" {...head}>
              Probability
            </Head>
            <Head column="faces" isNumber className="hidden w-20 sm:table-cell" {...head}>
              Faces
            </Head>
            <Head column="size" isNumber className="hidden w-24 md:table-cell" {...head}>
              Size
            </Head>
          </tr>
        </thead>
        <tbody>
          {shown.map((exhibit) => (
            <Row
              key={exhibit.id}
              exhibit={exhibit}
              isOpen={exhibit.id === props.openId}
              onOpen={() => props.onOpen(exhibit.id)}
            />
          ))}
        </tbody>
      </table>
      {last > 0 && (
        <nav aria-label="Pages" className="mt-5 flex items-center justify-end gap-3 text-sm">
          <p className="reading text-muted" role="status">
            {first + 1} to {first + shown.length} of {filtered.length}
          </p>
          <Button aria-disabled={number === 0} onClick={() => setWanted(number - 1)}>
            Previous
          </Button>
          <Button aria-disabled={number === last} onClick={() => setWanted(number + 1)}>
            Next
          </Button>
        </nav>
      )}
    </section>
  );
}

function Head(props: {
  column: Column;
  order: Order | null;
  onSort: (column: Column) => void;
  children: string;
  isNumber?: boolean;
  className?: string;
}) {
  const { column, order } = props;
  const direction = order?.descending ? "descending" : "ascending";
  const isSorted = order?.column === column;
  const Arrow = direction === "descending" ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      aria-sort={isSorted ? direction : undefined}
      className={cn("font-normal", props.isNumber && "text-right", props.className)}
    >
      <button
        type="button"
        onClick={() => props.onSort(column)}
        className={cn(
          "inline-flex min-h-8 items-center gap-1 underline-offset-4 hover:text-ink hover:underline",
          props.isNumber && "flex-row-reverse",
          isSorted && "text-ink",
        )}
      >
        {props.children}
        <Arrow className={cn("size-3", !isSorted && "invisible")} aria-hidden="true" />
      </button>
    </th>
  );
}

function Row(props: { exhibit: Exhibit; isOpen: boolean; onOpen: () => void }) {
  const { exhibit, isOpen, onOpen } = props;
  const name = useRef<HTMLButtonElement>(null);
  // Back from a photo, one is where one was.
  useEffect(() => {
    if (isOpen) {
      const button = name.current;
      return () => button?.focus();
    }
  }, [isOpen]);
  const { file, progress } = exhibit;
  const url = usePicture(file);
  const answer = progress.step === "done" ? progress.answer : null;
  return (
    <tr className="border-rule border-t align-top">
      <td className="py-2 pr-2 sm:pr-4">
        <div className="flex gap-3">
          <div className="w-11 shrink-0">
            {progress.step !== "failed" && (
              <KeptPicture url={url ?? undefined} alt="" className="size-11" />
            )}
          </div>
          <div className="min-w-0">
            <button
              ref={name}
              type="button"
              onClick={onOpen}
              className="block max-w-full truncate py-1 text-left underline decoration-edge underline-offset-4 hover:decoration-ink"
            >
              <bdi>{file.name}</bdi>
            </button>
            <Standing progress={progress} className="sm:hidden" />
            {progress.step === "failed" && (
              <p className="text-muted">{advice(progress.code).title}</p>
            )}
            {answer?.reason && <p className="text-muted">{REASONS[answer.reason]}</p>}
            {answer?.detail && <p className="text-muted">{answer.detail}</p>}
          </div>
        </div>
      </td>
      <td className="hidden py-3 sm:table-cell">
        <Standing progress={progress} />
      </td>
      <td className="reading py-3 text-right">
        {answer && answer.p_fake !== null && percent(answer.p_fake)}
      </td>
      <td className="reading hidden py-3 text-right sm:table-cell">{answer?.faces.length}</td>
      <td className="reading hidden whitespace-nowrap py-3 text-right md:table-cell">
        {bytes(file.size)}
      </td>
    </tr>
  );
}

function Standing({ progress, className }: { progress: Progress; className?: string }) {
  if (progress.step !== "done") {
    return <span className={cn("text-muted", className)}>{STEPS[progress.step]}</span>;
  }
  const { verdict } = progress.answer;
  return (
    <span className={cn("flex items-center gap-2", VERDICT_TEXT[verdict], className)}>
      <VerdictMark verdict={verdict} />
      {VERDICTS[verdict]}
    </span>
  );
}

const STEPS = { waiting: "Waiting", running: "Analysing", failed: "Failed" };

function outcome({ progress }: Exhibit): Outcome | null {
  switch (progress.step) {
    case "done":
      return progress.answer.verdict;
    case "failed":
      return "failed";
    default:
      return null;
  }
}

const LABELS: [Outcome, string][] = [...VERDICT_LABELS, ["failed", "failed"]];
