"""How sure a figure is. Frames of one person are not independent: intervals go by clusters.

`clusters` is an `(n,)` integer array throughout: rows with the same number stand or fall together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.calibration import wilson
from unmask.errors import DataError
from unmask.evaluation.results import Difference, Estimate

__all__ = [
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

LEVEL = 0.95
"""Of every interval."""

T_ANGLES = np.linspace(0, np.pi / 2, 50_001)

MAX_UNDEFINED = 0.1
"""A figure that is undefined in more resamples than this has no interval."""


def cluster_wilson(hits: ArrayLike, clusters: NDArray[np.intp]) -> Range | None:
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
        effective *= (_t_quantile(n - 1) / _t_quantile(n_clusters - 1)) ** 2
    return wilson(k / n * effective, effective, level=LEVEL)


def _t_quantile(degrees: int) -> float:
    """What Student's t of so many degrees of freedom stays within, either way, at `LEVEL`."""
    angle = np.interp(LEVEL, _t_within(degrees), T_ANGLES)
    return math.sqrt(degrees) * math.tan(angle)


def _t_outside(t: float, degrees: int) -> float:
    """How often Student's t is further than `t` from 0, either way."""
    angle = math.atan(t / math.sqrt(degrees))
    return float(1 - np.interp(angle, T_ANGLES, _t_within(degrees)))


@lru_cache(maxsize=4)  # 400 kB each
def _t_within(degrees: int) -> NDArray[np.float64]:
    """How often Student's t is within sqrt(degrees) tan(angle), for each of `T_ANGLES`.

    Its density is a power of the cosine of that angle, which has a bounded range.
    """
    density = np.cos(T_ANGLES) ** (degrees - 1)
    share = np.append(0, np.cumsum(density[1:] + density[:-1]))
    within: NDArray[np.float64] = share / share[-1]
    return within


def proportion(hits: ArrayLike, clusters: NDArray[np.intp]) -> Estimate:
    """The share of hits with its `cluster_wilson`; nothing of nothing."""
    hit = np.asarray(hits, bool)
    return _estimate(float(hit.mean()) if hit.size else None, cluster_wilson(hit, clusters))


def bootstrap(
    figures: Figures, clusters: NDArray[np.intp], *, n_resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """The `figures` of all rows, with expanded percentile intervals over resampled clusters.

    Expanded (Hesterberg, The American Statistician 69, 2015, section 5.3): resamples of n clusters
    spread less than new samples would, by sqrt(n / (n - 1)) and by Student's t against the normal
    distribution, so that of few clusters the plain percentiles hold less often than they say.

    Of fewer than six clusters there are none: by chance all of them lie to one side of the truth
    too often. Nor of a figure that is the same in every resample: an interval without width would
    claim certainty, of no error among eleven rows, say.
    """
    draws = _resampled(figures, clusters, n_resamples, seed)
    n_clusters = np.unique(clusters).size
    return {
        name: _estimate(value, _interval(draws[name], n_clusters))
        for name, value in figures(np.arange(len(clusters))).items()
    }


def paired_bootstrap(
    first: Figures,
    second: Figures,
    clusters: NDArray[np.intp],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Difference | None]:
    """Compare two detectors, figure by figure, on the same resampled clusters.

    Intervals are as in `bootstrap`, and p-values go with them.
    """

    def difference(rows: NDArray[np.intp]) -> dict[str, float | None]:
        pairs = _paired(first(rows), second(rows))
        return {name: None if pair is None else pair[0] - pair[1] for name, pair in pairs.items()}

    draws = _resampled(difference, clusters, n_resamples, seed)
    n_clusters = np.unique(clusters).size
    compared: dict[str, Difference | None] = {}
    everything = np.arange(len(clusters))
    for name, pair in _paired(first(everything), second(everything)).items():
        values, p_value = draws[name], None
        if values.size:
            # The resample that is the sample itself is counted too, so that p is never 0.
            tail = min(int((values <= 0).sum()), int((values >= 0).sum()))
            p_value = _p_value((tail + 1) / (values.size + 1), n_clusters)
        interval = _interval(values, n_clusters)
        compared[name] = None if pair is None else _difference(*pair, interval, p_value)
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
        return _difference(float(auc_first), float(auc_second), None, 1.0)
    margin = NormalDist().inv_cdf(0.5 + LEVEL / 2) * error
    p_value = math.erfc(abs(value) / error / math.sqrt(2))
    interval = value - margin, value + margin
    return _difference(float(auc_first), float(auc_second), interval, p_value)


def _share_below(reference: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which share of `reference` lies below each of `x`, equality counting half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")
    share: NDArray[np.float64] = below / (2 * ordered.size)
    return share


def _resampled(
    figures: Figures, clusters: NDArray[np.intp], n_resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """What each figure is in resamples; nothing where it is undefined in too many."""
    distinct, members = np.unique(clusters, return_inverse=True)
    if 2.0 ** (1 - distinct.size) > 1 - LEVEL:  # by a coin each, all lie to one side so often
        return {name: np.empty(0) for name in figures(np.arange(members.size))}
    draws: dict[str, list[float | None]] = {}
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        drawn = generator.integers(distinct.size, size=distinct.size)
        times = np.bincount(drawn, minlength=distinct.size)[members]
        for name, value in figures(np.repeat(np.arange(members.size), times)).items():
            draws.setdefault(name, []).append(value)
    return {name: _defined(values) for name, values in draws.items()}


def _defined(values: list[float | None]) -> NDArray[np.float64]:
    defined = [value for value in values if value is not None]
    enough = len(defined) >= (1 - MAX_UNDEFINED) * len(values)
    return np.array(defined if enough else [], np.float64)


def _interval(values: NDArray[np.float64], n_clusters: int) -> Range | None:
    # Sums over rows in another order differ by their rounding, which is no width.
    if not values.size or np.ptp(values) <= 1e-9:
        return None
    t = _t_quantile(n_clusters - 1)
    outside = NormalDist().cdf(-t * math.sqrt(n_clusters / (n_clusters - 1)))
    low, high = np.quantile(values, [outside, 1 - outside])
    return float(low), float(high)


def _p_value(tail: float, n_clusters: int) -> float:
    """Of a difference on whose other side this share of the resamples lies: `_interval` backwards.

    That ends at no difference where this is 1 - `LEVEL`.
    """
    if tail >= 0.5:
        return 1.0
    t = -NormalDist().inv_cdf(tail) * math.sqrt((n_clusters - 1) / n_clusters)
    return _t_outside(t, n_clusters - 1)


def _difference(
    first: float, second: float, interval: Range | None, p_value: float | None
) -> Difference:
    estimate = _estimate(first - second, interval)
    return Difference(**estimate, first=first, second=second, p_value=p_value)


def _estimate(value: float | None, interval: Range | None) -> Estimate:
    low, high = (None, None) if value is None or interval is None else interval
    return Estimate(value=value, low=low, high=high)


def _paired(
    first: Mapping[str, float | None], second: Mapping[str, float | None]
) -> dict[str, tuple[float, float] | None]:
    paired: dict[str, tuple[float, float] | None] = {}
    for name, a in first.items():
        b = second.get(name)
        paired[name] = None if a is None or b is None else (a, b)
    return paired
