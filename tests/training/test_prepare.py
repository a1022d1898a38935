"""What is prepared is what serving would cut, and splits that share something are found."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.alignment import align
from unmask.errors import ConfigurationError, DataError, UnmaskError
from unmask.faces import FaceDetector
from unmask.training import prepare as module
from unmask.training.leakage import HASH_BITS, close_pairs, perceptual_hash
from unmask.training.prepare import prepare
from unmask.types import Box, Face

DFDC = Path(__file__).parents[3] / "shared" / "data" / "dfdc-val.tar"


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def points(row):
    return np.array(row["landmarks"].split(), np.float32).reshape(5, 2)


@pytest.fixture(scope="module")
def drawn_folder(tmp_path_factory, face):
    data = tmp_path_factory.mktemp("folder")
    seed = 0
    for split in ("train", "val", "test"):
        for label in ("real", "fake"):
            seed += 1
            save(data / split / label / "crop.png", face(seed, 160, fake=label == "fake")[0])
    save(data / "train" / "real" / "photo.jpg", face(20, 500, fills=0.25)[0])
    gradient = np.linspace(0, 255, 120).astype(np.uint8)
    save(data / "train" / "real" / "landscape.png", np.stack([np.tile(gradient, (90, 1))] * 3, -1))
    (data / "train" / "real" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return data


@pytest.fixture
def folder(drawn_folder, tmp_path):
    """The specification's folders: crops, a whole photo, a landscape and a broken file."""
    return shutil.copytree(drawn_folder, tmp_path / "data")


def csv_of(path, rows, columns="path,label,method,identity,video,original,source,split"):
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def test_crops_are_taken_as_they_are_and_photos_are_cut(folder, tmp_path):
    target = tmp_path / "prepared"
    seen = []
    done = prepare(folder, target, progress=lambda *counts: seen.append(counts))
    assert (done.n_pictures, done.leaks, done.knows_people) == (7, (), False)
    assert done.left_out == {"no_face": 1, "undecodable": 1}
    one_each = {"real": 1, "fake": 1}
    assert done.by_split == {"train": {"real": 2, "fake": 1}, "val": one_each, "test": one_each}
    assert seen[0] == (0, 9)
    assert seen[-1] == (9, 9)
    rows = {row["path"]: row for row in table(done.manifest)}
    assert {(row["split"], row["label"]) for row in rows.values()} == {
        (split, label) for split in ("train", "val", "test") for label in ("real", "fake")
    }
    assert {row["source"] for row in rows.values()} == {"data"}
    kept = rows["../data/val/fake/crop.png"]
    assert (target / kept["path"]).samefile(folder / "val" / "fake" / "crop.png")
    (cut,) = (row for path, row in rows.items() if path.startswith("faces/"))
    reasons = {Path(row["path"]).name: row for row in table(target / "left-out.csv")}
    assert reasons["landscape.png"]["reason"] == "no_face"
    assert reasons["broken.jpg"]["reason"] == "undecodable"
    assert "damaged" in reasons["broken.jpg"]["detail"]
    picture = np.asarray(PIL.Image.open(target / cut["path"]))
    assert 150 < max(picture.shape[:2]) < 300  # the face is about 130 px high


def test_a_crop_of_the_cut_out_is_the_crop_of_the_photo(face, tmp_path):
    # Serving aligns in the photo, training in the cut-out: the pixels must be the same.
    image, _ = face(20, 500, fills=0.25)
    save(tmp_path / "in.png", image)
    csv_of(tmp_path / "in.csv", ["in.png,real"], "path,label")
    done = prepare(tmp_path / "in.csv", tmp_path / "out")
    (row,) = table(done.manifest)
    cut = np.asarray(PIL.Image.open(tmp_path / "out" / row["path"]))
    (served,) = FaceDetector(threads=1).detect(image)
    stored = Face(Box(0, 0, 1, 1), points(row), 1.0)
    for margin in (1.0, 1.3):
        expected = align(image, served, size=224, margin=margin).pixels.astype(int)
        got = align(cut, stored, size=224, margin=margin).pixels.astype(int)
        # Landmarks are rounded to a hundredth of a pixel, hence not exactly zero.
        assert np.abs(got - expected).mean() < 0.5
        assert np.abs(got - expected).max() < 40


