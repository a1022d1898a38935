"""What real life does to a face before it reaches the model, the same for both classes.

Geometry is not here: it is part of the one warp that cuts the crop (`dataset.py`), so that no
second interpolation smears the spectrum. Everything takes and gives `(S, S, 3)` uint8 RGB; what is
done is in `degradation`, how strongly is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image

from unmask import degradation
from unmask.masks import Mask
from unmask.training.ranges import NotNegative, Share
from unmask.types import Image

__all__ = ["Augmentation", "adjust_colour", "degrade", "erase", "jpeg", "rescale"]

FILTERS = (
    PIL.Image.Resampling.BILINEAR,
    PIL.Image.Resampling.BICUBIC,
    PIL.Image.Resampling.LANCZOS,
    PIL.Image.Resampling.BOX,
)


@dataclass(frozen=True)
class Augmentation:
    """How often each thing happens, and how far geometry may move.

    The specification's six (rotation, flip, shift, zoom, brightness, noise) with its angles and
    shifts reduced, since the crops are aligned; the rest is compression, scale, and what cameras
    and people do to make a face look better.
    """

    flip: Share = 0.5
    rotation_deg: NotNegative = 7.0
    shift: Share = 0.04
    zoom: NotNegative = 0.13
    unaligned: Share = 0.25
    """Share of face-crop pictures taken whole, as they came, instead of aligned."""
    colour: Share = 0.5
    tone: Share = 0.1
    """Much darker, much more contrast and colour, or black and white."""
    blur: Share = 0.15
    rescale: Share = 0.3
    noise: Share = 0.15
    sharpen: Share = 0.15
    smooth: Share = 0.05
    jpeg: Share = 0.5
    webp: Share = 0.08
    h264: Share = 0.05
    erase: Share = 0.0
    """A rectangle of up to a fifth of the picture is covered, so that no single trait decides."""


def degrade(image: Image, augmentation: Augmentation, rng: np.random.Generator) -> Image:
    """Colour, tone, blur, scale, noise, retouching, compression, each with its probability."""
    steps: tuple[tuple[float, Callable[[Image, np.random.Generator], Image]], ...] = (
        (augmentation.colour, adjust_colour),
        (augmentation.tone, _tone),
        (augmentation.blur, _blur),
        (augmentation.rescale, rescale),
        (augmentation.noise, _noise),
        (augmentation.sharpen, _sharpen),
        (augmentation.smooth, _smooth),
        (augmentation.h264, _h264),
        (augmentation.webp, _webp),
        (augmentation.jpeg, jpeg),
    )
    for probability, step in steps:
        if rng.random() < probability:
            image = step(image, rng)
    return image


def erase(image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Cover a rectangle of the picture with one colour (Zhong et al., Random erasing, AAAI 2020).

    What is covered shows nothing of a manipulation, so the mask is zero there.
    """
    height, width = image.shape[:2]
    area, shape = rng.uniform(0.03, 0.2), np.exp(rng.uniform(-0.8, 0.8))
    h = min(height, round(height * np.sqrt(area * shape)))
    w = min(width, round(width * np.sqrt(area / shape)))
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    image, mask = image.copy(), mask.copy()
    image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    mask[y : y + h, x : x + w] *= 0
    return image, mask


def adjust_colour(image: Image, rng: np.random.Generator, *, strength: float = 1.0) -> Image:
    """Brightness (±15 %), contrast, gamma, saturation and white balance."""
    x = image.astype(np.float32) / 255
    x = x ** np.float32(np.exp(strength * rng.uniform(-0.25, 0.25)))
    x = (x - 0.5) * np.float32(1 + strength * rng.uniform(-0.2, 0.2)) + 0.5
    x = x + np.float32(strength * rng.uniform(-0.12, 0.12))
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * np.float32(1 + strength * rng.uniform(-0.35, 0.35))
    x = x * (1 + strength * rng.uniform(-0.07, 0.07, 3)).astype(np.float32)
    return degradation.to_uint8(x * 255)


def _tone(image: Image, rng: np.random.Generator) -> Image:
    """What colour does, as editors and bad light overdo it."""
    brightness, contrast, colour = (
        (rng.uniform(0.3, 0.8), 1.0, 1.0),
        (1.0, rng.uniform(1.2, 1.6), rng.uniform(1.2, 1.6)),
        (1.0, 1.0, 0.0),
    )[rng.integers(3)]
    return degradation.tone(image, brightness=brightness, contrast=contrast, colour=colour)


def rescale(image: Image, rng: np.random.Generator, *, least: float = 0.25) -> Image:
    """Down to between `least` and 0.9 of the size, and up again."""
    scale = float(np.exp(rng.uniform(np.log(least), np.log(0.9))))
    down, up = FILTERS[rng.integers(len(FILTERS))], FILTERS[rng.integers(3)]
    return degradation.coarsen(image, scale, down=down, up=up)


def jpeg(image: Image, rng: np.random.Generator, *, low: int = 30, high: int = 96) -> Image:
    """A JPEG of random quality, with or without chroma subsampling."""
    subsampling, quality = int(rng.choice([0, 2], p=[0.25, 0.75])), int(rng.integers(low, high))
    return degradation.encode(image, format="JPEG", quality=quality, subsampling=subsampling)


def _blur(image: Image, rng: np.random.Generator) -> Image:
    return degradation.blur(image, float(rng.uniform(0.3, 1.8)))


def _webp(image: Image, rng: np.random.Generator) -> Image:
    return degradation.encode(image, format="WEBP", quality=int(rng.integers(30, 96)), method=2)


def _h264(image: Image, rng: np.random.Generator) -> Image:
    # The encoder's fastest preset: its blocks are coarser, and a training step does not wait.
    return degradation.h264(image, int(rng.integers(18, 41)), preset="ultrafast")


def _noise(image: Image, rng: np.random.Generator) -> Image:
    return degradation.noise(image, float(rng.uniform(1, 8)), rng)


def _sharpen(image: Image, rng: np.random.Generator) -> Image:
    """An unsharp mask, as phones and web sites apply it unasked."""
    radius, percent = float(rng.uniform(0.5, 2.5)), int(rng.integers(40, 200))
    threshold = int(rng.integers(0, 4))
    return degradation.sharpen(image, radius=radius, percent=percent, threshold=threshold)


def _smooth(image: Image, rng: np.random.Generator) -> Image:
    """A median of 3 or 5 px, laid half to fully over the picture: a beauty filter."""
    size, strength = int(rng.choice([3, 5])), float(rng.uniform(0.5, 1))
    return degradation.smooth(image, size, strength=strength)
