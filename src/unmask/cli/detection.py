"""`unmask detect`: from files to verdicts, and the pictures that show them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.printing import print_report
from unmask.cli.terminal import ALL_ANALYSED, SOME_NOT_ANALYSED, progress_bar, showing
from unmask.errors import ConfigurationError, UnmaskError
from unmask.files import below, is_folder, replacing

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.types import Heatmap, Image, ImageReport, VideoReport

__all__ = ["check_targets", "detect", "is_video", "load_detector"]

PICTURES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".heic", ".heif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".jxl", ".jp2"),
}
VIDEOS = {
    *(".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm"),
    *(".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".ogv"),
}
"""Endings that are taken from a folder; a file that is named is taken whatever its ending.

What is a picture or a video in a format that is not read is taken too: it then has its reason,
where a folder would else pass for judged with it left out in silence.
"""

METHODS = ("scan", "majority", "average", "weighted")


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
    ] = 30,
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
    files = list(_expand(paths))
    if not files:
        raise ConfigurationError("no picture or video in " + ", ".join(map(str, paths)))
    for pipe in filter(_is_pipe, files):
        # What a file is and its heat maps take a second look, which a pipe does not give.
        message = f"{pipe} is a pipe; expected a file. Save what comes out of it, and name that"
        raise ConfigurationError(message)
    if method not in METHODS:
        raise ConfigurationError(f"--method {method}: expected {', '.join(METHODS)}")
    if (render or contact_sheet) and not (len(files) == 1 and is_video(files[0])):
        raise ConfigurationError("--render and --contact-sheet take one video")
    check_targets((render, contact_sheet), files)
    overlays: list[Path] = []
    if heatmap_dir is not None:
        # The number keeps apart files of the same name from different folders.
        names = (f"{number:04d}-{path.stem[:50]}.jpg" for number, path in enumerate(files))
        overlays = [heatmap_dir / name for name in names]
        try:
            heatmap_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"--heatmap-dir {heatmap_dir}: {error.strerror}; expected a folder"
            raise ConfigurationError(message) from error
        check_targets(overlays, files)
    from unmask.report import to_dict
    from unmask.types import VideoReport

    detector = load_detector(**({"precision": precision} if precision else {}))
    complete = True
    reports = _reports(
        detector,
        files,
        heatmaps=heatmap_dir is not None,
        options={"max_frames": max_frames, "every": every, "method": method},
    )
    for number, (path, report) in enumerate(zip(files, reports, strict=True)):
        complete &= report.verdict != "not_analysed"
        if as_json:
            print(json.dumps(to_dict(report)), flush=True)  # noqa: T201 (the command's result)
        else:
            print_report(report)
        if isinstance(report, VideoReport):
            _draw(path, report, render, contact_sheet)
            continue
        maps = [face.heatmap for face in report.faces if face.heatmap is not None]
        if overlays and maps:
            _write_overlay(detector.read(path).pixels, maps, overlays[number], colormap)
    raise typer.Exit(ALL_ANALYSED if complete else SOME_NOT_ANALYSED)


def _reports(
    detector: Detector, files: Iterable[Path], *, heatmaps: bool, options: dict[str, Any]
) -> Iterator[ImageReport | VideoReport]:
    """One report a file, in order; a file that cannot be read has one too."""
    from unmask.errors import InputError
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


def load_detector(**settings: object) -> Detector:
    """The detector of the environment's settings, with these instead of some."""
    from unmask.detector import Detector
    from unmask.settings import load_settings

    return Detector.from_settings(load_settings(**settings))


def check_targets(targets: Iterable[Path | None], sources: Iterable[Path | None]) -> None:
    """Let only what can be written pass, before the work and never over what it is about.

    Raises:
        ConfigurationError: a target is one of the sources or another target, is a folder, or is in
            one that does not exist or may not be written to.
    """
    read = {_place(source) for source in sources if source is not None} - {None}
    written: set[Path] = set()
    for target in filter(None, targets):
        if is_folder(target):
            raise ConfigurationError(f"{target} is a folder; name a file to write")
        found = _stat(target)
        if found and not stat.S_ISREG(found.st_mode):  # a file would take the place of /dev/null
            raise ConfigurationError(f"{target} is no file; name one to write")
        if not is_folder(target.parent):
            raise ConfigurationError(f"{target}: the folder {target.parent} does not exist")
        if not os.access(target.parent, os.W_OK):
            raise ConfigurationError(f"{target}: the folder {target.parent} may not be written to")
        if _place(target) in read or target.resolve() in written:
            raise ConfigurationError(f"{target} would be overwritten; name another file to write")
        written.add(target.resolve())


def _place(path: Path) -> tuple[int, int] | None:
    """What a file is by, whatever it is called; None where there is none, or none to be seen."""
    found = _stat(path)
    return found and (found.st_dev, found.st_ino)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _is_pipe(path: Path) -> bool:
    found = _stat(path)
    return found is not None and stat.S_ISFIFO(found.st_mode)


def _expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named; of a folder, every picture and video below it, by name."""
    for path in paths:
        if is_folder(path):
            yield from filter(_is_wanted, below(path))
        else:
            yield path


def _is_wanted(path: Path) -> bool:
    if is_folder(path):  # one that may not be looked into, to be told as unreadable
        return True
    # To open a pipe would be to wait for somebody to write into it.
    return path.suffix.lower() in PICTURES | VIDEOS and not _is_pipe(path)


def is_video(path: Path) -> bool:
    """By its content; where that is nothing we read, the name says as what to refuse it."""
    from unmask.detector import kind_of

    try:
        with path.open("rb") as file:
            kind = kind_of(file)
    except (OSError, ValueError):
        kind = None
    return path.suffix.lower() in VIDEOS if kind is None else kind == "video"


def _draw(path: Path, report: VideoReport, render: Path | None, sheet: Path | None) -> None:
    if report.sha256 is None or not (render or sheet):
        return
    import av

    from unmask import render as drawing

    if sheet is not None:
        _save(drawing.contact_sheet(path, report), sheet)
    if render is not None:
        try:
            with replacing(render) as temporary, progress_bar(transient=True) as bar:
                drawing.render(path, report, temporary, progress=showing(bar, render.name))
        except av.FFmpegError as error:  # those that are no error of the system
            raise UnmaskError(f"{render} could not be written ({error})") from error


def _write_overlay(image: Image, maps: list[Heatmap], target: Path, colormap: Any) -> None:
    from unmask.heatmap import overlay

    _save(overlay(image, maps, colormap=colormap), target)


def _save(picture: Image, target: Path) -> None:
    import PIL.Image

    with replacing(target) as temporary:
        PIL.Image.fromarray(picture).save(temporary, "JPEG", quality=92)
