"""Where heat lands, what it leaves alone, and in which colours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.heatmap import COLORMAPS, Colormap, colourise, heatmap, overlay
from unmask.types import FaceCrop, Heatmap

SIZE = 224


def affine(angle: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    """From image px to the px of a crop whose middle is at `x`, `y`."""
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([rotation, np.array([SIZE / 2, SIZE / 2]) - rotation @ [x, y]])


def crop(transform: NDArray[np.float64]) -> FaceCrop:
    return FaceCrop(np.zeros((SIZE, SIZE, 3), np.uint8), transform, 0.0)


def one_cell(row: int, column: int, transform: NDArray[np.float64], cells: int = 7) -> Heatmap:
    cam = np.zeros((cells, cells), np.float32)
    cam[row, column] = 3.5
    return heatmap(cam, crop(transform))


def covered(transform: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of an image whose middle lies in the crop."""
    y, x = np.mgrid[:height, :width] + 0.5
    places = np.stack([x, y], axis=-1) @ transform[:, :2].T + transform[:, 2]
    return ((places >= 0) & (places < SIZE)).all(axis=-1)


PLACES = [
    affine(0, 1, 150, 140),
    affine(0, 2.5, 200, 90),
    affine(0.5, 1.2, 160, 150),
    affine(-1.9, 0.8, 170, 160),
]
GREY = np.full((300, 340, 3), 128, np.uint8)


# --- heatmap ---


def test_a_map_is_scaled_by_its_maximum() -> None:
    cam = np.array([[0, 1], [2, 4]], np.float32)
    one = heatmap(cam, crop(PLACES[2]))
    assert one.values.tolist() == [[0, 0.25], [0.5, 1]]
    assert one.values.dtype == np.float32
    assert not one.empty


def test_what_speaks_against_fake_is_cold() -> None:
    assert heatmap(np.array([[-5, 2]], np.float32), crop(PLACES[0])).values.tolist() == [[0, 1]]


@pytest.mark.parametrize("level", [0, -1, 1e-12])
def test_d3_a_map_without_heat_is_empty_and_not_nan(level: float) -> None:
    one = heatmap(np.full((7, 7), level, np.float32), crop(PLACES[0]))
    assert one.empty
    assert (one.values == 0).all()


def test_d4_the_raw_map_keeps_its_size_and_says_where_it_lies() -> None:
    one = one_cell(0, 0, PLACES[2])
    assert one.values.shape == (7, 7)
    corners = one.corners() @ PLACES[2][:, :2].T + PLACES[2][:, 2]
    assert corners == pytest.approx(np.array([[0, 0], [224, 0], [224, 224], [0, 224]]), abs=1e-9)


# --- overlay ---


@pytest.mark.parametrize("transform", PLACES)
@pytest.mark.parametrize(("row", "column"), [(3, 3), (1, 5), (5, 2)])
@pytest.mark.parametrize("cells", [7, 14])
def test_d8_the_heat_of_a_cell_lands_on_its_pixels(
    transform: NDArray[np.float64], row: int, column: int, cells: int
) -> None:
    """Through turn, scale and place of the crop, back onto the photo."""
    shown = overlay(GREY, [one_cell(row, column, transform, cells)], alpha=1, colormap="viridis")
    heat = np.where(covered(transform, 300, 340), shown[..., 1].astype(float), 0)
    heat[heat < 0.6 * heat.max()] = 0  # green rises with viridis
    y, x = np.mgrid[:300, :340] + 0.5
    centre = np.array([(x * heat).sum(), (y * heat).sum()]) / heat.sum()
    cell = (np.array([column, row]) + 0.5) * SIZE / cells
    expected = np.linalg.solve(transform[:, :2], cell - transform[:, 2])
    assert centre == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("transform", [*PLACES, affine(0.3, 1, 0, 0), affine(0, 1, 339, 299)])
