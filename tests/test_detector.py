"""The whole path of a picture, with the weights that ship."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageFilter
import pytest
from flask.testing import FlaskClient

from unmask.alignment import align, native_window
from unmask.detector import FEW, MAX_BATCH, Detector, Source, _summarise
from unmask.errors import (
    ModelError,
    TooLargeError,
    UndecodableError,
    UnreadableError,
    UnsupportedFormatError,
)
from unmask.media import read
from unmask.network import NetworkOutput
from unmask.server import create_app
from unmask.settings import Settings
from unmask.spectrum import NATIVE_SPECTRUM_ID, describe
from unmask.types import (
    Box,
    Face,
    FaceReport,
    Image,
    ImageReport,
    Prediction,
    Quality,
    Reason,
    Spectrum,
    Verdict,
)

EXAMPLES = Path(__file__).parents[1] / "examples"
ASTRONAUT = EXAMPLES / "astronaut.jpg"
WithCard = Callable[[dict[str, Any] | None], Path]


@pytest.fixture(scope="module")
def photo() -> Image:
    return read(ASTRONAUT).pixels


@pytest.fixture(scope="module")
def report(detector: Detector) -> ImageReport:
    return detector.image(ASTRONAUT)


# --- one face ---


def test_everything_is_known_of_a_face(report: ImageReport, detector: Detector) -> None:
    assert (report.width, report.height, report.format) == (512, 512, "JPEG")
    assert report.model == detector.identity
    assert report.headline_face == 0
    [face] = report.faces
    assert face.prediction is not None
    assert report.p_fake == face.prediction.p_fake
    assert 0 <= report.p_fake <= 1
    assert face.verdict is report.verdict
    assert face.verdict is not Verdict.NOT_ANALYSED
    assert face.quality.reasons == ()
    assert face.quality.jpeg_quality == 95
    assert face.heatmap is not None
    assert face.spectrum is not None
    assert set(face.prediction.contributions) == {"spatial", "frequency"}


def test_every_stage_has_its_time(report: ImageReport) -> None:
    stages = ["media", "faces", "alignment", "quality", "spectrum", "network", "heatmap"]
    assert list(report.timings_ms) == stages
    assert all(elapsed_ms >= 0 for elapsed_ms in report.timings_ms.values())
    assert report.timings_ms["media"] > 0.5


def test_a7_the_portrait_is_not_called_fake_and_the_fake_scores_higher(
    detector: Detector, report: ImageReport
) -> None:
    """The polarity: with the classes exchanged both would turn round."""
    fake = detector.image(EXAMPLES / "astronaut-fake.jpg")
    assert report.verdict is not Verdict.LIKELY_FAKE
    assert report.p_fake is not None
    assert fake.p_fake is not None
    assert report.p_fake < fake.p_fake


def test_d8_the_heat_map_lies_over_the_face(report: ImageReport) -> None:
    [face] = report.faces
    assert face.heatmap is not None
    affine = face.heatmap.affine
    landmarks = face.face.landmarks @ affine[:, :2].T + affine[:, 2]
    assert ((landmarks > 0) & (landmarks < face.heatmap.crop_size)).all()
    assert landmarks[0, 1] == pytest.approx(landmarks[1, 1], abs=8)


def test_b2_landmarks_are_px_of_the_photo(report: ImageReport) -> None:
    [face] = report.faces
    assert (face.face.landmarks >= [face.face.box.x1, face.face.box.y1]).all()
    assert (face.face.landmarks <= [face.face.box.x2, face.face.box.y2]).all()


def test_b7_the_face_detector_gets_rgb(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    detect = detector._faces.detect
    monkeypatch.setattr(
        detector._faces, "detect", lambda image: (seen.append(image), detect(image))[1]
    )
    detector.image(ASTRONAUT, heatmaps=False)
    assert np.array_equal(seen[0], np.asarray(PIL.Image.open(ASTRONAUT).convert("RGB")))


def test_a10_the_network_gets_the_spectrum_of_the_face_that_it_scores(
    detector: Detector, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The specification's service never computed one, and its network never took one."""
    seen: list[Spectrum] = []
    run = detector._network.run

    def recorded(crops: Sequence[Image], spectra: Sequence[Spectrum]) -> NetworkOutput:
        seen.extend(spectra)
        return run(crops, spectra)

    monkeypatch.setattr(detector._network, "run", recorded)
    [face] = detector.image(ASTRONAUT, heatmaps=False).faces
    card = detector.card
    crop = align(photo, face.face, size=card.input_size, margin=card.crop_margin)
    described = crop.pixels
    if card.spectrum_id == NATIVE_SPECTRUM_ID:
        described = native_window(photo, crop.affine, size=card.input_size)
    [spectrum] = seen
    assert np.array_equal(spectrum.vector, describe(described).vector)


