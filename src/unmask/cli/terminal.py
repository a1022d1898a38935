"""What every command ends with, where it prints, and how it shows that it is at work."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = [
    "ALL_ANALYSED",
    "FAILED",
    "SOME_NOT_ANALYSED",
    "WRONG_USAGE",
    "err",
    "out",
    "progress_bar",
    "showing",
]

ALL_ANALYSED, FAILED, WRONG_USAGE, SOME_NOT_ANALYSED = 0, 1, 2, 3

out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False)


def progress_bar(*, transient: bool = False) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=err, transient=transient)


def showing(bar: Progress, name: str) -> Callable[[int, int], None]:
    """What a long run tells its progress to."""
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)
