import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

export const TITLE_CLASS = "font-serif text-[2.6rem] leading-[1.05]";

/** The heading of what has just opened. It takes the focus: from there the keyboard goes on. */
export function Title({ className, ...props }: ComponentProps<"h1">) {
  return <h1 ref={take} tabIndex={-1} className={cn(TITLE_CLASS, className)} {...props} />;
}

/** To the heading, where a button went with its deed: else the keyboard would begin anew. */
export function refocus(): void {
  setTimeout(() => {
    if (document.activeElement === document.body) {
      const headings = [...document.querySelectorAll("h1")];
      take(headings.find((heading) => heading.checkVisibility()) ?? null);
    }
  });
}

function take(heading: HTMLElement | null): void {
  heading?.focus({ preventScroll: true });
}
