"""Fakes made on the fly from genuine faces.

Self-blended images (Shiohara & Yamasaki, CVPR 2022, arXiv:2204.08376): a face is blended onto a
slightly changed copy of itself, so that real and fake share person, camera and compression and
differ only in what every face swap leaves behind. `blend_faces` does the same with two people
whose faces are alike (Li et al., Face X-ray, CVPR 2020, section 3.2). Both return the mask: it is
the truth of where the picture was manipulated.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnxruntime
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
from numpy.typing import NDArray

from unmask import degradation
from unmask.masks import Mask
from unmask.training import augment
from unmask.types import Image

__all__ = ["FaceMesh", "Points", "blend_faces", "overlay", "self_blend"]

Points = NDArray[np.float32]
"""`(468, 2)` float px: MediaPipe's face mesh."""

# Indices into the mesh, from MediaPipe's published topology.
# fmt: off
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
JAW = OVAL[7:30]
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
UNDER_EYES = (111, 117, 118, 119, 100, 329, 348, 347, 346, 340)
NOSE = (168, 114, 343, 129, 358, 64, 294, 2)
# fmt: on
REGIONS: dict[str, tuple[tuple[int, ...], float]] = {
    "face": (OVAL, 0.25),
    "brows_to_jaw": (BROWS + JAW, 0.35),
    "lower_face": (LIPS + NOSE[3:] + JAW[4:-4], 0.12),
    "brows_to_mouth": (BROWS + UNDER_EYES + NOSE + LIPS, 0.12),
    "eyes": (BROWS + UNDER_EYES, 0.06),
    "mouth": (LIPS, 0.10),
}
"""What is blended, and how often: whole swaps mostly, expression and part edits sometimes."""


class FaceMesh:
    """468 landmarks of a face: MediaPipe's face landmark network (Apache-2.0) on ONNX Runtime."""

    INPUT = 192
    MARGIN = 1.5
    """The network expects a crop of this margin (see `alignment.align`)."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        weights = files("unmask.weights").joinpath("face-mesh.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(weights, options, ["CPUExecutionProvider"])

    def points(self, crop: Image) -> Points:
        """The mesh in px of an aligned `(192, 192, 3)` uint8 crop of margin 1.5."""
        mesh, _ = self._session.run(None, {"input_1": crop[None].astype(np.float32) / 255})
        return mesh.reshape(468, 3)[:, :2]


def self_blend(image: Image, points: Points, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Blend a genuine `(S, S, 3)` face with a changed copy of itself: the fake, and its mask."""
    source, target = image, image
    # One of the two is changed, as in the paper: which one must not tell.
    if rng.random() < 0.5:
        source = _change(source, rng)
    else:
        target = _change(target, rng)
    source = _move(source, rng)
    return overlay(source, target, points, rng)


