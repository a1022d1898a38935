"""Figures against scikit-learn and SciPy, ties and single classes among the cases."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq

from unmask.errors import DataError
from unmask.evaluation import metrics
from unmask.evaluation.metrics import Confusion, confusion, flag_precision, roc

# Few distinct scores, so that most examples have ties.
rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 10).map(lambda x: x / 10)), min_size=1, max_size=60
)
both_classes = rows.filter(lambda pairs: {fake for fake, _ in pairs} == {True, False})


def columns(pairs):
    return [fake for fake, _ in pairs], [score for _, score in pairs]


@given(both_classes)
def test_roc_figures_equal_scikit_learn(pairs):
    fake, score = columns(pairs)
    curve = roc(fake, score)
    assert curve.auc == pytest.approx(sklearn.metrics.roc_auc_score(fake, score))
    assert curve.average_precision == pytest.approx(
        sklearn.metrics.average_precision_score(fake, score)
    )
    fpr, tpr, thresholds = sklearn.metrics.roc_curve(fake, score, drop_intermediate=False)
    np.testing.assert_allclose(curve.alarms / curve.n_real, fpr)
    np.testing.assert_allclose(curve.hits / curve.n_fake, tpr)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    for target in (0.01, 0.05, 0.5):
        assert curve.tpr_at(target) == pytest.approx(max(tpr[fpr <= target]))


@given(both_classes)
def test_eer_equals_the_root_of_the_interpolated_curve(pairs):
    fake, score = columns(pairs)
    fpr, tpr, _ = sklearn.metrics.roc_curve(fake, score, drop_intermediate=False)
    # By arc length, which is defined on the vertical parts of the curve too.
    along = np.cumsum(np.hypot(np.diff(fpr, prepend=0), np.diff(tpr, prepend=0)))
    excess, alarms = interp1d(along, fpr - (1 - tpr)), interp1d(along, fpr)
    root = brentq(excess, along[0], along[-1])
    assert roc(fake, score).eer == pytest.approx(float(alarms(root)), abs=1e-6)


@given(both_classes)
def test_counts_and_brier_equal_scikit_learn(pairs):
    fake, score = columns(pairs)
    flagged = np.array(score) > 0.5
    ours = confusion(fake, flagged)
    assert ours.accuracy == pytest.approx(sklearn.metrics.accuracy_score(fake, flagged))
    assert ours.recall == pytest.approx(sklearn.metrics.recall_score(fake, flagged))
    assert ours.f1 == pytest.approx(sklearn.metrics.f1_score(fake, flagged))
    if flagged.any():
        assert ours.precision == pytest.approx(sklearn.metrics.precision_score(fake, flagged))
    else:
        assert ours.precision is None
    assert metrics.brier(fake, score) == pytest.approx(
        sklearn.metrics.brier_score_loss(fake, score)
    )


@given(both_classes)
def test_reliability_equals_a_loop_over_bins(pairs):
    fake, p = map(np.array, columns(pairs))
    expected = 0.0
    for b in range(15):
        low, high = b / 15, (b + 1) / 15
        inside = (p >= low) & ((p < high) | ((b == 14) & (p == 1)))
        if inside.any():
            expected += inside.mean() * abs(p[inside].mean() - fake[inside].mean())
    assert metrics.ece(fake, p) == pytest.approx(expected)


@given(both_classes, st.floats(0, 1))
def test_a_threshold_keeps_its_false_alarm_rate_and_no_lower_score_does(pairs, target):
    fake, score = map(np.array, columns(pairs))
    threshold = roc(fake, score).threshold_at(target)
    real = score[~fake]
    assert (real >= threshold).mean() <= target + 1e-9
    lower = score[score < threshold]
    if lower.size:
        assert (real >= lower.max()).mean() > target


def test_calibrated_probabilities_have_no_error_and_wrong_ones_have_it_all():
    fake = [False] * 9 + [True]
    assert metrics.ece(fake, [0.1] * 10) == pytest.approx(0)
    assert metrics.ece(fake, [1.0] * 10) == pytest.approx(0.9)


@pytest.mark.parametrize("fake", [[True, True], [False, False], []])
def test_one_class_only_is_none_not_nan(fake):
    score = [0.2, 0.7][: len(fake)]
    curve = roc(fake, score)
    assert (curve.auc, curve.average_precision, curve.eer, curve.tpr_at(0.01)) == (None,) * 4
    if not fake:
        assert metrics.ece(fake, score) is None
        assert metrics.brier(fake, score) is None
        assert confusion(fake, score).accuracy is None


def test_only_reals_still_give_a_threshold_and_a_false_alarm_rate():
    assert roc([False] * 4, [0.1, 0.2, 0.3, 0.4]).threshold_at(0.25) == 0.4
    above_all = roc([False] * 4, [0.1, 0.2, 0.3, 1.0]).threshold_at(0.01)
    assert above_all > 1.0
    counts = confusion([False] * 4, [False, False, False, True])
    assert counts.false_alarm_rate == 0.25
    assert (counts.recall, counts.f1, counts.precision) == (None, None, None)


def test_only_fakes_give_no_threshold():
    assert roc([True], [0.5]).threshold_at(0.01) is None


@pytest.mark.parametrize(
    ("fake", "score"),
    [([True], [0.1, 0.2]), ([True, False], [np.nan, 0.1]), ([[True]], [[0.1]])],
)
def test_scores_that_cannot_be_measured_are_refused(fake, score):
    with pytest.raises(DataError):
        roc(fake, score)


def test_probabilities_outside_the_unit_interval_are_refused():
    with pytest.raises(DataError, match="probabilities"):
        metrics.ece([True, False], [1.2, 0.3])


def test_the_specification_contradicts_its_own_confusion_matrix():
    """Corrections J1: 93.8, 94.7, 94.2 are printed beside a matrix that gives these."""
    counts = Confusion(true_fake=21_285, false_fake=1_350, true_real=21_150, false_real=1_215)
    assert round(counts.accuracy, 3) == 0.943
    assert round(counts.precision, 4) == 0.9404
    assert round(counts.recall, 4) == 0.9460
    assert round(counts.f1, 4) == 0.9432


def test_at_one_fake_in_a_thousand_the_specification_s_flag_is_right_one_time_in_sixty():
    assert round(flag_precision(0.946, 0.060, 0.001), 3) == 0.016
    assert flag_precision(0.9, 0.0, 0.5) == 1.0
    assert flag_precision(0.0, 0.0, 0.5) is None


@pytest.mark.parametrize("bad", [(94.6, 0.06, 0.1), (0.9, -0.1, 0.1), (0.9, 0.1, 50)])
def test_percentages_are_refused_where_a_fraction_is_meant(bad):
    with pytest.raises(DataError, match="fraction"):
        flag_precision(*bad)
