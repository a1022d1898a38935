"""Every picture is drawn here: bytes in, and the upright RGB image or the error they must give."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL.ExifTags import IFD, Base

from unmask.errors import (
    InputError,
    TooLargeError,
    UndecodableError,
    UnreadableError,
    UnsupportedFormatError,
)
from unmask.media import read

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
LOSSY = {"JPEG", "AVIF"}


def quarters(width: int = 64, height: int = 48) -> PIL.Image.Image:
    """Red, green / blue, white: no two of its eight orientations are equal."""
    picture = PIL.Image.new("RGB", (width, height), WHITE)
    picture.paste(RED, (0, 0, width // 2, height // 2))
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    return picture


def encoded(picture: PIL.Image.Image, name: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, name, **options)
    return stream.getvalue()


def png(
    width: int, height: int, *, bits: int, colour: int, rows: bytes, transparent: bytes = b""
) -> bytes:
    """A PNG of raw rows (each with its filter byte), also of kinds that Pillow does not write."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)),
        *([(b"tRNS", transparent)] if transparent else []),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(
    width: int,
    bits: int | tuple[int, ...],
    photometric: int,
    data: bytes,
    more: dict[int, int] | None = None,
) -> bytes:
    """An uncompressed TIFF, also of kinds that Pillow does not write; a strip for each plane."""
    depths = np.atleast_1d(bits)
    height = len(data) * 8 // (int(depths.sum()) * width)
    n_strips = len(depths)
    size = len(data) // n_strips
    tags: dict[int, object] = {256: width, 257: height, 258: depths, 259: 1, 262: photometric}
    tags[273] = [8 + size * strip for strip in range(n_strips)]
    tags |= {277: 1, 278: height, 279: [size] * n_strips, **(more or {})}
    outside, entries = b"", b""
    for tag, value in sorted(tags.items()):
        values = np.atleast_1d(value).astype("<u4")
        packed = values.tobytes()
        if len(values) > 1:
            packed = struct.pack("<I", 8 + len(data) + len(outside))
            outside += values.tobytes()
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data) + len(outside)) + data + outside + directory


