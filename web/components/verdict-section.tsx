import { type ReactNode, useEffect, useId, useRef } from "react";
import type { Verdict } from "@/lib/api";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** A verdict as the heading of what it rests on. It takes the focus: it is what was waited for. */
export function VerdictSection({ verdict, children }: { verdict: Verdict; children: ReactNode }) {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section aria-labelledby={id} className="min-w-0">
      <h1
        id={id}
        ref={heading}
        tabIndex={-1}
        className={cn(
          "flex items-baseline gap-3 font-serif text-[2.6rem] leading-[1.05]",
          VERDICT_TEXT[verdict],
        )}
      >
        <VerdictMark verdict={verdict} className="size-7" />
        {VERDICTS[verdict].title}
      </h1>
      {children}
    </section>
  );
}
