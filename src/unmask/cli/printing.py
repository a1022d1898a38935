"""A report as the lines of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unmask.cli.terminal import err, out, printable

if TYPE_CHECKING:
    from unmask.types import ImageReport, VideoReport

__all__ = ["print_counts", "print_report"]

COLOURS = {
    "likely_fake": "bold red",
    "likely_real": "green",
    "inconclusive": "yellow",
    "not_analysed": "dim",
}

MANY = 8
"""Faces that were not scored are told in one line from so many on, as those of a crowd."""


def print_report(report: ImageReport | VideoReport, remark: str | None = None) -> None:
    """One line a file, and a line for each face or person where there are several.

    A `remark` stands beside the reason.

    People count from 1, here as on the page; the indices of the JSON are those of its lists.
    """
    from unmask.types import VideoReport

    colour = COLOURS[report.verdict]
    out.print(f"[{colour}]{report.verdict:<12}[/]  {_percent(report.p_fake)}  ", end="")
    out.print(printable(str(report.path)), markup=False, end="")
    why = "; ".join(filter(None, (_why(report), remark)))
    out.print(f"  ({printable(why)})" if why else "", markup=False)
    if isinstance(report, VideoReport):
        _print_people(report)
    elif len(report.faces) > 1:
        missed = [face.reason for face in report.faces if face.prediction is None]
        is_crowd = len(missed) >= MANY
        for n, face in enumerate(report.faces, 1):
            if is_crowd and face.prediction is None:
                continue
            box = face.face.box
            score = _percent(face.prediction.p_fake if face.prediction else None)
            place = f"{box.width:.0f}x{box.height:.0f} px at {box.x1:.0f},{box.y1:.0f}"
            reason = f"  ({face.reason})" if face.reason else ""
            colour = COLOURS[face.verdict]
            out.print(f"    face {n}: [{colour}]{face.verdict:<12}[/]  {score}  {place}{reason}")
        if is_crowd:
            reasons = ", ".join(sorted({str(reason) for reason in missed}))
            out.print(f"    {len(missed)} faces more: [dim]not_analysed[/]  ({reasons})")


def print_counts(counts: Mapping[str, int]) -> None:
    """How many files have each verdict, apart from the verdicts themselves."""
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in COLOURS if counts[verdict])
    err.print(f"{sum(counts.values())} files: {told}", soft_wrap=True)


def _print_people(report: VideoReport) -> None:
    for number, track in enumerate(report.tracks, 1):
        colour = COLOURS[track.verdict]
        when = f"{track.start_s:.1f} to {track.end_s:.1f} s, {_frames(track.n_scored)}"
        share = "" if track.vote_share is None else f", {track.vote_share:.0%} of the votes FAKE"
        reason = f"  ({track.reason})" if track.reason else ""
        line = f"[{colour}]{track.verdict:<12}[/]  {_percent(track.p_fake)}  {when}{share}{reason}"
        out.print(f"    person {number}: {line}")
        for interval in track.intervals:
            span = f"{interval.start_s:.1f} to {interval.end_s:.1f} s"
            out.print(f"        suspicious: {span}  {_percent(interval.p_fake)}")
    if report.coverage is not None:
        seen = f"{report.coverage.scored} of {_frames(report.coverage.sampled)} scored"
        out.print(f"    {seen}, {report.coverage.analysed_share:.0%} of the length analysed")


def _frames(n: int) -> str:
    return "1 frame" if n == 1 else f"{n} frames"


def _percent(p_fake: float | None) -> str:
    """A probability, or that there is none, in a column."""
    from unmask.types import percent

    return "     -" if p_fake is None else f"{percent(p_fake):>6}"


def _why(report: ImageReport | VideoReport) -> str:
    """The reason, and what is to be said besides; of a file that was not read only the latter."""
    reason = report.reason if report.format or not report.detail else None
    return "; ".join(str(part) for part in (reason, report.detail) if part)
