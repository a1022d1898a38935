"""What every command ends with, where it prints, and how it shows that it is at work."""

from __future__ import annotations

from collections.abc import Callable
from unicodedata import category

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = [
    "ALL_ANALYSED",
    "FAILED",
    "SOME_NOT_ANALYSED",
    "WRONG_USAGE",
    "err",
    "out",
    "printable",
    "progress_bar",
    "showing",
]

ALL_ANALYSED, FAILED, WRONG_USAGE, SOME_NOT_ANALYSED = 0, 1, 2, 3

# No emoji: rich would rewrite ":100:" in the name of a file.
out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(highlight=False, emoji=False, stderr=True)


def printable(text: str) -> str:
    """A text with what would steer the terminal escaped: the names of files come from anywhere.

    A line break or an escape sequence in one could write a verdict that nobody gave.
    """
    return "".join(
        # Some systems put spaces of other widths into names.
        character
        if character.isprintable() or category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def progress_bar(*, transient: bool = False) -> Progress:
    """A bar on standard error; a `transient` one only on a terminal, where it leaves no trace."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=err,
        transient=transient,
        disable=transient and not err.is_terminal,
    )


def showing(bar: Progress, name: str) -> Callable[[int, int], None]:
    """What a long run tells its progress to."""
    task = bar.add_task(printable(name), total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)
