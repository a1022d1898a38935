"""Manifest rows -> crops, spectra and labels, as a pure function of (seed, step, place).

Nothing depends on what was drawn before, so a training that was killed goes on where it was with
the very pictures it would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from unmask import media
from unmask.alignment import (
    BLOCK_PX,
    WINDOWS_PX,
    crop_affine,
    native_window,
    warp,
    whole_affine,
)
from unmask.errors import DataError, InputError
from unmask.files import read_label, read_table
from unmask.masks import Mask, cells, difference, nowhere, same_moment, unknown
from unmask.spectrum import describe
from unmask.training.augment import degrade, erase
from unmask.training.blend import FaceMesh, Points, blend_faces, overlay, self_blend
from unmask.training.config import TrainingConfig
from unmask.types import FACTS, Box, Face, Facts, Image, Landmarks

__all__ = ["Batch", "CropDataset", "Row", "Sample", "TrainingDataset", "loaded", "read_rows"]

Affine = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Row(Facts):
    """One picture of a prepared manifest. `landmarks` is None where no face was found."""

    path: Path
    is_fake: bool
    landmarks: Landmarks | None


def read_rows(manifest: Path, *, splits: Sequence[str]) -> list[Row]:
    """The rows of a prepared manifest (`unmask prepare`) that belong to `splits`.

    Raises:
        DataError: the manifest cannot be read, has no row of these splits, a label that is neither
            real nor fake, or names files that do not exist.
    """
    rows = []
    try:
        for line, record in read_table(manifest, required=("path", "label", "split", "landmarks")):
            if record["split"] not in splits:
                continue
            label = read_label(record["label"], f"{manifest}:{line}")
            text = record["landmarks"]
            points = np.array(text.split(), np.float32).reshape(5, 2) if text else None
            rows.append(
                Row(
                    path=manifest.parent / record["path"],
                    is_fake=label == "FAKE",
                    landmarks=points,
                    **{name: record.get(name, "") for name in FACTS},
                )
            )
    except DataError as error:
        raise DataError(f"{error}; a manifest is made with unmask prepare") from error
    except ValueError as error:
        raise DataError(f"{manifest}:{line}: landmarks are ten numbers: {error}") from error
    if not rows:
        raise DataError(f"{manifest} has no row of split {' or '.join(splits)}")
    missing = [row.path for row in rows if not row.path.is_file()]
    if missing:
        message = f"{len(missing)} of {len(rows)} files do not exist, the first: {missing[0]}"
        raise DataError(f"{manifest}: {message}")
    return rows


class Sample(NamedTuple):
    """A crop as the network gets it, and what is true of it."""

    crop: Tensor
    """`(3, S, S)` uint8 RGB."""
    spectrum: Tensor
    """`(512,)` float32."""
    label: int
    """0 real, 1 fake."""
    mask: Tensor
    """`(S / 32, S / 32)` float32: how much of each cell was manipulated; NaN: nobody knows."""


class Batch(NamedTuple):
    """N samples: the same with N in front."""

    crops: Tensor
    spectra: Tensor
    labels: Tensor
    masks: Tensor


def loaded(dataset: Dataset[Sample], *, workers: int, **options: Any) -> Iterator[Batch]:
    """Batches of a data set; `options` are those of torch's `DataLoader`.

    Raises:
        DataError: a picture cannot be read.
    """
    loader = DataLoader(_Telling(dataset), num_workers=workers, collate_fn=_collated, **options)
    for batch in loader:
        if isinstance(batch, str):
            raise DataError(batch)
        yield batch


class _Telling(Dataset[Sample | str]):
    """Samples, or what is wrong with one, in words.

    An exception of a worker process would arrive with its stack trace in its message, and would
    keep the loader's processes alive for as long as anyone keeps the exception.
    """

    def __init__(self, dataset: Dataset[Sample]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Sample | str:
        try:
            return self.dataset[index]
        except DataError as error:
            return str(error)


def _collated(samples: list[Sample | str]) -> Batch | str:
    wrong = [sample for sample in samples if isinstance(sample, str)]
    return wrong[0] if wrong else Batch(*default_collate(samples))


class CropDataset(Dataset[Sample]):
    """Rows as serving would see them: aligned, nothing augmented. For validation."""

    def __init__(self, rows: Sequence[Row], config: TrainingConfig) -> None:
        self.rows, self.config = rows, config

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        row = self.rows[index]
        image = _read(row.path)
        size = self.config.input_size
        affine = base_affine(row, image, self.config)
        crop = warp(image, affine, size).pixels
        mask = unknown(size) if row.is_fake else nowhere(size)
        if self.config.spectrum == "native":
            return _sample(crop, row.is_fake, mask, native_window(image, affine, size=size))
        return _sample(crop, row.is_fake, mask)


@dataclass(frozen=True)
class Draw:
    """One place of a batch: which picture, and whether it is to be blended into a fake."""

    row: Row
    blend: bool
    seed: tuple[int, ...]
    """Of the geometry and the degradation: a genuine face and the fake made of it share it."""
    pool: str
    original: Row | None = None
    """Of a fake: the very picture it was made from, which is beside it."""


def _of(source: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if source in ("*", row.source)]


class TrainingDataset(Dataset[Sample]):
    """Batches balanced by class and by source; index it with (step, place in the batch)."""

    def __init__(self, rows: Sequence[Row], config: TrainingConfig, *, stage: int) -> None:
        self.config, self.stage = config, stage
        self._plain = {
            # Raw material of blends is no example of a genuine picture: see `BatchMix`.
            (source, is_fake): [
                row
                for row in _of(source, rows)
                if row.is_fake == is_fake and row.split != "blend-source"
            ]
            for source in config.batch.plain
            for is_fake in (False, True)
        }
        self._genuine = {
            source: [r for r in _of(source, rows) if not r.is_fake and r.landmarks is not None]
            for source in config.batch.blended
        }
        self._originals: dict[tuple[str, str], list[Row]] = {}
        # A picture may be in the pools of its source and of all.
        plain = {row.path: row for pool in self._plain.values() for row in pool if not row.is_fake}
        for row in plain.values():
            self._originals.setdefault((row.source, row.original or row.video), []).append(row)
        self._check(sorted({row.source for row in rows}))
        self._layout = self._lay_out()

    def _check(self, sources: Sequence[str]) -> None:
        told = f'the manifest has the sources {", ".join(sources)}; "*" is all of them'
        for (source, is_fake), pool in self._plain.items():
            if not pool:
                name = "fake" if is_fake else "real"
                raise DataError(f"source {source!r} has no {name} picture to train on; {told}")
        for source, pool in self._genuine.items():
            if not pool:
                raise DataError(f"source {source!r} has no genuine face to blend; {told}")
        if self.config.batch.partners and not any(
            (row.source, row.original) in self._originals
            for (_, is_fake), pool in self._plain.items()
            for row in pool
            if is_fake and row.original
        ):
            message = "batch.partners: of no fake to train on is the original in the manifest"
            raise DataError(f"{message}, by source and original; set it to 0")
        if lost := sorted(set(self.config.synthesised) - set(sources)):
            raise DataError(f"synthesised names {', '.join(lost)}; {told}")

    def _lay_out(self) -> list[tuple[str, bool, bool, int, int]]:
        """Per place of a batch: source, is_fake, paired, its number, and how many share a step."""
        places = []
        for source, count in self.config.batch.plain.items():
            for i in range(count // 2):
                places += [(source, fake, False, i, count // 2) for fake in (False, True)]
        for source, count in self.config.batch.blended.items():
            for i in range(count // 2):
                places += [(source, False, True, i, count // 2)] * 2
        return places

    @property
    def steps_per_epoch(self) -> int:
        """Steps until every plain picture was drawn once."""
        return max(
            math.ceil(2 * len(pool) / self.config.batch.plain[source])
            for (source, _), pool in self._plain.items()
        )

    def _pool(self, source: str, is_fake: bool, paired: bool) -> list[Row]:
        return self._genuine[source] if paired else self._plain[source, is_fake]

    def draw(self, step: int, place: int) -> Draw:
        source, is_fake, paired, number, per_step = self._layout[place]
        # Places come in twos: genuine at the even one, its fake at the odd one.
        even = place - place % 2
        seed, shared = ((self.config.seed, self.stage, step, at) for at in (place, even))
        row = self._next(source, is_fake, paired, step * per_step + number)
        if paired:
            return Draw(row, place % 2 == 1, shared, source)
        fake = row if is_fake else self._next(source, True, False, step * per_step + number)
        partner, is_original = self._partner(fake, np.random.default_rng((*shared, 3)))
        if partner is None:
            return Draw(row, False, seed, source)
        if is_fake:
            return Draw(row, False, shared, source, partner if is_original else None)
        return Draw(partner, False, shared, source)

    def _next(self, source: str, is_fake: bool, paired: bool, index: int) -> Row:
        """The picture at `index` of an endless, shuffled round through a pool."""
        pool = self._pool(source, is_fake, paired)
        lap, position = divmod(index, len(pool))
        kind = (*source.encode(), int(is_fake), int(paired))
        return pool[_shuffled((self.config.seed, self.stage, *kind, lap), len(pool))[position]]

    def _partner(self, fake: Row, rng: np.random.Generator) -> tuple[Row | None, bool]:
        """What to show beside a fake, if anything; and whether that is what it was made from.

        Otherwise it is another picture of that video.
        """
        known = self._originals.get((fake.source, fake.original), []) if fake.original else []
        if not known or rng.random() >= self.config.batch.partners:
            return None, False
        place = same_moment(fake.path, [row.path for row in known])
        return (known[rng.integers(len(known))], False) if place is None else (known[place], True)

    def __len__(self) -> int:
        return len(self._layout)

    def __getitem__(self, index: tuple[int, int]) -> Sample:
        step, place = index
        draw = self.draw(step, place)
        image = _read(draw.row.path)
        affine = self._jittered(draw, image)
        canvas, side = self._canvas(affine)
        pixels = warp(image, canvas, side).pixels
        rng = np.random.default_rng((*draw.seed, 1))
        if draw.blend:
            pixels, mask = self._blended(draw, image, canvas, pixels, rng)
        elif draw.original is not None:
            pixels, mask = self._beside(draw.original, image, canvas, pixels, rng)
        elif not draw.row.is_fake:
            mask = nowhere(side)
        elif draw.row.source in self.config.synthesised:
            mask = 1 - nowhere(side)
        else:
            mask = unknown(side)
        rng = np.random.default_rng((*draw.seed, 2))
        is_flipped = rng.random() < self.config.augmentation.flip
        if is_flipped:
            pixels, mask = pixels[:, ::-1], mask[:, ::-1]
        if rng.random() < self.config.augmentation.erase:
            pixels, mask = erase(pixels, mask, rng)
        pixels = degrade(np.ascontiguousarray(pixels), self.config.augmentation, rng)
        is_fake = draw.row.is_fake or draw.blend
        if self.config.spectrum == "crop":
            return _sample(pixels, is_fake, mask)
        size = self.config.input_size
        rest = _after(affine, canvas)
        if is_flipped:
            rest = _mirrored(rest, side, size)
        return _sample(
            warp(pixels, rest, size).pixels,
            is_fake,
            _cut(mask, rest, size),
            native_window(pixels, rest, size=size),
        )

    def _canvas(self, affine: Affine) -> tuple[Affine, int]:
        """Where a picture is blended and degraded: from image px, and its side in px.

        That is the crop; or, where the spectrum is of the picture's own pixels, the square of them
        that holds the crop and its native window, from which both are then cut.
        """
        size = self.config.input_size
        if self.config.spectrum == "crop":
            return affine, size
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size - affine[:, 2]
        corners = np.linalg.solve(affine[:, :2], square.T).T
        middle = corners.mean(axis=0)
        reach = max(float((corners - middle).max()), WINDOWS_PX[-1] / 2)
        start = np.floor((middle - reach) / BLOCK_PX) * BLOCK_PX
        side = int(np.ceil((middle + reach - start).max() / BLOCK_PX)) * BLOCK_PX
        return np.column_stack([np.eye(2), -start]), side

    def _jittered(self, draw: Draw, image: Image) -> Affine:
        rng = np.random.default_rng((*draw.seed, 0))
        augmentation, size = self.config.augmentation, self.config.input_size
        whole = rng.random() < augmentation.unaligned
        affine = base_affine(draw.row, image, self.config, whole=whole)
        angle = np.radians(rng.uniform(-1, 1) * augmentation.rotation_deg)
        zoom = np.exp(rng.uniform(-1, 1) * augmentation.zoom)
        shift = rng.uniform(-1, 1, 2) * augmentation.shift * size
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        offset = turn @ (affine[:, 2] - size / 2) + size / 2 + shift
        return np.column_stack([turn @ affine[:, :2], offset])

    def _blended(
        self, draw: Draw, image: Image, affine: Affine, pixels: Image, rng: np.random.Generator
    ) -> tuple[Image, Mask]:
        points = _through(affine, self._mesh_points(draw.row, image))
        if rng.random() >= self.config.batch.cross_blend:
            return self_blend(pixels, points, rng)
        other = self._look_alike(draw, rng)
        other_image = _read(other.path)
        other_affine, side = self._canvas(base_affine(other, other_image, self.config))
        other_pixels = warp(other_image, other_affine, side).pixels
        other_points = _through(other_affine, self._mesh_points(other, other_image))
        return blend_faces(pixels, points, other_pixels, other_points, rng)

    def _beside(
        self,
        original: Row,
        fake: Image,
        affine: Affine,
        pixels: Image,
        rng: np.random.Generator,
    ) -> tuple[Image, Mask]:
        """A fake whose original is at hand, or a part of its face laid over that original."""
        image = _read(original.path)
        if image.shape != fake.shape:  # cut out apart: no pixel of one is that of the other
            return pixels, unknown(pixels.shape[0])
        genuine = warp(image, affine, pixels.shape[0]).pixels
        mask = difference(pixels, genuine)
        is_whole = rng.random() >= self.config.batch.partial
        # Of another moment, whatever the names say, the parts would not fit: two noses are no
        # manipulation of this kind.
        if is_whole or original.landmarks is None or np.isnan(mask).any():
            return pixels, mask
        points = _through(affine, self._mesh_points(original, image))
        pixels, laid = overlay(pixels, genuine, points, rng)
        return pixels, mask * laid

    def _look_alike(self, draw: Draw, rng: np.random.Generator) -> Row:
        """Of 40 other people of the same source, the one whose landmarks fit best."""
        pool = self._genuine[draw.pool]
        others = [pool[i] for i in rng.integers(0, len(pool), 40)]
        others = [o for o in others if o.identity != draw.row.identity or not o.identity]
        others = [o for o in others if o.path != draw.row.path] or [draw.row]
        shape = _shape(draw.row)
        return min(others, key=lambda other: float(np.abs(_shape(other) - shape).sum()))

    def _mesh_points(self, row: Row, image: Image) -> Points:
        """The face mesh of a row in px of its image."""
        affine = crop_affine(_face(row), size=FaceMesh.INPUT, margin=FaceMesh.MARGIN)
        points = _mesh().points(warp(image, affine, FaceMesh.INPUT).pixels)
        inverse = np.linalg.inv(affine[:, :2])
        return ((points - affine[:, 2]) @ inverse.T).astype(np.float32)


# Caches of the process, not of the data set, which is sent to the loader's own processes.
@lru_cache(maxsize=64)
def _shuffled(seed: tuple[int, ...], n: int) -> NDArray[np.intp]:
    return np.random.default_rng(seed).permutation(n)


@lru_cache(maxsize=1)
def _mesh() -> FaceMesh:
    return FaceMesh()


def base_affine(row: Row, image: Image, config: TrainingConfig, *, whole: bool = False) -> Affine:
    """Image px to crop px: aligned as in serving, or the whole picture where that is asked for."""
    size = config.input_size
    if row.landmarks is not None and not whole:
        return crop_affine(_face(row), size=size, margin=config.crop_margin)
    return whole_affine(image, size=size)


def _face(row: Row) -> Face:
    assert row.landmarks is not None
    return Face(Box(0, 0, 1, 1), row.landmarks, 1.0)


def _shape(row: Row) -> NDArray[np.float64]:
    """The landmarks in an aligned unit square: what two faces that look the same way share."""
    assert row.landmarks is not None
    return _through(crop_affine(_face(row), size=1, margin=1.0), row.landmarks).astype(float)


def _through(affine: Affine, points: NDArray[np.float32]) -> Points:
    return (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)


def _after(affine: Affine, canvas: Affine) -> Affine:
    """What is left of `affine`, from image px to crop px, for a picture that is on a canvas."""
    linear = affine[:, :2] @ np.linalg.inv(canvas[:, :2])
    return np.column_stack([linear, affine[:, 2] - linear @ canvas[:, 2]])


def _mirrored(affine: Affine, side: int, size: int) -> Affine:
    """From a mirrored canvas of `side` px to the mirrored crop of `size` px."""
    (a, b, c), (d, e, f) = affine
    return np.array([[a, -b, size - c - a * side], [-d, e, f + d * side]])


def _read(path: Path) -> Image:
    try:
        return media.read(path).pixels
    except InputError as error:
        message = f"{path} cannot be read: {error}"
        raise DataError(f"{message} Or leave it out: prepare the manifest again.") from error


def _cut(mask: Mask, affine: Affine, size: int) -> Mask:
    """The mask of a picture -> the mask of the crop that `affine` cuts from it."""
    if np.isnan(mask).any():
        return unknown(size)
    grey = np.repeat((mask[:, :, None] * 255 + 0.5).astype(np.uint8), 3, axis=2)
    return np.divide(warp(grey, affine, size).pixels[:, :, 0], 255, dtype=np.float32)


def _sample(pixels: Image, is_fake: bool, mask: Mask, window: Image | None = None) -> Sample:
    """Of a crop, and of the pixels its spectrum describes where these are others."""
    crop = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    vector = describe(pixels if window is None else window).vector
    truth = torch.from_numpy(cells(mask).copy())
    return Sample(crop, torch.from_numpy(vector), int(is_fake), truth)
