"""A report -> the JSON object that the command line, the API and the library share."""

from __future__ import annotations

from typing import Any

from unmask.types import FaceReport, ImageReport, Prediction

__all__ = ["to_dict"]


def to_dict(report: ImageReport) -> dict[str, Any]:
    """The report as plain values; null wherever there is no answer."""
    headline = report.headline
    return {
        "path": report.path,
        "kind": "image",
        "sha256": report.sha256,
        "verdict": report.verdict.value,
        "reason": report.reason.value if report.reason else None,
        "detail": report.detail,
        **_answer(headline.prediction if headline else None),
        "headline_face": report.headline_face,
        "faces": [_face(face) for face in report.faces],
        "image": {
            "width": report.width,
            "height": report.height,
            "format": report.format,
            "camera": dict(report.camera),
        },
        "model": {
            "name": report.model.name,
            "version": report.model.version,
            "sha256": report.model.sha256,
        },
        "timings_ms": dict(report.timings_ms),
    }


def _face(report: FaceReport) -> dict[str, Any]:
    box, quality, prediction = report.face.box, report.quality, report.prediction
    return {
        "box": [round(v, 2) for v in (box.x1, box.y1, box.x2, box.y2)],
        "landmarks": [[round(float(v), 2) for v in point] for point in report.face.landmarks],
        "detection_score": round(report.face.score, 5),
        "verdict": report.verdict.value,
        "reason": report.reason.value if report.reason else None,
        **_answer(prediction),
        "contributions": dict(prediction.contributions) if prediction else None,
        "quality": {
            "face_px": round(quality.face_px, 1),
            "sharpness": round(quality.sharpness, 2),
            "yaw": round(quality.yaw, 3),
            "roll_deg": round(quality.roll_deg, 1),
            "truncated": round(quality.truncated, 3),
            "jpeg_quality": quality.jpeg_quality,
            "reasons": [reason.value for reason in quality.reasons],
        },
    }


def _answer(prediction: Prediction | None) -> dict[str, Any]:
    return {
        "p_fake": prediction.p_fake if prediction else None,
        "label": prediction.label if prediction else None,
        "confidence": prediction.confidence if prediction else None,
    }
