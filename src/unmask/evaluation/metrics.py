"""Scores and labels -> figures. FAKE is the positive class; `is_fake` is true for it.

A figure that is not defined for the rows at hand (one class only, nothing flagged) is None, never
NaN and never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.errors import DataError

__all__ = [
    "Confusion",
    "Reliability",
    "Roc",
    "brier",
    "confusion",
    "ece",
    "flag_precision",
    "reliability",
    "roc",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many rows of each kind, fakes being the positives."""

    true_fake: int
    false_fake: int
    true_real: int
    false_real: int

    @property
    def accuracy(self) -> float | None:
        right = self.true_fake + self.true_real
        return _share(right, right + self.false_fake + self.false_real)

    @property
    def precision(self) -> float | None:
        if self.recall is None:  # as of f1
            return None
        return _share(self.true_fake, self.true_fake + self.false_fake)

    @property
    def recall(self) -> float | None:
        return _share(self.true_fake, self.true_fake + self.false_real)

    @property
    def f1(self) -> float | None:
        # Without a fake to find it is not defined, however many reals were flagged.
        if self.recall is None:
            return None
        return _share(2 * self.true_fake, 2 * self.true_fake + self.false_fake + self.false_real)

    @property
    def false_alarm_rate(self) -> float | None:
        return _share(self.false_fake, self.false_fake + self.true_real)


