import { Check, Copy, Download, Printer } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { ImageAnswer } from "@/lib/api";
import { save } from "@/lib/export";
import { bytes, seconds } from "@/lib/format";
import { Button } from "./ui/button";

/** What the file says of its making; anyone can write that. */
const CAMERA = {
  make: "Camera make",
  model: "Camera model",
  software: "Software",
  date: "Dated",
};

/** Which file this was, and what judged it. */
export function FileFacts({ file, answer }: { file: File; answer: ImageAnswer }) {
  const { width, height, format } = answer.image;
  const facts: [string, ReactNode][] = [
    ["File", file.name],
    ["Picture", `${width} × ${height} px, ${format}, ${bytes(answer.image.n_bytes ?? file.size)}`],
    ...Object.entries(CAMERA).flatMap(([key, name]): [string, string][] => {
      const value = answer.image.camera[key];
      return value ? [[name, value]] : [];
    }),
    ["SHA-256", answer.sha256 ? <Hash key="hash" hash={answer.sha256} /> : "unknown"],
    ["Model", `${answer.model.name} ${answer.model.version} (${answer.model.sha256.slice(0, 12)})`],
    [
      "Analysed",
      `${new Date(answer.timestamp).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })}, in ${seconds(answer.processing_time)}`,
    ],
  ];
  return (
    <section aria-label="File and analysis" className="mt-4">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-muted">{name}</dt>
            <dd className="reading break-words text-xs leading-5">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-4 flex flex-wrap gap-3 print:hidden">
        <Button onClick={() => save(`${file.name}.unmask.json`, JSON.stringify(answer, null, 2))}>
          <Download className="size-4" aria-hidden="true" />
          Save the report as JSON
        </Button>
        <Button onClick={() => printAs(`${file.name} - Unmask`)}>
          <Printer className="size-4" aria-hidden="true" />
          Print the report
        </Button>
      </div>
    </section>
  );
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
          className="inline-flex min-h-6 items-center gap-1 px-1 font-sans text-muted underline decoration-edge underline-offset-4 hover:text-ink print:hidden"
          onClick={() => navigator.clipboard.writeText(hash).then(() => setCopied(true))}
        >
          <Icon className="size-3.5" aria-hidden="true" />
          <span aria-live="polite">{isCopied ? "Copied" : "Copy"}</span>
        </button>
      )}
    </>
  );
}

/** Print under a name: a browser that saves a PDF calls it by the title of the page. */
function printAs(title: string): void {
  const usual = document.title;
  document.title = title;
  window.print();
  document.title = usual;
}
