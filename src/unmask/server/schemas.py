"""The wire format: what goes over HTTP, as the OpenAPI document has it.

`prediction`, `confidence`, `probabilities`, `face_detected`, `gradcam_image`, `processing_time`
and `timestamp` are the specification's fields; there, and only there, numbers are percent. All
other probabilities are fractions. Base64 and ISO times exist only here.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import numpy as np
import PIL.Image
from flask_openapi.models.file import FileStorage
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError
from werkzeug.datastructures import FileStorage as Upload

from unmask.heatmap import overlay
from unmask.report import to_dict
from unmask.server.problems import PROBLEMS, RequestError
from unmask.server.store import Job, State
from unmask.temporal import frame_scores
from unmask.types import (
    Heatmap,
    Image,
    ImageReport,
    Label,
    ModelCard,
    ModelIdentity,
    Reason,
    Verdict,
    VideoReport,
    label_of,
)

__all__ = [
    "BatchAnswer",
    "BatchForm",
    "BatchQuery",
    "Health",
    "ImageAnswer",
    "ImageForm",
    "ImageQuery",
    "JobAnswer",
    "JobForm",
    "JobPath",
    "JobQuery",
    "JobSummary",
    "JobsAnswer",
    "JobsQuery",
    "KeptImage",
    "KeptVideo",
    "ModelAnswer",
    "PicturePath",
    "Problem",
    "Ready",
    "VideoAnswer",
    "VideoForm",
    "VideoQuery",
    "gradcam",
    "gradcam_jpeg",
    "image_answer",
    "job_answer",
    "job_summary",
    "model_answer",
    "video_answer",
]

Point = tuple[float, float]

PREVIEW_PX = 1600
"""The most that a side of a drawn heat map has."""

KEEP = "Whether the answer, without its pictures, goes into the list of this server, if it has one."
JOB_ID = "Of the job that keeps this answer; null where none does."

Told = Annotated[Verdict, Field(description="What to show to a person.")]
Why = Annotated[Reason | None, Field(description="Why the verdict is missing, weak or partial.")]
Detail = Annotated[str | None, Field(description="What to do, or what may help.")]
Seconds = Annotated[float, Field(description="In seconds of the video.")]
Side = Annotated[int | None, Field(description="In px, upright; null where nothing was decoded.")]
Format = Annotated[str | None, Field(description="By the content; null where nothing was decoded.")]
Stages = Annotated[dict[str, float], Field(description="Milliseconds of each stage of the work.")]
Time = Annotated[datetime, Field(description="When this was answered, UTC.")]
NoPath = Annotated[str | None, Field(description="Null: the API knows no path of the file.")]
FileName = Annotated[str, Field(description="As the file was sent.")]


class ChosenFile(FileStorage):
    """A file of a multipart form; not a text field, nor a file input left empty."""

    @classmethod
    def validate(cls, value: object, *_: object) -> Upload:
        if not isinstance(value, Upload) or not value.filename:
            raise ValueError("expected a file")
        return value


def _iso_time(value: str) -> datetime:
    """Pydantic would take a bare number, such as a year, for seconds since 1970."""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        expected = "expected a time as ISO 8601 with its zone, such as 2026-01-31T12:00:00Z"
        raise PydanticCustomError("iso_time", expected)
    return time


class Query(BaseModel):
    """A switch with a mistake in its name is told, and not taken for one that was left out."""

    @model_validator(mode="before")
    @classmethod
    def _know(cls, values: dict[str, object]) -> dict[str, object]:
        for name in values.keys() - cls.model_fields.keys():
            known = ", ".join(cls.model_fields)
            raise RequestError("invalid_request", f"{name}: no such parameter, expected {known}.")
        return values


class ImageForm(BaseModel):
    file: ChosenFile = Field(description="A photo: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF.")


class BatchForm(BaseModel):
    files: list[ChosenFile] = Field(alias="files[]", description="Photos, in any number of parts.")


class ImageQuery(Query):
    heatmap: bool = Field(True, description="Whether to say where the model looked.")
    overlay: bool = Field(
        True, description="Whether to draw that as `gradcam_image`; `heatmap` stays in each face."
    )
    keep: bool = Field(True, description=KEEP)


class BatchQuery(Query):
    heatmap: bool = Field(False, description="Whether to say where the model looked.")
    overlay: bool = Field(False, description="Whether to draw that as `gradcam_image`.")
    keep: bool = Field(True, description=KEEP)


class VideoForm(BaseModel):
    file: ChosenFile = Field(description="A video: MP4, MOV, AVI, MKV or WebM.")


class VideoQuery(Query):
    heatmap: bool = Field(False, description="Whether to say where the model looked.")
    keep: bool = Field(True, description=KEEP)


class JobForm(BaseModel):
    files: list[ChosenFile] = Field(
        alias="files[]", description="Photos and videos, in any number of parts."
    )


class JobQuery(Query):
    heatmap: bool = Field(True, description="Whether to say where the model looked.")
    pictures: bool = Field(
        False, description="Whether to keep thumbnails, face crops and heat maps for a while."
    )


class JobPath(BaseModel):
    job_id: str = Field(description="As `POST /api/jobs` gave it.")


class PicturePath(JobPath):
    name: str = Field(description="As `files` of a result has it.")


class JobsQuery(Query):
    limit: int = Field(50, ge=1, le=200, description="How many jobs.")
    before: Annotated[AwareDatetime, BeforeValidator(_iso_time)] | None = Field(
        None, description="Only jobs created before this time, as ISO 8601 with its zone."
    )


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(Wire):
    status: Literal["running"] = Field(description="The only one there is.")
    app_name: str = Field(description="The name of the program.")
    version: str = Field(description="The version of the program.")
    model_loaded: bool = Field(description="Always true: no server starts without its model.")


class Ready(Wire):
    status: Literal["ready"] = Field(description="There is room for another request.")


class Problem(Wire):
    """Why a request failed (RFC 9457)."""

    type: str = Field(description="Where `code` is explained.")
    title: str = Field(description="What `code` stands for, in words that never change.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was expected, what came, what to do.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(
        description="Stable; decide by this.", json_schema_extra={"enum": list(PROBLEMS)}
    )
    error: str = Field(description="The same as `title`.")
    details: str = Field(description="The same as `detail`.")


class Probabilities(Wire):
    """In percent, between 0.1 and 99.9: no answer is certain."""

    REAL: float = Field(description="That the face is genuine.")
    FAKE: float = Field(description="That it was manipulated.")


class HeatmapAnswer(Wire):
    """Where a face spoke for FAKE."""

    grid: list[list[float]] = Field(description="Rows of values in [0, 1], top row first.")
    corners: tuple[Point, Point, Point, Point] = Field(
        description="Where the grid lies on the photo, in px: top left, top right, bottom right, "
        "bottom left, as the face is upright."
    )
    empty: bool = Field(description="Nothing spoke for FAKE; all values are 0.")


class QualityAnswer(Wire):
    """What limits how far an answer may be trusted."""

    face_px: float = Field(description="The longer side of the face, in px of the photo.")
    sharpness: float = Field(
        description="The standard deviation of the Laplacian of the aligned crop, in grey levels."
    )
    yaw: float = Field(description="0 is frontal, 1 is profile.")
    roll_deg: float = Field(description="The tilt of the eyes, in degrees.")
    truncated: float = Field(description="The share of the face outside the photo.")
    jpeg_quality: int | None = Field(description="Of the file; null where it is no JPEG.")
    reasons: list[Reason] = Field(description="Each rule of the model card it breaks.")


class FaceAnswer(Wire):
    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in px.")
    landmarks: list[Point] = Field(
        description="Left eye, right eye, nose, left and right mouth corner in px (left in the "
        "photo)."
    )
    detection_score: float = Field(description="How sure it is that this is a face, in [0, 1].")
    verdict: Told
    reason: Why
    p_fake: float | None = Field(description="In [0, 1]; null exactly where not analysed.")
    label: Label | None = Field(description="FAKE where `p_fake` is above one half.")
    confidence: float | None = Field(description="`max(p_fake, 1 - p_fake)`: a fraction.")
    quality: QualityAnswer = Field(description="How far the answer may be trusted.")
    contributions: dict[str, float] | None = Field(
        description="How much the answer would fall without each branch of the model, in logits."
    )
    spectrum: list[float] | None = Field(
        description="Mean log power of the face in 16 bands of equal width, from 0 to 0.5 cycles "
        "per pixel of its aligned crop; natural logarithm. Null where not analysed."
    )
    heatmap: HeatmapAnswer | None = Field(description="Null where not asked for, or not analysed.")


class ImageFacts(Wire):
    width: Side
    height: Side
    format: Format
    n_bytes: int | None = Field(description="The size of the file.")
    camera: dict[str, str] = Field(
        description="What the file claims of its origin, which anyone can change."
    )


class Identity(Wire):
    """Which weights gave an answer."""

    name: str = Field(description="The name of the model.")
    version: str = Field(description="The version of the model.")
    sha256: str = Field(description="Of the weights file.")


class ImageAnswer(Wire):
    """What is known of one photo."""

    prediction: Label | None = Field(description="Null where nothing was analysed.")
    confidence: float | None = Field(description="Of `prediction`, in percent.")
    probabilities: Probabilities | None = Field(description="Null where nothing was analysed.")
    face_detected: bool = Field(description="Whether there was a face, analysed or not.")
    gradcam_image: str | None = Field(description="The photo with the heat map, as base64 JPEG.")
    processing_time: float = Field(description="In seconds.")
    timestamp: Time
    path: NoPath
    kind: Literal["image"] = Field(description="Tells photos from videos.")
    sha256: str | None = Field(description="Of the file; null where it was not read.")
    verdict: Told
    reason: Why
    detail: Detail
    p_fake: float | None = Field(description="Of the face that decided, in [0, 1].")
    label: Label | None = Field(description="The same as `prediction`.")
    headline_face: int | None = Field(description="The index of the face that decided.")
    faces: list[FaceAnswer] = Field(description="Every face that was found.")
    image: ImageFacts = Field(description="What is known of the file.")
    model: Identity = Field(description="Which weights gave the answer.")
    timings_ms: Stages


class KeptImage(ImageAnswer):
    """What is known of one photo, and where that is kept."""

    job_id: str | None = Field(description=JOB_ID)


class BatchItem(ImageAnswer):
    """What is known of one photo of a batch, or why nothing is."""

    filename: FileName
    status: int = Field(description="The HTTP status this photo alone would have had.")
    problem: Problem | None = Field(description="Null where the photo was read.")


class BatchAnswer(Wire):
    job_id: str | None = Field(description=JOB_ID)
    results: list[BatchItem] = Field(description="One per photo, in the order sent.")
    total_processed: int = Field(description="How many files came.")
    total_time: float = Field(description="In seconds.")


class FramePrediction(Wire):
    frame: int = Field(description="Its number in the video, from 0.")
    prediction: Label = Field(description="Of its face most likely fake.")
    confidence: float = Field(description="In percent.")


class IntervalAnswer(Wire):
    """A stretch of time that looks manipulated."""

    start_s: Seconds
    end_s: Seconds
    p_fake: float = Field(description="Of its frames, in [0, 1].")


class TrackInterval(IntervalAnswer):
    track: int = Field(description="The index of the person in `tracks`.")


class TrackAnswer(Wire):
    """What is known of one person."""

    verdict: Told
    reason: Why
    p_fake: float | None = Field(description="In [0, 1]; null where nothing was scored.")
    label: Label | None = Field(description="FAKE where `p_fake` is above one half.")
    confidence: float | None = Field(description="`max(p_fake, 1 - p_fake)`: a fraction.")
    vote_share: float | None = Field(description="Of FAKE, where votes were counted.")
    start_s: Seconds
    end_s: Seconds
    n_faces: int = Field(description="In how many frames the person was found.")
    n_scored: int = Field(description="How many of these the answer rests on.")
    intervals: list[IntervalAnswer] = Field(description="When the person looks manipulated.")


class FrameFace(FaceAnswer):
    track: int = Field(description="The index of the person in `tracks`.")


class FrameAnswer(Wire):
    index: int = Field(description="Its number in the video, from 0.")
    time_s: Seconds
    reason: Reason | None = Field(description="Why no face of the frame was scored.")
    faces: list[FrameFace] = Field(description="Every face that was found.")


class CoverageAnswer(Wire):
    """How much of the video the answer rests on; `sampled` is `scored` and all `rejected`."""

    duration_s: float = Field(description="Of the video.")
    analysed_share: float = Field(
        description="The share of the duration within half a second of a scored frame, in [0, 1]."
    )
    sampled: int = Field(description="How many frames were to be looked at.")
    decoded: int = Field(description="How many of these could be decoded.")
    with_face: int = Field(description="How many had a face.")
    scored: int = Field(description="How many had a face that was scored.")
    rejected: dict[Reason, int] = Field(description="How many were not scored, by the reason.")


class VideoFacts(Wire):
    width: Side
    height: Side
    format: Format
    codec: str | None = Field(description="Of its pictures; null where it is not known.")


class VideoAnswer(Wire):
    """What is known of one video."""

    prediction: Label | None = Field(description="Null where nothing was analysed.")
    confidence: float | None = Field(description="Of `prediction`, in percent.")
    frames_analyzed: int = Field(description="How many frames were scored.")
    frame_predictions: list[FramePrediction] = Field(
        description="Of each frame that was scored, its face most likely fake."
    )
    processing_time: float = Field(description="In seconds.")
    timestamp: Time
    path: NoPath
    kind: Literal["video"] = Field(description="Tells videos from photos.")
    sha256: str | None = Field(description="Of the file; null where it was not read.")
    verdict: Told
    reason: Why
    detail: Detail
    p_fake: float | None = Field(description="Of the person who decided, in [0, 1].")
    label: Label | None = Field(description="The same as `prediction`.")
    method: str | None = Field(
        description="How frames were put together; null where there were none."
    )
    headline_track: int | None = Field(description="The index of the person who decided.")
    tracks: list[TrackAnswer] = Field(description="One per person.")
    intervals: list[TrackInterval] = Field(description="Of all people.")
    frames: list[FrameAnswer] = Field(description="Every frame that was looked at.")
    coverage: CoverageAnswer | None = Field(
        description="How much of the video the answer rests on; null where it could not be read."
    )
    video: VideoFacts = Field(description="What is known of the file.")
    model: Identity = Field(description="Which weights gave the answer.")
    timings_ms: Stages


class KeptVideo(VideoAnswer):
    """What is known of one video, and where that is kept."""

    job_id: str | None = Field(description=JOB_ID)


class JobImage(BatchItem):
    """What is known of one photo of a job, or why nothing is."""

    files: dict[str, str] = Field(description="Addresses of the pictures that were asked for.")


class JobVideo(VideoAnswer):
    """What is known of one video of a job, or why nothing is."""

    filename: FileName
    status: int = Field(description="The HTTP status this video alone would have had.")
    problem: Problem | None = Field(description="Null where the video was read.")
    files: dict[str, str] = Field(description="Addresses of the pictures that were asked for.")


class Progress(Wire):
    done: int = Field(description="How many are judged.")
    total: int = Field(description="0 as long as it is not known.")
    unit: Literal["files", "frames"] = Field(
        description="Frames where the job is one video, else files."
    )


class JobSummary(Wire):
    """A job without its results."""

    id: str = Field(description="Part of the address of the job.")
    kind: Literal["image", "batch", "video"] = Field(
        description="`batch` of several files; of one, what its content is."
    )
    state: State = Field(description="`finished`, `failed` and `cancelled` are final.")
    reason: Literal["worker_died", "internal", "cancelled"] | None = Field(
        description="Why the job failed or was cancelled, else null."
    )
    detail: str | None = Field(description="The same in words.")
    progress: Progress = Field(description="How far the job is.")
    filenames: list[str] = Field(description="As the files were sent.")
    created_at: datetime = Field(description="UTC; what `before` of the list compares with.")
    started_at: datetime | None = Field(description="UTC; null while the job waits.")
    finished_at: datetime | None = Field(description="UTC; null until the job has ended.")
    expires_at: datetime | None = Field(
        description="When the job is forgotten, UTC; null until it has ended."
    )
    verdicts: dict[Verdict, int] = Field(description="How many files got each, so far.")


class JobAnswer(JobSummary):
    """A job and what is known of its files so far, in the order sent."""

    results: list[Annotated[JobImage | JobVideo, Field(discriminator="kind")]] = Field(
        description="One per file that is judged so far."
    )


class JobsAnswer(Wire):
    jobs: list[JobSummary] = Field(description="The latest first.")


class Limits(Wire):
    max_video_bytes: int = Field(description="Largest video.")
    max_video_s: float = Field(description="Longest video, in seconds.")
    max_clip_s: float = Field(description="Longer videos are jobs; in seconds.")
    video_formats: list[str] = Field(description="What is read as a video.")
    has_list: bool = Field(description="Whether `GET /api/jobs` lists what was done here.")
    keeps_answers: bool = Field(description="Whether what is answered at once is listed there too.")
    max_image_bytes: int = Field(description="Largest photo.")
    max_image_pixels: int = Field(description="Largest photo, width times height.")
    max_batch_files: int = Field(description="Most files of one batch or job.")
    max_batch_bytes: int = Field(description="Most bytes of one batch.")
    formats: list[str] = Field(description="What is read as a photo.")


class ModelAnswer(Wire):
    """The model card and the limits of this server."""

    name: str = Field(description="The name of the model.")
    version: str = Field(description="The version of the model.")
    sha256: str = Field(description="Of the weights file.")
    architecture: str = Field(description="Of the network.")
    branches: list[str] = Field(description="What `contributions` of a face has.")
    input_size: int = Field(description="The side of an aligned crop, in px.")
    crop_margin: float = Field(description="How far the crop reaches around the face.")
    normalisation: str = Field(description="Of the pixels, before the network.")
    classes: tuple[str, str] = Field(description="In the order of the logits.")
    spectrum_id: str = Field(description="Which spectrum the frequency branch reads.")
    calibration: dict[str, Any] = Field(description="How logits become `p_fake`.")
    thresholds: dict[str, float] = Field(description="Where `p_fake` becomes a verdict.")
    quality_rules: dict[str, float] = Field(description="What a face must keep to be trusted.")
    documentation: dict[str, Any] = Field(
        description="Training data and their terms, metrics, known failures."
    )
    limits: Limits = Field(description="What this server takes.")


def image_answer(
    report: ImageReport, *, gradcam_image: str | None = None, processing_time_s: float = 0.0
) -> dict[str, Any]:
    """An `ImageAnswer` for a report."""
    answer = to_dict(report)
    for face, of in zip(answer["faces"], report.faces, strict=True):
        face["heatmap"] = None if of.heatmap is None else _heatmap_answer(of.heatmap)
    p_fake = report.p_fake
    probabilities = None if p_fake is None else _percent(p_fake)
    specified = {
        "prediction": answer["label"],
        "confidence": None if probabilities is None else max(probabilities.values()),
        "probabilities": probabilities,
        "face_detected": bool(report.faces),
        "gradcam_image": gradcam_image,
        "processing_time": round(processing_time_s, 3),
        "timestamp": _now(),
    }
    # Once for the order, once for `confidence`: here it is the specification's, in percent.
    return specified | answer | specified


def video_answer(report: VideoReport, *, processing_time_s: float = 0.0) -> dict[str, Any]:
    """A `VideoAnswer` for a report."""
    answer = to_dict(report)
    for frame, seen in zip(answer["frames"], report.frames, strict=True):
        for face, of in zip(frame["faces"], seen.faces, strict=True):
            face["heatmap"] = None if of.heatmap is None else _heatmap_answer(of.heatmap)
    p_fake = report.p_fake
    predictions = [_frame_prediction(*scored) for scored in frame_scores(report)]
    specified = {
        "prediction": answer["label"],
        "confidence": None if p_fake is None else max(_percent(p_fake).values()),
        "frames_analyzed": len(predictions),
        "frame_predictions": predictions,
        "processing_time": round(processing_time_s, 3),
        "timestamp": _now(),
    }
    return specified | answer | specified


def job_summary(job: Job, verdicts: Mapping[str, int]) -> dict[str, Any]:
    """A `JobSummary`."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "reason": job.reason,
        "detail": job.detail,
        "progress": {
            "done": job.done,
            "total": job.total,
            "unit": "frames" if job.kind == "video" else "files",
        },
        "filenames": job.names,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "expires_at": _time(job.expires_at),
        "verdicts": dict(verdicts),
    }


