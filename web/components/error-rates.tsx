import type { ModelAnswer } from "@/lib/api";
import { sources } from "@/lib/card";
import { rate } from "@/lib/format";
import { pictures } from "@/lib/measured";
import { RateHeads } from "./rate-heads";
import { Cell, Figures } from "./ui/table";

/** How often the model is wrong, by the kind of pictures it was counted on. */
export function ErrorRates({ card }: { card: ModelAnswer | undefined }) {
  const counted = sources(card);
  if (counted.length === 0) {
    return (
      <p className="max-w-prose text-muted">
        {card
          ? "The card of this model gives no error rates."
          : "Not known until the server answers."}
      </p>
    );
  }
  return (
    <>
      <h3 className="mb-3 font-medium">On the pictures that set its two lines</h3>
      <Figures label="Error rates of the card">
        <thead className="text-left text-muted text-xs">
          <tr className="align-bottom">
            <RateHeads />
          </tr>
        </thead>
        <tbody>
          {counted.map(({ source, nReal, nFake, falseAlarms, detections, misses }) => (
            <tr key={source} className="border-rule border-t">
              <th scope="row" className="py-2 text-left font-normal">
                {pictures(source)}
              </th>
              <Cell>{nReal?.toLocaleString("en")}</Cell>
              <Cell>{falseAlarms !== null && rate(falseAlarms)}</Cell>
              <Cell>{nFake?.toLocaleString("en")}</Cell>
              <Cell>{detections !== null && rate(detections)}</Cell>
              <Cell>{misses !== null && rate(misses)}</Cell>
            </tr>
          ))}
        </tbody>
      </Figures>
      <p className="mt-3 max-w-prose text-muted text-sm">
        Counted on validation pictures: the model never trained on them, but its two lines were set
        so that these rates hold there. On pictures of another kind, expect more errors.
      </p>
    </>
  );
}
