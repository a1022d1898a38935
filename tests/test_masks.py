"""Masks say where a picture was manipulated, and say nothing where that cannot be known."""

from __future__ import annotations

import numpy as np

from unmask.masks import cells, difference, nowhere, unknown


def picture(side=224):
    """Soft shapes and no noise, as a face is."""
    y, x = np.mgrid[:side, :side] / side
    grey = 120 + 60 * np.sin(5 * x + 2) * np.cos(7 * y) + 20 * np.sin(23 * x * y)
    return np.stack([grey, grey * 0.8, grey * 0.7], axis=2)


def pair(*, patch=(slice(64, 128), slice(96, 160)), light=1.0):
    """A genuine picture coded twice, and the second with a patch that is another's."""
    pixels, rng = picture(), np.random.default_rng(0)
    fake = pixels + rng.normal(0, 2, pixels.shape)
    fake[patch] += 40
    return (np.clip(p * light + 0.5, 0, 255).astype(np.uint8) for p in (fake, pixels))


def test_a_swap_is_where_fake_and_original_differ():
    fake, original = pair()
    mask = difference(fake, original)
    assert (mask.shape, mask.dtype) == ((224, 224), np.float32)
    truth = np.zeros((7, 7), bool)
    truth[2:4, 3:5] = True
    places = cells(mask)
    assert places[truth].min() > 0.6
    # What is far from it is clean: two codings of the same pixels are no manipulation.
    assert places[5:].max() == places[:, :2].max() == 0


def test_two_codings_of_one_picture_differ_nowhere():
    fake, original = pair(patch=(slice(0, 0), slice(0, 0)))
    assert difference(fake, original).max() == 0


def test_a_swap_in_the_dark_is_one_too():
    fake, original = pair(light=0.25)
    assert cells(difference(fake, original))[2:4, 3:5].min() > 0.5


def test_another_moment_of_the_video_tells_nothing():
    original = picture().astype(np.uint8)
    assert np.isnan(difference(np.roll(original, 40, axis=1)[::-1], original)).all()


def test_a_cell_is_the_mean_of_its_pixels():
    mask = np.zeros((96, 64), np.float32)
    mask[32:64, 0:16] = 1
    assert cells(mask).tolist() == [[0, 0], [0.5, 0], [0, 0]]
    assert cells(mask[:20, :20]).shape == (1, 1)
    assert cells(mask, (6, 1)).tolist() == [[0], [0], [0.25], [0.25], [0], [0]]
    assert np.isnan(cells(unknown(64))).all()
    assert cells(nowhere(64)).tolist() == [[0, 0], [0, 0]]
