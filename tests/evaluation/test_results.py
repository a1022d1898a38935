"""Results files: whole or not at all, of this format, and saying where they come from."""

from __future__ import annotations

import json
import subprocess

import pytest

from unmask.errors import DataError, UnmaskError
from unmask.evaluation.results import _commit, origin, read_results, write_results


def test_a_results_file_is_read_back(results, tmp_path):
    path = tmp_path / "r.json"
    write_results(path, results)
    assert read_results(path) == results


def test_a_figure_that_is_not_a_number_never_reaches_the_file(results, tmp_path):
    results["frame"]["figures"]["auc"]["value"] = float("nan")
    path = tmp_path / "r.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        write_results(path, results)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 0}', "not json"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"r\.json"):
        read_results(path)


def test_a_missing_results_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.json: no results file"):
        read_results(tmp_path / "absent.json")


def test_a_folder_that_does_not_exist_is_an_error_by_name(tmp_path, results):
    with pytest.raises(UnmaskError, match=r"x\.json could not be written"):
        write_results(tmp_path / "absent" / "x.json", results)


def test_origin_names_machine_and_versions():
    told = origin()
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["processor"]
    assert told["versions"]["numpy"]
    json.dumps(told)


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_the_commit_is_that_of_this_source_and_says_when_files_differ(tmp_path):
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    git(tmp_path, "init")
    assert _commit(package) is None  # inside a checkout, but no part of it
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = _commit(package)
    assert len(commit) == 40
    (package / "__init__.py").write_text("changed = 1")
    assert _commit(package) == f"{commit}-modified"


def test_outside_a_checkout_there_is_no_commit(tmp_path):
    assert _commit(tmp_path) is None
