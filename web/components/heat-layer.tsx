import { useEffect, useRef } from "react";
import type { FaceAnswer } from "@/lib/api";
import { type ColourMap, paint, placement } from "@/lib/heatmap";

/** A map of 7 x 7 values needs no more pixels than this to be smooth at any size. */
const TILE = 96;
const MOST_PIXELS = 1600;

/** The heat maps of all faces, laid over the photo. */
export function HeatLayer(props: {
  size: { width: number; height: number };
  faces: readonly FaceAnswer[];
  map: ColourMap;
  opacity: number;
}) {
  const { size, faces, map, opacity } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(1, MOST_PIXELS / Math.max(size.width, size.height));
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    const tile = new OffscreenCanvas(TILE, TILE);
    const tileContext = tile.getContext("2d");
    if (!context || !tileContext) {
      return;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    for (const { heatmap } of faces) {
      if (heatmap && !heatmap.empty) {
        tileContext.putImageData(new ImageData(paint(heatmap.grid, map, TILE), TILE, TILE), 0, 0);
        context.setTransform(scale, 0, 0, scale, 0, 0);
        context.transform(...placement(heatmap.corners));
        context.drawImage(tile, 0, 0, 1, 1);
      }
    }
  }, [faces, map, width, height, scale]);

  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      className="pointer-events-none absolute inset-0 size-full"
      style={{ opacity }}
    />
  );
}
