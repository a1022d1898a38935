"""Stage 1: bytes -> upright RGB image. Every limit on what comes in lives here.

The format is decided by content, never by name, and one decoder is asked: a file that begins as
one thing and ends as another is read as what it begins as.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
from PIL.ExifTags import IFD, Base

from unmask.errors import (
    InputError,
    TooLargeError,
    UndecodableError,
    UnreadableError,
    UnsupportedFormatError,
)
from unmask.formats import HEAD_BYTES, picture_format
from unmask.jpeg import MAX_SCANS, n_scans, quality
from unmask.types import Image, Picture

__all__ = ["read"]

UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation needs to stand upright; 1 needs nothing."""

CAMERA_TAGS = (
    ("make", Base.Make),
    ("model", Base.Model),
    ("software", Base.Software),
    ("date", Base.DateTime),
    ("date", Base.DateTimeOriginal),
)
"""Where both are there, the date of the shot stands, not that of the last change."""

WHITE_IS_ZERO = 0
"""A TIFF's photometric interpretation, which Pillow heeds in 8 bits alone."""

PREVIEW = 1
"""A bit of a TIFF's kind of picture: a smaller one of another, as DNG and NEF files begin with."""

IN_PLANES, UNCOMPRESSED = 2, 1
"""How a TIFF may keep its colours, one after another, and that they are as they are."""

STRIP_PX = 64


def read(
    source: str | Path | bytes | BinaryIO | Image,
    *,
    max_bytes: int = 50 * 1024 * 1024,
    max_pixels: int = 40_000_000,
) -> Picture:
    """Decode a path, the bytes of a file, a binary stream, or take an array as it is.

    Of an animation this is the first frame. Transparency is laid on white, 16 bits become 8,
    CMYK, grey and palette become RGB; colour profiles are not applied.

    Raises:
        UnreadableError: the path is missing, a folder, or may not be read.
        TooLargeError: more bytes or pixels than allowed; nothing was decoded.
        UnsupportedFormatError: content of no format that is read here.
        UndecodableError: empty, damaged or cut short; or an array of another shape or type.
    """
    if isinstance(source, np.ndarray):
        return Picture(_checked(source, max_pixels), format="ARRAY")
    data = _bytes(source, max_bytes)
    checksum = hashlib.sha256(data).hexdigest()
    try:
        return replace(_decoded(data, max_pixels), sha256=checksum)
    except InputError as error:
        error.sha256 = checksum
        raise


def _decoded(data: bytes, max_pixels: int) -> Picture:
    """The picture in a file's bytes, and what else they tell.

    Raises:
        TooLargeError, UnsupportedFormatError, UndecodableError: as `read`.
    """
    name = picture_format(data[:HEAD_BYTES])
    if name is None:
        raise UnsupportedFormatError(
            "Expected a JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF picture; by its content the "
            "file is none of them, whatever its name says. Convert it to one of them."
        )
    if name == "HEIF":
        _register_heif()
    # Pillow has a limit of its own, which some decoders ask before ours can be. It is that of the
    # whole process, so it is raised where ours is higher, and never lowered.
    if PIL.Image.MAX_IMAGE_PIXELS is not None:
        PIL.Image.MAX_IMAGE_PIXELS = max(PIL.Image.MAX_IMAGE_PIXELS, max_pixels)
    if name == "JPEG" and n_scans(data) > MAX_SCANS:
        raise TooLargeError(
            f"At most {MAX_SCANS} scans of a JPEG picture are read, this has more; save it anew."
        )
    try:
        image = PIL.Image.open(io.BytesIO(data), formats=(name,))
        _check_size(image.width, image.height, max_pixels)
        if name == "TIFF":
            _check_tiff(getattr(image, "tag_v2", {}))
        image.load()
        if name == "PNG" and data[24] == 16 and "transparency" in image.info:
            # Pillow keeps the high byte of each sample, but both of what is transparent.
            image.info["transparency"] = np.right_shift(image.info["transparency"], 8).tolist()
        pixels = _pixels(_rgb(_upright(image)))
    except (InputError, MemoryError):
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise TooLargeError(_too_many_pixels("far more", max_pixels)) from error
    except PIL.UnidentifiedImageError as error:
        raise UndecodableError(
            f"The file begins as {name} but is damaged or cut short, or of a rare kind that is not "
            "read here; get a complete copy, or save it as PNG."
        ) from error
    # Pillow's decoders raise whatever damaged bytes make them trip over, from OSError to KeyError.
    except Exception as error:
        raise UndecodableError(
            f"The file begins as {name} but is damaged or cut short; get a complete copy."
        ) from error
    return Picture(
        pixels,
        format=name,
        n_bytes=len(data),
        jpeg_quality=quality(getattr(image, "quantization", {})),
        camera=_camera(image),
        has_more=_has_more(image),
    )


def _checked(array: Image, max_pixels: int) -> Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise UndecodableError(
            "Expected an RGB array of shape (height, width, 3) and dtype uint8, "
            f"got shape {array.shape} and dtype {array.dtype}."
        )
    _check_size(array.shape[1], array.shape[0], max_pixels)
    return array


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height == 0:
        raise UndecodableError(f"The picture is empty: {width} x {height} pixels.")
    if width * height > max_pixels:
        raise TooLargeError(_too_many_pixels(f"{width} x {height}", max_pixels))


