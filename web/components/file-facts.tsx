import { Download } from "lucide-react";
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
  const facts: [string, string][] = [
    ["File", file.name],
    ["Picture", `${width} × ${height} px, ${format}, ${bytes(file.size)}`],
    ...Object.entries(CAMERA).flatMap(([key, name]): [string, string][] => {
      const value = answer.image.camera[key];
      return value ? [[name, value]] : [];
    }),
    ["SHA-256", answer.sha256 ?? "unknown"],
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
      <Button
        className="mt-4"
        onClick={() => save(`${file.name}.unmask.json`, JSON.stringify(answer, null, 2))}
      >
        <Download className="size-4" aria-hidden="true" />
        Save the report as JSON
      </Button>
    </section>
  );
}
