"""A report -> the JSON object that the command line, the API and the library share."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unmask.spectrum import radial_bands
from unmask.types import (
    FaceReport,
    FrameReport,
    ImageReport,
    TrackReport,
    VideoReport,
    label_of,
)

__all__ = ["to_dict"]


def to_dict(report: ImageReport | VideoReport) -> dict[str, Any]:
    """The report as plain values; null wherever there is no answer."""
    return _video(report) if isinstance(report, VideoReport) else _image(report)


def _image(report: ImageReport) -> dict[str, Any]:
    return {
        **_head(report, "image"),
        **_probability(report.p_fake),
        "headline_face": report.headline_face,
        "faces": [_face(face) for face in report.faces],
        "image": {
            "width": report.width,
            "height": report.height,
            "format": report.format,
            "n_bytes": report.n_bytes,
            "camera": dict(report.camera),
        },
        "model": asdict(report.model),
        "timings_ms": dict(report.timings_ms),
    }


def _video(report: VideoReport) -> dict[str, Any]:
    return {
        **_head(report, "video"),
        **_probability(report.p_fake),
        "method": report.method,
        "headline_track": report.headline_track,
        "tracks": [_track(track) for track in report.tracks],
        "intervals": [
            {"track": number, **asdict(interval)}
            for number, track in enumerate(report.tracks)
            for interval in track.intervals
        ],
        "frames": [_frame(frame) for frame in report.frames],
        "coverage": asdict(report.coverage) if report.coverage else None,
        "video": {
            "width": report.width,
            "height": report.height,
            "format": report.format,
            "codec": report.codec,
        },
        "model": asdict(report.model),
        "timings_ms": dict(report.timings_ms),
    }


def _head(report: ImageReport | VideoReport, kind: Literal["image", "video"]) -> dict[str, Any]:
    return {
        "path": report.path,
        "kind": kind,
        "sha256": report.sha256,
        **_verdict(report),
        "detail": report.detail,
    }


def _verdict(report: ImageReport | VideoReport | TrackReport | FaceReport) -> dict[str, Any]:
    return {"verdict": report.verdict.value, "reason": _reason(report)}


def _reason(
    report: ImageReport | VideoReport | TrackReport | FrameReport | FaceReport,
) -> str | None:
    return report.reason.value if report.reason else None


def _track(report: TrackReport) -> dict[str, Any]:
    return {
        **_verdict(report),
        **_probability(report.p_fake),
        "vote_share": report.vote_share,
        "start_s": report.start_s,
        "end_s": report.end_s,
        "n_faces": report.n_faces,
        "n_scored": report.n_scored,
        "intervals": [asdict(interval) for interval in report.intervals],
    }


def _frame(report: FrameReport) -> dict[str, Any]:
    return {
        "index": report.index,
        "time_s": report.time_s,
        "reason": _reason(report),
        "faces": [
            {"track": track, **_face(face)}
            for track, face in zip(report.tracks, report.faces, strict=True)
        ],
    }


def _face(report: FaceReport) -> dict[str, Any]:
    box, quality, prediction = report.face.box, report.quality, report.prediction
    return {
        "box": [round(v, 2) for v in (box.x1, box.y1, box.x2, box.y2)],
        "landmarks": [[round(float(v), 2) for v in point] for point in report.face.landmarks],
        "detection_score": round(report.face.score, 5),
        **_verdict(report),
        **_probability(prediction.p_fake if prediction else None),
        "contributions": dict(prediction.contributions) if prediction else None,
        "spectrum": _rounded(radial_bands(report.spectrum)) if report.spectrum else None,
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


def _rounded(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 3) for value in values]


def _probability(p_fake: float | None) -> dict[str, Any]:
    if p_fake is None:
        return {"p_fake": None, "label": None, "confidence": None}
    return {
        "p_fake": p_fake,
        "label": label_of(p_fake),
        "confidence": max(p_fake, 1 - p_fake),
    }
