import { useEffect, useState } from "react";
import { bytes, seconds } from "@/lib/format";
import type { Progress } from "@/lib/queue";
import { TITLE_CLASS } from "./title";

/** A photo that is on its way. */
export function Pending({ file, progress }: { file: File; progress: Progress }) {
  return (
    <section aria-label="Analysis" className="lg:min-h-96">
      <h1 className={TITLE_CLASS}>{progress.step === "running" ? "Analysing" : "Waiting"}</h1>
      <div className="mt-5 h-0.5 overflow-hidden bg-rule">
        <div className="h-full w-1/4 motion-safe:animate-sweep bg-ink" />
      </div>
      <p className="mt-4 break-words text-muted">
        <bdi>{file.name}</bdi>, {bytes(file.size)}
      </p>
      {progress.step === "running" && <Elapsed since={progress.startedAt} />}
    </section>
  );
}

function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return (
    <p className="reading mt-1 text-muted text-sm" aria-hidden="true">
      {seconds((now - since) / 1000)}
    </p>
  );
}
