"use client";

import { useState } from "react";
import { flagPrecision, type Rates } from "@/lib/card";
import { percent } from "@/lib/format";
import { Segmented } from "./ui/segmented";

const SHARES = [
  { value: "2", label: "1 in 2" },
  { value: "10", label: "1 in 10" },
  { value: "100", label: "1 in 100" },
  { value: "1000", label: "1 in 1,000" },
] as const;

/** How often a flag is right depends on how common fakes are; only the visitor knows that. */
export function Prevalence({ rates: { detections, falseAlarms } }: { rates: Rates }) {
  const [share, setShare] = useState<(typeof SHARES)[number]["value"]>("10");
  if (detections === null || falseAlarms === null) {
    return null;
  }
  const precision = flagPrecision(detections, falseAlarms, 1 / Number(share));
  return (
    <section className="mt-6 border-rule border-t pt-4" aria-labelledby="prevalence">
      <h2 id="prevalence" className="text-sm">
        How common are manipulated faces in your material?
      </h2>
      <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Segmented
          label="Share of manipulated faces"
          options={SHARES}
          value={share}
          onChange={setShare}
        />
        <p className="text-sm" aria-live="polite">
          Then a flag is right <strong className="reading">{percent(precision)}</strong> of the
          time.
        </p>
      </div>
    </section>
  );
}