def test_d4_the_photo_keeps_its_size_and_all_that_is_outside_the_crop(
    transform: NDArray[np.float64],
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, GREY.shape, dtype=np.uint8)
    before = photo.copy()
    shown = overlay(photo, [one_cell(3, 3, transform)], alpha=1)
    inside = covered(transform, 300, 340)
    assert shown.shape == photo.shape
    assert shown.dtype == np.uint8
    assert np.array_equal(shown[~inside], photo[~inside])
    changed = (shown != photo).any(axis=-1)
    assert changed[inside].mean() > 0.99
    assert np.array_equal(photo, before)


@pytest.mark.parametrize(
    "maps",
    [
        [],
        [heatmap(np.zeros((7, 7), np.float32), crop(PLACES[0]))],
        [one_cell(3, 3, affine(0, 1, 2000, 90))],
    ],
    ids=["no map", "an empty map", "a map beside the photo"],
)
def test_d3_without_heat_the_photo_stays_as_it_is(maps: list[Heatmap]) -> None:
    shown = overlay(GREY, maps)
    assert np.array_equal(shown, GREY)
    assert shown is not GREY


@pytest.mark.parametrize("colormap", ["jet", "viridis"])
def test_alpha_mixes_photo_and_colour(colormap: Colormap) -> None:
    maps = [one_cell(3, 3, PLACES[0])]
    none, half, all_ = (
        overlay(GREY, maps, alpha=alpha, colormap=colormap).astype(float) for alpha in (0, 0.5, 1)
    )
    assert np.array_equal(none, GREY)
    assert np.abs(half - (GREY + all_) / 2)[covered(PLACES[0], 300, 340)].max() <= 1


def test_the_specified_look_is_jet_at_four_tenths() -> None:
    maps = [one_cell(3, 3, PLACES[0])]
    assert np.array_equal(overlay(GREY, maps), overlay(GREY, maps, alpha=0.4, colormap="jet"))


def test_every_face_has_its_heat() -> None:
    left, right = affine(0, 2.5, 80, 150), affine(0, 2.5, 250, 150)
    shown = overlay(GREY, [one_cell(3, 3, left), one_cell(3, 3, right)])
    changed = (shown != GREY).any(axis=-1)
    assert np.array_equal(changed, covered(left, 300, 340) | covered(right, 300, 340))


# --- colours ---


def test_d6_hot_is_red_and_cold_is_blue_in_rgb() -> None:
    """Channel 0 is red: jet's ends are (128, 0, 0) and (0, 0, 128), its middle is green."""
    colours = colourise(np.array([[0, 0.5, 1]], np.float32), "jet")[0].round().tolist()
    assert colours[0] == pytest.approx([0, 0, 128], abs=1)
    assert colours[1] == pytest.approx([128, 255, 128], abs=3)
    assert colours[2] == pytest.approx([128, 0, 0], abs=1)
    hot = overlay(GREY, [one_cell(3, 3, PLACES[0])], alpha=1)[140, 150]
    assert hot[0] > hot[2] + 60


def test_d11_viridis_rises_in_brightness() -> None:
    light = COLORMAPS["viridis"] @ np.array([0.299, 0.587, 0.114], np.float32)
    assert (np.diff(light) > 0).all()
    assert COLORMAPS["viridis"][[0, -1]].tolist() == [[68, 1, 84], [253, 231, 37]]


@pytest.mark.parametrize("colormap", list(COLORMAPS))
def test_values_beyond_the_ends_take_the_colour_of_the_end(colormap: Colormap) -> None:
    values = np.array([[-0.5, 0, 1, 1.5]], np.float32)
    below, cold, hot, above = colourise(values, colormap)[0].tolist()
    assert below == cold
    assert above == hot
    assert COLORMAPS[colormap].shape == (256, 3)
    assert 0 <= COLORMAPS[colormap].min() <= COLORMAPS[colormap].max() <= 255


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3)])
def test_tiny_photos(shape: tuple[int, int, int]) -> None:
    shown = overlay(np.zeros(shape, np.uint8), [one_cell(3, 3, affine(0, 1, 0, 0))], alpha=1)
    assert shown.shape == shape
    assert shown.any()
