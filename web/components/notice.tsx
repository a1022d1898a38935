import { ApiError } from "@/lib/api";
import { cn } from "@/lib/utils";
import type { Advice } from "@/lib/verdict";
import { Button } from "./ui/button";

/** That the server did not give what the page needs, in the words for its code. */
export function Notice(props: {
  error: Error;
  words: (code: string) => Advice;
  onRetry: () => void;
  className?: string;
}) {
  const { title, todo } = props.words(codeOf(props.error));
  return (
    <div
      role="alert"
      className={cn("flex flex-wrap items-center gap-4 border border-fake p-4", props.className)}
    >
      <p className="grow text-sm">
        <strong className="font-medium">{title}.</strong> {todo}
      </p>
      <Button onClick={props.onRetry}>Try again</Button>
    </div>
  );
}

function codeOf(error: Error): string {
  return error instanceof ApiError ? error.code : "unexpected";
}
