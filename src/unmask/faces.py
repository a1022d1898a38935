"""Stage 2: RGB image -> every face in it, with five landmarks.

MTCNN: a proposal network over an image pyramid, a refinement network, an output network
(Zhang et al. 2016, arXiv:1604.02878, section III), on ONNX Runtime.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from importlib.resources import files
from itertools import groupby
from typing import TypeVar

import numpy as np
import onnxruntime
import PIL.Image
from numpy.typing import NDArray

from unmask.types import Box, Face, Image

__all__ = ["FaceDetector", "suppress"]

Boxes = NDArray[np.float32]
"""`(N, 4)` float px: x1, y1, x2, y2, half-open."""

Windows = Sequence[NDArray[np.float32]]
"""Boxes of n windows, their scores `(n,)`, and the shifts of their corners `(n, 4)`."""

Indices = NDArray[np.intp]

T = TypeVar("T")
R = TypeVar("R")

MIN_FACE_PX = 40.0
"""Faces are found from about this size on, some down to half of it."""
PYRAMID_FACTOR = 0.709
"""The step of the image pyramid."""
THRESHOLDS = 0.6, 0.7, 0.7
"""The least scores of P-Net, R-Net and O-Net."""
P_NET_CELL, P_NET_STRIDE = 12, 2
MAX_PIXELS = 4_000_000
"""Larger pictures are halved first; their faces of `MIN_FACE_PX` are then found at half that."""
STRIP_PX = 128
PIXELS_AT_ONCE = 65_536
"""What a network is given in one run: bounds memory, and keeps its maps in the cache."""
BOXES_AT_ONCE = 64
"""Compared with all others in one step of the suppression."""
BORDER = 0.3
"""Of the shorter side, added round a picture that a face fills."""


class FaceDetector:
    """Find faces, best first.

    The four non-maximum suppressions are those of the authors' code: 0.5 within a scale, 0.7
    across scales, 0.7 after R-Net (all by union), 0.7 after O-Net (by the smaller).
    """

    def __init__(self, *, threads: int = 0) -> None:
        # The networks are too small to be shared out themselves; strips and patches are.
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self._p_net, self._r_net, self._o_net = (
            _session(f"mtcnn-{name}.onnx") for name in ("pnet", "rnet", "onet")
        )

    def on_one_thread(self) -> FaceDetector:
        """The same detector for one of several pictures at once, which have the threads' work."""
        alone = copy(self)
        alone._threads, alone._pool = 1, None
        return alone

    def detect(self, image: Image) -> list[Face]:
        """Every face of an `(H, W, 3)` uint8 RGB image, by falling score.

        Boxes may reach beyond the image, as the network estimates faces that are cut off.
        """
        faces = self._cascade(image)
        if not any(_fills(face.box, image) for face in faces):
            return faces
        # A face that fills its picture (a face crop) is squeezed by the cascade's clipping, and
        # its landmarks are off by a fifth of its size. With a border round it they are right.
        border = int(BORDER * min(image.shape[:2]))
        framed = np.pad(image, ((border, border), (border, border), (0, 0)), constant_values=127)
        return [_moved(face, -border) for face in self._cascade(framed)] or faces

    def _cascade(self, image: Image) -> list[Face]:
        """The cascade of the reference implementation, to the rounding."""
        min_face_px, reduction = MIN_FACE_PX, 1
        while image.shape[0] * image.shape[1] > MAX_PIXELS:
            image = _halved(image)
            min_face_px, reduction = min_face_px / 2, reduction * 2
        means = _AreaMeans(image, self._each)
        boxes = self._propose(means, min_face_px)
        boxes = self._refine(means, boxes)
        return self._output(means, boxes, reduction)

    def _propose(self, means: _AreaMeans, min_face_px: float) -> Boxes:
        """P-Net slides a 12 px window over each level of the pyramid, strip by strip."""
        scales = _scales(min(means.height, means.width), min_face_px)
        strips = [(scale, rows) for scale in scales for rows in _strips(means.level(scale))]
        windows = self._each(lambda strip: self._windows(means, *strip), strips)
        found: list[Windows] = []
        for _, level in groupby(zip(strips, windows, strict=True), key=lambda one: one[0][0]):
            boxes, score, shift = _joined([windows for _, windows in level])
            keep = suppress(boxes, score, 0.5)
            found.append((boxes[keep], score[keep], shift[keep]))
        if not found:
            return np.empty((0, 4), np.float32)
        boxes, score, shift = _joined(found)
        keep = suppress(boxes, score, 0.7)
        return _square(_shift(boxes[keep], shift[keep], inclusive=0))

    def _windows(self, means: _AreaMeans, scale: float, rows: slice) -> Windows:
        """What P-Net takes for a face in a strip of a level."""
        strip = means.resized(*means.level(scale), rows)
        scores, shifts = self._p_net.run(None, {"image": strip[None]})
        y, x = np.nonzero(scores[0] >= THRESHOLDS[0])
        corner = np.stack([x, y + rows.start // P_NET_STRIDE], axis=1) * P_NET_STRIDE
        cell = np.concatenate([corner + 1, corner + P_NET_CELL], axis=1).astype(np.float32)
        boxes = np.floor(cell / np.float32(scale))
        return boxes, scores[0, y, x], shifts[0][:, y, x].T

    def _refine(self, means: _AreaMeans, boxes: Boxes) -> Boxes:
        """R-Net rejects most proposals and moves the rest."""
        boxes = means.visible(boxes)
        if not len(boxes):
            return boxes
        score, shift = self._answers(self._r_net, means, boxes, 24)
        passed = score >= THRESHOLDS[1]
        boxes, score, shift = boxes[passed], score[passed], shift[passed]
        keep = suppress(boxes, score, 0.7)
        return _square(_shift(boxes[keep], shift[keep]))

    def _output(self, means: _AreaMeans, boxes: Boxes, reduction: int) -> list[Face]:
        """O-Net decides, and places the landmarks."""
        boxes = means.visible(boxes)
        if not len(boxes):
            return []
        score, shift, points = self._answers(self._o_net, means, boxes, 48)
        passed = score >= THRESHOLDS[2]
        boxes, score, shift, points = boxes[passed], score[passed], shift[passed], points[passed]
        size = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None, :]
        landmarks = boxes[:, None, :2] - 1 + size * points.reshape(-1, 2, 5).transpose(0, 2, 1)
        boxes = _shift(boxes, shift)
        keep = suppress(boxes, score, 0.7, by_smaller=True)
        boxes, landmarks = boxes * reduction, landmarks * reduction
        return [
            Face(Box(*map(float, boxes[i])), landmarks[i].astype(np.float32), float(score[i]))
            for i in keep
        ]

    def _answers(
        self, net: onnxruntime.InferenceSession, means: _AreaMeans, boxes: Boxes, size: int
    ) -> Sequence[NDArray[np.float32]]:
        """What R-Net or O-Net says of the patch in each of one or more boxes."""
        n_parts = max(self._threads, -(-len(boxes) * size**2 // PIXELS_AT_ONCE))

        def answer(part: Boxes) -> list[NDArray[np.float32]]:
            outputs: list[NDArray[np.float32]] = net.run(None, {"image": means.patches(part, size)})
            return outputs

        return _joined(self._each(answer, np.array_split(boxes, min(n_parts, len(boxes)))))

    def _each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """The results in order, by as many threads as there are."""
        run = map if self._pool is None or len(items) == 1 else self._pool.map
        return list(run(function, items))


def _scales(shorter_side: int, min_face_px: float) -> Iterator[float]:
    scale = P_NET_CELL / min_face_px
    while shorter_side * scale >= P_NET_CELL:
        yield scale
        scale *= PYRAMID_FACTOR


def _strips(level: tuple[int, int]) -> Iterator[slice]:
    """Rows of a level `(height, width)`, so that P-Net's answers to the strips are those to the
    whole: each begins an even number of rows on, and overlaps the next as far as P-Net sees.
    """
    height, width = level
    overlap = P_NET_CELL - P_NET_STRIDE
    n_new = max(PIXELS_AT_ONCE // width - overlap, P_NET_CELL) // P_NET_STRIDE * P_NET_STRIDE
    for start in range(0, height - overlap, n_new):
        yield slice(start, min(start + n_new + overlap, height))


def _joined(parts: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def _halved(image: Image) -> Image:
    """Means of 2x2 px, in strips that stay in the cache: a third of the time of one sweep."""
    strips = (image[y : y + STRIP_PX] for y in range(0, len(image), STRIP_PX))
    return np.concatenate([np.asarray(PIL.Image.fromarray(strip).reduce(2)) for strip in strips])


def _fills(box: Box, image: Image) -> bool:
    """Whether a face is nearly as large as its picture, or larger."""
    shorter_side: int = min(image.shape[:2])
    return box.side > 0.95 * shorter_side


def _moved(face: Face, by_px: float) -> Face:
    box = face.box
    moved = Box(box.x1 + by_px, box.y1 + by_px, box.x2 + by_px, box.y2 + by_px)
    return Face(moved, face.landmarks + np.float32(by_px), face.score)


class _AreaMeans:
    """Resizes by the mean of the source pixels that each target pixel touches.

    A summed-area table (Crow 1984) is built once; every mean then costs four look-ups. MTCNN is
    sensitive to how its pyramid is smoothed: this is the smoothing of its reference.
    """

    def __init__(
        self, image: Image, each: Callable[[Callable[[slice], object], list[slice]], object]
    ) -> None:
        """`each` calls a function with every item of a list, at once where there are threads."""
        self.height, self.width = image.shape[:2]
        # uint32 may wrap around in very large sums; differences stay exact modulo 2**32.
        # The fourth channel stays empty: `take` copies 16 bytes several times faster than 12.
        self._table = np.zeros((self.height + 1, self.width + 1, 4), np.uint32)
        sums = self._table[1:, 1:, :3]

        def sum_up(rows: slice) -> None:
            np.cumsum(image[rows], axis=1, dtype=np.uint32, out=sums[rows])

        each(sum_up, [slice(y, y + STRIP_PX) for y in range(0, self.height, STRIP_PX)])
        for row in range(1, self.height):
            self._table[row + 1] += self._table[row]

    def level(self, scale: float) -> tuple[int, int]:
        """Height and width of the image at a scale of the pyramid."""
        return int(self.height * scale + 1), int(self.width * scale + 1)

    def resized(self, height: int, width: int, rows: slice) -> NDArray[np.float32]:
        """Some rows of the image as `(3, rows, width)`, float32 in [0, 255]."""
        # Whole rows first: their differences are taken in one sweep of the memory.
        top, bottom = (edges[rows] for edges in _windows(self.height, height))
        left, right = _windows(self.width, width)
        strips = self._table.take(bottom, axis=0) - self._table.take(top, axis=0)
        sums = strips.take(right, axis=1) - strips.take(left, axis=1)
        return _divided(sums, np.outer(bottom - top, right - left))

    def visible(self, boxes: Boxes) -> Boxes:
        """The boxes with at least one pixel of the image inside."""
        inside = self._inside(boxes)
        return boxes[(inside[:, 2:] > inside[:, :2]).all(axis=1)]

    def patches(self, boxes: Boxes, size: int) -> NDArray[np.float32]:
        """`(n, 3, size, size)` of n visible boxes, as far as they are inside the image."""
        x1, y1, x2, y2 = self._inside(boxes).T
        top, bottom = (y1[:, None, None] + edges[:, :, None] for edges in _windows(y2 - y1, size))
        left, right = (x1[:, None, None] + edges[:, None, :] for edges in _windows(x2 - x1, size))
        sums = self._sum(bottom, right) - self._sum(top, right)
        sums += self._sum(top, left) - self._sum(bottom, left)
        return _divided(sums, (bottom - top) * (right - left))

    def _inside(self, boxes: Boxes) -> Indices:
        inside = np.trunc(boxes).astype(int)
        inside[:, :2] = np.maximum(inside[:, :2], 1) - 1
        inside[:, 2:] = np.minimum(inside[:, 2:], (self.width, self.height))
        return inside

    def _sum(self, rows: Indices, columns: Indices) -> NDArray[np.uint32]:
        """The sums of all pixels above these rows and left of these columns."""
        flat = rows * (self.width + 1) + columns
        # The indices are in range; `wrap` spares the check, which costs more than the copy.
        return np.asarray(self._table.reshape(-1, 4).take(flat, axis=0, mode="wrap"))


def _divided(sums: NDArray[np.uint32], counts: Indices) -> NDArray[np.float32]:
    """`(..., 3, H, W)` means of `(..., H, W, 4)` sums of so many pixels each."""
    means = np.empty((*counts.shape[:-2], 3, *counts.shape[-2:]), np.float32)
    divisors = counts.astype(np.float32)
    for channel in range(3):
        one = means[..., channel, :, :]
        np.divide(sums[..., channel], divisors, one, casting="unsafe", dtype=np.float32)
    return means


def _windows(length: Indices | int, target: int) -> tuple[Indices, Indices]:
    """First and past-last of `length` source pixels that each of `target` pixels touches.

    Both `(target,)` for one length, `(n, target)` for n of them.
    """
    edges = np.multiply.outer(length, np.arange(target + 1))
    return edges[..., :-1] // target, (edges[..., 1:] + (target - 1)) // target


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], threshold: float, *, by_smaller: bool = False
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the kept boxes, by falling score.

    A box goes when its overlap with a better one exceeds `threshold`. The overlap is relative to
    the union of both, or `by_smaller` to the smaller of the two.
    """
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = np.ascontiguousarray(boxes[order].T)
    areas = (x2 - x1) * (y2 - y1)
    alive = np.ones(len(order), bool)
    for start in range(0, len(order), BOXES_AT_ONCE):
        # All that are still there against all that follow: some in vain, but in one sweep.
        block = start + np.flatnonzero(alive[start : start + BOXES_AT_ONCE])
        at = block[:, None]
        width = np.minimum(x2[at], x2[start:]) - np.maximum(x1[at], x1[start:])
        height = np.minimum(y2[at], y2[start:]) - np.maximum(y1[at], y1[start:])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        if by_smaller:
            whole = np.minimum(areas[at], areas[start:])
        else:
            whole = areas[at] + areas[start:] - shared
        apart = shared <= threshold * whole
        for i, row in zip(block, apart, strict=True):
            if alive[i]:
                alive[i + 1 :] &= row[i + 1 - start :]
    kept: NDArray[np.intp] = order[alive]
    return kept


def _session(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Sizes differ from picture to picture: one block of memory planned for each would pile up.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    weights = files("unmask.weights").joinpath(name).read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _shift(boxes: Boxes, shift: NDArray[np.float32], *, inclusive: int = 1) -> Boxes:
    """Move each corner by the regressed fraction of the box's size."""
    size = boxes[:, 2:] - boxes[:, :2] + inclusive
    moved: Boxes = boxes + shift * np.concatenate([size, size], axis=1)
    return moved


def _square(boxes: Boxes) -> Boxes:
    """The square of the longer side about the same centre."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)
