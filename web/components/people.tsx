import { type JobVideo, pictureUrl, type TrackAnswer } from "@/lib/api";
import type { Thresholds } from "@/lib/card";
import { clock, count, percent } from "@/lib/format";
import { marks } from "@/lib/ruler";
import { analysed, gaps, type Moment, telling } from "@/lib/timeline";
import { cn } from "@/lib/utils";
import { VERDICTS } from "@/lib/verdict";
import { coverage, reasonOf } from "@/lib/video-words";
import { KeptPicture } from "./kept-picture";
import { Playhead, Timeline } from "./timeline";
import { VERDICT_TEXT, VerdictMark } from "./verdict-mark";
import type { Selection } from "./video-report";

/** Everybody in the video, one above the other over the same time. */
export function People(props: {
  video: JobVideo;
  people: readonly Moment[][];
  selected: Selection | null;
  thresholds: Thresholds | null;
  onSelect: (person: number, moment: Moment) => void;
}) {
  const { video, people, selected } = props;
  const durationS = video.coverage?.duration_s ?? 0;
  return (
    <section aria-labelledby="people" className="mt-6">
      <h2 id="people" className="sr-only">
        {count(people.length, "person", "people")} found in the video
      </h2>
      {video.tracks.map((track, person) => (
        <Person
          key={person}
          track={track}
          person={person}
          moments={people[person] ?? []}
          durationS={durationS}
          thresholds={props.thresholds}
          selected={selected?.person === person ? selected.moment : null}
          onSelect={(moment) => props.onSelect(person, moment)}
        />
      ))}
      <Covered video={video} durationS={durationS} />
    </section>
  );
}

function Person(props: {
  track: TrackAnswer;
  person: number;
  moments: readonly Moment[];
  durationS: number;
  thresholds: Thresholds | null;
  selected: Moment | null;
  onSelect: (moment: Moment) => void;
}) {
  const { track, person, moments, durationS } = props;
  const name = `Person ${person + 1}`;
  const best = telling(moments);
  const intervals = track.intervals.map(({ start_s, end_s, p_fake }) => ({
    startS: start_s,
    endS: end_s,
    p_fake,
  }));
  return (
    <article
      aria-label={name}
      className="grid gap-x-5 gap-y-2 border-ink border-t py-4 sm:grid-cols-[11rem_minmax(0,1fr)]"
    >
      <div className="flex gap-3 sm:row-span-2">
        <KeptPicture
          url={best?.crop && pictureUrl(best.crop)}
          alt={`${name}, cut out`}
          className="size-16 shrink-0"
        />
        <div className="min-w-0 text-sm">
          <h3 className="font-medium">{name}</h3>
          <p className={cn("flex items-center gap-1.5", VERDICT_TEXT[track.verdict])}>
            <VerdictMark verdict={track.verdict} className="size-3.5" />
            {VERDICTS[track.verdict]}
          </p>
          {track.p_fake !== null && <p className="reading">{percent(track.p_fake)}</p>}
        </div>
      </div>
      <Timeline
        name={name}
        moments={moments}
        intervals={intervals}
        durationS={durationS}
        thresholds={props.thresholds}
        selected={props.selected}
        onSelect={props.onSelect}
      />
      <div className="text-muted text-xs leading-relaxed">
        <p>
          Seen from {clock(track.start_s)} to {clock(track.end_s)}, in{" "}
          {count(track.n_faces, "frame")}, {track.n_scored} scored.
          {track.reason && ` ${reasonOf(track.reason)}`}
        </p>
        {intervals.length > 0 && (
          <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1">
            Suspicious:
            {intervals.map(({ startS, endS, p_fake }) => (
              <button
                key={startS}
                type="button"
                onClick={() => {
                  const first = moments.find(({ timeS }) => timeS >= startS);
                  if (first) {
                    props.onSelect(first);
                  }
                }}
                className="reading min-h-6 text-ink underline decoration-edge underline-offset-4 hover:decoration-ink"
              >
                {clock(startS)} to {clock(endS)}, {percent(p_fake)}
              </button>
            ))}
          </p>
        )}
      </div>
    </article>
  );
}

/** Of which stretches the finding tells anything at all. */
function Covered({ video, durationS }: { video: JobVideo; durationS: number }) {
  const scored = video.frames.flatMap(({ reason, time_s }) => (reason === null ? time_s : []));
  const x = (timeS: number) => `${(100 * timeS) / durationS}%`;
  return (
    <div className="grid gap-x-5 gap-y-2 border-ink border-t pt-4 sm:grid-cols-[11rem_minmax(0,1fr)]">
      <h3 className="font-medium text-sm">Analysed</h3>
      {durationS > 0 && (
        <div aria-hidden="true">
          <div className="forced-color-adjust-none relative h-3 bg-ink/70">
            {gaps(analysed(scored, durationS), durationS).map(({ startS, endS }) => (
              <div
                key={startS}
                className="hatched absolute inset-y-0 bg-paper"
                style={{ left: x(startS), width: x(endS - startS) }}
              />
            ))}
            <Playhead />
          </div>
          <div className="reading relative mt-1 h-4 text-[10px] text-muted">
            {marks(durationS, 5).map((at) => (
              <span
                key={at}
                className={cn("absolute", at > 0 && "-translate-x-1/2")}
                style={{ left: x(at) }}
              >
                {at < 0.95 * durationS && clock(at)}
              </span>
            ))}
          </div>
        </div>
      )}
      <p className="text-muted text-xs leading-relaxed sm:col-start-2">
        {coverage(video)} What is hatched was not analysed.
        {video.tracks.length > 0 &&
          " The dashed lines above are those at which Unmask takes a side."}
      </p>
    </div>
  );
}
