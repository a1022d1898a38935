"""The whole evaluation, from a manifest and a detector to a results file."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from unmask.errors import DataError
from unmask.evaluation.explanations import point
from unmask.evaluation.explanations import summarise as explanations_of
from unmask.evaluation.manifest import Manifest
from unmask.evaluation.plots import check_plots, plot
from unmask.evaluation.protocol import Options, compare, evaluate, stability
from unmask.evaluation.results import FORMAT, Results, Stability, origin, write_results
from unmask.evaluation.robustness import DEGRADATIONS, degrade
from unmask.evaluation.scores import Outcome, Scorer, score, score_degraded, write_scores
from unmask.evaluation.splices import find_splices, pairs, summarise
from unmask.types import Image, ImageReport, ModelIdentity, VideoReport

__all__ = ["Track", "measure"]

T = TypeVar("T")


class Track(Protocol):
    """Passes things through and shows progress: the things, what is done, how many there are."""

    def __call__(self, things: Iterable[T], what: str, total: int, /) -> Iterable[T]: ...


def measure(
    manifest: Manifest,
    scorer: Scorer | Sequence[Outcome],
    *,
    name: str,
    model: ModelIdentity | None = None,
    settings: dict[str, object] | None = None,
    read: Callable[[Path], Image] | None = None,
    degradations: Sequence[str] = (),
    judge: Callable[[Path], VideoReport] | None = None,
    explain: Callable[[Path], ImageReport] | None = None,
    other: Sequence[Outcome] | None = None,
    scores: Path | None = None,
    out: Path | None = None,
    plots: Path | None = None,
    track: Track | None = None,
    options: Options | None = None,
) -> Results:
    """Score every row, or take the outcomes given instead of a scorer, and compute every figure.

    `settings` are recorded with the options; `read` decodes a file for the `degradations` to work
    on; `judge` answers for videos into which short fakes are put, see `splices`; `explain` answers
    for pictures with heat maps, see `explanations`; `other` are a second detector's outcomes to
    compare with. `scores`, `out` and the folder `plots`, which is made, are written where given,
    the scores as soon as there are some.

    Raises:
        DataError: a file is missing, a folder to write to does not exist, a degradation is unknown
            or cannot be applied to outcomes without a detector, or no fake has its genuine video.
        MissingExtraError: plots or a degradation need what is not installed.
    """
    for path in (scores, out):
        if path is not None and not path.parent.is_dir():
            raise DataError(f"{path}: the folder {path.parent} does not exist")
    for unknown in set(degradations) - set(DEGRADATIONS):
        raise DataError(f"no degradation {unknown!r}; there are {', '.join(DEGRADATIONS)}")
    options, track = options or Options(), track or _untracked
    spliced = [] if judge is None else pairs(manifest)
    if explain is not None and read is None:
        raise DataError("heat maps are compared with the truth of pictures that can be read")
    explained = [] if explain is None else manifest.fakes_with_originals("picture")
    if degradations and (read is None or not callable(scorer)):
        raise DataError("degraded pictures need a detector to score and a way to read them")
    if plots is not None:
        check_plots(plots)
    if callable(scorer):
        outcomes = list(score(manifest, _tracked(scorer, track, name, len(manifest))))
    else:
        outcomes = list(scorer)
    if scores is not None:
        write_scores(scores, manifest, outcomes)
    robustness: dict[str, Stability] = {}
    for degradation in degradations:
        assert callable(scorer)
        assert read is not None
        degraded = score_degraded(
            manifest,
            _tracked(scorer, track, degradation, len(manifest)),
            read=read,
            degrade=partial(_degrade, degradation),
        )
        robustness[degradation] = stability(manifest, outcomes, list(degraded), options)
    splices = None
    if judge is not None:
        findings = find_splices(manifest, spliced, judge)
        splices = summarise(manifest, track(findings, "splices", len(spliced)))
    explanations = None
    if explain is not None:
        assert read is not None
        pointings = point(manifest, explained, explain, read)
        told = track(pointings, "explanations", len(explained))
        explanations = explanations_of(manifest, told)
    figures = evaluate(manifest, outcomes, options)
    results: Results = {
        "format": FORMAT,
        "name": name,
        "origin": origin(),
        "model": asdict(model) if model else None,
        **figures,
        "robustness": robustness,
        "comparison": None if other is None else compare(manifest, outcomes, other, options),
        "splices": splices,
        "explanations": explanations,
    }
    results["settings"] = {**(settings or {}), **figures["settings"]}
    if out is not None:
        write_results(out, results)
    if plots is not None:
        plot(results, plots)
    return results


def _untracked(things: Iterable[T], _what: str, _total: int, /) -> Iterable[T]:
    return things


def _tracked(scorer: Scorer, track: Track, step: str, n: int) -> Scorer:
    return lambda sources: track(scorer(sources), step, n)


def _degrade(name: str, image: Image, path: str) -> Image:
    # Noise is drawn from the path, so that a picture gets the same in any part of a manifest.
    return degrade(image, name, seed=zlib.crc32(path.encode()))
