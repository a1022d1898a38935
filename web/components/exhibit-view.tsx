import { hashOf } from "@/lib/address";
import type { KeptImage, ModelAnswer } from "@/lib/api";
import type { Exhibit } from "@/lib/queue";
import { advice } from "@/lib/verdict";
import { Pending } from "./pending";
import { Photo } from "./photo";
import { Layout, PhotoReport } from "./photo-report";
import { Problem } from "./problem";
import { usePicture } from "./use-picture";

/** One photo of this session and what is known of it. */
export function ExhibitView(props: {
  exhibit: Exhibit;
  card: ModelAnswer | undefined;
  onRetry: () => void;
}) {
  const { file, progress } = props.exhibit;
  const url = usePicture(file);
  switch (progress.step) {
    case "done":
      return (
        <PhotoReport
          name={file.name}
          answer={progress.answer}
          url={url}
          card={props.card}
          kept={<Kept answer={progress.answer} />}
        />
      );
    case "failed": {
      const told = advice(progress.code);
      return (
        <Problem
          advice={told}
          names={[file.name]}
          code={progress.code}
          detail={progress.detail}
          onRetry={told.again ? props.onRetry : undefined}
        />
      );
    }
    default:
      return (
        <Layout
          photo={<Photo url={url} name={file.name} size={null} />}
          finding={<Pending file={file} progress={progress} />}
        />
      );
  }
}

function Kept({ answer: { job_id } }: { answer: KeptImage }) {
  return job_id === null ? (
    "not on the server"
  ) : (
    <>
      without the picture, in the{" "}
      <a
        href={hashOf({ view: "job", id: job_id, file: null })}
        className="underline decoration-edge underline-offset-4 hover:decoration-ink"
      >
        history
      </a>
    </>
  );
}
