"""Stage 10: the frame scores of a person -> one answer, and when it looks manipulated.

The three ways of the specification are here for comparison: `majority`, `average`, `weighted`.
Two of them count votes, and thirty frames at 0.51 are a unanimous vote: their result is a share
of votes and no probability. The default is `scan`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.types import (
    FaceReport,
    Interval,
    Label,
    Reason,
    TrackReport,
    Verdict,
    VideoReport,
)

__all__ = [
    "Evidence",
    "Method",
    "Vote",
    "analysed_share",
    "average",
    "frame_scores",
    "headline",
    "is_sound",
    "judge",
    "majority",
    "scan",
    "suspicious",
    "weighted",
]

Method = Literal["scan", "majority", "average", "weighted"]

SEGMENT_FRAMES = 4
"""The shortest stretch that counts: the least whose midmean survives a wrong frame."""

LOGIT_LIMIT = 6.0
"""No frame says more than this, p = 0.9975: beyond it calibration rests on next to no data."""

SURE_FACE = 0.9
"""The detection score that one face of a track must reach; patterns that look like faces do not."""

REACH_S = 0.5
"""A frame speaks for so many seconds before and after it."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The label of a vote; `vote_share`, in [0, 1], is how much of it went to FAKE."""

    label: Label
    vote_share: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A logit for FAKE and the stretch that gave it: positions `start` to `stop`, half-open."""

    logit: float
    start: int
    stop: int


def majority(p_fakes: Sequence[float]) -> Vote:
    """The label of most frames (specification, method 1). A tie is REAL."""
    return _vote(p_fakes, [1.0] * len(p_fakes))


def weighted(p_fakes: Sequence[float]) -> Vote:
    """Votes weighted by confidence, max(p, 1 - p) (specification, method 3). A tie is REAL."""
    return _vote(p_fakes, [max(p, 1.0 - p) for p in p_fakes])


def _vote(p_fakes: Sequence[float], weights: Sequence[float]) -> Vote:
    _require_scores(p_fakes)
    fake = math.fsum(weight for p, weight in zip(p_fakes, weights, strict=True) if p > 0.5)
    share = fake / math.fsum(weights)
    return Vote("FAKE" if share > 0.5 else "REAL", share)


def average(p_fakes: Sequence[float]) -> float:
    """The mean probability (specification, method 2), in [0, 1]."""
    _require_scores(p_fakes)
    return math.fsum(p_fakes) / len(p_fakes)


def scan(p_fakes: Sequence[float], weights: Sequence[float] | None = None) -> Evidence:
    """The strongest evidence for FAKE in any stretch of the scores, which are in order of time.

    A stretch speaks with the midmean of its logits, so that a bad frame does not decide, less the
    log of how many times its weight goes into that of all. Frames weigh the same unless `weights`
    says otherwise: where one moment was looked at more closely than the others, its frames share
    the weight of one. The whole is one of the stretches; the others, of at least four frames, start
    a quarter of their length apart.

    Why a person is called fake as rarely by mistake as a photo is, with the photo's threshold: the
    whole has less noise than a photo and differs as much from person to person, so it reaches the
    threshold no more often. A share 1/m could have been in m places. Calibrated log odds are c
    higher at most exp(-c) times as often among genuine faces, as long as fakes do not grow more
    frequent beyond the threshold: the odds are by definition how much more often a score comes of a
    fake. So each of m places, at a price of log(m), errs 1/m times as often as a photo, and
    all of them together as often (Bonferroni's bound, which holds however frames depend on each
    other; the scan statistic of Naus 1965 with a prior for the place). Stretches that overlap, and
    those of other lengths, are not counted by this: they add up to a third more at worst, in
    simulations with scenes of any length that tests/test_temporal.py repeats.
    """
    _require_scores(p_fakes)
    logits = _logits(p_fakes)
    n = len(logits)
    weight = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    best = Evidence(_midmean(logits, weight), 0, n)
    length = SEGMENT_FRAMES
    while length < n:
        for start in range(0, n - length + 1, max(1, length // 4)):
            part = slice(start, start + length)
            price = math.log(weight.sum() / weight[part].sum())
            logit = _midmean(logits[part], weight[part]) - price
            if logit > best.logit:
                best = Evidence(logit, start, start + length)
        length += max(1, length // 4)
    return best


def judge(
    faces: Sequence[FaceReport],
    times_s: Sequence[float],
    *,
    n_sampled: int,
    missed_s: Sequence[float] = (),
    weights: Sequence[float] | None = None,
    verdict_of: Callable[[float], tuple[Verdict, Reason | None]],
    calibration: Mapping[str, float] | None = None,
    method: Method = "scan",
) -> TrackReport:
    """One answer for one person, from the faces of a track and the times they were shown.

    `missed_s` are the times of the samples in which the person was not seen, `weights` what each
    face counts for in `scan`.
    `verdict_of` turns a probability into a verdict by the model's thresholds. `calibration` holds
    the `scale` and `bias` of the logit of a whole track, where the model card knows them. Faces
    that are unlike what the thresholds were set on count only where there is no other, and then
    leave it inconclusive; so does a fake seen in fewer than four of `n_sampled` frames.
    """
    sound = [is_sound(face) for face in faces]
    used = sound if any(sound) else [face.prediction is not None for face in faces]
    scored_s = list(compress(times_s, used))
    gaps_s = [*missed_s, *compress(times_s, [not is_used for is_used in used])]
    scores = [face.prediction.p_fake for face in compress(faces, used) if face.prediction]
    p_fake = vote_share = None
    reason: Reason | None
    if not scores or max(face.face.score for face in faces) < SURE_FACE:
        verdict = Verdict.NOT_ANALYSED
        reason = _commonest(faces) if not scores else Reason.DOUBTFUL_FACE
    elif method in ("majority", "weighted"):
        vote = majority(scores) if method == "majority" else weighted(scores)
        vote_share = vote.vote_share
        verdict = Verdict.LIKELY_FAKE if vote.label == "FAKE" else Verdict.LIKELY_REAL
        reason = None
    else:
        if method == "average":
            p_fake = average(scores)
        else:
            counts = None if weights is None else list(compress(weights, used))
            p_fake = _calibrated(scan(scores, counts).logit, calibration or {})
        verdict, reason = verdict_of(p_fake)
    if verdict is not Verdict.NOT_ANALYSED and not any(sound):
        verdict, reason = Verdict.INCONCLUSIVE, _commonest(faces)
    elif verdict is not Verdict.NOT_ANALYSED and len(scores) < min(SEGMENT_FRAMES, n_sampled):
        reason = Reason.FEW_FRAMES
        if verdict is Verdict.LIKELY_FAKE:
            verdict = Verdict.INCONCLUSIVE
    is_suspect = verdict in (Verdict.LIKELY_FAKE, Verdict.INCONCLUSIVE)
    return TrackReport(
        verdict=verdict,
        reason=reason,
        p_fake=p_fake,
        vote_share=vote_share,
        start_s=times_s[0],
        end_s=times_s[-1],
        n_faces=len(faces),
        n_scored=0 if verdict is Verdict.NOT_ANALYSED else sum(sound),
        intervals=suspicious(scored_s, scores, gaps_s) if is_suspect else (),
    )


def frame_scores(report: VideoReport) -> Iterator[tuple[int, float]]:
    """Index and `p_fake` of each frame that was scored: that of its sound face most likely fake."""
    for frame in report.frames:
        scores = [
            face.prediction.p_fake for face in frame.faces if face.prediction and is_sound(face)
        ]
        if scores:
            yield frame.index, max(scores)


def is_sound(face: FaceReport) -> bool:
    """Whether a face was scored and is like those on which the thresholds were set."""
    return face.prediction is not None and not face.quality.reasons


def _commonest(faces: Sequence[FaceReport]) -> Reason | None:
    return Counter(face.reason for face in faces).most_common(1)[0][0]


def headline(tracks: Sequence[TrackReport]) -> int | None:
    """The track that decides: the likeliest fake, else an inconclusive one, else a real one.

    Who was seen in too few frames decides only where nobody was seen in more.
    """
    order = (Verdict.LIKELY_REAL, Verdict.INCONCLUSIVE, Verdict.LIKELY_FAKE)

    def weight(number: int) -> tuple[bool, int, float, int]:
        track = tracks[number]
        strength = track.p_fake if track.vote_share is None else track.vote_share
        is_known = track.reason is not Reason.FEW_FRAMES
        return is_known, order.index(track.verdict), strength or 0.0, -number

    judged = [number for number, track in enumerate(tracks) if track.verdict in order]
    return max(judged, key=weight, default=None)


def suspicious(
    times_s: Sequence[float], p_fakes: Sequence[float], missed_s: Sequence[float] = ()
) -> tuple[Interval, ...]:
    """When a person looks manipulated: the stretches whose frames, four by four, speak for FAKE.

    A stretch begins and ends at most half a second beyond a frame that speaks for FAKE, and never
    nearer to another scored frame than to its own. Where one of the samples `missed_s`, in which
    the person was not scored, lies between two frames over a second apart, nobody knows what was
    shown there: the stretch is torn. Its probability is that of its midmean, which speaks for FAKE:
    where stretches of four that do make up one that does not, the strongest of them is meant.
    """
    if not p_fakes:
        return ()
    logits = _logits(p_fakes)
    n = len(logits)
    length = min(SEGMENT_FRAMES, n)
    flagged = np.zeros(n, bool)
    for start in range(n - length + 1):
        # A stretch begins and ends with a suspicious frame.
        fake = start + np.flatnonzero(logits[start : start + length] > 0)
        if _midmean(logits[start : start + length]) > 0 and len(fake):
            flagged[fake[0] : fake[-1] + 1] = True
    times = np.asarray(times_s, np.float64)
    steps = np.diff(times)
    reach = np.minimum(steps / 2, REACH_S)
    starts_s = times - np.append(0.0, reach)
    ends_s = times + np.append(reach, 0.0)
    is_missed = np.diff(np.searchsorted(np.sort(missed_s), times)) > 0
    is_torn = is_missed & (steps > 2 * REACH_S)
    pieces = np.split(np.arange(n), np.flatnonzero(is_torn | (np.diff(flagged) != 0)) + 1)
    found = []
    for piece in pieces:
        fake = piece[flagged[piece] & (logits[piece] > 0)]
        if len(fake) and _midmean(logits[fake[0] : fake[-1] + 1]) <= 0:
            starts = piece[: 1 - length]
            strongest = max(
                starts, key=lambda start: _midmean(logits[start : start + length]), default=n
            )
            fake = fake[(strongest <= fake) & (fake < strongest + length)]
        if len(fake) and (logit := _midmean(logits[fake[0] : fake[-1] + 1])) > 0:
            start_s, end_s = float(starts_s[fake[0]]), float(ends_s[fake[-1]])
            found.append(Interval(start_s, end_s, _sigmoid(logit)))
    return tuple(found)


def analysed_share(times_s: Sequence[float], duration_s: float) -> float:
    """The share of the duration, in [0, 1], within half a second of one of these times."""
    covered_s, end_s = 0.0, 0.0
    for time_s in sorted(times_s):
        start_s = max(time_s - REACH_S, end_s)
        end_s = min(time_s + REACH_S, duration_s)
        covered_s += max(end_s - start_s, 0.0)
    return covered_s / duration_s if duration_s > 0 else 0.0


def _require_scores(p_fakes: Sequence[float]) -> None:
    if not p_fakes:
        raise ValueError("no frame was scored; a verdict needs at least one")


def _calibrated(logit: float, calibration: Mapping[str, float]) -> float:
    return _sigmoid(calibration.get("scale", 1.0) * logit + calibration.get("bias", 0.0))


def _logits(p_fakes: Sequence[float]) -> NDArray[np.float64]:
    limit = _sigmoid(LOGIT_LIMIT)
    p = np.clip(np.asarray(p_fakes, np.float64), 1 - limit, limit)
    return np.log(p / (1 - p))


def _sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))


def _midmean(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float:
    """The mean of the middle half (Tukey 1977): up to a quarter of the weight may be wrong."""
    order = np.argsort(values)
    weight = np.ones(len(values)) if weights is None else weights[order]
    upper = np.cumsum(weight) / weight.sum()
    kept = np.minimum(upper, 0.75) - np.maximum(upper - weight / weight.sum(), 0.25)
    return float(np.average(values[order], weights=np.maximum(kept, 0.0)))
