"""Stage 6: logit -> calibrated probability -> three-way verdict, by constants of the model card.

The same functions fit the constants and apply them, so that what was measured is what is served.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unmask.errors import ModelError
from unmask.types import Verdict

__all__ = [
    "calibrate",
    "check_calibration",
    "decide",
    "fit_calibration",
    "fit_isotonic",
    "fit_platt",
    "fit_temperature",
    "genuine_needed",
    "negative_log_likelihood",
    "threshold_at_false_alarms",
    "threshold_at_misses",
    "wilson",
]

Scores = NDArray[np.floating[Any]]


def calibrate(logits: Scores | float, calibration: Mapping[str, Any]) -> NDArray[np.float64]:
    """Probabilities of FAKE for fake-minus-real logits, of the same shape.

    `temperature` (Guo et al. 2017): sigmoid(z / T). `platt` (Platt 1999): sigmoid(a z + b).
    `isotonic` (Zadrozny & Elkan 2002): linear between fitted points.

    Raises:
        ModelError: the card names a method that does not exist.
    """
    z = np.asarray(logits, np.float64)
    method = calibration.get("method")
    if method == "temperature":
        return _sigmoid(z / calibration["temperature"])
    if method == "platt":
        return _sigmoid(calibration["a"] * z + calibration["b"])
    if method == "isotonic":
        points = calibration["logits"], calibration["probabilities"]
        return np.asarray(np.interp(z, *points), np.float64)
    raise ModelError(f"The model card's calibration method is {method!r}.")


def check_calibration(calibration: Mapping[str, Any]) -> None:
    """Refuse constants that do not turn rising logits into rising probabilities.

    Those of `video`, the `scale` and `bias` of the logit of a whole track, need not be there.

    Raises:
        ModelError: an unknown method, a missing or unusable constant, or a falling curve.
    """
    try:
        p = calibrate(np.linspace(-30, 30, 601), calibration)
        video = calibration.get("video") or {}
        rises = 0 < video.get("scale", 1.0) < math.inf and math.isfinite(video.get("bias", 0.0))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"The model card's calibration lacks or cannot use {error}"
        raise ModelError(f"{message}: {dict(calibration)}.") from error
    if not rises or not (np.diff(p) >= 0).all() or not 0 <= p[0] < p[-1] <= 1:
        message = "The model card's calibration does not rise from 0 towards 1"
        raise ModelError(f"{message}: {dict(calibration)}.")


def decide(p_fake: float, thresholds: Mapping[str, float]) -> Verdict:
    """`likely_fake` from its threshold on, `likely_real` up to its own, else `inconclusive`."""
    if p_fake >= thresholds["likely_fake"]:
        return Verdict.LIKELY_FAKE
    if p_fake <= thresholds["likely_real"]:
        return Verdict.LIKELY_REAL
    return Verdict.INCONCLUSIVE


def fit_calibration(
    logits: Scores, is_fake: NDArray[np.bool_], clusters: NDArray[np.intp] | None = None
) -> dict[str, Any]:
    """The simplest of the three methods that is as good as the best, fitted on all.

    Judged by five-fold cross-validated likelihood; as good means within one standard error of the
    paired difference (Breiman et al. 1984). What bends more must earn it: isotonic's plateaus give
    different faces the same probability. Samples with the same of the `(n,)` `clusters`, such as
    the frames of a video, are in one fold and count as one.
    """
    members = _members(clusters, len(logits))
    fold = (np.random.default_rng(0).permutation(members.max() + 1) % 5)[members]
    fits = {"temperature": fit_temperature, "platt": fit_platt, "isotonic": fit_isotonic}
    losses = {}
    for name, fit in fits.items():
        held_out = np.empty(len(logits))
        for k in range(5):
            fitted = fit(logits[fold != k], is_fake[fold != k])
            held_out[fold == k] = calibrate(logits[fold == k], fitted)
        losses[name] = _losses(held_out, is_fake)
    best = min(losses.values(), key=lambda loss: float(loss.mean()))
    chosen = next(name for name, loss in losses.items() if _is_as_good(loss - best, members))
    rounded = {name: round(float(loss.mean()), 5) for name, loss in losses.items()}
    return {**fits[chosen](logits, is_fake), "cross_validated_nll": rounded}


def _is_as_good(difference: NDArray[np.float64], members: NDArray[np.intp]) -> bool:
    deviations = np.bincount(members, difference - difference.mean())
    error = float(np.sqrt(np.square(deviations).sum())) / len(difference)
    return bool(difference.mean() <= error)


def fit_temperature(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """The temperature of least negative log-likelihood, by golden-section search on its log."""
    z, y = np.asarray(logits, np.float64), _targets(is_fake)

    def loss(log_temperature: float) -> float:
        scaled = z / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - y * scaled))

    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return {"method": "temperature", "temperature": float(np.exp((low + high) / 2))}


def fit_platt(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """Slope and offset of least negative log-likelihood, by Newton's method with a small ridge."""
    z, y = np.asarray(logits, np.float64), _targets(is_fake)
    design = np.column_stack([z, np.ones_like(z)])
    weights = np.array([1.0, 0.0])
    for _ in range(100):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - y)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, 2.0 / (np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return {"method": "platt", "a": float(weights[0]), "b": float(weights[1])}


def _targets(is_fake: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What to fit in place of 1 and 0 (Platt 1999, section 2.2): as if each class had one more.

    Logits that part the classes of a small split without fault would else be called certain.
    """
    fakes, n = int(np.sum(is_fake)), len(is_fake)
    return np.where(is_fake, (fakes + 1) / (fakes + 2), 1 / (n - fakes + 2))


def fit_isotonic(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """Pool adjacent violators (Ayer et al. 1955); each pool is smoothed by one of each class.

    Pools whose smoothed shares are out of order are pooled again, so that a lone outlier cannot
    lift everything above it.
    """
    z, place = np.unique(np.asarray(logits, np.float64), return_inverse=True)
    n, fakes = np.bincount(place), np.bincount(place, is_fake)
    points = [_Pool(*values) for values in zip(fakes, n, z * n, strict=True)]
    pools = _pooled(_pooled(points, smoothing=0), smoothing=1)
    return {
        "method": "isotonic",
        "logits": [float(pool.logits / pool.n) for pool in pools],
        "probabilities": [float(pool.share(smoothing=1)) for pool in pools],
    }


class _Pool(NamedTuple):
    fakes: float
    n: int
    logits: float
    """Their sum."""

    def share(self, *, smoothing: int) -> float:
        return (self.fakes + smoothing) / (self.n + 2 * smoothing)


def _pooled(points: Iterable[_Pool], *, smoothing: int) -> list[_Pool]:
    pools: list[_Pool] = []
    for pool in points:
        while pools and pools[-1].share(smoothing=smoothing) >= pool.share(smoothing=smoothing):
            last = pools.pop()
            pool = _Pool(last.fakes + pool.fakes, last.n + pool.n, last.logits + pool.logits)
        pools.append(pool)
    return pools


def negative_log_likelihood(p_fake: Scores, is_fake: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats per sample."""
    return float(_losses(p_fake, is_fake).mean())


def _losses(p_fake: Scores, is_fake: NDArray[np.bool_]) -> NDArray[np.float64]:
    p = np.clip(np.asarray(p_fake, np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-np.where(is_fake, np.log(p), np.log1p(-p)))


def threshold_at_false_alarms(
    p_fake: Scores,
    is_fake: NDArray[np.bool_],
    rate: float,
    clusters: NDArray[np.intp] | None = None,
) -> float:
    """The lowest threshold that genuine samples reach at a rate of at most `rate`; 0 without any.

    Of those with the same of the `(n,)` `clusters`, such as the frames of a video, only the highest
    counts: they are no trials apart.

    At most: as far as so many samples can show. So many may reach it that the upper 95 % limit of
    their rate is `rate`, and none where there are too few to show it: one in a hundred leaves a
    rate of four in a hundred possible.
    """
    p_fake, real = np.asarray(p_fake), ~np.asarray(is_fake)
    members = _members(clusters, len(p_fake))[real]
    genuine = np.full(len(p_fake), -np.inf)
    np.maximum.at(genuine, members, p_fake[real])
    genuine = np.sort(genuine[np.unique(members)])
    upper_limit = partial(_upper_limit, n=len(genuine))
    allowed = max(0, bisect_right(range(len(genuine) + 1), rate, key=upper_limit) - 1)
    if allowed >= len(genuine):
        return 0.0
    highest_quiet = genuine[len(genuine) - allowed - 1]
    return float(min(1.0, np.nextafter(highest_quiet, 2.0)))


def genuine_needed(rate: float) -> int:
    """How few genuine samples can show that false alarms are no more than that: none among them."""
    return next(n for n in itertools.count(1) if _upper_limit(0, n) <= rate)


def _upper_limit(hits: int, n: int) -> float:
    """Of a rate, at 95 %: what is above Wilson's interval of 90 % on this side."""
    _, high = wilson(hits, n, level=0.9) or (0.0, 0.0)
    return high


def wilson(hits: float, n: float, *, level: float = 0.95) -> tuple[float, float] | None:
    """Interval of a proportion of independent trials. Wilson, JASA 22 (1927)."""
    from statistics import NormalDist  # nothing that serves needs it at start-up

    if n <= 0:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = hits / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Of none and of all the limit is exact, where rounding would leave some 1e-17 beside it.
    low = 0.0 if hits == 0 else max(0.0, (centre - spread) / scale)
    return low, 1.0 if hits == n else min(1.0, (centre + spread) / scale)


def threshold_at_misses(p_fake: Scores, is_fake: NDArray[np.bool_], rate: float) -> float:
    """The highest threshold that at most `rate` of the fakes stay at or below; 1 without any."""
    fakes = np.sort(np.asarray(p_fake)[np.asarray(is_fake)])
    allowed = int(np.floor(rate * len(fakes)))
    if allowed >= len(fakes):
        return 1.0
    return float(max(0.0, np.nextafter(fakes[allowed], -1.0)))


def _members(clusters: NDArray[np.intp] | None, n: int) -> NDArray[np.intp]:
    """The clusters numbered from 0; None: each sample is one."""
    return np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))
