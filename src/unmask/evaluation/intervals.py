"""How sure a figure is. Frames of one person are not independent: intervals go by clusters.

`clusters` is an `(n,)` integer array throughout: rows with the same number stand or fall together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.calibration import wilson
from unmask.errors import DataError
from unmask.evaluation.results import Estimate

__all__ = [
    "Difference",
    "Figures",
    "bootstrap",
    "cluster_wilson",
    "delong",
    "paired_bootstrap",
    "proportion",
    "wilson",
]

Range = tuple[float, float]
Figures = Callable[[NDArray[np.intp]], Mapping[str, float | None]]
"""Row numbers, drawn with repetition -> figures by name."""

# A figure that is undefined in more resamples than this has no interval.
MAX_UNDEFINED = 0.1


def cluster_wilson(
    hits: ArrayLike, clusters: NDArray[np.intp], *, level: float = 0.95
) -> Range | None:
    """Wilson's interval with the `(n,)` rows counted for what they are worth as clusters.

    The effective number of rows is n over the design effect, the variance between clusters against
    the binomial one, and never above n; it is less by the squared ratio of t quantiles, of n and of
    as many as there are clusters, because so few know that variance badly (Korn and Graubard,
    Survey Methodology 24, 1998). Where every row agrees that variance says nothing, and each
    cluster counts as one row.
    """
    hit = np.asarray(hits, bool)
    n, k = hit.size, int(hit.sum())
    if n == 0:
        return None
    _, members = np.unique(clusters, return_inverse=True)
    n_clusters = int(members.max()) + 1
    effective = float(n_clusters)
    if 0 < k < n and n_clusters > 1:
        share = k / n
        deviations = np.bincount(members, hit - share)
        variance = n_clusters / (n_clusters - 1) * np.square(deviations).sum() / n**2
        effective = n / max(1.0, float(variance) / (share * (1 - share) / n))
        effective *= (_t_quantile(level, n - 1) / _t_quantile(level, n_clusters - 1)) ** 2
    return wilson(k / n * effective, effective, level=level)


@lru_cache
def _t_quantile(level: float, degrees: int) -> float:
    """What Student's t of so many degrees of freedom stays within, either way, at this level.

    With t = sqrt(degrees) tan(angle) its density is a power of the cosine, on a bounded range.
    """
    angles = np.linspace(0, np.pi / 2, 50_001)
    density = np.cos(angles) ** (degrees - 1)
    share = np.append(0, np.cumsum(density[1:] + density[:-1]))
    angle = np.interp(level, share / share[-1], angles)
    return math.sqrt(degrees) * math.tan(angle)


def proportion(hits: ArrayLike, clusters: NDArray[np.intp]) -> Estimate:
    """The share of hits with its `cluster_wilson`; nothing of nothing."""
    hit = np.asarray(hits, bool)
    low, high = cluster_wilson(hit, clusters) or (None, None)
    return Estimate(value=float(hit.mean()) if hit.size else None, low=low, high=high)


def bootstrap(
    figures: Figures,
    clusters: NDArray[np.intp],
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Range | None]:
    """Percentile intervals of `figures` over resampled clusters; None with fewer than two.

    None, too, where a figure is the same in every resample: an interval without width would claim
    certainty, of no error among eleven rows, say.
    """
    draws = _resampled(figures, clusters, n_resamples, seed)
    return {
        name: _percentiles(values, level) if _has_width(values) else None
        for name, values in draws.items()
    }


def _has_width(values: list[float | None]) -> bool:
    """Whether they differ by more than the rounding of sums over rows in another order."""
    known = [value for value in values if value is not None]
    return bool(known) and max(known) - min(known) > 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second on the same rows; two-sided `p_value` of there being none."""

    first: float
    second: float
    low: float
    high: float
    p_value: float

    @property
    def value(self) -> float:
        return self.first - self.second


