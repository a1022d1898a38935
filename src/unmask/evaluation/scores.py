"""What a detector said of each row of a manifest: a probability, or why there is none."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from unmask.errors import DataError, InputError
from unmask.evaluation.manifest import COLUMNS, Manifest
from unmask.evaluation.results import write_text
from unmask.files import read_label, read_table
from unmask.temporal import frame_scores
from unmask.types import Image, ImageReport, Verdict, VideoReport

__all__ = [
    "SCORED",
    "Outcome",
    "Scorer",
    "read_scores",
    "score",
    "score_degraded",
    "scorer_of_crops",
    "write_scores",
]

SCORED = "scored"
"""The status of a row that has a probability; any other is the reason why it has none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`p_fake` in [0, 1] exactly where `status` is `scored`; no row is ever given a default.

    `frames` has the `p_fake` of every frame of a video that was scored; it is None of a picture.
    """

    p_fake: float | None
    status: str = SCORED
    verdict: Verdict | None = None
    frames: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not all(0 <= p_fake <= 1 for p_fake in self.frames or ()):
            raise DataError(f"p_fake of a frame is a fraction in [0, 1], got {self.frames}")
        if self.p_fake is None:
            if self.status == SCORED:
                raise DataError("a row without p_fake needs a status that says why")
        elif self.status != SCORED:
            raise DataError(f"p_fake {self.p_fake} for a row that was not scored: {self.status}")
        elif self.verdict is Verdict.NOT_ANALYSED:
            raise DataError(f"p_fake {self.p_fake} for a row that is not_analysed")
        elif not 0 <= self.p_fake <= 1:
            raise DataError(f"p_fake is a fraction in [0, 1], got {self.p_fake}")

    @classmethod
    def of(cls, report: ImageReport | VideoReport) -> Outcome:
        """What a report says of its file: the face or person that decided, or the reason of none.

        Of a frame it is the sound face most likely fake, as in the answers of the API.
        """
        frames = None
        if isinstance(report, VideoReport):
            frames = tuple(p_fake for _, p_fake in frame_scores(report))
        if report.p_fake is None:
            return cls(None, report.reason or Verdict.NOT_ANALYSED, report.verdict, frames)
        return cls(report.p_fake, verdict=report.verdict, frames=frames)


Scorer = Callable[[Iterable[Path | Image]], Iterable[Outcome]]
"""Files, or decoded pictures -> one outcome each, in order. A bad file is an outcome too."""


def scorer_of_crops(
    read: Callable[[Path], Image],
    predict: Callable[[list[Image]], Sequence[Outcome]],
    *,
    batch_size: int = 16,
) -> Scorer:
    """A scorer that takes each picture as a face crop already, a batch of them at a time.

    `read` decodes a file and may raise InputError, which becomes the outcome of that file.
    """

    def scored(sources: Iterable[Path | Image]) -> Iterator[Outcome]:
        following = iter(sources)
        while batch := list(islice(following, batch_size)):
            crops: list[Image] = []
            outcomes: list[Outcome | None] = []
            for source in batch:
                try:
                    crops.append(read(source) if isinstance(source, Path) else source)
                except InputError as error:
                    outcomes.append(Outcome(None, error.code, Verdict.NOT_ANALYSED))
                else:
                    outcomes.append(None)
            predicted = iter(list(_counted(predict(crops), len(crops))) if crops else [])
            yield from (outcome or next(predicted) for outcome in outcomes)

    return scored


def score(manifest: Manifest, scorer: Scorer) -> Iterator[Outcome]:
    """Yield the outcome of each row, in order.

    Raises:
        DataError: files are missing, or the scorer gave another number of outcomes than rows.
    """
    manifest.require_files()
    yield from _counted(scorer(manifest.file(row) for row in manifest.rows), len(manifest))


def score_degraded(
    manifest: Manifest,
    scorer: Scorer,
    *,
    read: Callable[[Path], Image],
    degrade: Callable[[Image, str], Image],
) -> Iterator[Outcome]:
    """The same on degraded pictures; `degrade` also gets the row's path, to draw noise from."""
    unread: dict[int, Outcome] = {}

    def pictures() -> Iterator[Image]:
        for number, row in enumerate(manifest.rows):
            try:
                picture = read(manifest.file(row))
            except InputError as error:
                unread[number] = Outcome(None, error.code)
            else:
                yield degrade(picture, row.path)

    # A scorer may read ahead, so what it could not be given is merged in by number at the end.
    scored = list(scorer(pictures()))
    following = iter(list(_counted(scored, len(manifest) - len(unread))))
    for number in range(len(manifest)):
        yield unread.get(number) or next(following)


