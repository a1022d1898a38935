import { useEffect, useRef, useState } from "react";
import { pictureUrl, type Verdict } from "@/lib/api";
import { clock, percent, pixels, plain, rate } from "@/lib/format";
import { paint } from "@/lib/heatmap";
import type { Moment } from "@/lib/timeline";
import { cn } from "@/lib/utils";
import { REASONS, VERDICTS } from "@/lib/verdict";
import { ofOneFrame } from "@/lib/video-words";
import { type Heat, HeatControls } from "./heat-controls";
import { KeptPicture } from "./kept-picture";
import { Readings } from "./readings";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

const TILE = 96;

/** A person at one moment: the face cut out, where the model looked, and what it found. */
export function MomentPanel(props: {
  person: number;
  /** On the person, over all frames. */
  verdict: Verdict;
  moment: Moment;
  isOnly: boolean;
}) {
  const { person, moment, isOnly } = props;
  const { face, crop, timeS } = moment;
  const [heat, setHeat] = useState<Heat>({ map: "jet", opacity: 0.5 });
  const [gone, setGone] = useState<string | null>(null);
  const note = ofOneFrame(face, props.verdict);
  const isGone = crop === undefined || gone === crop;
  const reasons = new Set([...(face.reason ? [face.reason] : []), ...face.quality.reasons]);
  return (
    <section aria-labelledby="moment" className="border-ink border-t pt-4">
      <h2 id="moment" className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="font-medium">
          {isOnly ? "At" : `Person ${person + 1} at`} {clock(timeS)}
        </span>
        <span className={cn("flex items-center gap-1.5 text-sm", VERDICT_TEXT[face.verdict])}>
          <VerdictMark verdict={face.verdict} className="size-3.5" />
          {VERDICTS[face.verdict]}
          {face.p_fake !== null && <span className="reading ml-1">{percent(face.p_fake)}</span>}
        </span>
      </h2>
      {note && <p className="mt-2 text-sm">{note}</p>}
      <div className="mt-4 grid gap-x-5 gap-y-3 sm:grid-cols-[14rem_minmax(0,1fr)]">
        <div className="relative aspect-square w-full max-w-56 bg-bench">
          <KeptPicture
            url={crop && pictureUrl(crop)}
            alt={`The face at ${clock(timeS)}`}
            className="size-full"
            onGone={() => setGone(crop ?? null)}
          />
          {face.heatmap && !face.heatmap.empty && (
            <HeatOverlay
              grid={face.heatmap.grid}
              map={heat.map}
              opacity={isGone ? 1 : heat.opacity}
            />
          )}
        </div>
        <div className="-mt-5 self-start">
          <Readings
            caption="Quality of this face"
            rows={[
              ["Size", pixels(face.quality.face_px)],
              ["Sharpness", plain(face.quality.sharpness)],
              ["Turned to the side", rate(face.quality.yaw)],
              ["Sure that this is a face", percent(face.detection_score)],
            ]}
          />
        </div>
      </div>
      {isGone && (
        <p className="mt-3 text-muted text-sm">
          The picture of this face is not kept; what was found in it is.
        </p>
      )}
      {[...reasons].map((reason) => (
        <p key={reason} className="mt-3 border-edge border-l-2 pl-3 text-sm">
          {REASONS[reason]}
        </p>
      ))}
      <HeatControls face={face} heat={heat} onChange={setHeat} />
    </section>
  );
}

/** The heat map lies over the whole crop: it was computed on it. */
function HeatOverlay(props: { grid: number[][]; map: Heat["map"]; opacity: number }) {
  const { grid, map, opacity } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new ImageData(paint(grid, map, TILE), TILE, TILE);
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [grid, map]);
  return (
    <canvas
      ref={canvas}
      width={TILE}
      height={TILE}
      className="pointer-events-none absolute inset-0 size-full"
      style={{ opacity }}
    />
  );
}
