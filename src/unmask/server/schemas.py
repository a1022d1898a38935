"""The wire format: what goes over HTTP, as the OpenAPI document has it.

`prediction`, `confidence`, `probabilities`, `face_detected`, `gradcam_image`, `processing_time`
and `timestamp` are the specification's fields; there, and only there, numbers are percent. All
other probabilities are fractions. Base64 and ISO times exist only here.
"""

from __future__ import annotations

import base64
import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import PIL.Image
from flask_openapi.models.file import FileStorage
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.datastructures import FileStorage as Upload

from unmask.heatmap import overlay
from unmask.report import to_dict
from unmask.types import (
    Heatmap,
    Image,
    ImageReport,
    Label,
    ModelCard,
    ModelIdentity,
    Reason,
    Verdict,
)

__all__ = [
    "BatchAnswer",
    "BatchForm",
    "BatchQuery",
    "Health",
    "ImageAnswer",
    "ImageForm",
    "ImageQuery",
    "ModelAnswer",
    "Problem",
    "Ready",
    "gradcam_jpeg",
    "image_answer",
    "model_answer",
]

Point = tuple[float, float]


class ChosenFile(FileStorage):
    """A file of a multipart form; not a text field, nor a file input left empty."""

    @classmethod
    def validate(cls, value: object, *_: object) -> Upload:
        if not isinstance(value, Upload) or not value.filename:
            raise ValueError("expected a file")
        return value


class ImageForm(BaseModel):
    file: ChosenFile = Field(description="A photo: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF.")


class BatchForm(BaseModel):
    files: list[ChosenFile] = Field(alias="files[]", description="Photos, in any number of parts.")


class ImageQuery(BaseModel):
    heatmap: bool = Field(True, description="Whether to say where the model looked.")
    overlay: bool = Field(
        True, description="Whether to draw that as `gradcam_image`; `heatmap` stays in each face."
    )


class BatchQuery(BaseModel):
    heatmap: bool = Field(False, description="Whether to say where the model looked.")
    overlay: bool = Field(False, description="Whether to draw that as `gradcam_image`.")


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(Wire):
    status: Literal["running"]
    app_name: str
    version: str
    model_loaded: bool


class Ready(Wire):
    status: Literal["ready"]


