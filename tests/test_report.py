"""The JSON object of a picture, whichever way it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from unmask.detector import Detector
from unmask.media import read
from unmask.report import to_dict
from unmask.types import Reason, Verdict

EXAMPLES = Path(__file__).parents[1] / "examples"

KEYS = {
    *("path", "kind", "sha256", "verdict", "reason", "p_fake", "label", "confidence"),
    *("headline_face", "faces", "image", "model", "timings_ms"),
}
FACE_KEYS = {
    *("box", "landmarks", "detection_score", "verdict", "reason", "p_fake", "label"),
    *("confidence", "quality"),
}
ADDED, FACE_ADDED = {"detail"}, {"contributions", "spectrum"}
"""What stands beside the keys that were agreed on."""


def pictures(detector: Detector, landscape: bytes) -> dict[str, dict[str, Any]]:
    photo = read(EXAMPLES / "astronaut.jpg").pixels
    small = np.asarray(PIL.Image.fromarray(photo).resize((256, 256)))
    sources = {
        "a face": EXAMPLES / "astronaut.jpg",
        "two faces": np.hstack([photo, photo]),
        "a large and a small face": np.hstack([photo, np.pad(small, ((0, 256), (0, 0), (0, 0)))]),
        "a small face": small,
        "no face": landscape,
        "no picture": b"text",
    }
    reports = detector.images(sources.values())
    return {name: to_dict(report) for name, report in zip(sources, reports, strict=True)}


@pytest.fixture(scope="module")
def answers(detector: Detector, landscape: bytes) -> dict[str, dict[str, Any]]:
    return pictures(detector, landscape)


@pytest.fixture(
    params=[
        "a face",
        "two faces",
        "a large and a small face",
        "a small face",
        "no face",
        "no picture",
    ]
)
def answer(request: pytest.FixtureRequest, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return answers[request.param]


def test_it_has_the_agreed_keys(answer: dict[str, Any]) -> None:
    assert answer.keys() == KEYS | ADDED
    assert answer["kind"] == "image"
    assert answer["image"].keys() == {"width", "height", "format", "n_bytes", "camera"}
    assert answer["model"].keys() == {"name", "version", "sha256"}
    for face in answer["faces"]:
        assert face.keys() == FACE_KEYS | FACE_ADDED
        assert np.shape(face["box"]) == (4,)
        assert np.shape(face["landmarks"]) == (5, 2)
        assert face["quality"].keys() == {
            *("face_px", "sharpness", "yaw", "roll_deg", "truncated", "jpeg_quality", "reasons")
        }


def test_it_is_strict_json(answer: dict[str, Any]) -> None:
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_there_is_a_probability_exactly_where_something_was_scored(answer: dict[str, Any]) -> None:
    """The rule above all others."""
    for part in (answer, *answer["faces"]):
        values = [part[key] for key in ("p_fake", "label", "confidence")]
        if part["verdict"] == "not_analysed":
            assert values == [None, None, None]
            assert part["reason"] in set(Reason)
        else:
            p_fake, label, confidence = values
            assert 0 <= p_fake <= 1
            assert label == ("FAKE" if p_fake > 0.5 else "REAL")
            assert confidence == max(p_fake, 1 - p_fake)
        assert part["verdict"] in set(Verdict)
    for face in answer["faces"]:
        assert (face["contributions"] is None) == (face["p_fake"] is None)
        assert (face["spectrum"] is None) == (face["p_fake"] is None)


def test_the_spectrum_is_that_of_the_aligned_face(
    answers: dict[str, dict[str, Any]], detector: Detector
) -> None:
    (face,) = detector.image(EXAMPLES / "astronaut.jpg").faces
    assert face.spectrum is not None
    radial = face.spectrum.vector[:128]
    expected = [float(np.mean(radial[start : start + 8])) for start in range(0, 128, 8)]
    (answer,) = answers["a face"]["faces"]
    assert answer["spectrum"] == pytest.approx(expected, abs=1e-3)


def test_the_headline_is_one_of_the_faces(answer: dict[str, Any]) -> None:
    if answer["p_fake"] is None:
        assert answer["headline_face"] is None
    else:
        headline = answer["faces"][answer["headline_face"]]
        assert headline["p_fake"] == answer["p_fake"]
        assert headline["verdict"] == answer["verdict"]


def test_each_picture_has_its_outcome(answers: dict[str, dict[str, Any]]) -> None:
    outcomes = {
        name: (len(answer["faces"]), answer["p_fake"] is not None)
        for name, answer in answers.items()
    }
    assert outcomes == {
        "a face": (1, True),
        "two faces": (2, True),
        "a large and a small face": (2, True),
        "a small face": (1, False),
        "no face": (0, False),
        "no picture": (0, False),
    }
    assert answers["no picture"]["reason"] == "unsupported_format"
    assert answers["no picture"]["detail"]
    assert answers["no picture"]["image"]["width"] is None
    assert answers["no face"]["reason"] == "no_face"
    assert answers["no face"]["image"]["width"] == 320


def test_the_origin_of_an_answer_is_in_it(
    answers: dict[str, dict[str, Any]], detector: Detector
) -> None:
    import hashlib

    answer = answers["a face"]
    photo = (EXAMPLES / "astronaut.jpg").read_bytes()
    assert answer["sha256"] == hashlib.sha256(photo).hexdigest()
    assert answer["image"]["n_bytes"] == len(photo)
    assert answer["path"] == str(EXAMPLES / "astronaut.jpg")
    assert answer["model"]["sha256"] == detector.identity.sha256
    assert answers["two faces"]["sha256"] is None
    assert answers["two faces"]["image"]["n_bytes"] is None
    assert answers["two faces"]["image"]["format"] == "ARRAY"
