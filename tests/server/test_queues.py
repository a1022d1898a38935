"""`unmask worker` on a real Redis and a real PostgreSQL."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage

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
    """The jobs whose end a worker reports in its log."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return [entry["job"] for entry in map(json.loads, lines) if "state" in entry]


def test_of_40_jobs_none_is_lost_and_none_is_told_twice_though_a_worker_is_killed(
    redis_url, tmp_path, landscape, wait_for
):
    folder = tmp_path / "data"
    environment = {
        "UNMASK_QUEUE_URL": redis_url,
        "UNMASK_DATA_DIR": str(folder),
        "UNMASK_JOB_LEASE_S": "2",
    }
    jobs = Jobs(Settings(queue_url=redis_url, data_dir=folder, job_lease_s=2))
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    workers = [start_worker(environment, log) for log in logs]
    try:
        ids = [
            # Three pictures each, so that the killed worker is in the middle of a job.
            jobs.submit(
                [FileStorage(io.BytesIO(landscape), f"{n}.png") for n in range(3)], JobQuery()
            ).id
            for _ in range(N_JOBS)
        ]
        wait_for(lambda: len(ended_in(logs[0])) >= 3, 180)
        os.kill(workers[0].pid, signal.SIGKILL)
        workers[0].wait()
        done_by_first = len(ended_in(logs[0]))
        assert done_by_first < N_JOBS
        wait_for(lambda: all(jobs.get(job_id).state.is_final for job_id in ids), 180)
        assert {jobs.get(job_id).state for job_id in ids} == {State.FINISHED}
        assert all(len(jobs.reports(jobs.get(job_id))) == 3 for job_id in ids)
        workers[1].send_signal(signal.SIGTERM)
        assert workers[1].wait(30) == 0
        # The killed worker may have ended one job more than it could tell.
        told = Counter(ended_in(logs[0]) + ended_in(logs[1]))
        assert set(told.values()) == {1}
        assert set(told) <= set(ids)
        assert len(told) >= N_JOBS - 1
        assert not list((folder / "uploads").rglob("*"))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        jobs.close()


@pytest.mark.parametrize("service", ["redis_url", "postgresql_url"])
def test_what_is_put_comes_out_once_and_as_json(request, service):
    url = request.getfixturevalue(service)
    queue, other = HueyQueue(url), HueyQueue(url)
    seen: list[str | None] = []

    def run(job_id: str | None) -> bool:
        seen.append(job_id)
        return True

    assert queue.is_empty()
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
            return taken == [job.id, job.id]

        wait_for(take, 30)
    finally:
        jobs.close()
