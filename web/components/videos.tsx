import { useEffect } from "react";
import { hashOf } from "@/lib/address";
import type { Clip, Clips, Sending } from "@/lib/clips";
import { bytes, count, rate } from "@/lib/format";
import { videoAdvice } from "@/lib/video-words";
import { Back } from "./back";
import { Bar } from "./bar";
import { Problem } from "./problem";
import { refocus, Title } from "./title";
import { Button } from "./ui/button";

/** The videos of this session on their way to the server; an only one opens as soon as it is there. */
export function Videos({ clips, all }: { clips: Clips; all: readonly Clip[] }) {
  const only = all.length === 1 ? all[0] : undefined;
  const arrived = only?.sending.step === "sent" ? jobHash(only.sending) : null;
  useEffect(() => {
    if (arrived !== null) {
      // In place of this view, so that "back" leads to what was before it.
      window.location.replace(arrived);
    }
  }, [arrived]);
  return (
    <>
      <p className="py-5">
        <Back to={{ view: "desk" }} name="Start page" />
      </p>
      {only ? (
        <One clip={only} clips={clips} />
      ) : (
        <section aria-labelledby="videos">
          <Title id="videos">
            {all.length === 0 ? "No video in this session" : count(all.length, "video")}
          </Title>
          {all.length === 0 && (
            <p className="mt-4 text-muted">
              What was cancelled, or was on its way before a reload, can be{" "}
              <a href={hashOf({ view: "desk" })} className="text-ink underline underline-offset-4">
                chosen again
              </a>
              .
            </p>
          )}
          <ul className="mt-5">
            {all.map((clip) => (
              <Row key={clip.id} clip={clip} clips={clips} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function One({ clip, clips }: { clip: Clip; clips: Clips }) {
  const { file, sending } = clip;
  if (sending.step === "failed") {
    const told = videoAdvice(sending.code);
    return (
      <Problem
        advice={told}
        names={[file.name]}
        code={sending.code}
        detail={sending.detail}
        onRetry={told.again ? () => clips.retry(clip.id) : undefined}
      />
    );
  }
  return (
    <section aria-label="Upload" className="max-w-2xl">
      <Title>{title(clip)}</Title>
      <div className="mt-5">
        <Sent clip={clip} />
      </div>
      <p className="mt-4 break-words text-muted">
        <bdi>{file.name}</bdi>, {bytes(file.size)}
      </p>
      <p className="mt-1 text-muted text-sm">
        Keep this page open until the video has arrived. The server deletes it as soon as it has
        been read.
      </p>
      <Button className="mt-6" onClick={() => clips.drop(clip.id)}>
        Cancel
      </Button>
    </section>
  );
}

function Row({ clip, clips }: { clip: Clip; clips: Clips }) {
  const { file, sending } = clip;
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-2 border-rule border-t py-3 text-sm">
      {sending.step === "sent" ? (
        <a
          href={jobHash(sending)}
          className="truncate underline decoration-edge underline-offset-4 hover:decoration-ink"
        >
          <bdi>{file.name}</bdi>
        </a>
      ) : (
        <span className="truncate">
          <bdi>{file.name}</bdi>
        </span>
      )}
      <span className="flex gap-2">
        {sending.step === "failed" && videoAdvice(sending.code).again && (
          <Button
            aria-label={`Try again: ${file.name}`}
            onClick={() => {
              clips.retry(clip.id);
              refocus();
            }}
          >
            Try again
          </Button>
        )}
        {sending.step !== "sent" && (
          <Button
            aria-label={`${sending.step === "failed" ? "Remove" : "Cancel"}: ${file.name}`}
            onClick={() => {
              clips.drop(clip.id);
              refocus();
            }}
          >
            {sending.step === "failed" ? "Remove" : "Cancel"}
          </Button>
        )}
      </span>
      <div className="col-span-2 text-muted">
        {sending.step === "failed" ? (
          videoAdvice(sending.code).title
        ) : sending.step === "sent" ? (
          "Arrived: open it to see its analysis"
        ) : (
          <>
            <p className="mb-2">{title(clip)}</p>
            <Sent clip={clip} />
          </>
        )}
      </div>
    </li>
  );
}

function jobHash({ jobId, place }: Extract<Sending, { step: "sent" }>): string {
  return hashOf({ view: "job", id: jobId, file: place });
}

function title({ file, sending }: Clip): string {
  if (sending.step !== "sending") {
    return "Waiting";
  }
  return sending.sent < file.size
    ? `Sending, ${rate(sending.sent / file.size)}`
    : "The server takes it in";
}

function Sent({ clip: { file, sending } }: { clip: Clip }) {
  const isUnderWay = sending.step === "sending" && sending.sent < file.size;
  return (
    <Bar
      label={`Sending ${file.name}`}
      {...(isUnderWay && { value: sending.sent, max: file.size })}
    />
  );
}