def test_heat_maps_can_be_left_out_and_change_nothing(
    detector: Detector, report: ImageReport
) -> None:
    without = detector.image(ASTRONAUT, heatmaps=False)
    assert without.faces[0].heatmap is None
    assert without.p_fake == pytest.approx(report.p_fake, abs=1e-6)


@pytest.mark.parametrize("kind", ["str", "bytes", "stream", "array", "picture"])
def test_a_source_may_be_anything_and_scores_alike(
    kind: str, detector: Detector, report: ImageReport, photo: Image
) -> None:
    source: Source = {
        "str": str(ASTRONAUT),
        "bytes": ASTRONAUT.read_bytes(),
        "stream": io.BytesIO(ASTRONAUT.read_bytes()),
        "array": photo,
        "picture": read(ASTRONAUT),
    }[kind]
    other = detector.image(source, heatmaps=False)
    assert other.p_fake == pytest.approx(report.p_fake, abs=1e-6)
    assert other.verdict is report.verdict
    assert other.path == (str(ASTRONAUT) if kind == "str" else None)
    assert (other.sha256 == report.sha256) == (kind != "array")


def test_a_face_crop_scores_as_its_face_in_the_photo(
    detector: Detector, report: ImageReport, photo: Image
) -> None:
    card = detector.card
    crop = align(photo, report.faces[0].face, size=card.input_size, margin=card.crop_margin)
    [prediction] = detector.crops([crop.pixels])
    assert prediction.p_fake == pytest.approx(report.p_fake, abs=1e-6)
    assert detector.decide(prediction) is report.verdict


def test_more_crops_than_fit_in_a_batch_keep_their_order(
    detector: Detector, report: ImageReport, photo: Image
) -> None:
    card = detector.card
    crop = align(photo, report.faces[0].face, size=card.input_size, margin=card.crop_margin).pixels
    predictions = detector.crops([np.roll(crop, i % 2 * 40, axis=0) for i in range(MAX_BATCH + 1)])
    logits = [prediction.logit for prediction in predictions]
    assert len(logits) == MAX_BATCH + 1
    assert logits[::2] == pytest.approx([logits[0]] * len(logits[::2]), abs=1e-3)
    assert logits[1::2] == pytest.approx([logits[1]] * len(logits[1::2]), abs=1e-3)
    assert detector.crops([]) == []


# --- none, several, and faces that cannot be judged ---


def test_a_picture_without_a_face_has_no_probability(detector: Detector, landscape: bytes) -> None:
    report = detector.image(landscape)
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.NO_FACE)
    assert report.faces == ()
    assert report.p_fake is None
    assert report.headline is None


def test_every_face_is_judged_by_its_own_crop(detector: Detector, photo: Image) -> None:
    beside = np.hstack([photo, photo[:, ::-1]])
    report, card = detector.image(beside), detector.card
    assert len(report.faces) == 2
    for face in report.faces:
        crop = align(beside, face.face, size=card.input_size, margin=card.crop_margin)
        [alone] = detector.crops([crop.pixels])
        assert face.prediction is not None
        assert face.prediction.logit == pytest.approx(alone.logit, abs=1e-3)
        assert face.heatmap is not None
    assert report.headline is not None
    assert report.headline.verdict is report.verdict