def gif_bomb(side: int) -> bytes:
    """A screen of 1 x 1 whose first frame claims `side` x `side`."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00;"


# --- what is read ---


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_each_format_gives_rgb_whatever_its_name(name: str, tmp_path: Path) -> None:
    options = {"lossless": True} if name == "WEBP" else {}
    data = encoded(quarters(), name, **options)
    path = tmp_path / "picture.txt"
    path.write_bytes(data)

    picture = read(path)

    assert picture.format == name
    assert picture.pixels.dtype == np.uint8
    difference = np.abs(picture.pixels.astype(int) - np.asarray(quarters()))
    assert (difference <= (8 if name in LOSSY else 0)).mean() > (0.9 if name in LOSSY else 0.9999)
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.n_bytes == len(data)
    assert (picture.jpeg_quality is not None) == (name == "JPEG")


def test_heic() -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs the extra: unmask[heic]")
    stream = io.BytesIO()
    heif.from_pillow(quarters()).save(stream, quality=95)
    picture = read(stream.getvalue())
    assert (picture.format, picture.pixels.shape) == ("HEIF", (48, 64, 3))
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() < 40


def test_heic_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(100)
    with pytest.raises(UnsupportedFormatError, match=r'pip install "\.\[heic\]"'):
        read(data)


def test_path_bytes_and_stream_are_one(tmp_path: Path) -> None:
    data = encoded(quarters())
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    expected = np.asarray(quarters())
    for source in (path, str(path), data, io.BytesIO(data)):
        picture = read(source)
        assert np.array_equal(picture.pixels, expected)
        assert picture.sha256 == hashlib.sha256(data).hexdigest()


def test_an_array_is_taken_as_it_is() -> None:
    array = np.asarray(quarters())
    picture = read(array)
    assert picture.pixels is array
    assert (picture.format, picture.sha256, picture.n_bytes) == ("ARRAY", None, None)


STORED = {
    1: None,
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_90,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_270,
}
"""How a camera held in each EXIF orientation stores an upright scene."""


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_stands_upright(name: str, orientation: int) -> None:
    method = STORED[orientation]
    picture = quarters() if method is None else quarters().transpose(method)
    exif = PIL.Image.Exif()
    exif[Base.Orientation] = orientation

    pixels = read(encoded(picture, name, exif=exif)).pixels

    assert pixels.shape == (48, 64, 3)
    corners = pixels[[8, 8, -8, -8], [8, -8, 8, -8]].astype(int)
    assert np.abs(corners - [RED, GREEN, BLUE, WHITE]).max() < 40


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0" + b"II*\0" + b"\xff" * 40,
        b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\0\x06\0\0",
        b"Exif\0\0nonsense",
    ],
    ids=["offset", "count", "header"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_cost_the_picture(exif: bytes, name: str) -> None:
    picture = read(encoded(quarters(), name, exif=exif))
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.camera == {}


def test_camera() -> None:
    exif = PIL.Image.Exif()
    exif[Base.Make] = "ACME\0"
    exif[Base.Model] = "One"
    exif[Base.Software] = "Editor\n2" + "x" * 200
    exif[Base.DateTime] = "2024:05:06 07:08:09"
    assert read(encoded(quarters(), "JPEG", exif=exif)).camera == {
        "make": "ACME",
        "model": "One",
        "software": ("Editor2" + "x" * 200)[:100],
        "date": "2024:05:06 07:08:09",
    }
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2020:01:02 03:04:05"
    assert read(encoded(quarters(), "JPEG", exif=exif)).camera["date"] == "2020:01:02 03:04:05"


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    pixels = read(encoded(PIL.Image.fromarray(values))).pixels
    assert pixels[0].tolist() == [[v] * 3 for v in (0, 0, 1, 128, 255)]


def test_16_bit_colour() -> None:
    row = b"\0" + struct.pack(">6H", 0, 32768, 65535, 255, 256, 511)
    pixels = read(png(2, 1, bits=16, colour=2, rows=row)).pixels
    assert pixels.tolist() == [[[0, 128, 255], [0, 1, 1]]]


def test_a_key_of_16_bits_is_transparent_too() -> None:
    """Pillow keeps the high byte of each sample, but both of the key."""
    row = b"\0" + struct.pack(">6H", 0x1234, 0, 0xFF00, 0x1234, 0, 0)
    colour = png(2, 1, bits=16, colour=2, rows=row, transparent=struct.pack(">3H", 0x1234, 0, 0))
    assert read(colour).pixels.tolist() == [[[0x12, 0, 0xFF], [255] * 3]]
    grey = png(2, 1, bits=16, colour=0, rows=row[:5], transparent=struct.pack(">H", 0))
    assert read(grey).pixels.tolist() == [[[0x12] * 3, [255] * 3]]


@pytest.mark.parametrize(
    ("bits", "photometric", "data", "expected"),
    [
        (16, 1, b"\0\0\xff\xff", [0, 255]),
        (16, 0, b"\0\0\xff\xff", [255, 0]),  # white is zero
        (12, 1, b"\x00\x0f\xff", [0, 255]),
    ],
)
def test_grey_tiff_of_more_than_8_bits(
    bits: int, photometric: int, data: bytes, expected: list[int]
) -> None:
    picture = read(tiff(2, bits, photometric, data))
    assert picture.pixels[0, :, 0].tolist() == expected


@pytest.mark.parametrize("bits", [10, 15])
def test_a_kind_that_is_not_read_is_not_called_damaged_alone(bits: int) -> None:
    with pytest.raises(UndecodableError, match="or of a rare kind that is not read here"):
        read(tiff(2, bits, 1, bytes(4)))


def test_a_tiff_that_pillow_takes_for_noise() -> None:
    """Uncompressed planes of 16 bits: each half of a sample would be one."""
    planes = np.moveaxis(np.asarray(quarters()).astype("<u2") * 257, 2, 0)
    noise = tiff(64, (16, 16, 16), 2, planes.tobytes(), {277: 3, 284: 2})
    with pytest.raises(UnsupportedFormatError, match="its colours one after another"):
        read(noise)
    bytewise = tiff(64, (8, 8, 8), 2, planes.astype(np.uint8).tobytes(), {277: 3, 284: 2})
    assert np.array_equal(read(bytewise).pixels, np.asarray(quarters()))


def test_a_jpeg_of_endless_scans_is_refused(scans: Callable[[int], bytes]) -> None:
    """Each costs sixteen bytes and another sweep over all pixels."""
    assert read(scans(100)).pixels.shape == (16, 16, 3)
    with pytest.raises(TooLargeError, match="At most 100 scans"):
        read(scans(101))
    # What follows the picture is another, as of a phone that films along.
    assert read(scans(1) + scans(200)).pixels.shape == (16, 16, 3)


def test_big_endian_16_bit_tiff() -> None:
    values = PIL.Image.frombytes("I;16B", (2, 1), struct.pack(">2H", 256, 65535))
    assert read(encoded(values, "TIFF")).pixels.tolist() == [[[1] * 3, [255] * 3]]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_have_no_white(mode: str) -> None:
    with pytest.raises(UnsupportedFormatError, match="save it with 8 or 16"):
        read(encoded(PIL.Image.new(mode, (4, 4), 7), "TIFF"))


def test_cmyk_jpeg() -> None:
    pixels = read(encoded(quarters().convert("CMYK"), "JPEG", quality=95)).pixels
    corners = pixels[[8, 8, -8, -8], [8, -8, 8, -8]].astype(int)
    assert np.abs(corners - [RED, GREEN, BLUE, WHITE]).max() < 40


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("1", "TIFF")]
)
def test_grey_and_one_bit(mode: str, name: str) -> None:
    picture = PIL.Image.new(mode, (16, 16), 0)
    picture.paste(255, (8, 0, 16, 16))
    pixels = read(encoded(picture, name)).pixels
    assert pixels.shape == (16, 16, 3)
    assert pixels[:, 12:].min() >= 250
    assert pixels[:, :4].max() <= 5


def half_transparent(mode: str) -> PIL.Image.Image:
    """Red on the left; on the right full transparency over a hidden blue."""
    picture = PIL.Image.new("RGBA", (8, 4), (*RED, 255))
    picture.paste((*BLUE, 0), (4, 0, 8, 4))
    if mode == "P":
        picture = PIL.Image.new("P", (8, 4), 0)
        picture.putpalette([*RED, *BLUE])
        picture.paste(1, (4, 0, 8, 4))
        picture.info["transparency"] = 1
    return picture


@pytest.mark.parametrize(
    ("mode", "name"),
    [("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("P", "PNG"), ("P", "GIF")],
)
def test_transparency_is_laid_on_white(mode: str, name: str) -> None:
    options = {"lossless": True} if name == "WEBP" else {}
    pixels = read(encoded(half_transparent(mode), name, **options)).pixels
    assert pixels[0].tolist() == [[*RED]] * 4 + [[*WHITE]] * 4


def test_half_transparency_is_mixed() -> None:
    grey = PIL.Image.new("LA", (1, 1), (0, 128))
    assert read(encoded(grey)).pixels.tolist() == [[[127] * 3]]


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(name: str) -> None:
    later = [PIL.Image.new("RGB", (64, 48), colour) for colour in (BLUE, GREEN)]
    options = {"lossless": True} if name == "WEBP" else {}
    data = encoded(quarters(), name, save_all=True, append_images=later, **options)
    picture = read(data)
    assert np.array_equal(picture.pixels, np.asarray(quarters()))
    assert picture.has_more
    assert not read(encoded(quarters(), name, **options)).has_more


def test_the_preview_of_a_raw_file_is_not_judged_in_its_place() -> None:
    preview = encoded(quarters(), "TIFF", tiffinfo={Base.NewSubfileType: 1})
    with pytest.raises(UnsupportedFormatError, match="begins with a small preview"):
        read(preview)
    assert read(encoded(quarters(), "TIFF", tiffinfo={Base.NewSubfileType: 2})).format == "TIFF"


def test_a_damaged_second_picture_does_not_cost_the_first() -> None:
    data = encoded(quarters(), "GIF", save_all=True, append_images=[PIL.Image.new("RGB", (64, 48))])
    second = data.rindex(b"\x2c\0\0\0\0")
    assert np.array_equal(read(data[: second + 6]).pixels, np.asarray(quarters()))


def test_a_phone_picture_of_two_frames_is_a_jpeg() -> None:
    data = encoded(quarters(), "MPO", save_all=True, append_images=[quarters()], quality=80)
    picture = read(data)
    assert (picture.format, picture.jpeg_quality) == ("JPEG", 80)
    assert not picture.has_more  # the second is a depth map or the like


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_quality_is_exact_for_the_reference_library(mode: str) -> None:
    picture = quarters(16, 16).convert(mode)
    found = [read(encoded(picture, "JPEG", quality=q)).jpeg_quality for q in range(1, 101)]
    assert found == list(range(1, 101))


def test_jpeg_quality_of_foreign_tables_is_near() -> None:
    data = encoded(quarters(), "JPEG", qtables="web_high")
    assert 80 <= (read(data).jpeg_quality or 0) <= 95


def test_a_large_jpeg_is_not_shrunk() -> None:
    assert read(encoded(PIL.Image.new("RGB", (4000, 3000)), "JPEG")).pixels.shape == (3000, 4000, 3)


# --- what is refused, and how ---

JPEG = encoded(quarters(), "JPEG")
PDF = b"%PDF-1.7\n" + bytes(200)

REFUSED = {
    "nothing": (b"", UndecodableError, "0 bytes"),
    "text": (b"this is no picture\n" * 20, UnsupportedFormatError, "by its content"),
    "html, then a jpeg": (b"<html><body>" + JPEG, UnsupportedFormatError, "by its content"),
    "pdf": (PDF, UnsupportedFormatError, "by its content"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedFormatError, "by its content"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", UnsupportedFormatError, "by its content"),
    "jpeg signature": (b"\xff\xd8\xff", UndecodableError, "begins as JPEG"),
    "jpeg without picture": (b"\xff\xd8\xff\xe0" + bytes(500), UndecodableError, "begins as JPEG"),
    "png header, text": (b"\x89PNG\r\n\x1a\n" + b"text" * 99, UndecodableError, "begins as PNG"),
    "gif without frame": (b"GIF89a" + bytes(7) + b";", UndecodableError, "GIF|empty"),
    "tiff loop": (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", UndecodableError, "begins as TIFF"),
    "grey array": (np.zeros((8, 8), np.uint8), UndecodableError, r"shape \(8, 8\)"),
    "rgba array": (np.zeros((8, 8, 4), np.uint8), UndecodableError, r"shape \(8, 8, 4\)"),
    "float array": (np.zeros((8, 8, 3)), UndecodableError, "dtype float64"),
    "empty array": (np.zeros((0, 8, 3), np.uint8), UndecodableError, "8 x 0 pixels"),
    "text stream": (io.StringIO("text"), UndecodableError, "binary mode.*got StringIO"),
    "picture as text": (
        io.TextIOWrapper(io.BytesIO(JPEG), encoding="utf-8"),
        UndecodableError,
        "binary mode.*got TextIOWrapper",
    ),
    "no source": (None, UndecodableError, "got NoneType"),
    "pillow": (quarters(), UndecodableError, "RGB array, got Image"),
}


@pytest.mark.parametrize(("source", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(source: object, error: type[InputError], message: str) -> None:
    with pytest.raises(error, match=message) as refused:
        read(source)  # type: ignore[arg-type]
    # Who handed in a file will know again what was refused.
    was_read = isinstance(source, bytes) and source
    assert refused.value.sha256 == (hashlib.sha256(source).hexdigest() if was_read else None)


def test_codes_are_stable() -> None:
    errors = (UndecodableError, UnsupportedFormatError, TooLargeError, UnreadableError)
    assert [error.code for error in errors] == [
        "undecodable",
        "unsupported_format",
        "too_large",
        "unreadable",
    ]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_cut_short(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = encoded(PIL.Image.fromarray(noise), name)
    for share in (0.05, 0.3, 0.5, 0.7, 0.95):
        with pytest.raises(UndecodableError, match=f"begins as {name} but is damaged or cut short"):
            read(data[: int(len(data) * share)])


def test_progressive_jpeg_cut_short() -> None:
    data = encoded(quarters(), "JPEG", progressive=True)
    with pytest.raises(UndecodableError):
        read(data[: len(data) - 20])


def test_a_jpeg_that_is_also_a_zip_is_a_jpeg() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("hidden.txt", "hidden")
    polyglot = JPEG + archive.getvalue()
    assert zipfile.is_zipfile(io.BytesIO(polyglot))
    picture = read(polyglot)
    assert picture.format == "JPEG"
    assert np.array_equal(picture.pixels, read(JPEG).pixels)
    assert picture.sha256 == hashlib.sha256(polyglot).hexdigest()


def test_a_missing_file_a_folder_and_a_null_byte(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.jpg", tmp_path, str(tmp_path / "a\0b.jpg"), ""):
        with pytest.raises(UnreadableError, match="Cannot read"):
            read(path)
    with pytest.raises(UnreadableError, match=r"absent\.jpg: No such file"):
        read(tmp_path / "absent.jpg")


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(JPEG)
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        pass
    else:
        # The superuser reads everything; what is left to refuse is a file that fails under reading.
        path = Path("/proc/self/mem")
        if not path.exists():
            pytest.skip("the superuser of a system without /proc can read every file")
    with pytest.raises(UnreadableError, match="Cannot read"):
        read(path)


def test_a_stream_that_fails() -> None:
    stream = io.BytesIO(JPEG)
    stream.close()
    with pytest.raises(UnreadableError, match="Cannot read the stream"):
        read(stream)


# --- limits ---


class Endless(io.RawIOBase):
    """Zeros for ever, counting what was asked for."""

    def __init__(self) -> None:
        self.n_read = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "an unlimited read of an endless stream"
        self.n_read += size
        return bytes(size)


def test_the_byte_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    for source in (JPEG, path, io.BytesIO(JPEG)):
        assert read(source, max_bytes=len(JPEG)).n_bytes == len(JPEG)
    for source in (JPEG, path, io.BytesIO(JPEG)):
        with pytest.raises(TooLargeError, match=f"At most {len(JPEG) - 1:,} bytes"):
            read(source, max_bytes=len(JPEG) - 1)


def test_reading_stops_one_byte_after_the_limit() -> None:
    stream = Endless()
    with pytest.raises(TooLargeError):
        read(stream, max_bytes=1000)  # type: ignore[arg-type]
    assert stream.n_read == 1001


def test_the_default_limit_is_50_megabytes() -> None:
    padded = JPEG + bytes(50 * 1024 * 1024 - len(JPEG))
    assert read(padded).format == "JPEG"
    with pytest.raises(TooLargeError, match="52,428,800"):
        read(padded + b"\0")


def test_the_pixel_limit_is_exact() -> None:
    for source in (encoded(quarters()), np.asarray(quarters())):
        assert read(source, max_pixels=64 * 48).pixels.shape == (48, 64, 3)
        with pytest.raises(TooLargeError, match=r"At most 3,071 pixels are read, .* 64 x 48"):
            read(source, max_pixels=64 * 48 - 1)


def webp_bomb(side: int) -> bytes:
    """An animation on a canvas of `side` x `side` whose one frame is tiny."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body

    def int24(*values: int) -> bytes:
        return b"".join(struct.pack("<I", value)[:3] for value in values)

    tiny = encoded(PIL.Image.new("RGB", (8, 8)), "WEBP", lossless=True)[12:]
    body = (
        b"WEBP"
        + chunk(b"VP8X", b"\x02\0\0\0" + int24(side - 1, side - 1))
        + chunk(b"ANIM", bytes(6))
        + chunk(b"ANMF", int24(0, 0, 7, 7, 100) + b"\0" + tiny)
    )
    return chunk(b"RIFF", body)


