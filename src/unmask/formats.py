"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from typing import BinaryIO, Literal

__all__ = ["HEAD_BYTES", "kind_of", "picture_format", "video_format"]

HEAD_BYTES = 256
"""As many as are asked for."""

SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
NO_VIDEO_BRANDS = (b"avif", b"avis", b"mif1", b"msf1", b"hei", b"hev", b"crx ")
"""How the first brand of a picture in the boxes of MP4 begins; the last: Canon's raw files."""


def kind_of(file: BinaryIO) -> Literal["image", "video"] | None:
    """What an open file is; None where it is neither a picture nor a video that is read here."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    # First: the boxes of an MP4 may name a picture's brand beside their own.
    if video_format(head):
        return "video"
    return "image" if picture_format(head) else None


def picture_format(head: bytes) -> str | None:
    """Pillow's name of a picture's format, or None where it is none of ours."""
    if head[:4] == b"II*\0" and head[8:10] == b"CR":
        return None  # a raw file of Canon's: a TIFF, but of pixels that nothing here develops
    for signature, name in SIGNATURES:
        if head.startswith(signature):
            return name
    # The size of its second header, never over 255: text may begin with these letters too.
    if head[:2] == b"BM" and head[15:18] == bytes(3):
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4]), HEAD_BYTES)
        brands = {head[i : i + 4] for i in range(8, end, 4)}
        if brands & AVIF_BRANDS:
            return "AVIF"
        if brands & HEIF_BRANDS:
            return "HEIF"
    return None


def video_format(head: bytes) -> str | None:
    """The format of a video, or None where it is none of ours."""
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "WEBM" if b"webm" in head[:64] else "MKV"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    if head[4:8] == b"ftyp":
        if head[8:].startswith(NO_VIDEO_BRANDS):
            return None
        return "MOV" if head[8:12] == b"qt  " else "MP4"
    return "MOV" if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip") else None