def test_b10_a_small_face_is_found_and_not_scored(detector: Detector, photo: Image) -> None:
    small = np.asarray(PIL.Image.fromarray(photo).resize((256, 256)))
    report = detector.image(small)
    [face] = report.faces
    assert face.face.box.side < detector.card.quality_rules["min_face_px"]
    assert (face.verdict, face.reason) == (Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL)
    assert face.prediction is None
    assert face.heatmap is None
    assert face.quality.reasons[0] is Reason.FACE_TOO_SMALL
    assert (report.verdict, report.reason) == (Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL)
    assert report.p_fake is None


def test_a_small_face_beside_a_large_one_is_told(detector: Detector, photo: Image) -> None:
    both = np.zeros((512, 768, 3), np.uint8)
    both[:, :512] = photo
    both[:256, 512:] = np.asarray(PIL.Image.fromarray(photo).resize((256, 256)))
    report = detector.image(both)
    verdicts = [face.verdict for face in report.faces]
    assert len(verdicts) == 2
    assert verdicts.count(Verdict.NOT_ANALYSED) == 1
    assert report.reason in (Reason.SOME_FACES_NOT_ANALYSED, Reason.BETWEEN_THRESHOLDS)
    assert report.p_fake is not None


def test_a_blurred_face_is_inconclusive_whatever_it_scores(
    detector: Detector, photo: Image
) -> None:
    blurred = PIL.Image.fromarray(photo).filter(PIL.ImageFilter.GaussianBlur(4))
    report = detector.image(np.asarray(blurred))
    [face] = report.faces
    assert face.quality.sharpness < detector.card.quality_rules["min_sharpness"]
    assert (face.verdict, face.reason) == (Verdict.INCONCLUSIVE, Reason.BLURRED)
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.BLURRED)
    assert face.prediction is not None


def test_b5_a_face_cut_by_the_edge_says_how_much_is_missing(
    detector: Detector, photo: Image
) -> None:
    report = detector.image(np.ascontiguousarray(photo[:, 215:]))
    for face in report.faces:
        assert face.quality.truncated > 0.1
    assert len(report.faces) == 1


# --- the picture's verdict from its faces ---


def judged(verdict: Verdict, p_fake: float | None, reason: Reason | None = None) -> FaceReport:
    side = 100.0 if p_fake is not None else 40.0
    return FaceReport(
        Face(Box(0, 0, side, side), np.zeros((5, 2), np.float32), 1.0),
        verdict,
        reason,
        None if p_fake is None else Prediction(0.0, p_fake),
        Quality(side, 10, 0, 0, 0, None),
    )


FAKE, REAL = judged(Verdict.LIKELY_FAKE, 0.9), judged(Verdict.LIKELY_REAL, 0.1)
FAKER = judged(Verdict.LIKELY_FAKE, 0.99)
BETWEEN = judged(Verdict.INCONCLUSIVE, 0.5, Reason.BETWEEN_THRESHOLDS)
BLURRED = judged(Verdict.INCONCLUSIVE, 0.999, Reason.BLURRED)
SMALL = judged(Verdict.NOT_ANALYSED, None, Reason.FACE_TOO_SMALL)
SOME = Reason.SOME_FACES_NOT_ANALYSED


