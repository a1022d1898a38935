"""Each degradation does what its name says, the same every time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from unmask.degradation import blur, noise
from unmask.errors import DataError
from unmask.evaluation.robustness import DEGRADATIONS, degrade


def needs(name):
    if name.startswith("h264"):
        pytest.importorskip("av")


def textured(height=96, width=80):
    y, x = np.mgrid[:height, :width]
    generator = np.random.default_rng(0)
    waves = 128 + 60 * np.sin(x / 5) + 50 * np.cos(y / 7)
    # Grey noise: that of colours falls to 4:2:0 at any quality.
    picture = waves[..., None] + generator.normal(0, 10, (height, width, 1)) + [0, 5, -5]
    return np.clip(picture, 0, 255).astype(np.uint8)


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_same_picture_same_seed_same_pixels_and_the_input_is_untouched(name):
    needs(name)
    picture = textured()
    before = picture.copy()
    once, again = degrade(picture, name, seed=3), degrade(picture, name, seed=3)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(picture, before)
    assert once.dtype == np.uint8
    assert once.shape != picture.shape or distance(once, picture) > 0.3


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (17, 33), (224, 3)])
def test_odd_and_tiny_pictures_keep_their_shape(name, shape):
    needs(name)
    picture = np.full((*shape, 3), 120, np.uint8)
    # A pixel has three draws of noise: of this seed they are small.
    result = degrade(picture, name, seed=34)
    scale = {"half-size": 2, "quarter-size": 4}.get(name, 1)
    assert result.shape == (max(1, round(shape[0] / scale)), max(1, round(shape[1] / scale)), 3)
    assert distance(result.mean(axis=(0, 1)), 120 * 0.4 if name == "dark" else 120) < 4


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_colours_keep_their_channels(name):
    needs(name)
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    r, g, b = degrade(red, name).reshape(-1, 3).mean(axis=0)
    expected = {"dark": (80, 0), "vivid": (255, 0), "grey": (60, 60)}.get(name, (200, 0))
    assert abs(r - expected[0]) < 15
    assert max(abs(g - expected[1]), abs(b - expected[1])) < 20


@pytest.mark.parametrize(
    "milder_to_harsher",
    [["jpeg-90", "jpeg-75", "jpeg-50", "jpeg-30"], ["h264-23", "h264-40"]],
)
def test_lower_quality_is_further_from_the_original(milder_to_harsher):
    needs(milder_to_harsher[0])
    picture = textured()
    distances = [distance(degrade(picture, name), picture) for name in milder_to_harsher]
    assert all(milder < harsher for milder, harsher in pairwise(distances))
    assert distances[-1] > 1.5 * distances[0]


def test_the_strengths_in_the_names_are_those_of_blur_and_noise():
    picture = textured()
    np.testing.assert_array_equal(degrade(picture, "blur-2"), blur(picture, 2.0))
    noisy = noise(picture, 8.0, np.random.default_rng(5))
    np.testing.assert_array_equal(degrade(picture, "noise-8", seed=5), noisy)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=20)
def test_halving_a_flat_picture_leaves_it_flat(height, width):
    result = degrade(np.full((height, width, 3), 77, np.uint8), "half-size")
    assert (result == 77).all()


def test_the_grid_is_the_one_that_is_published():
    assert list(DEGRADATIONS) == [
        "jpeg-90",
        "jpeg-75",
        "jpeg-50",
        "jpeg-30",
        "webp-50",
        "half-size",
        "quarter-size",
        "blur-2",
        "noise-8",
        "h264-23",
        "h264-40",
        "enlarged",
        "sharpened",
        "smoothed",
        "vivid",
        "dark",
        "grey",
    ]


@pytest.mark.parametrize(
    ("name", "rises"), [("sharpened", True), ("smoothed", False), ("enlarged", False)]
)
def test_sharpening_raises_fine_detail_and_smoothing_and_enlarging_take_it(name, rises):
    def detail(picture):
        grey = picture.mean(axis=2)
        return np.abs(grey - gaussian_filter(grey, 1)).mean()

    before, after = detail(textured()), detail(degrade(textured(), name))
    assert after > 1.2 * before if rises else after < 0.6 * before


def test_smoothing_keeps_edges():
    edge = np.zeros((40, 40, 3), np.uint8)
    edge[:, 20:] = 200
    np.testing.assert_array_equal(degrade(edge, "smoothed"), edge)


def test_dark_and_vivid_and_grey_are_what_they_are_called():
    picture = textured()
    assert degrade(picture, "dark").mean() == pytest.approx(0.4 * picture.mean(), abs=1)
    assert degrade(picture, "vivid").std() > 1.2 * picture.std()
    assert np.ptp(degrade(picture, "grey"), axis=2).max() == 0


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(DataError, match=r"expected \(h, w, 3\) uint8"):
        degrade(picture, "jpeg-50")


def test_an_unknown_degradation_is_refused_with_the_ones_there_are():
    with pytest.raises(DataError, match="no degradation 'jpeg-51'; there are jpeg-90"):
        degrade(textured(), "jpeg-51")
