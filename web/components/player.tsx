import { type RefObject, useEffect, useState } from "react";
import type { JobVideo, Verdict } from "@/lib/api";
import { percent } from "@/lib/format";
import { type Marker, type Moment, markerAt } from "@/lib/timeline";
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
        style={
          width && height
            ? { aspectRatio: width / height, maxWidth: `calc(60svh * ${width / height})` }
            : undefined
        }
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
          onError={() => setUnplayable(url)}
        />
        {unplayable === url ? (
          <p className="absolute inset-0 grid place-items-center bg-bench p-6 text-center text-muted text-sm">
            This browser cannot play this format. The finding does not depend on it.
          </p>
        ) : (
          width &&
          height && (
            <svg
              viewBox={`0 0 ${width} ${height}`}
              className="pointer-events-none absolute inset-0 size-full"
              aria-hidden="true"
            >
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
                      unit={height / 100}
                    />
                  )
                );
              })}
            </svg>
          )
        )}
      </div>
    </section>
  );
}

/** Solid where a frame was looked at, dashed where the box only follows. */
function Mark(props: { marker: Marker; name: string; colour: string; unit: number }) {
  const { marker, name, colour, unit } = props;
  const [x1, y1, x2, y2] = marker.box;
  const score = marker.moment?.face.p_fake ?? null;
  const label = score === null ? name : `${name}  ${percent(score)}`;
  const shape = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, fill: "none" };
  return (
    <g>
      <rect {...shape} stroke="black" strokeOpacity={0.55} strokeWidth={unit} />
      <rect
        {...shape}
        stroke={colour}
        strokeWidth={0.6 * unit}
        strokeDasharray={marker.moment ? undefined : `${2 * unit} ${1.4 * unit}`}
      />
      <rect
        x={x1}
        y={y1 - 6 * unit}
        width={(1.6 + 2.35 * label.length) * unit}
        height={5.4 * unit}
        fill={colour}
      />
      <text
        x={x1 + 0.9 * unit}
        y={y1 - 1.9 * unit}
        fontSize={3.9 * unit}
        fontFamily="var(--font-mono)"
        fill="black"
        xmlSpace="preserve"
      >
        {label}
      </text>
    </g>
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
