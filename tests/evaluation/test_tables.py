"""Tables come from results files, and documents of this project are up to date with theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unmask.errors import DataError
from unmask.evaluation.results import write_results
from unmask.evaluation.tables import TABLES, render, update

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(results, tmp_path):
    write_results(tmp_path / "drawn.json", results)
    return tmp_path


def part(wanted, inside="\noutdated\n"):
    return f"before <!-- results:drawn {wanted} -->{inside}<!-- /results --> after"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_renders_once_and_for_all(folder, name):
    text = render(part(name), folder)
    assert "outdated" not in text
    assert text.startswith("before <!--")
    assert text.endswith("--> after")
    assert render(text, folder) == text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) <= 1


def test_figures_are_those_of_the_file(folder, results):
    auc = results["frame"]["figures"]["auc"]
    expected = f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]"
    assert f"| AUC | {expected} |" in render(part("summary"), folder)
    inline = render(part("frame.auc", "old"), folder)
    assert inline == part("frame.auc", expected)
    caught = results["verdicts"][0]["caught"]
    assert f"-->{caught['value']:.3f} [" in render(part("verdicts.caught"), folder)
    degraded = results["robustness"]["jpeg-50"]
    auc, alarms = degraded["frame"]["figures"]["auc"], degraded["verdicts"]["false_alarms"]
    [line] = [line for line in render(part("robustness"), folder).splitlines() if "jpeg-50" in line]
    for one in (auc, alarms):
        assert f"| {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}] |" in line
    told = render(part("jpeg-50.false_alarms"), folder)
    assert f"-->{alarms['value']:.3f} [{alarms['low']:.3f}, {alarms['high']:.3f}]<!--" in told
    assert "brightness 1 (abababababab)" in render(part("origin"), folder)
    assert "| real | " in render(part("confusion"), folder)
    source, called = results["sources"][0], results["verdicts"][1]
    alarms = source["frame"]["figures"]["false_alarm_rate"]
    row = [f"{source['frame']['n_real']}"]
    row += [
        f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
        for one in (alarms, called["false_alarms"], called["cleared"])
    ]
    assert f"| {source['source']} | {' | '.join(row)} | " in render(part("genuine"), folder)


def test_robustness_measured_before_there_were_verdicts_has_dashes_for_them(folder, results):
    del results["robustness"]["jpeg-50"]["verdicts"]
    write_results(folder / "drawn.json", results)
    [line] = [line for line in render(part("robustness"), folder).splitlines() if "jpeg-50" in line]
    assert "| \N{EN DASH} | \N{EN DASH} |" in line


def test_a_comparison_says_of_which_rows_it_is_not(folder, results):
    counts = {"rows": 90, "first_only": 0, "second_only": 0}
    results["comparison"] = {**counts, "figures": {}, "delong": None}
    write_results(folder / "drawn.json", results)
    assert "alone" not in render(part("comparison"), folder)
    for change, told in (
        ({"first_only": 10}, "the 90 rows that both scored; 10 were scored by this alone, 0 by"),
        ({"rows": 0}, "the 0 rows that both scored"),
    ):
        results["comparison"] = {**counts, **change, "figures": {}, "delong": None}
        write_results(folder / "drawn.json", results)
        assert told in render(part("comparison"), folder)


def test_one_difference_can_stand_by_itself(folder, results):
    change = {"value": -0.0125, "low": -0.02, "high": 0.001, "p_value": 0.1}
    results["comparison"] = {"figures": {"auc": change, "eer": None}, "delong": None}
    write_results(folder / "drawn.json", results)
    assert "-->-0.013 [-0.020, 0.001]<!--" in render(part("change.auc"), folder)
    with pytest.raises(DataError, match=r"has no 'change\.eer'"):
        render(part("change.eer"), folder)


def test_a_difference_without_interval_or_p_value_is_told_as_such(folder, results):
    change = {"value": 0.5, "low": None, "high": None, "first": 1.0, "second": 0.5}
    change["p_value"] = None
    results["comparison"]["figures"]["auc"] = change
    write_results(folder / "drawn.json", results)
    told = "| AUC | 1.000 | 0.500 | 0.500 | \N{EN DASH} |"
    assert told in render(part("comparison"), folder)


def test_what_is_not_defined_is_a_dash(folder, results):
    results["frame"]["figures"]["auc"] = {"value": None, "low": None, "high": None}
    write_results(folder / "drawn.json", results)
    assert "-->\N{EN DASH}<!--" in render(part("frame.auc"), folder)


def test_where_nothing_was_scored_the_summary_says_so(folder, results):
    results["frame"] = results["video"] = None
    write_results(folder / "drawn.json", results)
    lines = render(part("summary"), folder).splitlines()
    assert "|  | frame (n = 0) |" in lines
    assert "| AUC | \N{EN DASH} |" in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (part("frame.beauty"), "has no 'frame.beauty'; there are summary"),
        (part("beauty"), "has no 'beauty'"),
        ("<!-- results:other summary --><!-- /results -->", "other.json: no results file"),
        ("<!-- results:drawn summary -->", "not closed"),
        ("<!-- results:drawn --><!-- /results -->", "does not name a file and a table"),
    ],
)
def test_markers_that_cannot_be_filled_are_errors(folder, text, message):
    with pytest.raises(DataError, match=message):
        render(text, folder)


def test_the_command_rewrites_documents_in_place(folder):
    document, plain = folder / "a.md", folder / "b.md"
    document.write_text(part("summary"))
    plain.write_text("nothing to do")
    command = [sys.executable, "-m", "unmask.evaluation.tables"]
    done = subprocess.run([*command, document, plain, "--results", folder], check=False)
    assert done.returncode == 0
    assert "| AUC |" in document.read_text()
    assert update([document, plain], folder) == []
    document.write_text("<!-- results:absent summary --><!-- /results -->")
    done = subprocess.run(
        [*command, document, "--results", folder], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "absent.json" in done.stderr


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_documents_are_up_to_date_with_their_results(document):
    text = document.read_text(encoding="utf-8")
    assert render(text, ROOT / "docs" / "results") == text
