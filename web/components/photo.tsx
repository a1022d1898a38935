import { Toggle } from "@base-ui/react/toggle";
import { ToggleGroup } from "@base-ui/react/toggle-group";
import { type CSSProperties, useState } from "react";
import type { FaceAnswer, Verdict } from "@/lib/api";
import { percent } from "@/lib/format";
import type { ColourMap } from "@/lib/heatmap";
import { marks } from "@/lib/ruler";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { HeatLayer } from "./heat-layer";

interface Size {
  width: number;
  height: number;
}

const FRAME: Record<Verdict, string> = {
  likely_fake: "border-photo-fake",
  likely_real: "border-photo-real",
  inconclusive: "border-photo-unsure",
  not_analysed: "border-photo-none border-dashed",
};

const TAG: Record<Verdict, string> = {
  likely_fake: "bg-photo-fake",
  likely_real: "bg-photo-real",
  inconclusive: "bg-photo-unsure",
  not_analysed: "bg-photo-none",
};

/** The photo on its bench: rulers in its own pixels, heat map, and a frame around every face. */
export function Photo(props: {
  /** Null where the picture is not to be had: then its shape stands for it. */
  url: string | null | undefined;
  name: string;
  size: Size | null;
  faces?: readonly FaceAnswer[];
  selected?: number;
  onSelect?: (face: number) => void;
  heat?: { map: ColourMap; opacity: number };
}) {
  const { url, name, faces = [], selected = 0, heat } = props;
  const [natural, setNatural] = useState<Size | null>(null);
  const [unshowable, setUnshowable] = useState<string | null>(null);
  const [isFull, setFull] = useState(false);
  const size = props.size ?? natural;
  return (
    <div className="bg-bench">
      <section
        aria-label="Photo"
        className={cn(
          "flex p-8 pr-5 pb-4 pl-11",
          isFull ? "max-h-[80svh] overflow-auto print:max-h-none" : "items-center justify-center",
        )}
        tabIndex={isFull ? 0 : undefined} // what scrolls must be reachable by keyboard
      >
        <div
          className={cn("relative", isFull && "m-auto shrink-0 print:max-w-full")}
          style={size ? extent(size, isFull) : { width: "100%", height: "24rem" }}
        >
          {size && <Rulers size={size} />}
          {url === null ? (
            <div
              role="img"
              aria-label={`${name}, not kept`}
              className="absolute inset-0 border border-edge border-dashed"
            />
          ) : unshowable === url ? (
            <p className="absolute inset-0 grid place-items-center border border-edge border-dashed p-6 text-center text-muted text-sm">
              This browser cannot show this format. The finding does not depend on it.
            </p>
          ) : (
            url && (
              <img
                src={url}
                alt={name}
                // What is transparent was judged on white.
                className={cn("absolute inset-0 size-full object-contain", natural && "bg-white")}
                onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
                  setNatural({ width, height })
                }
                onError={() => setUnshowable(url)}
              />
            )
          )}
          {size && heat && <HeatLayer size={size} faces={faces} {...heat} />}
          {size && faces.length > 0 && (
            <ToggleGroup
              aria-label="Faces in the photo"
              value={[String(selected)]}
              onValueChange={([face]) => face !== undefined && props.onSelect?.(Number(face))}
            >
              {faces.map((face, index) => (
                <Frame
                  key={face.box.join()}
                  {...{ face, index, size }}
                  isSelected={index === selected}
                />
              ))}
            </ToggleGroup>
          )}
        </div>
      </section>
      {heat && (
        <div className="flex justify-end px-2 pb-2 print:hidden">
          <button
            type="button"
            onClick={() => setFull(!isFull)}
            className="min-h-8 px-2.5 text-muted text-xs underline decoration-edge underline-offset-4 hover:text-ink"
          >
            {isFull ? "Fit the photo" : "Show pixel for pixel"}
          </button>
        </div>
      )}
    </div>
  );
}

function Frame(props: { face: FaceAnswer; index: number; size: Size; isSelected: boolean }) {
  const { face, index, size, isSelected } = props;
  const [x1, y1, x2, y2] = face.box;
  const score = face.p_fake === null ? "" : `, ${percent(face.p_fake)}`;
  return (
    <Toggle
      value={String(index)}
      aria-label={`Face ${index + 1}: ${VERDICTS[face.verdict]}${score}`}
      className={cn(
        "forced-color-adjust-none absolute border-2 outline-offset-4 after:absolute after:-inset-2",
        "shadow-[0_0_0_1px_rgb(0_0_0/0.55),inset_0_0_0_1px_rgb(0_0_0/0.55)]",
        FRAME[face.verdict],
        isSelected ? "z-10 border-[3px]" : "opacity-85 hover:opacity-100",
      )}
      style={{
        left: `${(100 * x1) / size.width}%`,
        top: `${(100 * y1) / size.height}%`,
        width: `${(100 * (x2 - x1)) / size.width}%`,
        height: `${(100 * (y2 - y1)) / size.height}%`,
      }}
    >
      <span
        className={cn(
          "reading absolute bottom-full left-0 -ml-0.5 px-1.5 text-black text-xs leading-5",
          TAG[face.verdict],
        )}
      >
        {index + 1}
      </span>
    </Toggle>
  );
}

/** One to one, or as large as column and screen allow but never more than twice its own pixels. */
function extent({ width, height }: Size, isFull: boolean): CSSProperties {
  const ratio = width / height;
  const fitting = `min(100%, ${Math.max(2 * width, 160)}px, calc(68svh * ${ratio}))`;
  return { aspectRatio: ratio, width: isFull ? width : fitting };
}

function Rulers({ size: { width, height } }: { size: Size }) {
  return (
    <div className="reading text-[10px] text-muted leading-none" aria-hidden="true">
      <div className="absolute inset-x-0 bottom-full h-2 border-edge border-b">
        {marks(width).map((x) => (
          <div
            key={x}
            className="absolute bottom-0 h-1.5 border-edge border-l"
            style={{ left: `${(100 * x) / width}%` }}
          >
            <span className="-translate-x-1/2 absolute bottom-full pb-1">{x}</span>
          </div>
        ))}
      </div>
      <div className="absolute inset-y-0 right-full w-2 border-edge border-r">
        {marks(height).map((y) => (
          <div
            key={y}
            className="absolute right-0 w-1.5 border-edge border-t"
            style={{ top: `${(100 * y) / height}%` }}
          >
            {y > 0 && <span className="-translate-y-1/2 absolute right-full pr-1">{y}</span>}
          </div>
        ))}
      </div>
    </div>
  );
}
