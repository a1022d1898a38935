"""Each degradation does what its name says, as strongly as it is told."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from scipy.ndimage import gaussian_filter

from unmask import degradation
from unmask.degradation import blur, coarsen, encode, h264, noise, rescale, sharpen, smooth, tone


@pytest.fixture
def picture():
    y, x = np.mgrid[:96, :80]
    waves = 128 + 60 * np.sin(x / 5) + 50 * np.cos(y / 7)
    grain = np.random.default_rng(0).normal(0, 10, (96, 80, 1))
    return np.clip(waves[..., None] + grain + [0, 5, -5], 0, 255).astype(np.uint8)


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


def test_blur_is_gaussian(picture):
    expected = gaussian_filter(picture.astype(float), (2, 2, 0), mode="nearest")
    assert np.abs(blur(picture, 2.0) - expected)[8:-8, 8:-8].max() < 3


def test_noise_has_its_standard_deviation_and_follows_its_generator():
    grey = np.full((200, 200, 3), 128, np.uint8)
    once, again, other = (noise(grey, 8.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.std(once.astype(float)) == pytest.approx(8, rel=0.02)
    assert once.mean() == pytest.approx(128, abs=0.1)
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    # What leaves the range is clipped, not wrapped.
    white = np.full((50, 50, 3), 255, np.uint8)
    assert noise(white, 8.0, np.random.default_rng(0)).min() > 200


def test_tone_is_by_factors_and_one_changes_nothing(picture):
    np.testing.assert_array_equal(tone(picture), picture)
    assert tone(picture, brightness=0.5).mean() == pytest.approx(picture.mean() / 2, abs=1)
    assert tone(picture, contrast=0.5).std() == pytest.approx(picture.std() / 2, rel=0.1)
    assert np.ptp(tone(picture, colour=0), axis=2).max() == 0


def test_sharpening_grows_with_its_strength_and_spares_what_is_below_its_threshold(picture):
    weak, strong, none = (
        sharpen(picture, radius=2, percent=percent, threshold=threshold)
        for percent, threshold in ((50, 0), (150, 0), (150, 255))
    )
    assert picture.std() < weak.std() < strong.std()
    np.testing.assert_array_equal(none, picture)


def test_smoothing_keeps_edges_and_is_laid_over_by_its_strength(picture):
    edge = np.zeros((40, 40, 3), np.uint8)
    edge[:, 20:] = 200
    np.testing.assert_array_equal(smooth(edge, 5), edge)
    half, whole = smooth(picture, 5, strength=0.5), smooth(picture, 5)
    np.testing.assert_allclose(half, (picture.astype(float) + whole) / 2, atol=1)


def test_a_rescaled_picture_stays_small_and_a_coarsened_one_does_not(picture):
    assert rescale(picture, 0.25).shape == (24, 20, 3)
    coarse = coarsen(picture, 0.25)
    assert coarse.shape == picture.shape
    assert distance(coarse, picture) > 3
    # Never to less than 8 px, of which nothing could be seen, nor to more than there is.
    assert np.ptp(coarsen(picture, 0.001).astype(int), axis=(0, 1)).max() > 10
    dot = picture[:3, :1]
    np.testing.assert_array_equal(coarsen(dot, 0.5), dot)


def test_filters_of_scaling_are_those_asked_for(picture):
    nearest = PIL.Image.Resampling.NEAREST
    coarse = coarsen(picture, 0.5, down=nearest, up=nearest)
    np.testing.assert_array_equal(coarse[::2], coarse[1::2])


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_still_formats_take_pillows_options(picture, format):  # noqa: A002
    fine, coarse = (encode(picture, format=format, quality=q) for q in (95, 20))
    assert 0 < distance(fine, picture) < distance(coarse, picture)
    assert fine.shape == picture.shape


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (96, 80)])
def test_h264_keeps_odd_sizes_and_loses_more_at_a_higher_factor(picture, shape):
    image = picture[: shape[0], : shape[1]]
    fine, coarse = h264(image, 10), h264(image, 45)
    assert fine.shape == coarse.shape == image.shape
    if shape == (96, 80):
        assert distance(fine, image) < 3 < distance(coarse, image)


def test_every_degradation_leaves_its_input_alone(picture):
    before = picture.copy()
    rng = np.random.default_rng(0)
    for out in (
        blur(picture, 1),
        coarsen(picture, 0.5),
        encode(picture, format="JPEG"),
        h264(picture, 30),
        noise(picture, 3, rng),
        rescale(picture, 0.5),
        sharpen(picture, radius=1, percent=100, threshold=0),
        smooth(picture, 3),
        tone(picture, brightness=0.5),
    ):
        assert out.dtype == np.uint8
        assert not np.shares_memory(out, picture)
    np.testing.assert_array_equal(picture, before)


def test_rounding_is_to_the_nearest_and_within_range():
    values = np.array([-3.0, 0.4, 0.6, 254.4, 300.0])
    assert degradation.to_uint8(values).tolist() == [0, 0, 1, 254, 255]
