"""Stage 7: activation map -> heat map over the original pixels.

Grad-CAM for the FAKE logit (Selvaraju et al. 2017, arXiv:1610.02391): where the model looked when
something spoke for FAKE. It shows the spatial branch only, and is no proof of a manipulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from unmask.types import FaceCrop, Heatmap, Image

__all__ = ["COLORMAPS", "Colormap", "colourise", "heatmap", "overlay"]

Colormap = Literal["jet", "viridis"]

VIRIDIS = np.array(
    [
        (68, 1, 84),
        (71, 44, 122),
        (59, 81, 139),
        (44, 113, 142),
        (33, 144, 141),
        (39, 173, 129),
        (92, 200, 99),
        (170, 220, 50),
        (253, 231, 37),
    ],
    np.float32,
)
"""Nine anchors of matplotlib's viridis (CC0), which colour-blind people can read."""


def heatmap(cam: NDArray[np.float32], crop: FaceCrop) -> Heatmap:
    """Scale an `(h, w)` map of one crop to [0, 1] by its maximum; all zero stays all zero."""
    peak = float(cam.max(initial=0.0))
    values = np.maximum(cam, 0) / peak if peak > 1e-8 else np.zeros_like(cam)
    return Heatmap(values.astype(np.float32), crop.affine, crop.pixels.shape[0])


def overlay(
    image: Image, heatmaps: Sequence[Heatmap], *, alpha: float = 0.4, colormap: Colormap = "jet"
) -> Image:
    """The image with `alpha` of each heat map's colours over the face it belongs to.

    `(H, W, 3)` uint8 RGB at the original size; an empty heat map leaves its face as it is.
    """
    out = image.copy()
    height, width = image.shape[:2]
    for one in heatmaps:
        if one.empty:
            continue
        corners = one.corners()
        x1, y1 = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int)
        x2, y2 = np.clip(np.ceil(corners.max(axis=0)), 0, (width, height)).astype(int)
        if x1 >= x2 or y1 >= y2:
            continue
        values, inside = _placed(one, x1, y1, x2 - x1, y2 - y1)
        region = out[y1:y2, x1:x2]
        mixed = (1 - alpha) * region.astype(np.float32) + alpha * colourise(values, colormap)
        region[inside] = (mixed[inside] + 0.5).astype(np.uint8)
    return out


def colourise(values: NDArray[np.float32], colormap: Colormap = "jet") -> NDArray[np.float32]:
    """`(H, W)` in [0, 1] -> `(H, W, 3)` float32 RGB in [0, 255]."""
    table = COLORMAPS[colormap]
    colours: NDArray[np.float32] = table[np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)]
    return colours


def _jet() -> NDArray[np.float32]:
    v = np.linspace(0, 1, 256)[:, None]
    table = np.clip(1.5 - np.abs(4 * v - np.array([3, 2, 1])), 0, 1) * 255
    return np.asarray(table, np.float32)


def _viridis() -> NDArray[np.float32]:
    at, anchors = np.linspace(0, 1, 256), np.linspace(0, 1, len(VIRIDIS))
    table = np.stack([np.interp(at, anchors, channel) for channel in VIRIDIS.T], axis=1)
    return table.astype(np.float32)


COLORMAPS: dict[Colormap, NDArray[np.float32]] = {"jet": _jet(), "viridis": _viridis()}
"""`(256, 3)` float32 RGB tables."""


def _placed(
    one: Heatmap, x: int, y: int, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The map's values over a region of the image, and which of its pixels the crop covers."""
    size = one.crop_size
    smooth = PIL.Image.fromarray(one.values).resize((size, size), PIL.Image.Resampling.BICUBIC)
    # Pillow maps from the result to the source: image px to crop px, which is what `affine` does.
    affine = one.affine.copy()
    affine[:, 2] += affine[:, :2] @ np.array([x, y])
    fill = -1.0
    placed = smooth.transform(
        (width, height),
        PIL.Image.Transform.AFFINE,
        tuple(affine.ravel()),
        PIL.Image.Resampling.BILINEAR,
        fillcolor=fill,
    )
    values = np.asarray(placed)
    return np.clip(values, 0, 1), values > fill
