"""What more than one part of the tests needs."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import av
import hypothesis
import numpy as np
import PIL.Image
import pytest

from unmask.detector import Detector
from unmask.network import CARD_KEY, CHECKSUMS, SHIPPED

# A busy machine is no failure.
hypothesis.settings.register_profile("unmask", deadline=None)
hypothesis.settings.load_profile("unmask")

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test works in the data folder of whoever runs it."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_DATA_DIR", str(folder))
        # A server that a test starts in this process would limit all the tests that follow.
        patch.setenv("UNMASK_MAX_MEMORY_BYTES", "0")
        yield folder


@pytest.fixture(scope="session")
def detector() -> Detector:
    """The shipped weights, loaded once."""
    return Detector()


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """A photo of one face, public domain."""
    return (EXAMPLES / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def landscape() -> bytes:
    """A drawn picture without a face: sky over a meadow."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[:120] = (120, 170, 230)
    pixels[120:] = (60, 140, 50)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def card(detector: Detector) -> dict[str, Any]:
    """The shipped model's card as it stands in the file."""
    return json.loads(json.dumps(dataclasses.asdict(detector.card)))


@pytest.fixture
def with_card(tmp_path: Path) -> Callable[[dict[str, Any] | None], Path]:
    """Writes the shipped model with another card, or with none, and the checksum it then has."""

    def write(card: dict[str, Any] | None) -> Path:
        shipped = Path(str(files("unmask.weights").joinpath(SHIPPED))).read_bytes()
        model = b"".join(field for number, field in _fields(shipped) if number != METADATA)
        if card is not None:
            entry = _field(1, CARD_KEY.encode()) + _field(2, json.dumps(card).encode())
            model += _field(METADATA, entry)
        path = tmp_path / "altered.onnx"
        path.write_bytes(model)
        (tmp_path / CHECKSUMS).write_text(f"{hashlib.sha256(model).hexdigest()}  {path.name}\n")
        return path

    return write


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
    aspect: Fraction | None = None,
    with_sound: bool = False,
    path: str | None = None,
    container_options: dict[str, str] | None = None,
    title: str | None = None,
    **options: str,
) -> bytes:
    """The bytes of a video of these `(H, W, 3)` uint8 RGB pictures, in memory or at `path`."""
    buffer = io.BytesIO()
    with av.open(
        path or buffer, "w", format=container, container_options=container_options or {}
    ) as output:
        if title:
            output.metadata["title"] = title
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if times_ms else Fraction(1, rate)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
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
            _add_silence(output, sound, 8000 * len(pictures) // rate)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def scans() -> Callable[[int], bytes]:
    return jpeg_of_scans


def jpeg_of_scans(n: int) -> bytes:
    """A grey progressive JPEG of 16 x 16 px in `n` scans, of which all but the first say nothing.

    Two Huffman codes of one bit: the first is of a difference of 0, the second of 2**14 blocks
    without a coefficient.
    """

    def segment(marker: int, *payload: int) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + bytes(payload)

    tables = segment(0xDB, 0, *[1] * 64)
    frame = segment(0xC2, 8, 0, 16, 0, 16, 1, 1, 0x11, 0)
    codes = segment(0xC4, 0x00, 1, *[0] * 15, 0) + segment(0xC4, 0x10, 1, *[0] * 15, 0x20)
    first = segment(0xDA, 1, 1, 0, 0, 0, 0) + b"\x0f"
    other = segment(0xDA, 1, 1, 0, 1, 63, 0) + b"\x1f"
    return b"\xff\xd8" + tables + frame + codes + first + other * (n - 1) + b"\xff\xd9"


@pytest.fixture(scope="session")
def shrinking() -> bytes:
    """Five frames of 160 x 64 px, then five of half that, as calls are recorded.

    Dark on the left, light on the right.
    """
    buffer, picture = io.BytesIO(), np.full((64, 160, 3), 60, np.uint8)
    picture[:, 80:] = 200
    with av.open(buffer, "w", format="webm") as output:
        stream = output.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 64, "yuv420p"
        for start, pixels in ((0, picture), (5, picture[::2, ::2])):
            part = make_clip([pixels] * 5, codec="libvpx", container="webm")
            with av.open(io.BytesIO(part)) as source:
                packets = [packet for packet in source.demux(video=0) if packet.size]
                for number, packet in enumerate(packets, start):
                    packet.stream, packet.time_base = stream, Fraction(1, 10)
                    packet.pts = packet.dts = number
                    output.mux(packet)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def only_sound() -> bytes:
    """A video file with a second of silence and no pictures."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        _add_silence(output, output.add_stream("aac", rate=8000, layout="mono"), 8000)
    return buffer.getvalue()


def _add_silence(output: av.container.OutputContainer, stream: av.AudioStream, n: int) -> None:
    samples = av.AudioFrame.from_ndarray(np.zeros((1, n), np.float32), "fltp", "mono")
    samples.sample_rate = 8000
    samples.pts = 0
    output.mux(stream.encode(samples))
    output.mux(stream.encode(None))


# An ONNX file is a protocol buffer: fields of a key (number and kind) and a value, one after the
# other. Its metadata is field 14; to change it by hand spares the tests the onnx package.
METADATA = 14


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The number of each field of a message, and the field with its key."""
    start = 0
    while start < len(message):
        key, end = _varint(message, start)
        value, end = _varint(message, end)
        if key & 7 == 2:  # text, bytes or a message, of this length
            end += value
        yield key >> 3, message[start:end]
        start = end


def _varint(message: bytes, start: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value, start


def _field(number: int, value: bytes) -> bytes:
    length, size = [], len(value)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value
