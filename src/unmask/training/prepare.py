"""Photos and videos -> face pictures and a manifest that training and evaluation read.

The faces are found by serving's own detector. A picture that is a face crop already is taken as
it is; of a whole photo the face is cut out with the context round it. Nothing is turned here: the
one warp that aligns a crop happens when the picture is used, so that it can be moved, turned and
framed anew without a second interpolation.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import PIL.Image

from unmask import media
from unmask.alignment import crop_affine
from unmask.errors import ConfigurationError, DataError, InputError, UnmaskError
from unmask.faces import FaceDetector
from unmask.files import replacing
from unmask.formats import kind_of
from unmask.parent import end_with_parent
from unmask.training.leakage import Leak, near_duplicates, perceptual_hash, shared_between_splits
from unmask.training.sources import Source, read_sources
from unmask.types import FACTS, Box, Face, Image
from unmask.video import Video

__all__ = ["Preparation", "prepare"]

Faces = Literal["detect", "whole"]

COLUMNS = ("path", "label", *FACTS, "landmarks")
MARGIN = 1.8
"""Side of a cut-out, as a multiple of the tight crop's: room for any margin, turn and shift."""
MAX_SIDE_PX = 448
CLOSE_UP, MAX_KEPT_PX = 0.4, 1024
"""A picture whose shorter side a face fills by more than this share is a face crop already, and is
taken as it is unless it is so large that reading it anew at each step would cost time."""
MIN_FACE_PX = 64
"""Serving does not judge smaller faces (see `export.QUALITY_RULES`), so none is learned from."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What `prepare` did: its `manifest`, how many pictures it has, and why others were left out.

    `by_split` has how many of each label are in each split.

    `leaks` is empty unless they were allowed. `knows_people` is whether any row says who it shows:
    without, only shared videos and pictures that are alike were looked for.
    """

    manifest: Path
    n_pictures: int
    by_split: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, int]
    leaks: tuple[Leak, ...]
    knows_people: bool


class FacePicture(NamedTuple):
    """A picture to use, relative to the target folder, its `landmarks` in px, and its hash.

    `frame` is its number in a video, None for a photo.
    """

    path: str
    landmarks: str
    hash: int
    frame: int | None


class Outcome(NamedTuple):
    """What became of a file: `ok`, `no_face`, `face_too_small`, or the code of an error.

    A photo gives one picture, a video one for each sampled frame with a face.
    """

    file: str
    status: str
    detail: str = ""
    pictures: tuple[FacePicture, ...] = ()


