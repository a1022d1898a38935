import { hashOf } from "@/lib/address";
import { type JobAnswer, pictureUrl } from "@/lib/api";
import { count, percent } from "@/lib/format";
import { cn } from "@/lib/utils";
import { advice, REASONS, VERDICTS } from "@/lib/verdict";
import { reasonOf, videoAdvice } from "@/lib/video-words";
import { KeptPicture } from "./kept-picture";
import { Title } from "./title";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

type Result = JobAnswer["results"][number];

/** The files of a job and what was found in each; `isRest` where the job broke off after these. */
export function JobFiles({ job, isRest = false }: { job: JobAnswer; isRest?: boolean }) {
  const hasPictures = job.results.some(({ files }) => Object.keys(files).length > 0);
  return (
    <section aria-labelledby="files" className={cn(isRest && "mt-14")}>
      {isRest ? (
        <h2 id="files" className="font-serif text-3xl">
          {job.results.length} of {count(job.filenames.length, "file")}
        </h2>
      ) : (
        <Title id="files">{count(job.results.length, "file")}</Title>
      )}
      <ul className="mt-5">
        {job.results.map((result, index) => (
          <Row
            key={index}
            result={result}
            hasPicture={hasPictures}
            href={result.problem ? null : hashOf({ view: "job", id: job.id, file: index })}
          />
        ))}
      </ul>
    </section>
  );
}

function Row(props: { result: Result; hasPicture: boolean; href: string | null }) {
  const { result, hasPicture, href } = props;
  const { verdict, p_fake, filename, problem, reason, files } = result;
  const picture = files.overlay ?? files.thumbnail;
  return (
    <li
      className={cn(
        "grid gap-x-4 gap-y-1 border-rule border-t py-4 text-sm",
        hasPicture
          ? "grid-cols-[auto_minmax(0,1fr)] sm:grid-cols-[auto_minmax(0,1fr)_12rem_4rem]"
          : "sm:grid-cols-[minmax(0,1fr)_12rem_4rem]",
      )}
    >
      {hasPicture && (
        <KeptPicture
          url={picture && pictureUrl(picture)}
          alt=""
          className="row-span-3 size-24 sm:row-span-1"
        />
      )}
      <div className="min-w-0">
        {href ? (
          <a href={href} className="break-words underline decoration-edge underline-offset-4">
            <bdi>{filename}</bdi>
          </a>
        ) : (
          <p className="break-words">
            <bdi>{filename}</bdi>
          </p>
        )}
        <p className="mt-1 text-muted">
          {problem
            ? (result.kind === "image" ? advice : videoAdvice)(problem.code).title
            : (reason && (result.kind === "image" ? REASONS[reason] : reasonOf(reason))) ||
              (result.kind === "image" && count(result.faces.length, "face"))}
        </p>
      </div>
      <p className={cn("flex items-center gap-2 self-start", VERDICT_TEXT[verdict])}>
        <VerdictMark verdict={verdict} />
        {VERDICTS[verdict]}
      </p>
      <p className="reading self-start sm:text-right">{p_fake !== null && percent(p_fake)}</p>
    </li>
  );
}
