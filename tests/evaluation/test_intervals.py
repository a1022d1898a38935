"""Intervals against SciPy and definitions, and clusters against pretending there are none."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import DataError
from unmask.evaluation.intervals import (
    _t_quantile,
    bootstrap,
    cluster_wilson,
    delong,
    paired_bootstrap,
    wilson,
)
from unmask.evaluation.metrics import roc


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(trial):
    hits, n = trial
    expected = scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("n", [5, 15, 33])
def test_none_and_all_reach_their_ends(n):
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1


def test_wilson_of_nothing_is_none():
    assert wilson(0, 0) is None
    assert cluster_wilson([], np.array([], int)) is None


@given(st.lists(st.booleans(), min_size=2, max_size=50).filter(lambda h: 0 < sum(h) < len(h)))
def test_rows_that_are_their_own_cluster_lose_one_degree_of_freedom(hits):
    n, share = len(hits), sum(hits) / len(hits)
    expected = wilson(share * (n - 1), n - 1)
    assert cluster_wilson(hits, np.arange(n)) == pytest.approx(expected)


def test_ten_copies_of_a_row_count_as_one_of_which_60_know_the_variance():
    generator = np.random.default_rng(0)
    people = generator.random(60) < 0.3
    copied, clusters = np.repeat(people, 10), np.repeat(np.arange(60), 10)
    known = (scipy.stats.t.ppf(0.975, 599) / scipy.stats.t.ppf(0.975, 59)) ** 2
    expected = wilson(people.mean() * 59 * known, 59 * known)
    assert cluster_wilson(copied, clusters) == pytest.approx(expected, abs=1e-6)


def test_an_interval_over_few_clusters_worked_by_hand():
    """Of four people with five frames each 5, 3, 2 and 0 are flagged.

    Off their 2.5 by 2.5, 0.5, 0.5 and 2.5, of squares 13: variance 4/3 x 13 / 20^2 = 0.04333, a
    binomial one 0.25 / 20 = 0.0125, design effect 3.4667, so 5.7692 rows. By tables t is 2.093 for
    19 degrees of freedom and 3.182 for 3: 5.7692 x (2.093 / 3.182)^2 = 2.4961 rows. Wilson's half
    width is 1.95996 sqrt(0.25 / 2.4961 + 3.8415 / (4 x 2.4961^2)) / (1 + 3.8415 / 2.4961) = 0.3893.
    """
    hits = np.concatenate([np.arange(5) < n for n in (5, 3, 2, 0)])
    interval = cluster_wilson(hits, np.repeat(np.arange(4), 5))
    assert interval == pytest.approx((0.5 - 0.3893, 0.5 + 0.3893), abs=1e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 22, 575, 4317, 20_000])
def test_quantiles_of_t_are_scipys(degrees):
    expected = scipy.stats.t.ppf(0.975, degrees)
    assert _t_quantile(degrees) == pytest.approx(expected, rel=1e-5)


def test_no_alarm_among_many_frames_of_few_people_says_what_few_people_say():
    clusters = np.repeat(np.arange(5), 200)
    assert cluster_wilson(np.zeros(1000, bool), clusters) == wilson(0, 5)


def clustered_sample(n_people=40, frames=25, seed=1):
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n_people), frames)
    fake = np.repeat(np.arange(n_people) % 2 == 0, frames)
    person = np.repeat(generator.normal(size=n_people), frames)
    score = fake + person + 0.2 * generator.normal(size=clusters.size)
    return fake, score, clusters


def auc_of(fake, score):
    return lambda index: {"auc": roc(fake[index], score[index]).auc}


def test_the_clustered_bootstrap_is_wider_than_the_naive_one():
    fake, score, clusters = clustered_sample()
    told, naive = (
        bootstrap(auc_of(fake, score), by, n_resamples=300)["auc"]
        for by in (clusters, np.arange(clusters.size))
    )
    assert told["high"] - told["low"] > 3 * (naive["high"] - naive["low"])
    assert told["value"] == naive["value"] == roc(fake, score).auc
    assert told["low"] < told["value"] < told["high"]


def test_the_bootstrap_of_a_mean_has_its_standard_error():
    values = np.random.default_rng(3).normal(size=400)
    told = bootstrap(
        lambda index: {"mean": float(values[index].mean())}, np.arange(400), n_resamples=2000
    )["mean"]
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert told["high"] - told["low"] == pytest.approx(expected, rel=0.08)


def mean_of(values):
    return lambda rows: {"mean": float(values[rows].mean())}


def test_intervals_over_few_clusters_hold_as_often_as_they_say():
    """Of eight the plain percentiles, 2.5 and 97.5, hold in 87 %."""
    generator = np.random.default_rng(0)
    held = []
    for _ in range(250):
        figures = mean_of(generator.normal(size=8))
        told = bootstrap(figures, np.arange(8), n_resamples=200)["mean"]
        held.append(told["low"] < 0 < told["high"])
    assert np.mean(held) > 0.91


@pytest.mark.parametrize("shift", [0, 0.2, 0.3, 0.5, 0.6, 1])
def test_an_interval_without_0_is_a_p_value_below_5_percent(shift):
    values = np.random.default_rng(1).normal(size=9)
    nothing = mean_of(np.zeros(9))
    told = paired_bootstrap(mean_of(values + shift), nothing, np.arange(9))["mean"]
    assert (told["low"] > 0) == (told["p_value"] < 0.05)


def test_the_same_seed_gives_the_same_interval():
    fake, score, clusters = clustered_sample()
    first, again, other = (
        bootstrap(auc_of(fake, score), clusters, n_resamples=50, seed=seed)["auc"]
        for seed in (7, 7, 8)
    )
    assert first == again != other


def test_one_cluster_or_one_class_has_no_interval():
    fake, score = np.array([True, False]), np.array([0.9, 0.1])
    one = bootstrap(auc_of(fake, score), np.zeros(2, int))
    assert one == {"auc": {"value": 1, "low": None, "high": None}}
    only_fakes = bootstrap(auc_of(np.ones(9, bool), np.arange(9)), np.arange(9), n_resamples=20)
    assert only_fakes == {"auc": {"value": None, "low": None, "high": None}}


def test_fewer_clusters_than_can_show_it_have_no_interval():
    """Five of five lie to one side of the truth in 6.25 % of samples, six of six in 3.1 %."""
    values = np.random.default_rng(0).normal(size=60)

    def mean(rows):
        return {"mean": float(values[rows].mean())}

    assert bootstrap(mean, np.repeat(np.arange(5), 12))["mean"]["low"] is None
    assert bootstrap(mean, np.repeat(np.arange(6), 10))["mean"]["low"] is not None


def one_sided(n_clusters, n_resamples):
    """The p-value where no resample is on the other side."""
    z = scipy.stats.norm.isf(1 / (n_resamples + 1))
    return 2 * scipy.stats.t.sf(z * np.sqrt((n_clusters - 1) / n_clusters), n_clusters - 1)


def test_a_few_people_who_all_agree_are_no_proof():
    """In no resample of seven people is the first not better; of four it cannot be said."""
    first, second = (lambda _, p=p: {"recall": p} for p in (1.0, 0.0))
    told = paired_bootstrap(first, second, np.repeat(np.arange(7), 5))["recall"]
    assert told == {
        "value": 1,
        "low": None,
        "high": None,
        "first": 1,
        "second": 0,
        "p_value": pytest.approx(one_sided(7, 1000), rel=1e-4),
    }
    told = paired_bootstrap(first, second, np.repeat(np.arange(4), 5))["recall"]
    assert (told["value"], told["p_value"]) == (1, None)


def test_what_no_resample_changes_has_no_interval():
    """Eleven fakes, all of them caught: no certainty that every one will be."""
    caught = bootstrap(lambda rows: {"recall": 1.0, "n": float(rows.sum())}, np.arange(11))
    assert caught["recall"] == {"value": 1, "low": None, "high": None}
    assert caught["n"]["low"] is not None
    # Nor where it is not defined in some.
    some = bootstrap(lambda rows: {"recall": 1.0 if 3 in rows else None}, np.arange(11))
    assert some["recall"]["low"] is None
    # Sums in another order differ by their rounding, which is no width.
    rounded = bootstrap(lambda rows: {"ece": 0.1 + 1e-16 * len(set(rows))}, np.arange(11))
    assert rounded["ece"]["low"] is None


def naive_delong(fake, first, second):
    """The definition, pair by pair: DeLong et al. 1988, equations 3 to 5."""

    def kernel(x, y):
        return 1.0 if x > y else 0.5 if x == y else 0.0

    v10, v01 = [], []
    for score in (first, second):
        fakes, reals = score[fake], score[~fake]
        pairs = np.array([[kernel(x, y) for y in reals] for x in fakes])
        v10.append(pairs.mean(axis=1))
        v01.append(pairs.mean(axis=0))
    s = np.cov(v10) / fake.sum() + np.cov(v01) / (~fake).sum()
    return v10[0].mean() - v10[1].mean(), s[0, 0] + s[1, 1] - 2 * s[0, 1]


score_pairs = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=6, max_size=40
)


@given(score_pairs)
def test_delong_equals_its_definition(cases):
    fake, first, second = (np.array(column) for column in zip(*cases, strict=True))
    if min(fake.sum(), (~fake).sum()) < 2:
        assert delong(fake, first, second) is None
        return
    value, variance = naive_delong(fake, first, second)
    test = delong(fake, first, second)
    if variance < 1e-15:
        assert (test is None) == (abs(value) > 1e-12)
        return
    assert test["value"] == pytest.approx(value)
    z = value / np.sqrt(variance)
    assert test["p_value"] == pytest.approx(2 * scipy.stats.norm.sf(abs(z)))
    assert (test["high"] - test["low"]) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)


def test_delong_of_an_example_worked_by_hand():
    """Ten rows; second minus first, each fake against the reals and each real against the fakes.

    Fakes: .5 .3 .2 .5 -.1, mean .28, variance .062. Reals: .4 .3 .4 .4 -.1, mean .28, variance
    .047. So z = .28 / sqrt((.062 + .047) / 5) = 1.8964.
    """
    fake = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1], bool)
    first = [0.5] * 9 + [0.8]
    second = [0.2, 0.5, 0.1, 0.4, 0.9, 0.8, 0.7, 0.5, 0.9, 0.8]
    test = delong(fake, second, first)
    assert (test["first"], test["second"]) == (pytest.approx(0.88), pytest.approx(0.6))
    assert test["p_value"] == pytest.approx(2 * scipy.stats.norm.sf(0.28 / np.sqrt(0.109 / 5)))
    assert round(test["p_value"], 4) == 0.0579


def test_delong_s_error_is_the_spread_of_the_auc():
    generator = np.random.default_rng(5)
    fake = np.arange(120) % 2 == 0
    differences, errors = [], []
    for _ in range(400):
        signal = fake + generator.normal(size=120)
        first, second = (signal + generator.normal(size=120) for _ in range(2))
        test = delong(fake, first, second)
        differences.append(test["value"])
        errors.append((test["high"] - test["low"]) / 2 / 1.96)
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.12)


def test_delong_of_the_same_scores_finds_nothing():
    fake, score, _ = clustered_sample()
    test = delong(fake, score, score)
    assert (test["value"], test["p_value"]) == (0.0, 1.0)


def test_delong_refuses_scores_of_another_length():
    with pytest.raises(DataError):
        delong([True, False], [0.1, 0.2], [0.1, 0.2, 0.3])


def test_a_better_detector_is_told_from_an_equal_one():
    fake, score, clusters = clustered_sample(n_people=100, frames=4)
    noisy = score + np.random.default_rng(9).normal(size=score.size) * 3
    better = paired_bootstrap(auc_of(fake, score), auc_of(fake, noisy), clusters, n_resamples=300)[
        "auc"
    ]
    assert better["low"] > 0
    assert better["p_value"] == pytest.approx(one_sided(100, 300), rel=1e-4)
    assert better["value"] == pytest.approx(roc(fake, score).auc - roc(fake, noisy).auc)
    same = paired_bootstrap(auc_of(fake, score), auc_of(fake, score), clusters, n_resamples=50)
    assert (same["auc"]["value"], same["auc"]["p_value"]) == (0.0, 1.0)


def test_a_figure_that_is_undefined_is_not_compared():
    fake, score = np.ones(4, bool), np.linspace(0, 1, 4)
    compared = paired_bootstrap(auc_of(fake, score), auc_of(fake, score), np.arange(4))
    assert compared == {"auc": None}
