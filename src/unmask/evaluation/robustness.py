"""What happens to pictures on their way through the world, and what people do to their own.

Each keeps `(h, w, 3)` uint8 RGB. None of it makes a genuine face a manipulated one.

The same picture, name and seed give the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageFilter

from unmask.errors import DataError
from unmask.types import Image

__all__ = [
    "DEGRADATIONS",
    "blur",
    "coarsen",
    "degrade",
    "encode",
    "h264",
    "noise",
    "rescale",
    "sharpen",
    "smooth",
    "tone",
]


def encode(image: Image, *, format: str, quality: int) -> Image:  # noqa: A002
    """Through a lossy still format of Pillow and back, e.g. JPEG with its default subsampling."""
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, format=format, quality=quality)
    with PIL.Image.open(stream) as picture:
        return np.asarray(picture.convert("RGB"))


def rescale(image: Image, scale: float) -> Image:
    """A smaller copy, anti-aliased, at least 1 px wide and high. It stays small."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.LANCZOS))


def blur(image: Image, sigma: float) -> Image:
    """Gaussian, `sigma` in px."""
    return np.asarray(PIL.Image.fromarray(image).filter(PIL.ImageFilter.GaussianBlur(sigma)))


def coarsen(image: Image, scale: float) -> Image:
    """Scaled down as `rescale` does and back up, bicubic: a small picture that was enlarged."""
    height, width = image.shape[:2]
    small = PIL.Image.fromarray(rescale(image, scale))
    return np.asarray(small.resize((width, height), PIL.Image.Resampling.BICUBIC))


def sharpen(image: Image) -> Image:
    """An unsharp mask of 150 % over 2 px, that of Pillow and of many programs' first click."""
    return np.asarray(PIL.Image.fromarray(image).filter(PIL.ImageFilter.UnsharpMask(2, 150, 3)))


def smooth(image: Image) -> Image:
    """The median of 5x5 px: skin without pores, edges kept, as beauty filters have it."""
    return np.asarray(PIL.Image.fromarray(image).filter(PIL.ImageFilter.MedianFilter(5)))


def tone(image: Image, *, brightness: float = 1, contrast: float = 1, colour: float = 1) -> Image:
    """Light, contrast and saturation as factors; 1 leaves as it is, a colour of 0 makes grey."""
    picture = PIL.Image.fromarray(image)
    for enhancer, factor in (
        (PIL.ImageEnhance.Brightness, brightness),
        (PIL.ImageEnhance.Contrast, contrast),
        (PIL.ImageEnhance.Color, colour),
    ):
        picture = enhancer(picture).enhance(factor)
    return np.asarray(picture)


def noise(image: Image, sigma: float, *, seed: int) -> Image:
    """Independent Gaussian noise on each value, `sigma` in grey levels."""
    drawn = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)


def h264(image: Image, crf: int) -> Image:
    """Through H.264, 4:2:0, as the single (intra) frame of a clip.

    x264 spends more on such a frame than on the ones between, so this is kinder than a video.
    """
    import av  # here, because the rest of an evaluation does without it

    height, width = image.shape[:2]
    # 4:2:0 needs even sides, the encoder at least one macroblock: repeat the border, cut it later.
    to_even = [(0, max(16, side + side % 2) - side) for side in (height, width)]
    padded = np.pad(image, [*to_even, (0, 0)], mode="edge")
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as clip:
        track = clip.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf)})
        track.height, track.width = padded.shape[:2]
        track.pix_fmt = "yuv420p"
        track.thread_count = 1  # slices differ by thread; the result should not differ by machine
        frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
        clip.mux([*track.encode(frame), *track.encode()])
    stream.seek(0)
    with av.open(stream, "r", format="mp4") as clip:
        decoded = next(clip.decode(video=0)).to_ndarray(format="rgb24")
    return np.ascontiguousarray(decoded[:height, :width])


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
        "noise-8": lambda image, seed: noise(image, 8.0, seed=seed),
        "h264-23": lambda image, _: h264(image, 23),
        "h264-40": lambda image, _: h264(image, 40),
        "enlarged": lambda image, _: coarsen(image, 1 / 2),
        "sharpened": lambda image, _: sharpen(image),
        "smoothed": lambda image, _: smooth(image),
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
