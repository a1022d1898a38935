"""What an aligned crop must be, whatever the face: exact where it is a translation, measured on
drawn dots where it is not.
"""

from __future__ import annotations

import io
import math

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unmask.alignment import align, crop_affine, native_window, warp, whole, whole_affine
from unmask.types import Box, Face, Image

FRONTAL = np.array([(-0.5, -0.55), (0.5, -0.55), (0, 0), (-0.4, 0.55), (0.4, 0.55)])
"""Landmarks of an upright face, in eye distances from the middle between eyes and mouth."""


def similarity(angle: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def moved(points: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ affine[:, :2].T + affine[:, 2]


def face(landmarks: NDArray[np.float64], box: Box | None = None) -> Face:
    return Face(box or Box(0, 0, 1, 1), landmarks.astype(np.float32), 1.0)


def dotted(points: NDArray[np.float64], width: int, height: int, radius: float) -> Image:
    """Soft white dots on black."""
    y, x = np.mgrid[:height, :width] + 0.5
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2)) for px, py in points)
    return np.repeat((255 * np.clip(light, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def brightest(image: Image, near: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The centre of light, in px, within `reach` px of a point."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    light = image[..., 0].astype(float)
    light[np.hypot(x - near[0], y - near[1]) > reach] = 0
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


placed = st.builds(
    similarity,
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(8, 200),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)


@given(place=placed, margin=st.sampled_from([1.0, 1.3]), size=st.sampled_from([112, 224]))
def test_the_eyes_are_level_and_the_face_in_the_middle(
    place: NDArray[np.float64], margin: float, size: int
) -> None:
    affine = crop_affine(face(moved(FRONTAL, place)), size=size, margin=margin)
    left_eye, right_eye, nose, *mouth = moved(moved(FRONTAL, place), affine)
    assert left_eye[1] == pytest.approx(right_eye[1], abs=0.05)
    assert right_eye[0] - left_eye[0] == pytest.approx(size / 2.4 / margin, rel=1e-3)
    assert nose == pytest.approx([size / 2, size / 2], abs=0.05)
    assert mouth[0][1] > nose[1] > left_eye[1]


@given(
    place=placed,
    drawn=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=5, max_size=5),
)
def test_it_is_a_similarity_for_any_landmarks(
    place: NDArray[np.float64], drawn: list[tuple[float, float]]
) -> None:
    """Corrections B4: neither sheared, nor stretched, nor mirrored."""
    (a, b, _), (c, d, _) = crop_affine(face(moved(np.array(drawn), place)), size=224, margin=1.3)
    assert (a, b) == pytest.approx((d, -c))
    assert a * d - b * c > 0


@given(place=placed)
def test_a_moved_face_has_the_same_crop(place: NDArray[np.float64]) -> None:
    askew = FRONTAL + np.array([(0, 0.1), (0.05, 0), (0.2, 0), (0, 0), (0.1, 0.1)])
    at_rest = moved(askew, crop_affine(face(askew * 100), size=224, margin=1.0) * [100, 100, 1])
    there = moved(askew, place)
    assert moved(there, crop_affine(face(there), size=224, margin=1.0)) == pytest.approx(
        at_rest, abs=0.05
    )


@pytest.mark.parametrize("angle", [-2.5, -0.4, 0, 0.3, 1.6])
@pytest.mark.parametrize("eye_distance", [20, 47, 90, 160])
def test_b2_landmarks_are_found_in_the_crop_where_the_transform_says(
    angle: float, eye_distance: float
) -> None:
    """One warp of the original pixels: a dot at a landmark is there to half a pixel."""
    points = moved(FRONTAL, similarity(angle, eye_distance, 300.3, 260.8))
    image = dotted(points, 600, 520, radius=eye_distance / 25)
    crop = align(image, face(points), size=224, margin=1.0)
    expected = moved(points, crop.affine)
    for point in expected:
        assert brightest(crop.pixels, point, reach=20) == pytest.approx(point, abs=0.5)
    back = moved(expected, np.linalg.inv(np.vstack([crop.affine, [0, 0, 1]]))[:2])
    assert back == pytest.approx(points, abs=1e-6)


def test_b3_the_margin_is_of_the_whole_side() -> None:
    """1.3 shows 1.3 times as much as 1.0, neither 1.6 nor 1.3 per side."""
    points = moved(FRONTAL, similarity(0.2, 80, 300, 300))
    tight, wide = (crop_affine(face(points), size=224, margin=m)[:, :2] for m in (1.0, 1.3))
    assert tight == pytest.approx(1.3 * wide)


def test_b4_a_circle_stays_a_circle_whatever_the_box() -> None:
    picture = PIL.Image.new("RGB", (400, 300))
    PIL.ImageDraw.Draw(picture).ellipse((140, 90, 260, 210), fill="white")
    image = np.asarray(picture)
    points = moved(FRONTAL, similarity(0, 90, 200, 150))
    for box in (Box(140, 60, 260, 240), Box(100, 120, 300, 180)):
        light = align(image, face(points, box), size=224, margin=1.3).pixels[..., 0] > 127
        rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
        assert np.ptp(rows) == pytest.approx(120 * 224 / (2.4 * 90 * 1.3), abs=1.5)


@settings(max_examples=60)
@given(x=st.integers(-150, 150), y=st.integers(-150, 150), data=st.data())
def test_b5_outside_the_picture_is_its_reflection(x: int, y: int, data: st.DataObject) -> None:
    """Equal to NumPy's `symmetric`, also many pictures away, and `truncated` says how much."""
    height, width = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    crop = warp(image, np.array([[1.0, 0, -x], [0, 1, -y]]), 64)
    padded = np.pad(image, ((214, 214), (214, 214), (0, 0)), mode="symmetric")
    assert np.array_equal(crop.pixels, padded[y + 214 : y + 278, x + 214 : x + 278])
    inside = max(0, min(x + 64, width) - max(x, 0)) * max(0, min(y + 64, height) - max(y, 0))
    assert crop.truncated == pytest.approx(1 - inside / 64**2, abs=0.07)
    assert (crop.truncated == 0) == (inside == 64**2) or 0 < 64**2 - inside < 200


def test_b5_a_face_at_the_edge_of_its_picture_is_cut_from_the_reflection() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    edge = face(moved(FRONTAL, similarity(0, 60, 0, 100)), Box(-60, 20, 60, 180))
    crop = align(image, edge, size=224, margin=1.0)
    assert crop.truncated == pytest.approx(0.5, abs=0.02)
    difference = crop.pixels[:, :112].astype(int) - crop.pixels[:, :111:-1]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("shrink", [1.5, 2, 3, 3.7, 8])
def test_b6_a_checkerboard_becomes_grey_and_not_a_pattern(shrink: float) -> None:
    side = int(64 * shrink) + 16
    board = np.repeat((np.indices((side, side)).sum(axis=0) % 2 * 255)[..., None], 3, axis=2)
    crop = warp(board.astype(np.uint8), np.array([[1 / shrink, 0, 0], [0, 1 / shrink, 0]]), 64)
    assert crop.pixels.mean() == pytest.approx(127.5, abs=2)
    assert crop.pixels.std() < 20  # without smoothing it would be near 127


@pytest.mark.parametrize("size", [60, 96, 224])
def test_b6_scaling_is_near_an_antialiased_bicubic_and_far_from_a_plain_one(
    astronaut: bytes, size: int
) -> None:
    picture = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB")
    bicubic, step = PIL.Image.Resampling.BICUBIC, 512 / size
    antialiased = picture.resize((size, size), bicubic)
    plain = picture.transform(
        (size, size), PIL.Image.Transform.AFFINE, (step, 0, 0, 0, step, 0), bicubic
    )
    ours = whole(np.asarray(picture), size=size).pixels.astype(int)
    inner = np.s_[2:-2, 2:-2]
    near, far = (np.abs(ours - np.asarray(other))[inner].mean() for other in (antialiased, plain))
    assert near < 5
    assert near < far / 2


def test_the_identity_changes_nothing() -> None:
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    crop = warp(image, np.array([[1.0, 0, 0], [0, 1, 0]]), 64)
    assert np.array_equal(crop.pixels, image)
    assert crop.truncated == 0


def test_a_crop_of_a_crop_is_the_crop() -> None:
    points = moved(FRONTAL, similarity(0.3, 90, 200, 190))
    image = dotted(points, 400, 380, radius=9)
    first = align(image, face(points), size=224, margin=1.3)
    second = align(first.pixels, face(moved(points, first.affine)), size=224, margin=1.3)
    assert second.affine == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-3)
    assert np.abs(first.pixels.astype(int) - second.pixels).max() <= 2


@pytest.mark.parametrize(("height", "width"), [(64, 100), (100, 64), (64, 64)])
def test_whole_takes_the_middle_square(height: int, width: int) -> None:
    image = np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8)
    y, x = (height - 64) // 2, (width - 64) // 2
    assert np.array_equal(whole(image, size=64).pixels, image[y : y + 64, x : x + 64])


def test_a_profile_stands_upright_by_its_mouth() -> None:
    """With both eyes at one place only the mouth tells which way is down."""
    points = moved(FRONTAL * [0, 1], similarity(0.7, 80, 200, 200))
    affine = crop_affine(face(points), size=224, margin=1.0)
    eye, _, _, mouth, _ = moved(points, affine)
    assert mouth[0] == pytest.approx(eye[0], abs=0.01)
    assert mouth[1] > eye[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (50, 50)])
