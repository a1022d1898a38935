import type { Metadata } from "next";
import { TITLE_CLASS } from "@/components/title";
import { buttonClass } from "@/components/ui/button";

export const metadata: Metadata = { title: "Nothing here - Unmask" };

/** Next's own would bring colours of its own, and not know of a theme that was chosen. */
export default function NotFound() {
  return (
    <section aria-labelledby="nothing" className="max-w-2xl pt-12">
      <h1 id="nothing" className={TITLE_CLASS}>
        There is nothing at this address
      </h1>
      <p className="mt-5 mb-6 text-lg leading-snug">
        Perhaps a part of it is missing. The address of a result has its place after a #.
      </p>
      <a href="/" className={buttonClass()}>
        Start page
      </a>
    </section>
  );
}
