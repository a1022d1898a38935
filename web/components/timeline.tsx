import type { KeyboardEvent, MouseEvent } from "react";
import type { Thresholds } from "@/lib/card";
import { clock, percent } from "@/lib/format";
import { analysed, gaps, isSound, line, type Moment, nearest, type Span } from "@/lib/timeline";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { VERDICT_TEXT } from "./verdict-mark";

/** The scores of a person over the time of the video. Its moments are its steps. */
export function Timeline(props: {
  name: string;
  moments: readonly Moment[];
  intervals: readonly Span[];
  durationS: number;
  thresholds: Thresholds | null;
  selected: Moment | null;
  onSelect: (moment: Moment) => void;
}) {
  const { name, moments, durationS, thresholds, selected } = props;
  const index = selected ? moments.indexOf(selected) : -1;
  const x = (timeS: number) => (durationS > 0 ? (100 * timeS) / durationS : 0);
  const sound = moments.filter(isSound).map(({ timeS }) => timeS);
  const { solid, joints } = line(moments);

  function onKeyDown(event: KeyboardEvent) {
    const steps: Record<string, number> = {
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      Home: 0,
      End: moments.length - 1,
    };
    const step = steps[event.key];
    // With one of these a key is the browser's: Alt+Left leads back.
    if (step !== undefined && !(event.altKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      const moment = moments[Math.min(Math.max(step, 0), moments.length - 1)];
      if (moment) {
        props.onSelect(moment);
      }
    }
  }

  function onClick(event: MouseEvent) {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const moment = nearest(moments, (durationS * (event.clientX - left)) / width);
    if (moment) {
      props.onSelect(moment);
    }
  }

  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={`Moments of ${name}`}
      aria-orientation="horizontal"
      aria-valuemin={1}
      aria-valuemax={Math.max(moments.length, 1)}
      aria-valuenow={Math.max(index, 0) + 1}
      aria-valuetext={spoken(moments[Math.max(index, 0)])}
      onKeyDown={onKeyDown}
      onClick={onClick}
      className="forced-color-adjust-none relative h-24 cursor-pointer touch-pan-y bg-bench/60"
    >
      {gaps(analysed(sound, durationS), durationS).map(({ startS, endS }) => (
        <div
          key={startS}
          className="hatched absolute inset-y-0"
          style={{ left: `${x(startS)}%`, width: `${x(endS - startS)}%` }}
        />
      ))}
      {props.intervals.map(({ startS, endS }) => (
        <div
          key={startS}
          className="absolute inset-y-0 min-w-0.5 border-fake border-t-3 bg-fake/15"
          style={{ left: `${x(startS)}%`, width: `${x(endS - startS)}%` }}
        />
      ))}
      {/* The field for the scores is a little lower than the row: no dot is cut off. */}
      <div className="absolute inset-x-0 inset-y-2">
        {thresholds &&
          [thresholds.fake, thresholds.real].map((at) => (
            <div
              key={at}
              className="absolute inset-x-0 border-edge border-t border-dashed"
              style={{ top: `${100 * (1 - at)}%` }}
            />
          ))}
        <svg
          viewBox="0 0 100 100"
          preserveAspectRatio="none"
          className="absolute inset-0 size-full overflow-visible"
          fill="none"
          stroke="var(--ink)"
          aria-hidden="true"
        >
          {solid.map((points) => (
            <polyline
              key={points[0]?.frame}
              points={path(points, x)}
              strokeWidth="1.5"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          {joints.map((points) => (
            <polyline
              key={points[0]?.frame}
              points={path(points, x)}
              strokeWidth="1"
              strokeOpacity="0.6"
              strokeDasharray="2 3"
              vectorEffect="non-scaling-stroke"
            />
          ))}
        </svg>
        {moments.map((moment) => (
          <Dot
            key={moment.frame}
            moment={moment}
            left={x(moment.timeS)}
            isSelected={moment === selected}
          />
        ))}
      </div>
      <Playhead />
    </div>
  );
}

/** A frame that was looked at: full where its score counts, hollow where the face is unlike what
 * the thresholds were set on, a cross at the foot where there is no score. */
function Dot(props: { moment: Moment; left: number; isSelected: boolean }) {
  const { moment, left, isSelected } = props;
  const { p_fake, verdict } = moment.face;
  const place = { left: `${left}%`, top: `${100 * (1 - (p_fake ?? 0))}%` };
  if (p_fake === null) {
    return (
      <span
        className={cn(
          "-translate-x-1/2 absolute top-full h-2 w-px bg-edge",
          isSelected && "w-0.75 bg-ink",
        )}
        style={{ left: place.left }}
      />
    );
  }
  return (
    <span
      className={cn(
        "-translate-1/2 absolute size-1.5 rounded-full border border-current",
        VERDICT_TEXT[verdict],
        isSound(moment) && "bg-current",
        isSelected && "z-10 size-2.5 outline-2 outline-ink outline-offset-1",
      )}
      style={place}
    />
  );
}

/** Where playback is: `--now` is set from outside, in the time of the video from 0 to 1. */
export function Playhead() {
  return (
    <div
      className="pointer-events-none absolute inset-y-0 w-px bg-ink"
      style={{ left: "calc(100% * var(--now, 0))" }}
    />
  );
}

function path(points: readonly Moment[], x: (timeS: number) => number): string {
  return points.map(({ timeS, face }) => `${x(timeS)},${100 * (1 - (face.p_fake ?? 0))}`).join(" ");
}

function spoken(moment: Moment | undefined): string {
  if (!moment) {
    return "none";
  }
  const { p_fake, verdict } = moment.face;
  const score = p_fake === null ? "" : `, ${percent(p_fake)}`;
  return `${clock(moment.timeS)}: ${VERDICTS[verdict]}${score}`;
}
