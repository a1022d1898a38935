import { useId } from "react";
import type { FaceAnswer, ModelAnswer } from "@/lib/api";
import { rates } from "@/lib/card";
import { digitsApart, percent, pixels, plain, rate, signed } from "@/lib/format";
import { cn } from "@/lib/utils";
import { meaning, REASONS, VERDICTS } from "@/lib/verdict";
import { type Reading, Readings } from "./readings";
import { SpectrumPlot } from "./spectrum-plot";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** All that is known of one face. */
export function FacePanel(props: {
  face: FaceAnswer;
  index: number;
  isOnly: boolean;
  card: ModelAnswer | undefined;
}) {
  const { face, index, isOnly, card } = props;
  const id = useId();
  const doubts = face.quality.reasons.filter((reason) => reason !== face.reason);
  return (
    <section aria-labelledby={id} className="border-ink border-t pt-4">
      <h2 id={id} className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="font-medium">Face {index + 1}</span>
        <span className={cn("flex items-center gap-1.5 text-sm", VERDICT_TEXT[face.verdict])}>
          <VerdictMark verdict={face.verdict} className="size-3.5" />
          {VERDICTS[face.verdict]}
        </span>
      </h2>
      {/* What an only face means is the finding itself; it is not said twice. */}
      {!isOnly && <p className="mt-3 text-sm">{meaning(face, rates(card))}</p>}
      {doubts.length > 0 && (
        <ul className="mt-3 space-y-1.5 text-sm">
          {doubts.map((reason) => (
            <li key={reason} className="border-edge border-l-2 pl-3">
              {REASONS[reason]}
            </li>
          ))}
        </ul>
      )}
      {face.p_fake !== null && (
        <Readings
          caption="Probability"
          rows={[
            ["Manipulated", percent(face.p_fake)],
            ["Genuine", percent(1 - face.p_fake)],
          ]}
        />
      )}
      <Contributions face={face} />
      <SpectrumPlot face={face} card={card} />
      <Readings caption="Quality of this face" rows={qualityRows(face, card)} />
    </section>
  );
}

function qualityRows(face: FaceAnswer, card: ModelAnswer | undefined): Reading[] {
  const { quality } = face;
  const rules = card?.quality_rules ?? {};
  return [
    limited("Size", quality.face_px, "at least", rules.min_face_px, pixels),
    limited("Sharpness", quality.sharpness, "at least", rules.min_sharpness, plain),
    limited("Turned to the side", quality.yaw, "at most", rules.max_yaw, rate),
    limited("Outside the picture", quality.truncated, "at most", rules.max_truncated, rate),
    ["Tilted", `${Math.round(quality.roll_deg)}°`],
    [
      "JPEG quality of the file",
      quality.jpeg_quality === null ? "no JPEG" : `${quality.jpeg_quality}`,
    ],
    ["Sure that this is a face", percent(face.detection_score)],
  ];
}

/** Printed alike, a value that just breaks its limit would seem to keep it. */
function limited(
  name: string,
  value: number,
  text: string,
  limit: number | undefined,
  print: (value: number, more?: number) => string,
): Reading {
  if (limit === undefined) {
    return [name, print(value)];
  }
  const more = digitsApart(value, limit, print);
  return [name, print(value, more), `${text} ${print(limit, more)}`];
}

const BRANCHES: Record<string, string> = {
  spatial: "What the face looks like",
  frequency: "Its frequency spectrum",
};

/** What each branch of the model added to the score, to either side of zero. */
function Contributions({ face }: { face: FaceAnswer }) {
  const branches = Object.entries(face.contributions ?? {});
  if (branches.length === 0) {
    return null;
  }
  const largest = Math.max(1, ...branches.map(([, value]) => Math.abs(value)));
  return (
    <table className="mt-5 w-full text-sm">
      <caption className="pb-1 text-left text-muted text-xs">
        What spoke for genuine (left) and for manipulated (right): how far the score would move
        without it, in logits
      </caption>
      <tbody>
        {branches.map(([branch, value]) => (
          <tr key={branch} className="border-rule border-t">
            <th scope="row" className="py-1.5 pr-3 text-left font-normal">
              {BRANCHES[branch] ?? branch}
            </th>
            <td className="w-2/5 py-1.5">
              <div
                className="forced-color-adjust-none relative h-2.5 border-rule"
                aria-hidden="true"
              >
                <div className="absolute inset-y-0 left-1/2 border-edge border-l" />
                <div
                  className={cn(
                    "absolute inset-y-0",
                    value < 0 ? "right-1/2 bg-real" : "left-1/2 bg-fake",
                  )}
                  style={{ width: `${(50 * Math.abs(value)) / largest}%` }}
                />
              </div>
            </td>
            <td className="reading w-16 py-1.5 text-right">{signed(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
