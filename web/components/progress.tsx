import { useEffect, useRef, useState } from "react";
import { bytes, seconds } from "@/lib/format";
import type { Progress } from "@/lib/queue";
import { advice } from "@/lib/verdict";
import { Button } from "./ui/button";

/** A photo that is on its way. */
export function Pending({ file, progress }: { file: File; progress: Progress }) {
  return (
    <section aria-label="Analysis" className="lg:min-h-96">
      <h1 className="font-serif text-[2.6rem] leading-[1.05]">
        {progress.step === "running" ? "Analysing" : "Waiting"}
      </h1>
      <div className="mt-5 h-0.5 overflow-hidden bg-rule">
        <div className="h-full w-1/4 motion-safe:animate-sweep bg-ink" />
      </div>
      <p className="mt-4 break-words text-muted">
        {file.name}, {bytes(file.size)}
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

/** A photo that could not be analysed, and what to do. */
export function Failure(props: {
  name: string;
  code: string;
  detail: string;
  onRetry: () => void;
}) {
  const { title, todo, again } = advice(props.code);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section aria-labelledby="problem" className="max-w-2xl">
      <h1
        id="problem"
        ref={heading}
        tabIndex={-1}
        className="font-serif text-[2.6rem] leading-[1.05]"
      >
        {title}
      </h1>
      <p className="mt-5 text-lg leading-snug">{todo}</p>
      <dl className="mt-6 grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 border-rule border-t pt-4 text-sm">
        <dt className="text-muted">File</dt>
        <dd className="break-words">{props.name}</dd>
        <dt className="text-muted">Reported</dt>
        <dd className="break-words">{props.detail}</dd>
        <dt className="text-muted">Code</dt>
        <dd className="reading text-xs leading-5">{props.code}</dd>
      </dl>
      {again && (
        <Button className="mt-6" onClick={props.onRetry}>
          Try again
        </Button>
      )}
    </section>
  );
}
