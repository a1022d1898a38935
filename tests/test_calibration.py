"""Calibration against scikit-learn, thresholds against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from unmask.calibration import (
    calibrate,
    check_calibration,
    decide,
    fit_calibration,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    genuine_needed,
    negative_log_likelihood,
    threshold_at_false_alarms,
    threshold_at_misses,
    wilson,
)
from unmask.errors import ModelError
from unmask.types import Verdict


def drawn(n: int, slope: float = 1, offset: float = 0) -> tuple[NDArray[np.float64], ...]:
    """Logits whose true probability is sigmoid(slope z + offset), and labels drawn from it."""
    rng = np.random.default_rng(n)
    logits = rng.normal(0, 3, n)
    return logits, rng.random(n) < expit(slope * logits + offset)


# --- fits, against scikit-learn ---


def regression(logits: NDArray[np.float64], is_fake: NDArray[np.bool_], **parameters: object):
    """The logistic regression on Platt's targets: each sample is both, by so much."""
    fakes, reals = is_fake.sum(), (~is_fake).sum()
    targets = np.where(is_fake, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    return LogisticRegression(C=np.inf, tol=1e-8, **parameters).fit(
        np.tile(logits, 2)[:, None],
        np.repeat([True, False], len(logits)),
        np.concatenate([targets, 1 - targets]),
    )


@pytest.mark.parametrize("slope", [0.3, 1, 2.5])
def test_temperature_is_the_logistic_regression_without_an_offset(slope: float) -> None:
    logits, is_fake = drawn(3000, slope)
    fitted = regression(logits, is_fake, fit_intercept=False)
    temperature = fit_temperature(logits, is_fake)["temperature"]
    assert temperature == pytest.approx(1 / fitted.coef_[0, 0], rel=1e-3)
    assert temperature == pytest.approx(1 / slope, rel=0.15)


@pytest.mark.parametrize(("slope", "offset"), [(1, 0), (0.4, -1.5), (2, 3)])
def test_platt_is_the_logistic_regression(slope: float, offset: float) -> None:
    logits, is_fake = drawn(3000, slope, offset)
    fitted = regression(logits, is_fake)
    ours = fit_platt(logits, is_fake)
    assert ours["a"] == pytest.approx(fitted.coef_[0, 0], rel=1e-3)
    assert ours["b"] == pytest.approx(fitted.intercept_[0], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt, fit_calibration])
def test_few_samples_that_part_without_fault_show_no_certainty(fit: object) -> None:
    logits = np.array([-3.0, -2, -2, -1, -1, 1, 1, 2, 2, 3])
    p = calibrate([-2, 2], fit(logits, logits > 0))
    assert p == pytest.approx([1 - p[1], p[1]])
    assert 0.8 < p[1] < 0.95


def test_isotonic_is_near_scikit_learns_and_never_certain() -> None:
    logits, is_fake = drawn(5000)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(logits, is_fake).predict(logits)
    ours = calibrate(logits, fit_isotonic(logits, is_fake))
    assert np.abs(ours - theirs).mean() < 0.02
    assert 0 < ours.min() < ours.max() < 1
    assert theirs.min() == 0  # what smoothing is for


@given(
    samples=st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40),
    seed=st.integers(0, 99),
)
def test_isotonic_rises_strictly_and_does_not_depend_on_order(
    samples: list[tuple[int, bool]], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(samples))
    logits = np.array([float(z) for z, _ in samples])
    is_fake = np.array([y for _, y in samples])
    fitted = fit_isotonic(logits, is_fake)
    assert fit_isotonic(logits[order], is_fake[order]) == fitted
    assert (np.diff(fitted["logits"]) > 0).all()
    assert (np.diff(fitted["probabilities"]) > 0).all()
    assert min(fitted["probabilities"]) > 0
    assert max(fitted["probabilities"]) < 1


def test_one_outlier_does_not_lift_every_probability_of_isotonic() -> None:
    logits, is_fake = drawn(1000)
    logits, is_fake = np.append(logits, [-50, -49]), np.append(is_fake, [False, True])
    assert calibrate(logits, fit_isotonic(logits, is_fake)).min() < 0.05


