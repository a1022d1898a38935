import type { ModelAnswer, Verdict } from "@/lib/api";
import { knownFailures, sources, type Thresholds, thresholds } from "@/lib/card";
import { percent } from "@/lib/format";
import { cn } from "@/lib/utils";
import { VERDICT_ORDER, VERDICTS } from "@/lib/verdict";
import { ErrorRates } from "./error-rates";
import { Measured } from "./measured";
import { Prevalence } from "./prevalence";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** What a finding means, how it comes about, and where it ends. Every figure is the model card's. */
export function Explained({ card }: { card: ModelAnswer | undefined }) {
  const at = thresholds(card);
  const weaknesses = knownFailures(card);
  return (
    <div className="mt-16 space-y-14">
      <Section title="What a finding means">
        <dl className="divide-y divide-rule border-rule border-y">
          {VERDICT_ORDER.map((verdict) => (
            <div key={verdict} className="grid gap-x-8 gap-y-1 py-4 sm:grid-cols-[16rem_1fr]">
              <dt
                className={cn("flex items-center gap-2 font-serif text-2xl", VERDICT_TEXT[verdict])}
              >
                <VerdictMark verdict={verdict} />
                {VERDICTS[verdict]}
              </dt>
              <dd className="max-w-prose self-center">{explanation(verdict, at)}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section title="How it comes about">
        <ol className="grid gap-x-8 gap-y-6 sm:grid-cols-2 lg:grid-cols-4">
          {STEPS.map(([title, text], index) => (
            <li key={title} className="border-ink border-t pt-3">
              <p className="reading text-muted text-xs">{index + 1}</p>
              <h3 className="mt-1 font-medium">{title}</h3>
              <p className="mt-1 text-muted text-sm">{text}</p>
            </li>
          ))}
        </ol>
      </Section>
      <Section title="How often it is wrong">
        <Measured card={card} />
        <ErrorRates card={card} />
        <Prevalence sources={sources(card)} />
      </Section>
      <div className="grid gap-x-8 gap-y-14 lg:grid-cols-2">
        <Section title="What it does not tell">
          <List items={LIMITS} />
        </Section>
        {weaknesses.length > 0 && (
          <Section title="Where this model is weak">
            <List items={weaknesses} />
          </Section>
        )}
      </div>
    </div>
  );
}

function explanation(verdict: Verdict, at: Thresholds | null): string {
  switch (verdict) {
    case "likely_fake":
      return `At least one face was manipulated with a ${at ? `probability of ${percent(at.fake)} or more` : "high probability"}.`;
    case "likely_real":
      return `Each analysed face was manipulated with a ${at ? `probability of ${percent(at.real)} or less` : "low probability"}.`;
    case "inconclusive":
      return "The probability lies in between, or the face is too poor a picture to take a side. No guess is made.";
    default:
      return "No face, a face too small, a damaged file: then there is no probability at all, only the reason.";
  }
}

const STEPS = [
  ["Find", "Faces are found, and five points of each are marked."],
  ["Align", "Each face is cut out of the original pixels, eyes level, always at the same size."],
  [
    "Look twice",
    "A network looks at the face, and at its frequency spectrum, for traces of blending and generation.",
  ],
  [
    "Weigh",
    "The score is turned into a probability by faces the network never saw, and shown with where it looked.",
  ],
] as const;

const LIMITS = [
  "Anything about a face that was not found: compare the frames with the people you see.",
  "Whether the scene, the caption or the date is true.",
  "Whether anything but a face was changed: hands, background, text.",
  "Who made or altered a photo, and with what intent.",
  "Anything certain: makers of fakes adapt, and every copy, screenshot and filter wipes out traces.",
];

function List({ items }: { items: readonly string[] }) {
  return (
    <ul className="max-w-prose list-disc space-y-2 pl-5 marker:text-edge">
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section>
      <h2 className="mb-5 font-serif text-3xl">{title}</h2>
      {children}
    </section>
  );
}
