"""What is known of every job: a SQLite file, or PostgreSQL by URL. Verdicts, never a picture.

A job is `queued`, then `running` while a worker holds it, then for good one of `finished`,
`failed` and `cancelled`. Every change is one statement that names the state it leaves, so that of
several processes that want the same change exactly one makes it.

A worker holds a job by a lease that it renews. A lease that lapses belongs to a worker that is no
more: its job goes back into the queue. Times are seconds since 1970 by the clock of the machine;
machines that share a store need theirs to agree within a few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Column,
    ColumnElement,
    CursorResult,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Update,
    create_engine,
    delete,
    event,
    func,
    insert,
    literal,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from unmask.errors import ConfigurationError, MissingExtraError

__all__ = ["Job", "State", "Store"]

BUSY_TIMEOUT_S = 30
CREATION_LOCK = 0x756E6D61736B


class State(StrEnum):
    """Where a job is. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in ACTIVE


ACTIVE = (State.QUEUED, State.RUNNING)

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("state", String(9), nullable=False),
    Column("names", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("expires_at", Float),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", String(32)),
    Column("detail", String),
    Column("worker", String(64)),
    Column("lease_until", Float),
    Index("jobs_by_state", "state", "created_at"),
    Index("jobs_by_age", "created_at"),
    Index("jobs_by_end", "expires_at"),
)

