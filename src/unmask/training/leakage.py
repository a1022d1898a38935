"""What splits share that must not be shared: people, videos, copies of pictures."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from unmask import media
from unmask.training.sources import Source
from unmask.types import Image

__all__ = ["Leak", "close_pairs", "near_duplicates", "perceptual_hash", "shared_between_splits"]

LEARNED = ("train", "blend-source")
HASH_BITS, MAX_DISTANCE = 64, 4
LEAST_CORRELATION = 0.95

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Leak:
    """What two splits share. `value` is the identity, the video, or the distance of the hashes."""

    kind: Literal["identity", "video", "near_duplicate"]
    value: str
    split: str
    path: str
    other_split: str
    other_path: str

    def __str__(self) -> str:
        what = self.kind.replace("_", " ")
        places = f"{self.split}: {self.path} and {self.other_split}: {self.other_path}"
        return f"{what} {self.value} in {places}"


def shared_between_splits(rows: Sequence[Source]) -> list[Leak]:
    """People and videos that are learned from and measured on, or tuned on, at once."""
    leaks: list[Leak] = []
    for kind, columns in (("identity", ("identity",)), ("video", ("video", "original"))):
        first: dict[tuple[str, str], dict[str, Source]] = defaultdict(dict)
        for row in rows:
            for value in {getattr(row, column) for column in columns} - {""}:
                first[row.source, value].setdefault(_role(row.split), row)
        for (_, value), by_role in first.items():
            leaks += [
                Leak(kind, value, a.split, str(a.file), b.split, str(b.file))  # type: ignore[arg-type]
                for a, b in itertools.combinations(by_role.values(), 2)
            ]
    return leaks


def _role(split: str) -> str:
    """What a split is for: several that are learned from, or only measured on, may share."""
    if split in LEARNED:
        return "learned"
    return split if split == "val" else "measured"


def perceptual_hash(image: Image) -> int:
    """64 bits that stay alike when a picture is scaled, re-encoded or recoloured.

    The signs, about their median, of the 8x8 lowest frequencies but the mean of a 32x32 grey
    version (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
    section 3.2).
    """
    k, n = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    basis = np.cos(np.pi * k * (2 * n + 1) / 64)
    low = (basis @ np.asarray(_grey(image), np.float64) @ basis.T)[1:9, 1:9].ravel()
    bits = low > np.median(low)
    return int(sum(1 << i for i in np.nonzero(bits)[0].tolist()))


def near_duplicates(
    rows: Sequence[Source], pictures: Sequence[Path], hashes: Sequence[int]
) -> list[Leak]:
    """Copies in splits of different roles: their hashes differ by at most 4 bits, and by sight too.

    Among hundreds of millions of pairs a few faces of different people have hashes so close, so
    each pair is looked at.
    """
    roles = np.array([_role(row.split) for row in rows])
    leaks: list[Leak] = []
    for i, j, distance in close_pairs(np.array(hashes, np.uint64), roles):
        a, b = rows[i], rows[j]
        if _correlation(pictures[i], pictures[j]) < LEAST_CORRELATION:
            continue
        value = f"at {distance} of {HASH_BITS} bits"
        leaks.append(Leak("near_duplicate", value, a.split, str(a.file), b.split, str(b.file)))
    return leaks


def _correlation(one: Path, other: Path) -> float:
    """Of the two pictures' grey values at 32x32 px, in [-1, 1]."""
    grey = [np.asarray(_grey(media.read(path).pixels), np.float64).ravel() for path in (one, other)]
    a, b = (values - values.mean() for values in grey)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def _grey(image: Image) -> PIL.Image.Image:
    return PIL.Image.fromarray(image).convert("L").resize((32, 32), PIL.Image.Resampling.BOX)


def close_pairs(hashes: Hashes, groups: NDArray[np.str_]) -> list[tuple[int, int, int]]:
    """`(i, j, distance)` of hashes of different groups within `MAX_DISTANCE` bits of one another.

    Of five bands of bits at least one is equal in two such hashes, so only hashes that share a
    band are compared: the cost grows with the number of likely pairs, not of all.
    """
    found: dict[tuple[int, int], int] = {}
    edges = np.linspace(0, HASH_BITS, MAX_DISTANCE + 2).astype(int)
    for start, end in itertools.pairwise(edges.tolist()):
        band = (hashes >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.nonzero(np.diff(band[order], prepend=band[order][:1] ^ np.uint64(1)))[0]
        for members in np.split(order, starts[1:]):
            for i in members:
                others = members[groups[members] > groups[i]]
                distances = _distances(hashes[i], hashes[others])
                for k in np.nonzero(distances <= MAX_DISTANCE)[0]:
                    found[int(i), int(others[k])] = int(distances[k])
    return sorted((i, j, distance) for (i, j), distance in found.items())


def _distances(one: np.uint64, others: Hashes) -> NDArray[np.int64]:
    """In how many bits each of the others differs from the one."""
    differing = (others ^ one)[:, None].view(np.uint8)
    return np.unpackbits(differing, axis=1).sum(axis=1, dtype=np.int64)
