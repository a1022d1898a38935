"""The routes. Each reads its input, asks the detector and hands the answer to `schemas`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from time import monotonic, perf_counter
from typing import Any, BinaryIO, cast

from flask import Response, current_app, g, request, send_file
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.types import ResponseDict
from werkzeug.datastructures import FileStorage

from unmask import __version__
from unmask.detector import Detector
from unmask.errors import InputError, UnsupportedFormatError
from unmask.formats import kind_of
from unmask.memory import give_back_memory, within_memory
from unmask.server.admission import Admission, busy, check_count
from unmask.server.jobs import Jobs
from unmask.server.problems import PROBLEMS, RequestError, problem, refuse_rest
from unmask.server.schemas import (
    BatchAnswer,
    BatchForm,
    BatchQuery,
    Health,
    ImageForm,
    ImageQuery,
    JobAnswer,
    JobForm,
    JobPath,
    JobQuery,
    JobsAnswer,
    JobsQuery,
    KeptImage,
    KeptVideo,
    ModelAnswer,
    PicturePath,
    Ready,
    VideoForm,
    VideoQuery,
    gradcam_jpeg,
    image_answer,
    job_answer,
    job_summary,
    model_answer,
    video_answer,
)
from unmask.server.store import Job
from unmask.settings import Settings
from unmask.video import Video

__all__ = ["Service", "api"]

LARGE_BYTES = 12_000_000
"""Of a picture's pixels: above, looking for memory to give back is little beside judging it."""


