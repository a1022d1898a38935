"""A manifest and what was said of its rows -> everything that may be claimed from them.

Figures are over the rows that were scored, and the share of rows that were is beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unmask.errors import DataError
from unmask.evaluation import metrics
from unmask.evaluation.intervals import bootstrap, delong, paired_bootstrap, proportion
from unmask.evaluation.manifest import Manifest
from unmask.evaluation.results import (
    Comparison,
    Coverage,
    Curves,
    Difference,
    Estimate,
    Evaluation,
    Level,
    Part,
    Stability,
    Transfer,
    Verdicts,
)
from unmask.evaluation.scores import Outcome
from unmask.types import Verdict

__all__ = ["Options", "compare", "evaluate", "stability"]

FALSE_ALARM_RATES = (0.01, 0.05)
PREVALENCES = (0.001, 0.01, 0.1, 0.5)
MAX_CURVE_POINTS = 400


@dataclass(frozen=True, slots=True)
class Options:
    """How figures are computed.

    Of pictures, a video is what shares source, label, method and video; its probability is the mean
    of its frames' `p_fake`. Where rows are videos, it is what the detector said of the whole.
    """

    n_bins: int = 15
    n_resamples: int = 1000
    seed: int = 0


def evaluate(
    manifest: Manifest, outcomes: Sequence[Outcome], options: Options | None = None
) -> Evaluation:
    """Compute every figure of a manifest from one outcome per row, in order.

    Raises:
        DataError: another number of outcomes than rows, no rows, or pictures beside videos.
    """
    options = options or Options()
    everything = _Levels.of(manifest, outcomes)
    rows = everything.rows
    sources = {
        source: everything.where(partial(_is_of_source, source))
        for source in sorted(set(rows.source))
    }
    return Evaluation(
        settings=dict(asdict(options)),
        coverage=_coverage(rows),
        frame=_level(everything.frames, options, curves=True),
        video=_level(everything.videos, options, curves=True),
        sources=[
            Part(
                source=source,
                coverage=_coverage(levels.rows),
                frame=_level(levels.frames, options),
                video=_level(levels.videos, options),
            )
            for source, levels in sources.items()
        ],
        methods=[
            part for source, levels in sources.items() for part in _methods(source, levels, options)
        ],
        verdicts=[
            verdicts
            for source, levels in [("", everything), *sources.items()]
            if (verdicts := _verdicts(source, levels.rows))
        ],
        transfer=list(_transfer({source: levels.rows for source, levels in sources.items()})),
    )


def compare(
    manifest: Manifest,
    first: Sequence[Outcome],
    second: Sequence[Outcome],
    options: Options | None = None,
) -> Comparison:
    """Compare two detectors by paired bootstrap over clusters, and their AUCs by DeLong's test.

    Raises:
        DataError: another number of outcomes than rows, or no rows.
    """
    options = options or Options()
    a, b = _Table.of(manifest, first), _Table.of(manifest, second)
    both = a.scored & b.scored
    return Comparison(
        rows=int(both.sum()),
        first_only=int((a.scored & ~both).sum()),
        second_only=int((b.scored & ~both).sum()),
        figures=_differences(a.keep(both), b.keep(both), options),
        delong=delong(a.is_fake[both], a.p_fake[both], b.p_fake[both]),
    )


def stability(
    manifest: Manifest,
    clean: Sequence[Outcome],
    degraded: Sequence[Outcome],
    options: Options | None = None,
) -> Stability:
    """What a degradation of the pictures does to coverage, figures and verdicts."""
    options = options or Options()
    before, after = _Table.of(manifest, clean), _Table.of(manifest, degraded)
    both = before.scored & after.scored
    return Stability(
        coverage=_coverage(after),
        frame=_level(after, options),
        change=_differences(after.keep(both), before.keep(both), options),
        verdicts=_verdicts("", after),
    )


# --- rows as columns ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Columns of `(n,)`; `p_fake` is NaN exactly where a row was not scored, and not read there."""

    is_fake: NDArray[np.bool_]
    p_fake: NDArray[np.float64]
    status: NDArray[np.str_]
    verdict: NDArray[np.str_]
    clusters: NDArray[np.intp]
    source: NDArray[np.str_]
    method: NDArray[np.str_]
    video: NDArray[np.str_]

    @classmethod
    def of(cls, manifest: Manifest, outcomes: Sequence[Outcome]) -> _Table:
        if not len(manifest):
            raise DataError("the manifest has no rows")
        if len(manifest) != len(outcomes):
            raise DataError(f"{len(outcomes)} outcomes for the {len(manifest)} rows of a manifest")
        rows = manifest.rows
        return cls(
            is_fake=manifest.is_fake,
            p_fake=np.array([np.nan if o.p_fake is None else o.p_fake for o in outcomes]),
            status=np.array([o.status for o in outcomes]),
            verdict=np.array([o.verdict.value if o.verdict else "" for o in outcomes]),
            clusters=manifest.clusters,
            source=np.array([row.source for row in rows]),
            method=np.array([row.method for row in rows]),
            video=np.array([row.video for row in rows]),
        )

    @property
    def scored(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.p_fake)

    def keep(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> _Table:
        """These rows, by a mask or by their numbers."""
        return _Table(*(getattr(self, name)[rows] for name in _Table.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """The `rows` of a manifest, which are the frames or the videos, and both levels of them."""

    rows: _Table
    frames: _Table
    videos: _Table | None

    @classmethod
    def of(cls, manifest: Manifest, outcomes: Sequence[Outcome]) -> _Levels:
        """Videos are what was said of whole videos, else the means of their pictures.

        Raises:
            DataError: see `evaluate`.
        """
        rows = _Table.of(manifest, outcomes)
        if all(outcome.frames is None for outcome in outcomes):
            return cls(rows, rows, _video_means(rows))
        if any(outcome.frames is None and outcome.p_fake is not None for outcome in outcomes):
            raise DataError("a manifest has pictures or videos, not both; measure them apart")
        scores = [outcome.frames or () for outcome in outcomes]
        frames = rows.keep(np.repeat(np.arange(len(scores)), [len(one) for one in scores]))
        every = np.array([p_fake for one in scores for p_fake in one], np.float64)
        return cls(rows, replace(frames, p_fake=every), rows)

    def where(self, wanted: Callable[[_Table], NDArray[np.bool_]]) -> _Levels:
        """Only what `wanted` is true of."""
        rows, frames = (table.keep(wanted(table)) for table in (self.rows, self.frames))
        return _Levels(rows, frames, self.videos and self.videos.keep(wanted(self.videos)))


def _is_of_source(source: str, table: _Table) -> NDArray[np.bool_]:
    return np.asarray(table.source == source, bool)


def _is_genuine_or(method: str, table: _Table) -> NDArray[np.bool_]:
    return np.asarray(~table.is_fake | (table.method == method), bool)


def _video_means(table: _Table) -> _Table | None:
    """One row per video with its mean; None where the manifest does not name any video."""
    named = table.keep(table.video != "")
    if not named.p_fake.size:
        return None
    keys = list(zip(named.source, named.is_fake, named.method, named.video, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    members = np.array([numbers[key] for key in keys])
    first = np.unique(members, return_index=True)[1]
    n_scored = np.bincount(members, named.scored, len(numbers))
    total = np.bincount(members, np.where(named.scored, named.p_fake, 0.0), len(numbers))
    mean = np.full(len(numbers), np.nan)
    np.divide(total, n_scored, out=mean, where=n_scored > 0)
    videos = {name: getattr(named, name)[first] for name in _Table.__slots__}
    return _Table(**{**videos, "p_fake": mean})


# --- figures -----------------------------------------------------------------------------------


def _figures(table: _Table, options: Options, rows: NDArray[np.intp]) -> dict[str, float | None]:
    fake, p = table.is_fake[rows], table.p_fake[rows]
    curve = metrics.roc(fake, p)
    counts = metrics.confusion(fake, p > 0.5)
    return {
        "auc": curve.auc,
        "average_precision": curve.average_precision,
        "eer": curve.eer,
        "tpr_at_fpr_0.01": curve.tpr_at(0.01),
        "tpr_at_fpr_0.05": curve.tpr_at(0.05),
        "accuracy": counts.accuracy,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "false_alarm_rate": counts.false_alarm_rate,
        "ece": metrics.ece(fake, p, n_bins=options.n_bins),
        "brier": metrics.brier(fake, p),
    }


def _level(table: _Table | None, options: Options, *, curves: bool = False) -> Level | None:
    """Figures of the scored rows; None where there are none."""
    if table is None:
        return None
    table = table.keep(table.scored)
    n = table.p_fake.size
    if not n:
        return None

    figures = bootstrap(
        partial(_figures, table, options),
        table.clusters,
        n_resamples=options.n_resamples,
        seed=options.seed,
    )
    fake, flagged = table.is_fake, table.p_fake > 0.5
    figures["accuracy"] = proportion(fake == flagged, table.clusters)
    figures["recall"] = proportion(flagged[fake], table.clusters[fake])
    figures["false_alarm_rate"] = proportion(flagged[~fake], table.clusters[~fake])
    level = Level(
        n=n,
        n_real=int((~fake).sum()),
        n_fake=int(fake.sum()),
        n_clusters=int(np.unique(table.clusters).size),
        figures=figures,
        confusion=asdict(metrics.confusion(fake, flagged)),
    )
    if curves:
        level["curves"] = _curves(table, options)
    return level


def _methods(source: str, levels: _Levels, options: Options) -> Iterable[Part]:
    for method in sorted(set(levels.rows.method[levels.rows.is_fake])):
        part = levels.where(partial(_is_genuine_or, method))
        yield Part(
            source=source,
            method=method,
            coverage=_coverage(part.rows),
            frame=_level(part.frames, options),
            video=_level(part.videos, options),
            verdicts=_verdicts(source, part.rows),
        )


def _coverage(table: _Table) -> Coverage:
    fake = table.is_fake
    return Coverage(
        rows=fake.size,
        scored=int(table.scored.sum()),
        share=proportion(table.scored, table.clusters),
        share_real=proportion(table.scored[~fake], table.clusters[~fake]),
        share_fake=proportion(table.scored[fake], table.clusters[fake]),
        statuses=dict(Counter(table.status.tolist()).most_common()),
    )


def _verdicts(source: str, table: _Table) -> Verdicts | None:
    """None where the scores came without verdicts."""
    if not (table.verdict != "").any():
        return None
    # A row that a score file lacks has no verdict to say so.
    said = np.where(table.scored, table.verdict, Verdict.NOT_ANALYSED)
    counts = {
        label: {str(verdict): int((said[mask] == verdict).sum()) for verdict in Verdict}
        for label, mask in (("real", ~table.is_fake), ("fake", table.is_fake))
    }
    told = table.keep(table.scored & (table.verdict != ""))
    real, fake = told.keep(~told.is_fake), told.keep(told.is_fake)
    false_alarms = proportion(real.verdict == Verdict.LIKELY_FAKE, real.clusters)
    caught = proportion(fake.verdict == Verdict.LIKELY_FAKE, fake.clusters)
    return Verdicts(
        source=source,
        counts=counts,
        false_alarms=false_alarms,
        cleared=proportion(real.verdict == Verdict.LIKELY_REAL, real.clusters),
        caught=caught,
        missed=proportion(fake.verdict == Verdict.LIKELY_REAL, fake.clusters),
        inconclusive=proportion(told.verdict == Verdict.INCONCLUSIVE, told.clusters),
        flag_precision={
            str(prevalence): _flag_precision(caught, false_alarms, prevalence)
            for prevalence in PREVALENCES
        },
    )


def _flag_precision(caught: Estimate, false_alarms: Estimate, prevalence: float) -> Estimate:
    """From the ends of both intervals: no alarm among 50 reals is no proof of perfection."""

    def at(tpr: float | None, fpr: float | None) -> float | None:
        if tpr is None or fpr is None:
            return None
        return metrics.flag_precision(tpr, fpr, prevalence)

    return Estimate(
        value=at(caught["value"], false_alarms["value"]),
        low=at(caught["low"], false_alarms["high"]),
        high=at(caught["high"], false_alarms["low"]),
    )


def _transfer(sources: Mapping[str, _Table]) -> Iterable[Transfer]:
    """What a threshold set on the reals of one source does on every source, itself included."""
    scored = {name: table.keep(table.scored) for name, table in sources.items()}
    if len(scored) < 2:
        return
    for origin, reference in scored.items():
        curve = metrics.roc(reference.is_fake, reference.p_fake)
        for target in FALSE_ALARM_RATES:
            threshold = curve.threshold_at(target)
            if threshold is None:
                continue
            for name, table in scored.items():
                flagged, fake = table.p_fake >= threshold, table.is_fake
                yield Transfer(
                    {
                        "from": origin,
                        "to": name,
                        "target": target,
                        "threshold": threshold,
                        "false_alarms": proportion(flagged[~fake], table.clusters[~fake]),
                        "caught": proportion(flagged[fake], table.clusters[fake]),
                    }
                )


def _curves(table: _Table, options: Options) -> Curves:
    fake, p = table.is_fake, table.p_fake
    curve = metrics.roc(fake, p)
    roc_points: list[list[float]] = []
    precision_recall: list[list[float]] = []
    if curve.defined:
        tpr, fpr = curve.hits / curve.n_fake, curve.alarms / curve.n_real
        roc_points = _thinned(fpr, tpr)
        flagged = curve.hits[1:] + curve.alarms[1:]
        precision_recall = _thinned(tpr[1:], curve.hits[1:] / flagged)
    bins = metrics.reliability(fake, p, n_bins=options.n_bins)
    edges = np.linspace(0, 1, 41)
    return Curves(
        roc=roc_points,
        precision_recall=precision_recall,
        reliability={
            "counts": bins.counts.tolist(),
            "mean_p": bins.mean_p.tolist(),
            "share_fake": bins.share_fake.tolist(),
        },
        histogram={
            "edges": edges.tolist(),
            "real": np.histogram(p[~fake], edges)[0].tolist(),
            "fake": np.histogram(p[fake], edges)[0].tolist(),
        },
    )


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    kept = np.unique(np.linspace(0, x.size - 1, MAX_CURVE_POINTS).astype(int))
    points: list[list[float]] = np.column_stack([x, y])[kept].tolist()
    return points


def _differences(first: _Table, second: _Table, options: Options) -> dict[str, Difference | None]:
    if not first.p_fake.size:
        return {}
    return paired_bootstrap(
        partial(_figures, first, options),
        partial(_figures, second, options),
        first.clusters,
        n_resamples=options.n_resamples,
        seed=options.seed,
    )
