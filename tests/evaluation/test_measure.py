"""From pictures on disk to a results file, with a detector of brightness."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from unmask.errors import DataError, MissingExtraError
from unmask.evaluation import Manifest, Options, Outcome, measure, read_results, read_scores
from unmask.evaluation.explanations import Pointing
from unmask.evaluation.splices import Finding
from unmask.evaluation.tables import TABLES

from .conftest import brightness, read

QUICK = Options(n_resamples=5)


def test_everything_is_measured_and_written(manifest, tmp_path):
    steps = []

    def track(outcomes, step, n):
        steps.append((step, n))
        return outcomes

    scores, out = tmp_path / "scores.csv", tmp_path / "results.json"
    results = measure(
        manifest,
        brightness,
        name="drawn",
        settings={"faces": "whole"},
        read=read,
        degradations=("half-size",),
        scores=scores,
        out=out,
        track=track,
        options=QUICK,
    )
    assert read_results(out) == results
    assert steps == [("drawn", 80), ("half-size", 80)]
    assert results["settings"]["faces"] == "whole"
    assert results["settings"]["n_resamples"] == 5
    assert results["coverage"]["statuses"] == {"scored": 78, "undecodable": 1, "no_face": 1}
    assert results["robustness"]["half-size"]["coverage"] == results["coverage"]
    assert results["robustness"]["half-size"]["change"]["auc"]["value"] == pytest.approx(0)
    assert len(scores.read_text().splitlines()) == 81


def test_scores_that_were_written_give_the_same_results_without_a_detector(manifest, tmp_path):
    scores = tmp_path / "scores.csv"
    first = measure(manifest, brightness, name="drawn", scores=scores, options=QUICK)
    again = measure(manifest, read_scores(scores, manifest), name="drawn", options=QUICK)
    for part in ("coverage", "frame", "video", "sources", "methods", "verdicts", "transfer"):
        assert again[part] == first[part]


def test_noise_is_the_same_in_any_part_of_a_manifest(manifest):
    def noisy(rows):
        seen = {}

        def scorer(sources):
            for number, source in enumerate(sources):
                if isinstance(source, np.ndarray):
                    seen[number] = source.copy()
                yield Outcome(0.5)

        measure(rows, scorer, name="n", read=read, degradations=("noise-8",), options=QUICK)
        return seen

    whole, part = noisy(manifest), noisy(manifest.where(source="y"))
    # Of the 40 rows of source x one could not be decoded.
    np.testing.assert_array_equal(part[0], whole[39])
    assert not np.array_equal(part[0], part[1])


def test_what_was_spliced_is_measured_beside_the_figures(manifest, monkeypatch):
    found = [
        Finding(0, 1, is_found=True, is_pointed_to=True),
        Finding(0, None, is_found=False, is_pointed_to=False),
    ]
    module = sys.modules["unmask.evaluation.measure"]  # the package names its function so too
    monkeypatch.setattr(module, "pairs", lambda _: [(0, 1), (0, None)])
    monkeypatch.setattr(module, "find_splices", lambda *_: iter(found))
    steps = []

    def track(things, what, total):
        steps.append((what, total))
        return things

    outcomes = [Outcome(0.5, frames=(0.5,))] * len(manifest)
    results = measure(
        manifest, outcomes, name="n", judge=lambda _: None, track=track, options=QUICK
    )
    assert steps == [("splices", 2)]
    spliced = results["splices"]["all"]
    assert (spliced["n"], spliced["found"]["value"], spliced["pointed"]["value"]) == (1, 1, 1)
    assert "| no fake | 1 | 0.000" in TABLES["splices"](results)
    assert TABLES["videos"](results).count("| swap |") == 2


def test_heat_maps_are_compared_with_the_truth_where_it_is_asked_for(manifest, monkeypatch):
    module = sys.modules["unmask.evaluation.measure"]
    pointed = [Pointing(2, is_likely_fake=True, is_hit=True, chance=0.25)]
    monkeypatch.setattr(Manifest, "fakes_with_originals", lambda *_: [(2, 0)])
    monkeypatch.setattr(module, "point", lambda *_: iter(pointed))
    outcomes = [Outcome(0.5)] * len(manifest)
    given = {"name": "n", "explain": lambda _: None, "options": QUICK}
    results = measure(manifest, outcomes, read=read, **given)
    assert "| called likely_fake | 1 | 1.000" in TABLES["explanations"](results)
    assert "| 0.250 |" in TABLES["explanations"](results)
    assert TABLES["explanations"](measure(manifest, outcomes, name="n")) == "Not measured."
    with pytest.raises(DataError, match="can be read"):
        measure(manifest, outcomes, **given)


def refuse(sources):
    raise AssertionError("nothing may be scored")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degradations": ("jpeg-51",), "read": read}, "no degradation 'jpeg-51'"),
        ({"degradations": ("jpeg-50",)}, "a way to read them"),
        ({"out": "absent/results.json"}, "the folder .* does not exist"),
        ({"scores": "absent/scores.csv"}, "the folder .* does not exist"),
        ({"plots": "faces/manifest.csv/plots"}, "expected a folder for plots"),
    ],
)
def test_what_cannot_end_well_stops_before_scoring(manifest, tmp_path, arguments, message):
    paths = {
        name: tmp_path / value
        for name, value in arguments.items()
        if name in ("out", "scores", "plots")
    }
    with pytest.raises(DataError, match=message):
        measure(manifest, refuse, name="drawn", **{**arguments, **paths})


def test_the_folder_for_plots_is_made(manifest, tmp_path):
    pytest.importorskip("matplotlib")
    given = {"options": QUICK, "plots": tmp_path / "of" / "plots"}
    measure(manifest, brightness, name="drawn", **given)
    assert (tmp_path / "of" / "plots" / "frame-roc.svg").is_file()


def test_plots_that_cannot_be_drawn_stop_before_scoring(manifest, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"\.\[train\]"):
        measure(manifest, refuse, name="drawn", plots=tmp_path)


def test_outcomes_alone_cannot_be_degraded(manifest):
    outcomes = [Outcome(0.5)] * len(manifest)
    with pytest.raises(DataError, match="need a detector"):
        measure(manifest, outcomes, name="drawn", read=read, degradations=("jpeg-50",))
