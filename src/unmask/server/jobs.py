"""Long work: jobs that come in, are followed, cancelled, fetched and forgotten."""

from __future__ import annotations

import logging
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import FileStorage

from unmask.formats import kind_of
from unmask.memory import limit_memory
from unmask.server.admission import busy, check_count
from unmask.server.folder import Folder
from unmask.server.pool import Pool
from unmask.server.problems import RequestError
from unmask.server.queues import open_queue
from unmask.server.schemas import JobQuery
from unmask.server.store import Job, State, Store
from unmask.settings import Settings, load_settings

__all__ = ["Jobs", "run_workers"]

log = logging.getLogger(__name__)

POLL_S = 0.2
HEARTBEAT_S = 2.0
"""Between two signs of life. That somebody has left is seen only when the second one is sent."""

DELETED = "It was deleted."
JOB_ID = re.compile("[0-9a-f]{32}")


def run_workers() -> None:
    """Work on the jobs of servers elsewhere, until told to end by SIGTERM or Ctrl-C.

    Raises:
        ConfigurationError: the store, the queue or the data folder cannot be had.
        MissingExtraError: what they need is not installed.
    """
    settings = load_settings()
    limit_memory(settings.max_memory_bytes)
    folder = Folder(settings.data_dir)
    store, queue = folder.store(settings), open_queue(settings.queue_url)
    n = max(settings.workers, 1)
    pool = Pool(settings, store, folder, queue, n=n, is_embedded=False)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    pool.start()
    while not over.wait(1.0):  # Windows tells of Ctrl-C between waits only
        pass
    pool.close()
    store.close()


