"""Plots are written for what is defined, the same each time."""

from __future__ import annotations

import sys

import numpy as np
import PIL.Image
import pytest

from unmask.errors import DataError, MissingExtraError
from unmask.evaluation.plots import plot

KINDS = ("roc", "precision-recall", "reliability", "scores")


def test_four_plots_of_each_level(results, tmp_path):
    pytest.importorskip("matplotlib")
    written = plot(results, tmp_path, format="png")
    names = [f"{level}-{kind}.png" for level in ("frame", "video") for kind in KINDS]
    assert [path.name for path in written] == names
    for path in written:
        with PIL.Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert len(np.unique(pixels, axis=0)) > 20  # something is drawn


def test_the_same_results_give_the_same_file(results, tmp_path):
    pytest.importorskip("matplotlib")
    first = [path.read_bytes() for path in plot(results, tmp_path)]
    assert first == [path.read_bytes() for path in plot(results, tmp_path)]


def test_without_fakes_there_is_no_curve_to_draw(results, tmp_path):
    pytest.importorskip("matplotlib")
    results["video"] = None
    results["frame"]["curves"]["roc"] = []
    results["frame"]["curves"]["precision_recall"] = []
    results["frame"]["n_fake"] = 0
    assert [path.stem for path in plot(results, tmp_path)] == ["frame-reliability", "frame-scores"]


def test_what_is_no_folder_or_format_is_a_clear_error(results, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="expected a folder for plots"):
        plot(results, tmp_path / "file")
    with pytest.raises(DataError, match="cannot be written"):
        plot(results, tmp_path, format="bmpx")


def test_without_matplotlib_the_message_has_the_line_that_installs_it(
    results, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "\.\[train\]"'):
        plot(results, tmp_path)
