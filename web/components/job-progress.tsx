import { useState } from "react";
import { ApiError, type JobSummary } from "@/lib/api";
import { count } from "@/lib/format";
import { videoAdvice } from "@/lib/video-words";
import { Bar } from "./bar";
import { Names } from "./names";
import { Title } from "./title";
import { Button } from "./ui/button";

/** A job that goes on. */
export function JobProgress(props: {
  job: JobSummary | null;
  /** Of the video, where this session has it. */
  url: string | undefined;
  isSilent: boolean;
  onCancel: () => Promise<void>;
}) {
  const { job, url, isSilent } = props;
  const [cancelling, setCancelling] = useState<"no" | "asked" | { code: string }>("no");
  const cancel = () => {
    setCancelling("asked");
    props.onCancel().catch((error: unknown) => {
      setCancelling({ code: error instanceof ApiError ? error.code : "unexpected" });
    });
  };
  return (
    <div className="grid gap-x-10 gap-y-8 lg:grid-cols-[minmax(0,7fr)_minmax(0,5fr)]">
      <section aria-label="Analysis" className="min-h-72">
        <Title>{title(job)}</Title>
        <div className="mt-5">
          <Bar
            label="Analysed"
            {...(job?.state === "running" &&
              job.progress.total > 0 && { value: job.progress.done, max: job.progress.total })}
          />
        </div>
        <p className="reading mt-3 min-h-5 text-muted text-sm">{job && progress(job)}</p>
        <p className="mt-3 break-words text-muted">{job && <Names of={job.filenames} />}</p>
        <p role="status" className="sr-only">
          {title(job)}
        </p>
        {isSilent && (
          <p role="alert" className="mt-4 border-unsure border-l-2 pl-3">
            The server does not answer. The page goes on asking; the job is not lost, unless the
            server is.
          </p>
        )}
        {typeof cancelling === "object" && (
          <p role="alert" className="mt-4 border-fake border-l-2 pl-3">
            It could not be cancelled: {videoAdvice(cancelling.code).title.toLowerCase()}.
          </p>
        )}
        {job && (
          <>
            <p className="mt-4 text-muted text-sm">
              The address of this page leads back to this job, after a reload too.
            </p>
            <Button className="mt-6" onClick={cancel} disabled={cancelling === "asked"}>
              {cancelling === "asked" ? "Cancelling" : "Cancel"}
            </Button>
          </>
        )}
      </section>
      {url && (
        <div className="bg-bench p-5 lg:order-first">
          {/* biome-ignore lint/a11y/useMediaCaption: nobody has captions of a video in doubt. */}
          <video
            src={url}
            controls
            playsInline
            className="mx-auto max-h-[60svh] w-full"
            aria-label="Video"
          />
        </div>
      )}
    </div>
  );
}

function title(job: JobSummary | null): string {
  switch (job?.state) {
    case undefined:
      return "Looking for this job";
    case "queued":
      return "Waiting for its turn";
    default:
      return "Analysing";
  }
}

function progress({ state, progress: { done, total, unit } }: JobSummary): string {
  if (state === "queued") {
    return "It begins as soon as a worker is free.";
  }
  return total === 0 ? "Reading the file" : `${done} of ${count(total, unit.slice(0, -1))}`;
}
