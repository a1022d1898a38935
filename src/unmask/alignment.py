"""Stage 3: an image and a face -> an aligned crop, in one warp of the original pixels.

Training cuts its pictures with the same function, so there is one definition of a crop.
"""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from unmask.types import Face, FaceCrop, Image

__all__ = [
    "BLOCK_PX",
    "WINDOWS_PX",
    "align",
    "crop_affine",
    "native_window",
    "warp",
    "whole",
    "whole_affine",
]

WINDOWS_PX = (256, 128, 64)
"""Sides of a native window."""

BLOCK_PX = 8
"""Side of a JPEG block."""


def align(image: Image, face: Face, *, size: int, margin: float) -> FaceCrop:
    """Cut out a face, upright, as a square of `(size, size, 3)` uint8 RGB.

    At `margin` 1 the crop reaches from the hairline to the chin, as the tight boxes of the
    field's data sets do; at 1.3 it shows most of the head.
    """
    return warp(image, crop_affine(face, size=size, margin=margin), size)


def whole(image: Image, *, size: int) -> FaceCrop:
    """Take a picture that is a face crop already: its middle square, scaled to `size` px."""
    return warp(image, whole_affine(image, size=size), size)


def whole_affine(image: Image, *, size: int) -> NDArray[np.float64]:
    """The (2, 3) transform from image px to the px of `whole`."""
    height, width = image.shape[:2]
    scale = size / min(height, width)
    shift = (size - scale * width) / 2, (size - scale * height) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def crop_affine(face: Face, *, size: int, margin: float) -> NDArray[np.float64]:
    """The (2, 3) similarity transform from image px to crop px.

    Place, turn and scale come from the landmarks, as in FFHQ (Karras et al. 2019, appendix A),
    not from the detector's box, which moves with hair and cut-off chins. The longer of eye and
    mouth distance sets the scale, so that neither a turned nor a lifted head is blown up.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks.astype(float)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across, down = right_eye - left_eye, mouth - eyes
    # Both tell the direction of the face's horizontal; in profile the eyes alone would not.
    horizontal = across + np.array([down[1], -down[0]])
    angle = math.atan2(horizontal[1], horizontal[0])
    side = margin * max(2.4 * float(np.hypot(*across)), 2.16 * float(np.hypot(*down)), 1.0)
    scale = size / side
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    offset = np.array([size / 2, size / 2]) - rotation @ ((eyes + mouth) / 2)
    return np.column_stack([rotation, offset])


def native_window(image: Image, affine: NDArray[np.float64], *, size: int) -> Image:
    """The picture's own pixels, never resampled, in the middle of the crop of `size` px.

    A square of 256, 128 or 64 px, the largest that the crop covers. It begins at multiples of 8
    px: where the picture is a JPEG file that was never cut, these are the file's own blocks.
    Outside the image its reflection is used.
    """
    inverse = _inverse(affine)
    covered = size * float(np.hypot(*inverse[:, 0]))
    side = next((px for px in WINDOWS_PX if px <= covered), WINDOWS_PX[-1])
    middle = inverse @ np.array([size / 2, size / 2, 1])
    x, y = (round((centre - side / 2) / BLOCK_PX) * BLOCK_PX for centre in middle.tolist())
    return _region(image, x, y, x + side, y + side)


def warp(image: Image, affine: NDArray[np.float64], size: int) -> FaceCrop:
    """Sample `(size, size, 3)` px through a (2, 3) similarity from image px to crop px.

    Bicubic; where the crop is smaller than its source it is anti-aliased: whole-number reduction
    first, then where needed a warp at twice the size, averaged. Outside the image its reflection
    is used.
    """
    height, width = image.shape[:2]
    inverse = _inverse(affine)
    corners = _corners(size) @ inverse[:, :2].T + inverse[:, 2]
    truncated = _share_outside(inverse, size, width, height)
    # A margin of 4 px feeds the bicubic kernel at the borders.
    x1, y1 = np.floor(corners.min(axis=0)).astype(int) - 4
    x2, y2 = np.ceil(corners.max(axis=0)).astype(int) + 4
    source = _region(image, int(x1), int(y1), int(x2), int(y2))
    to_source = inverse.copy()
    to_source[:, 2] -= x1, y1

    shrink = float(np.hypot(*inverse[:, 0]))  # source px per crop px
    picture = PIL.Image.fromarray(source)
    reduction = int(shrink)
    if reduction > 1:
        picture = picture.reduce(reduction)
        to_source /= reduction
        shrink /= reduction
    # Up to a quarter smaller, the bicubic kernel alone loses nothing that can be seen.
    oversampling = 2 if shrink > 1.25 else 1
    to_source[:, :2] /= oversampling
    sampled = picture.transform(
        (size * oversampling, size * oversampling),
        PIL.Image.Transform.AFFINE,
        tuple(to_source.ravel()),
        PIL.Image.Resampling.BICUBIC,
    )
    if oversampling > 1:
        sampled = sampled.reduce(oversampling)
    return FaceCrop(np.asarray(sampled), affine, truncated)


def _inverse(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def _corners(size: int) -> NDArray[np.float64]:
    return np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float64)


def _share_outside(inverse: NDArray[np.float64], size: int, width: int, height: int) -> float:
    """The share of the crop that lies outside the image, on a grid of 32 x 32 points."""
    steps = (np.arange(32) + 0.5) * size / 32
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = points @ inverse[:, :2].T + inverse[:, 2]
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    return float(1 - inside.mean())


def _region(image: Image, x1: int, y1: int, x2: int, y2: int) -> Image:
    """`image[y1:y2, x1:x2]`, continued by reflection where it reaches beyond the image."""
    height, width = image.shape[:2]
    if x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height:
        return image[y1:y2, x1:x2]
    return image[_reflected(y1, y2, height)[:, None], _reflected(x1, x2, width)]


def _reflected(start: int, end: int, length: int) -> NDArray[np.intp]:
    """Indices `start:end` of an axis that is mirrored at its edges, which repeat."""
    position = np.arange(start, end) % (2 * length)
    return np.minimum(position, 2 * length - 1 - position)
