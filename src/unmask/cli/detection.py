"""`unmask detect`: from files to verdicts, and the pictures that show them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.inputs import expand, is_pipe, is_video
from unmask.cli.printing import print_counts, print_report
from unmask.cli.targets import check_targets, draw_video, write_overlay
from unmask.cli.terminal import (
    ALL_ANALYSED,
    SOME_NOT_ANALYSED,
    err,
    printable,
    progress_bar,
    showing,
)
from unmask.errors import ConfigurationError, InputError, UnmaskError
from unmask.files import is_folder

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.types import ImageReport, Picture, VideoReport

__all__ = ["detect", "load_detector"]

MAX_FRAMES = 30
METHODS = ("scan", "majority", "average", "weighted")
NO_HEATMAP = "no heat map: nothing spoke for FAKE"


def detect(
    paths: Annotated[list[Path], typer.Argument(help="pictures, videos, and folders of them")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    heatmap_dir: Annotated[
        Path | None, typer.Option(help="write each picture with its heat maps here, as JPEG")
    ] = None,
    colormap: Annotated[str, typer.Option(help="of the heat maps: jet or viridis")] = "jet",
    max_frames: Annotated[
        int,
        typer.Option(
            min=1,
            help="of a video: over its whole length, and up to 24 more round suspicious moments",
        ),
    ] = MAX_FRAMES,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="of a video: from its start, one frame in so many, and no more than --max-frames",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="to judge a person in a video: " + ", ".join(METHODS))
    ] = "scan",
    render: Annotated[
        Path | None, typer.Option(help="write the one video with its verdicts drawn in, as MP4")
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="write the most telling faces of the one video, as JPEG")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, or int8: faster; default: UNMASK_PRECISION or fp32")
    ] = None,
) -> None:
    """Judge pictures and videos.

    Exit status: 0 all analysed, 3 some not, 2 wrong usage, 1 failed.
    """
    if colormap not in ("jet", "viridis"):
        raise ConfigurationError(f"--colormap {colormap}: expected jet or viridis")
    if precision not in (None, "fp32", "int8"):
        raise ConfigurationError(f"--precision {precision}: expected fp32 or int8")
    if method not in METHODS:
        raise ConfigurationError(f"--method {method}: expected {', '.join(METHODS)}")
    if sys.stdout is None:
        raise UnmaskError("the standard output is closed, so that nobody would see a verdict")
    files, n_others = expand(paths)
    if not files:
        raise ConfigurationError("no picture or video in " + ", ".join(map(str, paths)))
    for pipe in filter(is_pipe, files):
        # What a file is and its heat maps take a second look, which a pipe does not give.
        message = f"{pipe} is a pipe; expected a file. Save what comes out of it, and name that"
        raise ConfigurationError(message)
    if (render or contact_sheet) and not (len(files) == 1 and is_video(files[0])):
        raise ConfigurationError("--render and --contact-sheet take one video")
    if colormap != "jet" and heatmap_dir is None:
        raise ConfigurationError("--colormap is of heat maps; name a --heatmap-dir for them")
    # Of a folder, what is in it may change from one run to the next.
    if not any(map(is_folder, paths)):
        are_videos = {is_video(file) for file in files}
        if heatmap_dir and False not in are_videos:
            raise ConfigurationError("--heatmap-dir is for pictures; --render draws a video")
        if (max_frames != MAX_FRAMES or every or method != "scan") and True not in are_videos:
            raise ConfigurationError("--max-frames, --every and --method are for videos")
    check_targets((render, contact_sheet), files)
    if contact_sheet and contact_sheet.suffix.lower() not in (".jpg", ".jpeg"):
        raise ConfigurationError(f"{contact_sheet}: a contact sheet is a JPEG; name it .jpg")
    overlays = _overlays(heatmap_dir, paths, files) if heatmap_dir else []
    if n_others:
        told = "1 file is" if n_others == 1 else f"{n_others} files are"
        told += " neither picture nor video, by content or name, and left out"
        err.print(told, soft_wrap=True)
    from unmask.report import to_dict
    from unmask.types import VideoReport

    detector = load_detector(
        side_by_side=len(files) > 1 or is_video(files[0]),
        **({"precision": precision} if precision else {}),
    )
    complete = True
    counts: Counter[str] = Counter()
    reports = _reports(
        detector,
        files,
        heatmaps=heatmap_dir is not None,
        options={"max_frames": max_frames, "every": every, "method": method},
    )
    for number, (path, report) in enumerate(zip(files, reports, strict=True)):
        complete &= report.verdict != "not_analysed"
        counts[report.verdict] += 1
        faces = () if isinstance(report, VideoReport) else report.faces
        maps = [face.heatmap for face in faces if face.heatmap is not None]
        is_empty = all(one.empty for one in maps)
        if as_json:
            print(json.dumps(to_dict(report)), flush=True)  # noqa: T201 (the command's result)
        else:
            print_report(report, NO_HEATMAP if maps and is_empty else None)
        if isinstance(report, VideoReport):
            draw_video(path, report, render, contact_sheet)
        elif overlays and not is_empty:
            picture = _read_again(detector, path, report)
            complete &= picture is not None
            if picture is not None:
                write_overlay(picture, maps, overlays[number], colormap)
    if len(files) > 1 and not as_json:
        print_counts(counts)
    raise typer.Exit(ALL_ANALYSED if complete else SOME_NOT_ANALYSED)


def _overlays(folder: Path, paths: Iterable[Path], files: Iterable[Path]) -> list[Path]:
    """Where the heat maps of each file go, in a folder that is made.

    Raises:
        ConfigurationError: the folder is in one that is judged, or cannot be written to.
    """
    for judged in filter(is_folder, paths):
        if folder.resolve().is_relative_to(judged.resolve()):
            message = f"--heatmap-dir {folder} is in {judged}, of which all is judged"
            raise ConfigurationError(f"{message}, the heat maps too when run again; name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--heatmap-dir {folder}: {error.strerror}; expected a folder"
        raise ConfigurationError(message) from error
    # The number keeps apart files of the same name from different folders.
    names = (f"{number:04d}-{path.stem[:50]}.jpg" for number, path in enumerate(files))
    targets = [folder / name for name in names]
    check_targets(targets, files)
    return targets


def _read_again(detector: Detector, path: Path, report: ImageReport) -> Picture | None:
    """The picture that was judged; None, and told, where the file has changed since."""
    try:
        picture = detector.read(path)
        if picture.sha256 == report.sha256:
            return picture
    except InputError:
        pass
    told = f"{printable(str(path))} has changed since it was judged: no heat map is written"
    err.print(told, markup=False, soft_wrap=True)
    return None


def _reports(
    detector: Detector, files: Iterable[Path], *, heatmaps: bool, options: dict[str, Any]
) -> Iterator[ImageReport | VideoReport]:
    """One report a file, in order; a file that cannot be read has one too."""
    from unmask.timeline import refusal

    for are_videos, group in groupby(files, key=is_video):
        if not are_videos:
            yield from detector.images(group, heatmaps=heatmaps)
            continue
        for path in group:
            try:
                with progress_bar(transient=True) as bar:
                    report = detector.video(path, progress=showing(bar, path.name), **options)
            except InputError as error:
                report = refusal(str(path), error, detector.identity)
            yield report


def load_detector(*, side_by_side: bool = False, **settings: object) -> Detector:
    """The detector of the environment's settings, with these instead of some."""
    from unmask.detector import Detector
    from unmask.settings import load_settings

    return Detector.from_settings(load_settings(**settings), side_by_side=side_by_side)
