import type { FaceAnswer, ModelAnswer } from "@/lib/api";
import { genuineBand, nOutside, paths } from "@/lib/spectrum";

/** How strong the detail of a face is, from coarse to fine, beside genuine faces if the card has
 * some. It shows, and decides nothing. */
export function SpectrumPlot({ face, card }: { face: FaceAnswer; card: ModelAnswer | undefined }) {
  if (face.spectrum === null) {
    return null;
  }
  const band = genuineBand(card, face.spectrum.length);
  const drawn = paths(face.spectrum, band);
  const n = face.spectrum.length;
  const comparison = band
    ? `${n - nOutside(face.spectrum, band)} of its ${n} bands lie where nine in ten genuine faces do.`
    : "";
  return (
    <figure className="mt-5 text-xs">
      <p className="pb-2 text-muted">Strength of its detail, from coarse to fine</p>
      <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2">
        <div
          className="reading flex flex-col justify-between text-right text-muted leading-none"
          aria-hidden="true"
        >
          <span>{drawn.top}</span>
          <span>0</span>
        </div>
        <svg
          viewBox="0 0 100 100"
          preserveAspectRatio="none"
          className="h-32 w-full border-edge border-b border-l"
          role="img"
          aria-label={`The radial profile of this face's spectrum, from ${face.spectrum.at(0)?.toFixed(1)} in its coarsest band to ${face.spectrum.at(-1)?.toFixed(1)} in its finest. ${comparison}`.trim()}
          fill="none"
        >
          {drawn.band && <path d={drawn.band} className="fill-edge/30" />}
          {drawn.mean && (
            <path
              d={drawn.mean}
              className="stroke-muted"
              strokeDasharray="3 3"
              vectorEffect="non-scaling-stroke"
            />
          )}
          <path
            d={drawn.profile}
            className="stroke-ink"
            strokeWidth="2"
            strokeLinejoin="round"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        <div
          className="reading col-start-2 mt-1 flex justify-between text-muted"
          aria-hidden="true"
        >
          <span>0</span>
          <span>0.25</span>
          <span>0.5 cycles per pixel</span>
        </div>
      </div>
      <figcaption className="mt-2 text-muted">
        {band && (
          <>
            The line is this face; nine in ten of the {band.n.toLocaleString("en")} genuine faces
            that calibrated the model lie in the grey band, their mean on the dashes. {
              comparison
            }{" "}
          </>
        )}
        Natural logarithm of power. Camera, size, focus and compression move this line as much as a
        manipulation does: on its own it tells nothing.
      </figcaption>
    </figure>
  );
}
