"""The README and the documents say what the program does and what was measured."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.evaluation.tables import render

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def verdicts(text: str) -> list[tuple[str, float, str]]:
    """Verdict, percent and path of each line of `unmask detect`."""
    lines = re.findall(r"^(\w+)\s+([\d.]+)%\s+(\S+)", text, re.MULTILINE)
    return [(verdict, float(percent), path) for verdict, percent, path in lines]


def test_the_two_verdicts_of_the_readme_are_reproduced():
    block = re.search(
        r"<!-- verdicts -->(.*?)<!-- /verdicts -->",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert block is not None
    shown = verdicts(block[1])
    assert [path for _, _, path in shown] == [
        "examples/astronaut.jpg",
        "examples/astronaut-fake.jpg",
    ]
    command = [sys.executable, "-m", "unmask", "detect", *(path for _, _, path in shown)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for (verdict, percent, path), (says, shows, _) in zip(
        verdicts(done.stdout), shown, strict=True
    ):
        assert verdict == says, path
        # Another processor may round another way, but not by half a percent.
        assert percent == pytest.approx(shows, abs=0.5), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_figures_are_those_of_the_results_files(document):
    text = document.read_text(encoding="utf-8")
    assert render(text, ROOT / "docs" / "results") == text, "run make figures"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (document.parent / target).exists(), target
