"""Stage 4: an aligned crop -> 512 numbers that describe its frequencies, 256 FFT then 256 DCT.

Frequencies are radii in cycles per pixel of the crop, 0 to 0.5 along an axis; never Hz. The
values are logarithms or ratios, so they lie within a few units of each other; the network
standardises them by constants of its card. No single value tells real from fake: on real data the
differences are smaller than those of camera, scale and codec, so nothing here is a threshold.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unmask.types import Image, Spectrum

__all__ = [
    "NATIVE_SPECTRUM_ID",
    "SPECTRUM_ID",
    "describe",
    "feature_names",
    "radial_bands",
]

SPECTRUM_ID = "radial-dct-1"
"""Names this definition; a model refuses to run with another."""

NATIVE_SPECTRUM_ID = "radial-dct-1-native"
"""The same of the picture's own pixels (`alignment.native_window`) instead of the scaled crop."""

N_RADII, N_ANNULI, N_SECTORS, N_RINGS = 128, 31, 24, 4
N_BANDS = 16
HIGH_FREQUENCY = 60 / 224
"""Cycles per pixel: the specification's "60" at its crop of 224 px."""

TINY = np.float32(1e-30)
"""Keeps the logarithm of nothing finite; times the nothing it is 0."""

Grey = NDArray[np.float32]
"""`(S, S)` float32 luma in [0, 255]."""


def describe(crop: Image) -> Spectrum:
    """Describe a square crop, `(S, S, 3)` uint8 RGB with S at least 64.

    FFT, of the luma less its mean under a Hann window (so that neither brightness nor the crop's
    edges leak into every frequency): 128 log powers by radius, the high-frequency ratio, 31
    entropies of power within an annulus, and log powers in 24 directions of 4 rings. DCT, of the
    8x8 blocks: log deviation, skewness, log kurtosis and log mean magnitude of each of the 63 AC
    coefficients, and 4 values of the whole. Log is the natural logarithm throughout.
    """
    size = len(crop)
    if crop.shape != (size, size, 3) or crop.dtype != np.uint8 or size < 64:
        got = f"{crop.shape} {crop.dtype}"
        raise ValueError(f"expected (S, S, 3) uint8 RGB, S at least 64, not {got}")
    grey = _luma(crop)
    return Spectrum(np.concatenate([_fft_features(grey), _dct_features(grey)]))


def feature_names() -> list[str]:
    """The name of each of the 512 values, in order."""
    names = [f"fft.radius[{i}]" for i in range(N_RADII)]
    names += ["fft.high_frequency_ratio"]
    names += [f"fft.entropy[{i}]" for i in range(N_ANNULI)]
    names += [f"fft.sector[{r}][{s}]" for r in range(N_RINGS) for s in range(N_SECTORS)]
    moments = ("log_deviation", "skewness", "log_kurtosis", "log_magnitude")
    names += [f"dct.{name}[{i // 8}][{i % 8}]" for name in moments for i in range(1, 64)]
    names += ["dct.energy_compaction", "dct.block_coherence", "dct.blockiness", "dct.zero_share"]
    return names


def radial_bands(spectrum: Spectrum) -> NDArray[np.float32]:
    """`(16,)` mean log powers of as many bands of equal width, 0 to 0.5 cycles per pixel.

    The powers by radius as they are shown to people.
    """
    bands: NDArray[np.float32] = spectrum.vector[:N_RADII].reshape(N_BANDS, -1).mean(axis=1)
    return bands


def _luma(pixels: Image) -> Grey:
    """ITU-R BT.601 luma, as JPEG uses it."""
    return pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


# --- FFT -------------------------------------------------------------------------------------


def _fft_features(grey: Grey) -> NDArray[np.float32]:
    plan = _fft_plan(len(grey))
    windowed = (grey - grey.mean()) * plan.window
    transform = np.fft.rfft2(windowed)
    # The density per pixel, so that crops of other sizes are comparable.
    density = (transform.real**2 + transform.imag**2) / plan.window_energy
    power = density * plan.weight
    log_power = np.log(density + 1) * plan.weight

    radial = plan.radial_means(_folded(log_power))
    by_radius = _folded(power).ravel()
    high = by_radius @ plan.is_high / (by_radius.sum() + 1e-6)
    annuli = np.bincount(plan.annulus, by_radius, N_ANNULI + 1)[:N_ANNULI]
    # -sum(share * log(share)), each share a density over that of its annulus.
    powered_logs = _folded(power * np.log(density + TINY)).ravel()
    logs = np.bincount(plan.annulus, powered_logs, N_ANNULI + 1)[:N_ANNULI]
    entropy = (annuli * np.log(annuli + 1e-6) - logs) / (annuli + 1e-6)
    sums = np.bincount(plan.sector, log_power.ravel(), N_RINGS * N_SECTORS + 1)
    sectors = sums[:-1] / plan.sector_counts
    return np.concatenate([radial, [np.log(high + 1e-6)], entropy, sectors]).astype(np.float32)


def _folded(plane: Grey) -> Grey:
    """`(S // 2 + 1, ...)` of `(S, ...)`: vertical frequencies and their negatives added up.

    Both have one radius, so that what goes by radius has half as much to look up.
    """
    middle = len(plane) // 2
    negative = plane[:middle:-1]
    folded = plane[: middle + 1].copy()
    folded[1 : len(negative) + 1] += negative
    return folded


