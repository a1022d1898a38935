/** What was measured of a model, from the results files of the repository. */

import type { ModelAnswer } from "./api";

/** A figure and its 95 % interval. */
export interface Estimate {
  value: number | null;
  low: number | null;
  high: number | null;
}

interface Counts {
  likely_fake: number;
  likely_real: number;
  inconclusive: number;
  not_analysed: number;
}

/** An excerpt of one results file, as scripts/results.mjs writes it. */
export interface Measurement {
  name: string;
  model: { name: string; version: string; sha256: string };
  /** Whether whole videos were judged, and not pictures. */
  areVideos: boolean;
  created: string;
  auc: Estimate | null;
  verdicts: {
    source: string;
    counts: { real: Counts; fake: Counts };
    false_alarms: Estimate;
    caught: Estimate;
    missed: Estimate;
    inconclusive: Estimate;
  }[];
}

export interface MeasuredRow {
  key: string;
  pictures: string;
  nReal: number;
  nFake: number;
  notAnalysed: number;
  falseAlarms: Estimate;
  caught: Estimate;
  missed: Estimate;
  inconclusive: Estimate;
}

/** One row per source of pictures. The files also have one of all their sources together, which is
 * left out: it would say how the sources were mixed. */
export function rows(measurements: readonly Measurement[]): MeasuredRow[] {
  return measurements.flatMap(({ name, areVideos, verdicts }) =>
    verdicts
      .filter(({ source }) => source !== "")
      .map(({ source, counts: { real, fake }, ...rates }) => ({
        key: `${name} ${source}`,
        pictures: areVideos ? `${pictures(source)}, whole videos` : pictures(source),
        nReal: analysed(real),
        nFake: analysed(fake),
        notAnalysed: real.not_analysed + fake.not_analysed,
        falseAlarms: rates.false_alarms,
        caught: rates.caught,
        missed: rates.missed,
        inconclusive: rates.inconclusive,
      })),
  );
}

/** The measurements of the model that runs on the server, and those of others. */
export function byModel(measurements: readonly Measurement[], card: ModelAnswer | undefined) {
  const isOurs = ({ model }: Measurement) => model.sha256 === card?.sha256;
  return {
    ours: measurements.filter(isOurs),
    others: measurements.filter((measurement) => !isOurs(measurement)),
  };
}

const PICTURES: Record<string, string> = {
  dfdc: "DFDC: faces swapped in videos",
  "ffhq-stylegan": "StyleGAN: faces made up, and portraits",
  "ffpp-c23": "FaceForensics++: swapped and re-enacted faces",
  photo: "Photos of people, all genuine",
};

/** A source of pictures in words, or its name where there are none. */
export function pictures(source: string): string {
  return PICTURES[source] ?? source;
}

function analysed({ likely_fake, likely_real, inconclusive }: Counts): number {
  return likely_fake + likely_real + inconclusive;
}
