"""Which files there are and what is true of them: `path,label[,method,identity,video,…]`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.errors import DataError
from unmask.files import read_label, read_table
from unmask.masks import same_moment
from unmask.types import FACTS, Facts, Label

__all__ = ["COLUMNS", "Manifest", "Row", "read_manifest"]


@dataclass(frozen=True, slots=True)
class Row(Facts):
    """One file. A column that the manifest does not have is an empty string."""

    path: str
    label: Label


COLUMNS = ("path", "label", *FACTS)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Rows, and the folder that their paths are relative to."""

    rows: tuple[Row, ...]
    folder: Path

    def __len__(self) -> int:
        return len(self.rows)

    def file(self, row: Row) -> Path:
        return self.folder / row.path

    def place(self, path: str) -> str:
        """Where a path of this manifest is, however it is written: `./a`, `b/../a`, absolute."""
        return os.path.normpath(self.folder.absolute() / path)

    @property
    def is_fake(self) -> NDArray[np.bool_]:
        return np.array([row.label == "FAKE" for row in self.rows], bool)

    @property
    def clusters(self) -> NDArray[np.intp]:
        """`(n,)` numbers of what is not independent: one person, else one video, else the file.

        A fake goes with the genuine video it was made from, which `original` names.
        """
        kinds = {"identity": "person", "original": "video", "video": "video", "path": "file"}
        keys = [
            next(
                (row.source, kind, value)
                for column, kind in kinds.items()
                if (value := getattr(row, column))
            )
            for row in self.rows
        ]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([numbers[key] for key in keys], np.intp)

    def where(self, **wanted: str) -> Manifest:
        """Only the rows whose columns have these values, e.g. `where(source="dfdc", split="test")`.

        Raises:
            DataError: no such column, or no such row.
        """
        for column in wanted:
            if column not in COLUMNS:
                raise DataError(f"no column {column!r}; a manifest has {', '.join(COLUMNS)}")
        rows = tuple(
            row
            for row in self.rows
            if all(getattr(row, column) == value for column, value in wanted.items())
        )
        if not rows:
            asked = ", ".join(f"{column}={value}" for column, value in wanted.items())
            raise DataError(f"the manifest has no row with {asked}")
        return replace(self, rows=rows)

    def fakes_with_originals(self, what: str) -> list[tuple[int, int | None]]:
        """The numbers of each fake whose original is there, and of its genuine row.

        That is the row of the same `source` whose `original`, or else `video`, is the fake's
        `original`. Where there are several, as of the frames of a video, it is the one whose name
        ends in the same number; None where that is not just one.

        Raises:
            DataError: no fake has one; the message calls the files `what` they are.
        """
        genuine: dict[tuple[str, str], list[int]] = {}
        for n, row in enumerate(self.rows):
            if row.label == "REAL" and (name := row.original or row.video):
                genuine.setdefault((row.source, name), []).append(n)
        pairs = [
            (n, self._made_from(row, genuine[row.source, row.original]))
            for n, row in enumerate(self.rows)
            if row.label == "FAKE" and (row.source, row.original) in genuine
        ]
        if all(one is None for _, one in pairs):
            message = f"no fake of the manifest has its genuine {what} there"
            raise DataError(
                f"{message}, by source, original, and of several by the number their names end in"
            )
        return pairs

    def _made_from(self, fake: Row, genuine: list[int]) -> int | None:
        place = same_moment(Path(fake.path), [Path(self.rows[n].path) for n in genuine])
        return None if place is None else genuine[place]

    def require_files(self) -> None:
        """Fail before hours are spent where the files are not where the manifest says.

        Raises:
            DataError: some are missing; the message says how many, which, and where it looked.
        """
        missing = [row.path for row in self.rows if not self.file(row).is_file()]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self)} files of the manifest do not exist under "
                f"{self.folder}, the first: {', '.join(missing[:3])}; paths are relative to "
                "the manifest's own folder"
            )


def read_manifest(path: Path) -> Manifest:
    """Read a CSV file; columns other than those of `Row` are ignored.

    Raises:
        DataError: unreadable, empty, a required column or value missing, an unknown label, or a
            path twice; the message names the line.
    """
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for line, record in read_table(path, required=("path", "label")):
        values = {name: value for name, value in record.items() if name in COLUMNS}
        label = read_label(values["label"], f"{path}:{line}")
        if not values["path"]:
            raise DataError(f"{path}:{line}: the path is empty")
        place = os.path.normpath(values["path"])
        if place in lines:
            raise DataError(f"{path}:{line}: {values['path']} is on line {lines[place]} already")
        lines[place] = line
        rows.append(Row(**{**values, "label": label}))  # type: ignore[arg-type]
    return Manifest(tuple(rows), path.parent)
