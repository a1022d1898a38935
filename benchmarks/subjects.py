"""What is measured on: photos made of the example that ships, and the bare network."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import onnxruntime
import PIL.Image

from unmask.detector import Detector
from unmask.network import Network, weights_file
from unmask.spectrum import describe
from unmask.types import Precision

ASTRONAUT = Path(__file__).parents[1] / "examples" / "astronaut.jpg"
"""512 x 512 px, one face."""


def photo(megapixels: float) -> bytes:
    """A 4:3 JPEG of one face: the example, enlarged."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    return _jpeg(_example().resize((height * 4 // 3, height), PIL.Image.Resampling.BICUBIC))


def crowd(n: int) -> bytes:
    """A JPEG of 2048 x 2048 px with `n` faces, at most 16, on grey."""
    canvas = PIL.Image.new("RGB", (2048, 2048), "grey")
    for i in range(n):
        canvas.paste(_example(), (i % 4 * 512, i // 4 * 512))
    return _jpeg(canvas)


def bare_network(precision: Precision = "fp32", *, threads: int = 0) -> Callable[[], object]:
    """The model's session on one ready crop, as ONNX Runtime runs it by itself (0: all cores)."""
    path = weights_file(None, precision)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    crop = Network().golden()[0].crop
    feed = {"crops": crop[None], "spectra": describe(crop).vector[None]}
    return lambda: session.run(None, feed)


@lru_cache(maxsize=1)
def detector() -> Detector:
    return Detector()


@lru_cache(maxsize=1)
def _example() -> PIL.Image.Image:
    return PIL.Image.open(ASTRONAUT).convert("RGB")


def _jpeg(image: PIL.Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()
