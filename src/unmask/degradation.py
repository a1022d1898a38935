"""What happens to pictures on their way through the world, and what people do to their own.

Each takes and gives `(h, w, 3)` uint8 RGB. None of it makes a genuine face a manipulated one.
Training draws the strengths (`training.augment`), the evaluation fixes them
(`evaluation.robustness`).
"""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageFilter

from unmask.types import Image

__all__ = [
    "blur",
    "coarsen",
    "encode",
    "h264",
    "noise",
    "rescale",
    "sharpen",
    "smooth",
    "to_uint8",
    "tone",
]

Filter = PIL.Image.Resampling


def encode(image: Image, *, format: str, **options: int) -> Image:  # noqa: A002 (Pillow's name)
    """Through a still format of Pillow and back, with Pillow's options, such as `quality`."""
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, format, **options)
    with PIL.Image.open(stream) as picture:
        return np.asarray(picture.convert("RGB"))


def h264(image: Image, crf: int, *, preset: str = "medium") -> Image:
    """Through H.264, 4:2:0, as the single (intra) frame of a clip, by x264's rate factor.

    x264 spends more on such a frame than on the ones between, so this is kinder than a video.
    """
    import av  # here, because the other degradations do without it

    height, width = image.shape[:2]
    # 4:2:0 needs even sides, the encoder at least one macroblock: repeat the border, cut it later.
    to_even = [(0, max(16, side + side % 2) - side) for side in (height, width)]
    padded = np.pad(image, [*to_even, (0, 0)], mode="edge")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = padded.shape[:2]
    encoder.pix_fmt = "yuv420p"
    # x264 spends more on a frame that is shown for longer.
    encoder.time_base = Fraction(1, 25)
    # One thread: slices differ by thread, and the result should not differ by machine.
    encoder.options = {"crf": str(crf), "preset": preset, "threads": "1"}
    frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoded = next(f for packet in (*packets, None) for f in decoder.decode(packet))
    return np.ascontiguousarray(decoded.to_ndarray(format="rgb24")[:height, :width])


def rescale(image: Image, scale: float) -> Image:
    """A smaller copy, anti-aliased, at least 1 px wide and high. It stays small."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(PIL.Image.fromarray(image).resize(size, Filter.LANCZOS))


def coarsen(
    image: Image, scale: float, *, down: Filter = Filter.LANCZOS, up: Filter = Filter.BICUBIC
) -> Image:
    """Scaled down, to 8 px at least or as small as it is, and back up: an enlarged picture."""
    height, width = image.shape[:2]
    small = max(min(8, width), round(width * scale)), max(min(8, height), round(height * scale))
    picture = PIL.Image.fromarray(image).resize(small, down)
    return np.asarray(picture.resize((width, height), up))


def blur(image: Image, sigma: float) -> Image:
    """Gaussian, `sigma` in px."""
    return np.asarray(PIL.Image.fromarray(image).filter(PIL.ImageFilter.GaussianBlur(sigma)))


def sharpen(image: Image, *, radius: float, percent: int, threshold: int) -> Image:
    """An unsharp mask: its radius in px, its strength, the grey levels it leaves alone."""
    mask = PIL.ImageFilter.UnsharpMask(radius, percent, threshold)
    return np.asarray(PIL.Image.fromarray(image).filter(mask))


def smooth(image: Image, size: int, *, strength: float = 1.0) -> Image:
    """The median of `size` x `size` px, laid over the picture: skin without pores, edges kept."""
    picture = PIL.Image.fromarray(image)
    median = picture.filter(PIL.ImageFilter.MedianFilter(size))
    return np.asarray(PIL.Image.blend(picture, median, strength))


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


def noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Independent Gaussian noise on each value, `sigma` in grey levels."""
    drawn = rng.standard_normal(image.shape, dtype=np.float32)
    return to_uint8(image + drawn * np.float32(sigma))


def to_uint8(x: np.ndarray) -> Image:
    """Rounded, and clipped at 0 and 255."""
    return np.clip(x + 0.5, 0, 255).astype(np.uint8)
