import { type RefObject, useEffect, useState } from "react";
import type { JobVideo, Verdict } from "@/lib/api";
import { percent } from "@/lib/format";
import { type Marker, type Moment, markerAt } from "@/lib/timeline";
import { cn } from "@/lib/utils";
import { ChooseAgain } from "./choose-again";

const COLOUR: Record<Verdict, string> = {
  likely_fake: "var(--color-photo-fake)",
  likely_real: "var(--color-photo-real)",
  inconclusive: "var(--color-photo-unsure)",
  not_analysed: "var(--color-photo-none)",
};

/** The video with a box around everybody, in step with playback. */
export function Player(props: {
  element: RefObject<HTMLVideoElement | null>;
  video: JobVideo;
  people: readonly Moment[][];
  url: string | undefined;
  onTime: (timeS: number) => void;
  onFile: (file: File) => void;
}) {
  const { element, video, people, url, onTime } = props;
  const [unplayable, setUnplayable] = useState<string | null>(null);
  const [timeS, setTime] = useState(0);
  const { width, height } = video.video;
  // As it is shown: pixels that are not square are counted as if they were.
  const [shape, setShape] = useState<number | null>(null);
  const ratio = shape ?? (width && height ? width / height : null);

  useEffect(() => {
    if (url !== undefined && element.current) {
      return eachFrame(element.current, (now) => {
        setTime(now);
        onTime(now);
      });
    }
  }, [element, url, onTime]);

  if (url === undefined) {
    return (
      <section aria-label="Video" className="bg-bench sm:p-4">
        <ChooseAgain kind="video" hash={video.sha256} onFile={props.onFile} />
      </section>
    );
  }
  return (
    <section aria-label="Video" className="flex justify-center bg-bench p-4 sm:p-6">
      <div
        className="relative w-full"
        style={ratio ? { aspectRatio: ratio, maxWidth: `calc(60svh * ${ratio})` } : undefined}
      >
        {/* biome-ignore lint/a11y/useMediaCaption: nobody has captions of a video in doubt. */}
        <video
          ref={element}
          src={url}
          controls
          controlsList="nofullscreen"
          playsInline
          aria-label={video.filename}
          className="size-full bg-black"
          onLoadedMetadata={({ currentTarget: { videoWidth, videoHeight } }) =>
            setShape(videoWidth > 0 ? videoWidth / videoHeight : null)
          }
          onError={() => setUnplayable(url)}
        />
        {unplayable === url ? (
          <p className="absolute inset-0 grid place-items-center bg-bench p-6 text-center text-muted text-sm">
            This browser cannot play this format. The finding does not depend on it.
          </p>
        ) : (
          width &&
          height && (
            <div className="pointer-events-none absolute inset-0" aria-hidden="true">
              {people.map((moments, person) => {
                const marker = markerAt(moments, timeS);
                const verdict = video.tracks[person]?.verdict ?? "not_analysed";
                return (
                  marker && (
                    <Mark
                      key={person}
                      marker={marker}
                      name={String(person + 1)}
                      colour={COLOUR[verdict]}
                      size={{ width, height }}
                    />
                  )
                );
              })}
            </div>
          )
        )}
      </div>
    </section>
  );
}

/** Solid where a frame was looked at, dashed where the box only follows. */
function Mark(props: {
  marker: Marker;
  name: string;
  colour: string;
  size: { width: number; height: number };
}) {
  const { marker, name, colour, size } = props;
  const [x1, y1, x2, y2] = marker.box;
  const score = marker.moment?.face.p_fake ?? null;
  return (
    <div
      data-person={name}
      className={cn(
        "forced-color-adjust-none absolute border-2 shadow-[0_0_0_1px_rgb(0_0_0/0.55),inset_0_0_0_1px_rgb(0_0_0/0.55)]",
        !marker.moment && "border-dashed",
      )}
      style={{
        borderColor: colour,
        left: `${(100 * x1) / size.width}%`,
        top: `${(100 * y1) / size.height}%`,
        width: `${(100 * (x2 - x1)) / size.width}%`,
        height: `${(100 * (y2 - y1)) / size.height}%`,
      }}
    >
      <span
        className="reading absolute bottom-full -left-0.5 whitespace-nowrap px-1 text-[11px] text-black leading-4"
        style={{ backgroundColor: colour }}
      >
        {score === null ? name : `${name} ${percent(score)}`}
      </span>
    </div>
  );
}

/** Tell the time of each frame that is shown; gives what stops it. */
function eachFrame(video: HTMLVideoElement, tell: (timeS: number) => void): () => void {
  let handle = 0;
  if ("requestVideoFrameCallback" in video) {
    const next: VideoFrameRequestCallback = (_, { mediaTime }) => {
      tell(mediaTime);
      handle = video.requestVideoFrameCallback(next);
    };
    handle = video.requestVideoFrameCallback(next);
    return () => video.cancelVideoFrameCallback(handle);
  }
  const media: HTMLMediaElement = video;
  const next = () => {
    tell(media.currentTime);
    handle = requestAnimationFrame(next);
  };
  handle = requestAnimationFrame(next);
  return () => cancelAnimationFrame(handle);
}
