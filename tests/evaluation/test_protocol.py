"""From outcomes to figures: what counts, what is grouped, what is left undefined."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics

from unmask.errors import DataError
from unmask.evaluation.manifest import Manifest, Row
from unmask.evaluation.protocol import Options, compare, evaluate, stability
from unmask.evaluation.scores import Outcome
from unmask.types import Verdict

QUICK = Options(n_resamples=40)


def made(rows, folder="."):
    """A manifest and outcomes from (label, p_fake or status, columns) triples."""
    manifest, outcomes = [], []
    for number, (label, said, columns) in enumerate(rows):
        manifest.append(Row(f"{number}.jpg", label, **columns))
        scored = not isinstance(said, str)
        outcomes.append(Outcome(said) if scored else Outcome(None, said))
    return Manifest(tuple(manifest), folder), outcomes


def random_rows(n=200, seed=0, **columns):
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        fake = number % 2 == 1
        p = float(1 / (1 + np.exp(-(2 * fake - 1 + 1.5 * generator.normal()))))
        rows.append(("FAKE" if fake else "REAL", p, {"identity": str(number // 4), **columns}))
    return rows


def value(level, name):
    return level["figures"][name]["value"]


def test_frame_figures_are_those_of_the_scored_rows():
    rows = random_rows()
    figures = evaluate(*made(rows), QUICK)["frame"]
    fake = [label == "FAKE" for label, _, _ in rows]
    p = [said for _, said, _ in rows]
    assert value(figures, "auc") == pytest.approx(sklearn.metrics.roc_auc_score(fake, p))
    assert value(figures, "accuracy") == pytest.approx(
        np.mean(np.array(fake) == (np.array(p) > 0.5))
    )
    assert (figures["n"], figures["n_real"], figures["n_clusters"]) == (200, 100, 50)
    for name in ("auc", "accuracy", "eer", "brier"):
        estimate = figures["figures"][name]
        assert estimate["low"] < estimate["value"] < estimate["high"]


def test_even_odds_are_no_fake_and_bins_are_as_many_as_are_asked_for():
    rows = [("REAL", 0.5, {}), ("FAKE", 0.5, {}), ("FAKE", 0.9, {}), ("FAKE", 0.1, {})]
    frame = evaluate(*made(rows), Options(n_resamples=1, n_bins=1))["frame"]
    assert (value(frame, "false_alarm_rate"), value(frame, "recall")) == (0, pytest.approx(1 / 3))
    assert frame["confusion"]["false_fake"] == 0
    assert value(frame, "ece") == pytest.approx(0.75 - 0.5)


def test_rows_that_were_not_scored_change_coverage_and_no_figure():
    rows = random_rows(80)
    gaps = [("FAKE", "no_face", {}), ("FAKE", "no_face", {}), ("REAL", "undecodable", {})]
    without, with_gaps = evaluate(*made(rows), QUICK), evaluate(*made(rows + gaps), QUICK)
    assert with_gaps["frame"] == without["frame"]
    coverage = with_gaps["coverage"]
    assert (coverage["rows"], coverage["scored"]) == (83, 80)
    assert coverage["statuses"] == {"scored": 80, "no_face": 2, "undecodable": 1}
    assert coverage["share_fake"]["value"] == pytest.approx(40 / 42)
    assert coverage["share_real"]["value"] == pytest.approx(40 / 41)


def test_nothing_scored_is_no_level_and_zero_coverage():
    results = evaluate(*made([("REAL", "no_face", {}), ("FAKE", "no_face", {"video": "v"})]), QUICK)
    assert results["frame"] is None
    assert results["video"] is None
    assert results["coverage"]["share"]["value"] == 0.0
    assert results["verdicts"] == results["transfer"] == []


def test_only_genuine_faces_still_give_their_false_alarms():
    rows = [("REAL", p, {}) for p in (0.1, 0.2, 0.3, 0.9)]
    frame = evaluate(*made(rows), QUICK)["frame"]
    assert frame["figures"]["auc"] == {"value": None, "low": None, "high": None}
    assert value(frame, "false_alarm_rate") == 0.25
    assert value(frame, "f1") is None


def test_a_video_is_the_mean_of_its_scored_frames_per_method():
    rows = [
        ("REAL", 0.2, {"video": "1"}),
        ("REAL", 0.4, {"video": "1"}),
        ("REAL", "no_face", {"video": "1"}),
        ("FAKE", 0.9, {"video": "1", "method": "swap"}),
        ("FAKE", 0.1, {"video": "1", "method": "reenact"}),
        ("FAKE", "no_face", {"video": "2", "method": "swap"}),
    ]
    results = evaluate(*made(rows), QUICK)
    video = results["video"]
    assert (video["n_real"], video["n_fake"]) == (1, 2)
    assert value(video, "auc") == 0.5
    assert value(video, "brier") == pytest.approx((0.3**2 + 0.1**2 + 0.9**2) / 3)
    by_method = {part["method"]: part["video"] for part in results["methods"]}
    assert value(by_method["swap"], "auc") == 1.0
    assert value(by_method["reenact"], "auc") == 0.0


def test_a_fake_never_shares_a_video_with_the_real_it_was_made_from():
    rows = [("REAL", 0.2, {"video": "1"}), ("FAKE", 0.8, {"video": "1"})]
    video = evaluate(*made(rows), QUICK)["video"]
    assert (video["n_real"], video["n_fake"]) == (1, 1)
    assert value(video, "auc") == 1.0


def test_without_a_video_column_there_is_no_video_level():
    rows = [("REAL", 0.2, {"original": "1"}), ("FAKE", 0.8, {"original": "1", "method": "swap"})]
    assert evaluate(*made(rows), QUICK)["video"] is None


def test_a_method_is_measured_against_all_reals_of_its_own_source():
    rows = [
        ("REAL", 0.6, {"source": "x"}),
        ("REAL", 0.3, {"source": "x"}),
        ("REAL", 0.0, {"source": "y"}),
        ("FAKE", 0.5, {"source": "x", "method": "swap"}),
        ("FAKE", 0.7, {"source": "x", "method": "reenact"}),
        ("FAKE", 0.9, {"source": "y", "method": "swap"}),
    ]
    results = evaluate(*made(rows), QUICK)
    auc = {(p["source"], p["method"]): value(p["frame"], "auc") for p in results["methods"]}
    assert auc == {("x", "swap"): 0.5, ("x", "reenact"): 1.0, ("y", "swap"): 1.0}
    assert [part["source"] for part in results["sources"]] == ["x", "y"]
    assert [part["frame"]["n"] for part in results["sources"]] == [4, 2]


def test_a_threshold_of_one_source_is_tried_on_the_others():
    """A 1 % threshold of one source may flag half of another: that is what this must show."""
    quiet = [("REAL", p, {"source": "quiet"}) for p in np.linspace(0, 0.2, 100)]
    loud = [("REAL", p, {"source": "loud"}) for p in np.linspace(0, 0.4, 100)]
    fakes = [("FAKE", 0.3, {"source": source}) for source in ("quiet", "loud")]
    table = {
        (each["from"], each["to"], each["target"]): each
        for each in evaluate(*made(quiet + loud + fakes), QUICK)["transfer"]
    }
    assert len(table) == 8
    assert table["quiet", "quiet", 0.05]["false_alarms"]["value"] == 0.05
    assert table["quiet", "loud", 0.05]["false_alarms"]["value"] > 0.5
    assert table["quiet", "loud", 0.05]["caught"]["value"] == 1.0
    assert table["loud", "quiet", 0.01]["false_alarms"]["value"] == 0.0
    assert table["loud", "quiet", 0.01]["caught"]["value"] == 0.0


def test_verdict_rates_are_over_what_was_analysed():
    fake, real = Verdict.LIKELY_FAKE, Verdict.LIKELY_REAL
    unsure, none = Verdict.INCONCLUSIVE, Verdict.NOT_ANALYSED
    told = [
        ("REAL", Outcome(0.1, verdict=real)),
        ("REAL", Outcome(0.99, verdict=fake)),
        ("REAL", Outcome(0.4, verdict=unsure)),
        ("REAL", Outcome(0.1, verdict=real)),
        ("REAL", Outcome(None, "no_face", none)),
        ("REAL", Outcome(None, "not_in_score_file")),
        ("FAKE", Outcome(0.99, verdict=fake)),
        ("FAKE", Outcome(0.02, verdict=real)),
    ]
    manifest = Manifest(
        tuple(Row(str(number), label) for number, (label, _) in enumerate(told)), "."
    )
    overall, source = evaluate(manifest, [outcome for _, outcome in told], QUICK)["verdicts"]
    assert overall == source
    assert overall["false_alarms"]["value"] == 0.25
    assert overall["cleared"]["value"] == 0.5
    assert overall["caught"]["value"] == overall["missed"]["value"] == 0.5
    assert overall["inconclusive"]["value"] == pytest.approx(1 / 6)
    assert overall["counts"]["real"] == {fake: 1, real: 2, unsure: 1, none: 2}
    flags = overall["flag_precision"]["0.5"]
    assert flags["value"] == pytest.approx(0.5 / 0.75)
    assert flags["low"] < 0.2
    assert flags["high"] > 0.9


def test_no_alarm_among_few_reals_does_not_make_every_flag_right():
    outcomes = [Outcome(0.1, verdict=Verdict.LIKELY_REAL)] * 50
    outcomes += [Outcome(0.9, verdict=Verdict.LIKELY_FAKE)] * 50
    rows = [Row(str(number), "REAL" if number < 50 else "FAKE") for number in range(100)]
    flags = evaluate(Manifest(tuple(rows), "."), outcomes, QUICK)["verdicts"][0]["flag_precision"]
    assert flags["0.001"]["value"] == 1.0
    assert flags["0.001"]["low"] < 0.02


def test_scores_without_verdicts_have_no_verdict_rates():
    assert evaluate(*made(random_rows(20)), QUICK)["verdicts"] == []


def test_a_comparison_is_over_what_both_scored():
    rows = random_rows(100)
    manifest, good = made(rows)
    generator = np.random.default_rng(1)
    bad = [Outcome(float(generator.random())) for _ in rows]
    bad[0] = good[1] = Outcome(None, "no_face")
    compared = compare(manifest, good, bad, Options(n_resamples=200))
    assert (compared["rows"], compared["first_only"], compared["second_only"]) == (98, 1, 1)
    auc = compared["figures"]["auc"]
    assert auc["value"] == pytest.approx(auc["first"] - auc["second"])
    assert 0 < auc["low"] < auc["value"]
    assert compared["delong"]["p_value"] < 0.01
    assert compared["delong"]["first"] == pytest.approx(auc["first"])


def test_detectors_without_a_row_in_common_are_not_compared():
    manifest, first = made([("REAL", 0.1, {}), ("FAKE", "no_face", {})])
    second = [Outcome(None, "no_face"), Outcome(0.5)]
    compared = compare(manifest, first, second, QUICK)
    assert compared["rows"] == 0
    assert compared["figures"] == {}
    assert compared["delong"] is None


def test_stability_is_degraded_minus_clean():
    manifest, clean = made(random_rows(100))
    degraded = [
        Outcome(0.5 + 0.01 * (number % 7), verdict=Verdict.LIKELY_FAKE) for number in range(100)
    ]
    degraded[3] = Outcome(None, "face_too_small")
    told = stability(manifest, clean, degraded, QUICK)
    assert stability(manifest, degraded, clean, QUICK)["verdicts"] is None
    counts = told["verdicts"]["counts"]
    assert told["verdicts"]["false_alarms"]["value"] == 1
    assert sum(one["likely_fake"] for one in counts.values()) == 99
    assert sum(one["not_analysed"] for one in counts.values()) == 1
    assert told["change"]["auc"]["value"] < -0.2
    assert told["coverage"]["statuses"]["face_too_small"] == 1
    assert told["frame"]["n"] == 99


def test_results_are_json_without_nan():
    rows = [
        *random_rows(30, source="x", method="m", video="v"),
        ("REAL", "no_face", {"source": "y"}),
    ]
    json.dumps(evaluate(*made(rows), QUICK), allow_nan=False)


def test_curves_are_thinned_and_keep_both_ends():
    frame = evaluate(*made(random_rows(2000)), Options(n_resamples=1))["frame"]
    roc = frame["curves"]["roc"]
    assert len(roc) <= 400
    assert (roc[0], roc[-1]) == ([0.0, 0.0], [1.0, 1.0])
    assert frame["curves"]["precision_recall"][-1] == [1.0, 0.5]
    assert sum(frame["curves"]["histogram"]["real"]) == 1000


def test_rows_and_outcomes_must_match():
    manifest, outcomes = made(random_rows(4))
    with pytest.raises(DataError, match="3 outcomes for the 4 rows"):
        evaluate(manifest, outcomes[:3], QUICK)
    with pytest.raises(DataError, match="no rows"):
        evaluate(Manifest((), manifest.folder), [], QUICK)


def test_of_videos_the_verdict_is_the_detector_s_and_frames_are_a_level_of_their_own():
    rows, said = [], []
    for number in range(12):
        label = "FAKE" if number % 2 else "REAL"
        method = {1: "swap", 3: "blend"}.get(number % 4, "")
        rows.append((label, 0.5, {"identity": str(number // 2), "method": method, "source": "x"}))
        whole = (0.9 if number != 1 else 0.1) if label == "FAKE" else 0.2
        verdict = Verdict.LIKELY_FAKE if whole > 0.5 else Verdict.LIKELY_REAL
        said.append(Outcome(whole, verdict=verdict, frames=(0.4, 0.3 + 0.3 * (label == "FAKE"))))
    manifest, _ = made(rows)
    said[0] = Outcome(None, "undecodable", Verdict.NOT_ANALYSED, ())
    figures = evaluate(manifest, said, QUICK)
    assert (figures["frame"]["n"], figures["video"]["n"]) == (22, 11)
    # Of the frames half of the fakes are 0.6, of which one beats every genuine one.
    assert value(figures["video"], "auc") == pytest.approx(5 / 6)
    assert value(figures["frame"], "auc") == pytest.approx(0.5 + 0.5 * 0.75)
    assert figures["frame"]["n_clusters"] == figures["video"]["n_clusters"] == 6
    assert figures["coverage"]["statuses"] == {"scored": 11, "undecodable": 1}
    assert figures["verdicts"][0]["caught"]["value"] == pytest.approx(5 / 6)
    blend, swap = figures["methods"]
    assert (blend["method"], blend["video"]["n_fake"], blend["frame"]["n_fake"]) == ("blend", 3, 6)
    assert blend["verdicts"]["caught"]["value"] == 1
    assert swap["verdicts"]["caught"]["value"] == pytest.approx(2 / 3)


def test_pictures_and_videos_are_not_mixed():
    manifest, outcomes = made(random_rows(4))
    outcomes[0] = Outcome(0.5, frames=(0.5,))
    with pytest.raises(DataError, match="not both"):
        evaluate(manifest, outcomes, QUICK)
