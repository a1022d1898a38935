"""Stage 1 for videos: a file -> upright RGB frames with their times. Every limit lives here.

A file is read twice from start to end, and nothing of it is kept. The first pass notes when each
frame is shown and where the key frames are, which needs no decoding. The second decodes: it jumps
to the last key frame before each sample and leaves out the frames on which no other depends.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import tempfile
import time
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.errors import (
    InputError,
    TooLargeError,
    UndecodableError,
    UnreadableError,
    UnsupportedFormatError,
)
from unmask.formats import HEAD_BYTES, video_format
from unmask.jpeg import MAX_SCANS, n_scans
from unmask.types import Frame, Image

__all__ = ["Video", "VideoInfo"]

MAX_BYTES = 200 * 1024 * 1024
MAX_DURATION_S = 2 * 60 * 60.0
MAX_SIDE_PX = 8192
MAX_FRAMES = 2_000_000
"""Two hours at 240 a second; a small file may hold far more that last no time at all."""
STILL_S = 1.0
"""A frame shown longer is a pause or a jump of the clock; sampling counts it as this long."""

DEMUXERS = {"MP4": "mp4", "MOV": "mp4", "MKV": "matroska", "WEBM": "matroska", "AVI": "avi"}
EXPECTED = "Expected an MP4, MOV, AVI, MKV or WebM video"
CODEC_NAMES = {
    "mp4": rb"stsd.{12}(\w{4})",
    "matroska": rb"V_[A-Z0-9_/]+",
    "avi": rb"vids(\w{4})",
}
CODECS = {
    *("h264", "hevc", "av1", "vp8", "vp9", "vvc", "mpeg4", "mpeg2video", "mpeg1video", "h263"),
    *("msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "flv1", "theora"),
    *("mjpeg", "prores", "dnxhd", "dvvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo"),
    *("png", "qtrle", "svq1", "svq3", "cinepak"),
}
"""Those of cameras, phones, editors and the web. FFmpeg has three hundred more, some of which end
the whole process on a made-up file, and any of them may be named by one."""
NO_COLOURS = ("bayer", "yaf")
"""How pixel formats begin whose conversion ends the process."""

SPOOL_BYTES = 8 * 1024 * 1024
COVER = Disposition.attached_pic | Disposition.timed_thumbnails
TAGS = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
"""Before version 19, PyAV opens no video with a title that is not UTF-8 unless told to."""

Indices = NDArray[np.intp]
"""Frame numbers in the order the frames are shown, ascending."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is analysed.

    `width` and `height` are px of the upright picture. `filled_s` is how long the `n_frames` that
    are there last; `duration_s` is what the file declares, or that where it is longer. `has_more`
    is true where the file has other tracks of pictures, which are not looked at; `is_pq` where
    its values are those of HDR10, which are read as if they were of an ordinary screen.
    """

    format: str
    codec: str
    width: int
    height: int
    duration_s: float
    filled_s: float
    n_frames: int
    sha256: str
    has_more: bool
    is_pq: bool


class Video:
    """An open video, to be used in a `with` block.

    `info` describes it; `times_s` (n_frames,) float64 says when each frame is shown. `deadline`, a
    time of `time.monotonic`, is for finding the first frame that can be decoded.

    Raises:
        InputError: the file cannot be read, exceeds a limit, or holds no pictures to decode.
    """

    def __init__(
        self,
        source: str | Path | bytes | BinaryIO,
        *,
        max_bytes: int = MAX_BYTES,
        max_duration_s: float = MAX_DURATION_S,
        threads: int = 0,
        deadline: float = math.inf,
    ) -> None:
        self._threads = threads
        self._matrix: tuple[int, int, int, int] | None = None
        self._file, self._owned = _open(source, max_bytes)
        try:
            self._sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type]
            self._file.seek(0)
            head = self._file.read(HEAD_BYTES)
            if not head:
                raise UndecodableError("The file is empty (0 bytes); get a complete copy.")
            kind = video_format(head)
            if kind is None:
                raise UnsupportedFormatError(
                    f"{EXPECTED}; by its content the file is none of them, whatever its name says. "
                    "Convert it to one of them."
                )
            self._format = kind
            self.info = self._inspect(max_duration_s, deadline)
        except BaseException as error:
            if isinstance(error, InputError):
                error.sha256 = self._sha256
            self.close()
            raise

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, unless it came open."""
        if self._owned:
            self._file.close()

    def spread(self, n: int) -> Indices:
        """`n` frames spread over the whole duration by time; all frames where there are fewer."""
        return self._spread(0, len(self.times_s), n)

    def between(self, start_s: float, end_s: float, n: int) -> Indices:
        """`n` frames spread over a part of the duration."""
        first, last = np.searchsorted(self.times_s, (start_s, end_s))
        return self._spread(int(first), int(last), n)

    def every(self, step: int, *, max_frames: int) -> Indices:
        """The specification's rule: each `step`-th frame from the first, `max_frames` at most."""
        return np.arange(0, len(self.times_s), step, dtype=np.intp)[:max_frames]

    def _spread(self, first: int, last: int, n: int) -> Indices:
        if last - first <= n:
            return np.arange(first, last, dtype=np.intp)
        shown_s = np.diff(self.times_s[first:last])
        shown_s = np.minimum(np.append(shown_s, np.median(shown_s)), STILL_S)
        clock = np.cumsum(shown_s) if shown_s.any() else np.arange(1.0, last - first + 1)
        targets = (np.arange(n) + 0.5) / n * clock[-1]
        return first + np.unique(np.searchsorted(clock, targets, side="right"))

    def frames(self, indices: Iterable[int], *, deadline: float = math.inf) -> Iterator[Frame]:
        """Decode the frames of these numbers, in the order of the file.

        The next sound frame stands in for a damaged one; where there is none, fewer frames come.
        Ends early at `deadline`, a time of `time.monotonic`.
        """
        runs = deque(self._index.runs({int(index) for index in indices}))
        with self._opened() as (container, stream):
            decoder = _Decoder(stream, self._index)
            for number, packet in enumerate(_packets(container, stream)):
                if time.monotonic() > deadline or not (runs or decoder.pending):
                    return
                if runs and number == runs[0].start:
                    yield from map(self._frame, decoder.drain())
                    decoder.restart(runs.popleft())
                if decoder.pending:
                    yield from map(self._frame, decoder.feed(number, packet))
            yield from map(self._frame, decoder.drain())

    def _frame(self, found: tuple[int, VideoFrame]) -> Frame:
        index, picture = found
        if self._matrix is None:
            # Of one frame: what was asked for its side data lives on until the next collection.
            self._matrix = _display_matrix(picture)
        pixels = _turned(_rgb(picture, self._aspect), self._matrix)
        return Frame(pixels, index, float(self.times_s[index]))

    def _inspect(self, max_duration_s: float, deadline: float) -> VideoInfo:
        """The first pass, then one frame, which tells how large the upright picture is."""
        with self._opened() as (container, stream):
            codec = stream.codec_context.codec.canonical_name
            self._aspect = _aspect(stream)
            width = round(stream.codec_context.width * self._aspect)
            height = stream.codec_context.height
            if max(width, height) > MAX_SIDE_PX:
                raise TooLargeError(
                    f"At most {MAX_SIDE_PX} pixels a side are read, the video has "
                    f"{width} x {height}; make it smaller."
                )
            declared_s = _declared_s(stream)
            _check_duration(declared_s, max_duration_s)
            self._index = _Index(_packets(container, stream), is_avi=self._format == "AVI")
            origin_s = (container.start_time or 0) / av.time_base
            tick = cast(Fraction, stream.time_base)
            is_pq = stream.codec_context.color_trc == ColorTrc.SMPTE2084
            has_more = len(_picture_streams(container)) > 1
        if not len(self._index.times):
            raise UndecodableError(
                f"The {self._format} file has not one {codec} frame; get a complete copy."
            )
        self.times_s = np.maximum(self._index.times * float(tick) - origin_s, 0.0)
        steps_s = np.diff(self.times_s)
        filled_s = float(self.times_s[-1] + (np.median(steps_s) if len(steps_s) else 0.0))
        _check_duration(filled_s, max_duration_s)
        first = next(self.frames([0], deadline=deadline), None)
        if first is not None:
            height, width = first.pixels.shape[:2]
        return VideoInfo(
            format=self._format,
            codec=codec,
            width=width,
            height=height,
            duration_s=max(declared_s, filled_s),
            filled_s=filled_s,
            n_frames=len(self.times_s),
            sha256=self._sha256,
            has_more=has_more,
            is_pq=is_pq,
        )

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """The container and its picture stream, from the start."""
        self._file.seek(0)
        try:
            # The demuxer is named and no protocol allowed: a playlist cannot pose as a video, nor
            # a video reach another file.
            container = av.open(
                self._file,
                "r",
                format=DEMUXERS[self._format],
                options={"protocol_whitelist": "none"},
                **TAGS,
            )
        except av.FFmpegError as error:
            raise UndecodableError(
                f"The file begins as {self._format} but is damaged or cut short; "
                "get a complete copy."
            ) from error
        with container:
            pictures = _picture_streams(container)
            if not pictures:
                raise UnsupportedFormatError(
                    f"{EXPECTED}; this {self._format} file has no pictures, only sound."
                )
            # Players show the one that is marked, wherever it is in the file.
            marked = (s for s in pictures if s.disposition & Disposition.default)
            stream = next(marked, pictures[0])
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all
            if stream.codec_context is None:
                raise UnsupportedFormatError(
                    f"The pictures of this {self._format} file are in the codec "
                    f"{_codec_name(self._file, self._format)}, which cannot be decoded here; "
                    "convert it to H.264."
                )
            if (codec := stream.codec_context.codec.canonical_name) not in CODECS:
                raise UnsupportedFormatError(
                    f"The pictures of this {self._format} file are in the codec {codec!r}, which "
                    "is not read here; convert it to H.264."
                )
            stream.thread_type = "AUTO"
            stream.thread_count = self._threads
            # Frames may be larger than the header says.
            stream.codec_context.options = {"max_pixels": str(MAX_SIDE_PX**2)}
            yield container, stream


