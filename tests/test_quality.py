"""Each measure where its value is known, and each rule of the card on both sides of its limit."""

from __future__ import annotations

import inspect
import math

import numpy as np
import PIL.Image
import PIL.ImageFilter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask import network
from unmask.quality import assess, is_too_small, sharpness, yaw
from unmask.types import Box, Face, FaceCrop, Reason

RULES = {"min_face_px": 64.0, "min_sharpness": 2.0, "max_yaw": 0.5, "max_truncated": 0.25}
FRONTAL = np.array([(-1, 0), (1, 0), (0, 1), (-0.8, 2), (0.8, 2)], np.float32)
BOARD = np.repeat((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
FLAT = np.full((64, 64, 3), 128, np.uint8)


def turned(nose: float) -> np.ndarray:
    landmarks = FRONTAL.copy()
    landmarks[2, 0] = nose
    return landmarks


def face(side: float = 64, landmarks: np.ndarray = FRONTAL) -> Face:
    return Face(Box(10, 10, 10 + side, 50), landmarks, 0.99)


def crop(pixels: np.ndarray = BOARD, truncated: float = 0) -> FaceCrop:
    return FaceCrop(pixels, np.eye(3)[:2], truncated)


# --- measures ---


def test_sharpness_of_a_checkerboard_is_four_times_its_contrast() -> None:
    assert sharpness(BOARD) == pytest.approx(4 * 255)
    assert sharpness(FLAT) == 0


def test_blur_lowers_sharpness() -> None:
    picture = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    values = [
        sharpness(np.asarray(picture.filter(PIL.ImageFilter.GaussianBlur(radius))))
        for radius in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 20


@pytest.mark.parametrize(
    ("nose", "expected"), [(0, 0), (0.25, 0.25), (-0.25, 0.25), (1, 1), (-1, 1), (3, 1)]
)
def test_yaw_is_the_noses_way_to_the_line_of_an_eye(nose: float, expected: float) -> None:
    assert yaw(turned(nose)) == pytest.approx(expected)


@given(
    nose=st.floats(-2, 2),
    angle=st.floats(-3, 3),
    scale=st.floats(1, 200),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_yaw_does_not_depend_on_place_tilt_and_size(
    nose: float, angle: float, scale: float, x: float, y: float
) -> None:
    rotation = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    placed = (turned(nose).astype(float) @ rotation.T + [x, y]).astype(np.float32)
    assert yaw(placed) == pytest.approx(yaw(turned(nose)), abs=1e-3)


def test_a_profile_whose_eyes_coincide_is_turned() -> None:
    profile = FRONTAL * np.array([0, 1], np.float32)
    profile[2] = (0.8, 1)
    assert yaw(profile) > 0.5
    assert yaw(np.zeros((5, 2), np.float32)) == 1


@pytest.mark.parametrize(("drop", "degrees"), [(0, 0), (2, 45), (-2, -45)])
def test_roll_is_the_tilt_of_the_eyes(drop: float, degrees: float) -> None:
    landmarks = FRONTAL.copy()
    landmarks[1, 1] += drop
    assert assess(face(landmarks=landmarks), crop(), RULES).roll_deg == pytest.approx(degrees)


def test_what_is_measured_elsewhere_is_passed_on() -> None:
    quality = assess(face(91), crop(truncated=0.125), RULES, jpeg_quality=77)
    assert (quality.face_px, quality.truncated, quality.jpeg_quality) == (91, 0.125, 77)
    assert assess(face(), crop(), RULES).jpeg_quality is None


# --- rules ---


def turned_by(nose: float) -> tuple[Face, FaceCrop]:
    return face(landmarks=turned(nose)), crop()


@pytest.mark.parametrize(
    ("kept", "broken", "reason"),
    [
        ((face(64), crop()), (face(63.9), crop()), Reason.FACE_TOO_SMALL),
        ((face(), crop(BOARD // 255)), (face(), crop(FLAT)), Reason.BLURRED),
        (turned_by(0.5), turned_by(0.51), Reason.EXTREME_POSE),
        ((face(), crop(truncated=0.25)), (face(), crop(truncated=0.26)), Reason.TRUNCATED),
    ],
    ids=lambda case: str(case) if isinstance(case, Reason) else "",
)
def test_a_rule_holds_up_to_its_limit(
    kept: tuple[Face, FaceCrop], broken: tuple[Face, FaceCrop], reason: Reason
) -> None:
    assert assess(*kept, RULES).reasons == ()
    assert assess(*broken, RULES).reasons == (reason,)


def test_every_broken_rule_is_named() -> None:
    quality = assess(face(20, turned(1)), crop(FLAT, truncated=0.9), RULES)
    assert quality.reasons == (
        Reason.FACE_TOO_SMALL,
        Reason.BLURRED,
        Reason.EXTREME_POSE,
        Reason.TRUNCATED,
    )


def test_c2_no_rule_is_about_the_spectrum() -> None:
    """Real and fake spectra overlap: they are learned from, never a limit set by hand."""
    assert not {"spectrum", "spectra"} & inspect.signature(assess).parameters.keys()
    assert set(network.RULES) == RULES.keys()


def test_b10_the_longer_side_decides_whether_a_face_is_too_small() -> None:
    assert not is_too_small(Face(Box(0, 0, 40, 64), FRONTAL, 1), RULES)
    assert not is_too_small(Face(Box(0, 0, 64, 40), FRONTAL, 1), RULES)
    assert is_too_small(Face(Box(0, 0, 63, 63), FRONTAL, 1), RULES)
