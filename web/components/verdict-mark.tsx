import type { Verdict } from "@/lib/api";
import { cn } from "@/lib/utils";

export const VERDICT_TEXT: Record<Verdict, string> = {
  likely_fake: "text-fake",
  likely_real: "text-real",
  inconclusive: "text-unsure",
  not_analysed: "text-muted",
};

/** The sign of a verdict: each has its own shape, so that none hangs on colour. */
export function VerdictMark({ verdict, className }: { verdict: Verdict; className?: string }) {
  return (
    <svg
      viewBox="0 0 16 16"
      className={cn("inline-block size-4 shrink-0", className)}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      aria-hidden="true"
    >
      {SHAPES[verdict]}
    </svg>
  );
}

const SHAPES = {
  likely_fake: <path d="M8 2 15 14H1Z" fill="currentColor" strokeLinejoin="round" />,
  likely_real: <circle cx="8" cy="8" r="6" />,
  inconclusive: (
    <>
      <path d="M8 1.5 14.5 8 8 14.5 1.5 8Z" strokeLinejoin="round" />
      <path d="M8 1.5 8 14.5 1.5 8Z" fill="currentColor" stroke="none" />
    </>
  ),
  not_analysed: <circle cx="8" cy="8" r="6" strokeDasharray="2.4 2.3" />,
};
