"""What a JPEG file tells before it is decoded: how often it sweeps over its pixels, how well it was
saved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["MAX_SCANS", "n_scans", "quality"]

MAX_SCANS = 100
"""Of one JPEG. Programs make ten; sixteen bytes more are another sweep over all its pixels."""

JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""What follows 0xff but for a stuffed byte and restarts (ITU-T T.81, B.1.1)."""
END_OF_IMAGE, START_OF_SCAN = b"\xd9", b"\xda"

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()
"""The example luminance quantisation of the JPEG standard (ITU-T T.81, table K.1)."""


def n_scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has; another may follow it, or a video."""
    n = data.count(b"\xff" + START_OF_SCAN)  # the most there can be, at a fraction of the cost
    if n <= MAX_SCANS:
        return n
    n, at = 0, 2
    while (found := JPEG_MARKER.search(data, at)) and found[1] != END_OF_IMAGE:
        n += found[1] == START_OF_SCAN
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return n


def quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The IJG quality, 1 to 100, whose luminance table is nearest to that of the file's `tables`.

    The tables are those of ITU-T T.81, annex K, scaled as the Independent JPEG Group's library
    does (Kornblum 2008, Digital Investigation 5, S21). Exact for files of that library, an
    estimate for cameras and programs with tables of their own.
    """
    if 0 not in tables:
        return None
    qualities = np.arange(1, 101)
    percent = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    scaled = np.clip((LUMINANCE * percent[:, None] + 50) // 100, 1, 255)
    return int(qualities[((scaled - tables[0]) ** 2).sum(axis=1).argmin()])
