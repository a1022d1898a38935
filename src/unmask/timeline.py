"""Stages 9 and 10 wired: what was seen of a video -> people -> the report.

[(Frame, [FaceReport])] ─tracks→ one track per person ─temporal→ VideoReport
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unmask.alignment import align
from unmask.errors import InputError, UndecodableError
from unmask.temporal import Method, analysed_share, headline, is_sound, judge
from unmask.tracks import Descriptor, Sighting, describe, link
from unmask.types import (
    Box,
    Coverage,
    Face,
    FaceReport,
    Frame,
    FrameReport,
    ModelIdentity,
    Reason,
    TrackReport,
    Verdict,
    VideoReport,
)

if TYPE_CHECKING:
    from unmask.video import Video, VideoInfo

__all__ = ["Timeline", "refusal"]

APPEARANCE_PX, APPEARANCE_MARGIN = 64, 1.3
"""The crop that shows what a person looks like, whatever the model wants to see."""

CLOSER_LOOKS = 2
"""How many moments of a video are looked at more closely."""

CLOSER_FRAMES = 12
"""In how many frames each."""

FINE_S = 1.0
"""Samples this close leave nothing to look at more closely."""

ONE_TRACK = (
    "Only one track of pictures in this file was looked at, and it has more: save the others as "
    "files of their own, to judge them all."
)
PQ = (
    "The video is in HDR (PQ) and looks flat to the model, which may take genuine faces for fake: "
    "convert it to SDR."
)
NOT_UPRIGHT = "A face on its side or upside down is often missed: turn the video upright."

UNSEEN = (Reason.UNDECODABLE, Reason.TIMED_OUT)


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """A sampled frame: its faces and what each looks like, or why it could not be looked at."""

    time_s: float
    faces: tuple[FaceReport, ...]
    descriptors: tuple[Descriptor, ...]
    reason: Reason | None


def _moment(frame: Frame, faces: Sequence[FaceReport], video: VideoInfo) -> _Moment:
    descriptors = tuple(
        describe(align(frame.pixels, face.face, size=APPEARANCE_PX, margin=APPEARANCE_MARGIN))
        for face in faces
    )
    height, width = frame.pixels.shape[:2]
    x, y = video.width / width, video.height / height
    return _Moment(frame.time_s, tuple(_scaled(face, x, y) for face in faces), descriptors, None)


def _scaled(report: FaceReport, x: float, y: float) -> FaceReport:
    """The same in px of the video, whose frames may change their size, as those of calls do."""
    if (x, y) == (1, 1):
        return report
    face, box, heatmap = report.face, report.face.box, report.heatmap
    return replace(
        report,
        face=Face(
            Box(box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y),
            face.landmarks * np.array([x, y], np.float32),
            face.score,
        ),
        heatmap=heatmap and replace(heatmap, affine=heatmap.affine / [x, y, 1]),
    )


class Timeline:
    """Watches a video and answers for the whole.

    `look` finds and judges the faces of frames, and gives them back in the same order; `verdict_of`
    and `calibration` are those of `temporal.judge`; no frame is decoded after `deadline`, a time of
    `time.monotonic`.
    """

    def __init__(
        self,
        video: Video,
        look: Callable[[Iterable[Frame]], Iterable[tuple[Frame, Sequence[FaceReport]]]],
        *,
        verdict_of: Callable[[float], tuple[Verdict, Reason | None]],
        calibration: Mapping[str, float] | None = None,
        method: Method = "scan",
        deadline: float = math.inf,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._video = video
        self._look = look
        self._verdict_of = verdict_of
        self._calibration = calibration
        self._method: Method = method
        self._deadline = deadline
        self._progress = progress
        self._moments: dict[int, _Moment] = {}
        self._spread: list[int] | None = None
        """The frames that were looked at before any was more closely."""

    def watch(self, indices: Iterable[int]) -> None:
        """Look at the frames of these numbers; those that were looked at before are left out.

        Raises:
            UndecodableError: there was time, and not one frame of the video could be decoded.
        """
        wanted = {int(index) for index in indices} - self._moments.keys()
        seen: set[int] = set()
        for frame, faces in self._look(self._new_frames(wanted)):
            self._moments[frame.index] = _moment(frame, faces, self._video.info)
            seen.add(frame.index)
            if self._progress is not None:
                self._progress(len(self._moments), len(self._moments) + len(wanted) - len(seen))
        is_late = time.monotonic() > self._deadline
        if not self._moments and wanted and not is_late:
            info = self._video.info
            raise UndecodableError(
                f"None of {len(wanted)} frames of the {info.codec} pictures of this {info.format} "
                "file can be decoded; get a complete copy or convert it to H.264."
            )
        # A frame that was not asked for stands in for a damaged one.
        missing = sorted(wanted - seen)[len(seen - wanted) :]
        reason = Reason.TIMED_OUT if is_late else Reason.UNDECODABLE
        for index in missing:
            time_s = float(self._video.times_s[index])
            self._moments[index] = _Moment(time_s, (), (), reason)

    def _new_frames(self, wanted: set[int]) -> Iterator[Frame]:
        """Those that can be decoded; one that stands in for others, or was there before, once."""
        passed = set(self._moments)
        for frame in self._video.frames(wanted, deadline=self._deadline):
            if frame.index not in passed:
                passed.add(frame.index)
                yield frame

    def closer_looks(self) -> list[int]:
        """Frames worth a second look: round the most suspicious moments of who is not found fake.

        Each look reaches from the sample before the moment to the one after it.
        """
        moments, people = self._people()
        self._spread = [index for index, _ in moments]
        # A vote counts each frame once: those picked for being suspicious would outvote the rest.
        if len(moments) < 2 or self._method != "scan":
            return []
        spacing_s = float(np.median(np.diff([moment.time_s for _, moment in moments])))
        suspects: list[tuple[float, float]] = []
        for person in people:
            track = self._judge(moments, person)
            is_coarse = spacing_s > FINE_S or track.reason is Reason.FEW_FRAMES
            if track.verdict in (Verdict.LIKELY_FAKE, Verdict.NOT_ANALYSED) or not is_coarse:
                continue
            for moment, face in person:
                report = moments[moment][1].faces[face]
                if report.prediction and is_sound(report) and report.prediction.p_fake > 0.5:
                    suspects.append((report.prediction.p_fake, moments[moment][1].time_s))
        looks: list[float] = []
        for _, time_s in sorted(suspects, reverse=True):
            if all(abs(time_s - other) >= 2 * spacing_s for other in looks):
                looks.append(time_s)
        return [
            int(index)
            for time_s in looks[:CLOSER_LOOKS]
            for index in self._video.between(time_s - spacing_s, time_s + spacing_s, CLOSER_FRAMES)
        ]

    def report(
        self, path: str | None, model: ModelIdentity, timings_ms: Mapping[str, float]
    ) -> VideoReport:
        """Judge every person, and the video by its people."""
        moments, people = self._people()
        tracks = tuple(self._judge(moments, person) for person in people)
        number_of = {sighting: n for n, person in enumerate(people) for sighting in person}
        frames = []
        for position, (index, moment) in enumerate(moments):
            numbers = tuple(number_of[position, face] for face in range(len(moment.faces)))
            own = [tracks[n] for n in numbers]
            reason = moment.reason or _unscored(moment.faces, own)
            faces = tuple(map(_believed, moment.faces, own))
            frames.append(FrameReport(index, moment.time_s, faces, numbers, reason))
        decider = headline(tracks)
        info = self._video.info
        reason = _reason(tracks, frames, decider)
        sideways = NOT_UPRIGHT if reason is Reason.NO_FACE else None
        others = ONE_TRACK if info.has_more else None
        flat = PQ if info.is_pq else None
        remarks = (others, flat, sideways, self._out_of_time(), self._cut_short())
        return VideoReport(
            path=path,
            sha256=info.sha256,
            verdict=Verdict.NOT_ANALYSED if decider is None else tracks[decider].verdict,
            reason=reason,
            tracks=tracks,
            frames=tuple(frames),
            headline_track=decider,
            coverage=_coverage(frames, info.duration_s),
            width=info.width,
            height=info.height,
            format=info.format,
            codec=info.codec,
            method=self._method,
            model=model,
            timings_ms=timings_ms,
            detail=" ".join(filter(None, remarks)) or None,
        )

    def _people(self) -> tuple[list[tuple[int, _Moment]], list[list[tuple[int, int]]]]:
        """The moments in order, and for each person the (moment, face) positions."""
        moments = sorted(self._moments.items())
        places = [(m, f) for m, (_, moment) in enumerate(moments) for f in range(len(moment.faces))]
        sightings = [
            Sighting(
                frame=m,
                time_s=moments[m][1].time_s,
                box=moments[m][1].faces[f].face.box,
                descriptor=moments[m][1].descriptors[f],
            )
            for m, f in places
        ]
        return moments, [[places[i] for i in members] for members in link(sightings)]

    def _judge(
        self, moments: Sequence[tuple[int, _Moment]], person: Sequence[tuple[int, int]]
    ) -> TrackReport:
        seen = {m for m, _ in person}
        weights = self._weights(moments)
        return judge(
            [moments[m][1].faces[f] for m, f in person],
            [moments[m][1].time_s for m, _ in person],
            missed_s=[
                one.time_s
                for m, (_, one) in enumerate(moments)
                if m not in seen and one.reason is None
            ],
            weights=[weights[m] for m, _ in person],
            n_sampled=len(moments),
            verdict_of=self._verdict_of,
            calibration=self._calibration,
            method=self._method,
        )

    def _weights(self, moments: Sequence[tuple[int, _Moment]]) -> list[float]:
        """What each moment counts for: a closer look shares the one of the sample it is nearest to.

        Otherwise the moments that were picked for being suspicious would count several times.
        """
        indices = [index for index, _ in moments]
        spread = np.array(self._spread or indices)
        nearest = np.searchsorted((spread[:-1] + spread[1:]) / 2, indices)
        # What nobody could look at, because it is damaged or the time was over, takes no share.
        n_seen = np.bincount(nearest, [moment.reason is None for _, moment in moments])[nearest]
        weights: list[float] = (1 / np.maximum(n_seen, 1)).tolist()
        return weights

    def _out_of_time(self) -> str | None:
        n_late = sum(one.reason is Reason.TIMED_OUT for one in self._moments.values())
        if not n_late:
            return None
        return (
            f"The time for one video (UNMASK_VIDEO_BUDGET_S) ran out: {n_late} of "
            f"{len(self._moments)} frames were not looked at."
        )

    def _cut_short(self) -> str | None:
        info = self._video.info
        if info.duration_s - info.filled_s <= max(1.0, 0.02 * info.duration_s):
            return None
        return (
            f"The file declares {info.duration_s:.1f} seconds, but its pictures end after "
            f"{info.filled_s:.1f}; get a complete copy."
        )


def refusal(path: str | None, error: InputError, model: ModelIdentity) -> VideoReport:
    """The report of a video that cannot be read."""
    return VideoReport(
        path=path,
        sha256=error.sha256,
        verdict=Verdict.NOT_ANALYSED,
        reason=Reason(error.code),
        tracks=(),
        frames=(),
        headline_track=None,
        coverage=None,
        width=None,
        height=None,
        format=None,
        codec=None,
        method=None,
        model=model,
        timings_ms={},
        detail=str(error),
    )


def _reason(
    tracks: Sequence[TrackReport], frames: Sequence[FrameReport], decider: int | None
) -> Reason | None:
    if decider is not None:
        if tracks[decider].reason is not None:
            return tracks[decider].reason
        # Who is inconclusive by the scores was judged, as a face of a picture is.
        is_partial = any(
            (track.verdict is Verdict.NOT_ANALYSED and track.reason is not Reason.DOUBTFUL_FACE)
            or (track.verdict is Verdict.INCONCLUSIVE and track.reason is Reason.FEW_FRAMES)
            for track in tracks
        )
        if is_partial:
            return Reason.SOME_FACES_NOT_ANALYSED
        unseen = [frame.reason for frame in frames if frame.reason in UNSEEN]
        return unseen[0] if 2 * len(unseen) > len(frames) else None
    if tracks:
        return tracks[0].reason
    seen = [frame.reason for frame in frames if frame.reason not in UNSEEN]
    return seen[0] if seen else frames[0].reason


def _believed(face: FaceReport, track: TrackReport) -> FaceReport:
    """The same face, without its score where its track was taken for a pattern."""
    if track.reason is not Reason.DOUBTFUL_FACE or face.prediction is None:
        return face
    return FaceReport(face.face, Verdict.NOT_ANALYSED, track.reason, None, face.quality)


def _unscored(faces: Sequence[FaceReport], tracks: Sequence[TrackReport]) -> Reason | None:
    """Why a frame with these faces, each of its track, was not scored; None where it was.

    What was taken for a pattern is nobody who was analysed, whatever its score.
    """
    if not faces:
        return Reason.NO_FACE
    believed = [
        face
        for face, track in zip(faces, tracks, strict=True)
        if track.reason is not Reason.DOUBTFUL_FACE
    ]
    if any(map(is_sound, believed)):
        return None
    largest = max(believed, key=lambda face: face.face.box.side, default=None)
    return largest.reason if largest else Reason.DOUBTFUL_FACE


def _coverage(frames: Sequence[FrameReport], duration_s: float) -> Coverage:
    rejected = Counter(frame.reason.value for frame in frames if frame.reason is not None)
    return Coverage(
        duration_s=duration_s,
        analysed_share=analysed_share(
            [frame.time_s for frame in frames if frame.reason is None], duration_s
        ),
        sampled=len(frames),
        decoded=sum(frame.reason not in UNSEEN for frame in frames),
        with_face=sum(bool(frame.faces) for frame in frames),
        scored=sum(frame.reason is None for frame in frames),
        rejected=dict(rejected),
    )