@pytest.mark.parametrize(
    ("method", "true"),
    [
        ("temperature", lambda z: expit(z / 3)),
        ("platt", lambda z: expit(z / 3 + 2)),
        ("isotonic", lambda z: np.where(z < -1, 0.05, np.where(z < 3, 0.5, 0.97))),
    ],
)
def test_the_method_that_fits_is_chosen(method: str, true: object) -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 4, 4000)
    is_fake = rng.random(4000) < true(logits)  # type: ignore[operator]
    fitted = fit_calibration(logits, is_fake)
    assert fitted["method"] == method
    losses = fitted["cross_validated_nll"]
    assert losses[method] <= min(losses.values()) + 0.005
    assert np.abs(calibrate(logits, fitted) - true(logits)).mean() < 0.05  # type: ignore[operator]


def test_a_bend_that_earns_nothing_is_not_chosen() -> None:
    # By the lowest loss alone chance would now and then prefer one of the other two.
    chosen = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 4, 500)
        chosen.append(fit_calibration(logits, rng.random(500) < expit(logits / 3)))
    assert {fitted["method"] for fitted in chosen} == {"temperature"}
    lowest = [min(f["cross_validated_nll"], key=f["cross_validated_nll"].get) for f in chosen]
    assert set(lowest) != {"temperature"}


def test_likelihood_is_scikit_learns_log_loss() -> None:
    logits, is_fake = drawn(200)
    assert negative_log_likelihood(expit(logits), is_fake) == pytest.approx(
        log_loss(is_fake, expit(logits))
    )
    assert math.isfinite(negative_log_likelihood(np.array([0.0, 1.0]), np.array([True, False])))


# --- what is applied ---


@given(logit=st.floats(-1e6, 1e6), temperature=st.floats(0.05, 20))
def test_temperature_is_a_sigmoid_without_overflow(logit: float, temperature: float) -> None:
    p = float(calibrate(logit, {"method": "temperature", "temperature": temperature}))
    assert p == pytest.approx(expit(logit / temperature), abs=1e-12)


def test_isotonic_is_linear_between_its_points_and_flat_beyond() -> None:
    points = {"method": "isotonic", "logits": [-1, 1, 2], "probabilities": [0.1, 0.5, 0.9]}
    assert calibrate([-9, -1, 0, 1.5, 9], points) == pytest.approx([0.1, 0.1, 0.3, 0.7, 0.9])


def test_nothing_is_calibrated_to_nothing() -> None:
    assert calibrate(np.empty(0), {"method": "temperature", "temperature": 1.0}).shape == (0,)