def test_a_cut_out_keeps_the_blocks_of_a_jpeg_file(face):
    # Corrections C10: it begins where one of the photo's 8x8 blocks does.
    image, _ = face(20, 500, fills=0.25)
    (found,) = FaceDetector(threads=1).detect(image)
    for shift in (0, 3, 5):
        moved = Face(found.box, found.landmarks + np.float32(shift), 1.0)
        part, inside = module.cut_out(image, moved)
        x, y = np.round((moved.landmarks - inside.landmarks)[0]).astype(int)
        assert (x % 8, y % 8) == (0, 0)
        height, width = part.shape[:2]
        np.testing.assert_array_equal(part, image[y : y + height, x : x + width])


def test_landmarks_are_px_of_the_picture_that_was_written(face, tmp_path):
    # The face is larger than a cut-out may be, so it is scaled down, and its landmarks with it.
    image, _ = face(3, 700, fills=0.7)
    detector = FaceDetector(threads=1)
    (found,) = detector.detect(image)
    part, moved = module.cut_out(image, found)
    assert max(part.shape[:2]) == 448
    (again,) = detector.detect(part)
    eyes = np.linalg.norm(moved.landmarks[0] - moved.landmarks[1])
    assert np.abs(again.landmarks - moved.landmarks).max() < 0.1 * eyes
    off = np.subtract(dataclasses.astuple(again.box), dataclasses.astuple(moved.box))
    assert np.abs(off).max() < 0.08 * moved.box.side


def test_a_face_that_serving_would_not_judge_is_left_out(face, tmp_path):
    save(tmp_path / "small.png", face(4, 400, fills=0.12)[0])
    csv_of(tmp_path / "in.csv", ["small.png,real"], "path,label")
    with pytest.raises(DataError, match="no usable picture"):
        prepare(tmp_path / "in.csv", tmp_path / "out")
    (row,) = table(tmp_path / "out" / "left-out.csv")
    assert row["reason"] == "face_too_small"


def test_nor_is_a_crop_of_so_small_a_face_learned_from(face, tmp_path):
    save(tmp_path / "crop.png", face(4, 70)[0])
    csv_of(tmp_path / "in.csv", ["crop.png,real"], "path,label")
    with pytest.raises(DataError, match="no usable picture"):
        prepare(tmp_path / "in.csv", tmp_path / "out")
    (row,) = table(tmp_path / "out" / "left-out.csv")
    assert row["reason"] == "face_too_small"
    assert prepare(tmp_path / "in.csv", tmp_path / "whole", faces="whole").n_pictures == 1


def test_whole_keeps_every_picture_without_landmarks_where_there_is_no_face(folder, tmp_path):
    done = prepare(folder, tmp_path / "out", faces="whole")
    rows = {Path(row["path"]).name: row for row in table(done.manifest)}
    assert done.left_out == {"undecodable": 1}
    assert rows["landscape.png"]["landmarks"] == ""
    assert len(rows["photo.jpg"]["landmarks"].split()) == 10


def test_the_most_prominent_face_is_taken():
    def at(x, y, side):
        return Face(Box(x, y, x + side, y + side), np.zeros((5, 2), np.float32), 1.0)

    image = np.zeros((300, 600, 3), np.uint8)
    middle, corner, larger = at(260, 110, 80), at(0, 0, 85), at(200, 50, 200)
    assert module.main_face([corner, middle], image) is middle
    assert module.main_face([corner, middle, larger], image) is larger
    assert module.main_face([], image) is None


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="reading rows needs torch")
def test_training_reads_what_was_prepared(folder, tmp_path):
    from unmask.training.dataset import read_rows

    rows = read_rows(prepare(folder, tmp_path / "out").manifest, splits=("train",))
    assert [row.is_fake for row in rows] == [False, False, True]
    assert all(row.landmarks.shape == (5, 2) and row.path.is_file() for row in rows)


