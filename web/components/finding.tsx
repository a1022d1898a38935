import { useEffect, useRef } from "react";
import type { ImageAnswer, ModelAnswer } from "@/lib/api";
import { rates, sources, thresholds } from "@/lib/card";
import { cn } from "@/lib/utils";
import { basis, meaning, REASONS, VERDICTS } from "@/lib/verdict";
import { Prevalence } from "./prevalence";
import { Scale } from "./scale";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** The verdict on the picture, in words. */
export function Finding(props: {
  answer: ImageAnswer;
  card: ModelAnswer | undefined;
  selected: number;
}) {
  const { answer, card, selected } = props;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const headline = answer.headline_face === null ? undefined : answer.faces[answer.headline_face];
  const known = rates(card);
  return (
    <section aria-labelledby="finding">
      <h1
        id="finding"
        ref={heading}
        tabIndex={-1}
        className={cn(
          "flex items-baseline gap-3 font-serif text-[2.6rem] leading-[1.05]",
          VERDICT_TEXT[answer.verdict],
        )}
      >
        <VerdictMark verdict={answer.verdict} className="size-7" />
        {VERDICTS[answer.verdict].title}
      </h1>
      <div className="mt-4 max-w-prose space-y-2 text-lg leading-snug">
        {headline ? (
          <p>{meaning(headline, known)}</p>
        ) : (
          <p>{answer.detail ?? (answer.reason && REASONS[answer.reason])}</p>
        )}
        {basis(answer) && <p>{basis(answer)}</p>}
        {headline && answer.reason === "some_faces_not_analysed" && (
          <p>{REASONS.some_faces_not_analysed}</p>
        )}
      </div>
      {answer.p_fake === null ? (
        <p className="mt-4 border-edge border-l-2 pl-3 text-muted">
          There is no probability, because nothing was scored.
        </p>
      ) : (
        <div className="mt-6">
          <Scale faces={answer.faces} selected={selected} thresholds={thresholds(card)} />
        </div>
      )}
      {answer.verdict === "likely_fake" && <Prevalence sources={sources(card)} />}
    </section>
  );
}
