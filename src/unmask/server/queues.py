"""How workers learn of jobs: from the store itself, or from huey with Redis or PostgreSQL.

A queue only says that there is work. Who gets a job, and what became of it, is the store's to
say; so a message that is lost or comes twice does no harm.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from unmask.errors import ConfigurationError, MissingExtraError

__all__ = ["HueyQueue", "Queue", "StoreQueue", "open_queue"]

log = logging.getLogger(__name__)

POLL_S = 0.2
RETRY_S = 1.0

Run = Callable[[str | None], bool]
"""Work on this job, or with None on any; False where there was nothing to do."""


class Queue(Protocol):
    """`put` says that a job waits, `work` runs one or waits up to a second, and says which.

    `is_empty` is true where no message waits.
    """

    def put(self, job_id: str) -> None: ...
    def work(self, run: Run) -> bool: ...
    def is_empty(self) -> bool: ...


class StoreQueue:
    """The rows of the store are the queue."""

    def put(self, job_id: str) -> None:
        pass

    def work(self, run: Run) -> bool:
        if run(None):
            return True
        time.sleep(POLL_S)
        return False

    def is_empty(self) -> bool:
        return False


class HueyQueue:
    """A queue that machines share: one huey task, `run`, with the id of a job.

    Raises:
        ConfigurationError: `url` is neither redis:// nor postgresql://.
        MissingExtraError: what it needs is not installed.
    """

    def __init__(self, url: str) -> None:
        self._huey, self._failures = _huey(url)
        self._run: Run | None = None
        self._outcome = False

        @self._huey.task(name="run")  # type: ignore[untyped-decorator]
        def run(job_id: str) -> None:
            if self._run is not None:
                self._outcome = self._run(job_id)

        self._task = run

    def put(self, job_id: str) -> None:
        try:
            self._task(job_id)
        except self._failures as error:
            # The job waits in the store; it is announced again when the queue is back.
            log.warning("the queue does not answer: %s", error)

    def work(self, run: Run) -> bool:
        self._run, self._outcome = run, False
        try:
            task = self._huey.dequeue()
        except self._failures as error:
            log.warning("the queue does not answer: %s", error)
            time.sleep(RETRY_S)
            return False
        if task is not None:
            self._huey.execute(task)
        return self._outcome

    def is_empty(self) -> bool:
        try:
            return bool(self._huey.pending_count() == 0)
        except self._failures:
            return False


def open_queue(url: str | None) -> Queue:
    """The queue at `url`, or the store where there is none."""
    return HueyQueue(url) if url else StoreQueue()


def _huey(url: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """A huey at this address, and what it raises when nothing answers there."""
    scheme = url.partition(":")[0]
    if scheme not in ("redis", "rediss", "unix", "postgresql", "postgres"):
        expected = "expected redis://host:6379/0 or postgresql://user@host/database"
        raise ConfigurationError(f"UNMASK_QUEUE_URL: {expected}, got {scheme!r}")
    options = {"results": False, "serializer": _json_messages()}
    try:
        if scheme.startswith("postgres"):
            import psycopg
            from huey import PostgresHuey

            try:
                return PostgresHuey("unmask", dsn=url, **options), (psycopg.Error,)
            except psycopg.Error as error:
                raise ConfigurationError(f"UNMASK_QUEUE_URL: {error}") from error
        from huey import RedisHuey
        from redis.exceptions import RedisError

        return RedisHuey("unmask", url=url, **options), (RedisError,)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A queue for other machines", "queue,postgresql") from error


def _json_messages() -> Any:
    """Messages as JSON: huey's own pickles would let whoever writes to the queue run code here."""
    try:
        from huey.registry import Message
        from huey.serializer import Serializer
    except ModuleNotFoundError as error:
        raise MissingExtraError("A queue for other machines", "queue") from error

    class JsonMessages(Serializer):  # type: ignore[misc, unused-ignore]
        def _serialize(self, data: Any) -> bytes:
            return json.dumps(data).encode()

        def _deserialize(self, data: bytes) -> Any:
            return Message(*json.loads(data))

    return JsonMessages()
