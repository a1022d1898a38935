"use client";

import { useId, useState } from "react";
import { bound, flagPrecision, type SourceRates } from "@/lib/card";
import { rate } from "@/lib/format";
import { pictures } from "@/lib/measured";
import { Segmented } from "./ui/segmented";

const SHARES = [
  { value: "2", label: "1 in 2" },
  { value: "10", label: "1 in 10" },
  { value: "100", label: "1 in 100" },
  { value: "1000", label: "1 in 1,000" },
] as const;

/** How often a flag is right depends on how common fakes are; only the visitor knows that. */
export function Prevalence({ sources }: { sources: readonly SourceRates[] }) {
  const id = useId();
  const [share, setShare] = useState<(typeof SHARES)[number]["value"]>("10");
  const precisions = sources.flatMap(({ source, detections, falseAlarms, nReal }) => {
    const alarms = bound(falseAlarms, nReal);
    if (detections === null || alarms === null) {
      return [];
    }
    const precision = flagPrecision(detections, alarms.value, 1 / Number(share));
    return { source, isLimit: alarms.isLimit, precision };
  });
  if (precisions.length === 0) {
    return null;
  }
  return (
    <section className="mt-6 border-rule border-t pt-4 text-sm" aria-labelledby={id}>
      <h2 id={id}>How common are manipulated faces in your material?</h2>
      <div className="mt-2">
        <Segmented
          label="Share of manipulated faces"
          options={SHARES}
          value={share}
          onChange={setShare}
        />
      </div>
      <div className="mt-3" aria-live="polite">
        <p>Then, on pictures like those the model was validated on, a flag is right</p>
        <ul>
          {precisions.map(({ source, isLimit, precision }) => (
            <li key={source}>
              {precision === null ? (
                <strong className="font-medium">an unknown share</strong>
              ) : (
                <>
                  {isLimit && "at least "}
                  <strong className="reading">{rate(precision)}</strong>
                </>
              )}{" "}
              of the time ({pictures(source)})
            </li>
          ))}
        </ul>
        <p className="text-muted">On pictures of another kind, expect less.</p>
      </div>
    </section>
  );
}