@dataclass(slots=True)
class _Run:
    """Frames to decode in one go, from the key frame that is packet number `start`."""

    start: int
    indices: list[int]


class _Index:
    """When the frame of each packet is shown, and which packets are key frames.

    `times` (n,) int64 ticks, ascending; `packets` (n,) the packet of each frame that is shown: an
    edit list may hide some. AVI may know only the order of its packets, not when their frames are
    shown: then frames `is_counted`.
    """

    def __init__(self, packets: Iterable[Packet[VideoStream]], *, is_avi: bool) -> None:
        ticks, shown = array("q"), array("q")
        self._keys: list[int] = []
        is_counted = False
        for number, packet in enumerate(packets):
            if number >= MAX_FRAMES:
                raise TooLargeError(
                    f"At most {MAX_FRAMES:,} frames are read, the video has more; cut the video."
                )
            if packet.is_keyframe:
                self._keys.append(number)
            if packet.pts is None:
                is_counted = True
            known = (packet.pts, packet.dts, ticks[-1] + 1 if ticks else 0)
            ticks.append(next(tick for tick in known if tick is not None))
            if not packet.is_discard:
                shown.append(number)
        self._ticks, order = (np.array(one, np.int64) for one in (ticks, shown))
        order = order[np.argsort(self._ticks[order], kind="stable")]
        self.is_counted = is_counted or (is_avi and bool((np.diff(self._ticks) > 0).all()))
        self.times = self._ticks[order]
        self.packets = np.arange(len(order)) if self.is_counted else order

    def at(self, tick: int | None) -> int | None:
        """The frame that is shown at a tick."""
        if tick is None:
            return None
        index = int(np.searchsorted(self.times, tick))
        return index if index < len(self.times) and self.times[index] == tick else None

    def is_key(self, index: int) -> bool:
        """Whether decoding can start at this frame."""
        packet = int(self.packets[index])
        place = bisect_right(self._keys, packet)
        return place > 0 and self._keys[place - 1] == packet

    def runs(self, indices: set[int]) -> list[_Run]:
        """What to decode for these frames, in the order of the file."""
        runs: list[_Run] = []
        last = -1
        for start, packet, index in sorted((*self._span(i), i) for i in indices):
            if runs and start <= last:
                runs[-1].indices.append(index)
            else:
                runs.append(_Run(start, [index]))
            last = max(last, packet)
        return runs

    def _span(self, index: int) -> tuple[int, int]:
        """The packets, first and last, without which a frame cannot be decoded."""
        packet = int(self.packets[index])
        first = bisect_right(self._keys, packet) - 1
        while first > 0 and self._leads(packet, self._keys[first]):
            first -= 1
        return (self._keys[first] if first >= 0 else 0), packet

    def _leads(self, number: int, key: int) -> bool:
        """Whether a packet is shown before the key frame that it follows in the file.

        It then needs the key frame before that one as well.
        """
        ticks = self._ticks
        return not self.is_counted and bool(ticks[number] < ticks[key])


