import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.temporal import (
    analysed_share,
    average,
    headline,
    judge,
    majority,
    scan,
    suspicious,
    weighted,
)
from unmask.types import (
    Box,
    Face,
    FaceReport,
    Interval,
    Prediction,
    Quality,
    Reason,
    TrackReport,
    Verdict,
)

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def p_of(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def verdict_of(p_fake: float) -> tuple[Verdict, Reason | None]:
    if p_fake >= 0.9:
        return Verdict.LIKELY_FAKE, None
    if p_fake <= 0.2:
        return Verdict.LIKELY_REAL, None
    return Verdict.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS


def face(p_fake: float | None, *, reason: Reason | None = None, score: float = 0.99) -> FaceReport:
    verdict, why = (Verdict.NOT_ANALYSED, reason) if p_fake is None else verdict_of(p_fake)
    return FaceReport(
        Face(Box(0, 0, 100, 100), np.zeros((5, 2), np.float32), score),
        verdict if reason is None or p_fake is None else Verdict.INCONCLUSIVE,
        reason or why,
        None if p_fake is None else Prediction(0.0, p_fake),
        Quality(100, 9, 0, 0, 0, None, () if reason is None else (reason,)),
    )


def track(p_fakes: list[float], **options: object) -> TrackReport:
    faces = [face(p_fake) for p_fake in p_fakes]
    times_s = [float(i) for i in range(len(faces))]
    return judge(faces, times_s, n_sampled=30, verdict_of=verdict_of, **options)


class TestTheSpecificationsThree:
    def test_its_own_example(self) -> None:
        p_fakes = [0.92, 0.87, 0.45, 0.89, 0.91]
        assert majority(p_fakes).label == "FAKE"
        assert majority(p_fakes).vote_share == pytest.approx(4 / 5)
        assert average(p_fakes) == pytest.approx(0.808)
        assert weighted(p_fakes).label == "FAKE"
        # Corrections E9: 0.55 is the confidence of the frame that is 0.45 likely to be fake.
        confidences = [0.92, 0.87, 0.55, 0.89, 0.91]
        assert weighted(p_fakes).vote_share == pytest.approx(1 - 0.55 / sum(confidences))

    # Corrections E2, each with what the scan makes of it.
    def test_a_hair_above_the_middle_is_a_unanimous_vote(self) -> None:
        assert weighted([0.51] * 30).label == "FAKE"
        assert weighted([0.51] * 30).vote_share == 1.0
        assert track([0.51] * 30).verdict is Verdict.INCONCLUSIVE
        assert track([0.51] * 30).p_fake == pytest.approx(0.51)

    def test_a_hair_below_the_middle_is_a_unanimous_vote(self) -> None:
        assert weighted([0.49] * 30).label == "REAL"
        assert weighted([0.49] * 30).vote_share == 0.0
        assert track([0.49] * 30).p_fake == pytest.approx(0.49)

    def test_six_sure_frames_of_thirty_are_outvoted(self) -> None:
        p_fakes = [0.02] * 10 + [0.999] * 6 + [0.02] * 14
        vote = weighted(p_fakes)
        assert vote.label == "REAL"
        assert 1 - vote.vote_share == pytest.approx(0.797, abs=0.0005)
        report = track(p_fakes)
        assert report.verdict is Verdict.LIKELY_FAKE
        assert report.intervals == (Interval(9.5, 15.5, pytest.approx(p_of(6), abs=1e-3)),)

    def test_ten_sure_frames_and_twenty_doubtful_ones(self) -> None:
        p_fakes = [0.40] * 20 + [0.99] * 10
        assert weighted(p_fakes).label == "REAL"
        assert average(p_fakes) == pytest.approx(0.597, abs=0.0005)
        assert track(p_fakes).verdict is Verdict.LIKELY_FAKE

    def test_a_tie_is_real(self) -> None:
        assert majority([0.9, 0.1]).label == "REAL"
        assert majority([0.5]).label == "REAL"
        assert weighted([0.8, 0.2]).label == "REAL"

    @pytest.mark.parametrize("aggregate", [majority, average, weighted, scan])
    def test_nothing_scored_is_no_division_by_zero(self, aggregate: object) -> None:
        with pytest.raises(ValueError, match="no frame was scored"):
            aggregate([])  # type: ignore[operator]

    @given(probabilities)
    def test_shares_and_means_are_fractions(self, p_fakes: list[float]) -> None:
        for value in (majority(p_fakes).vote_share, weighted(p_fakes).vote_share, average(p_fakes)):
            assert 0 <= value <= 1 + 1e-12


class TestScan:
    def test_one_frame(self) -> None:
        assert p_of(scan([0.7]).logit) == pytest.approx(0.7)

    def test_bad_frames_do_not_decide(self) -> None:
        clean = scan([0.02] * 30).logit
        for bad in ([7], [7, 19], [7, 14, 21, 28]):
            p_fakes = [0.999 if i in bad else 0.02 for i in range(30)]
            assert p_of(scan(p_fakes).logit) < 0.2
            assert scan(p_fakes).logit == pytest.approx(clean, abs=1.0)

    def test_a_stretch_pays_for_having_been_looked_for(self) -> None:
        p_fakes = [0.001] * 16 + [0.99] * 8 + [0.001] * 16
        evidence = scan(p_fakes)
        assert (evidence.start, evidence.stop) == (14, 24)  # a quarter may be wrong
        assert evidence.logit == pytest.approx(math.log(99) - math.log(40 / 10))

    def test_false_alarms_hardly_grow_with_the_number_of_stretches(self) -> None:
        generator = np.random.default_rng(0)
        for mean in (-4, -2):
            logits = generator.normal(mean, 1.5, (300, 30))
            scanned = [scan((1 / (1 + np.exp(-row))).tolist()).logit for row in logits]
            assert np.percentile(scanned, 99) < mean + 1.2

    @pytest.mark.parametrize(("scene", "person"), [(1, 0.0), (4, 0.4), (10, 0.4), (30, 0.0)])
    def test_false_alarms_stay_those_of_photos_whatever_frames_share(
        self, scene: int, person: float
    ) -> None:
        """Scores fall off as calibrated log odds may at most; a line that 5 % of photos reach."""
        generator, line, rate, n = np.random.default_rng(0), 2.25, 0.05, 30
        alarms = 0
        for _ in range(600):
            scenes = np.repeat(generator.normal(size=n // scene + 2), scene)
            scenes = scenes[generator.integers(scene) :][:n]
            z = math.sqrt(person) * generator.normal() + math.sqrt(1 - person) * scenes
            reached = np.array([math.erfc(one / math.sqrt(2)) / 2 for one in z])
            logits = line + np.log(rate / np.maximum(reached, 1e-9))
            alarms += scan((1 / (1 + np.exp(-logits))).tolist()).logit >= line
        assert alarms / 600 < 1.6 * rate

    def test_a_closer_look_costs_what_the_moment_did_that_it_was_taken_at(self) -> None:
        p_fakes = [0.02] * 10 + [0.99] * 8 + [0.02] * 19
        weights = [1.0] * 10 + [1 / 8] * 8 + [1.0] * 19
        assert scan(p_fakes).logit == pytest.approx(math.log(99) - math.log(37 / 10))
        assert scan(p_fakes, weights).logit == pytest.approx(math.log(99) - math.log(30 / 1))

    @given(probabilities, st.floats(0.1, 10))
    def test_only_the_ratio_of_weights_counts(self, p_fakes: list[float], weight: float) -> None:
        weighted = scan(p_fakes, [weight] * len(p_fakes))
        assert weighted.logit == pytest.approx(scan(p_fakes).logit, abs=1e-9)

    @given(probabilities)
    def test_it_stays_within_the_scores(self, p_fakes: list[float]) -> None:
        evidence = scan(p_fakes)
        assert 0 <= evidence.start < evidence.stop <= len(p_fakes)
        assert p_of(evidence.logit) <= max(max(p_fakes), 1 - p_of(6)) + 1e-9
        assert evidence.logit >= -6 - 1e-9

    @given(probabilities, st.integers(0, 59), st.floats(0, 1))
    def test_more_suspicion_never_lowers_it(
        self, p_fakes: list[float], where: int, more: float
    ) -> None:
        raised = list(p_fakes)
        raised[where % len(raised)] = max(raised[where % len(raised)], more)
        assert scan(raised).logit >= scan(p_fakes).logit - 1e-9


class TestJudge:
    def test_constants_of_the_card_apply_to_the_whole_track(self) -> None:
        report = track([0.9] * 10, calibration={"scale": 0.5, "bias": -1.0})
        assert report.p_fake == pytest.approx(p_of(0.5 * math.log(9) - 1))

    def test_votes_have_a_share_and_no_probability(self) -> None:
        for method in ("majority", "weighted"):
            report = track([0.51] * 30, method=method)
            assert (report.verdict, report.vote_share) == (Verdict.LIKELY_FAKE, 1.0)
            assert report.p_fake is None

    def test_the_average_is_judged_by_the_thresholds(self) -> None:
        report = track([0.5, 0.9] * 10, method="average")
        assert report.p_fake == pytest.approx(0.7)
        assert report.verdict is Verdict.INCONCLUSIVE

    def test_nothing_scored(self) -> None:
        faces = [face(None, reason=Reason.FACE_TOO_SMALL)] * 3
        report = judge(faces, [0.0, 1.0, 2.0], n_sampled=30, verdict_of=verdict_of)
        assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL)
        assert (report.p_fake, report.vote_share, report.intervals) == (None, None, ())
        assert (report.n_faces, report.n_scored) == (3, 0)

    def test_faces_that_break_a_rule_count_only_where_there_is_no_other(self) -> None:
        blurred = [face(0.99, reason=Reason.BLURRED)] * 20
        times_s = [float(i) for i in range(30)]
        options = {"n_sampled": 30, "verdict_of": verdict_of}
        mixed = judge([*blurred, *[face(0.01)] * 10], times_s, **options)
        assert (mixed.verdict, mixed.n_scored) == (Verdict.LIKELY_REAL, 10)
        alone = judge(blurred, times_s[:20], **options)
        assert (alone.verdict, alone.reason) == (Verdict.INCONCLUSIVE, Reason.BLURRED)
        assert (alone.n_faces, alone.n_scored) == (20, 0)

    def test_a_pattern_that_was_never_surely_a_face(self) -> None:
        faces = [face(0.99, score=0.75)] * 9
        report = judge(faces, [float(i) for i in range(9)], n_sampled=30, verdict_of=verdict_of)
        assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.DOUBTFUL_FACE)
        assert (report.p_fake, report.n_faces, report.n_scored) == (None, 9, 0)

    def test_too_few_frames_to_be_called_fake(self) -> None:
        assert track([0.99] * 4).verdict is Verdict.LIKELY_FAKE
        assert track([0.99] * 3).verdict is Verdict.INCONCLUSIVE
        assert track([0.99] * 3).reason is Reason.FEW_FRAMES
        assert track([0.01] * 3).verdict is Verdict.LIKELY_REAL

    def test_a_video_of_one_frame_is_judged_as_a_picture(self) -> None:
        report = judge([face(0.99)], [0.0], n_sampled=1, verdict_of=verdict_of)
        assert (report.verdict, report.reason) == (Verdict.LIKELY_FAKE, None)
        assert report.p_fake == pytest.approx(0.99)


class TestHeadline:
    def test_nobody(self) -> None:
        assert headline([]) is None
        nothing = judge(
            [face(None, reason=Reason.FACE_TOO_SMALL)], [0.0], n_sampled=1, verdict_of=verdict_of
        )
        assert headline([nothing]) is None

    def test_a_fake_person_decides_then_a_doubtful_one(self) -> None:
        real, doubtful, fake = track([0.01] * 30), track([0.6] * 30), track([0.99] * 9)
        assert headline([real, doubtful, fake]) == 2
        assert headline([real, doubtful]) == 1
        assert headline([real, track([0.1] * 5)]) == 1
        assert headline([fake, fake]) == 0

    def test_a_stray_face_does_not_make_a_genuine_video_doubtful(self) -> None:
        assert headline([track([0.01] * 30), track([0.99] * 2)]) == 0
        assert headline([track([0.01] * 2), track([0.99] * 2)]) == 1


class TestSuspicious:
    @given(st.lists(st.floats(0.001, 0.999), max_size=24), st.sets(st.integers(0, 48)))
    def test_what_is_suspicious_speaks_for_fake(self, p_fakes, missed) -> None:
        times_s = [1.7 * i for i in range(len(p_fakes))]
        for interval in suspicious(times_s, p_fakes, sorted(missed)):
            assert interval.p_fake > 0.5
            assert interval.start_s <= interval.end_s

    def test_where_and_when(self) -> None:
        p_fakes = [0.1] * 5 + [0.95] * 6 + [0.1] * 5 + [0.8] * 4
        times_s = [i / 2 for i in range(20)]
        assert suspicious(times_s, p_fakes) == (
            Interval(2.25, 5.25, pytest.approx(0.95)),
            Interval(7.75, 9.5, pytest.approx(0.8)),
        )

    def test_a_wrong_frame_does_not_tear_a_stretch(self) -> None:
        p_fakes = [0.9] * 5 + [0.2] + [0.9] * 5
        assert len(suspicious(range(11), p_fakes)) == 1

    def test_single_frames_and_nothing(self) -> None:
        assert suspicious([], []) == ()
        assert suspicious([1.0], [0.2]) == ()
        assert suspicious([1.0], [0.9]) == (Interval(1.0, 1.0, pytest.approx(0.9)),)
        assert suspicious(range(20), [0.1] * 9 + [0.99] + [0.1] * 10) == ()
        # Every four of these frames that begin and end with a fake one speak for FAKE, all do not.
        flicker = [1 / (1 + math.exp(-logit)) for logit in (6, -5, -5.5, 6, -5, -5.5, 6)]
        [interval] = suspicious(range(7), flicker)
        assert (interval.start_s, interval.end_s) == (0.0, 3.5)
        assert interval.p_fake > 0.5

    def test_it_reaches_half_a_second_beyond_its_frames_and_no_further(self) -> None:
        times_s = [20.0 * i for i in range(12)]
        p_fakes = [0.1] * 4 + [0.95] * 4 + [0.1] * 4
        assert suspicious(times_s, p_fakes) == (Interval(79.5, 140.5, pytest.approx(0.95)),)
        # After a pause of which nothing was sampled, or that nobody could decode, as well.
        late = [*range(8), *range(90, 98)]
        assert suspicious(late, [0.95] * 8 + [0.1] * 8) == (Interval(0, 7.5, pytest.approx(0.95)),)
        assert suspicious(late, [0.1] * 8 + [0.95] * 8) == (
            Interval(89.5, 97, pytest.approx(0.95)),
        )

    def test_it_is_torn_where_the_person_was_looked_for_in_vain(self) -> None:
        times_s = [0, 1, 2, 3, 60, 61, 62, 63]
        found = suspicious(times_s, [0.9] * 8, missed_s=range(4, 60))
        assert [(one.start_s, one.end_s) for one in found] == [(0, 3.5), (59.5, 63)]
        # What is left over of a stretch ends with a frame that speaks for FAKE.
        found = suspicious([0, 1, 2, 3, 60, 61, 62], [0.9, 0.9, 0.9, 0.2, *[0.9] * 3], [30])
        assert [(one.start_s, one.end_s) for one in found] == [(0, 2.5), (59.5, 62)]
        # A frame without the person tears nothing where the next one is less than a second away.
        dense_s = [0.0, 0.2, 0.4, 0.8, 1.0]
        assert len(suspicious(dense_s, [0.9] * 5, missed_s=[0.6])) == 1

    @given(
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 60)), min_size=1, max_size=60),
        st.lists(st.floats(0, 3600), max_size=20),
    )
    def test_no_moment_is_called_suspicious_that_nobody_looked_at(
        self, frames: list[tuple[float, float]], missed_s: list[float]
    ) -> None:
        p_fakes = [p for p, _ in frames]
        times_s = np.cumsum([step for _, step in frames])
        for one in suspicious(times_s.tolist(), p_fakes, missed_s):
            inside = (times_s >= one.start_s) & (times_s <= one.end_s) & (np.array(p_fakes) > 0.5)
            assert inside.any()
            assert 0 <= times_s[inside][0] - one.start_s <= 0.5 + 1e-9
            assert 0 <= one.end_s - times_s[inside][-1] <= 0.5 + 1e-9
            for time_s in missed_s:
                if one.start_s + 0.5 < time_s < one.end_s - 0.5:
                    assert np.abs(times_s - time_s).min() <= 1

    @given(probabilities)
    def test_stretches_are_in_order_and_apart(self, p_fakes: list[float]) -> None:
        times_s = [0.5 * i for i in range(len(p_fakes))]
        ends = [edge for one in suspicious(times_s, p_fakes) for edge in (one.start_s, one.end_s)]
        assert ends == sorted(ends)
        assert all(times_s[0] <= edge <= times_s[-1] for edge in ends)


class TestAnalysedShare:
    def test_what_the_specifications_rule_sees(self) -> None:
        # Corrections E1: 9.7 seconds of a video at 30 frames a second, however long it is.
        times_s = [i * 10 / 30 for i in range(30)]
        assert analysed_share(times_s, 60) == pytest.approx(0.17, abs=0.005)
        assert analysed_share(times_s, 600) == pytest.approx(0.017, abs=0.0005)

    def test_edges(self) -> None:
        assert analysed_share([], 10) == 0
        assert analysed_share([0.0], 0.04) == pytest.approx(1)
        assert analysed_share([5.0], 10) == pytest.approx(0.1)
        assert analysed_share([0.0], 0.0) == 0
        assert analysed_share([1, 2, 3], 4.0) == pytest.approx(0.75)

    @given(st.lists(st.floats(0, 100), max_size=50), st.floats(0.1, 100))
    def test_it_is_a_share(self, times_s: list[float], duration_s: float) -> None:
        assert 0 <= analysed_share(times_s, duration_s) <= 1 + 1e-9
