import { Check, Copy, Download, Printer } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { ImageAnswer, JobVideo } from "@/lib/api";
import { save } from "@/lib/export";
import { moment, seconds } from "@/lib/format";
import { cn } from "@/lib/utils";
import { Button } from "./ui/button";

export type Fact = [name: string, value: ReactNode];

/** Which file this was and what judged it, and the report to take along. */
export function Facts(props: {
  name: string;
  report: ImageAnswer | JobVideo;
  /** What is known of the file but its name and hash. */
  file: Fact[];
  /** Where the report is kept. */
  kept: ReactNode;
  className: string;
}) {
  const { name, report } = props;
  const { model, sha256 } = report;
  const facts: Fact[] = [
    ["File", <bdi key="name">{name}</bdi>],
    ...props.file,
    ["SHA-256", sha256 ? <Hash key="hash" hash={sha256} /> : "unknown"],
    ["Model", `${model.name} ${model.version} (${model.sha256.slice(0, 12)})`],
    ["Analysed", `${moment(report.timestamp)}, in ${seconds(report.processing_time)}`],
    ["Kept", props.kept],
  ];
  return (
    <section aria-label="File and analysis" className={props.className}>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="col-span-2 grid grid-cols-subgrid items-baseline">
            <dt className="text-muted">{name}</dt>
            <dd className="reading break-words text-xs leading-5">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-4 flex flex-wrap gap-3 print:hidden">
        <Button onClick={() => save(`${name}.unmask.json`, JSON.stringify(report, null, 2))}>
          <Download className="size-4" aria-hidden="true" />
          Save the report as JSON
        </Button>
        <Button onClick={() => printAs(`${name} - Unmask`)}>
          <Printer className="size-4" aria-hidden="true" />
          Print the report
        </Button>
      </div>
    </section>
  );
}

/** Print under a name: a browser that saves a PDF calls it by the title of the page. */
function printAs(title: string): void {
  const usual = document.title;
  document.title = title;
  window.print();
  document.title = usual;
}

function Hash({ hash }: { hash: string }) {
  const [isCopied, setCopied] = useState(false);
  const Icon = isCopied ? Check : Copy;
  return (
    <>
      {hash} {/* Browsers offer the clipboard on https and on this very machine only. */}
      {navigator.clipboard && (
        <button
          type="button"
          className={cn(
            "inline-flex min-h-6 items-center gap-1 px-1 font-sans text-muted underline",
            "decoration-edge underline-offset-4 hover:text-ink print:hidden",
          )}
          onClick={() => navigator.clipboard.writeText(hash).then(() => setCopied(true))}
        >
          <Icon className="size-3.5" aria-hidden="true" />
          <span aria-live="polite">{isCopied ? "Copied" : "Copy"}</span>
        </button>
      )}
    </>
  );
}
