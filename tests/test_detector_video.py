"""Whole videos through the real model: what is asked is the outcome, not how good the model is."""

import io
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from unmask.detector import Detector
from unmask.errors import UnsupportedFormatError
from unmask.report import to_dict
from unmask.types import Reason, Verdict
from unmask.video import Video

Clip = Callable[..., bytes]


@pytest.fixture(scope="session")
def portrait(astronaut: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(astronaut)).convert("RGB"))


@pytest.fixture(scope="session")
def moving(clip: Clip, portrait: np.ndarray) -> bytes:
    """The astronaut drifts to the right for four seconds."""
    return clip([np.ascontiguousarray(np.roll(portrait, 2 * i, axis=1)) for i in range(40)])


def test_one_person_through_a_clip(detector: Detector, moving: bytes) -> None:
    told: list[tuple[int, int]] = []
    report = detector.video(moving, max_frames=5, progress=lambda *n: told.append(n))
    assert len(report.tracks) == 1
    assert report.coverage is not None
    assert (report.coverage.scored, report.coverage.rejected) == (5, {})
    assert report.coverage.analysed_share == pytest.approx(1)
    assert report.verdict is report.tracks[0].verdict is not Verdict.NOT_ANALYSED
    assert report.p_fake is not None
    assert told == [(n, 5) for n in range(1, 6)]
    left = [frame.faces[0].face.box.x1 for frame in report.frames]
    assert left == sorted(left)
    assert set(report.timings_ms) >= {"media", "faces", "network"}


def test_frames_are_judged_side_by_side_and_told_of_in_order(
    moving: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, judge, both = Detector(threads=2), Detector._judge, threading.Barrier(2)

    def together(*given: object, **options: object) -> object:
        both.wait(60)
        return judge(*given, **options)

    monkeypatch.setattr(Detector, "_judge", together)
    seen: list[int] = []
    report = one.video(moving, max_frames=6, seen=lambda frame, _: seen.append(frame.index))
    assert seen == [frame.index for frame in report.frames] == sorted(seen)
    assert set(report.timings_ms) >= {"media", "faces", "network"}


def test_a_frame_scores_as_the_picture_it_is(detector: Detector, moving: bytes) -> None:
    report = detector.video(moving, max_frames=1)
    with Video(moving) as video:
        frame = next(video.frames([report.frames[0].index]))
    assert report.p_fake is not None
    assert report.p_fake == pytest.approx(detector.image(frame.pixels).p_fake, abs=1e-6)


def test_nothing_is_decoded_without_a_deadline(
    detector: Detector, moving: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where only the first key frame is damaged, looking for a sound frame decodes the whole file.
    deadlines, frames = [], Video.frames

    def noted(self: Video, indices: Iterable[int], *, deadline: float = math.inf) -> object:
        deadlines.append(deadline)
        return frames(self, indices, deadline=deadline)

    monkeypatch.setattr(Video, "frames", noted)
    started = time.monotonic()
    detector.video(moving, max_frames=1)
    assert len(deadlines) >= 2
    for deadline in deadlines:
        assert started + 599 < deadline < time.monotonic() + 600


@pytest.mark.parametrize("wrong", [{"max_frames": 0}, {"every": 0}, {"every": -1}])
def test_a_sampling_that_takes_nothing_is_refused(
    detector: Detector, moving: bytes, wrong: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        detector.video(moving, **wrong)


def test_what_is_of_the_other_kind_is_sent_on(
    detector: Detector, moving: bytes, astronaut: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(moving)
    for video in (path, moving):
        with pytest.raises(UnsupportedFormatError, match=r"a video; .* with Detector\.video"):
            detector.image(video)
    with pytest.raises(UnsupportedFormatError, match=r"a picture; .* with Detector\.image"):
        detector.video(astronaut)
    for judge in (detector.image, detector.video):
        with pytest.raises(UnsupportedFormatError, match="Convert it"):
            judge(b"no picture and no video")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "wieghted"}, ValueError, "'wieghted': expected scan, majority"),
        ({"max_frames": 2.5}, TypeError, "float"),
        ({"every": "3"}, TypeError, "str"),
    ],
)
def test_an_option_that_there_is_not_is_refused(
    options: dict[str, Any], error: type[Exception], message: str, detector: Detector, moving: bytes
) -> None:
    with pytest.raises(error, match=message):
        detector.video(moving, **options)