class _Decoder:
    """Decodes a run and picks the frames that are `pending`, by their number."""

    def __init__(self, stream: VideoStream, index: _Index) -> None:
        self.pending: deque[int] = deque()
        self._codec = stream.codec_context
        self._index = index
        self._count = 0
        self._is_broken = False
        # Other decoders read this only once, or have no such frames.
        self._can_skip = stream.codec_context.name in ("h264", "hevc") and not index.is_counted

    def restart(self, run: _Run) -> None:
        self._codec.flush_buffers()
        self._is_broken = False
        self.pending = deque(sorted(run.indices))
        self._needed = {int(self._index.packets[index]) for index in run.indices}
        self._count = run.start

    def feed(self, number: int, packet: Packet[VideoStream]) -> Iterator[tuple[int, VideoFrame]]:
        if self._codec.name == "mjpeg" and n_scans(bytes(packet)) > MAX_SCANS:
            self._count += 1
            return iter(())
        if self._can_skip:
            self._codec.skip_frame = "DEFAULT" if number in self._needed else "NONREF"
        return self._pick(packet)

    def drain(self) -> Iterator[tuple[int, VideoFrame]]:
        """What the decoder still holds back for reordering."""
        return self._pick(None) if self.pending else iter(())

    def _pick(self, packet: Packet[VideoStream] | None) -> Iterator[tuple[int, VideoFrame]]:
        try:
            pictures = self._codec.decode(packet)
        except MemoryError:
            raise
        except av.FFmpegError:
            # The decoder would fill the hole with what it saw before, up to the next key frame.
            self._is_broken = True
            return
        for picture in pictures:
            index = self._count if self._index.is_counted else self._index.at(picture.pts)
            self._count += 1
            if index is None or picture.is_corrupt:
                continue
            self._is_broken &= not self._index.is_key(index)
            if self._is_broken:
                continue
            if self.pending and index >= self.pending[0]:
                while self.pending and self.pending[0] <= index:
                    self.pending.popleft()
                yield index, picture


