"""Blend the example fake from the example portrait: the face of a changed copy, put back.

    python scripts/make_example_fake.py examples/astronaut.jpg examples/astronaut-fake.jpg

What a crude face swap leaves behind: the inner face comes from a copy that was made smaller and
larger again, turned a little, and shifted in colour, and is blended at its outline. Needs the
`train` extra.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter

from unmask import media
from unmask.alignment import crop_affine, warp
from unmask.faces import FaceDetector
from unmask.training.blend import BROWS, JAW, FaceMesh


def make(source: Path, target: Path) -> None:
    image = media.read(source).pixels
    face = FaceDetector().detect(image)[0]
    affine = crop_affine(face, size=FaceMesh.INPUT, margin=FaceMesh.MARGIN)
    points = FaceMesh().points(warp(image, affine, FaceMesh.INPUT).pixels)
    points = (points - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T

    outline = points[list(BROWS + JAW)]
    centre = outline.mean(axis=0)
    angles = np.argsort(np.arctan2(*(outline - centre).T))
    mask = PIL.Image.new("L", image.shape[1::-1])
    PIL.ImageDraw.Draw(mask).polygon([tuple(p) for p in outline[angles]], fill=255)
    mask = mask.filter(PIL.ImageFilter.GaussianBlur(0.02 * face.box.side))

    picture = PIL.Image.fromarray(image)
    small = picture.resize([n * 2 // 5 for n in picture.size], PIL.Image.Resampling.BICUBIC)
    changed = small.resize(picture.size, PIL.Image.Resampling.BICUBIC)
    changed = changed.rotate(1.5, PIL.Image.Resampling.BICUBIC, center=tuple(centre))
    shifted = np.clip(np.asarray(changed) * (1.06, 0.98, 0.93) + (4, 0, -4), 0, 255)
    changed = PIL.Image.fromarray(shifted.astype(np.uint8))
    PIL.Image.composite(changed, picture, mask).save(target, quality=95, subsampling=0)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
