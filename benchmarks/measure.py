"""Interleaved timing: what is compared is measured in turn, so that a slow moment hits all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np

PAUSE_S = 0.05
"""Threads of ONNX Runtime wait for more work in a loop before they sleep: they would take a core
from whatever is measured next."""

Figures = dict[str, Any]
"""What a subject returns: JSON."""


INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "VNNI",
    "avx512_vnni": "VNNI",
    "amx_int8": "AMX",
    "asimddp": "NEON dot products",
}
"""What the ratios depend on, by their names in /proc/cpuinfo."""


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The vector instructions of this processor, such as `AVX2, VNNI`; empty where none tells."""
    try:
        words = set(cpuinfo.read_text("utf-8").split())
    except OSError:
        return ""
    return ", ".join(dict.fromkeys(name for flag, name in INSTRUCTIONS.items() if flag in words))


def interleaved(
    subjects: Mapping[str, Callable[[], object]], *, repeats: int, warm_up: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of each subject's repeats, taken in turn after `warm_up` unmeasured rounds."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for i in range(-warm_up, repeats):
        for name, subject in subjects.items():
            sleep(PAUSE_S)
            started = perf_counter()
            subject()
            elapsed_ms = (perf_counter() - started) * 1000
            if i >= 0:
                times[name].append(elapsed_ms)
    return times


def spread(times_ms: list[float]) -> Figures:
    """The median, the quartiles that half of the repeats lie between, the least, their number."""
    low, median, high = np.percentile(times_ms, [25, 50, 75])
    return {
        "median_ms": round(float(median), 3),
        "quartiles_ms": [round(float(low), 3), round(float(high), 3)],
        "least_ms": round(min(times_ms), 3),
        "repeats": len(times_ms),
    }


def spreads(times: Mapping[str, list[float]]) -> Figures:
    return {name: spread(one) for name, one in times.items()}


def ratio(times: Mapping[str, list[float]], over: str, under: str) -> Figures:
    """How many times longer `over` takes than `under`: the median and quartiles of the rounds.

    Both sides of a round had the same moment of the machine. The ratio of their medians may be of
    two moments, and has come out beyond these very quartiles.
    """
    rounds = np.divide(times[over], times[under])
    low, median, high = np.percentile(rounds, [25, 50, 75])
    return {
        "ratio": round(float(median), 3),
        "quartiles": [round(float(low), 3), round(float(high), 3)],
    }
