"""Who may use the processor now, who waits, and who is sent away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from unmask.server.problems import RequestError

__all__ = ["Admission", "busy", "check_count"]


class Admission:
    """At most `n_running` analyses at once and `n_waiting` in line; more are refused.

    More at once would only make each slower: the network keeps every core busy by itself.
    """

    def __init__(self, n_running: int, n_waiting: int) -> None:
        self._slots = BoundedSemaphore(n_running)
        self._lock = Lock()
        self._n_places = n_running + n_waiting
        self._n_inside = 0

    @property
    def is_full(self) -> bool:
        return self._n_inside >= self._n_places

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot, after waiting in line for it.

        Raises:
            RequestError: `busy`, the line is full.
        """
        with self._lock:
            if self.is_full:
                raise busy()
            self._n_inside += 1
        try:
            with self._slots:
                yield
        finally:
            with self._lock:
                self._n_inside -= 1


def check_count(n_files: int, limit: int) -> None:
    """Let a request pass only with so many files.

    Raises:
        RequestError: `too_many_files`.
    """
    if n_files > limit:
        message = f"At most {limit} files are taken at once; {n_files} came. Send them in parts."
        raise RequestError("too_many_files", message)


def busy() -> RequestError:
    message = "All places are taken, running and waiting. Try again in a few seconds."
    return RequestError("busy", message, retry_after_s=2)
