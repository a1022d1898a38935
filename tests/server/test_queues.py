"""`unmask worker` on a real Redis and a real PostgreSQL."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage

from unmask.server.folder import Folder
from unmask.server.jobs import Jobs
from unmask.server.queues import HueyQueue
from unmask.server.schemas import JobQuery
from unmask.server.store import State
from unmask.settings import Settings

SOURCES = Path(__file__).parents[2] / "src"
N_JOBS = 40


def start_worker(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", "from unmask.cli import main; main()", "worker"],
            env={**os.environ, "PYTHONPATH": str(SOURCES), **environment},
            stderr=file,
        )


def ended_in(log: Path) -> list[str]:
    """The jobs whose end a worker has written to its log."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return [entry["job"] for entry in map(json.loads, lines) if "state" in entry]


def test_of_40_jobs_none_is_lost_and_none_is_told_twice_though_a_worker_is_killed(
    redis_url, tmp_path, landscape, wait_for, wait_for_reader
):
    folder = tmp_path / "data"
    environment = {
        "UNMASK_QUEUE_URL": redis_url,
        "UNMASK_DATA_DIR": str(folder),
        "UNMASK_JOB_LEASE_S": "15",
    }
    jobs = Jobs(Settings(queue_url=redis_url, data_dir=folder))
    ids = [
        jobs.submit(
            [FileStorage(io.BytesIO(landscape), f"{n}.png") for n in range(3)], JobQuery()
        ).id
        for _ in range(N_JOBS)
    ]
    # In the middle of one job there is a pipe, from which its worker reads until it is killed.
    pipe = Folder(folder).upload(ids[5], 1)
    pipe.unlink()
    os.mkfifo(pipe)
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    workers = [start_worker(environment, log) for log in logs]
    try:
        wait_for_reader(pipe)
        killed = next(worker for worker in workers if worker.pid == pid_of_worker(folder, ids[5]))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        pipe.unlink()
        pipe.write_bytes(landscape)
        wait_for(lambda: all(jobs.get(job_id).state.is_final for job_id in ids))
        assert {jobs.get(job_id).state for job_id in ids} == {State.FINISHED}
        assert all(len(jobs.reports(jobs.get(job_id))) == 3 for job_id in ids)
        assert jobs.get(ids[5]).attempts == 2
        [other] = [worker for worker in workers if worker is not killed]
        other.send_signal(signal.SIGTERM)
        assert other.wait(600) == 0
        assert Counter(ended_in(logs[0]) + ended_in(logs[1])) == Counter(ids)
        assert not list((folder / "uploads").rglob("*"))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        jobs.close()


def pid_of_worker(folder: Path, job_id: str) -> int:
    """Of the process whose worker holds a job."""
    with closing(sqlite3.connect(folder / "unmask.sqlite")) as store:
        [[name]] = store.execute("SELECT worker FROM jobs WHERE id = ?", [job_id])
    return int(name.split(":")[1])


@pytest.mark.parametrize("service", ["redis_url", "postgresql_url"])
def test_what_is_put_comes_out_once_and_as_json(request, service):
    url = request.getfixturevalue(service)
    queue, other = HueyQueue(url), HueyQueue(url)
    seen: list[str | None] = []

    def run(job_id: str | None) -> bool:
        seen.append(job_id)
        return True

    # What an earlier test announced twice.
    while not queue.is_empty():
        queue.work(run)
    seen.clear()
    queue.put("one")
    queue.put("two")
    assert not other.is_empty()
    assert [other.work(run), queue.work(run), other.work(run)] == [True, True, False]
    assert seen == ["one", "two"]
    assert other.is_empty()


def test_a_queue_that_is_away_delays_a_job_and_loses_none(tmp_path, landscape):
    away = f"unix://{tmp_path}/nobody.sock"
    jobs = Jobs(Settings(queue_url=away, data_dir=tmp_path, job_lease_s=2))
    job = jobs.submit([FileStorage(io.BytesIO(landscape), "a.png")], JobQuery())
    assert jobs.get(job.id).state is State.QUEUED
    jobs.close()


def test_a_message_that_was_lost_is_sent_again(redis_url, tmp_path, landscape, wait_for):
    jobs = Jobs(Settings(queue_url=redis_url, data_dir=tmp_path, job_lease_s=2))
    queue = HueyQueue(redis_url)
    taken: list[str | None] = []
    try:
        job = jobs.submit([FileStorage(io.BytesIO(landscape), "a.png")], JobQuery())

        # As a worker that dies between the message and the job.
        def take() -> bool:
            queue.work(lambda job_id: not taken.append(job_id))
            return taken.count(job.id) == 2

        wait_for(take)
    finally:
        jobs.close()
