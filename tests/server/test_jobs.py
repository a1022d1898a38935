"""Jobs over the API, with real worker processes and the real model."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.datastructures import FileStorage

from unmask.errors import ConfigurationError
from unmask.server import create_app
from unmask.server.folder import Folder
from unmask.server.jobs import Jobs
from unmask.server.problems import RequestError
from unmask.server.queues import open_queue
from unmask.server.schemas import JobAnswer, JobQuery, JobsAnswer
from unmask.server.store import Job, State, Store
from unmask.server.worker import BEAT_S, GRACE_S, LOST, Worker
from unmask.settings import Settings

SOURCES = Path(__file__).parents[2] / "src"


def form(*files: bytes) -> dict[str, list[object]]:
    return {"files[]": [(io.BytesIO(data), f"{n}.bin") for n, data in enumerate(files)]}


def settings_in(folder: Path, **changes) -> Settings:
    return Settings(data_dir=folder, job_lease_s=2, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def app(detector, folder) -> Iterator[Flask]:
    """A server with one worker, which all tests here share: its model takes a while to load."""
    app = create_app(Settings(data_dir=folder), detector)
    yield app
    app.extensions["unmask"].jobs.close()


@pytest.fixture
def idle(detector, tmp_path) -> Iterator[Flask]:
    """A server whose jobs wait, because it has no workers."""
    app = create_app(settings_in(tmp_path, workers=0, max_jobs=3), detector)
    yield app
    app.extensions["unmask"].jobs.close()


def submit(client, *files: bytes, query: str = "") -> str:
    response = client.post(f"/api/jobs{query}", data=form(*files))
    assert response.status_code == 202, response.text
    assert response.headers["Location"] == f"/api/jobs/{response.json['id']}"
    return response.headers["Location"]


@pytest.fixture
def ended(client, wait_for):
    """The answer of a job, once it has ended."""

    def ended(location: str) -> JobAnswer:
        def answer() -> JobAnswer | None:
            job = JobAnswer.model_validate(client.get(location).json)
            return job if job.state.is_final else None

        return wait_for(answer)

    return ended


def uploads(folder: Path) -> list[Path]:
    return list((folder / "uploads").rglob("*"))


def test_a_batch_is_answered_as_the_routes_that_answer_at_once_do(
    client, ended, folder, post, astronaut, landscape, wait_for
):
    location = submit(client, astronaut, b"no picture", landscape)
    job = ended(location)
    assert (job.state, job.kind, job.reason) == (State.FINISHED, "batch", None)
    assert (job.progress.done, job.progress.total, job.progress.unit) == (3, 3, "files")
    face, broken, empty = job.results
    assert [item.filename for item in job.results] == ["0.bin", "1.bin", "2.bin"]
    single = post(astronaut).json
    for field in ("p_fake", "verdict", "prediction", "confidence", "sha256"):
        assert getattr(face, field) == pytest.approx(single[field])
    assert face.faces[0].heatmap is not None
    assert (broken.status, broken.reason, broken.p_fake) == (415, "unsupported_format", None)
    assert broken.problem.instance == location
    assert "picture, or an MP4" in broken.problem.detail
    assert (empty.status, empty.reason, empty.p_fake) == (200, "no_face", None)
    assert sum(job.verdicts.values()) == 3
    assert str(folder) not in client.get(location).text
    wait_for(lambda: not uploads(folder))


def test_a_job_can_be_followed_to_its_end(client, landscape):
    location = submit(client, landscape)
    response = client.get(f"{location}/events")
    assert response.mimetype == "text/event-stream"
    events = [block.split("\n") for block in response.text.strip().split("\n\n")]
    told = [(lines[0], json.loads(lines[1][6:])) for lines in events if len(lines) == 2]
    assert {name for name, _ in told[:-1]} <= {"event: progress"}
    name, last = told[-1]
    assert (name, last["state"]) == ("event: end", "finished")
    assert last["verdicts"] == {"not_analysed": 1}


def test_pictures_are_kept_only_where_they_are_asked_for(client, ended, astronaut, folder):
    plain = ended(submit(client, astronaut)).results[0]
    assert plain.files == {}
    location = submit(client, astronaut, query="?pictures=true")
    files = ended(location).results[0].files
    assert {"thumbnail", "face-0"} <= set(files)
    for url in files.values():
        response = client.get(url)
        assert (response.status_code, response.mimetype) == (200, "image/jpeg")
        assert PIL.Image.open(io.BytesIO(response.data)).format == "JPEG"
    assert [p.name for p in (folder / "pictures").iterdir()] == [location.rsplit("/", 1)[-1]]
    assert client.delete(location).status_code == 204
    assert client.get(files["thumbnail"]).status_code == 404
    assert list((folder / "pictures").iterdir()) == []


def test_the_data_folder_may_be_relative(detector, tmp_path, monkeypatch, astronaut):
    monkeypatch.chdir(tmp_path)
    settings = settings_in(Path("data"), workers=0)
    app = create_app(settings, detector)
    folder, client = Folder(settings.data_dir), app.test_client()
    location = submit(client, astronaut, query="?pictures=true")
    store = folder.store(settings)
    assert Worker("worker", settings, detector, store, folder).run()
    [result] = client.get(location).json["results"]
    statuses = {name: client.get(url).status_code for name, url in result["files"].items()}
    store.close()
    app.extensions["unmask"].jobs.close()
    assert statuses["thumbnail"] == 200
    assert set(statuses.values()) == {200}


@pytest.mark.parametrize("name", ["0-nothing.jpg", "..", "0", "..%2F..%2Funmask.sqlite"])
def test_nothing_else_is_to_be_had_as_a_picture(client, ended, landscape, name):
    location = submit(client, landscape)
    ended(location)
    assert client.get(f"{location}/files/{name}").status_code == 404


def test_a_video_is_the_same_from_the_library_and_as_a_job(
    client, ended, clip, detector, face_clip
):
    job = ended(submit(client, face_clip, query="?heatmap=false&pictures=true"))
    report = detector.video(face_clip)
    [video] = job.results
    assert (job.kind, video.kind, job.progress.unit) == ("video", "video", "frames")
    assert job.progress.done == job.progress.total == len(report.frames)
    assert video.verdict == report.verdict != "not_analysed"
    assert video.p_fake == pytest.approx(report.p_fake, abs=1e-6)
    assert len(video.tracks) == len(report.tracks)
    assert "thumbnail" in video.files
    first = video.frames[0]
    assert client.get(video.files[f"frame-{first.index}-face-0"]).mimetype == "image/jpeg"


class Cancelling:
    """The detector, but that its second picture is cancelled while it is looked at."""

    def __init__(self, detector, store: Store) -> None:
        self.detector, self.store, self.n_seen = detector, store, 0

    def __getattr__(self, name: str):
        return getattr(self.detector, name)

    def image(self, *args, **options):
        self.n_seen += 1
        if self.n_seen == 2:
            self.store.end("one", State.CANCELLED, reason="cancelled")
        return self.detector.image(*args, **options)


def test_a_cancelled_job_gets_no_more_results(detector, tmp_path, landscape, monkeypatch):
    # It would end this process.
    monkeypatch.setattr("unmask.server.worker.GRACE_S", 3600)
    settings = settings_in(tmp_path)
    folder = Folder(tmp_path)
    store = folder.store(settings)
    for position in range(4):
        folder.save_upload("one", position, io.BytesIO(landscape))
    store.add("one", "batch", ["a.png"] * 4, JobQuery().model_dump())
    cancelling = Cancelling(detector, store)
    assert Worker("worker", settings, cancelling, store, folder).run()
    assert (store.get("one").state, cancelling.n_seen) == (State.CANCELLED, 2)
    assert list(store.reports("one")) == [0]
    store.close()


def put_job_that_hangs(folder: Path, picture: bytes) -> tuple[str, Path]:
    """Queue a job of which a worker does one file, and reads the other, a pipe, for ever."""
    own, job_id = Folder(folder), secrets.token_hex(16)
    store = own.store(Settings())
    own.save_upload(job_id, 0, io.BytesIO(picture))
    pipe = own.upload(job_id, 1)
    os.mkfifo(pipe)
    store.add(job_id, "batch", ["0.bin", "1.bin"], JobQuery().model_dump())
    store.close()
    return f"/api/jobs/{job_id}", pipe


def test_the_worker_of_a_cancelled_job_is_free_within_a_second(
    client, ended, landscape, wait_for_reader, folder
):
    location, pipe = put_job_that_hangs(folder, landscape)
    wait_for_reader(pipe)
    cancelled = JobAnswer.model_validate(client.delete(location).json)
    assert (cancelled.state, cancelled.reason) == (State.CANCELLED, "cancelled")
    assert uploads(folder) == []
    assert BEAT_S + GRACE_S < 1
    assert ended(submit(client, landscape)).state is State.FINISHED
    assert JobAnswer.model_validate(client.get(location).json) == cancelled
    assert len(cancelled.results) == 1


def test_a_worker_that_dies_fails_its_job_and_is_replaced(
    app, client, ended, landscape, wait_for, wait_for_reader, folder
):
    location, pipe = put_job_that_hangs(folder, landscape)
    wait_for_reader(pipe)
    [slot] = app.extensions["unmask"].jobs._pool._slots
    os.kill(slot.process.pid, signal.SIGKILL)
    job = ended(location)
    assert (job.state, job.reason) == (State.FAILED, "worker_died")
    assert "signal 9" in job.detail
    assert len(job.results) == 1
    assert client.get("/health").status_code == 200
    wait_for(lambda: not uploads(folder))
    assert ended(submit(client, landscape)).state is State.FINISHED


@pytest.mark.parametrize("command", ["unmask serve --port {}", "gunicorn --bind 127.0.0.1:{}"])
@pytest.mark.parametrize("tell", [os.kill, os.killpg], ids=["alone", "with its workers"])
def test_a_server_told_to_end_hands_its_job_back_and_leaves_nobody(
    command, tell, tmp_path, landscape, wait_for, wait_for_reader
):
    """Alone, as a container does it, or with every process it started, as systemd does."""
    _, pipe = put_job_that_hangs(tmp_path, landscape)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    log = tmp_path / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", *command.format(address[1]).split()],
            env=environment(
                UNMASK_DATA_DIR=str(tmp_path), UNMASK_MAX_MEMORY_BYTES=str(3 * 1024**3)
            ),
            cwd=SOURCES.parent,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_for_reader(pipe)
        if sys.platform == "linux":
            limits = Path(f"/proc/{server.pid}/limits").read_text()
            assert f"Max data size {3 * 1024**3} " in " ".join(limits.split())
        wait_for(lambda: send_half_a_job(address))
        # Somebody sends on and on.
        sender = socket.create_connection(address)
        sender.sendall(HALF_A_JOB)
        # Somebody follows the job: the server must not wait for them.
        url = f"http://127.0.0.1:{address[1]}/api/jobs/{pipe.parent.name}/events"
        follower = urllib.request.urlopen(url, timeout=60)
        assert follower.readline()
        tell(server.pid, signal.SIGTERM)
        told_at = time.monotonic()
        assert server.wait(600) == 0
        # Five seconds for who is being answered; gunicorn would wait, and kill, after 30.
        assert time.monotonic() - told_at < 20
    finally:
        server.kill()
        server.wait()
    assert "terminate called" not in log.read_text()
    with pytest.raises(OSError, match="No such device"):  # nobody reads it
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    assert uploads(tmp_path) == [pipe.parent, pipe]
    jobs, job_id = Jobs(settings_in(tmp_path, workers=0)), pipe.parent.name
    job = jobs.get(job_id)
    assert (job.state, job.attempts, len(jobs.reports(job))) == (State.QUEUED, 0, 1)
    jobs.close()
    pipe.unlink()
    pipe.write_bytes(landscape)
    jobs = Jobs(Settings(data_dir=tmp_path))
    try:
        wait_for(lambda: jobs.get(job_id).state is State.FINISHED)
        assert len(jobs.reports(jobs.get(job_id))) == 2
        wait_for(lambda: not uploads(tmp_path))
    finally:
        jobs.close()


def send_half_a_job(address: tuple[str, int]) -> bool:
    """Whether a server is there, to which an upload was sent that stopped in the middle."""
    try:
        with socket.create_connection(address) as client:
            client.sendall(HALF_A_JOB)
    except ConnectionRefusedError:
        return False
    return True


HALF_A_JOB = (
    b"POST /api/jobs HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="files[]"; filename="a.jpg"\r\n\r\n'
    + bytes(1_000_000)
)


HANGS = """
import sys, time
from unmask.server.store import Store
from unmask.server.worker import Hold
store = Store(sys.argv[1], ttl_s=60)
job = store.claim("hangs", 3600)
with Hold(store, job, "hangs", 3600):
    print("holds", flush=True)
    time.sleep(3600)
