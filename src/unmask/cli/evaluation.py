"""`unmask evaluate`: how often the model is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from unmask.cli.detection import load_detector
from unmask.cli.inputs import is_video
from unmask.cli.targets import check_targets
from unmask.cli.terminal import out, progress_bar
from unmask.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.evaluation import Manifest, Scorer
    from unmask.types import Image, ImageReport, Prediction

__all__ = ["evaluate"]

T = TypeVar("T")


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="CSV: path,label[,method,identity,video,…]")],
    faces: Annotated[
        str, typer.Option(help="detect: find the faces; whole: each picture is a face crop")
    ] = "detect",
    split: Annotated[str | None, typer.Option(help="only rows of this split")] = None,
    source: Annotated[str | None, typer.Option(help="only rows of this source")] = None,
    scores: Annotated[Path | None, typer.Option(help="write a score per row here, as CSV")] = None,
    outcomes: Annotated[
        Path | None, typer.Option("--from-scores", help="measure this score CSV, run no model")
    ] = None,
    results: Annotated[Path | None, typer.Option("--out", help="write the results, JSON")] = None,
    plots: Annotated[
        Path | None, typer.Option(file_okay=False, help="folder for the plots")
    ] = None,
    other: Annotated[Path | None, typer.Option("--compare", help="another score CSV")] = None,
    name: Annotated[
        str | None, typer.Option(help="of the results; default: the manifest's")
    ] = None,
    degrade: Annotated[
        str, typer.Option(help="also score degraded pictures: names, comma-separated, or all")
    ] = "",
    without: Annotated[
        str | None, typer.Option(help="hold this branch at its mean: spatial or frequency")
    ] = None,
    splice: Annotated[
        bool, typer.Option("--splice", help="also look for a fifth of fake in the genuine videos")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="also compare heat maps with what was manipulated")
    ] = False,
) -> None:
    """Measure the model on labelled pictures, or on labelled videos."""
    from unmask import evaluation
    from unmask.evaluation.tables import TABLES

    if faces not in ("detect", "whole"):
        raise ConfigurationError(f"--faces {faces}: expected detect or whole")
    check_targets((scores, results), (manifest, outcomes, other))
    wanted = {name: value for name, value in (("split", split), ("source", source)) if value}
    read = evaluation.read_manifest(manifest).where(**wanted)
    degradations = tuple(filter(None, map(str.strip, degrade.split(","))))
    if degrade == "all":
        degradations = tuple(evaluation.DEGRADATIONS)
    given = evaluation.read_scores(outcomes, read) if outcomes else ()
    detector = None if outcomes else load_detector()
    if detector is None:
        are_videos = any(outcome.frames is not None for outcome in given)
    else:
        are_videos = _are_videos(read)
    if are_videos and (degradations or faces == "whole"):
        raise ConfigurationError("--degrade and --faces whole are for pictures, not for videos")
    if without and (detector is None or are_videos):
        raise ConfigurationError("--without needs pictures, and a model to score them")
    if splice and (detector is None or not are_videos):
        raise ConfigurationError("--splice needs videos, and a model to judge them")
    if explain and (detector is None or are_videos or faces == "whole"):
        raise ConfigurationError("--explain needs pictures, and a model that finds their faces")
    with progress_bar() as bar:

        def track(things: Iterable[T], what: str, total: int) -> Iterator[T]:
            yield from bar.track(things, total=total, description=what)

        measured = evaluation.measure(
            read,
            _scorer(detector, "videos" if are_videos else faces, without) if detector else given,
            name=name or manifest.stem,
            model=detector.identity if detector else None,
            settings={
                **({"faces": faces} if detector else {}),
                **({"files": "videos"} if are_videos else {}),
                **({"without": without} if without else {}),
                **wanted,
            },
            judge=detector.video if detector and splice else None,
            explain=partial(detector.image, heatmaps=True) if detector and explain else None,
            read=(lambda path: detector.read(path).pixels) if detector else None,
            degradations=degradations,
            other=evaluation.read_scores(other, read) if other else None,
            scores=scores,
            out=results,
            plots=plots,
            track=track,
        )
    asked = {
        "videos": are_videos,
        "robustness": degradations,
        "comparison": other,
        "splices": splice,
        "explanations": explain,
    }
    shown = ["summary", *(table for table, is_asked in asked.items() if is_asked)]
    out.print("\n\n".join(TABLES[table](measured) for table in shown), markup=False)


def _are_videos(manifest: Manifest) -> bool:
    """Whether the files of a manifest are videos, by their content.

    Raises:
        DataError: some are and some are not.
    """
    manifest.require_files()
    n_videos = sum(is_video(manifest.file(row)) for row in manifest.rows)
    if 0 < n_videos < len(manifest):
        message = f"{n_videos} of {len(manifest)} files are videos, the others pictures"
        raise DataError(f"{message}; measure them apart, with --split or --source")
    return n_videos > 0


def _scorer(detector: Detector, faces: str, without: str | None) -> Scorer:
    """What an evaluation scores with: the whole detector, or the network on given crops.

    It may be made to do without a branch of the network.
    """
    from unmask.alignment import whole
    from unmask.errors import InputError
    from unmask.evaluation import Outcome, scorer_of_crops
    from unmask.timeline import refusal

    def outcome(prediction: Prediction) -> Outcome:
        told = detector.without(prediction, without) if without else prediction
        return Outcome(told.p_fake, verdict=detector.decide(told))

    def outcome_of(report: ImageReport) -> Outcome:
        if without is None or report.headline_face is None:
            return Outcome.of(report)
        face = report.faces[report.headline_face]
        assert face.prediction is not None  # or it would not have decided
        told = outcome(face.prediction)
        # What is too poor a picture to take a side is that without the branch, too.
        return replace(told, verdict=face.verdict) if face.quality.reasons else told

    if faces == "detect":
        return lambda sources: map(outcome_of, detector.images(sources))
    if faces == "videos":

        def judge(source: Path | Image) -> Outcome:
            assert isinstance(source, Path)  # only pictures are degraded
            try:
                return Outcome.of(detector.video(source))
            except InputError as error:
                return Outcome.of(refusal(str(source), error, detector.identity))

        return lambda sources: map(judge, sources)

    def read(path: Path) -> Image:
        image = detector.read(path).pixels
        if detector.sees_native_pixels:
            return image
        return whole(image, size=detector.card.input_size).pixels

    def predict(crops: list[Image]) -> list[Outcome]:
        return [outcome(prediction) for prediction in detector.crops(crops)]

    return scorer_of_crops(read, predict)
