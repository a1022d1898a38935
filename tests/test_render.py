import dataclasses
import io
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import unmask.render
from unmask.render import COLOURS, contact_sheet, render
from unmask.temporal import suspicious
from unmask.types import (
    Box,
    Coverage,
    Face,
    FaceReport,
    FrameReport,
    ModelIdentity,
    Prediction,
    Quality,
    TrackReport,
    Verdict,
    VideoReport,
)

TIMES_MS = [*range(0, 2000, 100), *range(2000, 4000, 250)]


@pytest.fixture(scope="module")
def data(clip: Callable[..., bytes]) -> bytes:
    """Four seconds of grey at a variable rate, upright only after a turn."""
    return clip([np.full((160, 240, 3), 90, np.uint8)] * len(TIMES_MS), times_ms=TIMES_MS)


@pytest.fixture
def report() -> VideoReport:
    """One person, fake from two seconds on, who moves to the right by ten px a second."""
    frames = []
    for index in (0, 5, 10, 15, 20, 24):
        time_s = TIMES_MS[index] / 1000
        p_fake = 0.97 if time_s >= 2 else 0.04
        verdict = Verdict.LIKELY_FAKE if p_fake > 0.5 else Verdict.LIKELY_REAL
        box = Box(40 + 10 * time_s, 50, 100 + 10 * time_s, 120)
        face = Face(box, np.zeros((5, 2), np.float32), 0.99)
        quality = Quality(70, 9, 0, 0, 0, None)
        one = FaceReport(face, verdict, None, Prediction(0.0, p_fake), quality)
        frames.append(FrameReport(index, time_s, (one,), (0,), None))
    intervals = suspicious([2.0, 3.0], [0.97, 0.97])
    track = TrackReport(Verdict.LIKELY_FAKE, None, 0.97, None, 0.0, 3.0, 6, 6, intervals)
    coverage = Coverage(4.0, 1.0, 6, 6, 6, 6, {})
    return VideoReport(
        path=None,
        sha256="0" * 64,
        verdict=Verdict.LIKELY_FAKE,
        reason=None,
        tracks=(track,),
        frames=tuple(frames),
        headline_track=0,
        coverage=coverage,
        width=240,
        height=160,
        format="MP4",
        codec="h264",
        method="scan",
        model=ModelIdentity("test", "1", "0" * 64),
        timings_ms={},
    )


@pytest.fixture
def rendered(data: bytes, report: VideoReport, tmp_path: object) -> Iterator[list[av.VideoFrame]]:
    path = f"{tmp_path}/out.mp4"
    told: list[tuple[int, int]] = []
    render(data, report, path, progress=lambda *n: told.append(n))
    assert told[-1] == (len(TIMES_MS), len(TIMES_MS))
    with av.open(path) as container:
        yield list(container.decode(video=0))


def is_like(pixel: np.ndarray, verdict: Verdict) -> bool:
    return bool(np.abs(pixel.astype(int) - COLOURS[verdict]).max() < 70)


