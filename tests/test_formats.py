from __future__ import annotations

import io

import pytest

from unmask.formats import kind_of, picture_format, video_format


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"\0\0\0\x14ftypqt  ", "MOV"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "MOV"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm", "WEBM"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", "MKV"),
        (b"\0\0\0\x20ftypheic", None),
        (b"\0\0\0\x20ftypheif", None),
        (b"\0\0\0\x20ftypavif", None),
        (b"\0\0\0\x18ftypcrx ", None),
        (b"\xff\xd8\xff\xe0", None),
        (b"#EXTM3U", None),
        (b"", None),
    ],
)
def test_a_video_is_known_by_its_first_bytes(head: bytes, expected: str | None) -> None:
    assert video_format(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe1", "JPEG"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"II*\0\x10\0\0\0CR\x02\0", None),  # Canon's raw file
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP"),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", None),
        (b"BMW is a maker of cars", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(head: bytes, expected: str | None) -> None:
    assert picture_format(head) == expected


def test_a_video_that_names_a_pictures_brand_too_is_a_video() -> None:
    file = io.BytesIO(b"\0\0\0\x18ftypisom\0\0\0\0isommif1")
    assert kind_of(file) == "video"
    assert file.tell() == 0