def problems(*codes: str) -> ResponseDict:
    """The failures of a route, for the document; `default` stands for those of any route."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(PROBLEMS[code].status.value), []).append(code)
    answers = {status: _problem(*codes) for status, codes in by_status.items()}
    if "busy" in codes:
        wait = {"description": "In how many seconds to come back.", "schema": {"type": "integer"}}
        answers["503"]["headers"] = {"Retry-After": wait}
    return cast(ResponseDict, answers)


def _problem(*codes: str) -> dict[str, Any]:
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
        "content": _content("Problem", "application/problem+json"),
    }


def _content(schema: str, mimetype: str = "application/json") -> dict[str, Any]:
    return {mimetype: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


api = APIBlueprint(
    "api",
    __name__,
    # The server's name, and pages of other sites, can be wrong for any route.
    abp_responses={"default": _problem("internal", "invalid_request")},
    operation_id_callback=lambda *, name, **_: name,
)


@dataclass(frozen=True)
class Service:
    """What the routes of one server share."""

    settings: Settings
    detector: Detector
    admission: Admission
    jobs: Jobs


def formats() -> list[str]:
    """What can be read here; HEIC needs an extra."""
    heif = ["HEIF"] if find_spec("pillow_heif") else []
    return ["JPEG", "PNG", "WEBP", "AVIF", *heif, "GIF", "BMP", "TIFF"]


def service() -> Service:
    return cast(Service, current_app.extensions["unmask"])


@api.get("/health", responses={200: Health})
def health() -> dict[str, Any]:
    """Whether the server is alive."""
    return {
        "status": "running",
        "app_name": "Unmask",
        "version": __version__,
        "model_loaded": True,  # a server does not start without its model
    }


@api.get("/ready", responses={200: Ready, **problems("busy")})
def ready() -> dict[str, Any]:
    """Whether the model has passed its proof and there is room for another request."""
    if service().admission.is_full:
        raise busy()
    return {"status": "ready"}


@api.get("/api/model", responses={200: ModelAnswer})
def model() -> dict[str, Any]:
    """The model card and the limits of this server."""
    detector, settings = service().detector, service().settings
    limits = {
        "max_image_bytes": settings.max_image_bytes,
        "max_image_pixels": settings.max_image_pixels,
        "max_batch_files": settings.max_batch_files,
        "max_batch_bytes": settings.max_batch_bytes,
        "formats": formats(),
        "max_video_bytes": settings.max_video_bytes,
        "max_video_s": settings.max_video_s,
        "max_clip_s": settings.max_clip_s,
        "video_formats": ["MP4", "MOV", "AVI", "MKV", "WEBM"],
        "has_list": settings.has_list,
        "keeps_answers": settings.has_list and settings.keep_answers,
    }
    return model_answer(detector.card, detector.identity, limits)


@api.post(
    "/api/detect/image",
    responses={
        200: KeptImage,
        **problems(
            "missing_field",
            "invalid_request",
            "too_large",
            "unsupported_format",
            "undecodable",
            "busy",
        ),
    },
)
def detect_image(form: ImageForm, query: ImageQuery) -> dict[str, Any]:
    """Judge every face of a photo."""
    refuse_rest("file", 1)
    with service().admission.slot():
        answer = _analyse(form.file, query)
    g.outcome = _outcome(answer)
    return {**answer, "job_id": _keep("image", [_as_item(answer, form.file)], query)}


@api.post(
    "/api/detect/batch",
    responses={
        200: BatchAnswer,
        **problems("missing_field", "invalid_request", "too_large", "too_many_files", "busy"),
    },
)
def detect_batch(form: BatchForm, query: BatchQuery) -> dict[str, Any]:
    """Judge every face of many photos. A photo that cannot be read does not stop the others."""
    started = perf_counter()
    refuse_rest("files[]", len(form.files))
    check_count(len(form.files), service().settings.max_batch_files)
    with service().admission.slot():
        results = [_item(file, query) for file in form.files]
    g.outcome = {"items": [_outcome(item) for item in results]}
    return {
        "job_id": _keep("batch", results, query),
        "results": results,
        "total_processed": len(results),
        "total_time": round(perf_counter() - started, 3),
    }


@api.post(
    "/api/detect/video",
    responses={
        200: KeptVideo,
        **problems(
            "missing_field",
            "invalid_request",
            "too_large",
            "clip_too_long",
            "unsupported_format",
            "undecodable",
            "busy",
        ),
    },
)
def detect_video(form: VideoForm, query: VideoQuery) -> dict[str, Any]:
    """Judge every person of a short video. A longer one is a job."""
    started = perf_counter()
    refuse_rest("file", 1)
    file = cast(BinaryIO, form.file.stream)
    if kind_of(file) == "image":
        raise UnsupportedFormatError("This is a photo. Send it to POST /api/detect/image.")
    with service().admission.slot(), within_memory():
        _refuse_long(file)
        report = service().detector.video(file, heatmaps=query.heatmap)
    answer = video_answer(report, processing_time_s=perf_counter() - started)
    g.outcome = _outcome(answer)
    return {**answer, "job_id": _keep("video", [_as_item(answer, form.file)], query)}


@api.post(
    "/api/jobs",
    responses={
        202: {
            "description": "The job, which waits.",
            "content": _content("JobAnswer"),
            "headers": {
                "Location": {"description": "Of the job.", "schema": {"type": "string"}},
            },
        },
        **problems("missing_field", "invalid_request", "too_large", "too_many_files", "busy"),
    },
)
def create_job(form: JobForm, query: JobQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Judge photos and videos in the background."""
    refuse_rest("files[]", len(form.files))
    job = service().jobs.submit(form.files, query)
    return job_answer(job, []), HTTPStatus.ACCEPTED, {"Location": f"/api/jobs/{job.id}"}


@api.get("/api/jobs", responses={200: JobsAnswer, **problems("invalid_request", "store_off")})
def list_jobs(query: JobsQuery) -> dict[str, Any]:
    """The latest jobs of this server."""
    before = query.before.timestamp() if query.before else None
    jobs = service().jobs.newest(query.limit, before)
    return {"jobs": [job_summary(job, verdicts) for job, verdicts in jobs]}


@api.delete("/api/jobs", responses={204: None, **problems("store_off")})
def delete_jobs() -> tuple[str, int]:
    """Cancel and forget every job of this server."""
    service().jobs.delete_all()
    return "", HTTPStatus.NO_CONTENT


@api.get("/api/jobs/<job_id>", responses={200: JobAnswer, **problems("not_found")})
def get_job(path: JobPath) -> dict[str, Any]:
    """How far a job is, and its results so far."""
    job = service().jobs.get(path.job_id)
    return job_answer(job, service().jobs.reports(job))


@api.delete("/api/jobs/<job_id>", responses={200: JobAnswer, 204: None, **problems("not_found")})
def delete_job(path: JobPath) -> dict[str, Any] | tuple[str, int]:
    """Cancel a job that goes on, or forget one that has ended."""
    job = service().jobs.delete(path.job_id)
    if job is None:
        return "", HTTPStatus.NO_CONTENT
    return job_answer(job, service().jobs.reports(job))


