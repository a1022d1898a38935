import type { FaceAnswer } from "@/lib/api";
import type { Thresholds } from "@/lib/card";
import { digitsApart, percent } from "@/lib/format";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { VERDICT_TEXT } from "./verdict-mark";

/** The probability scale with the two lines at which Unmask takes a side, and every face on it. */
export function Scale(props: {
  faces: readonly FaceAnswer[];
  selected: number;
  thresholds: Thresholds | null;
}) {
  const { thresholds } = props;
  const scored = props.faces.flatMap(({ p_fake, verdict }, index) =>
    p_fake === null ? [] : [{ index, p: p_fake, verdict }],
  );
  // Printed alike, a face just short of a line would seem to have reached it.
  const more = Math.max(
    0,
    ...scored.flatMap(({ p }) =>
      [thresholds?.real, thresholds?.fake].map((at) =>
        at === undefined ? 0 : digitsApart(p, at, percent),
      ),
    ),
  );
  return (
    <figure className="text-xs">
      <figcaption className="text-muted">Probability that a face was manipulated</figcaption>
      <div className="forced-color-adjust-none relative mt-9 h-3" aria-hidden="true">
        <div className="absolute inset-0 flex">
          {thresholds ? (
            <>
              <div className="bg-real/35" style={{ width: `${100 * thresholds.real}%` }} />
              <div className="grow bg-unsure/30" />
              <div className="bg-fake/60" style={{ width: `${100 * (1 - thresholds.fake)}%` }} />
            </>
          ) : (
            <div className="grow bg-rule" />
          )}
        </div>
        {scored.map(({ index, p, verdict }) => (
          <Needle key={index} p={p} isSelected={index === props.selected}>
            <span className={cn("reading font-medium text-sm", VERDICT_TEXT[verdict])}>
              {percent(p, more)}
            </span>
          </Needle>
        ))}
      </div>
      <div className="reading mt-1.5 flex justify-between text-muted" aria-hidden="true">
        {[0, 25, 50, 75, 100].map((mark) => (
          <span key={mark}>{mark}</span>
        ))}
      </div>
      {thresholds && (
        <ul className="mt-3 flex flex-wrap gap-x-5 gap-y-1 text-muted">
          <Zone className="bg-real/35">likely genuine up to {percent(thresholds.real, more)}</Zone>
          <Zone className="bg-unsure/30">inconclusive</Zone>
          <Zone className="bg-fake/60">
            likely manipulated from {percent(thresholds.fake, more)}
          </Zone>
        </ul>
      )}
      <ul className="sr-only">
        {scored.map(({ index, p, verdict }) => (
          <li key={index}>
            Face {index + 1}: {percent(p, more)}, {VERDICTS[verdict]}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function Needle(props: { p: number; isSelected: boolean; children: React.ReactNode }) {
  const left = `${100 * props.p}%`;
  if (!props.isSelected) {
    return <div className="-translate-x-1/2 absolute inset-y-0 w-0.5 bg-ink/60" style={{ left }} />;
  }
  // The label leans inwards, so that it never leaves the scale.
  return (
    <div className="absolute -inset-y-1.5 z-10 w-0" style={{ left }}>
      <div className="-translate-x-1/2 h-full w-0.75 bg-ink outline outline-paper" />
      <div
        className="absolute bottom-full left-0 mb-0.5 whitespace-nowrap"
        style={{ transform: `translateX(-${100 * props.p}%)` }}
      >
        {props.children}
      </div>
    </div>
  );
}

function Zone({ className, children }: { className: string; children: React.ReactNode }) {
  return (
    <li className="flex items-center gap-1.5">
      <span className={cn("forced-color-adjust-none size-2.5", className)} />
      {children}
    </li>
  );
}
