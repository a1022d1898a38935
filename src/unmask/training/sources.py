"""Labelled photos and videos, as a folder or a table lists them -> rows to prepare."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError
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
        DataError: no rows, a label other than real and fake, a file that is missing or twice.
    """
    rows = _read_folder(source) if source.is_dir() else _read_csv(source)
    if not rows:
        raise DataError(
            f"{source} has nothing to prepare: expected {{train,val,test}}/{{real,fake}}"
        )
    missing = [str(row.file) for row in rows if not row.file.is_file()]
    if missing:
        first = ", ".join(missing[:3])
        raise DataError(f"{source}: {len(missing)} of {len(rows)} files do not exist: {first}, …")
    seen: set[Path] = set()
    for row in rows:
        if row.file in seen:
            raise DataError(f"{source}: {row.file} is there twice")
        seen.add(row.file)
    return rows


def _read_folder(folder: Path) -> list[Source]:
    return [
        Source(file, label, source=folder.resolve().name, split=split)
        for split in ("train", "val", "test")
        for label in ("real", "fake")
        for file in sorted((folder / split / label).rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    ]


def _read_csv(path: Path) -> list[Source]:
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line, record in enumerate(csv.DictReader(file, restval=""), start=2):
                if not record.get("path"):
                    raise DataError(f"{path}:{line}: no path; expected columns path,label,…")
                values = {k: v.strip() for k, v in record.items() if k in ("label", *FACTS)}
                label = values.pop("label", "").lower()
                if label not in ("real", "fake"):
                    raise DataError(f"{path}:{line}: label is real or fake, got {label!r}")
                values["source"] = values.get("source") or path.stem
                rows.append(Source(path.parent / record["path"].strip(), label, **values))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file: {error}") from error
    return rows
