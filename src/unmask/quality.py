"""Stage 8: what limits how far an answer about a face may be trusted.

The limits are those of the model card: the model knows only faces like those it was trained on.
Below the least size a face is not scored at all; the other limits make a verdict inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from unmask.types import Face, FaceCrop, Image, Landmarks, Quality, Reason

__all__ = ["assess", "is_too_small", "sharpness", "yaw"]


def assess(
    face: Face, crop: FaceCrop, rules: Mapping[str, float], *, jpeg_quality: int | None = None
) -> Quality:
    """Measure a face and list every rule of the card that it breaks."""
    (left_x, left_y), (right_x, right_y) = face.landmarks[:2].astype(float)
    measured = Quality(
        face_px=face.box.side,
        sharpness=sharpness(crop.pixels),
        yaw=yaw(face.landmarks),
        roll_deg=float(np.degrees(np.arctan2(right_y - left_y, right_x - left_x))),
        truncated=crop.truncated,
        jpeg_quality=jpeg_quality,
    )
    broken = {
        Reason.FACE_TOO_SMALL: is_too_small(face, rules),
        Reason.BLURRED: measured.sharpness < rules["min_sharpness"],
        Reason.EXTREME_POSE: measured.yaw > rules["max_yaw"],
        Reason.TRUNCATED: measured.truncated > rules["max_truncated"],
    }
    return replace(measured, reasons=tuple(name for name, is_broken in broken.items() if is_broken))


def is_too_small(face: Face, rules: Mapping[str, float]) -> bool:
    """Whether a face has too few pixels of its own to hold traces of a manipulation."""
    return face.box.side < rules["min_face_px"]


def sharpness(pixels: Image) -> float:
    """The standard deviation of the luma's Laplacian over the crop, in grey levels.

    Pech-Pacheco et al. 2000 ("variance of Laplacian"), as a deviation so that its unit is readable.
    """
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).std())


def yaw(landmarks: Landmarks) -> float:
    """How far the head is turned: 0 frontal, 1 where the nose reaches the line of one eye.

    The nose's distance from the axis between eyes and mouth, in half eye distances; where the
    eyes nearly coincide, as in profile, half the distance from eyes to mouth stands in.
    """
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks.astype(float)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    axis = mouth - eyes
    length = float(np.hypot(*axis))
    if length < 1e-6:
        return 1.0
    across = abs(float((nose - eyes)[0] * axis[1] - (nose - eyes)[1] * axis[0])) / length
    half = max(float(np.hypot(*(right_eye - left_eye))), 0.5 * length) / 2
    return min(1.0, across / half)
