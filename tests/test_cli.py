"""What the commands print, and the status they end with."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import PIL.Image
import pytest
from rich.console import Console
from typer.testing import CliRunner

from unmask import __version__, cli
from unmask.calibration import calibrate
from unmask.cli import printing
from unmask.detector import Detector
from unmask.types import FaceCrop, Heatmap, Reason

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
ASTRONAUT = EXAMPLES / "astronaut.jpg"


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run(
    detector: Detector, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The program in this process, with the weights that are loaded already."""
    monkeypatch.setattr(Detector, "from_settings", lambda *_, **__: detector)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["unmask", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return Result(int(exit_.value.code or 0), *capsys.readouterr())

    return run


def program(
    *arguments: object, started: Sequence[str] = ("-m", "unmask"), **environment: str
) -> Result:
    """The program in a process of its own."""
    done = subprocess.run(
        [sys.executable, *started, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
        | environment,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def sky(tmp_path: Path, landscape: bytes) -> Path:
    """A picture without a face."""
    path = tmp_path / "sky.png"
    path.write_bytes(landscape)
    return path


# --- detect ---


def test_a_picture_is_a_line_and_status_0(run: Run, detector: Detector) -> None:
    result = run("detect", ASTRONAUT)
    assert result.status == 0
    [line] = result.out.splitlines()
    assert line.startswith(detector.image(ASTRONAUT, heatmaps=False).verdict)
    assert str(ASTRONAUT) in line
    assert "%" in line
    assert result.err == ""


def test_several_files_are_counted_in_the_end_beside_the_verdicts(run: Run, sky: Path) -> None:
    result = run("detect", ASTRONAUT, EXAMPLES / "astronaut-fake.jpg", sky)
    assert result.err == "3 files: 1 likely_fake, 1 likely_real, 1 not_analysed\n"
    assert run("detect", "--json", ASTRONAUT, sky).err == ""


def test_several_faces_are_a_line_each(run: Run, tmp_path: Path) -> None:
    photo = np.asarray(PIL.Image.open(ASTRONAUT).convert("RGB"))
    path = tmp_path / "two.png"
    PIL.Image.fromarray(np.hstack([photo, photo])).save(path)
    lines = run("detect", path).out.splitlines()
    assert len(lines) == 3
    assert "face 1:" in lines[1]
    assert "face 2:" in lines[2]
    assert "px at" in lines[1]


def test_faces_of_a_crowd_that_are_too_small_are_told_in_one_line(run: Run, tmp_path: Path) -> None:
    with PIL.Image.open(ASTRONAUT) as portrait:
        face = np.asarray(portrait.convert("RGB"))
        small = np.asarray(portrait.convert("RGB").resize((256, 256)))
    path = tmp_path / "crowd.png"
    PIL.Image.fromarray(np.hstack([face, *[np.vstack([small, small])] * 4])).save(path)
    lines = run("detect", path).out.splitlines()
    assert ": likely_real" in lines[1]
    assert lines[2].split() == ["8", "faces", "more:", "not_analysed", "(face_too_small)"]
    assert len(lines) == 3


def test_people_are_counted_from_1_as_on_the_page(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip([np.asarray(PIL.Image.open(ASTRONAUT).convert("RGB"))] * 2))
    assert run("detect", path).out.splitlines()[1].startswith("    person 1: ")
    one = run("detect", path, "--max-frames", 1).out.splitlines()
    assert "0.0 s, 1 frame" in one[1].replace("0.1 s", "0.0 s")
    assert one[2].startswith("    1 of 1 frame scored")


def test_what_has_no_probability_has_a_mark_in_every_encoding(sky: Path) -> None:
    result = program("detect", sky, PYTHONIOENCODING="ascii")
    assert result.out.startswith("not_analysed       -  ")


def test_json_is_an_object_a_line_in_the_order_given(run: Run, sky: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.jpg"
    result = run("detect", "--json", sky, ASTRONAUT, missing, sky)
    assert [one["path"] for one in result.objects] == [*map(str, (sky, ASTRONAUT, missing, sky))]
    assert [one["reason"] for one in result.objects][::2] == ["no_face", "unreadable"]
    assert result.objects[1]["p_fake"] is not None
    assert result.objects[1]["timings_ms"]["media"] > 0.5
    assert result.status == 3


def text(path: Path) -> None:
    path.write_text("this is no picture\n" * 20)


def truncated(path: Path) -> None:
    path.write_bytes(ASTRONAUT.read_bytes()[:9000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def too_many_bytes(path: Path) -> None:
    path.write_bytes(ASTRONAUT.read_bytes())
    os.truncate(path, 50 * 1024 * 1024 + 1)


def too_many_pixels(path: Path, side: int = 20_000) -> None:
    """A PNG that claims `side` x `side` pixels in a few bytes."""
    PIL.Image.new("RGB", (1, 1)).save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def gif_bomb(path: Path) -> None:
    """A screen of one pixel whose first frame claims 40,000 x 40,000."""
    PIL.Image.new("P", (1, 1)).save(path, "GIF")
    data = bytearray(path.read_bytes())
    frame = data.index(b"\x2c\0\0\0\0\x01\0\x01\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 40_000, 40_000)
    path.write_bytes(data)


def polyglot(path: Path) -> None:
    path.write_bytes(b"<html>" + ASTRONAUT.read_bytes())


def missing(path: Path) -> None:
    assert not path.exists()


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


BAD = {
    text: "unsupported_format",
    truncated: "undecodable",
    empty: "undecodable",
    too_many_bytes: "too_large",
    too_many_pixels: "too_large",
    gif_bomb: "too_large",
    polyglot: "unsupported_format",
    missing: "unreadable",
    link_to_nothing: "unreadable",
}


@pytest.mark.parametrize(
    ("make", "reason"), BAD.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_bad_input_has_its_reason_and_the_next_is_still_judged(
    make: Callable[[Path], None], reason: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    make(path)
    result = run("detect", "--json", path, ASTRONAUT)
    bad, good = result.objects
    assert (result.status, result.err) == (3, "")
    assert (bad["verdict"], bad["reason"]) == ("not_analysed", reason)
    assert [bad[key] for key in ("p_fake", "label", "confidence", "headline_face")] == [None] * 4
    assert bad["faces"] == []
    assert len(bad["detail"]) > 20
    was_read = reason != "unreadable" and make not in (empty, too_many_bytes)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest() if was_read else None
    assert bad["sha256"] == checksum
    assert good["p_fake"] is not None


def test_of_a_damaged_exif_block_pillow_says_nothing(tmp_path: Path) -> None:
    path, exif = tmp_path / "photo.jpg", b"Exif\0\0II*\0\x08\0\0\0\x05\0\x0f\x01\x02\0\xff\xff\0\0"
    with PIL.Image.open(ASTRONAUT) as photo:
        photo.save(path, exif=exif)
    result = program("detect", path)
    assert (result.status, result.err) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="no such shell")
def test_a_closed_standard_output_is_no_success() -> None:
    command = f'"{sys.executable}" -m unmask detect --json "{ASTRONAUT}" >&-'
    result = program(started=("-c", f"import os; os.execvp('sh', ['sh', '-c', {command!r}])"))
    assert (result.status, "standard output is closed" in result.err) == (1, True)
    assert "Traceback" not in result.err


@pytest.mark.skipif(os.name == "nt", reason="no such shell")
def test_a_verdict_is_printed_also_where_there_is_no_standard_error() -> None:
    command = f'"{sys.executable}" -m unmask detect "{ASTRONAUT}" 2>&-'
    result = program(started=("-c", f"import os; os.execvp('sh', ['sh', '-c', {command!r}])"))
    assert (result.status, "inconclusive" in result.out or "likely" in result.out) == (0, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize(
    "arguments", [f'detect "{ASTRONAUT}"', f'detect --json "{ASTRONAUT}"', "info --json", "--help"]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_written_is_no_success(arguments: str, unbuffered: str) -> None:
    command = f'"{sys.executable}" -m unmask {arguments} > /dev/full'
    result = program(
        started=("-c", f"import os; os.execvp('sh', ['sh', '-c', {command!r}])"),
        PYTHONUNBUFFERED=unbuffered,
    )
    assert result == (1, "", "unmask: [Errno 28] No space left on device\n")


def test_of_a_picture_over_our_limit_pillow_says_nothing_besides(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    too_many_pixels(path, 10_000)  # from 9,500 on Pillow warns
    result = program("detect", path)
    assert (result.status, result.err) == (3, "")
    assert "At most 40,000,000 pixels are read, the picture has 10000 x 10000" in result.out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(ASTRONAUT.read_bytes())
    path.chmod(0)
    assert run("detect", "--json", path).objects[0]["reason"] == "unreadable"


def test_a_folder_that_may_not_be_looked_into_is_not_left_out_in_silence(
    run: Run, landscape: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(landscape)
    locked = tmp_path / "locked"
    locked.mkdir()
    access = os.access
    # Root may read all, so that permissions alone would not do.
    monkeypatch.setattr(os, "access", lambda path, mode: path != locked and access(path, mode))
    result = run("detect", "--json", tmp_path)
    assert result.status == 3
    assert {Path(one["path"]).name: one["reason"] for one in result.objects} == {
        "photo.png": "no_face",
        "locked": "unreadable",
    }


def test_the_table_says_why_and_what_to_do(run: Run, sky: Path, tmp_path: Path) -> None:
    bad = tmp_path / "text.jpg"
    text(bad)
    result = run("detect", sky, bad)
    no_face, no_picture = result.out.splitlines()
    assert result.status == 3
    assert no_face.startswith("not_analysed")
    assert "(no_face; A face on its side or upside down is often missed: turn" in no_face
    assert "Convert it" in no_picture
    assert "%" not in no_face + no_picture


@pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")
@pytest.mark.parametrize("make", [text, missing])
def test_a_name_cannot_write_a_verdict(
    make: Callable[[Path], None], run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "a\x1b[2K\r\nlikely_real     1.0%  b.jpg"
    make(path)
    [line] = run("detect", path).out.splitlines()
    assert line.startswith("not_analysed")
    assert r"a\x1b[2K\r\nlikely_real" in line
    assert line.isprintable()


def test_what_was_not_looked_at_in_a_file_stands_beside_the_reason(
    run: Run, landscape: bytes, tmp_path: Path
) -> None:
    first = PIL.Image.open(io.BytesIO(landscape)).convert("RGB")
    path = tmp_path / "two.gif"
    first.save(path, save_all=True, append_images=[PIL.Image.new("RGB", first.size)])
    [line] = run("detect", path).out.splitlines()
    assert "(no_face; Only the first picture in this file was looked at" in line
    assert line.endswith("turn the picture upright.)")


def test_a_folder_is_its_pictures_by_name(run: Run, landscape: bytes, tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "sub/c.webp"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(landscape)
    for name in ("notes.txt", ".DS_Store"):
        (tmp_path / "folder" / name).write_bytes(b"BMW, and other text that begins as a picture")
    (tmp_path / "folder" / "album.jpg").mkdir()
    result = run("detect", "--json", tmp_path / "folder")
    names = [
        Path(one["path"]).relative_to(tmp_path / "folder").as_posix() for one in result.objects
    ]
    assert names == ["a.jpg", "b.PNG", "sub/c.webp"]
    assert {one["reason"] for one in result.objects} == {"no_face"}
    assert result.err == "2 files are neither picture nor video, by content or name, and left out\n"


@pytest.mark.parametrize("name", ["photo", "photo.jpg_large", "photo.jpg.download", "photo.hif"])
def test_a_picture_is_found_in_a_folder_whatever_its_name(
    name: str, run: Run, landscape: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(landscape)
    result = run("detect", "--json", tmp_path)
    assert [one["reason"] for one in result.objects] == ["no_face"]
    assert result.err == ""


def test_a_format_that_is_not_read_is_not_left_out_of_a_folder_in_silence(
    run: Run, landscape: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.jfif").write_bytes(landscape)  # what browsers on Windows call a JPEG
    (tmp_path / "b.jxl").write_bytes(b"\xff\x0a" + bytes(20))
    (tmp_path / "c.WMV").write_bytes(b"\x30\x26\xb2\x75" + bytes(20))
    result = run("detect", "--json", tmp_path)
    assert result.status == 3
    assert [(Path(one["path"]).name, one["kind"], one["reason"]) for one in result.objects] == [
        ("a.jfif", "image", "no_face"),
        ("b.jxl", "image", "unsupported_format"),
        ("c.WMV", "video", "unsupported_format"),
    ]
    assert all("Convert it" in one["detail"] for one in result.objects[1:])


def test_a_file_that_is_named_is_taken_whatever_its_ending(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "photo.txt"
    path.write_bytes(ASTRONAUT.read_bytes())
    assert run("detect", "--json", path).objects[0]["p_fake"] is not None


def test_heat_maps_are_written_as_pictures_of_their_size(
    run: Run, sky: Path, tmp_path: Path
) -> None:
    target = tmp_path / "deep" / "maps"
    result = run("detect", "--json", "--heatmap-dir", target, sky, ASTRONAUT, ASTRONAUT)
    assert [path.name for path in sorted(target.iterdir())] == [
        "0001-astronaut.jpg",
        "0002-astronaut.jpg",
    ]
    assert result.objects[1]["timings_ms"]["media"] > 0.5
    shown = PIL.Image.open(target / "0001-astronaut.jpg").convert("RGB")
    photo = PIL.Image.open(ASTRONAUT).convert("RGB")
    assert shown.size == photo.size
    difference = np.abs(np.asarray(shown, int) - np.asarray(photo)).max(axis=2)
    assert difference[:, 400:].max() < 60  # only JPEG's rounding
    x1, y1, x2, y2 = map(int, result.objects[1]["faces"][0]["box"])
    assert difference[y1:y2, x1:x2].mean() > 3 * difference[:, 400:].mean()


def test_where_nothing_spoke_for_fake_there_is_no_heat_map(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_: object, crop: FaceCrop) -> Heatmap:
        return Heatmap(np.zeros((14, 14), np.float32), crop.affine, len(crop.pixels))

    monkeypatch.setattr("unmask.detector.heatmap", nothing)
    result = run("detect", "--heatmap-dir", tmp_path / "maps", ASTRONAUT)
    assert (result.status, list((tmp_path / "maps").iterdir())) == (0, [])
    assert result.out.endswith("(no heat map: nothing spoke for FAKE)\n")


@pytest.mark.parametrize("after", [b"no picture", (EXAMPLES / "hopper.jpg").read_bytes()])
def test_a_file_that_changes_gets_no_heat_map_and_the_next_is_judged(
    after: bytes, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(ASTRONAUT.read_bytes())
    print_report = printing.print_report
    monkeypatch.setattr(
        "unmask.cli.detection.print_report",
        lambda *told: (print_report(*told), photo.write_bytes(after)),
    )
    result = run("detect", "--heatmap-dir", tmp_path / "maps", photo, ASTRONAUT)
    assert (result.status, len(result.out.splitlines())) == (3, 2)
    assert "photo.jpg has changed since it was judged: no heat map is written" in result.err
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["0001-astronaut.jpg"]


def test_heat_maps_do_not_go_where_the_next_run_would_judge_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(ASTRONAUT.read_bytes())
    for folder in (tmp_path, tmp_path / "maps"):
        result = run("detect", tmp_path, "--heatmap-dir", folder)
        assert (result.status, result.out) == (2, "")
        assert "of which all is judged" in result.err
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_for_heat_maps_that_may_not_be_written_to_is_missed_before_the_work(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)  # root may write anywhere
    result = run("detect", ASTRONAUT, "--heatmap-dir", tmp_path)
    assert (result.status, result.out) == (2, "")
    assert f"the folder {tmp_path} may not be written to" in result.err


def test_an_option_that_can_do_nothing_is_wrong_usage(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    for arguments, message in (
        ((video, "--heatmap-dir", tmp_path / "maps"), "--heatmap-dir is for pictures"),
        ((ASTRONAUT, "--colormap", "viridis"), "name a --heatmap-dir"),
        ((ASTRONAUT, "--max-frames", 3), "are for videos"),
        ((ASTRONAUT, "--every", 3), "are for videos"),
        ((ASTRONAUT, "--method", "majority"), "are for videos"),
        ((video, "--contact-sheet", tmp_path / "sheet.png"), "a contact sheet is a JPEG"),
    ):
        result = run("detect", *arguments)
        assert (result.status, result.out) == (2, "")
        assert message in result.err
    assert run("detect", tmp_path, "--heatmap-dir", tmp_path.with_name("maps")).status == 3
    assert run("detect", tmp_path, ASTRONAUT, "--max-frames", 3).status == 3


def test_a_colour_map_by_name(run: Run, tmp_path: Path) -> None:
    jet, viridis = tmp_path / "jet", tmp_path / "viridis"
    run("detect", "--heatmap-dir", jet, ASTRONAUT)
    run("detect", "--heatmap-dir", viridis, "--colormap", "viridis", ASTRONAUT)
    pictures = [(folder / "0000-astronaut.jpg").read_bytes() for folder in (jet, viridis)]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect"], "Missing argument"),
        (["detect", "--colormap", "rainbow", ASTRONAUT], "expected jet or viridis"),
        (["detect", "--precision", "int4", ASTRONAUT], "expected fp32 or int8"),
        (["detect", "--heatmap-dir", ASTRONAUT, ASTRONAUT], "expected a folder"),
        (["detect", "--unknown", ASTRONAUT], "No such option"),
        (["unknown"], "No such command"),
        (["evaluate", ASTRONAUT, "--faces", "some"], "expected detect or whole"),
        (["serve", "--port", "99999"], "65535"),  # in words of Typer's or Click's
        (["evaluate", EXAMPLES / "nothing.csv"], "nothing.csv"),
        (["evaluate", ASTRONAUT, "--out", ROOT / "no" / "r.json"], "does not exist"),
        (["evaluate", ASTRONAUT, "--plots", ASTRONAUT], "is a file"),
        (["prepare", EXAMPLES / "nothing", "target"], "there is no such folder"),
        (["prepare", ASTRONAUT, ASTRONAUT], "is a file"),
        (["import", EXAMPLES / "nothing.pt", "target.pt"], "does not exist"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, list) else "",
)
def test_wrong_usage_is_status_2_and_says_what_was_expected(
    arguments: list[object], message: str, run: Run
) -> None:
    result = run(*arguments)
    assert result.status == 2
    assert message in " ".join(result.err.split())
    assert result.out == ""
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", ""),
        ("detect", ASTRONAUT, ""),
        ("detect", ASTRONAUT, "--heatmap-dir="),
        ("evaluate", "m.csv", "--split", ""),
        ("evaluate", "m.csv", "--source", ""),
        ("prepare", "", "target"),
    ],
)
def test_what_is_empty_is_not_the_current_folder_nor_no_choice_at_all(
    arguments: tuple[object, ...], run: Run, landscape: bytes, monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(landscape)
    (tmp_path / "m.csv").write_text("path,label\nphoto.png,real\n")
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.status, result.out) == (2, "")
    assert "expected a value, got nothing" in result.err
    assert len(list(tmp_path.iterdir())) == 2


def test_videos_are_measured_as_they_are_judged(
    run: Run, detector: Detector, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    lines = ["path,label,method,original,identity"]
    for label, name in (("real", "astronaut"), ("fake", "astronaut-fake")):
        pixels = np.asarray(PIL.Image.open(EXAMPLES / f"{name}.jpg").convert("RGB"))
        (tmp_path / f"{label}.mp4").write_bytes(clip([pixels] * 2))
        lines.append(f"{label}.mp4,{label},{'blend' if label == 'fake' else ''},1,1")
    manifest, out, scores = (tmp_path / name for name in ("m.csv", "out.json", "scores.csv"))
    manifest.write_text("\n".join(lines))
    result = run("evaluate", manifest, "--out", out, "--scores", scores, "--splice")
    assert result.status == 0, result.err
    measured = json.loads(out.read_text())
    assert measured["settings"]["files"] == "videos"
    assert (measured["frame"]["n"], measured["video"]["n"]) == (4, 2)
    assert measured["splices"]["all"]["n"] == measured["splices"]["false_alarms"]["n"] == 1
    told = [line.split(",") for line in scores.read_text().splitlines()[1:]]
    for label, values in zip(("real", "fake"), told, strict=True):
        report = detector.video(tmp_path / f"{label}.mp4")
        assert float(values[-4]) == pytest.approx(report.p_fake, abs=1e-9)
        assert values[-2] == report.verdict
    assert "| blend | 1 | 1 |" in result.out

    (tmp_path / "picture.mp4").write_bytes(ASTRONAUT.read_bytes())
    manifest.write_text("\n".join([*lines, "picture.mp4,real,,2,2"]))
    mixed = run("evaluate", manifest)
    assert (mixed.status, "2 of 3 files are videos" in mixed.err) == (2, True)
    manifest.write_text("\n".join([lines[0], "picture.mp4,real,,2,2"]))
    assert "--splice needs videos" in run("evaluate", manifest, "--splice").err


def test_heat_maps_are_measured_where_originals_are_there(run: Run, tmp_path: Path) -> None:
    manifest, out = tmp_path / "m.csv", tmp_path / "out.json"
    lines = [
        "path,label,original,identity",
        f"{EXAMPLES / 'astronaut.jpg'},real,1,1",
        f"{EXAMPLES / 'astronaut-fake.jpg'},fake,1,1",
    ]
    manifest.write_text("\n".join(lines))
    result = run("evaluate", manifest, "--explain", "--out", out)
    assert result.status == 0, result.err
    assert json.loads(out.read_text())["explanations"]["all"]["n"] == 1
    assert "hottest place was manipulated" in result.out
    assert "| cannot be told | 0 |" in result.out
    whole = run("evaluate", manifest, "--explain", "--faces", "whole")
    assert (whole.status, "--explain needs pictures" in whole.err) == (2, True)


@pytest.mark.parametrize("faces", ["detect", "whole"])
def test_a_branch_can_be_measured_by_its_absence(
    faces: str, run: Run, detector: Detector, tmp_path: Path
) -> None:
    manifest, scores = tmp_path / "m.csv", tmp_path / "scores.csv"
    fake = EXAMPLES / "astronaut-fake.jpg"
    manifest.write_text(f"path,label\n{fake},fake\n{ASTRONAUT},real\n")
    options = ("evaluate", manifest, "--faces", faces, "--scores", scores)
    result = run(*options, "--without", "spatial")
    assert result.status == 0, result.err
    told = list(csv.DictReader(scores.read_text().splitlines()))
    if faces == "detect":
        [whole] = [face.prediction for face in detector.image(fake).faces]
    else:
        [whole] = detector.crops([np.asarray(PIL.Image.open(fake).convert("RGB"))])
    assert whole is not None
    logit = whole.logit - whole.contributions["spatial"]
    expected = float(calibrate(logit, detector.card.calibration))
    assert float(told[0]["p_fake"]) == pytest.approx(expected, abs=1e-6)
    assert abs(expected - whole.p_fake) > 0.1
    refused = run(*options, "--without", "wavelets")
    assert (refused.status, "it has spatial and frequency" in refused.err) == (2, True)
    scored = run("evaluate", manifest, "--from-scores", scores, "--without", "spatial")
    assert (scored.status, "--without needs pictures" in scored.err) == (2, True)


def test_a_heat_map_is_never_written_over_what_is_judged(run: Run, tmp_path: Path) -> None:
    photo, evidence = tmp_path / "photo.jpg", tmp_path / "0001-photo.jpg"
    for path in (photo, evidence):
        path.write_bytes(ASTRONAUT.read_bytes())
    result = run("detect", "--heatmap-dir", tmp_path, evidence, photo)
    assert (result.status, result.out) == (2, "")
    assert "0001-photo.jpg would be overwritten" in result.err
    assert evidence.read_bytes() == ASTRONAUT.read_bytes()


def test_a_long_name_stops_nothing(run: Run, tmp_path: Path) -> None:
    photo, too_long = tmp_path / f"{'a' * 250}.jpg", tmp_path / f"{'b' * 300}.jpg"
    photo.write_bytes(ASTRONAUT.read_bytes())
    maps = tmp_path / "maps"
    result = run("detect", "--json", "--heatmap-dir", maps, photo, too_long)
    assert result.status == 3, result.err
    assert [one["reason"] for one in result.objects] == [None, "unreadable"]
    assert [path.name for path in maps.iterdir()] == [f"0000-{'a' * 50}.jpg"]


def test_what_is_judged_is_never_written_over(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video = tmp_path / "evidence.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    link = tmp_path / "link.mp4"
    link.symlink_to(video)
    before = video.read_bytes()
    for option in ("--render", "--contact-sheet"):
        for target in (video, link):
            result = run("detect", video, option, target)
            assert (result.status, result.out) == (2, "")
            assert f"{target} would be overwritten; name another" in " ".join(result.err.split())
    assert video.read_bytes() == before


def test_no_input_of_an_evaluation_is_written_over(run: Run, tmp_path: Path) -> None:
    manifest, scores = tmp_path / "m.csv", tmp_path / "s.csv"
    manifest.write_text("path,label\na.jpg,real\nb.jpg,fake\n")
    scores.write_text("path,p_fake\na.jpg,0.1\nb.jpg,0.9\n")
    given = (manifest, "--from-scores", scores, "--compare", scores)
    before = manifest.read_text(), scores.read_text()
    both = ("--scores", tmp_path / "new", "--out", tmp_path / "new")
    for arguments in (("--scores", scores), ("--out", manifest), ("--out", scores), both):
        result = run("evaluate", *given, *arguments)
        assert (result.status, "would be overwritten" in result.err) == (2, True)
    assert (manifest.read_text(), scores.read_text()) == before
    into = run("evaluate", *given, "--out", tmp_path)
    assert (into.status, "is a folder; name a file" in into.err) == (2, True)


def test_an_evaluation_prints_what_it_was_asked(run: Run, tmp_path: Path) -> None:
    manifest, ours, theirs = (tmp_path / name for name in ("m.csv", "ours.csv", "theirs.csv"))
    manifest.write_text("path,label\na.jpg,real\nb.jpg,fake\n")
    ours.write_text(
        "path,p_fake,status,verdict\na.jpg,0.99,scored,likely_fake\nb.jpg,0.5,scored,inconclusive\n"
    )
    theirs.write_text("path,p_fake\na.jpg,0.1\nb.jpg,0.9\n")
    told = run("evaluate", manifest, "--from-scores", ours, "--compare", theirs)
    assert told.status == 0, told.err
    assert "| source | reals called likely_fake |" in told.out
    assert "| Brier score | 0.615 | 0.010 |" in told.out
    others = run("evaluate", manifest, "--from-scores", theirs)
    assert "likely_fake" not in others.out, "another detector gives no verdicts"
    manifest.write_text(f"path,label\n{ASTRONAUT},real\n")
    measured = run("evaluate", manifest, "--degrade", "jpeg-50")
    assert "| jpeg-50 |" in measured.out, measured.err


def test_without_a_branch_a_poor_picture_still_takes_no_side(run: Run, tmp_path: Path) -> None:
    cut, manifest, scores = tmp_path / "cut.png", tmp_path / "m.csv", tmp_path / "scores.csv"
    with PIL.Image.open(EXAMPLES / "astronaut-fake.jpg") as fake:
        fake.crop((215, 0, *fake.size)).save(cut)
    manifest.write_text(f"path,label\n{cut},fake\n{ASTRONAUT},real\n")
    result = run("evaluate", manifest, "--scores", scores, "--without", "frequency")
    assert result.status == 0, result.err
    told = list(csv.DictReader(scores.read_text().splitlines()))
    assert float(told[0]["p_fake"]) > 0.98
    assert told[0]["verdict"].lower() == "inconclusive"


def test_a_folder_to_write_to_is_missed_before_the_work(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    result = run("detect", video, "--render", tmp_path / "no" / "shown.mp4")
    assert (result.status, result.out) == (2, "")
    assert "does not exist" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes by name")
def test_a_pipe_is_refused_and_left_out_of_a_folder(
    run: Run, landscape: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "photo.png").write_bytes(landscape)
    for name in ("pipe.jpg", "pipe.mp4"):
        os.mkfifo(folder / name)
    named = run("detect", folder / "photo.png", folder / "pipe.jpg")
    assert (named.status, named.out) == (2, "")
    assert "pipe.jpg is a pipe; expected a file" in " ".join(named.err.split())
    found = run("detect", "--json", folder)
    assert [Path(one["path"]).name for one in found.objects] == ["photo.png"]


def test_a_name_cannot_write_a_line_or_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg\nlikely_real     1.0%  b\x1b[2K\u202egpj.jpg"
    path.write_bytes(b"no picture")
    named = tmp_path / "at 3.04\u202fPM \u65e5\u672c.jpg"
    result = run("detect", path, named)
    bad, unread = result.out.splitlines()
    assert "a.jpg\\nlikely_real     1.0%  b\\x1b[2K\\u202egpj.jpg" in bad
    assert unread.count(named.name) == 2  # once in what is wrong with it


@pytest.mark.parametrize("name", [":smile:.jpg", "m:100:.jpg", "a[bold].jpg"])
def test_a_name_is_printed_as_it_is(name: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    assert name in run("detect", tmp_path / name).out
    assert name in run("evaluate", tmp_path / name).err


def test_a_name_in_an_error_cannot_write_a_verdict(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a\x1b[2K\nlikely_real     1.0%  b.jpg"
    folder.mkdir()
    result = run("detect", folder)
    assert (result.status, len(result.err.splitlines())) == (2, 1)
    assert r"a\x1b[2K\nlikely_real" in result.err


def test_a_video_leaves_no_blank_lines_in_a_log(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    assert run("detect", video).err == ""


def test_a_folder_without_pictures_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    result = run("detect", tmp_path)
    assert result.status == 2
    assert result.err.startswith("unmask: no picture or video in")


def test_a_disk_that_refuses_is_one_line_and_status_1(
    run: Run, clip: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    video = tmp_path / "clip.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    monkeypatch.setattr(PIL.Image.Image, "save", full)
    for arguments, name in (
        ((ASTRONAUT, "--heatmap-dir", tmp_path), "0000-astronaut.jpg"),
        ((video, "--contact-sheet", tmp_path / "sheet.jpg"), "sheet.jpg"),
    ):
        result = run("detect", *arguments)
        assert result.status == 1
        told = f"unmask: {tmp_path / name} could not be written (No space left on device);"
        assert result.err.startswith(told)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(28, "No space left on device"), 1),
        (av.error.ExternalError(0, "Generic error"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=str,
)
def test_what_was_drawn_before_stays_where_drawing_is_cut_short(
    error: BaseException,
    status: int,
    run: Run,
    clip: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_short(_: Path, __: object, target: Path, **___: object) -> None:
        target.write_bytes(b"half of it")
        raise error

    video, shown = tmp_path / "clip.mp4", tmp_path / "shown.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    shown.write_bytes(b"of last time")
    monkeypatch.setattr("unmask.render.render", cut_short)
    result = run("detect", video, "--render", shown)
    assert result.status == status
    assert "Traceback" not in result.err
    assert shown.read_bytes() == b"of last time"
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "shown.mp4"}


@pytest.mark.skipif(not Path(os.devnull).is_char_device(), reason="no such file on Windows")
def test_a_file_never_takes_the_place_of_a_device(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video, link = tmp_path / "clip.mp4", tmp_path / "nowhere.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    link.symlink_to(os.devnull)
    result = run("detect", video, "--render", link)
    assert (result.status, "nowhere.mp4 is no file" in result.err) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_in_no_encoding_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jpg"))
    path.write_bytes(b"no picture")
    for options in ([], ["--json"]):
        result = program("detect", *options, path, tmp_path / "missing.jpg")
        assert result.status == 3
        assert result.err == ("" if options else "2 files: 2 not_analysed\n")
        assert len(result.out.splitlines()) == 2


# --- info ---


def test_info_prints_the_card(run: Run, detector: Detector) -> None:
    result = run("info")
    assert result.status == 0
    for value in (
        detector.identity.name,
        detector.identity.sha256,
        detector.card.calibration["method"],
        *detector.card.quality_rules,
    ):
        assert value in result.out


def test_info_loses_nothing_of_the_card(
    run: Run, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ["see [/docs] for more", "[a link]", "at :100:", "long " * 60 + "line"]
    card = replace(detector.card, documentation={"notes": told})
    monkeypatch.setattr(Detector, "card", card)
    piped = run("info").out
    assert all(f"- {note}\n" in piped for note in told)
    assert not any(line.endswith(" ") for line in piped.splitlines())
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, emoji=False, width=60, color_system=None)
    monkeypatch.setattr("unmask.cli.card.out", terminal)
    run("info")
    assert all(note in screen.getvalue() for note in told[:3])
    folded = "".join(
        line[-60:].strip().removeprefix("sha256") for line in screen.getvalue().splitlines()
    )
    assert detector.identity.sha256 in "".join(folded.split())


def test_info_as_json_is_the_whole_card_without_its_pictures(
    run: Run, card: dict[str, Any], detector: Detector
) -> None:
    shown = json.loads(run("info", "--json").out)
    assert shown.keys() == card.keys() | {"sha256"}
    assert shown["sha256"] == detector.identity.sha256
    assert shown["thresholds"] == card["thresholds"]
    assert [set(sample) for sample in shown["golden"]] == [
        set(sample) - {"png"} for sample in card["golden"]
    ]


# --- serve ---


def test_an_address_is_told_only_when_it_is_listened_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", taken.getsockname()[1])
    assert result.status == 2
    assert "unmask: Cannot listen on 127.0.0.1" in result.err
    assert "Unmask is at" not in result.err


# --- the program itself ---


@pytest.mark.parametrize("command", ["detect", "info"])
def test_weights_that_cannot_be_trusted_are_one_line_and_status_1(
    command: str, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"no weights")
    arguments = [ASTRONAUT] if command == "detect" else []
    result = program(command, *arguments, UNMASK_MODEL=str(weights))
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("unmask: The model weights.onnx needs its checksum")
    assert len(result.err.splitlines()) == 1


def test_a_setting_that_does_not_fit_is_status_2_and_named() -> None:
    result = program("info", UNMASK_THREADS="many")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("unmask: UNMASK_THREADS")
    assert "Traceback" not in result.err


INTERRUPTED = """
import signal, sys, weakref
from unmask.__main__ import main

class Interrupter:
    def find_spec(self, name, *_):
        if name != module:
            return
        try:
            if is_turned == "lost":  # Python raises nothing out of such a callback
                thing = Interrupter()
                watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
                del thing
                return
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") if is_turned else error

module, is_turned, is_ignored = sys.argv.pop(1), sys.argv.pop(1), bool(sys.argv.pop(1))
# Whatever the tests themselves were started with: a job in the background ignores it.
signal.signal(signal.SIGINT, signal.SIG_IGN if is_ignored else signal.default_int_handler)
sys.meta_path.insert(0, Interrupter())
main()
"""


@pytest.mark.parametrize(
    ("module", "is_turned"),
    [
        ("typer", ""),
        ("numpy", ""),
        ("onnxruntime", ""),
        ("onnxruntime", "into an ImportError"),
        ("numpy", "lost"),
    ],
)
def test_ctrl_c_while_the_program_loads_is_status_130_and_quiet(
    module: str, is_turned: str
) -> None:
    result = program(module, is_turned, "", "detect", ASTRONAUT, started=("-c", INTERRUPTED))
    assert result == (130, "", "")


def test_ctrl_c_that_is_to_be_ignored_is_ignored() -> None:
    result = program("numpy", "", "ignored", "detect", ASTRONAUT, started=("-c", INTERRUPTED))
    assert (result.status, result.err) == (0, "")


def test_the_version(run: Run) -> None:
    assert run("--version") == (0, f"unmask {__version__}\n", "")


def test_help_names_every_command_and_its_statuses() -> None:
    runner = CliRunner()
    help_ = runner.invoke(cli.app, ["--help"]).output
    assert {"detect", "serve", "info", "train", "export", "evaluate"} <= set(cli.COMMANDS)
    assert all(name in help_ for name in cli.COMMANDS)
    assert not re.search(r"\w\.\.\.", help_), "a summary is cut off"
    assert "0 all analysed, 3 some not, 2 wrong usage, 1 failed" in " ".join(
        runner.invoke(cli.app, ["detect", "--help"]).output.split()
    )


def test_training_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    monkeypatch.setitem(sys.modules, "unmask.training.train", None)
    result = run("train", tmp_path / "manifest.csv", tmp_path / "run")
    assert result.status == 1
    assert 'pip install ".[train]"' in " ".join(result.err.split())


def test_every_reason_is_a_documented_one() -> None:
    assert set(BAD.values()) <= set(map(str, Reason))
    told = (ROOT / "docs" / "command-line.md").read_text("utf-8").partition("### Reasons")[2]
    assert set(re.findall(r"`(\w+)`", told)) - {"inconclusive"} == set(map(str, Reason))


def test_every_key_of_the_json_is_a_documented_one(
    run: Run, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    told = (ROOT / "docs" / "command-line.md").read_text("utf-8").split("```")
    for path, kind in ((ASTRONAUT, "image"), (video, "video")):
        [block] = [part for part in told if f'"kind": "{kind}"' in part]
        [report] = run("detect", "--json", path).objects
        assert report.keys() <= set(re.findall(r'"(\w+)"', block))
