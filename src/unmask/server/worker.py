"""A process that works on jobs: the model loaded once, one job at a time.

It holds its job by a lease that a thread renews, several times a second, together with how far the
job is. Where that fails, the job was cancelled or given to another: the work stops at the next
frame, and where there is none in time, the process ends.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, BinaryIO

import PIL.Image
from sqlalchemy.exc import SQLAlchemyError

from unmask.alignment import align
from unmask.detector import Detector
from unmask.errors import InputError, UnreadableError, UnsupportedFormatError
from unmask.formats import kind_of
from unmask.memory import within_memory
from unmask.parent import end_with_parent
from unmask.server import requestlog
from unmask.server.folder import Folder
from unmask.server.problems import problem
from unmask.server.queues import open_queue
from unmask.server.schemas import gradcam, image_answer, video_answer
from unmask.server.store import Job, State, Store
from unmask.settings import Settings
from unmask.timeline import refusal
from unmask.types import FaceReport, Frame, Image

__all__ = ["Worker", "work"]

log = logging.getLogger(__name__)

BEAT_S = 0.25
"""Between two renewals of a lease, which is also how often progress is written."""

GRACE_S = 0.5
"""For the work to stop after the job is lost."""

IDLE_S = 300.0
"""After which a worker ends that can be started again, and gives its memory back."""

LOST = 75
"""The exit status of a worker that ended itself because its job was lost."""

THUMBNAIL_PX = 320

NEITHER = (
    "Expected a JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF picture, or an MP4, MOV, AVI, MKV or "
    "WebM video; by its content the file is none of them, whatever its name says. Convert it to "
    "one of them."
)
"""Jobs take both: who sends a video in another format must not be told to make a picture of it."""


class Lost(Exception):  # noqa: N818
    """The job was cancelled, or another worker has it now."""


class Hold:
    """A job in the hands of a worker, for the time of a `with` block."""

    def __init__(self, store: Store, job: Job, worker: str, lease_s: float) -> None:
        self._store, self._job, self._worker, self._lease_s = store, job, worker, lease_s
        self._progress = (job.done, job.total)
        self._lost, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Hold:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def progress(self, done: int, total: int) -> None:
        """Note how far the job is.

        Raises:
            Lost: somebody took it away.
        """
        self._progress = (done, total)
        self.check()

    def check(self) -> None:
        """Go on only where the job is still ours.

        Raises:
            Lost: as `progress`.
        """
        if self._lost.is_set():
            raise Lost

    def renew(self) -> bool:
        """Renew the lease now; False where it is lost."""
        return self._store.renew(self._job.id, self._worker, self._lease_s, *self._progress)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                if self.renew():
                    continue
            except SQLAlchemyError as error:
                # The lease outlasts a short silence of the store.
                log.warning("the store does not answer: %s", error)
                continue
            self._lost.set()
            if not self._over.wait(GRACE_S):
                os._exit(LOST)
            return


class Worker:
    """Works on jobs of a store, whose files are in a folder."""

    def __init__(
        self, name: str, settings: Settings, detector: Detector, store: Store, folder: Folder
    ) -> None:
        self._name, self._settings, self._detector = name, settings, detector
        self._store, self._folder = store, folder

    def run(self, job_id: str | None = None) -> bool:
        """Work on this job, by default on the oldest that waits; False where there is none."""
        job = self._store.claim(self._name, self._settings.job_lease_s, job_id)
        if job is None:
            return False
        started = time.perf_counter()
        try:
            with Hold(self._store, job, self._name, self._settings.job_lease_s) as hold:
                verdicts = self._judge(job, hold)
                hold.renew()
            is_mine = self._store.end(job.id, State.FINISHED, worker=self._name)
            outcome: dict[str, Any] = {"state": State.FINISHED.value, "verdicts": verdicts}
        except Lost:
            is_mine = False
        except Exception as error:
            # Whatever it is, the next job shall run.
            log.error("job %s failed", job.id, exc_info=error)
            detail = "The job could not be done; the cause is in the server's log."
            is_mine = self._store.end(
                job.id, State.FAILED, worker=self._name, reason="internal", detail=detail
            )
            outcome = {"state": State.FAILED.value}
        if is_mine:
            self._folder.drop_uploads(job.id)
            duration_ms = round(1000 * (time.perf_counter() - started), 1)
            log.info({"job": job.id, "kind": job.kind, "duration_ms": duration_ms, **outcome})
        return True

    def _judge(self, job: Job, hold: Hold) -> dict[str, int]:
        """Report on every file that has no report yet; each upload goes when its report is kept."""
        reports = self._store.reports(job.id)
        n = len(job.names)
        for position in range(n):
            if job.kind != "video":
                hold.progress(position, n)
            if position not in reports:
                reports[position] = self._report(job, position, hold)
                if not self._store.put_report(job.id, self._name, position, reports[position]):
                    raise Lost
            self._folder.upload(job.id, position).unlink(missing_ok=True)
        if job.kind != "video":
            hold.progress(n, n)
        return dict(Counter(report["verdict"] for report in reports.values()))

    def _report(self, job: Job, position: int, hold: Hold) -> dict[str, Any]:
        """What the answer of the job has of one file."""
        started = time.perf_counter()
        pictures = _Pictures(self._folder, job, position, self._settings.picture_ttl_s)
        is_video, failure = False, None
        try:
            with within_memory(), self._opened(job, position) as file:
                kind = kind_of(file)
                is_video = kind == "video"
                if kind is None and file.seek(0, io.SEEK_END):
                    raise UnsupportedFormatError(NEITHER)
                judge = self._video if is_video else self._image
                answer = judge(file, job, hold, pictures)
        except InputError as error:
            failure = problem(error.code, str(error), instance=f"/api/jobs/{job.id}")
            answer = (
                video_answer(refusal(None, error, self._detector.identity))
                if is_video
                else image_answer(self._detector.refusal(b"", error))
            )
        answer["processing_time"] = round(time.perf_counter() - started, 3)
        return {
            **answer,
            "filename": job.names[position],
            "status": failure["status"] if failure else 200,
            "problem": failure,
            "files": pictures.urls,
        }

    def _opened(self, job: Job, position: int) -> BinaryIO:
        try:
            return self._folder.upload(job.id, position).open("rb")
        except OSError as error:
            raise UnreadableError("The upload is no longer there; send it again.") from error

    def _image(self, file: BinaryIO, job: Job, hold: Hold, pictures: _Pictures) -> dict[str, Any]:
        started = time.perf_counter()
        picture = self._detector.read(file)
        read_ms = 1000 * (time.perf_counter() - started)
        hold.check()
        report = self._detector.image(picture, heatmaps=job.options["heatmap"])
        if pictures.are_wanted:
            pictures.add("thumbnail", picture.pixels)
            shown = gradcam(picture.pixels, report)
            if shown is not None:
                pictures.add("overlay", shown, max_side=None)
            self._add_crops(pictures, picture.pixels, report.faces, "face")
        answer = image_answer(report)
        answer["timings_ms"]["media"] = round(read_ms, 3)
        return answer

    def _video(self, file: BinaryIO, job: Job, hold: Hold, pictures: _Pictures) -> dict[str, Any]:
        def seen(frame: Frame, faces: Sequence[FaceReport]) -> None:
            if faces and "thumbnail" not in pictures.urls:
                pictures.add("thumbnail", frame.pixels)
            self._add_crops(pictures, frame.pixels, faces, f"frame-{frame.index}-face")

        def progress(done: int, total: int) -> None:
            # Of a batch, files are counted.
            if job.kind == "video":
                hold.progress(done, total)
            hold.check()

        report = self._detector.video(
            file,
            heatmaps=job.options["heatmap"],
            progress=progress,
            seen=seen if pictures.are_wanted else None,
        )
        return video_answer(report)

    def _add_crops(
        self, pictures: _Pictures, image: Image, faces: Sequence[FaceReport], name: str
    ) -> None:
        card = self._detector.card
        for number, face in enumerate(faces):
            crop = align(image, face.face, size=card.input_size, margin=card.crop_margin)
            pictures.add(f"{name}-{number}", crop.pixels)


class _Pictures:
    """The pictures that go with the report of one file, where the job was asked for them."""

    def __init__(self, folder: Folder, job: Job, position: int, ttl_s: float) -> None:
        self.are_wanted = bool(job.options["pictures"]) and ttl_s > 0
        self.urls: dict[str, str] = {}
        self._folder, self._job_id, self._position = folder, job.id, position

    def add(self, name: str, image: Image, *, max_side: int | None = THUMBNAIL_PX) -> None:
        """Keep `(H, W, 3)` uint8 RGB as a JPEG, at most `max_side` px a side."""
        picture = PIL.Image.fromarray(image)
        if max_side is not None:
            picture.thumbnail((max_side, max_side), reducing_gap=2.0)
        file = f"{self._position}-{name}.jpg"
        picture.save(self._folder.new_picture(self._job_id, file), "JPEG", quality=85)
        self.urls[name] = f"/api/jobs/{self._job_id}/files/{file}"


def work(settings: Settings, name: str, ends_when_idle: bool) -> None:
    """The whole life of a worker process."""
    # Ctrl-C reaches every process of a terminal; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(LOST)
    requestlog.to_stderr()
    folder = Folder(settings.data_dir)
    store = folder.store(settings)
    queue = open_queue(settings.queue_url)
    detector = Detector.from_settings(settings, side_by_side=True)
    worker = Worker(name, settings, detector, store, folder)
    busy_at = time.monotonic()
    while not ends_when_idle or time.monotonic() - busy_at < IDLE_S:
        try:
            if queue.work(worker.run):
                busy_at = time.monotonic()
        except SQLAlchemyError as error:
            log.warning("the store does not answer: %s", error)
            time.sleep(1.0)
