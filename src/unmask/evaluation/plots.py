"""A results object -> ROC, precision-recall, reliability and score-distribution pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unmask.errors import DataError, MissingExtraError
from unmask.evaluation.results import Curves, Evaluation, Level
from unmask.files import replacing

__all__ = ["check_plots", "plot"]

STYLE: Any = {"font.size": 9, "axes.grid": True, "axes.axisbelow": True, "grid.color": "#dddddd"}
REAL, FAKE = "#2c7fb8", "#d95f0e"  # told apart by the colour-blind too


def check_plots(folder: Path) -> None:
    """Find out before hours are spent whether plots can be drawn into `folder`, which is made.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the folder cannot be made.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("plots", "train") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; expected a folder for plots") from error


def plot(results: Evaluation, folder: Path, *, format: str = "svg") -> list[Path]:  # noqa: A002
    """Write the four plots of each level into `folder`, as `frame-roc.svg` and so on.

    A level, or a plot, that is not defined for the rows at hand is left out.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the folder cannot be made, or there is no such format.
        UnmaskError: it cannot be written.
    """
    check_plots(folder)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    written = []
    levels = {"frame": results["frame"], "video": results["video"]}
    # A fixed salt and no date: the same results give the same file.
    with rc_context({**STYLE, "svg.hashsalt": "unmask"}):
        for name, level in levels.items():
            if level is None or "curves" not in level:
                continue
            for kind, draw in PLOTS.items():
                figure = Figure(figsize=(4, 4), layout="constrained")
                if not draw(figure.subplots(), level, level["curves"]):
                    continue
                path = folder / f"{name}-{kind}.{format}"
                metadata = {"Date": None} if format == "svg" else None
                try:
                    with replacing(path) as temporary:
                        figure.savefig(temporary, format=format, dpi=150, metadata=metadata)
                except ValueError as error:
                    raise DataError(f"{path}: cannot be written: {error}") from error
                written.append(path)
    return written


def _roc(axes: Any, level: Level, curves: Curves) -> bool:
    if not curves["roc"]:
        return False
    fpr, tpr = zip(*curves["roc"], strict=True)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.plot(fpr, tpr, color=FAKE)
    axes.set(xlabel="reals flagged", ylabel="fakes caught", xlim=(0, 1), ylim=(0, 1.01))
    axes.set_title(f"AUC {_figure(level, 'auc')}")
    return True


def _precision_recall(axes: Any, level: Level, curves: Curves) -> bool:
    if not curves["precision_recall"]:
        return False
    recall, precision = zip(*curves["precision_recall"], strict=True)
    axes.axhline(level["n_fake"] / level["n"], color="grey", linewidth=0.8, linestyle=":")
    axes.plot(recall, precision, color=FAKE)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
    axes.set_title(f"average precision {_figure(level, 'average_precision')}")
    return True


def _reliability(axes: Any, level: Level, curves: Curves) -> bool:
    bins = curves["reliability"]
    most = max(bins["counts"])
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.plot(bins["mean_p"], bins["share_fake"], color=FAKE, linewidth=0.8)
    sizes = [10 + 90 * count / most for count in bins["counts"]]
    axes.scatter(bins["mean_p"], bins["share_fake"], s=sizes, color=FAKE, clip_on=False)
    axes.set(xlabel="p_fake, mean of bin", ylabel="share of fakes", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"calibration error {_figure(level, 'ece')}")
    return True


def _scores(axes: Any, level: Level, curves: Curves) -> bool:
    histogram = curves["histogram"]
    edges = histogram["edges"]
    for label, n, colour in (("real", level["n_real"], REAL), ("fake", level["n_fake"], FAKE)):
        if n:
            shares = [count / n for count in histogram[label]]
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.5, label=f"{label} ({n})")
    axes.set(xlabel="p_fake", ylabel="share of the class", xlim=(0, 1))
    axes.legend()
    return True


def _figure(level: Level, name: str) -> str:
    figure = level["figures"][name]
    if figure["value"] is None:
        return "not defined"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


PLOTS: dict[str, Callable[[Any, Level, Curves], bool]] = {
    "roc": _roc,
    "precision-recall": _precision_recall,
    "reliability": _reliability,
    "scores": _scores,
}