def paired_bootstrap(
    first: Figures,
    second: Figures,
    clusters: NDArray[np.intp],
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Difference | None]:
    """Compare two detectors, figure by figure, on the same resampled clusters."""

    def difference(rows: NDArray[np.intp]) -> dict[str, float | None]:
        pairs = _paired(first(rows), second(rows))
        return {name: None if pair is None else pair[0] - pair[1] for name, pair in pairs.items()}

    draws = _resampled(difference, clusters, n_resamples, seed)
    everything = np.arange(len(clusters))
    compared: dict[str, Difference | None] = {}
    for name, pair in _paired(first(everything), second(everything)).items():
        interval = _percentiles(draws.get(name, []), level)
        if pair is None or interval is None:
            compared[name] = None
            continue
        values = np.array([value for value in draws[name] if value is not None])
        # The resample that is the sample itself is counted too, so that p is never 0.
        tail = min((values <= 0).sum(), (values >= 0).sum())
        p_value = min(1.0, 2 * (tail + 1) / (values.size + 1))
        compared[name] = Difference(*pair, *interval, float(p_value))
    return compared


def delong(is_fake: ArrayLike, first: ArrayLike, second: ArrayLike) -> Difference | None:
    """Test the difference of two AUCs over the same `(n,)` rows, taken as independent.

    None where it is not defined: fewer than two rows of a class, or no variance at all between
    scores that differ. DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), equations 3 to 5.
    """
    fake = np.asarray(is_fake, bool)
    scores = [np.asarray(score, np.float64) for score in (first, second)]
    shapes = [score.shape for score in scores]
    if fake.ndim != 1 or shapes != [fake.shape] * 2:
        raise DataError(f"expected two scores per label, got {shapes} for {fake.shape}")
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    if min(n_fake, n_real) < 2:
        return None
    of_fakes = np.array([_share_below(row[~fake], row[fake]) for row in scores])
    of_reals = np.array([1 - _share_below(row[fake], row[~fake]) for row in scores])
    auc_first, auc_second = of_fakes.mean(axis=1)
    covariance = np.cov(of_fakes) / n_fake + np.cov(of_reals) / n_real
    contrast = np.array([1.0, -1.0])
    error = math.sqrt(max(0.0, float(contrast @ covariance @ contrast)))
    value = float(auc_first - auc_second)
    if error < 1e-12:
        if abs(value) > 1e-12:
            return None
        return Difference(float(auc_first), float(auc_second), 0.0, 0.0, 1.0)
    margin = NormalDist().inv_cdf(0.975) * error
    p_value = math.erfc(abs(value) / error / math.sqrt(2))
    return Difference(float(auc_first), float(auc_second), value - margin, value + margin, p_value)


def _share_below(reference: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which share of `reference` lies below each of `x`, equality counting half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")
    share: NDArray[np.float64] = below / (2 * ordered.size)
    return share


def _resampled(
    figures: Figures, clusters: NDArray[np.intp], n_resamples: int, seed: int
) -> dict[str, list[float | None]]:
    distinct, members = np.unique(clusters, return_inverse=True)
    draws: dict[str, list[float | None]] = {}
    if distinct.size < 2:
        return {name: [] for name in figures(np.arange(members.size))}
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        drawn = generator.integers(distinct.size, size=distinct.size)
        times = np.bincount(drawn, minlength=distinct.size)[members]
        for name, value in figures(np.repeat(np.arange(members.size), times)).items():
            draws.setdefault(name, []).append(value)
    return draws


def _percentiles(values: list[float | None], level: float) -> Range | None:
    defined = [value for value in values if value is not None]
    if len(defined) < max(1, (1 - MAX_UNDEFINED) * len(values)):
        return None
    low, high = np.quantile(defined, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _paired(
    first: Mapping[str, float | None], second: Mapping[str, float | None]
) -> dict[str, tuple[float, float] | None]:
    paired: dict[str, tuple[float, float] | None] = {}
    for name, a in first.items():
        b = second.get(name)
        paired[name] = None if a is None or b is None else (a, b)
    return paired
