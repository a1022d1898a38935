import { useEffect, useState } from "react";
import { hashOf } from "@/lib/address";
import { ApiError, type JobAnswer, type JobSummary, type ModelAnswer } from "@/lib/api";
import type { Clip, Clips } from "@/lib/clips";
import { cancelJob, follow } from "@/lib/follow";
import { advice } from "@/lib/verdict";
import { videoAdvice } from "@/lib/video-words";
import { Back } from "./back";
import { JobFiles } from "./job-files";
import { JobProgress } from "./job-progress";
import { KeptPhoto } from "./kept-photo";
import { Problem } from "./problem";
import { VideoReport } from "./video-report";

/** A job: how far it is, then what came of it. */
export function JobView(props: {
  id: string;
  /** Which of its files is open, where it has several. */
  file: number | null;
  clips: Clips;
  all: readonly Clip[];
  card: ModelAnswer | undefined;
}) {
  const { id, all } = props;
  const clip = all.find(
    ({ sending }) =>
      sending.step === "sent" && sending.jobId === id && sending.place === props.file,
  );
  const following = useFollowed(id);
  const hasSeveral = (following.job?.filenames.length ?? 1) > 1;
  return (
    <>
      <p className="flex flex-wrap gap-3 py-5">
        {hasSeveral && props.file !== null ? (
          <Back to={{ view: "job", id, file: null }} name="All files" />
        ) : (
          <Back to={{ view: "desk" }} name="Start page" />
        )}
        {all.length > 1 && <Back to={{ view: "videos" }} name={`${all.length} videos`} />}
      </p>
      <Content {...props} clip={clip} following={following} />
    </>
  );
}

function Content(props: {
  id: string;
  file: number | null;
  clips: Clips;
  clip: Clip | undefined;
  card: ModelAnswer | undefined;
  following: ReturnType<typeof useFollowed>;
}) {
  const { id, clips, clip, card, following } = props;
  const { job, answer, error } = following;
  const resend =
    clip &&
    (() => {
      clips.drop(clip.id);
      clips.add([clip.file], null);
      window.location.hash = hashOf({ view: "videos" });
    });
  if (error) {
    const code = error instanceof ApiError ? error.code : "unexpected";
    // Of any job but one that is gone nobody knows that it does not go on: it is not sent twice.
    const onRetry = code === "not_found" ? resend : following.again;
    return (
      <Problem advice={videoAdvice(code)} code={code} detail={error.message} onRetry={onRetry} />
    );
  }
  if (!answer) {
    return (
      <JobProgress
        job={job}
        url={clip?.url}
        isSilent={following.isSilent}
        onCancel={() => cancelJob(id)}
      />
    );
  }
  const result = answer.results[props.file ?? 0];
  if (answer.state !== "finished" && (props.file === null || !result)) {
    const code = answer.reason ?? "internal";
    return (
      <>
        <Problem
          advice={videoAdvice(code)}
          names={answer.filenames}
          code={code}
          detail={answer.detail}
          onRetry={resend}
        />
        {result && <JobFiles job={answer} isRest />}
      </>
    );
  }
  if (!result || (answer.filenames.length > 1 && props.file === null)) {
    return <JobFiles job={answer} />;
  }
  if (result.problem) {
    const { code, detail } = result.problem;
    const told = result.kind === "image" ? advice(code) : videoAdvice(code);
    return <Problem advice={told} names={[result.filename]} code={code} detail={detail} />;
  }
  if (result.kind === "image") {
    return <KeptPhoto key={props.file} photo={result} card={card} expiresAt={answer.expires_at} />;
  }
  return (
    <VideoReport
      key={props.file}
      video={result}
      url={clip?.url}
      card={card}
      expiresAt={answer.expires_at}
      onFile={(file) => clips.know(file, id, props.file)}
    />
  );
}

interface Following {
  job: JobSummary | null;
  answer: JobAnswer | null;
  isSilent: boolean;
  error: Error | null;
}

/** Once followed in vain, a job can be followed `again`. */
function useFollowed(id: string): Following & { again: () => void } {
  const [following, setFollowing] = useState<Following>({
    job: null,
    answer: null,
    isSilent: false,
    error: null,
  });
  const isGivenUp = following.error !== null;
  useEffect(() => {
    if (isGivenUp) {
      return;
    }
    const controller = new AbortController();
    follow(
      id,
      {
        onChange: (job) => setFollowing((old) => ({ ...old, job, isSilent: false })),
        onSilence: () => setFollowing((old) => ({ ...old, isSilent: true })),
      },
      controller.signal,
    )
      .then((answer) => setFollowing((old) => ({ ...old, answer })))
      .catch((error: Error) => {
        if (!controller.signal.aborted) {
          setFollowing((old) => ({ ...old, error }));
        }
      });
    return () => controller.abort();
  }, [id, isGivenUp]);
  return { ...following, again: () => setFollowing((old) => ({ ...old, error: null })) };
}
