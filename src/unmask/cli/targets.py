"""What a command writes: checked before the work, and the pictures that show a verdict."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.cli.inputs import seen
from unmask.cli.terminal import progress_bar, showing
from unmask.errors import ConfigurationError, UnmaskError
from unmask.files import is_folder, replacing

if TYPE_CHECKING:
    from unmask.types import Heatmap, Image, Picture, VideoReport

__all__ = ["check_targets", "draw_video", "write_overlay"]


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
        found = seen(target)
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
    found = seen(path)
    return found and (found.st_dev, found.st_ino)


def draw_video(path: Path, report: VideoReport, render: Path | None, sheet: Path | None) -> None:
    """Write what was found of a video: its most telling faces, and itself with verdicts.

    Raises:
        UnmaskError: one could not be written; what was there before is unharmed.
    """
    if report.format is None or not (render or sheet):
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


def write_overlay(picture: Picture, maps: Sequence[Heatmap], target: Path, colormap: Any) -> None:
    """Write a picture with its heat maps, as JPEG.

    Raises:
        UnmaskError: it could not be written; what was there before is unharmed.
    """
    from unmask.heatmap import overlay

    _save(overlay(picture.pixels, maps, colormap=colormap), target)


def _save(picture: Image, target: Path) -> None:
    import PIL.Image

    with replacing(target) as temporary:
        PIL.Image.fromarray(picture).save(temporary, "JPEG", quality=92)