def _counted(outcomes: Iterable[Outcome], expected: int) -> Iterator[Outcome]:
    n = 0
    for outcome in outcomes:
        n += 1
        yield outcome
    if n != expected:
        raise DataError(f"the scorer gave {n} outcomes for {expected} pictures")


def write_scores(path: Path, manifest: Manifest, outcomes: Sequence[Outcome]) -> None:
    """Write every row of the manifest with its `p_fake`, `status` and `verdict`.

    Where a row is a video, a column `frames` has the `p_fake` of its frames, between spaces.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    is_of_videos = any(outcome.frames is not None for outcome in outcomes)
    writer.writerow([*COLUMNS, "p_fake", "status", "verdict", *["frames"] * is_of_videos])
    for row, outcome in zip(manifest.rows, outcomes, strict=True):
        values = {**asdict(row), "label": row.label.lower()}
        p_fake = "" if outcome.p_fake is None else repr(float(outcome.p_fake))
        told = [values[column] for column in COLUMNS]
        frames = [" ".join(repr(float(p)) for p in outcome.frames or ())] * is_of_videos
        writer.writerow([*told, p_fake, outcome.status, outcome.verdict or "", *frames])
    write_text(path, text.getvalue())


def read_scores(path: Path, manifest: Manifest) -> list[Outcome]:
    """Read a score file, this program's or anyone's with the columns `path` and `p_fake`.

    Paths are compared as those of the manifest: relative to its folder, or absolute.
    A row without `p_fake` keeps its `status`, or is `not_scored`; a row of the manifest that the
    file does not have is `not_in_score_file`. Rows that the manifest does not have are ignored, so
    that one score file serves any part of a manifest.

    Raises:
        DataError: unreadable, a number that is no probability, a path twice, a label that is none
            or that the manifest contradicts, or no path in common; the message names the line.
    """
    labels = {manifest.place(row.path): row.label for row in manifest.rows}
    outcomes: dict[str, Outcome] = {}
    for line, record in read_table(path, required=("path", "p_fake")):
        name = record["path"]
        place = manifest.place(name)
        if place in outcomes:
            raise DataError(f"{path}:{line}: {name} is there twice")
        if (text := record.get("label")) and place in labels:
            label = read_label(text, f"{path}:{line}")
            if label != labels[place]:
                message = f"{name} is {label} here, {labels[place]} in the manifest"
                raise DataError(f"{path}:{line}: {message}")
        try:
            outcomes[place] = _outcome(record)
        except DataError as error:
            raise DataError(f"{path}:{line}: {error}") from error
    if not labels.keys() & outcomes.keys():
        raise DataError(
            f"{path}: no path in common with the manifest; it has {name!r}, the "
            f"manifest {manifest.rows[0].path!r}"
        )
    absent = Outcome(None, "not_in_score_file")
    return [outcomes.get(manifest.place(row.path), absent) for row in manifest.rows]


def _outcome(record: dict[str, str]) -> Outcome:
    p_fake = _number(record["p_fake"]) if record["p_fake"] else None
    status = record.get("status") or (SCORED if p_fake is not None else "not_scored")
    verdict, frames = record.get("verdict"), record.get("frames")
    if verdict and verdict not in list(Verdict):
        raise DataError(f"verdict is {', '.join(Verdict)} or empty, got {verdict!r}")
    return Outcome(
        p_fake,
        status,
        Verdict(verdict) if verdict else None,
        None if frames is None else tuple(map(_number, frames.split())),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"p_fake is a fraction in [0, 1], or empty, got {text!r}") from error