def test_a_stopped_run_goes_on_and_ends_the_same(folder, tmp_path):
    class KilledError(Exception):
        pass

    def kill(done, total):
        if done == 4:
            raise KilledError

    straight = prepare(folder, tmp_path / "a").manifest.read_text()
    with pytest.raises(KilledError):
        prepare(folder, tmp_path / "b", progress=kill)
    assert not (tmp_path / "b" / "manifest.csv").exists()
    with (tmp_path / "b" / "journal.jsonl").open("a") as journal:
        journal.write('{"file": "cut sho')
    seen = []
    resumed = prepare(folder, tmp_path / "b", progress=lambda *counts: seen.append(counts))
    assert seen[0] == (3, 9)  # of the four that were done, the broken one is tried again
    assert resumed.manifest.read_text() == straight
    prepare(folder, tmp_path / "b", progress=lambda *counts: seen.append(counts))
    assert seen[-2:] == [(8, 9), (9, 9)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_the_processes_of_a_killed_run_end_too(folder, tmp_path):
    run = (
        "import sys; from pathlib import Path; from unmask.training.prepare import prepare\n"
        "if __name__ == '__main__': prepare(*map(Path, sys.argv[1:]), workers=2, "
        "progress=lambda done, _: done and print(done, flush=True))"
    )
    script = tmp_path / "run.py"
    script.write_text(run)
    for number in range(30):  # so that there is work left
        copy = folder / "train" / "fake" / f"{number}.jpg"
        shutil.copy(folder / "train" / "real" / "photo.jpg", copy)
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])}
    command = [sys.executable, script, folder, tmp_path / "out"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert running.stdout.readline()
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) >= 2
    running.kill()
    running.wait()
    running.stdout.close()
    end = time.monotonic() + 20
    while any(Path("/proc", child).exists() for child in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [child for child in children if Path("/proc", child).exists()]


def test_a_cut_out_that_was_deleted_is_made_again(folder, tmp_path):
    done = prepare(folder, tmp_path / "out")
    (cut,) = (tmp_path / "out" / "faces").iterdir()
    before = cut.read_bytes()
    cut.unlink()
    assert prepare(folder, tmp_path / "out").n_pictures == done.n_pictures
    assert cut.read_bytes() == before


def test_other_options_need_another_folder(folder, tmp_path):
    prepare(folder, tmp_path / "out")
    with pytest.raises(ConfigurationError, match=r"begun with the options .*detect"):
        prepare(folder, tmp_path / "out", faces="whole")


def test_several_processes_give_what_one_does(folder, tmp_path):
    one = prepare(folder, tmp_path / "a").manifest.read_text()
    assert prepare(folder, tmp_path / "b", workers=2).manifest.read_text() == one


def test_a_full_disk_ends_in_one_line_and_nothing_half_written(folder, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PIL.Image.Image, "save", full)
    with pytest.raises(UnmaskError, match=r"No space left on device.*start again"):
        prepare(folder, tmp_path / "out")
    assert list((tmp_path / "out" / "faces").iterdir()) == []
    assert not (tmp_path / "out" / "manifest.csv").exists()
    monkeypatch.undo()
    assert prepare(folder, tmp_path / "out").n_pictures == 7


def test_frames_of_a_video_are_cut_and_named_by_it(face, tmp_path):
    import av

    path = tmp_path / "real" / "clip.mp4"
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 320
        for seed in range(12):
            pixels = np.full((320, 320, 3), 90, np.uint8)
            pixels[60:260, 60:260] = face(seed, 200)[0]
            if seed >= 6:
                pixels[:] = 90
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode(None))
    csv_of(tmp_path / "in.csv", ["real/clip.mp4,real,,7"], "path,label,method,identity")
    done = prepare(tmp_path / "in.csv", tmp_path / "out", frames=4)
    rows = table(done.manifest)
    assert len(rows) == 2  # of four frames the last two show nobody
    assert {(row["video"], row["identity"]) for row in rows} == {("../real/clip.mp4", "7")}
    for row in rows:
        picture = np.asarray(PIL.Image.open(tmp_path / "out" / row["path"]))
        assert max(picture.shape) <= 320
        assert points(row).max() < max(picture.shape)


def test_videos_of_one_name_in_folders_of_one_name_are_two(clip, face, tmp_path):
    pixels = np.full((320, 320, 3), 90, np.uint8)
    pixels[60:260, 60:260] = face(3, 200)[0]
    names = ("a/videos/033.mp4", "b/videos/033.mp4")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(clip([pixels] * 4))
    csv_of(tmp_path / "in.csv", [f"{name},fake" for name in names], "path,label")
    done = prepare(tmp_path / "in.csv", tmp_path / "out", frames=1)
    assert len({row["video"] for row in table(done.manifest)}) == 2


# --- leakage ---


@pytest.fixture
def pictures(tmp_path, face):
    """Names of pictures of different faces."""
    for number in range(6):
        save(tmp_path / f"{number}.png", face(100 + number, 160)[0])
    return tmp_path


