"""Worker processes, and the thread that starts them, replaces those that die, and tidies up."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from multiprocessing.context import SpawnProcess
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from unmask.server.folder import Folder
from unmask.server.queues import Queue
from unmask.server.store import State, Store
from unmask.server.worker import work
from unmask.settings import Settings

__all__ = ["Pool"]

log = logging.getLogger(__name__)

TICK_S = 0.25
MAX_ATTEMPTS = 3
"""How many workers may die in the middle of a job before it counts as failed."""

RESTART_S = 5.0
"""Between two starts of a worker that does not live this long."""


class Slot:
    """A place for one worker process."""

    def __init__(self) -> None:
        self.process: SpawnProcess | None = None
        self.name = ""
        self.started_at = float("-inf")

    def start(self, settings: Settings, *, ends_when_idle: bool) -> None:
        self.name = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid4().hex[:8]}"
        # Forking would copy the threads' locks, and the server's sockets.
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(
            target=work, args=(settings, self.name, ends_when_idle), daemon=True
        )
        self.started_at = time.monotonic()
        self.process.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.join(5)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()


class Pool:
    """At most `n` workers on the jobs of a store, and the upkeep of that store.

    With `is_embedded` workers start when a job waits and end after a while without one, and the
    job of one that dies is failed. Else they are always there, and such a job goes to another, as
    does always that of one that was told to end.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folder: Folder,
        queue: Queue,
        *,
        n: int,
        is_embedded: bool,
    ) -> None:
        self._settings, self._store, self._folder, self._queue = settings, store, folder, queue
        self._is_embedded = is_embedded
        self._upkeep_s = settings.job_lease_s / 3
        self._slots = [Slot() for _ in range(n)]
        self._wake, self._over = threading.Event(), threading.Event()
        self._tidied_at = float("-inf")
        self._thread = threading.Thread(target=self._supervise, name="pool", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at once whether a worker is needed."""
        self._wake.set()

    def close(self) -> None:
        """End every worker; what it was at goes back into the queue."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for slot in self._slots:
            slot.stop()
        try:
            self._release()
        except SQLAlchemyError as error:
            log.warning("the store does not answer: %s", error)

    def tidy(self) -> None:
        """Take over what nobody holds any more, and forget what has expired."""
        self._tidied_at = time.monotonic()
        if self._store.requeue_lapsed(MAX_ATTEMPTS):
            self._wake.set()
        # A message may have been lost with the worker that took it.
        if self._queue.is_empty():
            for job_id in self._store.active(State.QUEUED):
                self._queue.put(job_id)
        self._store.delete_expired()
        self._folder.sweep(self._store, picture_ttl_s=self._settings.picture_ttl_s)

    def _supervise(self) -> None:
        while not self._over.is_set():
            is_calm = True
            try:
                is_calm = self._tick()
            except (SQLAlchemyError, OSError) as error:
                # The store may be away for a moment, the disk full; the supervisor goes on.
                log.warning("the upkeep of the jobs failed: %s", error)
            self._wake.wait(self._upkeep_s if is_calm else TICK_S)
            self._wake.clear()

    def _tick(self) -> bool:
        """Do what is due; whether there is nothing to watch closely."""
        # First, so that nobody else takes over the job of a worker that is known to be dead.
        for slot in self._slots:
            if slot.process is not None and not slot.process.is_alive():
                self._bury(slot)
        if time.monotonic() - self._tidied_at >= self._upkeep_s:
            self.tidy()
        is_needed = not self._is_embedded or bool(self._store.active(State.QUEUED))
        for slot in self._slots:
            is_due = time.monotonic() - slot.started_at > RESTART_S
            if slot.process is None and is_needed and is_due and not self._over.is_set():
                slot.start(self._settings, ends_when_idle=self._is_embedded)
        return not is_needed and not any(slot.process for slot in self._slots)

    def _bury(self, slot: Slot) -> None:
        status = slot.process.exitcode if slot.process else None
        slot.process = None
        if status == 0:
            return
        log.warning("worker %s ended with status %s", slot.name, status)
        if status == -signal.SIGTERM:
            # It was told to, mostly with the whole service; no job of its is to blame.
            self._store.release_all_of(slot.name)
        elif self._is_embedded:
            how = f"signal {-status}" if status and status < 0 else f"status {status}"
            self._store.fail_all_of(slot.name, f"The worker ended in the middle ({how}).")
            self.tidy()

    def _release(self) -> None:
        for slot in self._slots:
            if slot.name:
                self._store.release_all_of(slot.name)