class TestRender:
    def test_every_frame_keeps_its_time(self, rendered: list[av.VideoFrame]) -> None:
        assert [round(frame.time * 1000) for frame in rendered] == TIMES_MS

    def test_the_person_is_boxed_also_between_the_samples(
        self, rendered: list[av.VideoFrame]
    ) -> None:
        for number in (0, 3, 12, 20):
            pixels = rendered[number].to_ndarray(format="rgb24")
            left = round(40 + 10 * TIMES_MS[number] / 1000)
            assert is_like(pixels[90, left + 1], Verdict.LIKELY_FAKE)
            assert np.abs(pixels[90, left - 12].astype(int) - 90).max() < 12

    def test_the_bar_shows_when(self, rendered: list[av.VideoFrame]) -> None:
        bar = rendered[5].to_ndarray(format="rgb24")[160:]
        assert bar.shape[0] == 24
        flagged = [x for x in range(240) if is_like(bar[12, x], Verdict.LIKELY_FAKE)]
        assert flagged
        assert min(flagged) > 110  # two of four seconds

    def test_frames_that_shrink_are_drawn_as_large_as_the_others(
        self, shrinking: bytes, report: VideoReport, tmp_path: object
    ) -> None:
        path = f"{tmp_path}/shrinking.mp4"
        few = dataclasses.replace(report, frames=report.frames[1:2], tracks=(), headline_track=None)
        render(shrinking, few, path)
        with av.open(path) as container:
            for frame in container.decode(video=0):
                row = frame.to_ndarray(format="rgb24")[32]
                assert (row[20].mean(), row[140].mean()) == pytest.approx((60, 200), abs=12)
        box = Box(50, 2, 110, 62)  # half dark, half light
        one = few.frames[0]
        [face] = one.faces
        placed = dataclasses.replace(face, face=dataclasses.replace(face.face, box=box))
        sheet = contact_sheet(
            shrinking,
            dataclasses.replace(few, frames=(dataclasses.replace(one, faces=(placed,)),)),
        )
        assert (sheet[112, 70].mean(), sheet[112, 154].mean()) == pytest.approx((60, 200), abs=12)

    def test_what_is_drawn_grows_with_the_picture_and_stays_inside(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        path = f"{tmp_path}/large.mp4"
        large = [np.full((960, 1280, 3), 90, np.uint8)] * 2
        frame = report.frames[0]
        [face] = frame.faces
        at_the_border = dataclasses.replace(face.face, box=Box(1240, 300, 1300, 400))
        faces = (dataclasses.replace(face, face=at_the_border),)
        render(
            clip(large),
            dataclasses.replace(report, frames=(dataclasses.replace(frame, faces=faces),)),
            path,
        )
        with av.open(path) as container:
            first = next(container.decode(video=0))
        assert (first.width, first.height) == (1280, 960 + 48)
        above = first.to_ndarray(format="rgb24")[290, 900:]
        label = [x for x, pixel in enumerate(above, 900) if is_like(pixel, Verdict.LIKELY_FAKE)]
        assert label[0] < 1100
        assert label[-1] > 1276

    def test_colours_stay_as_they_are(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        path = f"{tmp_path}/green.mp4"
        green = [np.full((160, 240, 3), (20, 200, 20), np.uint8)] * 2
        render(clip(green), dataclasses.replace(report, frames=()), path)
        with av.open(path) as container:
            frame = next(container.decode(video=0))
        assert frame.colorspace in (5, 6)  # told, as players guess otherwise; both are BT.601
        pixel = frame.to_ndarray(format="rgb24")[100, 200]
        assert pixel.tolist() == pytest.approx((20, 200, 20), abs=5)

    def test_odd_sizes(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        odd = [np.full((161, 241, 3), 90, np.uint8)] * 4
        path = f"{tmp_path}/odd.mp4"
        render(clip(odd, codec="libvpx-vp9", container="webm"), report, path)
        with av.open(path) as container:
            frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (240, 184)

    def test_a_video_of_one_column(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        thin = [np.full((160, 1, 3), 90, np.uint8)] * 4
        path = f"{tmp_path}/thin.mp4"
        render(clip(thin, codec="libvpx-vp9", container="webm"), report, path)
        with av.open(path) as container:
            frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (2, 184)

    def test_a_video_without_people(
        self, data: bytes, report: VideoReport, tmp_path: object
    ) -> None:
        nobody = dataclasses.replace(report, tracks=(), frames=(), headline_track=None)
        path = f"{tmp_path}/nobody.mp4"
        render(data, nobody, path)
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(TIMES_MS)
        assert contact_sheet(data, nobody).shape == (248, 896, 3)

    def test_a_video_of_no_length(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        grey = [np.full((160, 240, 3), 90, np.uint8)]
        one = clip(grey, codec="libvpx", container="webm")
        told = b"00:00:00.100000000"
        assert one.count(told) == 1
        path = f"{tmp_path}/one.mp4"
        render(one.replace(told, b"00:00:00.000000000"), report, path)
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) == 1

    def test_a_video_judged_under_other_limits(
        self, clip: Callable[..., bytes], report: VideoReport, tmp_path: object
    ) -> None:
        grey = [np.full((160, 240, 3), 90, np.uint8)] * 3
        long = clip(grey, times_ms=[0, 1000, 7_300_000], container="matroska")
        first = dataclasses.replace(report, frames=report.frames[:1])
        render(long, first, f"{tmp_path}/long.mp4")
        assert contact_sheet(long, first).shape == (248, 896, 3)


def test_no_score_is_drawn_as_certain(
    data: bytes, report: VideoReport, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    draw = PIL.ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        PIL.ImageDraw.ImageDraw,
        "text",
        lambda self, xy, text, *args, **kwargs: (
            written.append(text),
            draw(self, xy, text, *args, **kwargs),
        ),
    )
    [track] = report.tracks
    frame = report.frames[0]
    [face] = frame.faces
    never = dataclasses.replace(face, prediction=Prediction(0.0, 1e-5))
    certain = dataclasses.replace(
        report,
        tracks=(dataclasses.replace(track, p_fake=0.9975),),
        frames=(dataclasses.replace(frame, faces=(never,)), *report.frames[1:]),
    )
    render(data, certain, f"{tmp_path}/out.mp4")
    contact_sheet(data, certain)
    assert {"1: likely fake 99.8%", "person 1  0.0 s  0.1%"} <= set(written)
    assert not {text for text in written if text.endswith((" 0%", "100%"))}


class TestContactSheet:
    def test_the_most_telling_faces_in_order(
        self, data: bytes, report: VideoReport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("unmask.render.TILES", 2)
        sheet = contact_sheet(data, report)
        assert sheet.shape == (248, 896, 3)
        grey = [np.abs(sheet[100, 112 + 224 * place].astype(int) - 90).max() for place in range(4)]
        assert grey[0] < 12
        assert grey[1] < 12
        assert grey[2:] == [165, 165]

    def test_rows(self, data: bytes, report: VideoReport) -> None:
        assert contact_sheet(io.BytesIO(data), report).shape == (2 * 248, 896, 3)

    def test_holds_one_frame_at_a_time(
        self, data: bytes, report: VideoReport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held: list[weakref.ref[PIL.Image.Image]] = []
        draw = unmask.render._picture

        def picture(*given: Any) -> PIL.Image.Image:
            assert sum(one() is not None for one in held) < 2
            drawn = draw(*given)
            held.append(weakref.ref(drawn))
            return drawn

        monkeypatch.setattr("unmask.render._picture", picture)
        contact_sheet(data, report)
        assert len(held) == 6
