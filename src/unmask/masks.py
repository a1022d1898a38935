"""Where a picture was manipulated: what training asks for, and what heat maps are measured by.

A mask is `(S, S)` float32 in [0, 1], how much of each pixel is not the camera's. Of a blend it is
known, since the blend was made here; of a fake whose original is at hand, it is where the two
differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from unmask.types import Image

__all__ = ["CELL_PX", "Mask", "cells", "difference", "nowhere", "same_moment", "unknown"]

Mask = NDArray[np.float32]
"""`(S, S)` float32 in [0, 1]: how much of each pixel is from the other picture."""

CELL_PX = 32
"""One place of the trunk's last feature map, in px of its input."""

BASE, SPAN = 4.0, 8.0
"""Grey levels: two codings of one frame differ by this much, and a swap by this much more."""
STRANGE = 8.0
"""Grey levels: where nine tenths of the picture differ by more, it is another frame."""


def same_moment(fake: Path, genuine: Sequence[Path]) -> int | None:
    """The place among the `genuine` pictures of its original of the one a fake was made from.

    Of several, as of the frames of a video, it is the one whose name ends in the same number; None
    where that is not just one.
    """
    places = list(range(len(genuine)))
    if len(genuine) > 1:
        wanted = _frame(fake)
        places = [n for n in places if wanted is not None and _frame(genuine[n]) == wanted]
    return places[0] if len(places) == 1 else None


def _frame(path: Path) -> int | None:
    """The number of a frame in its video: of `033_0050.jpg`, or a preparation's `…-000050.png`."""
    found = re.search(r"(?:^|[-_])(\d+)$", path.stem)
    return int(found[1]) if found else None


def difference(fake: Image, original: Image) -> Mask:
    """Where a `(S, S, 3)` uint8 fake differs from its original, cut alike.

    In steps of a cell: what one pixel differs by is coding. `unknown` where the two differ nearly
    everywhere: then they are not the same moment, or were framed otherwise, and tell nothing.
    """
    apart = np.abs(fake.astype(np.float32) - original).mean(axis=2)
    coarse = cells(apart)
    # A dark picture's differences are as small as its values.
    light = float(np.clip(original.mean() / 100, 0.3, 1.0))
    if float(np.percentile(coarse, 10)) > STRANGE * light:
        return unknown(fake.shape[0])
    coarse = np.clip((coarse / light - BASE) / SPAN, 0, 1)
    size = (fake.shape[1], fake.shape[0])
    return np.asarray(PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BILINEAR))


def cells(mask: NDArray[np.float32], shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    """The mean of each cell: `(S, S)` -> `(S / 32, S / 32)`, rounded down, or another `shape`."""
    height, width = shape or (max(1, side // CELL_PX) for side in mask.shape)
    picture = PIL.Image.fromarray(np.ascontiguousarray(mask, np.float32))
    return np.asarray(picture.resize((width, height), PIL.Image.Resampling.BOX))


def nowhere(size: int) -> Mask:
    """The mask of a genuine picture."""
    return np.zeros((size, size), np.float32)


def unknown(size: int) -> Mask:
    """The mask of a fake of which nobody knows where it was manipulated."""
    return np.full((size, size), np.nan, np.float32)
