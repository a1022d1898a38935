"""What a command is given: which files of a folder it takes, and what each is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from unmask.files import below, is_folder
from unmask.formats import kind_of

__all__ = ["expand", "is_pipe", "is_video", "seen"]

PICTURES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".heic", ".heif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".jxl", ".jp2"),
    *(".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2"),
}
VIDEOS = {
    *(".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm"),
    *(".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".ogv"),
}
"""Endings that are taken from a folder, beside what is a picture or a video by its content.

What has one and is in a format that is not read is taken too: it then has its reason, where a
folder would else pass for judged with it left out in silence.
"""


def expand(paths: Iterable[Path]) -> tuple[list[Path], int]:
    """Files as they are named, and of a folder every picture and video below it, by name.

    The number is of what else is in the folders: neither by its content nor by its name.
    """
    files: list[Path] = []
    n_others = 0
    for path in paths:
        if not is_folder(path):
            files.append(path)
            continue
        found = list(below(path))
        wanted = list(filter(_is_wanted, found))
        files += wanted
        n_others += len(found) - len(wanted)
    return files, n_others


def _is_wanted(path: Path) -> bool:
    if is_folder(path):  # one that may not be looked into, to be told as unreadable
        return True
    # To open a pipe would be to wait for somebody to write into it.
    if is_pipe(path):
        return False
    return path.suffix.lower() in PICTURES | VIDEOS or _kind(path) is not None


def seen(path: Path) -> os.stat_result | None:
    """What the system tells of a file; None where there is none, or none to be seen."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def is_pipe(path: Path) -> bool:
    found = seen(path)
    return found is not None and stat.S_ISFIFO(found.st_mode)


def is_video(path: Path) -> bool:
    """By its content; where that is nothing we read, the name says as what to refuse it."""
    kind = _kind(path)
    return path.suffix.lower() in VIDEOS if kind is None else kind == "video"


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return kind_of(file)
    except (OSError, ValueError):
        return None
