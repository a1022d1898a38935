import { useId } from "react";
import type { Advice } from "@/lib/verdict";
import { Names } from "./names";
import { Title } from "./title";
import { Button } from "./ui/button";

/** Why there is no result, and what to do. */
export function Problem(props: {
  advice: Advice;
  names?: readonly string[];
  code: string;
  detail: string | null;
  onRetry?: () => void;
}) {
  const { title, todo } = props.advice;
  const id = useId();
  return (
    <section aria-labelledby={id} className="max-w-2xl">
      <Title id={id}>{title}</Title>
      <p className="mt-5 text-lg leading-snug">{todo}</p>
      <dl className="mt-6 grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 border-rule border-t pt-4 text-sm">
        {props.names && (
          <>
            <dt className="text-muted">File</dt>
            <dd className="break-words">
              <Names of={props.names} />
            </dd>
          </>
        )}
        {props.detail && (
          <>
            <dt className="text-muted">Reported</dt>
            <dd className="break-words">{props.detail}</dd>
          </>
        )}
        <dt className="text-muted">Code</dt>
        <dd className="reading text-xs leading-5">{props.code}</dd>
      </dl>
      {props.onRetry && (
        <Button className="mt-6" onClick={props.onRetry}>
          Try again
        </Button>
      )}
    </section>
  );
}
