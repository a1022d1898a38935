import { type RefObject, useCallback, useMemo, useRef, useState } from "react";
import type { JobVideo, ModelAnswer } from "@/lib/api";
import { cardOf, thresholds } from "@/lib/card";
import { clock, moment, percent } from "@/lib/format";
import { type Moment, momentsOf, telling } from "@/lib/timeline";
import { finding } from "@/lib/video-words";
import { Facts } from "./facts";
import { MomentPanel } from "./moment-panel";
import { People } from "./people";
import { Player } from "./player";
import { VerdictSection } from "./verdict-section";

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
  const { video, url } = props;
  const card = cardOf(props.card, video);
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
            verdict={video.tracks[selected.person]?.verdict ?? video.verdict}
            moment={selected.moment}
            isOnly={people.length === 1}
          />
        )}
        <VideoFacts video={video} expiresAt={props.expiresAt} />
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
  return (
    <VerdictSection verdict={verdict}>
      <div className="mt-4 max-w-prose space-y-2 text-lg leading-snug">
        <p>{finding(video)}</p>
        {video.detail && <p>{video.detail}</p>}
      </div>
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
    </VerdictSection>
  );
}

function VideoFacts({ video, expiresAt }: { video: JobVideo; expiresAt: string | null }) {
  const { width, height, format, codec } = video.video;
  const shape = width && height ? `${width} × ${height} px` : null;
  const length = video.coverage && clock(video.coverage.duration_s);
  return (
    <Facts
      name={video.filename}
      report={video}
      file={[["Video", [shape, format, codec, length].filter(Boolean).join(", ")]]}
      kept={expiresAt ? `until ${moment(expiresAt)}` : "on the server"}
      className="mt-5"
    />
  );
}
