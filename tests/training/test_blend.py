"""Blends change what their mask says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

from unmask.alignment import crop_affine, warp
from unmask.training import blend
from unmask.training.blend import REGIONS, FaceMesh, blend_faces, self_blend
from unmask.types import Box, Face

SIZE = 96


@pytest.fixture(scope="module")
def mesh():
    return FaceMesh()


@pytest.fixture(scope="module")
def faces(face, mesh):
    """Two drawn faces, aligned, each with its mesh in px."""
    cut = []
    for seed in (1, 2):
        image, landmarks = face(seed, 200)
        found = Face(Box(0, 0, 1, 1), landmarks, 1.0)
        crop = warp(image, crop_affine(found, size=SIZE, margin=1.0), SIZE).pixels
        wide = warp(image, crop_affine(found, size=FaceMesh.INPUT, margin=FaceMesh.MARGIN), 192)
        # Both crops share their middle; the mesh's is wider by its margin.
        points = (mesh.points(wide.pixels) / 192 - 0.5) * FaceMesh.MARGIN * SIZE + SIZE / 2
        cut.append((crop, points.astype(np.float32)))
    return cut


def test_the_mesh_lies_on_the_face(faces, face):
    crop, points = faces[0]
    assert points.shape == (468, 2)
    _, landmarks = face(1, 200)
    affine = crop_affine(Face(Box(0, 0, 1, 1), landmarks, 1.0), size=SIZE, margin=1.0)
    drawn = landmarks @ affine[:, :2].T + affine[:, 2]
    eyes = points[[159, 386]]  # middle of the upper lids
    assert np.abs(eyes - drawn[:2]).max() < 0.12 * SIZE
    oval = points[list(blend.OVAL)]
    assert np.ptp(oval[:, 0]) > 0.5 * SIZE
    assert crop.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("seed", range(16))
def test_a_self_blend_leaves_its_target_alone_outside_the_mask(faces, seed, monkeypatch):
    image, points = faces[0]
    changed = []
    change = blend._change

    def noted(*arguments, **options):
        changed.append(change(*arguments, **options))
        return changed[-1]

    monkeypatch.setattr(blend, "_change", noted)
    before = image.copy()
    fake, mask = self_blend(image, points, np.random.default_rng(seed))
    assert (fake.shape, fake.dtype) == (image.shape, np.uint8)
    assert (mask.shape, mask.dtype) == (image.shape[:2], np.float32)
    assert mask.min() >= 0
    assert 0.2 < mask.max() <= 1
    assert (mask == 0).any()
    # The target is the picture, or its changed copy: which of the two must not tell.
    (copy,) = changed
    outside = mask == 0
    assert any(np.array_equal(fake[outside], target[outside]) for target in (image, copy))
    assert not any(np.array_equal(fake[~outside], target[~outside]) for target in (image, copy))
    assert np.array_equal(image, before)


def test_each_of_the_two_is_changed_sometimes(faces):
    image, points = faces[0]
    untouched = []
    for seed in range(24):
        fake, mask = self_blend(image, points, np.random.default_rng(seed))
        untouched.append(np.array_equal(fake[mask == 0], image[mask == 0]))
    assert 4 <= sum(untouched) <= 20


@pytest.mark.parametrize("seed", range(8))
def test_a_blend_of_two_leaves_the_target_alone_outside_the_mask(faces, seed):
    (target, points), (source, source_points) = faces
    fake, mask = blend_faces(target, points, source, source_points, np.random.default_rng(seed))
    outside = mask == 0
    assert np.array_equal(fake[outside], target[outside])
    assert not np.array_equal(fake[~outside], target[~outside])


def test_the_other_face_is_fitted_to_the_place_of_the_first(faces, monkeypatch):
    # Without a change, and with a full mask, the source's features land on the target's.
    (target, points), (source, source_points) = faces
    monkeypatch.setattr(blend, "overlay", lambda fitted, *_: (fitted, None))
    monkeypatch.setattr(blend, "_change", lambda image, *_, **__: image)
    monkeypatch.setattr(blend, "_match_colour", lambda image, *_: image)
    shifted = np.roll(source, (6, -5), axis=(0, 1))
    fitted, _ = blend_faces(
        target, points, shifted, source_points + np.float32([-5, 6]), np.random.default_rng(0)
    )
    straight, _ = blend_faces(target, points, source, source_points, np.random.default_rng(0))
    inner = slice(20, -20)
    assert np.abs(fitted[inner, inner].astype(int) - straight[inner, inner]).mean() < 3


def test_every_region_has_a_share_and_a_place_on_the_face(faces):
    _, points = faces[0]
    assert sum(share for _, share in REGIONS.values()) == pytest.approx(1)
    areas = {}
    for name, (indices, _) in REGIONS.items():
        hull = blend._convex_hull(points[list(indices)])
        areas[name] = blend._polygon(hull, SIZE).mean()
    assert min(areas.values()) > 0.005
    assert max(areas, key=areas.get) == "face"


def test_colours_are_matched_inside_the_mask():
    rng = np.random.default_rng(0)
    source = rng.normal(90, 10, (32, 32, 3)).astype(np.uint8)
    target = rng.normal((150, 120, 100), 14, (32, 32, 3)).astype(np.uint8)
    inside = np.zeros((32, 32), bool)
    inside[8:24, 8:24] = True
    matched = blend._match_colour(source, target, inside)[inside].astype(float)
    np.testing.assert_allclose(matched.mean(axis=0), target[inside].mean(axis=0), atol=0.6)
    np.testing.assert_allclose(matched.std(axis=0), target[inside].std(axis=0), rtol=0.15)
    assert blend._match_colour(source, target, np.zeros((32, 32), bool)) is source


@pytest.mark.parametrize("seed", range(8))
def test_nothing_dark_comes_from_beyond_the_other_picture(faces, seed, monkeypatch):
    """A wedge of black would tell a fake, and is no trace of a manipulation."""
    monkeypatch.setattr(blend, "_change", lambda image, *_, **__: image)
    (target, points), (_, source_points) = faces
    grey = np.full_like(target, 180)
    # The other face lies at the corner of its picture: half of what is laid over is not in it.
    source_points = source_points - source_points.mean(axis=0)
    fake, mask = blend_faces(grey, points, grey, source_points, np.random.default_rng(seed))
    assert mask.max() > 0.2
    assert np.ptp(fake[mask > 0.2].astype(int), axis=0).max() < 10


def test_a_blend_is_a_function_of_its_seed(faces):
    image, points = faces[0]
    one = self_blend(image, points, np.random.default_rng(4))
    again = self_blend(image, points, np.random.default_rng(4))
    other = self_blend(image, points, np.random.default_rng(5))
    assert np.array_equal(one[0], again[0])
    assert np.array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])


def test_the_convex_hull_holds_every_point():
    points = np.random.default_rng(0).normal(size=(60, 2))
    hull = blend._convex_hull(points)
    edges = np.roll(hull, -1, axis=0) - hull
    for corner, edge in zip(hull, edges, strict=True):
        to_points = points - corner
        cross = edge[0] * to_points[:, 1] - edge[1] * to_points[:, 0]
        assert (cross >= -1e-9).all() or (cross <= 1e-9).all()
    assert 3 <= len(hull) < 30
