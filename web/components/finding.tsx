import type { ImageAnswer, ModelAnswer } from "@/lib/api";
import { rates, sources, thresholds } from "@/lib/card";
import { basis, meaning, REASONS } from "@/lib/verdict";
import { Prevalence } from "./prevalence";
import { Scale } from "./scale";
import { VerdictSection } from "./verdict-section";

/** The verdict on the picture, in words. */
export function Finding(props: {
  answer: ImageAnswer;
  card: ModelAnswer | undefined;
  selected: number;
}) {
  const { answer, card, selected } = props;
  const headline = answer.headline_face === null ? undefined : answer.faces[answer.headline_face];
  const known = rates(card);
  return (
    <VerdictSection verdict={answer.verdict}>
      <div className="mt-4 max-w-prose space-y-2 text-lg leading-snug">
        {headline ? (
          <p>{meaning(headline, known)}</p>
        ) : (
          <p>{answer.reason && REASONS[answer.reason]}</p>
        )}
        {basis(answer) && <p>{basis(answer)}</p>}
        {headline && answer.reason === "some_faces_not_analysed" && (
          <p>{REASONS.some_faces_not_analysed}</p>
        )}
        {answer.detail && <p>{answer.detail}</p>}
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
    </VerdictSection>
  );
}
