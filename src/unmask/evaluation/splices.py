"""A short fake inside a genuine video: is it called fake, and is the time right?

Also where it is not called fake: does the frame that looks manipulated most show the fake?

Each fake video is put, for a fifth of the length, into the middle of the genuine one it was made
from, so that nothing but the manipulation changes there. The genuine videos go through the same
encoder and must stay quiet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from unmask.errors import InputError
from unmask.evaluation.intervals import proportion
from unmask.evaluation.manifest import Manifest
from unmask.evaluation.results import Estimate, Spliced, Splices
from unmask.temporal import frame_scores
from unmask.types import Verdict, VideoReport

__all__ = [
    "Finding",
    "find_splices",
    "is_found",
    "is_pointed_to",
    "pairs",
    "splice",
    "summarise",
]

SHARE = 0.2
ENCODER = {"crf": "12", "preset": "veryfast"}
"""Finer than anything a video was compressed with before."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the fake of row `fake` was found in the video of row `genuine`, or pointed to.

    Where `fake` is None there was none, and `is_found` is a false alarm. Both are None where one of
    the two cannot be read.
    """

    genuine: int
    fake: int | None
    is_found: bool | None = None
    is_pointed_to: bool | None = None


def pairs(manifest: Manifest) -> list[tuple[int, int | None]]:
    """The rows (genuine, fake) that share source and `original`; then each genuine one with None.

    Raises:
        DataError: there are none.
    """
    found = manifest.fakes_with_originals("video")
    fakes = [(genuine, fake) for fake, genuine in found if genuine is not None]
    return [*fakes, *((n, None) for n in sorted({n for n, _ in fakes}))]


def find_splices(
    manifest: Manifest,
    wanted: Iterable[tuple[int, int | None]],
    judge: Callable[[Path], VideoReport],
) -> Iterator[Finding]:
    """Splice and judge these `pairs`; a genuine video alone goes through the same encoder."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "spliced.mp4"
        for genuine, fake in wanted:
            files = [manifest.file(manifest.rows[n]) for n in (genuine, fake) if n is not None]
            try:
                start_s, end_s = splice(files[0], files[-1], target)
                report = judge(target)
            except InputError:
                yield Finding(genuine, fake)
                continue
            if fake is None:
                yield Finding(genuine, None, report.verdict is Verdict.LIKELY_FAKE, False)
            else:
                found, pointed = (of(report, start_s, end_s) for of in (is_found, is_pointed_to))
                yield Finding(genuine, fake, found, pointed)


def splice(genuine: Path, fake: Path, target: Path) -> tuple[float, float]:
    """Write the genuine video with the fake's frames in the middle fifth; returns when, in seconds.

    As long as the shorter of the two, at the genuine one's size and mean frame rate.
    """
    import av  # here, because the rest of an evaluation does without it

    from unmask.video import Video

    with Video(genuine) as whole, Video(fake) as part:
        n = min(whole.info.n_frames, part.info.n_frames)
        first = round(n * (1 - SHARE) / 2)
        last = first + round(n * SHARE)
        rate = Fraction(whole.info.n_frames / whole.info.filled_s).limit_denominator(1001)
        frames = chain(
            whole.frames(range(first)),
            part.frames(range(first, last)),
            whole.frames(range(last, n)),
        )
        width, height = (side - side % 2 for side in (whole.info.width, whole.info.height))
        with av.open(target, "w", format="mp4") as clip:
            track = clip.add_stream("libx264", rate=rate, options=ENCODER)
            track.width, track.height, track.pix_fmt = width, height, "yuv420p"
            track.codec_context.time_base = 1 / rate
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
                picture = picture.reformat(width=width, height=height, format="yuv420p")
                picture.pts = frame.index
                clip.mux(track.encode(picture))
            clip.mux(track.encode(None))
    return float(first / rate), float(last / rate)


def is_found(report: VideoReport, start_s: float, end_s: float) -> bool:
    """Whether a person is called fake, and was suspicious at some moment of this time."""
    return any(
        interval.start_s < end_s and interval.end_s > start_s
        for track in report.tracks
        if track.verdict is Verdict.LIKELY_FAKE
        for interval in track.intervals
    )


def is_pointed_to(report: VideoReport, start_s: float, end_s: float) -> bool:
    """Whether the frame most likely fake, the one a report opens at, is of this time.

    Where scores say nothing it is so as often as the time is long.
    """
    times_s = {frame.index: frame.time_s for frame in report.frames}
    scores = dict(frame_scores(report))
    return bool(scores) and start_s <= times_s[max(scores, key=scores.__getitem__)] < end_s


def summarise(manifest: Manifest, findings: Iterable[Finding]) -> Splices:
    """The share that was found or pointed to, and of the genuine that was flagged."""
    findings = list(findings)
    known = [finding for finding in findings if finding.is_found is not None]
    alone = [finding for finding in known if finding.fake is None]
    of_method: dict[str, list[Finding]] = {}
    for finding in known:
        if finding.fake is not None:
            of_method.setdefault(manifest.rows[finding.fake].method, []).append(finding)
    clusters = manifest.clusters

    def share(of: list[Finding], what: str) -> Estimate:
        hits = np.array([getattr(finding, what) for finding in of])
        return proportion(hits, clusters[[finding.genuine for finding in of]])

    def spliced(of: list[Finding]) -> Spliced:
        return {
            "n": len(of),
            "found": share(of, "is_found"),
            "pointed": share(of, "is_pointed_to"),
        }

    return Splices(
        share=SHARE,
        all=spliced([finding for finding in known if finding.fake is not None]),
        methods={method: spliced(of) for method, of in sorted(of_method.items())},
        false_alarms={"n": len(alone), **share(alone, "is_found")},
        unreadable=len(findings) - len(known),
    )