reports = Table(
    "reports",
    metadata,
    Column("job_id", ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("report", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `names` are those its files came with; `done` of `total` frames or files are done.

    `reason` and `detail` say why a job failed or was cancelled.
    """

    id: str
    kind: str
    state: State
    names: list[str]
    options: dict[str, Any]
    created_at: float
    started_at: float | None
    finished_at: float | None
    expires_at: float | None
    done: int
    total: int
    attempts: int
    reason: str | None
    detail: str | None


COLUMNS = [jobs.c[field.name] for field in fields(Job)]


class Store:
    """Jobs and their reports at `url`, by default kept for `ttl_s` after a job has ended.

    Raises:
        ConfigurationError: the URL is none, or no database answers there.
        MissingExtraError: PostgreSQL is asked for and its driver is not installed.
    """

    def __init__(self, url: str | URL, *, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._engine = _engine(url)
        try:
            _create_tables(self._engine)
        except DatabaseError as error:
            shown = self._engine.url.render_as_string(hide_password=True)
            raise ConfigurationError(f"UNMASK_STORE_URL: {shown}: {error.orig}") from error

    def close(self) -> None:
        self._engine.dispose()

    def add(self, job_id: str, kind: str, names: Sequence[str], options: Mapping[str, Any]) -> None:
        """Queue a job."""
        row = _row(job_id, kind, names, options)
        with self._engine.begin() as connection:
            connection.execute(insert(jobs).values(row))

    def add_finished(
        self,
        job_id: str,
        kind: str,
        found: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
    ) -> None:
        """Keep the reports of files that were answered at once, as a job that has ended."""
        row = _row(job_id, kind, [report["filename"] for report in found], options)
        done = len(found[0]["frames"]) if kind == "video" else len(found)
        row |= self._final(State.FINISHED, None, None)
        row |= {"started_at": row["created_at"], "done": done, "total": done}
        with self._engine.begin() as connection:
            connection.execute(insert(jobs).values(row))
            connection.execute(
                insert(reports),
                [
                    {
                        "job_id": job_id,
                        "position": position,
                        "verdict": report["verdict"],
                        "report": dict(report),
                    }
                    for position, report in enumerate(found)
                ],
            )

    def get(self, job_id: str) -> Job | None:
        """A job, or None where there is none or its time is over."""
        found = self._select(jobs.c.id == job_id)
        return found[0] if found else None

    def newest(self, limit: int, *, before: float | None = None) -> list[Job]:
        """The latest jobs first; with `before`, only those created earlier."""
        earlier = () if before is None else (jobs.c.created_at < before,)
        return self._select(*earlier, limit=limit)

    def active(self, *states: State) -> list[str]:
        """The ids of the jobs in these states, oldest first; by default all that go on."""
        wanted = [state.value for state in states or ACTIVE]
        query = select(jobs.c.id).where(jobs.c.state.in_(wanted)).order_by(jobs.c.created_at)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def claim(self, worker: str, lease_s: float, job_id: str | None = None) -> Job | None:
        """Take a queued job, by default the oldest, for `lease_s`; None where there is none."""
        now = time.time()
        wanted = select(jobs.c.id).where(jobs.c.state == State.QUEUED.value)
        if job_id is not None:
            wanted = wanted.where(jobs.c.id == job_id)
        # PostgreSQL skips rows that another worker is just taking; SQLite has one writer anyway.
        wanted = wanted.order_by(jobs.c.created_at).limit(1).with_for_update(skip_locked=True)
        statement = (
            update(jobs)
            .where(jobs.c.id == wanted.scalar_subquery(), jobs.c.state == State.QUEUED.value)
            .values(
                state=State.RUNNING.value,
                worker=worker,
                lease_until=now + lease_s,
                started_at=func.coalesce(jobs.c.started_at, now),
                attempts=jobs.c.attempts + 1,
            )
            .returning(*COLUMNS)
        )
        with self._engine.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _job(row._mapping)

    def renew(self, job_id: str, worker: str, lease_s: float, done: int, total: int) -> bool:
        """Say how far a job is and hold it for another `lease_s`; False where it is lost."""
        statement = (
            update(jobs)
            .where(*_held(job_id, worker))
            .values(lease_until=time.time() + lease_s, done=done, total=total)
        )
        return self._changed(statement) == 1

    def put_report(
        self, job_id: str, worker: str, position: int, report: Mapping[str, Any]
    ) -> bool:
        """Keep the report of one file; False where there is one already, or the job is lost."""
        row: dict[str, ColumnElement[Any]] = {
            "job_id": literal(job_id),
            "position": literal(position),
            "verdict": literal(report["verdict"]),
            "report": literal(dict(report), JSON),
        }
        # One statement, so that nothing is added to a job once it is cancelled. PostgreSQL must be
        # told not to let it be cancelled meanwhile; SQLite has one writer anyway.
        if_held = select(*row.values()).select_from(jobs).where(*_held(job_id, worker))
        if_held = if_held.with_for_update(read=True)
        statement = insert(reports).from_select(list(row), if_held).returning(reports.c.position)
        try:
            with self._engine.begin() as connection:
                return connection.execute(statement).one_or_none() is not None
        except IntegrityError:
            return False

    def reports(self, job_id: str) -> dict[int, dict[str, Any]]:
        """The reports of a job so far, by the position of their file."""
        query = select(reports.c.position, reports.c.report).where(reports.c.job_id == job_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(reports.c.position)).all()
        return {row.position: row.report for row in rows}

    def verdicts(self, job_ids: Iterable[str]) -> dict[str, dict[str, int]]:
        """How many files of each job got each verdict."""
        query = (
            select(reports.c.job_id, reports.c.verdict, func.count().label("n"))
            .where(reports.c.job_id.in_(list(job_ids)))
            .group_by(reports.c.job_id, reports.c.verdict)
        )
        counts: dict[str, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                counts.setdefault(row.job_id, {})[row.verdict] = row.n
        return counts

    def end(
        self,
        job_id: str,
        state: State,
        *,
        worker: str | None = None,
        reason: str | None = None,
        detail: str | None = None,
    ) -> bool:
        """Bring a job to its final state, once; False where it has one, or `worker` lost it."""
        is_active = jobs.c.state.in_([state.value for state in ACTIVE])
        which = _held(job_id, worker) if worker else (jobs.c.id == job_id, is_active)
        change = update(jobs).where(*which).values(self._final(state, reason, detail))
        return self._changed(change) == 1

    def fail_all_of(self, worker: str, detail: str) -> int:
        """Fail what a worker held that died."""
        change = self._final(State.FAILED, "worker_died", detail)
        return self._changed(update(jobs).where(*_all_held(worker)).values(change))

    def release_all_of(self, worker: str) -> int:
        """Queue again what a worker held that was told to stop; that attempt does not count."""
        change = _QUEUED | {"attempts": jobs.c.attempts - 1}
        return self._changed(update(jobs).where(*_all_held(worker)).values(change))

    def requeue_lapsed(self, max_attempts: int) -> int:
        """Queue again what no worker holds any more, or fail it after `max_attempts`."""
        lapsed = update(jobs).where(
            jobs.c.state == State.RUNNING.value, jobs.c.lease_until < time.time()
        )
        detail = f"{max_attempts} workers ended in the middle of this job; its input may be why."
        self._changed(
            lapsed.where(jobs.c.attempts >= max_attempts).values(
                self._final(State.FAILED, "worker_died", detail)
            )
        )
        return self._changed(lapsed.where(jobs.c.attempts < max_attempts).values(_QUEUED))

    def delete(self, job_id: str) -> bool:
        """Forget a job that has ended, and its reports."""
        ended = jobs.c.state.not_in([state.value for state in ACTIVE])
        with self._engine.begin() as connection:
            done: CursorResult[Any] = connection.execute(
                delete(jobs).where(jobs.c.id == job_id, ended)
            )
        return done.rowcount == 1

    def delete_expired(self) -> None:
        """Forget every job whose time is over."""
        with self._engine.begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.expires_at <= time.time()))

    def ids(self) -> set[str]:
        """Of every job that is still kept."""
        with self._engine.connect() as connection:
            return set(connection.scalars(select(jobs.c.id)))

    def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Job]:
        kept = jobs.c.expires_at.is_(None) | (jobs.c.expires_at > time.time())
        query = select(*COLUMNS).where(kept, *conditions)
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def _changed(self, statement: Update) -> int:
        with self._engine.begin() as connection:
            done: CursorResult[Any] = connection.execute(statement)
        return done.rowcount

    def _final(self, state: State, reason: str | None, detail: str | None) -> dict[str, Any]:
        now = time.time()
        return {
            "state": state.value,
            "reason": reason,
            "detail": detail,
            "finished_at": now,
            "expires_at": now + self._ttl_s,
            "worker": None,
            "lease_until": None,
        }


_QUEUED = {"state": State.QUEUED.value, "worker": None, "lease_until": None}


def _row(
    job_id: str, kind: str, names: Sequence[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The row of a job nobody has worked on."""
    return {
        "id": job_id,
        "kind": kind,
        "state": State.QUEUED.value,
        "names": list(names),
        "options": dict(options),
        # To the microsecond, as times go over the wire: `before` must find the same job.
        "created_at": round(time.time(), 6),
        "done": 0,
        "total": 0 if kind == "video" else len(names),
        "attempts": 0,
    }


def _held(job_id: str, worker: str) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.id == job_id, *_all_held(worker)


def _all_held(worker: str) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.worker == worker, jobs.c.state == State.RUNNING.value


def _job(row: Mapping[Any, Any]) -> Job:
    return Job(**{**row, "state": State(row["state"])})


def _engine(url: str | URL) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number is the latter
        # What came is not repeated: there may be a password in it.
        message = "expected sqlite:///file or postgresql://user@host/database"
        raise ConfigurationError(f"UNMASK_STORE_URL: {message}") from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    # Errors go to the log, where what is in a row has no place: names of files, reports.
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            message = "expected sqlite:///file; in memory each thread would have a store of its own"
            raise ConfigurationError(f"UNMASK_STORE_URL: {message}")
        # Names and verdicts are nobody else's to read; SQLite would follow the umask. Its -wal and
        # -shm follow the file. Where it cannot be made, SQLite says why.
        with suppress(OSError):
            Path(parsed.database).touch(mode=0o600)
        timeout = {"timeout": BUSY_TIMEOUT_S}
        engine = create_engine(parsed, hide_parameters=True, connect_args=timeout)
        event.listen(engine, "connect", _set_up_sqlite)
        return engine
    if parsed.drivername != "postgresql+psycopg":
        raise ConfigurationError(
            f"UNMASK_STORE_URL: expected sqlite or postgresql, got {parsed.drivername!r}"
        )
    try:
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A store in PostgreSQL", "postgresql") from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # Survives a killed process; a machine without power may lose the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")


def _create_tables(engine: Engine) -> None:
    """Make what is not there, though several processes may start at once."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})"))
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    if engine.dialect.name == "sqlite":
        _write_ahead(engine)


def _write_ahead(engine: Engine) -> None:
    """Let readers go on while somebody writes. The file remembers it."""
    with engine.connect() as connection:
        for _ in range(100):
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            except OperationalError:
                # Another process is at it, for which SQLite does not wait.
                time.sleep(0.05)
            else:
                return
