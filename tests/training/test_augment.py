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
    augment._blur,
    augment.rescale,
    augment._noise,
    augment._h264,
    augment._webp,
    augment.jpeg,
)
ALWAYS = Augmentation(colour=1, blur=1, rescale=1, noise=1, jpeg=1, webp=1, h264=1)
NEVER = Augmentation(colour=0, blur=0, rescale=0, noise=0, jpeg=0, webp=0, h264=0)


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
