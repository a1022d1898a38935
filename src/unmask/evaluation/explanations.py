"""Does the heat map point to what was manipulated? Where a fake's original is there, it is known.

The pointing game (Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018,
section 4.2): it is a hit where the hottest place of the map was manipulated. A place picked blindly
hits as often as the manipulated share of the crop, which is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.alignment import warp
from unmask.errors import InputError
from unmask.evaluation.intervals import proportion
from unmask.evaluation.manifest import Manifest
from unmask.evaluation.results import Explanations, Pointed
from unmask.masks import cells, difference
from unmask.types import Heatmap, Image, ImageReport, Verdict

__all__ = ["Pointing", "point", "summarise"]

MANIPULATED = 0.5
"""A place counts as manipulated from this mean of its mask on."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """What the heat map of row `fake` points to.

    `is_hit` is None where nobody can say: a face that was not scored, a file that cannot be read,
    or fake and original are not of one size or the same moment, or do not differ enough anywhere,
    or which of several frames the fake was made from is not known. A map that points nowhere is no
    hit.
    `chance` is the manipulated share of the crop.
    """

    fake: int
    is_likely_fake: bool
    is_hit: bool | None
    chance: float


def point(
    manifest: Manifest,
    pairs: Iterable[tuple[int, int | None]],
    explain: Callable[[Path], ImageReport],
    read: Callable[[Path], Image],
) -> Iterator[Pointing]:
    """Ask for the heat map of each fake's main face, and compare it with the truth."""
    for fake, genuine in pairs:
        if genuine is None:
            yield Pointing(fake, is_likely_fake=False, is_hit=None, chance=0.0)
            continue
        files = [manifest.file(manifest.rows[n]) for n in (fake, genuine)]
        try:
            report = explain(files[0])
        except InputError:
            yield Pointing(fake, is_likely_fake=False, is_hit=None, chance=0.0)
            continue
        is_likely_fake = report.verdict is Verdict.LIKELY_FAKE
        face, hit = report.headline, None
        if face is not None and face.heatmap is not None:
            with suppress(InputError):
                hit = _hit(face.heatmap, [read(file) for file in files])
        is_hit, chance = hit or (None, 0.0)
        yield Pointing(fake, is_likely_fake, is_hit, chance)


def _hit(heatmap: Heatmap, pictures: Sequence[Image]) -> tuple[bool, float] | None:
    """Whether the hottest place was manipulated, and the share of places that were."""
    if len({picture.shape for picture in pictures}) > 1:  # no pixel of one is that of the other
        return None
    crops = [warp(picture, heatmap.affine, heatmap.crop_size).pixels for picture in pictures]
    manipulated = cells(difference(*crops), heatmap.values.shape) > MANIPULATED
    if not manipulated.any():
        return None
    hottest = manipulated.flat[heatmap.values.argmax()]
    return bool(hottest and not heatmap.empty), float(manipulated.mean())


def summarise(manifest: Manifest, pointings: Iterable[Pointing]) -> Explanations:
    """The share of hits among those that can be told, and what chance would give."""
    pointings = list(pointings)
    clusters = manifest.clusters

    def share(of: list[Pointing]) -> Pointed:
        hits = np.array([bool(one.is_hit) for one in of])
        chance = float(np.mean([one.chance for one in of])) if of else None
        members = clusters[[one.fake for one in of]]
        return {"n": len(of), "chance": chance, **proportion(hits, members)}

    known = [one for one in pointings if one.is_hit is not None]
    return Explanations(
        all=share(known),
        likely_fake=share([one for one in known if one.is_likely_fake]),
        unknown=len(pointings) - len(known),
    )
