import { type UseQueryResult, useInfiniteQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { hashOf } from "@/lib/address";
import {
  ApiError,
  endJob,
  forgetAllJobs,
  type JobSummary,
  listJobs,
  type ModelAnswer,
} from "@/lib/api";
import { filters } from "@/lib/filters";
import { cancelJob, isFinal } from "@/lib/follow";
import { count, moment } from "@/lib/format";
import { cn } from "@/lib/utils";
import { advice, VERDICT_LABELS, VERDICTS } from "@/lib/verdict";
import { type Outcome, outcomeOf, videoAdvice } from "@/lib/video-words";
import { Back } from "./back";
import { Names } from "./names";
import { Notice } from "./notice";
import { refocus, Title } from "./title";
import { Button } from "./ui/button";
import { Confirm } from "./ui/confirm";
import { Segmented } from "./ui/segmented";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

const PAGE = 50;
const REFRESH_MS = 3_000;

/** What was done on this server, as long as it keeps it. */
export function History({ model }: { model: UseQueryResult<ModelAnswer> }) {
  const limits = model.data?.limits;
  return (
    <>
      <p className="py-5">
        <Back to={{ view: "desk" }} name="Start page" />
      </p>
      <section aria-labelledby="history">
        <Title id="history">History</Title>
        {model.isPending && <Asking />}
        {model.error && !limits && (
          <Notice
            error={model.error}
            words={videoAdvice}
            onRetry={() => void model.refetch()}
            className="mt-5"
          />
        )}
        {limits?.has_list && <Jobs keepsPhotos={limits.keeps_answers} />}
        {limits?.has_list === false && (
          <p className="mt-4 max-w-prose">
            {advice("store_off").title}. {advice("store_off").todo}
          </p>
        )}
      </section>
    </>
  );
}

function Asking() {
  return (
    <p role="status" className="mt-4 min-h-60 text-muted">
      Asking the server
    </p>
  );
}

function Jobs({ keepsPhotos }: { keepsPhotos: boolean }) {
  const [wanted, setWanted] = useState<Outcome | "all">("all");
  const [name, setName] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const list = useInfiniteQuery({
    queryKey: ["jobs"],
    queryFn: ({ pageParam, signal }) => listJobs(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: JobSummary[]) =>
      page.length < PAGE ? undefined : (page.at(-1)?.created_at ?? undefined),
    staleTime: 0,
    retry: false,
    refetchInterval: ({ state }) =>
      state.data?.pages.flat().some((job) => !isFinal(job)) ? REFRESH_MS : false,
  });
  const jobs = list.data?.pages.flat() ?? [];
  const options = filters(jobs.map(outcomeOf), LABELS);
  const filter = options.some(({ value }) => value === wanted) ? wanted : "all";
  const shown = jobs.filter(
    (job) =>
      (filter === "all" || outcomeOf(job) === filter) &&
      job.filenames.join("\n").toLowerCase().includes(name.toLowerCase()),
  );

  /** Do something to the list, show what went wrong, and read it anew. */
  async function change(deed: () => Promise<void>) {
    setFailure(null);
    try {
      await deed();
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "unexpected";
      if (code !== "not_found") {
        setFailure(`That could not be done: ${videoAdvice(code).title.toLowerCase()}.`);
      }
    }
    await list.refetch();
    // With a row its button goes, and with the last one that for all.
    refocus();
  }

  if (list.isPending) {
    return <Asking />;
  }
  if (list.error && jobs.length === 0) {
    return (
      <Notice
        error={list.error}
        words={videoAdvice}
        onRetry={() => void list.refetch()}
        className="mt-5"
      />
    );
  }
  if (jobs.length === 0) {
    return (
      <p className="mt-4 max-w-prose">
        Nothing is kept here. Videos come here as soon as they are sent,{" "}
        {keepsPhotos
          ? "what is found in a photo as soon as it is found."
          : "photos leave nothing on this server."}
      </p>
    );
  }
  return (
    <>
      <p className="mt-4 max-w-prose text-muted text-sm">
        Everybody who can reach this server sees these: the names of the files, what was found, and
        for a while the faces of videos. Each is deleted when its time is over.
      </p>
      <div className="mt-5 flex flex-wrap items-center gap-3">
        <Segmented label="Show" options={options} value={filter} onChange={setWanted} />
        <input
          type="search"
          aria-label="Search by name"
          placeholder="Search by name"
          value={name}
          onChange={(event) => setName(event.target.value)}
          className="min-h-10 w-full border border-edge bg-transparent px-3 text-sm placeholder:text-muted sm:w-56"
        />
        <span className="sm:ml-auto">
          <Confirm
            title="Delete every result?"
            text="All results of this server go, those of others too, and what is being analysed is cancelled. It cannot be undone."
            deed="Delete all"
            onConfirm={() => change(forgetAllJobs)}
          >
            Delete all
          </Confirm>
        </span>
      </div>
      {(failure ?? list.error) && (
        <p role="alert" className="mt-4 border-fake border-l-2 pl-3">
          {failure ?? "The server does not answer: this is how the list was before."}
        </p>
      )}
      <ul aria-label="Results" className="mt-5">
        {shown.map((job) => (
          <Row
            key={job.id}
            job={job}
            onEnd={() => change(() => (isFinal(job) ? endJob : cancelJob)(job.id))}
          />
        ))}
      </ul>
      {shown.length === 0 && (
        <p className="border-rule border-t py-4 text-muted">
          {list.hasNextPage ? `None among the latest ${jobs.length}.` : "None of these."}
        </p>
      )}
      {list.hasNextPage && (
        <Button
          className="mt-4"
          onClick={() => void list.fetchNextPage().then(refocus)}
          aria-disabled={list.isFetchingNextPage}
        >
          Show older ones
        </Button>
      )}
    </>
  );
}

function Row({ job, onEnd }: { job: JobSummary; onEnd: () => Promise<void> }) {
  const [isEnding, setEnding] = useState(false);
  const names = job.filenames.join(", ");
  const deed = isFinal(job) ? "Delete" : "Cancel";
  const end = () => {
    setEnding(true);
    void onEnd().finally(() => setEnding(false));
  };
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 border-rule border-t py-2.5 text-sm sm:grid-cols-[minmax(0,1fr)_12rem_11rem_auto]">
      <div className="min-w-0">
        <a
          href={hashOf({ view: "job", id: job.id, file: null })}
          className="block truncate py-1 underline decoration-edge underline-offset-4 hover:decoration-ink"
        >
          {names ? <Names of={job.filenames} /> : "without a name"}
        </a>
        {job.filenames.length > 1 && (
          <span className="text-muted text-xs">{count(job.filenames.length, "file")}</span>
        )}
      </div>
      <Standing job={job} />
      <time dateTime={job.created_at} className="text-muted text-xs">
        {moment(job.created_at)}
      </time>
      <Button
        aria-label={`${deed}: ${names}`}
        className="col-start-2 row-start-1 justify-self-end sm:col-start-auto sm:row-start-auto"
        onClick={end}
        disabled={isEnding}
      >
        <Trash2 className="size-4" aria-hidden="true" />
        <span className="sr-only sm:not-sr-only">{deed}</span>
      </Button>
    </li>
  );
}

function Standing({ job }: { job: JobSummary }) {
  const outcome = outcomeOf(job);
  // Of these nobody knows whether they are genuine.
  const nLeft = outcome === "likely_real" ? (job.verdicts.not_analysed ?? 0) : 0;
  if (!isVerdict(outcome)) {
    const { done, total } = job.progress;
    const share = job.state === "running" && total > 0 ? `, ${done} of ${total}` : "";
    return (
      <span className="text-muted">
        {WORDS[outcome]}
        {share}
      </span>
    );
  }
  return (
    <span className={cn("flex items-center gap-2", VERDICT_TEXT[outcome])}>
      <VerdictMark verdict={outcome} />
      {VERDICTS[outcome]}
      {nLeft > 0 && `, ${nLeft} not analysed`}
    </span>
  );
}

const WORDS = { going_on: "Going on", failed: "Failed", cancelled: "Cancelled" };

function isVerdict(outcome: Outcome): outcome is Exclude<Outcome, keyof typeof WORDS> {
  return !(outcome in WORDS);
}

const LABELS: [Outcome, string][] = [
  ...VERDICT_LABELS,
  ["going_on", "going on"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
];