def test_the_specifications_sampling_and_votes(detector: Detector, moving: bytes) -> None:
    report = detector.video(moving, every=10, max_frames=3, method="weighted")
    assert [frame.index for frame in report.frames] == [0, 10, 20]
    assert report.tracks[0].vote_share is not None
    assert report.p_fake is None


def test_the_json_object(detector: Detector, moving: bytes) -> None:
    values = json.loads(json.dumps(to_dict(detector.video(moving, every=10, max_frames=2))))
    assert values["kind"] == "video"
    assert set(values) >= {"verdict", "reason", "p_fake", "label", "confidence", "headline_track"}
    assert set(values["coverage"]) == {
        *("duration_s", "analysed_share", "sampled", "decoded", "with_face", "scored", "rejected")
    }
    assert values["frames"][0]["faces"][0]["track"] == 0
    assert len(values["frames"][0]["faces"][0]["box"]) == 4
    assert values["tracks"][0]["n_scored"] == 2
    assert isinstance(values["intervals"], list)


def test_black(detector: Detector, clip: Clip) -> None:
    report = detector.video(clip([np.zeros((240, 320, 3), np.uint8)] * 10), max_frames=3)
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.NO_FACE)
    values = to_dict(report)
    assert (values["p_fake"], values["label"], values["confidence"]) == (None, None, None)


@pytest.mark.parametrize("width", [90, 230])
def test_all_faces_tiny(detector: Detector, clip: Clip, portrait: np.ndarray, width: int) -> None:
    """At 90 px the face has 20 px and is not found; at 230 it is found and too small to score."""
    small = PIL.Image.fromarray(portrait).resize((width, width))
    canvas = np.full((480, 640, 3), 128, np.uint8)
    canvas[100 : 100 + width, 100 : 100 + width] = np.asarray(small)
    report = detector.video(clip([canvas] * 10), max_frames=3)
    expected = Reason.NO_FACE if width == 90 else Reason.FACE_TOO_SMALL
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, expected)
    assert report.p_fake is None
    assert report.coverage is not None
    assert report.coverage.rejected == {expected.value: 3}
    assert report.coverage.analysed_share == 0


def test_the_command_line_says_the_same(
    detector: Detector, moving: bytes, astronaut: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_bytes(moving)
    (tmp_path / "b.mp4").write_text("this is a text")
    (tmp_path / "c.jpg").write_bytes(astronaut)
    (tmp_path / "d.mp4").write_bytes(astronaut)
    (tmp_path / "e.jpg").write_bytes(moving)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "unmask",
            "detect",
            str(tmp_path),
            "--json",
            "--every",
            "10",
            "--max-frames",
            "2",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    video, text, picture, misnamed, clip = map(json.loads, run.stdout.splitlines())
    assert (video["kind"], text["kind"], picture["kind"]) == ("video", "video", "image")
    assert (misnamed["kind"], misnamed["p_fake"]) == ("image", picture["p_fake"])
    assert (clip["kind"], clip["sha256"]) == ("video", video["sha256"])
    assert (text["verdict"], text["reason"]) == ("not_analysed", "unsupported_format")
    assert text["p_fake"] is None
    assert video["p_fake"] == pytest.approx(
        detector.video(moving, every=10, max_frames=2).p_fake, abs=1e-6
    )


def test_drawn_verdicts_and_contact_sheet_from_the_command_line(
    moving: bytes, tmp_path: Path
) -> None:
    source, drawn, sheet = (tmp_path / name for name in ("a.mp4", "drawn.mp4", "sheet.jpg"))
    source.write_bytes(moving)
    command = [
        sys.executable,
        "-m",
        "unmask",
        "detect",
        str(source),
        "--every",
        "10",
        "--max-frames",
        "2",
    ]
    subprocess.run([*command, "--render", str(drawn), "--contact-sheet", str(sheet)], check=True)
    with Video(drawn) as video:
        assert video.info.n_frames == 40
    assert PIL.Image.open(sheet).size == (896, 248)
    for option in ("--render", "--contact-sheet"):
        over = subprocess.run([*command, option, str(source)], capture_output=True, check=False)
        assert over.returncode == 2
        assert source.read_bytes() == moving
    wrong = [sys.executable, "-m", "unmask", "detect", str(sheet), "--render", str(drawn)]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode == 2