def job_answer(job: Job, reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A `JobAnswer`."""
    verdicts = Counter(report["verdict"] for report in reports)
    return {**job_summary(job, verdicts), "results": list(reports)}


def gradcam(image: Image, report: ImageReport) -> Image | None:
    """The heat maps of a report over its image, `(H, W, 3)` uint8 RGB.

    None where nothing spoke for FAKE. A photo of 40 megapixels would not be a preview, so it is
    reduced by a whole number first, and the heat maps with it.
    """
    heatmaps = [face.heatmap for face in report.faces if face.heatmap and not face.heatmap.empty]
    if not heatmaps:
        return None
    reduction = -(-max(image.shape[:2]) // PREVIEW_PX)
    if reduction > 1:
        image = np.asarray(PIL.Image.fromarray(image).reduce(reduction))
        heatmaps = [_reduced(heatmap, reduction) for heatmap in heatmaps]
    return overlay(image, heatmaps)


def gradcam_jpeg(image: Image, report: ImageReport) -> str | None:
    """`gradcam` as base64 JPEG."""
    shown = gradcam(image, report)
    if shown is None:
        return None
    file = io.BytesIO()
    PIL.Image.fromarray(shown).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode("ascii")


def model_answer(
    card: ModelCard, identity: ModelIdentity, limits: dict[str, Any]
) -> dict[str, Any]:
    """A `ModelAnswer`. The golden samples stay out: they prove the weights, they tell nothing."""
    answer = asdict(card)
    del answer["golden"]
    return {**answer, "sha256": identity.sha256, "limits": limits}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _time(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, to the microsecond: `before` must tell two jobs apart.

    With Z, because the + of +00:00 is a space where it is pasted into a query.
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _frame_prediction(index: int, p_fake: float) -> dict[str, Any]:
    confidence = max(_percent(p_fake).values())
    return {"frame": index, "prediction": label_of(p_fake), "confidence": confidence}


def _percent(p_fake: float) -> dict[str, float]:
    fake = min(max(round(100 * p_fake, 2), 0.1), 99.9)
    return {"REAL": round(100 - fake, 2), "FAKE": fake}


def _heatmap_answer(heatmap: Heatmap) -> dict[str, Any]:
    return {
        "grid": np.round(heatmap.values.astype(float), 4).tolist(),
        "corners": np.round(heatmap.corners(), 2).tolist(),
        "empty": heatmap.empty,
    }


def _reduced(heatmap: Heatmap, reduction: int) -> Heatmap:
    scale = np.array([reduction, reduction, 1.0])
    return Heatmap(heatmap.values, heatmap.affine * scale, heatmap.crop_size)