@pytest.mark.parametrize(
    ("rows", "kind", "value"),
    [
        (("0.png,real,,ann,,,s,train", "1.png,real,,ann,,,s,test"), "identity", "ann"),
        (("0.png,real,,,v1,,s,train", "1.png,fake,,,v2,v1,s,val"), "video", "v1"),
        (("0.png,fake,,,v3,v1,s,val", "1.png,fake,,,v2,v1,s,test"), "video", "v1"),
        (("0.png,real,,,v1,,s,blend-source", "1.png,real,,,v1,,s,val"), "video", "v1"),
    ],
)
def test_what_two_splits_share_is_refused_before_any_work(pictures, rows, kind, value, monkeypatch):
    monkeypatch.setattr(module, "_process", None)  # to be called would fail
    source = csv_of(pictures / "in.csv", rows)
    with pytest.raises(DataError, match=rf"{kind} {value} in .*0\.png and .*1\.png") as error:
        prepare(source, pictures / "out")
    assert "--allow-leakage" in str(error.value)
    (leak,) = table(pictures / "out" / "leakage.csv")
    assert (leak["kind"], leak["value"]) == (kind, value)
    assert {Path(leak["path"]).name, Path(leak["other_path"]).name} == {"0.png", "1.png"}


@pytest.mark.parametrize(
    "rows",
    [
        # The same name in another source is another person.
        ("0.png,real,,ann,,,s,train", "1.png,real,,ann,,,t,test"),
        ("0.png,real,,ann,v,,s,train", "1.png,fake,,ann,v,v,s,train"),
        # Both are learned from; both are only measured on.
        ("0.png,real,,ann,,,s,train", "1.png,real,,ann,,,s,blend-source"),
        ("0.png,real,,ann,,,s,test", "1.png,real,,ann,,,s,other"),
    ],
)
def test_what_may_be_shared_is_not_leakage(pictures, rows):
    assert prepare(csv_of(pictures / "in.csv", rows), pictures / "out").n_pictures == 2


def test_near_duplicates_across_splits_are_refused_or_recorded(pictures):
    copy = PIL.Image.open(pictures / "0.png").resize((120, 120))
    PIL.ImageEnhance.Brightness(copy).enhance(1.1).save(pictures / "copy.jpg", quality=60)
    rows = ["0.png,real,,,,,s,train", "copy.jpg,fake,,,,,s,test", "1.png,real,,,,,s,test"]
    source = csv_of(pictures / "in.csv", rows)
    with pytest.raises(DataError, match=r"near duplicate at \d of 64 bits in .*0\.png.*copy\.jpg"):
        prepare(source, pictures / "out")
    assert not (pictures / "out" / "manifest.csv").exists()
    done = prepare(source, pictures / "out", allow_leakage=True)
    assert done.n_pictures == 3
    assert [leak.kind for leak in done.leaks] == ["near_duplicate"]
    assert len(table(pictures / "out" / "leakage.csv")) == 1
    # Within one split the copy harms nobody, and the record of the leak goes.
    rows[1] = rows[1].replace("test", "train")
    assert prepare(csv_of(source, rows), pictures / "out").leaks == ()
    assert not (pictures / "out" / "leakage.csv").exists()


def test_different_pictures_of_one_hash_are_no_copies(pictures, monkeypatch):
    monkeypatch.setattr(module, "perceptual_hash", lambda image: 7)
    rows = ["0.png,real,,,,,s,train", "1.png,real,,,,,s,test"]
    assert prepare(csv_of(pictures / "in.csv", rows), pictures / "out").leaks == ()


def test_the_hash_survives_what_copies_go_through_and_tells_faces_apart(face):
    originals = [face(seed, 160)[0] for seed in range(8)]
    hashes = [perceptual_hash(image) for image in originals]
    for image, value in zip(originals, hashes, strict=True):
        buffer = io.BytesIO()
        PIL.Image.fromarray(image).resize((120, 120)).save(buffer, "JPEG", quality=60)
        copy = np.asarray(PIL.Image.open(buffer).convert("RGB"))
        assert (perceptual_hash(copy) ^ value).bit_count() <= 4
    assert len(set(hashes)) == len(hashes)
    assert all(value.bit_length() <= HASH_BITS for value in hashes)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (perceptual_hash(noise) ^ hashes[0]).bit_count() > 10


