import type { ReactNode } from "react";

/** A table of figures that scrolls sideways where it does not fit. */
export function Figures({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section aria-label={label} className="overflow-x-auto print:overflow-visible" tabIndex={0}>
      <table className="w-full min-w-xl text-sm print:min-w-0">{children}</table>
    </section>
  );
}

export function Head({ isNumber, children }: { isNumber?: boolean; children: ReactNode }) {
  return (
    <th scope="col" className={isNumber ? "py-2 pl-4 text-right font-normal" : "py-2 font-normal"}>
      {children}
    </th>
  );
}

export function Cell({ children }: { children: ReactNode }) {
  return <td className="reading py-2 pl-4 text-right">{children}</td>;
}