def _open(source: str | Path | bytes | BinaryIO, max_bytes: int) -> tuple[BinaryIO, bool]:
    """A seekable file at its start, within the limit, and whether it is ours to close."""
    owned = True
    try:
        if isinstance(source, bytes):
            file: BinaryIO = io.BytesIO(source)
        elif isinstance(source, str | Path):
            file = Path(source).open("rb")  # noqa: SIM115
        elif not hasattr(source, "read") or isinstance(source, io.TextIOBase):
            raise UndecodableError(
                "Expected a path, bytes or a stream opened in binary mode, "
                f"got {type(source).__name__}."
            )
        elif source.seekable():
            file, owned = source, False
        else:
            # MP4 may keep its table of contents at the end, so a stream has to be stored first.
            file = _store(source, max_bytes)
    # A path with a null byte is a ValueError, and so is a closed stream.
    except (OSError, ValueError) as error:
        what = source if isinstance(source, str | Path) else "the stream"
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"Cannot read {what}: {reason}; expected a video.") from error
    n_bytes = file.seek(0, io.SEEK_END)
    if n_bytes > max_bytes:
        if owned:
            file.close()
        raise TooLargeError(
            f"At most {max_bytes:,} bytes are read, the file has more; cut the video."
        )
    file.seek(0)
    return file, owned


