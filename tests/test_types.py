"""The vocabulary keeps its promises; they are few, since it mostly carries."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask import types
from unmask.types import (
    Box,
    Face,
    FaceReport,
    Heatmap,
    ImageReport,
    ModelIdentity,
    Picture,
    Prediction,
    Quality,
    Reason,
    Verdict,
    percent,
)


def test_box_measures() -> None:
    box = Box(10, 20, 40, 80)
    assert (box.width, box.height, box.side, box.centre) == (30, 60, 60, (25, 50))


@pytest.mark.parametrize(
    ("p_fake", "shown"),
    [(0.0, "0.1%"), (1.0, "99.9%"), (0.99999, "99.9%"), (0.5, "50.0%"), (0.123, "12.3%")],
)
def test_f13_no_probability_is_shown_as_certain(p_fake: float, shown: str) -> None:
    assert percent(p_fake) == shown


@given(st.floats(0, 1))
def test_a_label_is_never_less_likely_than_its_opposite(p_fake: float) -> None:
    prediction = Prediction(logit=0.0, p_fake=p_fake)
    assert prediction.confidence == (p_fake if prediction.label == "FAKE" else 1 - p_fake)
    assert 0.5 <= prediction.confidence <= 1


def test_a_tie_is_real() -> None:
    """Corrections A9: who knows nothing accuses nobody; the verdict has thresholds of its own."""
    assert Prediction(logit=0.0, p_fake=0.5).label == "REAL"
    assert Prediction(logit=0.0, p_fake=np.nextafter(0.5, 1)).label == "FAKE"


def test_a_heat_map_is_empty_where_nothing_spoke_for_fake() -> None:
    values = np.zeros((7, 7), np.float32)
    assert Heatmap(values, np.eye(2, 3), 224).empty
    values[3, 3] = 1e-6
    assert not Heatmap(values, np.eye(2, 3), 224).empty


def image_report(*faces: FaceReport, headline_face: int | None) -> ImageReport:
    return ImageReport(
        path=None,
        sha256=None,
        verdict=Verdict.NOT_ANALYSED,
        reason=Reason.NO_FACE,
        faces=faces,
        headline_face=headline_face,
        width=8,
        height=8,
        format="ARRAY",
        model=ModelIdentity("name", "1", "0" * 64),
        timings_ms={},
    )


def face_report(prediction: Prediction | None) -> FaceReport:
    face = Face(Box(0, 0, 8, 8), np.zeros((5, 2), np.float32), 1.0)
    quality = Quality(8, 0, 0, 0, 0, None)
    return FaceReport(face, Verdict.INCONCLUSIVE, None, prediction, quality)


def test_a_picture_has_the_probability_of_the_face_that_decided() -> None:
    faces = [face_report(Prediction(0.0, p)) for p in (0.1, 0.9)]
    assert image_report(*faces, headline_face=1).p_fake == 0.9
    assert image_report(*faces, headline_face=0).p_fake == 0.1


def test_what_was_not_scored_has_no_probability() -> None:
    """The rule above all others: not 0.5, not 0.0."""
    assert image_report(headline_face=None).p_fake is None
    assert image_report(face_report(None), headline_face=None).p_fake is None
    assert image_report(face_report(None), headline_face=0).p_fake is None


def test_values_cannot_be_changed() -> None:
    for value in (
        Box(0, 0, 1, 1),
        Prediction(0.0, 0.5),
        Picture(np.zeros((1, 1, 3), np.uint8), ""),
    ):
        name = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 0)


def test_verdicts_and_reasons_are_plain_words() -> None:
    """They are part of the JSON, the API and the page."""
    assert [str(verdict) for verdict in Verdict] == [
        "likely_fake",
        "likely_real",
        "inconclusive",
        "not_analysed",
    ]
    assert all(str(reason) == reason.name.lower() for reason in Reason)


def test_every_input_error_is_a_reason() -> None:
    from unmask.errors import InputError

    assert {error.code for error in InputError.__subclasses__()} <= set(map(str, Reason))


def test_all_is_complete() -> None:
    defined = {
        name
        for name, value in vars(types).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == types.__name__
    }
    assert defined <= set(types.__all__)
    assert all(hasattr(types, name) for name in types.__all__)


def test_the_vocabulary_needs_nothing_but_numpy() -> None:
    code = (
        "import sys; import unmask.types, unmask.errors;"
        "print([m for m in ('PIL', 'onnxruntime', 'flask', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