class Problem(Wire):
    """Why a request failed (RFC 9457)."""

    type: str = Field(description="Where `code` is explained.")
    title: str
    status: int
    detail: str = Field(description="What was expected, what came, what to do.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="Stable; decide by this.")
    error: str = Field(description="The same as `title`.")
    details: str = Field(description="The same as `detail`.")


class Probabilities(Wire):
    """In percent, between 0.1 and 99.9: no answer is certain."""

    REAL: float
    FAKE: float


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
    sharpness: float
    yaw: float = Field(description="0 is frontal, 1 is profile.")
    roll_deg: float
    truncated: float = Field(description="The share of the face outside the photo.")
    jpeg_quality: int | None = Field(description="Of the file; null where it is no JPEG.")
    reasons: list[Reason]


class FaceAnswer(Wire):
    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in px.")
    landmarks: list[Point] = Field(
        description="Left eye, right eye, nose, left and right mouth corner in px (left in the "
        "photo)."
    )
    detection_score: float = Field(description="How sure it is that this is a face, in [0, 1].")
    verdict: Verdict
    reason: Reason | None
    p_fake: float | None = Field(description="In [0, 1]; null exactly where not analysed.")
    label: Label | None
    confidence: float | None = Field(description="`max(p_fake, 1 - p_fake)`: a fraction.")
    quality: QualityAnswer
    contributions: dict[str, float] | None = Field(
        description="How much the answer would fall without each branch of the model, in logits."
    )
    spectrum: list[float] | None = Field(
        description="Mean log power of the face in 16 bands of equal width, from 0 to 0.5 cycles "
        "per pixel of its aligned crop; natural logarithm. Null where not analysed."
    )
    heatmap: HeatmapAnswer | None


class ImageFacts(Wire):
    width: int | None
    height: int | None
    format: str | None
    n_bytes: int | None = Field(description="The size of the file.")
    camera: dict[str, str] = Field(
        description="What the file claims of its origin, which anyone can change."
    )


class Identity(Wire):
    """Which weights gave an answer."""

    name: str
    version: str
    sha256: str


class ImageAnswer(Wire):
    """What is known of one photo."""

    prediction: Label | None = Field(description="Null where nothing was analysed.")
    confidence: float | None = Field(description="Of `prediction`, in percent.")
    probabilities: Probabilities | None
    face_detected: bool
    gradcam_image: str | None = Field(description="The photo with the heat map, as base64 JPEG.")
    processing_time: float = Field(description="In seconds.")
    timestamp: datetime
    path: str | None
    kind: Literal["image"]
    sha256: str | None = Field(description="Of the file.")
    verdict: Verdict
    reason: Reason | None
    detail: str | None
    p_fake: float | None = Field(description="Of the face that decided, in [0, 1].")
    label: Label | None = Field(description="The same as `prediction`.")
    headline_face: int | None = Field(description="The index of the face that decided.")
    faces: list[FaceAnswer]
    image: ImageFacts
    model: Identity
    timings_ms: dict[str, float]


class BatchItem(ImageAnswer):
    """What is known of one photo of a batch, or why nothing is."""

    filename: str
    status: int = Field(description="The HTTP status this photo alone would have had.")
    problem: Problem | None = Field(description="Null where the photo was read.")


class BatchAnswer(Wire):
    results: list[BatchItem] = Field(description="One per photo, in the order sent.")
    total_processed: int
    total_time: float = Field(description="In seconds.")


class Limits(Wire):
    max_image_bytes: int
    max_image_pixels: int
    max_batch_files: int
    max_batch_bytes: int
    formats: list[str]


class ModelAnswer(Wire):
    """The model card and the limits of this server."""

    name: str
    version: str
    sha256: str
    architecture: str
    branches: list[str]
    input_size: int
    crop_margin: float
    normalisation: str
    classes: tuple[str, str]
    spectrum_id: str
    calibration: dict[str, Any]
    thresholds: dict[str, float]
    quality_rules: dict[str, float]
    documentation: dict[str, Any] = Field(
        description="Training data and their terms, metrics, known failures."
    )
    limits: Limits


def image_answer(
    report: ImageReport, *, gradcam_image: str | None, processing_time_s: float
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
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # Once for the order, once for `confidence`: here it is the specification's, in percent.
    return specified | answer | specified


def gradcam_jpeg(image: Image, report: ImageReport, *, max_side: int = 1600) -> str | None:
    """The heat maps of a report over its image, as base64 JPEG of at most `max_side` px.

    None where nothing spoke for FAKE. A photo of 40 megapixels would not be a preview, so it is
    reduced by a whole number first, and the heat maps with it.
    """
    heatmaps = [face.heatmap for face in report.faces if face.heatmap and not face.heatmap.empty]
    if not heatmaps:
        return None
    reduction = -(-max(image.shape[:2]) // max_side)
    if reduction > 1:
        image = np.asarray(PIL.Image.fromarray(image).reduce(reduction))
        heatmaps = [_reduced(heatmap, reduction) for heatmap in heatmaps]
    file = io.BytesIO()
    PIL.Image.fromarray(overlay(image, heatmaps)).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode("ascii")


def model_answer(
    card: ModelCard, identity: ModelIdentity, limits: dict[str, Any]
) -> dict[str, Any]:
    """A `ModelAnswer`. The golden samples stay out: they prove the weights, they tell nothing."""
    answer = asdict(card)
    del answer["golden"]
    return {**answer, "sha256": identity.sha256, "limits": limits}


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