def _store(stream: BinaryIO, max_bytes: int) -> BinaryIO:
    """A stream as a temporary file, read until just beyond the limit."""
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115
    while file.tell() <= max_bytes and (chunk := stream.read(1024 * 1024)):
        file.write(chunk)
    return file


def _codec_name(file: BinaryIO, kind: str) -> str:
    """What the file itself calls the codec of its pictures, for one that FFmpeg does not know."""
    file.seek(0)
    head = file.read(SPOOL_BYTES)
    file.seek(max(0, file.seek(0, io.SEEK_END) - SPOOL_BYTES))
    names = re.findall(CODEC_NAMES[DEMUXERS[kind]], head + file.read(), re.DOTALL)
    return repr(names[0].decode("latin-1")) if names else "unknown"


def _picture_streams(container: InputContainer) -> list[VideoStream]:
    return [s for s in container.streams.video if not s.disposition & COVER]


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream, up to where the file ends or breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return


def _declared_s(stream: VideoStream) -> float:
    """How long the pictures last by the file's own account; 0 where it gives none."""
    if stream.duration is not None:
        return float(stream.duration * cast(Fraction, stream.time_base))
    hours, minutes, seconds = (["0", "0", *stream.metadata.get("DURATION", "0").split(":")])[-3:]
    try:
        declared_s = float(hours) * 3600 + float(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(declared_s) else declared_s


def _check_duration(duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise TooLargeError(
            f"At most {max_duration_s / 60:.0f} minutes are read, the video lasts "
            f"{duration_s / 60:.0f}; cut the video."
        )


def _aspect(stream: VideoStream) -> Fraction:
    """Width by height of a pixel, as of DV, HDV or DVD; 1 where it is not to be believed."""
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


def _rgb(picture: VideoFrame, aspect: Fraction) -> Image:
    """RGB of square pixels.

    Raises:
        UnsupportedFormatError: the pixels are in no format that can be converted.
        MemoryError: there is not enough.
    """
    name = picture.format.name
    try:
        if name.startswith(NO_COLOURS):
            raise OSError
        if aspect != 1:
            width = round(picture.width * aspect)
            picture = picture.reformat(width=width, format="rgb24", interpolation="BICUBIC")
        return cast(Image, picture.to_ndarray(format="rgb24"))
    except av.error.BlockingIOError as error:  # how the scaler says so
        raise MemoryError from error
    except OSError as error:
        raise UnsupportedFormatError(
            f"The pixels of the video are {name}, which is not read here; convert it to H.264."
        ) from error


def _display_matrix(picture: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of ISO/IEC 14496-12, 6.2.2: (x, y) is shown at (ax + cy, bx + dy)."""
    side_data = cast(SideData | None, picture.side_data.get("DISPLAYMATRIX"))
    if side_data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(side_data), np.int32)[:5].tolist()
    return a, b, c, d


def _turned(pixels: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The picture as its display matrix shows it, to quarter turns and mirrored.

    One of zeros shows nothing, and players take no notice of it.
    """
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
