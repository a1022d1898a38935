"""Stage 6: logit -> calibrated probability -> three-way verdict, by constants of the model card.

The same functions fit the constants and apply them, so that what was measured is what is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.errors import ModelError
from unmask.types import Verdict

__all__ = [
    "calibrate",
    "decide",
    "fit_calibration",
    "fit_isotonic",
    "fit_platt",
    "fit_temperature",
    "negative_log_likelihood",
    "threshold_at_false_alarms",
    "threshold_at_misses",
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


def decide(p_fake: float, thresholds: Mapping[str, float]) -> Verdict:
    """`likely_fake` from its threshold on, `likely_real` up to its own, else `inconclusive`."""
    if p_fake >= thresholds["likely_fake"]:
        return Verdict.LIKELY_FAKE
    if p_fake <= thresholds["likely_real"]:
        return Verdict.LIKELY_REAL
    return Verdict.INCONCLUSIVE


def fit_calibration(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """The best of the three methods by five-fold cross-validated likelihood, fitted on all."""
    fold = np.random.default_rng(0).permutation(len(logits)) % 5
    fits = {"temperature": fit_temperature, "platt": fit_platt, "isotonic": fit_isotonic}
    losses = {}
    for name, fit in fits.items():
        held_out = np.empty(len(logits))
        for k in range(5):
            fitted = fit(logits[fold != k], is_fake[fold != k])
            held_out[fold == k] = calibrate(logits[fold == k], fitted)
        losses[name] = negative_log_likelihood(held_out, is_fake)
    best = min(losses, key=lambda name: losses[name])
    rounded = {name: round(loss, 5) for name, loss in losses.items()}
    return {**fits[best](logits, is_fake), "cross_validated_nll": rounded}


def fit_temperature(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """The temperature of least negative log-likelihood, by golden-section search on its log."""
    z, y = np.asarray(logits, np.float64), np.asarray(is_fake)
    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        loss_a, loss_b = (negative_log_likelihood(_sigmoid(z / np.exp(t)), y) for t in (a, b))
        low, high = (low, b) if loss_a < loss_b else (a, high)
    return {"method": "temperature", "temperature": float(np.exp((low + high) / 2))}


def fit_platt(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """Slope and offset of least negative log-likelihood, by Newton's method with a small ridge."""
    z, y = np.asarray(logits, np.float64), np.asarray(is_fake, np.float64)
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


def fit_isotonic(logits: Scores, is_fake: NDArray[np.bool_]) -> dict[str, Any]:
    """Pool adjacent violators (Ayer et al. 1955); each pool is smoothed by one of each class."""
    order = np.argsort(logits, kind="stable")
    pools: list[list[float]] = []  # fakes, count, sum of logits
    for z, y in zip(np.asarray(logits)[order], np.asarray(is_fake)[order], strict=True):
        pools.append([float(y), 1.0, float(z)])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return {
        "method": "isotonic",
        "logits": [z / n for _, n, z in pools],
        "probabilities": np.maximum.accumulate([(k + 1) / (n + 2) for k, n, _ in pools]).tolist(),
    }


def negative_log_likelihood(p_fake: Scores, is_fake: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats per sample."""
    p = np.clip(p_fake, 1e-7, 1 - 1e-7)
    return float(-np.where(is_fake, np.log(p), np.log1p(-p)).mean())


def threshold_at_false_alarms(p_fake: Scores, is_fake: NDArray[np.bool_], rate: float) -> float:
    """The lowest threshold that at most `rate` of the genuine samples reach."""
    genuine = np.sort(np.asarray(p_fake)[~np.asarray(is_fake)])
    allowed = int(np.floor(rate * len(genuine)))
    highest_quiet = genuine[len(genuine) - allowed - 1]
    return float(min(1.0, np.nextafter(highest_quiet, 2.0)))


def threshold_at_misses(p_fake: Scores, is_fake: NDArray[np.bool_], rate: float) -> float:
    """The highest threshold that at most `rate` of the fakes stay at or below."""
    fakes = np.sort(np.asarray(p_fake)[np.asarray(is_fake)])
    allowed = int(np.floor(rate * len(fakes)))
    return float(max(0.0, np.nextafter(fakes[allowed], -1.0)))


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))