def blend_faces(
    target: Image, points: Points, source: Image, source_points: Points, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Blend another person's face onto `target`, fitted by its mesh and matched in colour."""
    affine, *_ = np.linalg.lstsq(
        np.column_stack([points, np.ones(len(points))]), source_points, rcond=None
    )
    # Mirrored beyond its edges: black there would be a trait of fakes, and of no manipulation.
    pad = max(source.shape[:2]) // 2
    source = np.pad(source, ((pad, pad), (pad, pad), (0, 0)), mode="symmetric")
    affine[2] += pad
    size = target.shape[1], target.shape[0]
    moved = PIL.Image.fromarray(source).transform(
        size,
        PIL.Image.Transform.AFFINE,
        tuple(affine.T.ravel()),
        PIL.Image.Resampling.BICUBIC,
    )
    inside = _polygon(points[list(OVAL)], target.shape[0]) > 0.5
    fitted = _match_colour(np.asarray(moved), target, inside)
    if rng.random() < 0.5:
        fitted = _change(fitted, rng, strength=0.4)
    return overlay(fitted, target, points, rng)


def overlay(
    source: Image, target: Image, points: Points, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Lay a random part of `source`'s face over `target`, whose mesh is `points`."""
    mask = _random_mask(points, target.shape[0], rng)
    mask *= np.float32(rng.choice([0.25, 0.5, 0.75, 1.0, 1.0, 1.0]))
    mixed = source * mask[..., None] + target * (1 - mask[..., None])
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8), mask


def _change(image: Image, rng: np.random.Generator, *, strength: float = 1.0) -> Image:
    """What a generator does to a face: colours, and sharpness or resolution, slightly off."""
    image = augment.adjust_colour(image, rng, strength=strength * rng.uniform(0.3, 1.0))
    kind = rng.integers(4)
    if kind == 0:
        return augment.rescale(image, rng, least=0.35)
    if kind == 1:
        percent, radius = int(rng.integers(60, 220)), float(rng.uniform(0.8, 2.5))
        return degradation.sharpen(image, radius=radius, percent=percent, threshold=0)
    if kind == 2:
        return degradation.blur(image, float(rng.uniform(0.5, 1.6)))
    return augment.jpeg(image, rng, low=40, high=90)


def _move(image: Image, rng: np.random.Generator) -> Image:
    """Shift by up to 3 % and 1.5 %, scale by up to 5 %, turn by up to 2 degrees."""
    size = image.shape[0]
    angle, scale = np.radians(rng.uniform(-2, 2)), np.exp(rng.uniform(-0.05, 0.05))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    shift = rng.uniform(-1, 1, 2) * (0.03 * size, 0.015 * size)
    centre = size / 2
    x0 = centre - cos * centre + sin * centre + shift[0]
    y0 = centre - sin * centre - cos * centre + shift[1]
    pad = size // 8
    padded = PIL.Image.fromarray(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    coefficients = (cos, -sin, x0 + pad, sin, cos, y0 + pad)
    moved = padded.transform(
        (size, size), PIL.Image.Transform.AFFINE, coefficients, PIL.Image.Resampling.BICUBIC
    )
    return np.asarray(moved)


def _random_mask(points: Points, size: int, rng: np.random.Generator) -> Mask:
    """The hull of a random region, bent, and softened at its edge."""
    names = list(REGIONS)
    weights = np.array([REGIONS[name][1] for name in names])
    name = names[rng.choice(len(names), p=weights / weights.sum())]
    region = points[list(REGIONS[name][0])]
    centre = region.mean(axis=0)
    grow = rng.uniform(0.85, 1.12) if name != "mouth" else rng.uniform(1.2, 1.8)
    bent = (region - centre) * grow
    # A smooth displacement of the outline stands for the paper's elastic deformation.
    turn = np.arctan2(bent[:, 1], bent[:, 0])
    for frequency in (1, 2, 3):
        phase, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.06)
        bent = bent * (1 + amount * np.sin(frequency * turn + phase))[:, None]
    hull = _convex_hull(bent + centre)
    softness = float(np.exp(rng.uniform(np.log(0.7), np.log(0.06 * size))))
    picture = PIL.Image.fromarray((_polygon(hull, size) * 255).astype(np.uint8))
    soft = np.asarray(picture.filter(PIL.ImageFilter.GaussianBlur(softness)), np.float32)
    soft = soft / np.float32(255)
    # Half of the masks fade within the hull only, as eroding before the blur would make them.
    return np.clip(2 * soft - 1, 0, 1).astype(np.float32) if rng.random() < 0.5 else soft


def _polygon(points: NDArray[np.floating], size: int) -> Mask:
    picture = PIL.Image.new("L", (size, size))
    PIL.ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in points], fill=255)
    return np.asarray(picture, np.float32) / np.float32(255)


def _convex_hull(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Andrew's monotone chain: the hull's corners in order."""
    ordered = sorted(map(tuple, points))

    def chain(ps: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        out: list[tuple[float, ...]] = []
        for p in ps:
            while (
                len(out) > 1
                and (
                    (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1])
                    - (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0])
                )
                <= 0
            ):
                out.pop()
            out.append(p)
        return out[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def _match_colour(source: Image, target: Image, inside: NDArray[np.bool_]) -> Image:
    """Give the pixels inside the mean and deviation, per channel, that the target has there."""
    if not inside.any():
        return source
    a, b = source[inside].astype(np.float32), target[inside].astype(np.float32)
    gain = np.clip(b.std(axis=0) / (a.std(axis=0) + 1), 0.6, 1.6)
    matched = (source - a.mean(axis=0)) * gain + b.mean(axis=0)
    return np.clip(matched + 0.5, 0, 255).astype(np.uint8)
