import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

const LOOKS = {
  primary: "bg-ink text-paper hover:bg-ink/85",
  quiet: "border border-edge hover:border-ink",
};

/** The class of what looks like a button, be it a button, a link or a label. */
export function buttonClass(look: keyof typeof LOOKS = "quiet"): string {
  return cn(
    "inline-flex min-h-10 items-center justify-center gap-2 px-4 font-medium text-sm",
    "motion-safe:transition-colors disabled:opacity-50 aria-disabled:opacity-50",
    LOOKS[look],
  );
}

/** One that is `aria-disabled` does nothing, but keeps the focus. */
export function Button({
  look,
  className,
  onClick,
  ...props
}: ComponentProps<"button"> & { look?: keyof typeof LOOKS }) {
  return (
    <button
      type="button"
      className={cn(buttonClass(look), className)}
      onClick={props["aria-disabled"] ? undefined : onClick}
      {...props}
    />
  );
}