def test_the_hash_is_of_the_lowest_frequencies():
    # scipy is the oracle of the transform.
    fft = pytest.importorskip("scipy.fft")
    grey = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    low = fft.dctn(grey.astype(float), type=2)[1:9, 1:9].ravel()
    bits = low > np.median(low)
    expected = sum(1 << i for i in range(64) if bits[i])
    assert perceptual_hash(np.repeat(grey[..., None], 3, axis=2)) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sets(st.integers(0, 63), max_size=6), st.integers(0, 2)),
        max_size=14,
    )
)
def test_close_pairs_are_those_that_comparing_all_finds(items):
    roots = (0, 0xFFFFFFFFFFFFFFFF, 0x0123456789ABCDEF, 0xF0F0F0F0F0F0F0F0)
    hashes = [roots[root] ^ sum(1 << bit for bit in flipped) for root, flipped, _ in items]
    groups = [str(group) for *_, group in items]
    expected = {
        (min(i, j), max(i, j), distance)
        for i in range(len(items))
        for j in range(i)
        if groups[i] != groups[j] and (distance := (hashes[i] ^ hashes[j]).bit_count()) <= 4
    }
    found = close_pairs(np.array(hashes, np.uint64), np.array(groups, str))
    assert {(min(i, j), max(i, j), distance) for i, j, distance in found} == expected
    assert len(found) == len(expected)


# --- input that cannot be prepared ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\n0.png,real\nno.png,fake\nno2.png,fake",
            r"2 of 3 files do not exist, the first: .*no\.png",
        ),
        ("path,label\n0.png,1", r"in\.csv:2: label is real or fake, got '1'"),
        ("path,label\n,real", r"in\.csv:2: the path is empty"),
        ("file,label\n0.png,real", r"in\.csv: no column path; .*got file,label"),
        ("path;label\n0.png;real", r"no column path and no column label; .*got path;label"),
        ("path\n0.png", r"no column label"),
        ("path,label,path\n0.png,real,1.png", "names a column twice"),
        ("path,label\n0.png,real,train", r"in\.csv:2: expected 2 values, got 3"),
        ("path,label,split\n0.png,real", r"in\.csv:2: expected 3 values, got 2"),
        ("path,label\n0.png,real\n0.png,fake", r"0\.png is there twice"),
        ("path,label\n0.png,real\n../{here}/0.png,fake", r"0\.png is there twice"),
        ("path,label\n", "a header and no rows"),
        ("", "an empty file"),
    ],
)
def test_a_wrong_table_is_refused_before_any_work(pictures, text, message):
    (pictures / "in.csv").write_text(text.format(here=pictures.name))
    with pytest.raises(DataError, match=message):
        prepare(pictures / "in.csv", pictures / "out")
    assert not (pictures / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_no_manifest_can_hold_is_refused_before_any_work(pictures):
    folder = pictures / "data" / "train" / "real"
    folder.mkdir(parents=True)
    (pictures / "0.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(DataError, match=r"caf\S+\.png is not UTF-8; rename it"):
        prepare(pictures / "data", pictures / "out")
    assert not (pictures / "out").exists()


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_nothing_to_prepare_is_said(tmp_path, name):
    with pytest.raises(DataError, match=r"no such folder|nothing to prepare"):
        prepare(tmp_path / name, tmp_path / "out")


def test_a_byte_order_mark_and_spaces_do_no_harm(pictures):
    text = "\ufeffpath, label, split\n 0.png , Real , train \n"
    (pictures / "in.csv").write_text(text, encoding="utf-8")
    (row,) = table(prepare(pictures / "in.csv", pictures / "out").manifest)
    assert (row["label"], row["split"]) == ("real", "train")


def test_the_command_prepares_and_says_what_it_left_out(folder, tmp_path):
    from typer.testing import CliRunner

    from unmask.cli import app

    arguments = ["prepare", str(folder), str(tmp_path / "out"), "--workers", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "7 pictures" in result.output
    assert "left out: 1 no_face, 1 undecodable" in result.output
    result = CliRunner().invoke(app, [*arguments, "--faces", "some"])
    assert isinstance(result.exception, ConfigurationError)
    entries = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    assert json.loads(entries[0]) == {"faces": "detect", "frames": 8}


def test_it_needs_no_torch():
    check = "import sys, unmask.training.prepare; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])}
    assert (
        subprocess.run([sys.executable, "-c", check], env=environment, check=False).returncode == 0
    )


def test_tight_crops_of_videos_are_kept_with_their_faces(tmp_path):
    if not DFDC.exists():
        pytest.skip("needs ../shared/data/dfdc-val.tar")
    with tarfile.open(DFDC) as tar:
        members = [m for m in tar if m.name.endswith(".jpg")][:40]
        for number, member in enumerate(members):
            (tmp_path / f"{number}.jpg").write_bytes(tar.extractfile(member).read())
    csv_of(tmp_path / "in.csv", [f"{i}.jpg,real" for i in range(40)], "path,label")
    done = prepare(tmp_path / "in.csv", tmp_path / "out")
    rows = table(done.manifest)
    assert len(rows) >= 38
    assert all(row["path"].startswith("../") for row in rows)
