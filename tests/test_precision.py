"""The int8 weights that ship: a model of their own, that sees what the other sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.detector import Detector
from unmask.settings import load_settings

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def small() -> Detector:
    # It proves itself on its own golden samples.
    return Detector.from_settings(load_settings(precision="int8"))


def test_it_has_a_card_of_its_own(small: Detector, detector: Detector) -> None:
    assert small.identity.name == f"{detector.identity.name}-int8"
    assert small.identity.sha256 != detector.identity.sha256
    assert small.card.calibration != detector.card.calibration
    assert small.card.golden[0]["logit"] != detector.card.golden[0]["logit"]
    assert small.card.spectrum_id == detector.card.spectrum_id


def test_it_sees_what_the_other_sees(small: Detector, detector: Detector) -> None:
    for name in ("astronaut.jpg", "astronaut-fake.jpg"):
        one, other = (judge.image(EXAMPLES / name) for judge in (small, detector))
        assert one.faces[0].face.box == other.faces[0].face.box
        assert one.p_fake == pytest.approx(other.p_fake, abs=0.25), name
    genuine, fake = (
        small.image(EXAMPLES / name).p_fake for name in ("astronaut.jpg", "astronaut-fake.jpg")
    )
    assert genuine is not None
    assert fake is not None
    assert genuine < fake