def _check_tiff(tags: Mapping[int, Any]) -> None:
    if tags.get(Base.NewSubfileType, 0) & PREVIEW:
        raise UnsupportedFormatError(
            "This is a camera's raw file, or another TIFF that begins with a small preview of "
            "its picture, which is not to be judged in its place; save it as JPEG or TIFF."
        )
    layout = tags.get(Base.PlanarConfiguration), tags.get(Base.Compression, UNCOMPRESSED)
    # Pillow would take each half of a sample for one, and noise for a picture.
    if layout == (IN_PLANES, UNCOMPRESSED) and max(tags.get(Base.BitsPerSample, (1,))) > 8:
        raise UnsupportedFormatError(
            "The TIFF has its colours one after another, uncompressed and in more than 8 bits, "
            "which is not read here; save it as PNG."
        )


def _too_many_pixels(size: str, max_pixels: int) -> str:
    return f"At most {max_pixels:,} pixels are read, the picture has {size}; make it smaller."


def _bytes(source: str | Path | bytes | BinaryIO, max_bytes: int) -> bytes:
    """The whole file; reading stops one byte past the limit."""
    data: object = None
    try:
        if isinstance(source, str | Path):
            with Path(source).open("rb") as file:
                data = file.read(max_bytes + 1)
        elif isinstance(source, bytes):
            data = source
        elif hasattr(source, "read") and not isinstance(source, io.TextIOBase):
            data = source.read(max_bytes + 1)
    # A path with a null byte is a ValueError, and so is a closed stream.
    except (OSError, ValueError) as error:
        what = source if isinstance(source, str | Path) else "the stream"
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"Cannot read {what}: {reason}; expected a picture.") from error
    if not isinstance(data, bytes):
        raise UndecodableError(
            "Expected a path, bytes, a stream opened in binary mode or an RGB array, "
            f"got {type(source).__name__}."
        )
    if not data:
        raise UndecodableError("The file is empty (0 bytes); get a complete copy.")
    if len(data) > max_bytes:
        raise TooLargeError(f"At most {max_bytes:,} bytes are read, the file has more.")
    return data


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise UnsupportedFormatError(
            "This is a HEIC picture; reading it needs an optional part, in Unmask's own folder: "
            'pip install ".[heic]"'
        ) from error
    pillow_heif.register_heif_opener()


def _upright(image: PIL.Image.Image) -> PIL.Image.Image:
    orientation = _exif(image, Base.Orientation)
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode in ("I", "F"):
        raise UnsupportedFormatError(
            "The picture has 32 bits per sample, of which none says what is white; "
            "save it with 8 or 16."
        )
    if image.mode.startswith("I;16"):
        image = _high_byte(image)
    if image.has_transparency_data:
        # White is what viewers and web pages show; the colours under full transparency are
        # arbitrary and may hold another picture.
        image = image.convert("RGBA")
        opaque = PIL.Image.new("RGB", image.size, "white")
        opaque.paste(image, mask=image)
        return opaque
    return image if image.mode == "RGB" else image.convert("RGB")


def _high_byte(image: PIL.Image.Image) -> PIL.Image.Image:
    """Of 16 or 12 bits the highest 8, as Pillow does with colour; it would clip grey to white."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(Base.BitsPerSample, (16,))
    grey = (np.asarray(image) >> (bits - 8)).astype(np.uint8)
    if tags.get(Base.PhotometricInterpretation) == WHITE_IS_ZERO:
        grey = 255 - grey
    told = PIL.Image.fromarray(grey)
    told.info |= {k: v for k, v in image.info.items() if k == "transparency"}
    return told


def _pixels(image: PIL.Image.Image) -> Image:
    """`np.asarray`, in strips that stay in the cache: a third of its time on a large photo."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for y in range(0, image.height, STRIP_PX):
        end = min(y + STRIP_PX, image.height)
        pixels[y:end] = np.asarray(image.crop((0, y, image.width, end)))
    return pixels


def _exif(image: PIL.Image.Image, tag: int) -> Any:
    """The value of an EXIF tag, or None."""
    # A damaged EXIF block raises almost anything, and must not cost the picture.
    with suppress(Exception):
        exif = image.getexif()
        return exif.get(tag) or exif.get_ifd(IFD.Exif).get(tag)
    return None


def _camera(image: PIL.Image.Image) -> dict[str, str]:
    camera = {}
    for name, tag in CAMERA_TAGS:
        value = _exif(image, tag)
        if isinstance(value, str):
            text = "".join(filter(str.isprintable, value)).strip()[:100]
            if text:
                camera[name] = text
    return camera


def _has_more(image: PIL.Image.Image) -> bool:
    """Whether the file has more pictures. To count those of a long animation would take too long.

    What follows the first picture of a JPEG (MPO) is made of it: a depth map, or more light.
    """
    # Where the second is damaged, the first must not suffer.
    with suppress(Exception):
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False
