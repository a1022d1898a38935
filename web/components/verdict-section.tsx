import { type ReactNode, useId } from "react";
import type { Verdict } from "@/lib/api";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { Title } from "./title";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** A verdict as the heading of what it rests on. */
export function VerdictSection({ verdict, children }: { verdict: Verdict; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="min-w-0">
      <Title id={id} className={cn("flex items-baseline gap-3", VERDICT_TEXT[verdict])}>
        <VerdictMark verdict={verdict} className="size-7" />
        {VERDICTS[verdict]}
      </Title>
      {children}
    </section>
  );
}
