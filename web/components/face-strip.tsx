import { Tabs } from "@base-ui/react/tabs";
import type { ReactNode } from "react";
import type { FaceAnswer, ImageAnswer } from "@/lib/api";
import { count, percent } from "@/lib/format";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

/** The faces of a photo, cut out and side by side, over what is known of the selected one. */
export function FaceStrip(props: {
  url: string | null | undefined;
  answer: ImageAnswer;
  selected: number;
  onSelect: (face: number) => void;
  children: ReactNode;
}) {
  const { answer, selected } = props;
  return (
    <Tabs.Root value={selected} onValueChange={props.onSelect} className="border-ink border-t pt-4">
      <p className="text-muted text-sm">{count(answer.faces.length, "face")} found in the photo</p>
      <Tabs.List
        aria-label="Faces"
        className="mt-3 grid grid-cols-[repeat(auto-fill,minmax(4.5rem,1fr))] gap-2"
        activateOnFocus
      >
        {answer.faces.map((face, index) => (
          <Tabs.Tab
            key={face.box.join()}
            value={index}
            className={cn(
              "forced-color-adjust-none border p-1 text-left",
              index === selected ? "border-ink" : "border-transparent hover:border-edge",
            )}
          >
            <span className="sr-only">
              Face {index + 1}: {VERDICTS[face.verdict]},
            </span>
            <Cutout url={props.url} face={face} image={answer.image} name={`${index + 1}`} />
            <span className="reading mt-1 flex items-center gap-1 text-xs">
              <VerdictMark
                verdict={face.verdict}
                className={cn("size-3", VERDICT_TEXT[face.verdict])}
              />
              {face.p_fake === null ? "none" : percent(face.p_fake)}
            </span>
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={selected} className="mt-8">
        {props.children}
      </Tabs.Panel>
    </Tabs.Root>
  );
}

function Cutout(props: {
  url: string | null | undefined;
  face: FaceAnswer;
  image: ImageAnswer["image"];
  name: string;
}) {
  const [x1, y1, x2, y2] = props.face.box;
  const side = Math.max(x2 - x1, y2 - y1);
  const [left, top] = [(x1 + x2 - side) / 2, (y1 + y2 - side) / 2];
  return (
    <span className="relative block aspect-square overflow-hidden bg-bench">
      {props.url ? (
        <img
          src={props.url}
          alt=""
          className="absolute max-w-none bg-white"
          style={{
            width: `${(100 * (props.image.width ?? 0)) / side}%`,
            left: `${(-100 * left) / side}%`,
            top: `${(-100 * top) / side}%`,
          }}
        />
      ) : (
        <span
          className="reading absolute inset-0 grid place-items-center text-muted"
          aria-hidden="true"
        >
          {props.name}
        </span>
      )}
    </span>
  );
}