def test_landmarks_at_one_point_still_give_a_crop(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    crop = align(image, face(np.zeros((5, 2))), size=64, margin=1.0)
    assert crop.pixels.shape == (64, 64, 3)
    assert (crop.pixels == 90).all()
    assert np.isfinite(crop.affine).all()


# --- the picture's own pixels (corrections C3, C10) ---


def numbered(height: int, width: int) -> Image:
    """Every pixel another colour."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, x // 256 * 16 + y // 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("crop_px", "side"), [(40, 64), (100, 64), (130, 128), (255.9, 128), (257, 256), (600, 256)]
)
def test_c3_a_native_window_is_a_part_of_the_picture_itself(crop_px: float, side: int) -> None:
    image = numbered(700, 900)
    turned = similarity(0.3, 224 / crop_px, 0, 0)
    turned[:, 2] = 112 - turned[:, :2] @ (431, 377)  # the crop's middle
    window = native_window(image, turned, size=224)
    assert window.shape == (side, side, 3)
    colour = window[0, 0].astype(int)
    x, y = colour[0] + colour[2] // 16 * 256, colour[1] + colour[2] % 16 * 256
    np.testing.assert_array_equal(window, image[y : y + side, x : x + side])
    assert (x % 8, y % 8) == (0, 0)
    assert abs(x + side / 2 - 431) <= 4
    assert abs(y + side / 2 - 377) <= 4


@given(scale=st.floats(0.3, 6), x=st.floats(-300, 300), y=st.floats(-300, 300))
@settings(max_examples=30)
def test_c3_it_does_not_depend_on_the_size_of_the_crop(scale: float, x: float, y: float) -> None:
    image = numbered(200, 300)
    affine = similarity(0.1, scale, x, y)
    window = native_window(image, affine, size=224)
    smaller = native_window(image, affine * 0.5, size=112)
    np.testing.assert_array_equal(window, smaller)


def test_c3_a_picture_smaller_than_the_window_is_mirrored() -> None:
    image = numbered(40, 50)
    window = native_window(image, whole_affine(image, size=224), size=224)
    assert window.shape == (64, 64, 3)
    np.testing.assert_array_equal(window[16:56, 8:58], image)
    np.testing.assert_array_equal(window[:16, 8:58], image[15::-1])
    np.testing.assert_array_equal(window[16:56, 58:], image[:, :43:-1])


def test_c10_the_blocks_of_a_jpeg_file_stay_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (304, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(noise).save(buffer, "JPEG", quality=20, subsampling=0)
    image = np.asarray(PIL.Image.open(buffer))

    def across_blocks(pixels: Image) -> float:
        steps = np.abs(np.diff(pixels[..., 1].astype(float), axis=1)).mean(axis=0)
        return float(steps[7::8].mean() / steps[3::8].mean())

    for middle in (150, 153, 157):
        affine = similarity(0.2, 1.4, 0, 0)
        affine[:, 2] = 112 - affine[:, :2] @ (middle + 40, middle)
        assert across_blocks(native_window(image, affine, size=224)) > 1.1
    assert across_blocks(image[4:132, 4:132]) < 1.0