class _FFTPlan:
    """What depends on the size alone: the window, and which bin each coefficient falls into."""

    def __init__(self, size: int) -> None:
        hann = np.hanning(size + 1)[:size]
        self.window = np.outer(hann, hann).astype(np.float32)
        self.window_energy = np.float32((self.window.astype(np.float64) ** 2).sum())
        vertical = np.fft.fftfreq(size)[:, None]
        horizontal = np.fft.rfftfreq(size)[None, :]
        radius = np.hypot(vertical, horizontal)
        # rfft keeps half the plane: all but the first and last column stand for two coefficients.
        weight = np.where((horizontal == 0) | (horizontal == 0.5), 1.0, 2.0) * (radius > 0)
        self.weight = weight.astype(np.float32)
        ring = np.minimum((radius * 2 * N_RINGS).astype(int), N_RINGS - 1)
        turn = np.mod(np.arctan2(vertical, horizontal), np.pi) / np.pi
        sector = np.minimum((turn * N_SECTORS).astype(int), N_SECTORS - 1)
        outside = (radius > 0.5) | (radius == 0)
        last = N_RINGS * N_SECTORS
        self.sector = np.where(outside, last, ring * N_SECTORS + sector).ravel()
        counts = np.bincount(self.sector, self.weight.ravel(), last + 1)[:-1]
        self.sector_counts = np.maximum(counts, 1)

        # What goes by radius alone is looked up in the folded plane.
        radius, outside = radius[: size // 2 + 1].ravel(), outside[: size // 2 + 1].ravel()
        self.is_high = (radius > HIGH_FREQUENCY).astype(np.float32)
        annulus = np.minimum((radius * 2 * N_ANNULI).astype(int), N_ANNULI - 1)
        self.annulus = np.where(outside, N_ANNULI, annulus)
        # Means over radius by linear interpolation, so that no bin is empty at any crop size.
        position = np.clip(radius * 2 * N_RADII - 0.5, 0, N_RADII - 1)
        self._radial = np.where(outside, N_RADII, position.astype(int))
        self._share = np.where(outside, 0, position - position.astype(int)).astype(np.float32)
        self._total = self._radial_sums(_folded(self.weight).ravel())
        filled = np.flatnonzero(self._total > 1e-9)
        self._source = filled[np.abs(np.arange(N_RADII)[:, None] - filled).argmin(axis=1)]

    def radial_means(self, weighted: Grey) -> NDArray[np.float64]:
        """`(128,)` means of a folded, weighted plane; an empty bin has that of the nearest."""
        sums = self._radial_sums(weighted.ravel())
        means: NDArray[np.float64] = sums[self._source] / self._total[self._source]
        return means

    def _radial_sums(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        upper = values * self._share
        sums = np.asarray(np.bincount(self._radial, values - upper, N_RADII + 1), np.float64)[:-1]
        sums[1:] += np.bincount(self._radial, upper, N_RADII + 1)[: N_RADII - 1]
        return sums


@lru_cache(maxsize=4)
def _fft_plan(size: int) -> _FFTPlan:
    return _FFTPlan(size)


# --- DCT -------------------------------------------------------------------------------------


def _dct_features(grey: Grey) -> NDArray[np.float32]:
    n = len(grey) // 8
    coefficients = _block_dct(grey)
    dc, ac = coefficients[0].reshape(n, n), coefficients[1:]
    centred = ac - ac.mean(axis=1, keepdims=True)
    square = centred * centred
    variance = square.mean(axis=1)
    deviation = np.sqrt(variance)
    skewness = (square * centred).mean(axis=1) / (variance * deviation + 1e-3)
    kurtosis = (square * square).mean(axis=1) / (variance * variance + 1e-3)
    size = np.abs(ac)
    magnitude = size.mean(axis=1)
    energy = (ac * ac).mean(axis=1)
    low = energy[_is_low()].sum()
    compaction = np.log((low + 1e-3) / (energy.sum() - low + 1e-3))
    whole = [
        compaction,
        _correlation(dc[:, :-1], dc[:, 1:]) + _correlation(dc[:-1], dc[1:]),
        np.log((_step(grey, 7) + 1e-2) / (_step(grey, 3) + 1e-2)),
        (size < 0.5).mean(),
    ]
    parts = [np.log(deviation + 0.1), skewness, np.log(kurtosis + 0.1), np.log(magnitude + 0.1)]
    return np.concatenate([*parts, whole]).astype(np.float32)


def _block_dct(grey: Grey) -> Grey:
    """`(64, n**2)` orthonormal DCT-II of the n x n blocks of 8x8 px, vertical frequency first."""
    n, matrix = len(grey) // 8, _dct_matrix()
    # Products small enough that BLAS does not wake its threads for them.
    rows = matrix @ grey[: n * 8, : n * 8].reshape(n, 8, n * 8)
    by_frequency = rows.swapaxes(0, 1).reshape(8, n * n, 8) @ matrix.T
    return np.asarray(by_frequency.swapaxes(1, 2).reshape(64, -1), np.float32)


@lru_cache(maxsize=1)
def _dct_matrix() -> Grey:
    k, x = np.arange(8)[:, None], np.arange(8)[None, :]
    matrix = np.cos(np.pi * (2 * x + 1) * k / 16) * np.sqrt(np.where(k == 0, 1, 2) / 8)
    return matrix.astype(np.float32)


@lru_cache(maxsize=1)
def _is_low() -> NDArray[np.bool_]:
    """Which of the 63 AC coefficients are low: the first four diagonals."""
    return np.add.outer(np.arange(8), np.arange(8)).ravel()[1:] <= 4


def _step(grey: Grey, place: int) -> float:
    """Mean step to the next pixel from one place of each 8, across and down: 7 leaves a block."""
    across = np.abs(grey[:, place + 1 :: 8] - grey[:, place:-1:8]).mean()
    down = np.abs(grey[place + 1 :: 8] - grey[place:-1:8]).mean()
    return float(across + down)


def _correlation(a: Grey, b: Grey) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-3))
