"""The routes. Each reads its input, asks the detector and hands the answer to `schemas`."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from time import perf_counter
from typing import Any, BinaryIO, cast

from flask import current_app, g
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.types import ResponseDict
from werkzeug.datastructures import FileStorage

from unmask import __version__
from unmask.detector import Detector
from unmask.errors import InputError
from unmask.server.admission import Admission, busy
from unmask.server.problems import PROBLEMS, RequestError, problem
from unmask.server.schemas import (
    BatchAnswer,
    BatchForm,
    BatchQuery,
    Health,
    ImageAnswer,
    ImageForm,
    ImageQuery,
    ModelAnswer,
    Ready,
    gradcam_jpeg,
    image_answer,
    model_answer,
)
from unmask.settings import Settings

__all__ = ["Service", "api"]


def problems(*codes: str) -> ResponseDict:
    """The failures of a route, for the document; `default` stands for those of any route."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(PROBLEMS[code].status.value), []).append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for status, codes in by_status.items()
    }


api = APIBlueprint(
    "api",
    __name__,
    abp_responses={"default": problems("internal")["500"]},
    operation_id_callback=lambda *, name, **_: name,
)


@dataclass(frozen=True)
class Service:
    """What the routes of one server share."""

    settings: Settings
    detector: Detector
    admission: Admission


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
    }
    return model_answer(detector.card, detector.identity, limits)


@api.post(
    "/api/detect/image",
    responses={
        200: ImageAnswer,
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
    with service().admission.slot():
        answer = _analyse(form.file, query)
    g.outcome = _outcome(answer)
    return answer


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
    limit = service().settings.max_batch_files
    if len(form.files) > limit:
        message = (
            f"A batch may have at most {limit} files; {len(form.files)} came. Send it in parts."
        )
        raise RequestError("too_many_files", message)
    with service().admission.slot():
        results = [_item(file, query) for file in form.files]
    g.outcome = {"items": [_outcome(item) for item in results]}
    return {
        "results": results,
        "total_processed": len(results),
        "total_time": round(perf_counter() - started, 3),
    }


def _analyse(file: FileStorage, query: ImageQuery | BatchQuery) -> dict[str, Any]:
    started = perf_counter()
    detector = service().detector
    picture = detector.read(cast(BinaryIO, file.stream))
    read_ms = 1000 * (perf_counter() - started)
    report = detector.image(picture, heatmaps=query.heatmap)
    gradcam = gradcam_jpeg(picture.pixels, report) if query.heatmap and query.overlay else None
    answer = image_answer(report, gradcam_image=gradcam, processing_time_s=perf_counter() - started)
    answer["timings_ms"]["media"] = round(read_ms, 3)
    return answer


def _item(file: FileStorage, query: BatchQuery) -> dict[str, Any]:
    name = file.filename or ""
    try:
        answer = _analyse(file, query)
    except InputError as error:
        failure = problem(error.code, str(error))
        report = service().detector.refusal(b"", error)
        answer = image_answer(report, gradcam_image=None, processing_time_s=0.0)
        return {**answer, "filename": name, "status": failure["status"], "problem": failure}
    return {**answer, "filename": name, "status": HTTPStatus.OK.value, "problem": None}


def _outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """What the log keeps of an answer: nothing that tells who is in the picture."""
    outcome = {name: answer[name] for name in ("verdict", "reason", "timings_ms")}
    return {**outcome, "n_faces": len(answer["faces"])}
