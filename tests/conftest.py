"""What more than one part of the tests needs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from unmask.detector import Detector

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def detector() -> Detector:
    """The shipped weights, loaded once."""
    return Detector()


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """A photo of one face, public domain."""
    return (EXAMPLES / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def clip() -> Callable[..., bytes]:
    return make_clip


def make_clip(
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    container: str = "mp4",
    rate: int = 10,
    times_ms: Sequence[int] | None = None,
    rotation: int = 0,
    with_sound: bool = False,
    path: str | None = None,
    container_options: dict[str, str] | None = None,
    **options: str,
) -> bytes:
    """The bytes of a video of these `(H, W, 3)` uint8 RGB pictures, in memory or at `path`."""
    buffer = io.BytesIO()
    with av.open(
        path or buffer, "w", format=container, container_options=container_options or {}
    ) as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if times_ms else Fraction(1, rate)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = output.add_stream("aac", rate=8000, layout="mono") if with_sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = times_ms[number] if times_ms else number
            frame.time_base = stream.codec_context.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            silence = np.zeros((1, 8000 * len(pictures) // rate), np.float32)
            samples = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            samples.sample_rate = 8000
            samples.pts = 0
            output.mux(sound.encode(samples))
            output.mux(sound.encode(None))
    return buffer.getvalue()