"""


def test_a_worker_that_does_not_stop_by_itself_is_ended(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = Store(url, ttl_s=60)
    store.add("one", "image", ["a.jpg"], {})
    with subprocess.Popen(
        [sys.executable, "-c", HANGS, url], stdout=subprocess.PIPE, env=environment()
    ) as worker:
        assert worker.stdout.readline() == b"holds\n"
        store.end("one", State.CANCELLED)
        assert worker.wait(600) == LOST


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES), **variables}


DIES = """
import io, os, signal, sys
from pathlib import Path
from werkzeug.datastructures import FileStorage
from unmask.server.jobs import Jobs
from unmask.server.schemas import JobQuery
from unmask.settings import Settings
jobs = Jobs(Settings(data_dir=Path(sys.argv[1]), job_lease_s=2, workers=0))
for n in range(2):
    file = FileStorage(io.BytesIO(Path(sys.argv[2]).read_bytes()), f"{n}.jpg")
    print(jobs.submit([file], JobQuery()).id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_server_finds_its_jobs_again_and_sweeps_what_it_left(
    tmp_path, astronaut, wait_for
):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(astronaut)
    folder = tmp_path / "data"
    died = subprocess.run(
        [sys.executable, "-c", DIES, folder, photo],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=600,
    )
    assert died.returncode == -signal.SIGKILL
    ids = died.stdout.split()
    # As if it had been killed in the middle of an upload, some time ago.
    received = folder / "uploads" / ("0" * 32)
    received.mkdir()
    (received / "0").write_bytes(astronaut)
    os.utime(received, (0, 0))
    jobs = Jobs(Settings(data_dir=folder))
    try:
        assert not received.exists()
        wait_for(lambda: all(jobs.get(job_id).state is State.FINISHED for job_id in ids))
        wait_for(lambda: not uploads(folder))
    finally:
        jobs.close()


def test_a_job_that_waits_is_cancelled_then_forgotten(idle, landscape, tmp_path):
    client = idle.test_client()
    location = submit(client, landscape)
    assert len(uploads(tmp_path)) == 2
    response = client.delete(location)
    assert (response.status_code, response.json["state"]) == (200, "cancelled")
    assert uploads(tmp_path) == []
    assert client.delete(location).status_code == 204
    for method in ("get", "delete"):
        response = getattr(client, method)(location)
        assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_the_list_has_the_latest_first_and_can_be_emptied(idle, landscape):
    client = idle.test_client()
    locations = [submit(client, landscape) for _ in range(3)]
    page = JobsAnswer.model_validate(client.get("/api/jobs?limit=2").json)
    assert [f"/api/jobs/{job.id}" for job in page.jobs] == locations[:0:-1]
    before = page.jobs[-1].created_at.isoformat().replace("+", "%2B")
    rest = JobsAnswer.model_validate(client.get(f"/api/jobs?before={before}").json)
    assert [f"/api/jobs/{job.id}" for job in rest.jobs] == locations[:1]
    assert client.delete("/api/jobs").status_code == 204
    assert client.get("/api/jobs").json == {"jobs": []}


@pytest.mark.parametrize("before", ["2020", "1700000000.5", "2026-01-31", "2026-01-31T12:00:00"])
def test_a_time_without_its_zone_or_none_at_all_is_refused(idle, before):
    answer = idle.test_client().get(f"/api/jobs?before={before}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["detail"] == (
        "before: expected a time as ISO 8601 with its zone, such as 2026-01-31T12:00:00Z, "
        f"got '{before}'."
    )


def test_what_is_answered_at_once_is_listed_too(idle, astronaut, landscape, face_clip):
    client = idle.test_client()

    def post(route: str, *files: bytes, field: str = "file") -> dict[str, Any]:
        data = {field: [(io.BytesIO(data), f"{n}.bin") for n, data in enumerate(files)]}
        return client.post(f"/api/detect/{route}", data=data).json

    photo = post("image?heatmap=true&overlay=true", astronaut)
    batch = post("batch", landscape, b"no picture", field="files[]")
    video = post("video", face_clip)
    listed = JobsAnswer.model_validate(client.get("/api/jobs").json).jobs
    answers = (video, batch, photo)
    assert [job.id for job in listed] == [answer["job_id"] for answer in answers]
    assert [job.kind for job in listed] == ["video", "batch", "image"]
    assert [job.progress.done for job in listed] == [len(video["frames"]), 2, 1]
    assert listed[1].filenames == ["0.bin", "1.bin"]
    for job, answer in zip(listed, answers, strict=True):
        assert job.state == State.FINISHED
        kept = client.get(f"/api/jobs/{job.id}").json
        JobAnswer.model_validate(kept)
        for result, single in zip(kept["results"], answer.get("results", [answer]), strict=True):
            assert (
                result.items()
                >= {
                    name: value
                    for name, value in single.items()
                    if name not in ("job_id", "gradcam_image")
                }.items()
            )
            assert result.get("gradcam_image") is None
            assert result["files"] == {}
        assert client.delete(f"/api/jobs/{job.id}").status_code == 204
    assert client.get("/api/jobs").json == {"jobs": []}


@pytest.mark.parametrize(
    ("changes", "query"),
    [({}, "?keep=false"), ({"keep_answers": False}, ""), ({"store_url": ""}, "")],
    ids=["not wanted", "not offered", "no list"],
)
def test_an_answer_is_kept_only_where_that_is_wanted(detector, tmp_path, landscape, changes, query):
    app = create_app(settings_in(tmp_path, workers=0, **changes), detector)
    client = app.test_client()
    for route, field in (("image", "file"), ("batch", "files[]")):
        data = {field: (io.BytesIO(landscape), "a.png")}
        answer = client.post(f"/api/detect/{route}{query}", data=data).json
        assert answer["job_id"] is None
    limits = client.get("/api/model").json["limits"]
    assert limits["keeps_answers"] is (changes == {})
    assert app.extensions["unmask"].jobs._store.ids() == set()
    app.extensions["unmask"].jobs.close()


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(idle, landscape, monkeypatch, caplog):
    def fail(*_, **__) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr(Store, "add_finished", fail)
    data = {"file": (io.BytesIO(landscape), "a.png")}
    response = idle.test_client().post("/api/detect/image", data=data)
    assert (response.status_code, response.json["reason"]) == (200, "no_face")
    assert response.json["job_id"] is None
    assert "could not be kept" in caplog.text


def test_too_many_jobs_and_files_are_refused_and_leave_nothing(detector, tmp_path, landscape):
    app = create_app(settings_in(tmp_path, workers=0, max_jobs=1, max_batch_files=2), detector)
    client = app.test_client()
    response = client.post("/api/jobs", data=form(*[landscape] * 3))
    assert (response.status_code, response.json["code"]) == (413, "too_many_files")
    assert client.post("/api/jobs", data={}).json["code"] == "missing_field"
    submit(client, landscape)
    response = client.post("/api/jobs", data=form(landscape))
    assert (response.status_code, response.json["code"]) == (503, "busy")
    assert len(uploads(tmp_path)) == 2
    app.extensions["unmask"].jobs.close()


def test_a_job_has_its_place_while_it_is_still_received(tmp_path, landscape):
    refused = []

    class Slow(io.BytesIO):
        def read(self, *size):
            with pytest.raises(RequestError, match="places are taken") as caught:
                jobs.submit([FileStorage(io.BytesIO(landscape), "b.png")], JobQuery())
            refused.append(caught.value.code)
            return super().read(*size)

    jobs = Jobs(settings_in(tmp_path, workers=0, max_jobs=1))
    job = jobs.submit([FileStorage(Slow(landscape), "a.png")], JobQuery())
    assert set(refused) == {"busy"}
    jobs.delete(job.id)
    jobs.submit([FileStorage(io.BytesIO(landscape), "c.png")], JobQuery())
    jobs.close()


def test_without_a_list_a_job_is_known_to_its_owner_only(detector, tmp_path, landscape):
    app = create_app(settings_in(tmp_path, workers=0, store_url=""), detector)
    client = app.test_client()
    location = submit(client, landscape)
    assert client.get(location).status_code == 200
    for method in ("get", "delete"):
        response = getattr(client, method)("/api/jobs")
        assert (response.status_code, response.json["code"]) == (404, "store_off")
    assert client.get("/api/model").json["limits"]["has_list"] is False
    app.extensions["unmask"].jobs.close()


def test_results_and_pictures_go_when_their_time_is_over(tmp_path, landscape, wait_for):
    jobs = Jobs(settings_in(tmp_path, workers=0, result_ttl_s=3))
    job = jobs.submit([FileStorage(io.BytesIO(landscape), "a.png")], JobQuery())
    picture = Folder(tmp_path).new_picture(job.id, "0-thumbnail.jpg")
    picture.write_bytes(b"")
    jobs.delete(job.id)
    wait_for(lambda: not picture.parent.exists())
    assert jobs._store.ids() == set()
    jobs.close()


def test_upkeep_leaves_a_job_that_comes_meanwhile_its_uploads(tmp_path, landscape, monkeypatch):
    jobs = Jobs(settings_in(tmp_path, workers=0))
    store, active = jobs._store, jobs._store.active
    came = []

    def meanwhile(*states):
        found = active(*states)
        if not came:
            came.append(None)
            came.append(jobs.submit([FileStorage(io.BytesIO(landscape), "a.png")], JobQuery()))
        return found

    monkeypatch.setattr(store, "active", meanwhile)
    monkeypatch.setattr(jobs._queue, "is_empty", lambda: False)
    jobs._pool.tidy()
    assert len(uploads(tmp_path)) == 2  # its folder, and the file
    jobs.close()


def test_upkeep_leaves_a_job_that_comes_meanwhile_its_pictures(tmp_path, monkeypatch):
    folder, job_id = Folder(tmp_path), "a" * 32
    store = folder.store(Settings())
    active = store.active

    def meanwhile(*states):
        found = active(*states)
        store.add(job_id, "image", ["a.png"], {})
        folder.new_picture(job_id, "0-thumbnail.jpg").write_bytes(b"")
        return found

    monkeypatch.setattr(store, "active", meanwhile)
    folder.sweep(store, picture_ttl_s=60)
    assert folder.picture(job_id, "0-thumbnail.jpg") is not None
    store.close()


def test_a_short_time_to_keep_results_holds_without_a_list_too(tmp_path):
    for ttl_s, kept_s in ((60, 60), (86400, 600)):
        settings = Settings(data_dir=tmp_path, store_url="", result_ttl_s=ttl_s)
        store = Folder(tmp_path).store(settings)
        assert store._ttl_s == kept_s
        store.close()


@pytest.fixture
def waiting(tmp_path, landscape) -> Iterator[tuple[Jobs, Job]]:
    """A job that waits, among the jobs of a server without workers."""
    jobs = Jobs(settings_in(tmp_path, workers=0))
    yield jobs, jobs.submit([FileStorage(io.BytesIO(landscape), "a.png")], JobQuery())
    jobs.close()


def test_who_follows_is_let_go_when_the_server_ends(waiting):
    jobs, job = waiting
    watched = jobs.watch(job.id)
    next(watched)
    jobs.end_streams()
    assert list(watched) == []


def test_who_follows_gets_signs_of_life(waiting):
    jobs, job = waiting
    watched = jobs.watch(job.id)
    assert next(watched) == (job, {})
    started = time.monotonic()
    assert next(watched) is None
    # It also frees the place of who has left; 10 seconds let those who come again use up all.
    assert time.monotonic() - started < 5
    jobs.delete(job.id)
    assert [change[0].state for change in watched if change] == [State.CANCELLED]


def test_who_follows_a_job_that_is_deleted_is_told_of_its_end(waiting):
    jobs, job = waiting
    watched = jobs.watch(job.id)
    next(watched)
    jobs.delete_all()
    [(last, verdicts)] = watched
    assert (last.id, last.state, last.reason, verdicts) == (job.id, "cancelled", "cancelled", {})
    assert list(jobs.watch(job.id)) == []


@pytest.mark.parametrize("job_id", ["%00", "a%00b", "no-job", "A" * 32, "0" * 33])
def test_what_is_no_id_is_not_found_in_any_store(detector, tmp_path, postgresql_url, job_id):
    settings = settings_in(tmp_path, workers=0, store_url=postgresql_url)
    app = create_app(settings, detector)
    for path in ("", "/events", "/files/0-thumbnail.jpg"):
        answer = app.test_client().get(f"/api/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    app.extensions["unmask"].jobs.close()


def test_a_picture_comes_whole_or_not_at_all(idle, landscape, tmp_path):
    client = idle.test_client()
    location = submit(client, landscape)
    picture = Folder(tmp_path).new_picture(location.rsplit("/", 1)[-1], "0-thumbnail.jpg")
    picture.write_bytes(b"a picture")
    url = f"{location}/files/{picture.name}"
    for part in ("bytes=0-1", "bytes=99-"):
        answer = client.get(url, headers={"Range": part})
        assert (answer.status_code, answer.data) == (200, b"a picture")
    known = client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")


def test_so_many_may_follow_and_no_more(detector, tmp_path, landscape):
    app = create_app(settings_in(tmp_path, workers=0, max_streams=1), detector)
    client = app.test_client()
    location = submit(client, landscape)
    first = client.get(f"{location}/events", buffered=False)
    assert b"queued" in next(first.response)
    second = client.get(f"{location}/events")
    assert (second.status_code, second.json["code"]) == (503, "busy")
    first.close()
    client.delete(location)
    assert client.get(f"{location}/events").status_code == 200
    app.extensions["unmask"].jobs.close()


def test_an_upload_that_cannot_be_kept_leaves_nothing(tmp_path, landscape):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise ConnectionError("the client went away")

    jobs = Jobs(settings_in(tmp_path, workers=0))
    files = [FileStorage(io.BytesIO(landscape), "a.png"), FileStorage(Broken(), "b.png")]
    with pytest.raises(ConnectionError):
        jobs.submit(files, JobQuery())
    assert uploads(tmp_path) == []
    assert jobs.newest(10, None) == []
    jobs.close()


def test_nothing_is_swept_but_the_folders_of_jobs(tmp_path):
    folder = Folder(tmp_path)
    others = [tmp_path / "pictures" / "holiday", tmp_path / "uploads" / "2024"]
    for path in (*others, tmp_path / "pictures" / ("a" * 32)):
        path.mkdir()
        os.utime(path, (0, 0))
    store = folder.store(Settings())
    folder.sweep(store, picture_ttl_s=0)
    store.close()
    assert list((tmp_path / "pictures").iterdir()) == [others[0]]
    assert list((tmp_path / "uploads").iterdir()) == [others[1]]


def test_a_data_folder_others_may_open_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    private = tmp_path / f"unmask-{os.getuid()}"
    Folder(None)
    assert private.stat().st_mode & 0o777 == 0o700
    private.chmod(0o755)
    with pytest.raises(ConfigurationError, match="UNMASK_DATA_DIR"):
        Folder(None)


def test_a_queue_that_is_none_is_a_setting_that_is_wrong():
    with pytest.raises(ConfigurationError, match="UNMASK_QUEUE_URL"):
        open_queue("amqp://host")


def test_the_password_of_a_queue_is_not_in_the_message():
    with pytest.raises(ConfigurationError, match="'amqp'") as caught:
        open_queue("amqp://user:secret@host")
    assert "secret" not in str(caught.value)


def test_a_worker_never_imports_torch():
    code = "import sys, unmask.server.worker; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert done.stdout == "False\n"