def confusion(is_fake: ArrayLike, flagged: ArrayLike) -> Confusion:
    """Count `(n,)` labels against `(n,)` decisions."""
    fake, flag = np.asarray(is_fake, bool), np.asarray(flagged, bool)
    if fake.shape != flag.shape or fake.ndim != 1:
        raise DataError(f"expected as many decisions as labels, got {flag.shape} and {fake.shape}")
    return Confusion(
        true_fake=int((fake & flag).sum()),
        false_fake=int((~fake & flag).sum()),
        true_real=int((~fake & ~flag).sum()),
        false_real=int((fake & ~flag).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """Every operating point: `score >= thresholds[i]` flags `hits[i]` fakes and `alarms[i]` reals.

    `thresholds` (k,) fall from infinity through each distinct score, so ties move together and the
    area is the rank statistic of Mann and Whitney.
    """

    thresholds: Floats
    hits: NDArray[np.intp]
    alarms: NDArray[np.intp]

    @property
    def n_fake(self) -> int:
        return int(self.hits[-1])

    @property
    def n_real(self) -> int:
        return int(self.alarms[-1])

    @property
    def defined(self) -> bool:
        """Whether both classes are there."""
        return self.n_fake > 0 and self.n_real > 0

    @property
    def auc(self) -> float | None:
        """The chance that a fake scores above a real, ties counting half."""
        if not self.defined:
            return None
        doubled = (np.diff(self.alarms) * (self.hits[1:] + self.hits[:-1])).sum()
        return float(doubled / (2 * self.n_fake * self.n_real))

    @property
    def average_precision(self) -> float | None:
        """The sum of precision times gain in recall, without interpolation."""
        if not self.defined:
            return None
        precision = self.hits[1:] / (self.hits[1:] + self.alarms[1:])
        return float((np.diff(self.hits) * precision).sum() / self.n_fake)

    @property
    def eer(self) -> float | None:
        """Where misses and false alarms are equally frequent, linear between operating points."""
        if not self.defined:
            return None
        fpr = self.alarms / self.n_real
        excess = fpr - (1 - self.hits / self.n_fake)  # rises from -1 to 1
        after = int(np.argmax(excess >= 0))
        part = -excess[after - 1] / (excess[after] - excess[after - 1])
        return float(fpr[after - 1] + part * (fpr[after] - fpr[after - 1]))

    def tpr_at(self, fpr: float) -> float | None:
        """The share of fakes caught by the best threshold with at most this false-alarm rate."""
        return float(self.hits[self._last_within(fpr)] / self.n_fake) if self.defined else None

    def threshold_at(self, fpr: float) -> float | None:
        """The lowest score to flag from that keeps false alarms among these reals within `fpr`.

        An observed score, or the next float above all of them where the highest already alarms too
        often.
        """
        if self.n_real == 0:
            return None
        last = self._last_within(fpr)
        return float(self.thresholds[last] if last else np.nextafter(self.thresholds[1], np.inf))

    def _last_within(self, fpr: float) -> int:
        allowed = fpr * self.n_real + 1e-9
        return int(np.searchsorted(self.alarms, allowed, side="right")) - 1


def roc(is_fake: ArrayLike, scores: ArrayLike) -> Roc:
    """Operating points of `(n,)` labels and scores, higher meaning more likely fake.

    Raises:
        DataError: different lengths, or a score that is not finite.
    """
    fake, score = _checked(is_fake, scores)
    order = np.argsort(-score, kind="stable")
    fake, score = fake[order], score[order]
    last_of_tie = np.flatnonzero(np.diff(score, append=-np.inf) != 0)
    return Roc(
        thresholds=np.concatenate([[np.inf], score[last_of_tie]]),
        hits=np.concatenate([[0], np.cumsum(fake)[last_of_tie]]).astype(np.intp),
        alarms=np.concatenate([[0], np.cumsum(~fake)[last_of_tie]]).astype(np.intp),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Per non-empty bin: how many rows, their mean `p_fake`, and the share of fakes among them."""

    counts: NDArray[np.intp]
    mean_p: Floats
    share_fake: Floats


def reliability(is_fake: ArrayLike, p_fake: ArrayLike, *, n_bins: int = 15) -> Reliability:
    """Bin `(n,)` probabilities by equal width; bins are half-open, the last one closed."""
    fake, p = _checked(is_fake, p_fake)
    if p.size and (p.min() < 0 or p.max() > 1):
        raise DataError(f"expected probabilities in [0, 1], got {p.min():g} to {p.max():g}")
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    filled = counts > 0
    return Reliability(
        counts=counts[filled],
        mean_p=np.bincount(bins, p, n_bins)[filled] / counts[filled],
        share_fake=np.bincount(bins, fake, n_bins)[filled] / counts[filled],
    )


def ece(is_fake: ArrayLike, p_fake: ArrayLike, *, n_bins: int = 15) -> float | None:
    """Expected calibration error: the mean over rows of their bin's |mean p_fake - share of fakes|.

    Of the probability of FAKE, not of the confidence in the label. Naeini et al., AAAI 2015.
    """
    bins = reliability(is_fake, p_fake, n_bins=n_bins)
    if not bins.counts.size:
        return None
    gaps = np.abs(bins.mean_p - bins.share_fake)
    return float((bins.counts * gaps).sum() / bins.counts.sum())


def brier(is_fake: ArrayLike, p_fake: ArrayLike) -> float | None:
    """The mean squared difference of `p_fake` and the truth (1 for a fake)."""
    fake, p = _checked(is_fake, p_fake)
    return float(np.square(p - fake).mean()) if p.size else None


def flag_precision(tpr: float, fpr: float, prevalence: float) -> float | None:
    """How often a flag is right where `prevalence` of the material is fake: all three fractions.

    Raises:
        DataError: one of them is outside [0, 1].
    """
    for name, value in (("tpr", tpr), ("fpr", fpr), ("prevalence", prevalence)):
        if not 0 <= value <= 1:
            raise DataError(f"{name} is a fraction in [0, 1], got {value!r}")
    right = tpr * prevalence
    return _share(right, right + fpr * (1 - prevalence))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _checked(is_fake: ArrayLike, scores: ArrayLike) -> tuple[Bools, Floats]:
    fake, score = np.asarray(is_fake, bool), np.asarray(scores, np.float64)
    if fake.shape != score.shape or fake.ndim != 1:
        raise DataError(f"expected as many scores as labels, got {score.shape} and {fake.shape}")
    if not np.isfinite(score).all():
        raise DataError("a score is not finite; rows that were not scored must be left out")
    return fake, score
