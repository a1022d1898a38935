"use client";

import { Button } from "@/components/ui/button";

/** In place of the page where a part of it does not arrive. The address, and so the job, stays. */
export default function Broken() {
  return (
    <section aria-labelledby="broken" className="max-w-2xl pt-12">
      <h1 id="broken" className="font-serif text-[2.6rem] leading-[1.05]">
        This page broke off
      </h1>
      <p className="mt-5 text-lg leading-snug">
        A part of it did not arrive, or failed. Check that Unmask is still running, then load the
        page again. A job that was sent goes on without it.
      </p>
      <Button className="mt-6" onClick={() => window.location.reload()}>
        Load again
      </Button>
    </section>
  );
}
