"""The grid of degradations that a model is measured on, by name and with fixed strengths.

The same picture, name and seed give the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from unmask.degradation import (
    blur,
    coarsen,
    encode,
    h264,
    noise,
    rescale,
    sharpen,
    smooth,
    tone,
)
from unmask.errors import DataError
from unmask.types import Image

__all__ = ["DEGRADATIONS", "degrade"]

DEGRADATIONS: Mapping[str, Callable[[Image, int], Image]] = MappingProxyType(
    {
        "jpeg-90": lambda image, _: encode(image, format="JPEG", quality=90),
        "jpeg-75": lambda image, _: encode(image, format="JPEG", quality=75),
        "jpeg-50": lambda image, _: encode(image, format="JPEG", quality=50),
        "jpeg-30": lambda image, _: encode(image, format="JPEG", quality=30),
        "webp-50": lambda image, _: encode(image, format="WEBP", quality=50),
        "half-size": lambda image, _: rescale(image, 1 / 2),
        "quarter-size": lambda image, _: rescale(image, 1 / 4),
        "blur-2": lambda image, _: blur(image, 2.0),
        "noise-8": lambda image, seed: noise(image, 8.0, np.random.default_rng(seed)),
        "h264-23": lambda image, _: h264(image, 23),
        "h264-40": lambda image, _: h264(image, 40),
        "enlarged": lambda image, _: coarsen(image, 1 / 2),
        # Pillow's own, and many programs' first click.
        "sharpened": lambda image, _: sharpen(image, radius=2, percent=150, threshold=3),
        "smoothed": lambda image, _: smooth(image, 5),
        "vivid": lambda image, _: tone(image, contrast=1.4, colour=1.4),
        "dark": lambda image, _: tone(image, brightness=0.4),
        "grey": lambda image, _: tone(image, colour=0),
    }
)
"""The grid of the evaluation, by name; each takes the picture and a seed."""


def degrade(image: Image, name: str, *, seed: int = 0) -> Image:
    """Apply one of `DEGRADATIONS`.

    Raises:
        DataError: there is none of this name, or the picture is no `(h, w, 3)` uint8.
    """
    if name not in DEGRADATIONS:
        raise DataError(f"no degradation {name!r}; there are {', '.join(DEGRADATIONS)}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise DataError(f"expected (h, w, 3) uint8, got {image.shape} {image.dtype}")
    return DEGRADATIONS[name](image, seed)
