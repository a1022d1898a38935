"""The results file: what it holds, where it comes from, how it is written and read.

Numbers only: no picture and no name of one, so that it can be committed and published.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from unmask.errors import DataError
from unmask.files import replacing

__all__ = [
    "FORMAT",
    "Comparison",
    "Counted",
    "Coverage",
    "Curves",
    "Difference",
    "Estimate",
    "Evaluation",
    "Explanations",
    "Level",
    "Origin",
    "Part",
    "Pointed",
    "Results",
    "Spliced",
    "Splices",
    "Stability",
    "Transfer",
    "Verdicts",
    "origin",
    "read_results",
    "write_results",
    "write_text",
]

FORMAT = 1


class Estimate(TypedDict):
    """A figure and its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class Difference(Estimate):
    """A figure of the first minus that of the second, on the same rows.

    `p_value` is two-sided, of there being no difference; None where there is no saying.
    """

    first: float
    second: float
    p_value: float | None


class Coverage(TypedDict):
    rows: int
    scored: int
    share: Estimate
    share_real: Estimate
    share_fake: Estimate
    statuses: dict[str, int]


class Curves(TypedDict):
    """Points to plot: `roc` (fpr, tpr), `precision_recall` (recall, precision)."""

    roc: list[list[float]]
    precision_recall: list[list[float]]
    reliability: dict[str, list[float]]
    histogram: dict[str, list[float]]


class Level(TypedDict):
    """Figures over frames, or over videos."""

    n: int
    n_real: int
    n_fake: int
    n_clusters: int
    figures: dict[str, Estimate]
    confusion: dict[str, int]
    curves: NotRequired[Curves]


class Verdicts(TypedDict):
    """Three-way rates over the analysed rows; `flag_precision` by the share of fakes.

    `cleared` is of the genuine rows; old files lack it.
    """

    source: str
    counts: dict[str, dict[str, int]]
    false_alarms: Estimate
    cleared: NotRequired[Estimate]
    caught: Estimate
    missed: Estimate
    inconclusive: Estimate
    flag_precision: dict[str, Estimate]


class Counted(Estimate):
    """A share of `n` videos."""

    n: int


class Splices(TypedDict):
    """Genuine videos with `share` of a fake in them, all and by the fake's method.

    `false_alarms` is of the genuine ones without a fake. `unreadable` is of how many there was
    nothing to say; old files lack it.
    """

    share: float
    all: Spliced
    methods: dict[str, Spliced]
    false_alarms: Counted
    unreadable: NotRequired[int]


class Spliced(TypedDict):
    """Of `n` such videos, how many were `found`, and in how many the fake was `pointed` to."""

    n: int
    found: Estimate
    pointed: Estimate


class Explanations(TypedDict):
    """How often the hottest place of a fake's heat map was manipulated, and by chance would be.

    By what was said of the fakes: `all`, and those called `likely_fake`. Of the fakes that have
    their original in the manifest, `unknown` are those of which nothing can be said.
    """

    all: Pointed
    likely_fake: Pointed
    unknown: int


class Pointed(Estimate):
    """A share of `n` fakes; `chance` is the mean share of the crop that was manipulated."""

    n: int
    chance: float | None


class Part(TypedDict):
    """One source, or the fakes of one method with all reals of their source."""

    source: str
    method: NotRequired[str]
    coverage: Coverage
    frame: Level | None
    video: Level | None
    verdicts: NotRequired[Verdicts | None]


Transfer = TypedDict(
    "Transfer",
    {
        "from": str,
        "to": str,
        "target": float,
        "threshold": float,
        "false_alarms": Estimate,
        "caught": Estimate,
    },
)


class Comparison(TypedDict):
    """Two detectors on the rows that both scored."""

    rows: int
    first_only: int
    second_only: int
    figures: dict[str, Difference | None]
    delong: Difference | None


class Stability(TypedDict):
    """Figures on degraded pictures, and their change on rows scored both times.

    Old files lack the verdicts.
    """

    coverage: Coverage
    frame: Level | None
    change: dict[str, Difference | None]
    verdicts: NotRequired[Verdicts | None]


class Evaluation(TypedDict):
    settings: dict[str, object]
    coverage: Coverage
    frame: Level | None
    video: Level | None
    sources: list[Part]
    methods: list[Part]
    verdicts: list[Verdicts]
    transfer: list[Transfer]


class Origin(TypedDict):
    """Where figures come from; `commit` is None outside a git checkout."""

    created: str
    commit: str | None
    machine: dict[str, str | int | None]
    versions: dict[str, str]


class Results(Evaluation):
    """A whole results file; `robustness` by degradation. Old files lack the last two."""

    format: int
    name: str
    origin: Origin
    model: dict[str, str] | None
    robustness: dict[str, Stability]
    comparison: Comparison | None
    splices: NotRequired[Splices | None]
    explanations: NotRequired[Explanations | None]


def origin() -> Origin:
    """Describe this machine, the commit of this source tree, and the versions that compute."""
    return Origin(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(Path(__file__).parent),
        machine={
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
        },
        versions={name: version(name) for name in ("numpy", "onnxruntime", "pillow")},
    )


def write_results(path: Path, results: Results) -> None:
    """Write JSON that every parser reads: a figure that is not defined is null, never NaN.

    Raises:
        UnmaskError: the file cannot be written.
    """
    write_text(path, json.dumps(results, indent=1, allow_nan=False) + "\n")


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        DataError: unreadable, not JSON, or of another format.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no results file: {error}") from error
    found = loaded.get("format") if isinstance(loaded, Mapping) else None
    if found != FORMAT:
        raise DataError(f"{path}: expected a results file of format {FORMAT}, got {found!r}")
    return cast("Results", loaded)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none.

    Raises:
        UnmaskError: the folder does not exist, may not be written, or is full.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _commit(folder: Path) -> str | None:
    """The commit of the checkout that `folder` is tracked in, marked where files differ from it."""
    try:
        # An installed copy inside someone else's checkout is not that project's commit.
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/src")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-modified" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _processor() -> str:
    """Its name as Linux tells it, elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
