"""Labelled photos and videos, as a folder or a table lists them -> rows to prepare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError
from unmask.files import below, read_label, read_table
from unmask.types import FACTS, Facts

__all__ = ["Source", "read_sources"]


@dataclass(frozen=True, slots=True)
class Source(Facts):
    """A row of what is to be prepared: `file`, its label, and what is known of it."""

    file: Path
    label: str


def read_sources(source: Path) -> list[Source]:
    """The rows of a folder or CSV file, each with a file that exists.

    Raises:
        DataError: no rows, a table that is none, a label other than real and fake, a file that is
            missing, twice, or of a name that no manifest can hold.
    """
    if not source.exists():
        raise DataError(f"{source}: there is no such folder, and no such CSV file")
    rows = _read_folder(source) if source.is_dir() else _read_csv(source)
    if not rows:
        raise DataError(
            f"{source} has nothing to prepare: expected {{train,val,test}}/{{real,fake}}"
        )
    missing = [str(row.file) for row in rows if not row.file.is_file()]
    if missing:
        first = ", ".join(missing[:3])
        raise DataError(
            f"{source}: {len(missing)} of {len(rows)} files do not exist, the first: {first}; "
            "paths are relative to the CSV file's own folder"
        )
    seen: set[Path] = set()
    for row in rows:
        if (place := row.file.resolve()) in seen:
            raise DataError(f"{source}: {row.file} is there twice")
        seen.add(place)
        if not _is_text(str(row.file)):
            raise DataError(f"{source}: the name of {row.file} is not UTF-8; rename it")
    return rows


def _is_text(name: str) -> bool:
    """Whether a manifest can hold this name: some systems have names in other encodings."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_folder(folder: Path) -> list[Source]:
    return [
        Source(file, label, source=folder.resolve().name, split=split)
        for split in ("train", "val", "test")
        for label in ("real", "fake")
        if (folder / split / label).is_dir()
        for file in below(folder / split / label)
        if file.is_file() and not file.name.startswith(".")
    ]


def _read_csv(path: Path) -> list[Source]:
    rows = []
    for line, record in read_table(path, required=("path", "label")):
        values = {name: value for name, value in record.items() if name in FACTS}
        if not record["path"]:
            raise DataError(f"{path}:{line}: the path is empty")
        label = read_label(record["label"], f"{path}:{line}").lower()
        values["source"] = values.get("source") or path.stem
        rows.append(Source(path.parent / record["path"], label, **values))
    return rows
