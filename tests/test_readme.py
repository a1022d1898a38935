"""The README and the documents say what the program does and what was measured."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unmask.evaluation.tables import render

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PAGE = [path for folder in ("app", "components") for path in (ROOT / "web" / folder).rglob("*.tsx")]
MARKED = re.compile(r"<!-- ([a-z ]+)\b.*?-->.*?<!-- /\1 -->", re.DOTALL)
SPECIFIED = (
    r"94\.[23] ?%|93\.8 ?%|94\.7 ?%|1,?329|1,?291|(?:34|18) ?% of (?:spatial|frequency)"
    r"|23\.5 ?m|71 layers|\b(?:12|18) hours|\d Hz\b|production.ready|real.time"
)
"""Figures and promises of the specification."""


def verdicts(text: str) -> list[tuple[str, float, str]]:
    """Verdict, percent and path of each line of `unmask detect`."""
    lines = re.findall(r"^(\w+)\s+([\d.]+)%\s+(\S+)", text, re.MULTILINE)
    return [(verdict, float(percent), path) for verdict, percent, path in lines]


def test_the_verdicts_of_the_readme_are_reproduced():
    block = re.search(
        r"<!-- verdicts -->(.*?)<!-- /verdicts -->",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert block is not None
    shown = verdicts(block[1])
    assert [path for _, _, path in shown] == [
        "examples/hopper.jpg",
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


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("README.md", "likely_real None"),
        ("docs/library.md", "missing.jpg not_analysed unreadable"),
    ],
)
def test_the_python_of_the_documents_runs(document, told, clip, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "clip.mp4").write_bytes(clip([np.zeros((64, 64, 3), np.uint8)] * 2))
    text = (ROOT / document).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told in done.stdout


def test_the_sums_of_the_specification_are_as_the_document_has_them():
    """Corrections I10, J2 and J5: what it says beside what its own figures give."""
    text = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    [section] = [one for one in MARKED.finditer(text) if one[1] == "not reproduced"]
    stages_ms = (52, 183, 78, 421, 312, 245)
    assert f"{' + '.join(map(str, stages_ms))} ms, give {sum(stages_ms):,} ms" in section[0]
    both_wrong = ((1 - 0.917) * (1 - 0.34), (1 - 0.863) * (1 - 0.18))
    for share in both_wrong:
        assert f"in {share:.1%}".replace("%", " %") in section[0]
    minutes = [f"{hours * 60 / epochs:.0f}" for hours, epochs in ((12, 15), (18, 35))]
    assert f"{minutes[0]} minutes an epoch for the head alone, {minutes[1]} for" in section[0]


def test_no_figure_of_the_specification_is_told_as_ours():
    """Corrections A3, C2, I10, J1, J2 and J5, and what such a detector cannot promise."""
    typed = {path.name: MARKED.sub("", path.read_text("utf-8")) for path in DOCUMENTS + PAGE}
    found = {name: re.findall(SPECIFIED, text, re.IGNORECASE) for name, text in typed.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_the_tree_of_the_readme_is_that_of_the_sources():
    [tree] = re.findall(
        r"^src/unmask/\n(.*?)^\w", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )
    named = {
        name
        for names in re.findall(r"^[├└]── ((?:[\w./]+(?:, )?)+)", tree, re.M)
        for name in names.split(", ")
    }
    sources = [one for one in (ROOT / "src" / "unmask").iterdir() if not one.name.startswith("_")]
    assert named == {one.name for one in sources if one.suffix == ".py"} | {
        f"{one.name}/" for one in sources if (one / "__init__.py").exists()
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (document.parent / target).exists(), target
