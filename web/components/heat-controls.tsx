import type { FaceAnswer } from "@/lib/api";
import { COLOUR_MAPS, type ColourMap } from "@/lib/heatmap";
import { heatNote } from "@/lib/verdict";
import { Segmented } from "./ui/segmented";
import { Slider } from "./ui/slider";

export interface Heat {
  map: ColourMap;
  opacity: number;
}

const MAPS = [
  { value: "jet", label: "Jet" },
  { value: "viridis", label: "Colour-blind safe" },
] as const;

export function HeatControls(props: {
  face: FaceAnswer;
  heat: Heat;
  onChange: (heat: Heat) => void;
}) {
  const { face, heat, onChange } = props;
  if (!face.heatmap) {
    return <p className="border-rule border-b py-3 text-muted text-xs">{heatNote(face)}</p>;
  }
  return (
    <div className="border-rule border-b py-3">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2 print:hidden">
        <Slider
          label="Heat map"
          value={heat.opacity}
          onChange={(opacity) => onChange({ ...heat, opacity })}
        />
        <Segmented
          label="Colours of the heat map"
          options={MAPS}
          value={heat.map}
          onChange={(map) => onChange({ ...heat, map })}
        />
      </div>
      <div className="mt-2 flex flex-wrap items-start justify-between gap-x-8 gap-y-2 text-muted text-xs sm:flex-nowrap">
        <p>{heatNote(face)}</p>
        <p className="flex shrink-0 items-center gap-2">
          less
          <span
            className="forced-color-adjust-none h-2 w-24"
            style={{ backgroundImage: ramp(heat.map) }}
          />
          more
        </p>
      </div>
    </div>
  );
}

function ramp(map: ColourMap): string {
  return `linear-gradient(to right, ${COLOUR_MAPS[map].map((c) => `rgb(${c.join(" ")})`).join()})`;
}
