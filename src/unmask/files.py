"""What is below a folder, files that are written whole or not at all, and tables that are read."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from unmask.errors import DataError, UnmaskError
from unmask.types import Label

__all__ = ["below", "is_folder", "read_label", "read_table", "replacing", "sha256"]


def is_folder(path: Path) -> bool:
    """Whether it is one; no of what may not be seen, where `Path.is_dir` raises an error."""
    return os.path.isdir(path)  # noqa: PTH112


def below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, by name; a folder that may not be looked into is given itself.

    Links are followed, also to folders, but nothing is entered twice: a link may lead back.
    """
    entered: set[tuple[int, int]] = set()
    left = [folder]
    while left:
        place = left.pop()
        if not is_folder(place) or not os.access(place, os.R_OK | os.X_OK):
            yield place
            continue
        found = place.stat()  # to resolve its links would take the cube of its depth
        if (found.st_dev, found.st_ino) not in entered:
            entered.add((found.st_dev, found.st_ino))
            left += sorted(place.iterdir(), reverse=True)


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits; it may be larger than the memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write instead, which takes its place at the end of the block.

    Whatever goes wrong before, a full disk or Ctrl-C, leaves `path` as it was, and nothing else.

    Raises:
        UnmaskError: it could not be written.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        message = f"{path} could not be written ({error.strerror or error})"
        raise UnmaskError(
            f"{message}; what was there is unharmed: mend that, and start again"
        ) from error


def read_table(path: Path, *, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and stripped values of each row of a CSV file with a header.

    Raises:
        DataError: unreadable, empty, a required column missing, or a row of another length.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        told = f"{path}: cannot be read: {error.strerror}"
        raise DataError(f"{told}; expected a CSV file with {','.join(required)}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    lines = _lines(path, text)
    _, header = next(lines, (1, []))
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(
            f"{path}: no column {' and no column '.join(missing)}; expected a header with "
            f"{','.join(required)}, got {','.join(header) or 'an empty file'}"
        )
    if len(set(header)) < len(header):
        raise DataError(f"{path}: the header names a column twice: {','.join(header)}")
    empty = True
    for line, values in lines:
        if not values:
            continue
        if len(values) != len(header):
            raise DataError(f"{path}:{line}: expected {len(header)} values, got {len(values)}")
        empty = False
        yield line, dict(zip(header, values, strict=True))
    if empty:
        raise DataError(f"{path}: a header and no rows")


def read_label(text: str, place: str) -> Label:
    """The label that a table has at `place`, in capitals or not.

    Raises:
        DataError: it is neither real nor fake.
    """
    label = text.upper()
    if label not in ("REAL", "FAKE"):
        message = f"{place}: label is real or fake, got {text!r}"
        if label in ("0", "1"):
            message += ": half of this field's data sets number fakes 0, the others 1; say which"
        raise DataError(message)
    return cast("Label", label)


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        for values in reader:
            yield reader.line_num, [value.strip() for value in values]
    except csv.Error as error:  # its own words for a quotation mark that is never closed
        raise DataError(f"{path}:{reader.line_num}: no CSV file: {error}") from error