@pytest.mark.parametrize(
    ("faces", "verdict", "reason", "headline"),
    [
        ([], Verdict.NOT_ANALYSED, Reason.NO_FACE, None),
        ([SMALL], Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL, None),
        ([SMALL, SMALL], Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL, None),
        ([REAL], Verdict.LIKELY_REAL, None, 0),
        ([REAL, BETWEEN], Verdict.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS, 1),
        ([BETWEEN, BLURRED], Verdict.INCONCLUSIVE, Reason.BLURRED, 1),
        ([BETWEEN, FAKE, REAL], Verdict.LIKELY_FAKE, None, 1),
        ([BLURRED, FAKE], Verdict.LIKELY_FAKE, None, 1),
        ([FAKE, FAKER], Verdict.LIKELY_FAKE, None, 1),
        ([SMALL, REAL], Verdict.LIKELY_REAL, SOME, 1),
        ([FAKE, SMALL], Verdict.LIKELY_FAKE, SOME, 0),
        ([BETWEEN, SMALL], Verdict.INCONCLUSIVE, Reason.BETWEEN_THRESHOLDS, 0),
    ],
)
def test_the_verdict_of_a_picture_is_that_of_the_face_that_decides(
    faces: list[FaceReport], verdict: Verdict, reason: Reason | None, headline: int | None
) -> None:
    assert _summarise(faces) == (verdict, reason, headline)


# --- many pictures, some of them bad ---


def test_one_bad_picture_does_not_stop_the_rest(
    detector: Detector, landscape: bytes, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    sources = [landscape, str(text), b"", tmp_path / "missing.png", ASTRONAUT]
    reports = list(detector.images(sources))
    assert [report.reason for report in reports[:4]] == [
        Reason.NO_FACE,
        Reason.UNSUPPORTED_FORMAT,
        Reason.UNDECODABLE,
        Reason.UNREADABLE,
    ]
    assert reports[4].p_fake is not None
    for refused in reports[1:4]:
        assert refused.verdict is Verdict.NOT_ANALYSED
        assert refused.p_fake is None
        assert (refused.width, refused.height, refused.format) == (None, None, None)
        assert refused.detail
    assert [report.path for report in reports] == [
        None,
        str(text),
        None,
        str(tmp_path / "missing.png"),
        str(ASTRONAUT),
    ]


def test_many_pictures_are_read_only_a_little_ahead(detector: Detector, landscape: bytes) -> None:
    """A folder of ten thousand is never in memory at once."""
    asked = 0

    def sources() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(10_000):
            asked += 1
            yield landscape

    reports = detector.images(sources())
    assert next(reports).reason is Reason.NO_FACE
    assert asked <= (os.cpu_count() or 1) + 1
    reports.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    ["hopper.jpg", b"bytes", ASTRONAUT, io.BytesIO(b"bytes"), np.zeros((8, 8, 3), np.uint8)],
)
def test_one_picture_is_not_many(source: Any, detector: Detector) -> None:
    with pytest.raises(TypeError, match="expected many pictures, got one"):
        detector.images(source)


