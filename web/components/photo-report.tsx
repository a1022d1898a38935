import { type ReactNode, useState } from "react";
import type { ImageAnswer, ModelAnswer } from "@/lib/api";
import { cardOf } from "@/lib/card";
import { FacePanel } from "./face-panel";
import { FaceStrip } from "./face-strip";
import { FileFacts } from "./file-facts";
import { Finding } from "./finding";
import { type Heat, HeatControls } from "./heat-controls";
import { Photo } from "./photo";

/** What is known of one photo. */
export function PhotoReport(props: {
  name: string;
  answer: ImageAnswer;
  /** Of the picture: null where it is not to be had, undefined until that is known. */
  url: string | null | undefined;
  card: ModelAnswer | undefined;
  kept: ReactNode;
  /** Said under the photo. */
  children?: ReactNode;
}) {
  const { name, answer, url } = props;
  const card = cardOf(props.card, answer);
  const [selected, setSelected] = useState(answer.headline_face ?? 0);
  const [heat, setHeat] = useState<Heat>({ map: "jet", opacity: 0.5 });
  const { width, height } = answer.image;
  const face = answer.faces[selected];
  const isOnly = answer.faces.length === 1;
  const panel = face && <FacePanel face={face} index={selected} isOnly={isOnly} card={card} />;
  return (
    <Layout
      photo={
        <>
          <Photo
            url={url}
            name={name}
            size={width && height ? { width, height } : null}
            faces={answer.faces}
            selected={selected}
            onSelect={setSelected}
            heat={heat}
          />
          {props.children}
          {face && <HeatControls face={face} heat={heat} onChange={setHeat} />}
          <FileFacts name={name} answer={answer} kept={props.kept} />
        </>
      }
      finding={<Finding answer={answer} card={card} selected={selected} />}
      details={
        answer.faces.length > 1 ? (
          <FaceStrip url={url} answer={answer} selected={selected} onSelect={setSelected}>
            {panel}
          </FaceStrip>
        ) : (
          panel
        )
      }
    />
  );
}

/** Beside the photo where there is room; else the finding comes first, then the photo. */
export function Layout(props: { photo: ReactNode; finding: ReactNode; details?: ReactNode }) {
  return (
    <div className="grid gap-x-10 gap-y-8 lg:grid-cols-[minmax(0,7fr)_minmax(0,5fr)] lg:grid-rows-[auto_1fr]">
      <div className="min-w-0">{props.finding}</div>
      <div className="min-w-0 lg:col-start-1 lg:row-span-2 lg:row-start-1">{props.photo}</div>
      <div className="min-w-0">{props.details}</div>
    </div>
  );
}
