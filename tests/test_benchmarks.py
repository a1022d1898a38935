"""The benchmarks measure what they say, and the document shows what they measured."""

from __future__ import annotations

import io
import json
import time
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import PIL.Image
import pytest

from benchmarks.measure import instructions, interleaved, ratio, spread
from benchmarks.subjects import crowd, photo
from benchmarks.tables import MARKER, TABLES, render
from benchmarks.video import clip, repeated
from unmask.video import Video

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def test_the_document_shows_the_results_files() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert render(text) == text, "run python -m benchmarks.tables"


def test_every_table_stands_in_the_document() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert {name for _, name, _, _ in MARKER.findall(text)} == {*TABLES, "processors"}


def test_without_results_the_document_says_so(tmp_path: Path) -> None:
    text = "<!-- benchmark:image -->\nold figures\n<!-- /benchmark -->"
    assert "Not measured." in render(text, tmp_path)
    assert "old figures" not in render(text, tmp_path)


def test_each_processor_has_its_column(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for folder, name, times, more in (
        (tmp_path, "New", 2.0, {"instructions": "AVX2, VNNI"}),
        (tmp_path / "old", "Old", 1.3, {}),
    ):
        int8 = {"ratio": times, "quartiles": [times, times]}
        origin = {"machine": {"processor": name}, "created": "2026"}
        result = {"origin": origin, "figures": {"int8": int8, "faces": int8}, **more}
        (folder / "stages.json").write_text(json.dumps(result))
    text = render("<!-- benchmark:processors -->\n<!-- /benchmark -->", tmp_path)
    assert "|  | New (AVX2, VNNI) | Old |" in text
    assert "| 2.00 (quartiles 2.00 to 2.00) | 1.30 (quartiles 1.30 to 1.30) |" in text
    assert text.count("| not measured | not measured |") == 4


def test_a_processors_instructions_are_those_that_the_ratios_depend_on(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("flags : fpu avx2 avx512f avx_vnni avx512_vnni amx_int8\n")
    assert instructions(told) == "AVX2, AVX-512, VNNI, AMX"
    assert instructions(tmp_path / "nothing") == ""


def test_subjects_are_taken_in_turn() -> None:
    order: list[str] = []
    times = interleaved(
        {name: lambda name=name: order.append(name) for name in "ab"}, repeats=3, warm_up=1
    )
    assert "".join(order) == "abababab"
    assert [len(one) for one in times.values()] == [3, 3]


def test_a_pause_takes_as_long_as_it_takes() -> None:
    [pause] = interleaved({"pause": lambda: time.sleep(0.02)}, repeats=2, warm_up=0).values()
    assert min(pause) >= 20


def test_spread_and_ratio_are_of_medians() -> None:
    times = {"slow": [20.0, 40.0, 900.0], "fast": [10.0, 10.0, 10.0]}
    assert spread(times["slow"])["median_ms"] == 40
    assert spread(times["slow"])["least_ms"] == 20
    assert ratio(times, "slow", "fast")["ratio"] == pytest.approx(4)


def test_a_ratio_is_of_rounds_whose_sides_had_the_same_moment() -> None:
    times = {"over": [20.0, 20.0, 40.0, 60.0, 60.0], "under": [10.0, 10.0, 10.0, 30.0, 30.0]}
    found = ratio(times, "over", "under")
    assert (found["ratio"], found["quartiles"]) == (2, [2, 2])


ROUNDS = [[10.0, 10.0, 10.0], [30.0, 60.0, 90.0]]


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("image", "It takes 6.0 times as long as the bare network alone (quartiles 4.50 to 7.50)"),
        ("batch", "takes 6.00 times the bare network (quartiles 4.50 to 7.50), one by one 6.00 t"),
        ("video", "3.00 times the bare network for as many (quartiles 2.25 to 3.75)."),
    ],
)
def test_a_ratio_is_told_with_the_quartiles_of_its_rounds(
    subject: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = SimpleNamespace(
        coverage=SimpleNamespace(sampled=1), frames=[SimpleNamespace(faces="ab")], timings_ms={}
    )
    judge = SimpleNamespace(video=lambda _: report)
    reference = SimpleNamespace(call=lambda *_: {"stages_ms": {}})
    module = import_module(f"benchmarks.{subject}")
    for name, stub in {
        "detector": lambda: judge,
        "Detector": lambda **_: judge,
        "bare_network": lambda: None,
        "photo": lambda _: b"",
        "clip": lambda _: b"",
        "Reference": lambda: nullcontext(reference),
        # The bare network, and whatever else there is.
        "interleaved": lambda subjects, **_: {n: ROUNDS[n != "bare network"] for n in subjects},
    }.items():
        monkeypatch.setattr(module, name, stub, raising=False)
    assert told in TABLES[subject](module.measure(3))


def test_a_photo_has_the_pixels_it_is_asked_for() -> None:
    with PIL.Image.open(io.BytesIO(photo(1))) as image:
        assert image.width * image.height == pytest.approx(1e6, rel=0.01)
        assert image.width / image.height == pytest.approx(4 / 3, rel=0.01)


def test_a_clip_is_repeated_to_a_long_video(tmp_path: Path) -> None:
    repeated(clip(0.4, 320, 240), 5, tmp_path / "long.mp4")
    with Video(tmp_path / "long.mp4") as video:
        assert (video.info.n_frames, video.info.width) == (50, 320)
        assert video.info.duration_s == pytest.approx(2.0, abs=0.05)
        assert [frame.index for frame in video.frames([0, 25, 49])] == [0, 25, 49]


def test_a_crowd_has_as_many_faces_as_it_is_asked_for(detector: object) -> None:
    assert len(detector.image(crowd(3), heatmaps=False).faces) == 3  # type: ignore[attr-defined]
