// Puts what the page tells of the results files of docs/results beside the page.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const results = new URL("../../docs/results/", import.meta.url);
const destination = new URL("../public/results.json", import.meta.url);

/** Of a results file: whose figures, on what, and how often its verdicts were right. */
export function excerpt({ name, model, origin, settings, frame, verdicts }) {
  const areVideos = settings?.files === "videos";
  const auc = frame?.figures?.auc ?? null;
  return { name, model, areVideos, created: origin.created, auc, verdicts };
}

/** A file of another kind, such as an ablation's, has no verdicts to tell; one that looks closer at
 * another's pictures, degraded, explained or by a part of the model, would tell of them twice; and
 * on pictures that were learned from, no rate is what others may expect. */
export function isMeasurement(file) {
  const isDegraded = Object.keys(file.robustness ?? {}).length > 0;
  const isCloserLook = isDegraded || file.explanations || file.settings?.without;
  const isLearned = ["train", "blend-source"].includes(file.settings?.split);
  const isComplete = file.name && file.model && file.origin && Array.isArray(file.verdicts);
  return Boolean(isComplete && !isCloserLook && !isLearned);
}

export function excerpts() {
  return readdirSync(results)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, results), "utf8")))
    .filter(isMeasurement)
    .map(excerpt);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(new URL("./", destination), { recursive: true });
  writeFileSync(destination, JSON.stringify(excerpts()));
}
