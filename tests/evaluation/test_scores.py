"""The rule above all: nothing that was not scored has a probability, in memory or on disk."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.errors import DataError, UndecodableError
from unmask.evaluation.manifest import Manifest, Row
from unmask.evaluation.scores import (
    Outcome,
    read_scores,
    score,
    score_degraded,
    scorer_of_crops,
    write_scores,
)
from unmask.types import (
    Box,
    Face,
    FaceReport,
    FrameReport,
    ImageReport,
    ModelIdentity,
    Prediction,
    Quality,
    Reason,
    TrackReport,
    Verdict,
    VideoReport,
)


@pytest.fixture
def manifest(tmp_path):
    for name in "abc":
        (tmp_path / name).touch()
    return Manifest((Row("a", "REAL"), Row("b", "FAKE", method="swap"), Row("c", "FAKE")), tmp_path)


@pytest.mark.parametrize(
    ("p_fake", "status"),
    [
        (None, "scored"),
        (0.5, "no_face"),
        (1.5, "scored"),
        (-0.1, "scored"),
        (float("nan"), "scored"),
    ],
)
def test_an_outcome_is_a_probability_or_a_reason(p_fake, status):
    with pytest.raises(DataError):
        Outcome(p_fake, status)


def test_scores_survive_a_file_to_the_last_bit(manifest, tmp_path):
    outcomes = [
        Outcome(1 / 3, verdict=Verdict.INCONCLUSIVE),
        Outcome(None, "no_face", Verdict.NOT_ANALYSED),
        Outcome(1e-17),
    ]
    path = tmp_path / "scores.csv"
    write_scores(path, manifest, outcomes)
    assert read_scores(path, manifest) == outcomes
    lines = path.read_text().splitlines()
    assert (
        lines[0] == "path,label,method,identity,video,original,source,split,p_fake,status,verdict"
    )
    assert lines[2] == "b,fake,swap,,,,,,,no_face,not_analysed"


def test_numpy_floats_are_written_as_numbers(manifest, tmp_path):
    path = tmp_path / "scores.csv"
    write_scores(path, manifest, [Outcome(np.float64(0.25))] * 3)
    assert ",0.25,scored," in path.read_text()


def test_other_people_s_scores_are_read_and_gaps_are_named(manifest, tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("p_fake,path\n0.25,c\n,b\n0.9,not-in-the-manifest\n")
    assert read_scores(path, manifest) == [
        Outcome(None, "not_in_score_file"),
        Outcome(None, "not_scored"),
        Outcome(0.25),
    ]


def test_a_path_may_be_written_in_another_way_or_absolute(manifest, tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text(f"path,p_fake\n./a,0.25\nx/../b,0.5\n{manifest.folder.absolute() / 'c'},0.75\n")
    assert [outcome.p_fake for outcome in read_scores(path, manifest)] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,score\na,0.1\n", "no column p_fake"),
        ("path,p_fake\na,high\n", r"csv:2: p_fake is a fraction in \[0, 1\], or empty, got 'high'"),
        ("path,p_fake\na,97.3\n", r"csv:2: p_fake is a fraction"),
        ("path,p_fake\na,nan\n", r"csv:2: p_fake is a fraction"),
        ("path,p_fake,status\na,0.5,no_face\n", r"csv:2: p_fake 0.5 for a row that was not scored"),
        ("path,p_fake,verdict\na,0.5,not_analysed\n", r"csv:2: p_fake 0.5 .* is not_analysed"),
        ("path,p_fake,status\na,,scored\n", r"csv:2: a row without p_fake needs a status"),
        ("path,p_fake\na,0.1\na,0.2\n", r"csv:3: a is there twice"),
        ("path,p_fake,label\na,0.1,fake\n", r"csv:2: a is FAKE here, REAL in the manifest"),
        ("path,p_fake,label\na,0.1,0\n", r"csv:2: label is real or fake, got '0': half of"),
        ("path,p_fake,verdict\na,0.1,FAKE\n", r"csv:2: verdict is likely_fake, .*, got 'FAKE'"),
        ("path,p_fake,frames\na,0.1,0.1 x\n", r"csv:2: p_fake is a fraction .*, got 'x'"),
        ("path,p_fake\na,0.1\n./a,0.2\n", r"csv:3: ./a is there twice"),
        ("path,p_fake,label\n./a,0.1,fake\n", r"csv:2: ./a is FAKE here, REAL in the manifest"),
        ("path,p_fake\n/elsewhere/a,0.1\n", "no path in common.*'/elsewhere/a'.*'a'"),
    ],
)
def test_bad_score_files_are_told_what_is_wrong_and_where(manifest, tmp_path, text, message):
    path = tmp_path / "theirs.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_scores(path, manifest)


def test_a_scorer_gets_every_file_in_order(manifest, tmp_path):
    seen = []

    def scorer(sources):
        for source in sources:
            seen.append(source)
            yield Outcome(0.1 * len(seen))

    assert [o.p_fake for o in score(manifest, scorer)] == pytest.approx([0.1, 0.2, 0.3])
    assert seen == [tmp_path / name for name in "abc"]


@pytest.mark.parametrize("n", [0, 2, 4])
def test_a_scorer_that_loses_count_is_found_out(manifest, n):
    with pytest.raises(DataError, match=f"{n} outcomes for 3 pictures"):
        list(score(manifest, lambda sources: [Outcome(0.5)] * n))
    with pytest.raises(DataError, match=f"{n} outcomes for 3 pictures"):
        list(
            score_degraded(
                manifest,
                lambda sources: [Outcome(0.5)] * n,
                read=lambda path: np.zeros((2, 2, 3), np.uint8),
                degrade=lambda image, path: image,
            )
        )


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_crops_are_scored_in_batches_and_unreadable_ones_keep_their_place(manifest, batch_size):
    batches = []

    def read(path):
        if path.name == "b":
            raise UndecodableError("damaged")
        return np.full((2, 2, 3), ord(path.name), np.uint8)

    def predict(crops):
        batches.append(len(crops))
        return [Outcome(float(crop.mean()) / 255) for crop in crops]

    scorer = scorer_of_crops(read, predict, batch_size=batch_size)
    decoded = np.full((2, 2, 3), 51, np.uint8)
    outcomes = list(scorer([*(manifest.file(row) for row in manifest.rows), decoded]))
    assert [outcome.p_fake for outcome in outcomes] == [97 / 255, None, 99 / 255, 0.2]
    assert outcomes[1].status == "undecodable"
    assert max(batches) <= batch_size
    with pytest.raises(DataError, match="0 outcomes for 1 pictures"):
        list(scorer_of_crops(read, lambda crops: [])([decoded]))


def test_a_report_is_the_face_that_decided_or_a_reason():
    def report(faces, verdict, reason, headline):
        model = ModelIdentity("m", "1", "0" * 64)
        return ImageReport("a.jpg", None, verdict, reason, faces, headline, 9, 9, "PNG", model, {})

    quality = Quality(100, 10, 0, 0, 0, None)
    face = Face(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 1.0)
    blurred = FaceReport(face, Verdict.INCONCLUSIVE, Reason.BLURRED, Prediction(1.0, 0.7), quality)
    scored = report((blurred,), Verdict.INCONCLUSIVE, Reason.BLURRED, 0)
    assert Outcome.of(scored) == Outcome(0.7, "scored", Verdict.INCONCLUSIVE)
    none = report((), Verdict.NOT_ANALYSED, Reason.NO_FACE, None)
    assert Outcome.of(none) == Outcome(None, "no_face", Verdict.NOT_ANALYSED)


def test_a_video_is_the_person_who_decided_and_every_frame_that_was_scored():
    face = Face(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 1.0)

    def frame(*p_fakes, reasons=()):
        sound = Quality(100, 10, 0, 0, 0, None, reasons)
        faces = tuple(
            FaceReport(face, Verdict.INCONCLUSIVE, None, p and Prediction(0, p), sound)
            for p in p_fakes
        )
        return FrameReport(0, 0.0, faces, (0,) * len(faces), None)

    def video(frames, tracks, headline, reason=None):
        model = ModelIdentity("m", "1", "0" * 64)
        verdict = tracks[headline].verdict if tracks else Verdict.NOT_ANALYSED
        head = ("a.mp4", None, verdict, reason, tracks, frames, headline, None)
        return VideoReport(*head, 9, 9, "MP4", "h264", "scan", model, {})

    track = TrackReport(Verdict.LIKELY_FAKE, None, 0.97, None, 0.0, 1.0, 3, 3, ())
    blurred = frame(0.99, reasons=(Reason.BLURRED,))
    seen = (frame(0.2, 0.7), frame(), frame(None), blurred, frame(0.4))
    expected = Outcome(0.97, "scored", Verdict.LIKELY_FAKE, (0.7, 0.4))
    assert Outcome.of(video(seen, (track,), 0)) == expected
    nobody = video((frame(),), (), None, Reason.NO_FACE)
    assert Outcome.of(nobody) == Outcome(None, "no_face", Verdict.NOT_ANALYSED, ())


def test_the_frames_of_videos_survive_a_file(manifest, tmp_path):
    outcomes = [
        Outcome(0.9, verdict=Verdict.LIKELY_FAKE, frames=(1 / 3, 1.0)),
        Outcome(None, "undecodable", frames=()),
        Outcome(0.5, frames=(0.5,)),
    ]
    path = tmp_path / "scores.csv"
    write_scores(path, manifest, outcomes)
    assert read_scores(path, manifest) == outcomes
    with pytest.raises(DataError, match="of a frame"):
        Outcome(0.5, frames=(0.5, 1.1))


def test_missing_files_stop_before_the_first_is_scored(manifest, tmp_path):
    (tmp_path / "c").unlink()

    def scorer(sources):
        raise AssertionError("nothing may be scored")

    with pytest.raises(DataError, match="1 of 3 files"):
        list(score(manifest, scorer))


def test_a_picture_that_cannot_be_read_keeps_its_place_among_the_degraded(manifest):
    def read(path):
        if path.name == "b":
            raise UndecodableError("damaged")
        return np.full((2, 2, 3), ord(path.name), np.uint8)

    def scorer(pictures):
        # Reads ahead, as a detector that overlaps decoding and scoring does.
        return [Outcome(float(picture.mean()) / 255) for picture in list(pictures)]

    outcomes = list(
        score_degraded(manifest, scorer, read=read, degrade=lambda image, path: image + 1)
    )
    assert outcomes == [Outcome(98 / 255), Outcome(None, "undecodable"), Outcome(100 / 255)]
