"""How cost grows: with the size of a photo, its faces, the frames of a video, the files of a batch.

`exponent` is the slope of the logarithms: 1 is linear, below 1 better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.measure import Figures, interleaved
from benchmarks.subjects import ASTRONAUT, crowd, detector, photo
from benchmarks.video import clip

MEGAPIXELS = (0.5, 1, 2, 4, 8, 16)
FACES = (1, 2, 4, 8, 16)
FRAMES = (10, 20, 40, 80)
FILES = (4, 8, 16, 32)


def measure(repeats: int) -> Figures:
    judge = detector()
    repeats = max(3, repeats // 4)
    photos = {size: photo(size) for size in MEGAPIXELS}
    crowds = {n: crowd(n) for n in FACES}
    data = clip(10)
    return {
        "megapixels": _curve({n: _call(judge.image, photos[n]) for n in MEGAPIXELS}, repeats),
        "faces": _curve({n: _call(judge.image, crowds[n]) for n in FACES}, repeats),
        "frames": _curve(
            {n: lambda n=n: judge.video(data, every=3, max_frames=n) for n in FRAMES}, repeats
        ),
        "files": _curve(
            {n: lambda n=n: list(judge.images([ASTRONAUT] * n)) for n in FILES}, repeats
        ),
    }


def _call(function: Callable[[bytes], object], data: bytes) -> Callable[[], object]:
    return lambda: function(data)


def _curve(points: Mapping[float, Callable[[], object]], repeats: int) -> Figures:
    times = interleaved({str(n): call for n, call in points.items()}, repeats=repeats, warm_up=1)
    medians = {name: float(np.median(one)) for name, one in times.items()}
    slope = np.polyfit(np.log([float(n) for n in medians]), np.log(list(medians.values())), 1)[0]
    return {
        "median_ms": {name: round(one, 1) for name, one in medians.items()},
        "exponent": round(float(slope), 2),
    }
