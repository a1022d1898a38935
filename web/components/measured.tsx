"use client";

import { useQuery } from "@tanstack/react-query";
import { getMeasurements, type ModelAnswer } from "@/lib/api";
import { rate } from "@/lib/format";
import { byModel, type Estimate, type Measurement, rows } from "@/lib/measured";
import { RateHeads } from "./rate-heads";
import { Cell, Figures, Head } from "./ui/table";

/** How often the verdicts were wrong on pictures that set nothing, from the results files. */
export function Measured({ card }: { card: ModelAnswer | undefined }) {
  const { data } = useQuery({
    queryKey: ["results"],
    queryFn: ({ signal }) => getMeasurements(signal),
    retry: false,
  });
  if (!data || !card) {
    return null;
  }
  const { ours, others } = byModel(data, card);
  const shown = ours.length > 0 ? ours : others;
  if (shown.length === 0) {
    return null;
  }
  return (
    <section aria-labelledby="measured" className="mb-10">
      <h3 id="measured" className="font-medium">
        On pictures that took no part in its making
      </h3>
      {ours.length === 0 && (
        <p className="mt-2 max-w-prose border-edge border-l-2 pl-3">
          These were measured with other weights ({names(others)}) than those that run on this
          server.
        </p>
      )}
      <div className="mt-3">
        <Figures label="Measured error rates">
          <thead className="text-left text-muted text-xs">
            <tr className="align-bottom">
              <RateHeads />
              <Head isNumber>No side taken</Head>
            </tr>
          </thead>
          <tbody>
            {rows(shown).map((row) => (
              <tr key={row.key} className="border-rule border-t align-top">
                <th scope="row" className="py-2 text-left font-normal">
                  {row.pictures}
                  {row.notAnalysed > 0 && (
                    <span className="block text-muted text-xs">
                      {row.notAnalysed.toLocaleString("en")} not analysed and not counted
                    </span>
                  )}
                </th>
                <Cell>{row.nReal.toLocaleString("en")}</Cell>
                <Rate of={row.falseAlarms} />
                <Cell>{row.nFake.toLocaleString("en")}</Cell>
                <Rate of={row.caught} />
                <Rate of={row.missed} />
                <Rate of={row.inconclusive} />
              </tr>
            ))}
          </tbody>
        </Figures>
      </div>
      <p className="mt-3 max-w-prose text-muted text-sm">
        Measured by <code className="reading text-xs">unmask evaluate</code>, with 95 % intervals.
        Pictures of another kind than these may be judged worse.
      </p>
    </section>
  );
}

function names(measurements: readonly Measurement[]): string {
  const versions = measurements.map(({ model }) => `${model.name} ${model.version}`);
  return [...new Set(versions)].join(", ");
}

function Rate({ of: { value, low, high } }: { of: Estimate }) {
  return (
    <Cell>
      {value === null ? "–" : rate(value)}
      {value !== null && low !== null && high !== null && (
        <span className="block whitespace-nowrap text-muted text-xs">
          {rate(low)} to {rate(high)}
        </span>
      )}
    </Cell>
  );
}
