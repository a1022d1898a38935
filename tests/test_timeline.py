"""Clips of grey pictures, in which each test says what there is to see, and when."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from unmask.errors import UndecodableError
from unmask.report import to_dict
from unmask.temporal import frame_scores
from unmask.timeline import Timeline
from unmask.types import (
    Box,
    Face,
    FaceReport,
    Frame,
    Heatmap,
    ModelIdentity,
    Prediction,
    Quality,
    Reason,
    Verdict,
    VideoReport,
)
from unmask.video import Video

MODEL = ModelIdentity("test", "1", "0" * 64)
Look = Callable[[Frame], list[FaceReport]]


def verdict_of(p_fake: float) -> tuple[Verdict, Reason | None]:
    if p_fake >= 0.9:
        return Verdict.LIKELY_FAKE, None
    return (Verdict.LIKELY_REAL, None) if p_fake <= 0.2 else (Verdict.INCONCLUSIVE, None)


def face(p_fake: float | None, *, x: float = 20, score: float = 0.99) -> FaceReport:
    verdict, reason = (
        (Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL) if p_fake is None else verdict_of(p_fake)
    )
    landmarks = np.array([[x + 10, 20], [x + 30, 20], [x + 20, 30], [x + 12, 40], [x + 28, 40]])
    return FaceReport(
        Face(Box(x, 5, x + 40, 45), landmarks.astype(np.float32), score),
        verdict,
        reason,
        None if p_fake is None else Prediction(0.0, p_fake),
        Quality(40, 9, 0, 0, 0, None, () if p_fake is not None else (Reason.FACE_TOO_SMALL,)),
    )


@pytest.fixture(scope="module")
def minutes(clip: Callable[..., bytes]) -> bytes:
    """Ten minutes at one frame a second: dark on the left, light on the right."""
    picture = np.full((64, 160, 3), 60, np.uint8)
    picture[:, 80:] = 200
    return clip([picture] * 600, rate=1, preset="ultrafast", g="50")


@pytest.fixture
def video(minutes: bytes) -> Iterator[Video]:
    with Video(minutes) as video:
        yield video


def each(look: Look) -> Callable[[Iterable[Frame]], Iterator[tuple[Frame, list[FaceReport]]]]:
    return lambda frames: ((frame, look(frame)) for frame in frames)


def watched(video: Video, look: Look, *, n: int = 30, **options: object) -> VideoReport:
    timeline = Timeline(video, each(look), verdict_of=verdict_of, **options)
    timeline.watch(video.spread(n))
    timeline.watch(timeline.closer_looks())
    return timeline.report("clip.mp4", MODEL, {})


def test_a_genuine_video(video: Video) -> None:
    report = watched(video, lambda _: [face(0.02)])
    assert (report.verdict, report.reason, report.headline_track) == (Verdict.LIKELY_REAL, None, 0)
    assert report.p_fake == pytest.approx(0.02)
    assert report.tracks[0].intervals == ()
    coverage = report.coverage
    assert coverage is not None
    assert (coverage.sampled, coverage.decoded, coverage.with_face, coverage.scored) == (30,) * 4
    assert coverage.rejected == {}
    assert coverage.duration_s == pytest.approx(600)
    assert coverage.analysed_share == pytest.approx(30 / 600)


def test_a_quarter_of_a_minute_of_fake_in_ten_is_timed_but_not_called(video: Video) -> None:
    # Samples are 20 seconds apart: one meets the fake, and the closer look shows the rest. Of 30
    # genuine moments the strangest may look like this; the closer look tells no more of the others.
    report = watched(video, lambda frame: [face(0.99 if 205 <= frame.time_s < 220 else 0.02)])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.p_fake is not None
    assert report.p_fake == pytest.approx(0.7, abs=0.1)
    assert len(report.frames) > 30
    (interval,) = report.tracks[0].intervals
    assert interval.start_s == pytest.approx(205, abs=5)
    assert interval.end_s == pytest.approx(220, abs=5)


def test_a_fifth_of_fake_spliced_in(video: Video) -> None:
    report = watched(video, lambda frame: [face(0.98 if frame.time_s >= 480 else 0.05)])
    assert report.verdict is Verdict.LIKELY_FAKE
    (interval,) = report.tracks[0].intervals
    assert (interval.start_s, interval.end_s) == pytest.approx((480, 590), abs=15)


def test_one_wrong_frame_is_looked_at_closely_and_found_to_be_wrong(video: Video) -> None:
    report = watched(video, lambda frame: [face(0.99 if frame.index == 290 else 0.02)])
    assert any(frame.index == 290 for frame in report.frames)
    assert len(report.frames) > 30
    assert report.verdict is Verdict.LIKELY_REAL


def test_of_two_people_the_fake_one_is_named(video: Video) -> None:
    report = watched(video, lambda _: [face(0.02, x=20), face(0.99, x=110)])
    assert [track.verdict for track in report.tracks].count(Verdict.LIKELY_FAKE) == 1
    assert report.headline_track is not None
    for frame in report.frames:
        fake = frame.tracks.index(report.headline_track)
        assert frame.faces[fake].face.box.x1 == 110


def test_positions_are_those_of_the_video_where_its_frames_shrink(shrinking: bytes) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        scale = frame.pixels.shape[1] / 160
        whole = face(0.02)
        box = Box(20 * scale, 5 * scale, 60 * scale, 45 * scale)
        place = Face(box, whole.face.landmarks * np.float32(scale), 0.99)
        affine = np.array([[5.0, 0, -100], [0, 5, -25]]) / [scale, scale, 1]
        heatmap = Heatmap(np.ones((7, 7), np.float32), affine, 200)
        return [dataclasses.replace(whole, face=place, heatmap=heatmap)]

    with Video(shrinking) as video:
        widths = [frame.pixels.shape[1] for frame in video.frames(range(10))]
        report = watched(video, look)
    assert widths == [160] * 5 + [80] * 5
    assert (report.width, report.height, len(report.tracks)) == (160, 64, 1)
    for frame in report.frames:
        [one] = frame.faces
        assert one.face.box == Box(20, 5, 60, 45)
        assert one.face.landmarks == pytest.approx(face(0.02).face.landmarks)
        assert one.heatmap is not None
        assert one.heatmap.corners() == pytest.approx(
            np.array([[20, 5], [60, 5], [60, 45], [20, 45]])
        )


def test_nobody(video: Video) -> None:
    report = watched(video, lambda _: [])
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.NO_FACE)
    assert (report.p_fake, report.headline_track, report.tracks) == (None, None, ())
    assert report.coverage is not None
    assert report.coverage.rejected == {"no_face": 30}
    assert report.coverage.analysed_share == 0
    assert "turn the video upright" in (report.detail or "")


def test_all_faces_too_small(video: Video) -> None:
    report = watched(video, lambda _: [face(None)])
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL)
    assert report.p_fake is None
    assert report.coverage is not None
    assert report.coverage.rejected == {"face_too_small": 30}


def test_a_person_who_is_too_small_beside_one_who_is_not(video: Video) -> None:
    report = watched(video, lambda _: [face(0.02, x=20), face(None, x=110)])
    assert report.verdict is Verdict.LIKELY_REAL
    assert report.reason is Reason.SOME_FACES_NOT_ANALYSED


@pytest.mark.parametrize(
    ("p_fake", "frames", "reason"),
    [
        (0.6, 50, None),  # between the thresholds: judged, as a face of a picture is
        (0.99, 2, Reason.SOME_FACES_NOT_ANALYSED),  # seen too little to be judged
        (0.02, 50, None),
    ],
)
def test_a_fake_beside_somebody_who_is(
    p_fake: float, frames: int, reason: Reason | None, video: Video
) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        is_seen = frame.time_s >= 600 - 12 * frames
        return [face(0.99, x=20), *([face(p_fake, x=110)] if is_seen else [])]

    report = watched(video, look, method="average")  # which takes no closer look
    assert (report.verdict, report.reason) == (Verdict.LIKELY_FAKE, reason)


def test_what_was_taken_for_a_pattern_is_nothing_that_was_analysed(video: Video) -> None:
    report = watched(video, lambda _: [face(0.99, score=0.8)])
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.DOUBTFUL_FACE)
    assert report.coverage is not None
    assert report.coverage.with_face == report.coverage.rejected["doubtful_face"] == 30
    assert (report.coverage.scored, report.coverage.analysed_share) == (0, 0)
    assert list(frame_scores(report)) == []
    answer = to_dict(report)
    for part in (answer, *answer["tracks"], *(frame["faces"][0] for frame in answer["frames"])):
        assert (part["verdict"], part["reason"]) == ("not_analysed", "doubtful_face")
        assert (part["p_fake"], part["label"], part["confidence"]) == (None, None, None)


def test_a_pattern_beside_a_person_neither_adds_to_the_coverage_nor_speaks_for_a_frame(
    video: Video,
) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        pattern = face(0.6, x=110, score=0.8)
        return [[pattern], [pattern, face(None)], [pattern, face(0.02)]][frame.index % 3]

    report = watched(video, look, n=50)
    reasons = [Reason.DOUBTFUL_FACE, Reason.FACE_TOO_SMALL, None]
    assert all(frame.reason is reasons[frame.index % 3] for frame in report.frames)
    scored = [frame.index for frame in report.frames if frame.index % 3 == 2]
    assert scored
    assert list(frame_scores(report)) == [(index, 0.02) for index in scored]
    verdicts = [[face.verdict for face in frame.faces] for frame in report.frames]
    assert [Verdict.NOT_ANALYSED, Verdict.LIKELY_REAL] in verdicts
    assert all(found[0] is Verdict.NOT_ANALYSED for found in verdicts)
    assert report.coverage is not None
    assert report.coverage.scored == len(scored)


def test_the_counts_add_up(video: Video) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        return [[], [face(None)], [face(0.02)]][frame.index % 3]

    coverage = watched(video, look, n=50).coverage
    assert coverage is not None
    assert coverage.sampled == coverage.scored + sum(coverage.rejected.values()) == 50
    assert coverage.decoded == coverage.with_face + coverage.rejected["no_face"]


def test_no_time_left(video: Video) -> None:
    report = watched(video, lambda _: [face(0.02)], deadline=time.monotonic() - 1)
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.TIMED_OUT)
    assert report.coverage is not None
    assert (report.coverage.sampled, report.coverage.decoded) == (30, 0)
    assert report.coverage.rejected == {"timed_out": 30}
    assert "(UNMASK_VIDEO_BUDGET_S) ran out: 30 of 30 frames" in (report.detail or "")


def test_time_that_runs_out_in_the_middle(video: Video) -> None:
    deadline = time.monotonic() + 0.5

    def look(frame: Frame) -> list[FaceReport]:
        if frame.time_s > 300:
            time.sleep(max(0.0, deadline - time.monotonic() + 0.01))
        return [face(0.02)]

    report = watched(video, look, deadline=deadline)
    assert report.verdict is Verdict.LIKELY_REAL
    assert report.coverage is not None
    assert 10 < report.coverage.decoded < 20
    n_late = 30 - report.coverage.decoded
    assert report.coverage.rejected == {"timed_out": n_late}
    assert f"ran out: {n_late} of 30 frames" in (report.detail or "")


@pytest.mark.parametrize(
    ("end_s", "verdict", "reason"),
    [
        # One frame of thirty is no more than one frame of a whole video would be.
        (1, Verdict.INCONCLUSIVE, Reason.FEW_FRAMES),
        (100, Verdict.LIKELY_FAKE, Reason.TIMED_OUT),
        (400, Verdict.LIKELY_FAKE, None),
    ],
)
def test_what_was_seen_of_a_video_before_the_time_ran_out_says_so(
    video: Video, end_s: float, verdict: Verdict, reason: Reason | None, monkeypatch
) -> None:
    clock = {"s": 0.0}
    monkeypatch.setattr("time.monotonic", lambda: clock["s"])

    def look(frame: Frame) -> list[FaceReport]:
        clock["s"] = float(frame.time_s > end_s)
        return [face(0.99)]

    report = watched(video, look, deadline=0.5)
    assert (report.verdict, report.reason) == (verdict, reason)


def test_a_closer_look_that_timed_out_changes_nothing(video: Video) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        return [face(0.8 if 205 <= frame.time_s < 300 else 0.02)]

    timeline = Timeline(video, each(look), verdict_of=verdict_of)
    timeline.watch(video.spread(30))
    before = timeline.report("clip.mp4", MODEL, {})
    closer = timeline.closer_looks()
    assert closer
    timeline._deadline = time.monotonic() - 1
    timeline.watch(closer)
    after = timeline.report("clip.mp4", MODEL, {})
    assert after.p_fake == before.p_fake
    assert after.tracks[0].intervals == before.tracks[0].intervals


@pytest.mark.parametrize("method", ["majority", "weighted", "average"])
def test_frames_picked_for_being_suspicious_have_no_vote(video: Video, method: str) -> None:
    report = watched(video, lambda frame: [face(0.7 if frame.time_s < 200 else 0.1)], method=method)
    assert len(report.frames) == 30


def test_a_face_that_does_not_count_draws_no_closer_look(video: Video) -> None:
    def look(frame: Frame) -> list[FaceReport]:
        if 205 <= frame.time_s < 220:
            return [face(0.99)]
        if frame.time_s < 60 or frame.time_s > 540:
            blurred = face(0.995)
            quality = dataclasses.replace(blurred.quality, reasons=(Reason.BLURRED,))
            return [dataclasses.replace(blurred, quality=quality)]
        return [face(0.02)]

    (interval,) = watched(video, look).tracks[0].intervals
    assert interval.start_s == pytest.approx(205, abs=5)


def test_a_video_that_cannot_be_decoded_is_no_empty_success(clip: Callable[..., bytes]) -> None:
    data = bytearray(clip([np.zeros((64, 64, 3), np.uint8)] * 20))
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    with Video(bytes(data)) as video, pytest.raises(UndecodableError, match="h264"):
        watched(video, lambda _: [face(0.02)])


def test_a_file_cut_short_says_so(clip: Callable[..., bytes], tmp_path: object) -> None:
    path = f"{tmp_path}/clip.mp4"
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(80)]
    clip(noise, path=path, container_options={"movflags": "faststart"}, g="5")
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read()
    with Video(data[: len(data) * 6 // 10]) as video:
        report = watched(video, lambda _: [face(0.02)])
    assert report.verdict is Verdict.LIKELY_REAL
    assert report.detail is not None
    assert "declares 8.0 seconds" in report.detail
    assert report.coverage is not None
    assert report.coverage.analysed_share < 0.75


def test_other_tracks_of_a_file_are_told(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(video, lambda _: [face(0.02)]).detail is None
    monkeypatch.setattr(video, "info", dataclasses.replace(video.info, has_more=True))
    report = watched(video, lambda _: [face(0.02)])
    assert (report.verdict, report.reason) == (Verdict.LIKELY_REAL, None)
    assert "Only one track of pictures" in (report.detail or "")


def test_values_of_hdr10_are_told(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "info", dataclasses.replace(video.info, is_pq=True))
    assert "convert it to SDR" in (watched(video, lambda _: [face(0.02)]).detail or "")


def test_progress_ends_at_all_of_all(video: Video) -> None:
    told: list[tuple[int, int]] = []
    timeline = Timeline(
        video,
        each(lambda _: [face(0.02)]),
        verdict_of=verdict_of,
        progress=lambda *n: told.append(n),
    )
    timeline.watch(video.spread(10))
    assert told == [(n, 10) for n in range(1, 11)]