@api.get(
    "/api/jobs/<job_id>/events",
    responses={
        200: {
            "description": "Events `progress`, and `end` with the final state; the data of each is "
            "a JobSummary.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems("not_found", "busy"),
    },
)
def follow_job(path: JobPath) -> Response:
    """How far a job is, as it goes on (server-sent events)."""
    jobs = service().jobs
    job = jobs.get(path.job_id)
    jobs.take_stream()
    response = Response(map(_event, jobs.watch(job.id)), mimetype="text/event-stream")
    response.call_on_close(jobs.leave_stream)
    # Proxies that gather an answer before they pass it on would hide the progress.
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    return response


@api.get(
    "/api/jobs/<job_id>/files/<name>",
    responses={
        200: {
            "description": "The picture.",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems("not_found"),
    },
)
def get_picture(path: PicturePath) -> Response:
    """A thumbnail, a face crop or a heat map of a job."""
    picture = service().jobs.picture(path.job_id, path.name)
    response = send_file(picture, "image/jpeg", conditional=False)
    response.make_conditional(request)  # unlike `send_file`: so small a picture has no ranges
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _refuse_long(file: BinaryIO) -> None:
    settings = service().settings
    with Video(
        file,
        max_bytes=settings.max_video_bytes,
        max_duration_s=settings.max_video_s,
        threads=settings.threads,
        deadline=monotonic() + settings.video_budget_s,
    ) as video:
        duration_s = video.info.duration_s
    if duration_s > settings.max_clip_s:
        message = (
            f"The video lasts {duration_s:.0f} seconds; up to {settings.max_clip_s:.0f} are "
            "answered at once. Send it to POST /api/jobs."
        )
        raise RequestError("clip_too_long", message)


def _event(change: tuple[Job, dict[str, int]] | None) -> str:
    if change is None:
        return ":\n\n"
    job, verdicts = change
    name = "end" if job.state.is_final else "progress"
    return f"event: {name}\ndata: {json.dumps(job_summary(job, verdicts))}\n\n"


@within_memory()
def _analyse(file: FileStorage, query: ImageQuery | BatchQuery) -> dict[str, Any]:
    started = perf_counter()
    detector, stream = service().detector, cast(BinaryIO, file.stream)
    if kind_of(stream) == "video":
        message = "This is a video. Send it to POST /api/detect/video, or to POST /api/jobs."
        raise UnsupportedFormatError(message)
    picture = detector.read(stream)
    read_ms = 1000 * (perf_counter() - started)
    report = detector.image(picture, heatmaps=query.heatmap)
    gradcam = gradcam_jpeg(picture.pixels, report) if query.heatmap and query.overlay else None
    answer = image_answer(report, gradcam_image=gradcam, processing_time_s=perf_counter() - started)
    answer["timings_ms"]["media"] = round(read_ms, 3)
    if picture.pixels.nbytes > LARGE_BYTES:
        del picture
        give_back_memory()
    return answer


def _item(file: FileStorage, query: BatchQuery) -> dict[str, Any]:
    try:
        return _as_item(_analyse(file, query), file)
    except InputError as error:
        answer = image_answer(service().detector.refusal(b"", error))
        return _as_item(answer, file, problem(error.code, str(error)))


def _as_item(
    answer: dict[str, Any], file: FileStorage, failure: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer as one of several files has it."""
    status = failure["status"] if failure else HTTPStatus.OK.value
    return {**answer, "filename": file.filename or "", "status": status, "problem": failure}


def _keep(
    kind: str, items: Sequence[dict[str, Any]], query: ImageQuery | BatchQuery | VideoQuery
) -> str | None:
    """Keep what was answered, without its pictures; the id of its job, or None."""
    if not query.keep:
        return None
    reports = [
        item | {"files": {}} | ({"gradcam_image": None} if item["kind"] == "image" else {})
        for item in items
    ]
    return service().jobs.keep(kind, reports, heatmap=query.heatmap)


def _outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """What the log keeps of an answer: nothing that tells who is in the picture."""
    people = "tracks" if answer["kind"] == "video" else "faces"
    outcome = {name: answer[name] for name in ("verdict", "reason", "timings_ms")}
    return {**outcome, f"n_{people}": len(answer[people])}