BMP = encoded(quarters(), "BMP")
BOMBS = {
    "png": png(20_000, 20_000, bits=1, colour=0, rows=bytes(2501 * 20_000)),
    "png of 49 megapixels": png(7_000, 7_000, bits=1, colour=0, rows=bytes(876 * 7_000)),
    "gif": gif_bomb(65_535),
    "gif of 49 megapixels": gif_bomb(7_000),
    "bmp": BMP[:18] + struct.pack("<ii", 30_000, 30_000) + BMP[26:],
    "webp": webp_bomb(16_384),
    "webp of 49 megapixels": webp_bomb(7_000),
}

MEASURE = """
import io, sys, warnings
from pathlib import Path
import PIL.Image
from unmask.errors import TooLargeError
from unmask.media import read

def peak_bytes():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

warnings.simplefilter("ignore")
bomb = sys.stdin.buffer.read()
ready = io.BytesIO()
PIL.Image.new("RGB", (64, 48)).save(ready, sys.argv[1])
read(ready.getvalue())  # loads the decoder
before = peak_bytes()
try:
    read(bomb, max_pixels=int(sys.argv[2]))
except TooLargeError:
    print("too_large")
print(peak_bytes() - before)
"""


def measure(name: str, max_pixels: int = 40_000_000) -> list[str]:
    """What a fresh process said of a bomb, and by how many bytes its memory grew."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of memory is read from Linux's /proc")
    arguments = [sys.executable, "-c", MEASURE, name.split()[0], str(max_pixels)]
    done = subprocess.run(arguments, input=BOMBS[name], capture_output=True, check=True)
    return done.stdout.decode().split()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_unfolds(name: str) -> None:
    assert len(BOMBS[name]) < 100_000
    said, grown = measure(name)
    assert said == "too_large"
    assert int(grown) < 4_000_000


def test_the_measure_sees_a_bomb_unfold() -> None:
    (grown,) = measure("png of 49 megapixels", max_pixels=50_000_000)
    assert int(grown) > 49_000_000


def test_an_animation_of_many_frames_costs_one() -> None:
    frames = [PIL.Image.new("L", (500, 500), i) for i in range(200)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(data, max_pixels=500 * 500).pixels.shape == (500, 500, 3)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.filterwarnings("error")
def test_a_limit_above_pillows_own_is_the_only_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(quarters(), name)
    for pillows in (64 * 48 // 3, 64 * 48 - 1):  # of which twice is an error, and once a warning
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", pillows)
        assert read(data, max_pixels=64 * 48).pixels.shape == (48, 64, 3)


def test_pillows_limit_stays_where_ours_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    for pillows in (64 * 48, None):
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", pillows)
        with pytest.raises(TooLargeError, match=r"At most 100 pixels are read, .* 64 x 48"):
            read(encoded(quarters()), max_pixels=100)
        assert pillows == PIL.Image.MAX_IMAGE_PIXELS


# --- nothing else ever comes out ---

SEEDS = [
    encoded(quarters(16, 12), name)
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
] + [encoded(half_transparent("P"), "PNG"), encoded(quarters(16, 12).convert("CMYK"), "JPEG")]
PREFIXES = [b"", *{seed[:n] for seed in SEEDS for n in (4, 16, 40)}]


def survives(data: bytes) -> None:
    try:
        picture = read(data, max_pixels=10_000)
    except InputError:
        return
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape[2:] == (3,)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PREFIXES), st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_input_errors(prefix: bytes, data: bytes) -> None:
    survives(prefix + data)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_pictures_raise_nothing_but_input_errors(
    data: bytes, damage: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in damage:
        damaged[int(place * len(damaged))] = value
    survives(bytes(damaged))