def test_the_weights_may_be_named_by_a_string(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.onnx cannot be read"):
        Detector(str(tmp_path / "weights.onnx"))


def test_many_pictures_come_back_in_their_order(detector: Detector, landscape: bytes) -> None:
    """However long each takes: the first has a face to score, the others have none."""
    sources = [ASTRONAUT, *[landscape] * 5]
    reports = list(detector.images(sources))
    assert [bool(report.faces) for report in reports] == [True] + [False] * 5


def test_many_pictures_are_scored_as_each_alone(
    detector: Detector, report: ImageReport, landscape: bytes
) -> None:
    """The second session has no scores and no limits of its own."""
    reports = list(detector.images([*[landscape] * FEW, ASTRONAUT], heatmaps=True))
    [face], [alone] = reports[-1].faces, report.faces
    assert face.prediction is not None
    assert alone.prediction is not None
    assert face.prediction.logit == pytest.approx(alone.prediction.logit, abs=1e-3)
    assert face.verdict is alone.verdict
    assert face.heatmap is not None
    assert reports[-1].model == report.model


def test_a_few_pictures_are_not_worth_a_second_session(
    landscape: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of one photo would start half a second later for nothing."""
    one = Detector(threads=2)
    loaded: list[Detector] = []
    monkeypatch.setattr(Detector, "_prove", lambda detector: loaded.append(detector))
    list(one.images([landscape] * FEW))
    assert not loaded
    list(one.images([landscape] * (FEW + 2)))
    list(one.images([landscape] * (FEW + 2)))
    assert len(loaded) == 1


def test_pictures_side_by_side_need_no_second_session(
    landscape: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    side_by_side = Detector(threads=2, side_by_side=True)
    loaded: list[Detector] = []
    monkeypatch.setattr(Detector, "_prove", lambda detector: loaded.append(detector))
    assert len(list(side_by_side.images([landscape] * (FEW + 2)))) == FEW + 2
    assert not loaded


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"", UndecodableError),
        (b"plain text", UnsupportedFormatError),
        ("nowhere.jpg", UnreadableError),
        (np.zeros((4, 4), np.uint8), UndecodableError),
    ],
    ids=["empty", "text", "missing", "grey array"],
)
def test_a_single_bad_picture_is_an_error(
    source: Source, error: type[Exception], detector: Detector
) -> None:
    with pytest.raises(error):
        detector.image(source)


def test_the_limits_are_those_of_the_settings(landscape: bytes) -> None:
    limited = Detector.from_settings(Settings(max_image_pixels=1000, threads=2))
    with pytest.raises(TooLargeError):
        limited.image(landscape)
    reports = limited.images([landscape] * (FEW + 1))
    assert {report.reason for report in reports} == {Reason.TOO_LARGE}


# --- the proof ---


def test_a_model_that_scores_its_golden_sample_otherwise_does_not_start(
    with_card: WithCard, card: dict[str, Any]
) -> None:
    card["golden"][0]["logit"] += 0.05
    with pytest.raises(ModelError, match=r"fails its proof.*onnxruntime"):
        Detector(with_card(card))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spectrum_id": "radial-dct-0"}, "export it anew"),
        ({"calibration": {"method": "temperature"}}, "calibration"),
        (
            {"calibration": {"method": "platt", "a": 1, "b": 0, "video": {"scale": math.nan}}},
            "calibration does not rise",
        ),
        ({"classes": ["fake", "real"]}, "classes"),
        ({"golden": [{"png": "", "logit": math.nan}]}, "golden sample"),
    ],
    ids=["spectrum", "calibration", "video", "classes", "golden"],
)
def test_a_model_whose_card_does_not_fit_does_not_start(
    change: dict[str, Any], message: str, with_card: WithCard, card: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=message):
        Detector(with_card(card | change))


def test_a_golden_sample_of_each_class_is_in_the_card(detector: Detector) -> None:
    logits = [sample.logit for sample in detector._network.golden()]
    assert len(logits) >= 2
    assert np.ptp(logits) > 0.05  # else the proof could not tell the samples apart


# --- one score, whichever way in ---


@pytest.mark.parametrize("name", ["astronaut.jpg", "astronaut-fake.jpg"])
def test_library_command_line_and_server_give_one_score(
    name: str,
    detector: Detector,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from unmask import cli

    path = EXAMPLES / name
    library = detector.image(path).p_fake
    monkeypatch.setattr(Detector, "from_settings", lambda *_, **__: detector)
    monkeypatch.setattr("sys.argv", ["unmask", "detect", "--json", str(path)])
    with pytest.raises(SystemExit) as status:
        cli.main()
    client: FlaskClient = create_app(Settings(), detector).test_client()
    form = {"file": (io.BytesIO(path.read_bytes()), name)}
    answer = client.post("/api/detect/image", data=form).json
    assert status.value.code == 0
    assert json.loads(capsys.readouterr().out)["p_fake"] == pytest.approx(library, abs=1e-6)
    assert answer["p_fake"] == pytest.approx(library, abs=1e-6)


def test_the_detector_is_the_first_name_of_the_library() -> None:
    import unmask

    assert unmask.Detector is Detector
    assert {field.name for field in dataclasses.fields(unmask.ImageReport)} >= {"verdict", "faces"}


def test_a_photo_waits_for_nothing_that_it_does_not_need() -> None:
    code = "import sys, unmask; unmask.Detector().image(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(ASTRONAUT)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert {"av", "flask", "scipy", "torch"} & set(done.stdout.split()) == set()