def prepare(
    source: Path,
    target: Path,
    *,
    faces: Faces = "detect",
    frames: int = 8,
    allow_leakage: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Preparation:
    """Write `target/manifest.csv` and the face pictures it needs; go on where a run was stopped.

    `source` is a folder with `{train,val,test}/{real,fake}`, or a CSV file with the columns `path`
    and `label`, and any of `method`, `identity`, `video`, `original`, `source`, `split`. `faces`
    is `detect`, or `whole` where every picture is a face crop already and is kept, found or not.
    Of a video `frames` pictures are taken, spread over its duration.
    `progress` is called with how many files are done, and of how many.

    What cannot be used is listed in `left-out.csv` with its reason. What splits share that must
    not is listed in `leakage.csv`.

    Raises:
        DataError: nothing to prepare, missing files, or splits that share people, videos or
            pictures, which `allow_leakage` lets pass.
        ConfigurationError: the target was begun with other options.
    """
    rows = read_sources(source)
    target.mkdir(parents=True, exist_ok=True)
    leaks = shared_between_splits(rows)
    _report(leaks, target, allow_leakage)
    outcomes = _process(rows, target, faces, frames, workers, progress)
    used = [(row, picture) for row in rows for picture in outcomes[str(row.file)].pictures]
    leaks += near_duplicates(
        [row for row, _ in used],
        [target / picture.path for _, picture in used],
        [picture.hash for _, picture in used],
    )
    _report(leaks, target, allow_leakage)
    left_out = [o for o in outcomes.values() if o.status != "ok"]
    _write_table(
        target / "left-out.csv",
        ("path", "reason", "detail"),
        ((o.file, o.status, o.detail) for o in left_out),
    )
    if not used:
        raise DataError(f"{source} has no usable picture; {target / 'left-out.csv'} says why")
    manifest = target / "manifest.csv"
    _write_table(manifest, COLUMNS, (_manifest_row(row, picture, target) for row, picture in used))
    reasons = sorted({o.status for o in left_out})
    counts = {reason: sum(o.status == reason for o in left_out) for reason in reasons}
    by_split: dict[str, Counter[str]] = {}
    for row, _ in used:
        by_split.setdefault(row.split, Counter(real=0, fake=0))[row.label] += 1
    knows_people = any(row.identity for row in rows)
    return Preparation(manifest, len(used), by_split, counts, tuple(leaks), knows_people)


def _process(
    rows: Sequence[Source],
    target: Path,
    faces: Faces,
    frames: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> dict[str, Outcome]:
    """The outcome of each row's file, by its path; what the journal has is not done again."""
    options = {"faces": faces, "frames": frames}
    with _Journal(target / "journal.jsonl", options) as journal:
        waiting = [row.file for row in rows if str(row.file) not in journal.outcomes]
        work = partial(process_file, target=target, faces=faces, frames=frames)
        progress(len(rows) - len(waiting), len(rows))
        for done, outcome in enumerate(_mapped(work, waiting, workers), start=1):
            journal.add(outcome)
            progress(len(rows) - len(waiting) + done, len(rows))
        wanted = {str(row.file) for row in rows}
        return {file: o for file, o in journal.outcomes.items() if file in wanted}


def _mapped(
    work: Callable[[Path], Outcome], files: Sequence[Path], workers: int
) -> Iterator[Outcome]:
    if workers == 1 or len(files) < 2:
        yield from map(work, files)
        return
    # Forking a process in which ONNX Runtime has run is not safe.
    spawn = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=end_with_parent)
    try:
        yield from pool.map(work, files, chunksize=8)
    except BrokenProcessPool as error:
        message = "a worker process died, perhaps for want of memory"
        raise UnmaskError(f"{message}; start again with fewer --workers to go on") from error
    finally:
        pool.shutdown(cancel_futures=True)


def process_file(file: Path, *, target: Path, faces: Faces, frames: int) -> Outcome:
    """Find the face of a picture or of a video's frames, and write what is cut out of them."""
    try:
        if _is_video(file):
            return _process_video(file, target, frames)
        image = media.read(file).pixels
    except InputError as error:
        return Outcome(str(file), error.code, str(error))
    face = main_face(_detector().detect(image), image)
    if faces == "detect":
        if face is None:
            return Outcome(str(file), "no_face")
        if face.box.side < MIN_FACE_PX:
            return Outcome(str(file), "face_too_small", f"{face.box.side:.0f} px")
        if not _is_crop(image, face):
            return Outcome(str(file), "ok", pictures=(_cut(file, image, face, target),))
    picture = _picture(_relative(file, target), image, face, None)
    return Outcome(str(file), "ok", pictures=(picture,))


def _process_video(file: Path, target: Path, frames: int) -> Outcome:
    pictures, sizes_px = [], []
    with Video(file, threads=1) as video:
        for frame in video.frames(video.spread(frames)):
            face = main_face(_detector().detect(frame.pixels), frame.pixels)
            if face is None:
                continue
            sizes_px.append(face.box.side)
            if face.box.side >= MIN_FACE_PX:
                pictures.append(_cut(file, frame.pixels, face, target, frame.index))
    if pictures:
        return Outcome(str(file), "ok", pictures=tuple(pictures))
    if sizes_px:
        return Outcome(str(file), "face_too_small", f"{max(sizes_px):.0f} px")
    return Outcome(str(file), "no_face")


def _is_video(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return kind_of(opened) == "video"
    except OSError:
        return False  # `media.read` says what is wrong


def _cut(
    file: Path, image: Image, face: Face, target: Path, frame: int | None = None
) -> FacePicture:
    part, moved = cut_out(image, face)
    name = hashlib.sha256(str(file).encode()).hexdigest()[:20]
    path = Path("faces") / (f"{name}.png" if frame is None else f"{name}-{frame:06d}.png")
    _write_picture(part, target / path)
    return _picture(path.as_posix(), part, moved, frame)


def _picture(path: str, image: Image, face: Face | None, frame: int | None) -> FacePicture:
    values = [] if face is None else face.landmarks.ravel().tolist()
    landmarks = " ".join(f"{value:.2f}" for value in values)
    return FacePicture(path, landmarks, perceptual_hash(image), frame)


def _relative(file: Path, target: Path) -> str:
    return Path(os.path.relpath(file.resolve(), target.resolve())).as_posix()


def main_face(found: Sequence[Face], image: Image) -> Face | None:
    """Of several faces the one that is large and near the middle."""
    middle = np.array([image.shape[1], image.shape[0]]) / 2

    def prominence(face: Face) -> float:
        return face.box.side - float(np.hypot(*(np.array(face.box.centre) - middle)))

    return max(found, key=prominence, default=None)


def _is_crop(image: Image, face: Face) -> bool:
    height, width = image.shape[:2]
    return face.box.side > CLOSE_UP * min(height, width) and max(height, width) <= MAX_KEPT_PX


def cut_out(image: Image, face: Face) -> tuple[Image, Face]:
    """The upright square of `MARGIN` round a face, within the picture, and the face there.

    It begins at a multiple of 8 px, so that a JPEG file's blocks stay where they were. Only what is
    larger than `MAX_SIDE_PX` is scaled down.
    """
    affine = crop_affine(face, size=1, margin=MARGIN)
    side = 1 / float(np.hypot(*affine[0, :2]))
    middle = np.linalg.solve(affine[:, :2], np.array([0.5, 0.5]) - affine[:, 2])
    height, width = image.shape[:2]
    x1, y1 = (np.maximum(middle - side / 2, 0) // 8 * 8).astype(int).tolist()
    x2, y2 = np.minimum(np.ceil(middle + side / 2), (width, height)).astype(int).tolist()
    part = image[y1:y2, x1:x2]
    scale = min(1.0, MAX_SIDE_PX / max(part.shape[:2]))
    if scale < 1:
        size = round(part.shape[1] * scale), round(part.shape[0] * scale)
        part = np.asarray(PIL.Image.fromarray(part).resize(size, PIL.Image.Resampling.BICUBIC))
    landmarks = (face.landmarks - np.array([x1, y1], np.float32)) * np.float32(scale)
    box = face.box
    moved = Box(
        *(
            (v - o) * scale
            for v, o in zip((box.x1, box.y1, box.x2, box.y2), (x1, y1, x1, y1), strict=True)
        )
    )
    return part, Face(moved, landmarks, face.score)


@lru_cache(maxsize=1)
def _detector() -> FaceDetector:
    return FaceDetector(threads=1)


def _write_picture(image: Image, path: Path) -> None:
    """As PNG: a second lossy compression would tell cut-outs from pictures taken as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        PIL.Image.fromarray(image).save(temporary, "PNG")


class _Journal:
    """`journal.jsonl`: the options, then an outcome a line, from which a stopped run goes on."""

    def __init__(self, path: Path, options: Mapping[str, str | int]) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._path = path
        entries = list(_entries(path))
        if entries and entries[0] != options:
            message = f"{path.parent} was begun with the options {entries[0]}, not {options}"
            raise ConfigurationError(f"{message}; choose a new folder")
        for entry in entries[1:]:
            pictures = tuple(FacePicture(*values) for values in entry.pop("pictures"))
            outcome = Outcome(**entry, pictures=pictures)
            # Errors are tried again: the file may have been mended since.
            final = outcome.status in ("ok", "no_face", "face_too_small")
            if final and all((path.parent / picture.path).is_file() for picture in pictures):
                self.outcomes[outcome.file] = outcome
        # Written anew: a line that was cut short must not be continued.
        lines = [options, *(outcome._asdict() for outcome in self.outcomes.values())]
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self._file = path.open("a")

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.file] = outcome
        try:
            self._file.write(json.dumps(outcome._asdict()) + "\n")
            self._file.flush()
        except OSError as error:
            message = f"{self._path} could not be written ({error.strerror})"
            raise UnmaskError(f"{message}; free some space and start again to go on") from error


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal up to the first that was cut short."""
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return


def _report(leaks: Sequence[Leak], target: Path, allowed: bool) -> None:
    """Write `leakage.csv`; unless it is allowed, leakage ends here."""
    path = target / "leakage.csv"
    if not leaks:
        path.unlink(missing_ok=True)
        return
    names = tuple(field.name for field in fields(Leak))
    _write_table(path, names, ([getattr(leak, name) for name in names] for leak in leaks))
    if not allowed:
        shown = "\n  ".join(map(str, leaks[:10]))
        more = f"\n  … all {len(leaks)} are in {path}" if len(leaks) > 10 else ""
        raise DataError(
            f"splits share what they must not, so that a model would be tested on what it "
            f"learned:\n  {shown}{more}\nMove them to one split, or pass --allow-leakage."
        )


def _manifest_row(row: Source, picture: FacePicture, target: Path) -> list[str]:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    values |= {"path": picture.path, "landmarks": picture.landmarks}
    if picture.frame is not None and not row.video:
        # The whole path: of many data sets every folder is called videos, and every file 033.mp4.
        values["video"] = _relative(row.file, target)
    return [str(values[column]) for column in COLUMNS]


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
