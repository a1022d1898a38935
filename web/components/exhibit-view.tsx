"use client";

import { type ReactNode, useState } from "react";
import type { ImageAnswer, ModelAnswer } from "@/lib/api";
import type { Exhibit } from "@/lib/queue";
import { FacePanel } from "./face-panel";
import { FaceStrip } from "./face-strip";
import { FileFacts } from "./file-facts";
import { Finding } from "./finding";
import { type Heat, HeatControls } from "./heat-controls";
import { Photo } from "./photo";
import { Failure, Pending } from "./progress";

/** One photo and what is known of it. */
export function ExhibitView(props: {
  exhibit: Exhibit;
  card: ModelAnswer | undefined;
  onRetry: () => void;
}) {
  const { exhibit, card } = props;
  const { progress } = exhibit;
  switch (progress.step) {
    case "done":
      return <Judged exhibit={exhibit} answer={progress.answer} card={card} />;
    case "failed":
      return (
        <Failure
          name={exhibit.file.name}
          code={progress.code}
          detail={progress.detail}
          onRetry={props.onRetry}
        />
      );
    default:
      return (
        <Layout
          photo={<Photo url={exhibit.url} name={exhibit.file.name} size={null} />}
          finding={<Pending file={exhibit.file} progress={progress} />}
        />
      );
  }
}

function Judged(props: { exhibit: Exhibit; answer: ImageAnswer; card: ModelAnswer | undefined }) {
  const { exhibit, answer, card } = props;
  const [selected, setSelected] = useState(answer.headline_face ?? 0);
  const [heat, setHeat] = useState<Heat>({ map: "jet", opacity: 0.5 });
  const { width, height } = answer.image;
  const face = answer.faces[selected];
  return (
    <Layout
      photo={
        <>
          <Photo
            url={exhibit.url}
            name={exhibit.file.name}
            size={width && height ? { width, height } : null}
            faces={answer.faces}
            selected={selected}
            onSelect={setSelected}
            heat={heat}
          />
          {face && <HeatControls face={face} heat={heat} onChange={setHeat} />}
          <FileFacts file={exhibit.file} answer={answer} />
        </>
      }
      finding={<Finding answer={answer} card={card} selected={selected} />}
      details={
        <>
          {answer.faces.length > 1 && (
            <FaceStrip
              url={exhibit.url}
              answer={answer}
              selected={selected}
              onSelect={setSelected}
            />
          )}
          {face && (
            <FacePanel
              face={face}
              index={selected}
              isOnly={answer.faces.length === 1}
              card={card}
            />
          )}
        </>
      }
    />
  );
}

/** Beside the photo where there is room; else the finding comes first, then the photo. */
function Layout(props: { photo: ReactNode; finding: ReactNode; details?: ReactNode }) {
  return (
    <div className="grid gap-x-10 gap-y-8 lg:grid-cols-[minmax(0,7fr)_minmax(0,5fr)] lg:grid-rows-[auto_1fr]">
      <div className="min-w-0">{props.finding}</div>
      <div className="min-w-0 lg:col-start-1 lg:row-span-2 lg:row-start-1">{props.photo}</div>
      <div className="min-w-0">{props.details}</div>
    </div>
  );
}
