import type { ModelAnswer } from "@/lib/api";
import { sources } from "@/lib/card";
import { rate } from "@/lib/format";

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
      <div className="overflow-x-auto">
        <table className="w-full min-w-lg text-sm">
          <thead className="text-left text-muted text-xs">
            <tr className="align-bottom">
              <Head>Pictures</Head>
              <Head isNumber>Genuine faces</Head>
              <Head isNumber>flagged by mistake</Head>
              <Head isNumber>Manipulated faces</Head>
              <Head isNumber>flagged</Head>
              <Head isNumber>passed as genuine</Head>
            </tr>
          </thead>
          <tbody>
            {counted.map(({ source, nReal, nFake, falseAlarms, detections, misses }) => (
              <tr key={source} className="border-rule border-t">
                <th scope="row" className="py-2 text-left font-normal">
                  {source}
                </th>
                <Cell>{nReal?.toLocaleString("en")}</Cell>
                <Cell>{falseAlarms !== null && rate(falseAlarms)}</Cell>
                <Cell>{nFake?.toLocaleString("en")}</Cell>
                <Cell>{detections !== null && rate(detections)}</Cell>
                <Cell>{misses !== null && rate(misses)}</Cell>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="mt-3 max-w-prose text-muted text-sm">
        Counted on validation pictures: the model never trained on them, but its two lines were set
        so that these rates hold there. On pictures of another kind, expect more errors.
      </p>
    </>
  );
}

function Head({ isNumber, children }: { isNumber?: boolean; children: string }) {
  return (
    <th scope="col" className={isNumber ? "py-2 pl-4 text-right font-normal" : "py-2 font-normal"}>
      {children}
    </th>
  );
}

function Cell({ children }: { children: React.ReactNode }) {
  return <td className="reading py-2 pl-4 text-right">{children}</td>;
}
