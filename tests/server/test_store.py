"""The same promises from SQLite and from a real PostgreSQL."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import psycopg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from unmask.errors import ConfigurationError
from unmask.server.store import State, Store

REPORT = {"verdict": "likely_real", "p_fake": 0.1, "faces": [{"box": [0.0, 1.0, 2.5, 3.0]}]}
OPTIONS = {"heatmap": True, "pictures": False}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def store(url) -> Iterator[Store]:
    store = Store(url, ttl_s=60)
    yield store
    for job_id in store.ids():
        store.end(job_id, State.CANCELLED)
        store.delete(job_id)
    store.close()


def queued(store: Store, job_id: str = "one", n: int = 1) -> str:
    store.add(job_id, "image", [f"{i}.jpg" for i in range(n)], OPTIONS)
    return job_id


def test_a_job_from_the_queue_to_its_end(store):
    queued(store, n=2)
    job = store.get("one")
    assert (job.state, job.names, job.options) == (State.QUEUED, ["0.jpg", "1.jpg"], OPTIONS)
    assert (job.done, job.total, job.attempts) == (0, 2, 0)
    claimed = store.claim("worker", 10)
    assert claimed == replace(job, state=State.RUNNING, attempts=1, started_at=claimed.started_at)
    assert store.renew("one", "worker", 10, 1, 2)
    assert store.get("one").done == 1
    assert store.put_report("one", "worker", 1, REPORT)
    assert store.put_report("one", "worker", 0, {**REPORT, "verdict": "inconclusive"})
    assert store.reports("one") == {0: {**REPORT, "verdict": "inconclusive"}, 1: REPORT}
    assert store.verdicts(["one"]) == {"one": {"likely_real": 1, "inconclusive": 1}}
    assert store.end("one", State.FINISHED, worker="worker")
    ended = store.get("one")
    assert ended.state.is_final
    assert ended.expires_at == pytest.approx(ended.finished_at + 60)
    assert ended.created_at <= ended.started_at <= ended.finished_at


def test_what_was_answered_at_once_is_a_job_that_has_ended(store):
    found = [{**REPORT, "filename": name} for name in ("a.jpg", "b.jpg")]
    store.add_finished("one", "batch", found, OPTIONS)
    job = store.get("one")
    assert (job.state, job.names, job.done, job.total) == (
        State.FINISHED,
        ["a.jpg", "b.jpg"],
        2,
        2,
    )
    assert job.expires_at == pytest.approx(job.finished_at + 60)
    assert store.reports("one") == dict(enumerate(found))
    assert store.claim("worker", 10) is None
    assert store.delete("one")


def test_another_process_finds_everything_again(url, store):
    queued(store)
    other = Store(url, ttl_s=60)
    assert other.get("one") == store.get("one")
    other.close()


def test_the_oldest_job_goes_first_and_one_may_ask_for_another(store):
    for name in ("one", "two", "three"):
        queued(store, name)
    assert store.claim("worker", 10, "three").id == "three"
    assert store.claim("worker", 10, "three") is None
    assert [store.claim("worker", 10).id for _ in range(2)] == ["one", "two"]
    assert store.claim("worker", 10) is None


def test_of_many_workers_each_job_has_one(url, store):
    names = [f"job {number}" for number in range(30)]
    for name in names:
        queued(store, name)

    def work(worker: str) -> list[str]:
        own = Store(url, ttl_s=60)
        claimed = []
        while job := own.claim(worker, 10):
            claimed.append(job.id)
        own.close()
        return claimed

    with ThreadPoolExecutor(6) as pool:
        claimed = list(pool.map(work, "abcdef"))
    # A worker that meets another at the last rows may leave with nothing; no job has two.
    assert sorted(chain.from_iterable(claimed)) == sorted(names)


def test_of_many_ends_one_is_written(url, store):
    queued(store)
    store.claim("worker", 10)
    states = [State.FINISHED, State.FAILED, State.CANCELLED] * 4
    with ThreadPoolExecutor(len(states)) as pool:
        won = list(pool.map(lambda state: store.end("one", state), states))
    assert won.count(True) == 1
    assert store.get("one").state == states[won.index(True)]


def test_a_report_is_written_once_and_only_by_who_holds_the_job(store):
    queued(store)
    assert not store.put_report("one", "worker", 0, REPORT)
    store.claim("worker", 600)
    assert not store.put_report("one", "another", 0, REPORT)
    assert store.put_report("one", "worker", 0, REPORT)
    assert not store.put_report("one", "worker", 0, {**REPORT, "p_fake": 0.9})
    store.end("one", State.CANCELLED)
    assert not store.put_report("one", "worker", 1, REPORT)
    assert store.reports("one") == {0: REPORT}
    assert not store.put_report("nobody", "worker", 0, REPORT)


def test_no_report_is_kept_while_its_job_is_cancelled(url, store):
    """The insert waits for a change of the job that is under way, and finds it cancelled."""
    if url.startswith("sqlite"):
        pytest.skip("has one writer")
    queued(store)
    store.claim("worker", 600)
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE jobs SET state = 'cancelled', worker = NULL WHERE id = 'one'")
        kept = pool.submit(store.put_report, "one", "worker", 0, REPORT)
        with pytest.raises(TimeoutError):
            kept.result(timeout=1)
        other.commit()
        assert not kept.result(timeout=60)
    assert store.reports("one") == {}


def test_who_lost_a_job_can_neither_renew_nor_end_it(store):
    queued(store)
    store.claim("first", 10)
    assert not store.renew("one", "second", 10, 1, 1)
    assert not store.end("one", State.FINISHED, worker="second")
    assert store.end("one", State.CANCELLED, reason="cancelled")
    assert not store.renew("one", "first", 10, 1, 1)
    assert not store.end("one", State.FINISHED, worker="first")
    assert store.get("one").reason == "cancelled"


def test_a_lapsed_lease_puts_the_job_back_until_it_has_failed_too_often(store):
    queued(store)
    for attempt in (1, 2):
        assert store.claim("worker", -1).attempts == attempt
        assert store.requeue_lapsed(max_attempts=2) == (attempt == 1)
    job = store.get("one")
    assert (job.state, job.reason) == (State.FAILED, "worker_died")
    assert "2 workers" in job.detail


def test_a_lease_that_runs_is_left_alone(store):
    queued(store)
    store.claim("worker", 600)
    assert store.requeue_lapsed(max_attempts=3) == 0
    assert store.get("one").state is State.RUNNING


def test_the_jobs_of_a_worker_fail_or_return_with_it(store):
    for name, worker in (("one", "a"), ("two", "b"), ("three", "b")):
        queued(store, name)
        store.claim(worker, 10, name)
    store.end("three", State.FINISHED, worker="b")
    assert store.fail_all_of("a", "killed") == 1
    assert (store.get("one").reason, store.get("one").detail) == ("worker_died", "killed")
    assert store.release_all_of("b") == 1
    two = store.get("two")
    assert (two.state, two.attempts) == (State.QUEUED, 0)
    assert store.get("three").state is State.FINISHED


def test_expired_jobs_are_gone_at_once_and_then_from_disk(url, store):
    queued(store)
    queued(store, "waiting")
    brief = Store(url, ttl_s=0.05)
    store.claim("worker", 600, "one")
    store.put_report("one", "worker", 0, REPORT)
    brief.end("one", State.CANCELLED)
    time.sleep(0.1)
    assert store.get("one") is None
    assert [job.id for job in store.newest(10)] == ["waiting"]
    store.delete_expired()
    assert store.ids() == {"waiting"}
    assert store.reports("one") == {}
    brief.close()


def test_only_what_has_ended_is_deleted_and_its_reports_with_it(store):
    queued(store)
    store.claim("worker", 600)
    assert store.put_report("one", "worker", 0, REPORT)
    assert not store.delete("one")
    store.end("one", State.CANCELLED)
    assert store.delete("one")
    assert not store.delete("one")
    assert (store.get("one"), store.reports("one"), store.ids()) == (None, {}, set())


def test_the_newest_come_first_page_by_page(store):
    for number in range(5):
        queued(store, str(number))
        time.sleep(0.002)
    page = store.newest(3)
    assert [job.id for job in page] == ["4", "3", "2"]
    assert [job.id for job in store.newest(3, before=page[-1].created_at)] == ["1", "0"]
    assert store.active() == ["0", "1", "2", "3", "4"]
    assert store.active(State.RUNNING) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_is_nobody_elses_to_read(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", ttl_s=60)
    queued(store)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    store.close()
    assert modes == {f"store.sqlite{end}": 0o600 for end in ("", "-shm", "-wal")}


@pytest.mark.parametrize(
    "url",
    [
        "nothing",
        "mysql://host/name",
        "postgresql://host:port/name",
        "sqlite:////no/such/folder/file",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://127.0.0.1:9/x",
    ],
)
def test_a_store_that_cannot_be_had_is_a_setting_that_is_wrong(url):
    with pytest.raises(ConfigurationError, match="UNMASK_STORE_URL"):
        Store(url, ttl_s=60)


def test_a_file_that_is_no_database_is_a_setting_that_is_wrong(tmp_path):
    (tmp_path / "notes").write_text("a text, and no database\n" * 99)
    with pytest.raises(ConfigurationError, match=r"UNMASK_STORE_URL.*not a database"):
        Store(f"sqlite:///{tmp_path / 'notes'}", ttl_s=60)


def test_what_goes_wrong_does_not_name_who_is_in_the_files(store):
    store.add("one", "image", ["anna.jpg"], OPTIONS)
    with pytest.raises(SQLAlchemyError) as caught:
        store.add("one", "image", ["anna.jpg"], OPTIONS)
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@127.0.0.1:9/x",
        "postgresql://user:secret@host:port/x",
        "postgresql//user:secret@host/x",
    ],
)
def test_the_password_of_a_store_is_not_in_the_message(url):
    with pytest.raises(ConfigurationError) as caught:
        Store(url, ttl_s=60)
    assert "secret" not in str(caught.value)