@pytest.mark.parametrize(
    "calibration",
    [
        {},
        {"method": "magic"},
        {"method": "temperature"},
        {"method": "temperature", "temperature": "hot"},
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": -1},
        {"method": "temperature", "temperature": math.nan},
        {"method": "platt", "a": 1},
        {"method": "platt", "a": -1, "b": 0},
        {"method": "platt", "a": 0, "b": 0},
        {"method": "isotonic", "logits": [0, 1]},
        {"method": "isotonic", "logits": [], "probabilities": []},
        {"method": "isotonic", "logits": [0, 1], "probabilities": [0.9, 0.1]},
        {"method": "isotonic", "logits": [0, 1], "probabilities": [0.1, 1.1]},
        {"method": "isotonic", "logits": [0, 1], "probabilities": [0.1]},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_constants_that_do_not_rise_are_refused(calibration: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="calibration"):
        check_calibration(calibration)


@pytest.mark.parametrize(
    "video",
    [
        {"scale": math.nan},
        {"bias": math.nan},
        {"scale": math.inf, "bias": 0},
        {"scale": "steep"},
        {"bias": "1"},
        {"scale": 0},
        {"scale": -0.5, "bias": 0},
        {"scale": 1, "bias": [0]},
        [1, 0],
        "steep",
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_constants_of_a_video_that_do_not_rise_are_refused(video: object) -> None:
    with pytest.raises(ModelError, match="calibration"):
        check_calibration({"method": "temperature", "temperature": 1.0, "video": video})


@pytest.mark.parametrize("video", [None, {}, {"scale": 0.5, "bias": -1.0}, {"bias": 2}])
def test_constants_of_a_video_need_not_be_there(video: object) -> None:
    check_calibration({"method": "temperature", "temperature": 1.0, "video": video})


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt, fit_isotonic, fit_calibration])
def test_every_fit_passes_the_check(fit: object) -> None:
    check_calibration(fit(*drawn(500)))  # type: ignore[operator]


# --- verdicts and thresholds ---

THRESHOLDS = {"likely_real": 0.3, "likely_fake": 0.8}


@pytest.mark.parametrize(
    ("p_fake", "verdict"),
    [
        (0.0, Verdict.LIKELY_REAL),
        (0.3, Verdict.LIKELY_REAL),
        (np.nextafter(0.3, 1), Verdict.INCONCLUSIVE),
        (0.5, Verdict.INCONCLUSIVE),
        (np.nextafter(0.8, 0), Verdict.INCONCLUSIVE),
        (0.8, Verdict.LIKELY_FAKE),
        (1.0, Verdict.LIKELY_FAKE),
    ],
)
def test_a9_the_thresholds_of_the_card_decide_and_a_tie_at_half_is_inconclusive(
    p_fake: float, verdict: Verdict
) -> None:
    assert decide(p_fake, THRESHOLDS) is verdict


scored = st.lists(
    st.tuples(st.integers(1, 20).map(lambda n: n / 21), st.booleans()), min_size=1, max_size=60
)


@given(samples=scored, rate=st.floats(0, 1))
def test_thresholds_keep_their_rates_and_could_not_be_bolder(
    samples: list[tuple[float, bool]], rate: float
) -> None:
    p_fake, is_fake = np.array([p for p, _ in samples]), np.array([y for _, y in samples])
    genuine, fakes = p_fake[~is_fake], p_fake[is_fake]
    high = threshold_at_false_alarms(p_fake, is_fake, rate)
    low = threshold_at_misses(p_fake, is_fake, rate)
    assert (genuine >= high).sum() <= rate * len(genuine)
    assert (fakes <= low).sum() <= rate * len(fakes)
    if low < 1:
        assert (fakes <= np.nextafter(low, 1)).sum() > rate * len(fakes) - 1e-9
    assert 0 <= high <= 1
    assert 0 <= low <= 1


@pytest.mark.parametrize(("rate", "n"), [(0.05, 52), (0.01, 268), (0.001, 2703)])
def test_so_many_without_a_false_alarm_show_a_rate(rate: float, n: int) -> None:
    assert genuine_needed(rate) == n
    assert wilson(0, n, level=0.9)[1] <= rate < wilson(0, n - 1, level=0.9)[1]


@pytest.mark.parametrize(
    ("n", "rate", "allowed"), [(100, 0.01, 0), (200, 0.01, 0), (2176, 0.01, 14), (100, 0.05, 1)]
)
def test_a_rate_is_kept_as_far_as_so_few_samples_can_show(
    n: int, rate: float, allowed: int
) -> None:
    p_fake = np.arange(n) / n
    threshold = threshold_at_false_alarms(p_fake, np.zeros(n, bool), rate)
    assert (p_fake >= threshold).sum() == allowed
    assert threshold_at_false_alarms(p_fake, np.ones(n, bool), rate) == 0


def test_the_frames_of_a_video_are_one_trial() -> None:
    videos = np.repeat(np.arange(1000), 8)
    p_fake = np.arange(8000) / 8000
    genuine = np.zeros(8000, bool)
    alone, together = (
        threshold_at_false_alarms(p_fake, genuine, 0.01, clusters) for clusters in (None, videos)
    )
    assert (p_fake >= alone).sum() == 65
    assert len(set(videos[p_fake >= together])) == 4
    assert threshold_at_false_alarms(p_fake, ~genuine, 0.01, videos) == 0


def test_the_frames_of_a_video_do_not_bear_each_other_out() -> None:
    rng = np.random.default_rng(3)
    z = np.repeat(rng.normal(0, 3, 60), 20)
    is_fake = np.repeat(rng.random(60) < expit(z[::20] / 2), 20)
    apart, together = (
        fit_calibration(z, is_fake, clusters) for clusters in (None, np.repeat(np.arange(60), 20))
    )
    assert apart["method"] == "isotonic"  # has seen of each video what it is asked about
    assert together["method"] != "isotonic"


def test_five_misses_in_a_hundred() -> None:
    p_fake, is_fake = np.arange(200) / 200, np.zeros(200, bool)
    assert threshold_at_misses(p_fake, ~is_fake, 0.05) < 10 / 200
    assert (p_fake <= threshold_at_misses(p_fake, ~is_fake, 0.05)).sum() == 10
