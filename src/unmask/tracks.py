"""Stage 9: faces over time -> one track per person, by where a face is and what it looks like.

The rule is that two people do not share a track. One person may fall into two, after a change of
light or of scene; both are then judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from unmask.types import Box, FaceCrop

__all__ = ["Descriptor", "Sighting", "describe", "link"]

Descriptor = NDArray[np.float32]
"""`(1024,)` float32 of unit length; the product of two is their likeness, in [0, 1]."""

LEVELS = 8
"""Levels of each colour in the histogram."""

ALIKE = 0.88
"""Likeness that links faces anywhere in the picture, after any time."""

ALIKE_NEARBY = 0.80
"""Likeness that links a face to where the person was last seen."""
# On the 23 people of FaceForensics++'s crops, 8 frames each over a whole video, two faces of one
# person are less alike than 0.80 in 1.4 % of the pairs and two people more so in 5 %; at 0.88 it
# is 4 % and 0.4 %.

COLOURS = 40
"""How many colours a face has that these limits were found on: the perplexity of its histogram. Of
one with fewer, in black and white or in the dark, more likeness is asked in proportion, because all
of them are alike: of the same people in grey half of all pairs would pass 0.88, so 3.5 % do."""

SPEED = 1.5
"""Face widths that a head moves in a second, at most."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face at a time: `frame` is the number of its frame."""

    frame: int
    time_s: float
    box: Box
    descriptor: Descriptor

    @cached_property
    def n_colours(self) -> float:
        """How many colours the face has: the perplexity of its histogram."""
        shares = np.square(self.descriptor[self.descriptor > 0], dtype=np.float64)
        return math.exp(-float(shares @ np.log(shares)))


def describe(crop: FaceCrop) -> Descriptor:
    """What a person looks like: how often each colour occurs in the upper and the lower half.

    Square roots of the shares, so that the product of two is their Bhattacharyya coefficient.
    Skin, hair, clothes and light differ more between the people of one video than shapes do, and
    hardly change with pose and expression.
    """
    levels = crop.pixels // (256 // LEVELS)
    colours = levels.astype(np.intp) @ np.array([LEVELS * LEVELS, LEVELS, 1])
    halves = np.array_split(colours, 2)
    counts = np.stack([np.bincount(half.ravel(), minlength=LEVELS**3) for half in halves])
    shares: Descriptor = np.sqrt(counts / counts.sum()).astype(np.float32)
    return shares.ravel()


def link(sightings: Sequence[Sighting]) -> list[list[int]]:
    """Group sightings, which are in order of time, into people.

    Returns the positions in `sightings` of each track, the longest track first. No track has two
    faces of one frame.
    """
    tracks: list[_Open] = []
    for _, group in groupby(enumerate(sightings), key=lambda item: item[1].frame):
        faces = list(group)
        pairs = [
            (affinity, track, face)
            for track in range(len(tracks))
            for face, (_, sighting) in enumerate(faces)
            if (affinity := tracks[track].affinity(sighting)) is not None
        ]
        free_tracks, free_faces = set(range(len(tracks))), set(range(len(faces)))
        for _, track, face in sorted(pairs, reverse=True):
            if track in free_tracks and face in free_faces:
                free_tracks.remove(track)
                free_faces.remove(face)
                tracks[track].append(*faces[face])
        tracks.extend(_Open(*faces[face]) for face in sorted(free_faces))
    return sorted((track.members for track in tracks), key=len, reverse=True)


class _Open:
    """A track that may go on."""

    def __init__(self, position: int, sighting: Sighting) -> None:
        self.members: list[int] = []
        self._sum = np.zeros_like(sighting.descriptor)
        self.append(position, sighting)

    def append(self, position: int, sighting: Sighting) -> None:
        self.members.append(position)
        self._last = sighting
        self._sum += sighting.descriptor
        self._mean = self._sum / np.linalg.norm(self._sum)

    def affinity(self, sighting: Sighting) -> float | None:
        """How well a face continues the track; None where it may not."""
        likeness = float(
            max(sighting.descriptor @ self._last.descriptor, sighting.descriptor @ self._mean)
        )
        if likeness < ALIKE_NEARBY:  # of a crowd nearly all pairs end here
            return None
        way = self._way(sighting)
        limit = ALIKE if way > 1 else ALIKE_NEARBY
        slack = min(1.0, min(sighting.n_colours, self._last.n_colours) / COLOURS)
        if likeness < 1 - (1 - limit) * slack:
            return None
        return likeness - 0.1 * min(way, 1.0)

    def _way(self, sighting: Sighting) -> float:
        """The way from the last sighting, as a share of what a head moves in that time."""
        before, now = self._last.box, sighting.box
        side = (before.side + now.side) / 2
        moved = float(np.hypot(*np.subtract(before.centre, now.centre))) / side
        grown = abs(float(np.log2(now.side / before.side)))
        # Half a width is within the error of detection, and heads do not cross half the room.
        reach = 0.5 + SPEED * min(sighting.time_s - self._last.time_s, 1.0)
        return (moved + grown) / reach
