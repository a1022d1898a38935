"""What the jobs keep on disk: uploads until they are read, pictures that were asked for, the store.

Everything is private to the user the server runs as, and named by numbers only.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import URL

from unmask.errors import ConfigurationError
from unmask.server.store import Store
from unmask.settings import Settings

__all__ = ["Folder"]

FORGOTTEN_S = 600
"""An upload this old that belongs to no job is not just being received."""

SHORT_TTL_S = 600.0
"""How long results wait to be fetched where no list of them is kept."""

PICTURE_NAME = re.compile(r"[0-9]+-[a-z]+(-[a-z0-9]+)*\.jpg")
COPY_BYTES = 1024 * 1024


class Folder:
    """The folder at `path`, by default one of this user's in the temporary folder.

    Raises:
        ConfigurationError: it cannot be had, or is not private.
    """

    def __init__(self, path: Path | None) -> None:
        # Absolute: Flask would look for a relative one beside its own package.
        self._path = (path or _own_temporary_folder()).absolute()
        try:
            for folder in (self._path, self._uploads, self._pictures):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"UNMASK_DATA_DIR: {self._path}: {error.strerror}") from error

    @property
    def _uploads(self) -> Path:
        return self._path / "uploads"

    @property
    def _pictures(self) -> Path:
        return self._path / "pictures"

    def store(self, settings: Settings) -> Store:
        """The store these settings ask for; by default a file here."""
        here = URL.create("sqlite", database=str(self._path / "unmask.sqlite"))
        ttl_s = settings.result_ttl_s
        if not settings.has_list:
            ttl_s = min(ttl_s, SHORT_TTL_S)
        return Store(settings.store_url or here, ttl_s=ttl_s)

    def upload(self, job_id: str, position: int) -> Path:
        return self._uploads / job_id / str(position)

    def save_upload(self, job_id: str, position: int, stream: BinaryIO) -> None:
        path = self.upload(job_id, position)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, COPY_BYTES)

    def drop_uploads(self, job_id: str) -> None:
        shutil.rmtree(self._uploads / job_id, ignore_errors=True)

    def new_picture(self, job_id: str, name: str) -> Path:
        """Where a picture of a job shall be."""
        path = self._pictures / job_id / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return path

    def picture(self, job_id: str, name: str) -> Path | None:
        """Where a picture of a job is; None where there is none."""
        path = self._pictures / job_id / name
        return path if PICTURE_NAME.fullmatch(name) and path.is_file() else None

    def drop(self, job_id: str) -> None:
        """Delete everything of a job."""
        self.drop_uploads(job_id)
        shutil.rmtree(self._pictures / job_id, ignore_errors=True)

    def sweep(self, store: Store, *, picture_ttl_s: float) -> None:
        """Delete the uploads of jobs that do not go on, and the pictures of those not kept.

        Pictures of others go after `picture_ttl_s`.
        """
        now = time.time()
        # In this order: a job that comes in between has no folder here, or is among the active and
        # keeps what was uploaded.
        uploads, pictures = list(_aged(self._uploads, now)), list(_aged(self._pictures, now))
        kept = store.ids()
        active = set(store.active())
        for folder, age_s in uploads:
            if folder.name not in active and (folder.name in kept or age_s > FORGOTTEN_S):
                shutil.rmtree(folder, ignore_errors=True)
        kept |= active
        for folder, age_s in pictures:
            if folder.name not in kept or (folder.name not in active and age_s > picture_ttl_s):
                shutil.rmtree(folder, ignore_errors=True)


def _aged(parent: Path, now: float) -> Iterator[tuple[Path, float]]:
    """The folders of jobs in a folder, and for how many seconds nothing came into each."""
    # By the names of jobs: the data folder may be one that holds other things too.
    for folder in list(parent.glob("[0-9a-f]" * 32)):
        try:
            yield folder, now - folder.stat().st_mtime
        except FileNotFoundError:
            continue


def _own_temporary_folder() -> Path:
    """Found again after a restart, and proven to be ours: anyone may write where it lies."""
    if not hasattr(os, "getuid"):
        return Path(tempfile.gettempdir()) / "unmask"
    path = Path(tempfile.gettempdir()) / f"unmask-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    is_private = found.st_uid == os.getuid() and not found.st_mode & 0o077
    if not (stat.S_ISDIR(found.st_mode) and is_private):
        raise ConfigurationError(
            f"{path} belongs to somebody else or is open to others; "
            "remove it, or set UNMASK_DATA_DIR to a private folder."
        )
    return path
