"""Degradations keep a picture's shape and place, and know nothing of its label."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

from unmask.training import augment
from unmask.training.augment import Augmentation, degrade

STEPS = (
    augment.adjust_colour,
    augment._tone,
    augment._blur,
    augment.rescale,
    augment._noise,
    augment._sharpen,
    augment._smooth,
    augment._h264,
    augment._webp,
    augment.jpeg,
)
KINDS = ("colour", "tone", "blur", "rescale", "noise", "sharpen", "smooth", "h264", "webp", "jpeg")
ALWAYS = Augmentation(**dict.fromkeys(KINDS, 1.0))
NEVER = Augmentation(**dict.fromkeys(KINDS, 0.0))


@pytest.fixture
def image(face):
    return face(1, 64)[0]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
@pytest.mark.parametrize("size", [64, 97])
def test_each_step_keeps_shape_and_type_and_changes_something(step, size, face):
    image = face(2, size)[0]
    before = image.copy()
    out = step(image, np.random.default_rng(0))
    assert (out.shape, out.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(out, image)
    assert np.array_equal(image, before)
    again = step(image, np.random.default_rng(0))
    assert np.array_equal(out, again)
    assert not np.array_equal(out, step(image, np.random.default_rng(1)))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_no_step_moves_what_is_in_the_picture(step):
    # Geometry belongs to the one warp that cuts the crop (corrections B12).
    rows, columns = np.mgrid[:64, :64]
    spot = 30 + 190 * np.exp(-((rows - 20) ** 2 + (columns - 40) ** 2) / 40)
    image = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)
    for seed in range(6):
        out = step(image, np.random.default_rng(seed)).astype(float).sum(axis=2)
        weight = np.clip(out - (out.min() + out.max()) / 2, 0, None)
        centre = [(weight * axis).sum() / weight.sum() for axis in (rows, columns)]
        assert np.abs(np.array(centre) - (20, 40)).max() < 1


def test_tone_is_dark_or_vivid_or_without_colour(face):
    image = face(2, 64)[0].astype(float)
    outs = [augment._tone(face(2, 64)[0], np.random.default_rng(seed)) for seed in range(12)]
    is_dark = [out.mean() < 0.85 * image.mean() for out in outs]
    is_grey = [np.ptp(out, axis=2).max() == 0 for out in outs]
    is_vivid = [out.std() > 1.1 * image.std() for out in outs]
    assert np.sum([is_dark, is_grey, is_vivid], axis=0).tolist() == [1] * 12
    assert all(map(any, (is_dark, is_grey, is_vivid)))


def test_sharpening_raises_fine_detail_and_smoothing_takes_it(face):
    def detail(picture):
        grey = picture.astype(float).mean(axis=2)
        return np.abs(grey[1:-1, 1:-1] - (grey[:-2, 1:-1] + grey[2:, 1:-1]) / 2).mean()

    image = augment._noise(face(2, 64)[0], np.random.default_rng(0))
    for seed in range(4):
        for step, raises in ((augment._sharpen, True), (augment._smooth, False)):
            out = step(image, np.random.default_rng(seed))
            assert bool(detail(out) > detail(image)) is raises


def test_all_together_and_none(image):
    out = degrade(image, ALWAYS, np.random.default_rng(3))
    assert (out.shape, out.dtype) == (image.shape, np.uint8)
    assert degrade(image, NEVER, np.random.default_rng(3)) is image


def test_each_happens_as_often_as_asked(image, monkeypatch):
    calls = []
    monkeypatch.setattr(augment, "jpeg", lambda image, rng: calls.append(1) or image)
    rng = np.random.default_rng(0)
    only_jpeg = dataclasses.replace(NEVER, jpeg=0.5)
    for _ in range(600):
        degrade(image[:8, :8], only_jpeg, rng)
    assert 0.42 < len(calls) / 600 < 0.58


def test_the_class_is_not_asked_for():
    # What a degradation cannot see it cannot depend on (corrections B12).
    for step in (degrade, *STEPS):
        assert not {"label", "is_fake"} & inspect.signature(step).parameters.keys()
