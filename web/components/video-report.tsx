import { Download } from "lucide-react";
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { JobVideo, ModelAnswer } from "@/lib/api";
import { thresholds } from "@/lib/card";
import { save } from "@/lib/export";
import { clock, percent, seconds } from "@/lib/format";
import { type Moment, momentsOf, telling } from "@/lib/timeline";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { finding } from "@/lib/video-words";
import { MomentPanel } from "./moment-panel";
import { People } from "./people";
import { Player } from "./player";
import { Button } from "./ui/button";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";

export interface Selection {
  person: number;
  moment: Moment;
}

/** One video and what is known of it. */
export function VideoReport(props: {
  video: JobVideo;
  /** Of the file, where this session has it. */
  url: string | undefined;
  card: ModelAnswer | undefined;
  expiresAt: string | null;
  onFile: (file: File) => void;
}) {
  const { video, url, card } = props;
  const people = useMemo(() => momentsOf(video), [video]);
  const [selected, setSelected] = useState<Selection | null>(() => first(video, people));
  const player = useRef<HTMLVideoElement>(null);
  const desk = useRef<HTMLDivElement>(null);

  const onTime = useCallback(
    (timeS: number) => {
      const durationS = video.coverage?.duration_s ?? 0;
      // Straight to the style: sixty times a second is too often to render.
      desk.current?.style.setProperty("--now", String(durationS > 0 ? timeS / durationS : 0));
    },
    [video],
  );

  function select(person: number, moment: Moment) {
    setSelected({ person, moment });
    jump(player, moment.timeS);
    onTime(moment.timeS);
  }

  return (
    <div
      ref={desk}
      className="grid gap-x-10 gap-y-8 lg:grid-cols-[minmax(0,7fr)_minmax(0,5fr)] lg:grid-rows-[auto_1fr]"
    >
      <Finding video={video} />
      <div className="min-w-0 lg:col-start-1 lg:row-span-2 lg:row-start-1">
        <Player
          element={player}
          video={video}
          people={people}
          url={url}
          onTime={onTime}
          onFile={props.onFile}
        />
        <People
          video={video}
          people={people}
          selected={selected}
          thresholds={thresholds(card)}
          onSelect={select}
        />
      </div>
      <div className="min-w-0">
        {selected && (
          <MomentPanel
            person={selected.person}
            moment={selected.moment}
            isOnly={people.length === 1}
          />
        )}
        <Facts video={video} expiresAt={props.expiresAt} />
      </div>
    </div>
  );
}

/** What to show first: the most telling moment of who decided. */
function first(video: JobVideo, people: readonly Moment[][]): Selection | null {
  const person = video.headline_track ?? 0;
  const moment = telling(people[person] ?? []);
  return moment ? { person, moment } : null;
}

function jump(player: RefObject<HTMLVideoElement | null>, timeS: number) {
  if (player.current) {
    player.current.pause();
    // A little later, or rounding may show the frame before.
    player.current.currentTime = timeS + 0.001;
  }
}

function Finding({ video }: { video: JobVideo }) {
  const { verdict, p_fake } = video;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section aria-labelledby="finding" className="min-w-0">
      <h1
        id="finding"
        ref={heading}
        tabIndex={-1}
        className={cn(
          "flex items-baseline gap-3 font-serif text-[2.6rem] leading-[1.05]",
          VERDICT_TEXT[verdict],
        )}
      >
        <VerdictMark verdict={verdict} className="size-7" />
        {VERDICTS[verdict].title}
      </h1>
      <p className="mt-4 max-w-prose text-lg leading-snug">{finding(video)}</p>
      {p_fake === null ? (
        <p className="mt-4 border-edge border-l-2 pl-3 text-muted">
          There is no probability, because nobody was scored.
        </p>
      ) : (
        <p className="mt-4 text-muted text-sm">
          <span className="reading text-ink text-xl">{percent(p_fake)}</span> probability that{" "}
          {video.tracks.length === 1 ? "the person" : `person ${(video.headline_track ?? 0) + 1}`}{" "}
          was manipulated
        </p>
      )}
    </section>
  );
}

function Facts({ video, expiresAt }: { video: JobVideo; expiresAt: string | null }) {
  const { width, height, format, codec } = video.video;
  const shape = width && height ? `${width} × ${height} px` : null;
  const length = video.coverage && clock(video.coverage.duration_s);
  const facts: [string, string][] = [
    ["File", video.filename],
    ["Video", [shape, format, codec, length].filter(Boolean).join(", ")],
    ["SHA-256", video.sha256 ?? "unknown"],
    ["Model", `${video.model.name} ${video.model.version} (${video.model.sha256.slice(0, 12)})`],
    ["Analysed", `${moment(video.timestamp)}, in ${seconds(video.processing_time)}`],
    ...(expiresAt ? [["Kept until", moment(expiresAt)] as [string, string]] : []),
  ];
  return (
    <section aria-label="File and analysis" className="mt-5">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-muted">{name}</dt>
            <dd className="reading break-words text-xs leading-5">{value}</dd>
          </div>
        ))}
      </dl>
      <Button
        className="mt-4"
        onClick={() => save(`${video.filename}.unmask.json`, JSON.stringify(video, null, 2))}
      >
        <Download className="size-4" aria-hidden="true" />
        Save the report as JSON
      </Button>
    </section>
  );
}

function moment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