class Jobs:
    """The jobs of one server.

    Raises:
        ConfigurationError: the store, the queue or the data folder cannot be had.
        MissingExtraError: what they need is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Folder(settings.data_dir)
        self._store: Store = self._folder.store(settings)
        self._queue = open_queue(settings.queue_url)
        n = 0 if settings.queue_url else settings.workers
        self._pool = Pool(settings, self._store, self._folder, self._queue, n=n, is_embedded=True)
        self._streams = threading.BoundedSemaphore(settings.max_streams)
        self._ending = threading.Event()
        self._lock, self._n_coming = threading.Lock(), 0
        self._pool.tidy()
        self._pool.start()

    def end_streams(self) -> None:
        """Have those who `watch` a job end: what serves them waits for them before it ends."""
        self._ending.set()

    def close(self) -> None:
        """End the workers; what they were at goes back into the queue."""
        self.end_streams()
        self._pool.close()
        self._store.close()

    def submit(self, files: Sequence[FileStorage], options: JobQuery) -> Job:
        """Queue a job for these files.

        Raises:
            RequestError: `too_many_files`; `busy`, too many jobs wait already.
        """
        check_count(len(files), self._settings.max_batch_files)
        job_id = secrets.token_hex(16)
        with self._place():
            try:
                kind = _kind(files)
                for position, file in enumerate(files):
                    self._folder.save_upload(job_id, position, cast(BinaryIO, file.stream))
                names = [file.filename or "" for file in files]
                self._store.add(job_id, kind, names, options.model_dump())
            except BaseException:
                self._folder.drop(job_id)
                raise
        self._queue.put(job_id)
        self._pool.wake()
        return self.get(job_id)

    def keep(self, kind: str, reports: Sequence[Mapping[str, Any]], *, heatmap: bool) -> str | None:
        """List what was answered at once as a job that has ended; its id, or None.

        None too where the store does not answer: whoever asked has the answer all the same.
        """
        if not (self._settings.has_list and self._settings.keep_answers):
            return None
        job_id = secrets.token_hex(16)
        try:
            self._store.add_finished(job_id, kind, reports, {"heatmap": heatmap, "pictures": False})
        except SQLAlchemyError as error:
            log.warning("an answer could not be kept: %s", error)
            return None
        return job_id

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            RequestError: `not_found`, there is none, or its time is over.
        """
        # Other ids are none, and PostgreSQL fails at some: it has no text with a NUL.
        job = self._store.get(job_id) if JOB_ID.fullmatch(job_id) else None
        if job is None:
            message = "There is no such job, or no longer: `expires_at` says how long one is kept."
            raise RequestError("not_found", message)
        return job

    def reports(self, job: Job) -> list[dict[str, Any]]:
        """The reports of a job so far, in the order of its files."""
        return list(self._store.reports(job.id).values())

    def newest(self, limit: int, before: float | None) -> list[tuple[Job, dict[str, int]]]:
        """The latest jobs, each with how many of its files got each verdict.

        Raises:
            RequestError: `store_off`.
        """
        self._require_list()
        jobs = self._store.newest(limit, before=before)
        counts = self._store.verdicts(job.id for job in jobs)
        return [(job, counts.get(job.id, {})) for job in jobs]

    def delete(self, job_id: str) -> Job | None:
        """Cancel a job that goes on, or forget one that has ended: then None.

        Raises:
            RequestError: `not_found`.
        """
        self.get(job_id)
        if self._cancel(job_id):
            return self.get(job_id)
        self._store.delete(job_id)
        self._folder.drop(job_id)
        return None

    def delete_all(self) -> None:
        """Cancel what goes on, and forget every job.

        Raises:
            RequestError: `store_off`.
        """
        self._require_list()
        for job_id in self._store.ids():
            self._cancel(job_id)
            self._store.delete(job_id)
            self._folder.drop(job_id)

    def picture(self, job_id: str, name: str) -> Path:
        """Where a picture of a job is.

        Raises:
            RequestError: `not_found`, or its time is over.
        """
        path = self._folder.picture(self.get(job_id).id, name)
        if path is None:
            message = "There is no such picture, or no longer: they go before the results do."
            raise RequestError("not_found", message)
        return path

    def take_stream(self) -> None:
        """Reserve a place among those who `watch`; `leave_stream` gives it back.

        Raises:
            RequestError: `busy`, every place is taken.
        """
        if not self._streams.acquire(blocking=False):
            raise busy()

    def leave_stream(self) -> None:
        self._streams.release()

    def watch(self, job_id: str) -> Iterator[tuple[Job, dict[str, int]] | None]:
        """The job and its verdicts each time it has changed, to the end; None as a sign of life.

        One that is deleted on the way ends as cancelled.
        """
        last: Job | None = None
        told_at = time.monotonic()
        while not self._ending.is_set():
            job = self._store.get(job_id)
            if job is None:
                if last is not None:
                    yield (
                        replace(last, state=State.CANCELLED, reason="cancelled", detail=DELETED),
                        {},
                    )
                return
            if job != last:
                yield job, self._store.verdicts([job_id]).get(job_id, {})
                last, told_at = job, time.monotonic()
            elif time.monotonic() - told_at > HEARTBEAT_S:
                yield None
                told_at = time.monotonic()
            if job.state.is_final:
                return
            self._ending.wait(POLL_S)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold a place for a job that is not in the store yet: many may come at once.

        Raises:
            RequestError: `busy`, every place is taken.
        """
        with self._lock:
            if len(self._store.active()) + self._n_coming >= self._settings.max_jobs:
                raise busy()
            self._n_coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_coming -= 1

    def _cancel(self, job_id: str) -> bool:
        """Take a job from whoever has it; its worker finds out within half a second."""
        detail = "It was cancelled on request."
        if not self._store.end(job_id, State.CANCELLED, reason="cancelled", detail=detail):
            return False
        self._folder.drop_uploads(job_id)
        return True

    def _require_list(self) -> None:
        if not self._settings.has_list:
            message = "Each job is at its own address only; UNMASK_STORE_URL is empty."
            raise RequestError("store_off", message)


def _kind(files: Sequence[FileStorage]) -> str:
    if len(files) > 1:
        return "batch"
    return kind_of(cast(BinaryIO, files[0].stream)) or "image"
