"""Drawn faces: landmarks are known exactly, and nobody's picture is needed.

A genuine picture is as it was drawn; a fake has a blurred patch of itself pasted over the mouth.
"""

from __future__ import annotations

import csv
import dataclasses
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import pytest

COLUMNS = (
    *("path", "label", "method", "identity", "video", "original", "source", "split"),
    "landmarks",
)


def draw_face(seed, size=96, *, fake=False, fills=0.8):
    """`(size, size, 3)` uint8 and the face's `(5, 2)` landmarks, which MTCNN finds as well."""
    rng = np.random.default_rng(seed)
    side = 4 * size  # drawn larger and scaled down, for soft edges
    background = PIL.Image.fromarray(rng.integers(30, 220, (5, 5, 3), dtype=np.uint8))
    picture = background.resize((side, side))
    pen = PIL.ImageDraw.Draw(picture)
    middle = side * (0.5 + rng.uniform(-0.02, 0.02, 2))
    half = side * fills * np.array([0.38 * rng.uniform(0.95, 1.05), 0.52])
    skin = np.array([225, 180, 150]) * rng.uniform(0.75, 1)

    def at(x, y):
        return middle + half * (x, y)

    def ellipse(x, y, width, height, colour):
        a, b = at(x - width, y - height), at(x + width, y + height)
        pen.ellipse((*a, *b), fill=tuple(np.clip(colour, 0, 255).astype(int).tolist()))

    ellipse(0, -0.12, 1.12, 1, np.array([60, 40, 30]) * rng.uniform(0.5, 1.5))
    ellipse(0, 0, 1, 1, skin)
    for x in (-0.42, 0.42):
        ellipse(x, -0.15, 0.26, 0.14, 0.8 * skin)
        ellipse(x, -0.15, 0.2, 0.075, np.array([240, 240, 240]))
        ellipse(x, -0.15, 0.09, 0.075, np.array([50, 35, 25]))
        ellipse(x, -0.32, 0.25, 0.025, np.array([60, 40, 30]))
    ellipse(0, 0.0, 0.1, 0.14, 0.9 * skin)
    ellipse(-0.08, 0.19, 0.05, 0.025, 0.5 * skin)
    ellipse(0.08, 0.19, 0.05, 0.025, 0.5 * skin)
    ellipse(0, 0.52, 0.34, 0.07, np.array([170, 80, 80]))
    picture = picture.filter(PIL.ImageFilter.GaussianBlur(0.008 * side)).resize((size, size))
    if fake:
        x1, y1, x2, y2 = (*at(-0.5, 0.25) / 4, *at(0.5, 0.8) / 4)
        patch = picture.crop((int(x1), int(y1), int(x2), int(y2)))
        picture.paste(patch.filter(PIL.ImageFilter.GaussianBlur(2)), (int(x1), int(y1)))
    light = PIL.Image.fromarray(rng.uniform(0.7, 1.1, (3, 3)).astype(np.float32))
    lit = np.asarray(picture) * np.asarray(light.resize((size, size)))[..., None]
    noisy = lit + rng.normal(0, 3, (size, size, 3))
    points = [at(-0.42, -0.15), at(0.42, -0.15), at(0, 0.2), at(-0.32, 0.52), at(0.32, 0.52)]
    return np.clip(noisy, 0, 255).astype(np.uint8), np.array(points, np.float32) / 4


def write_manifest(folder, plan):
    """Draw `{(source, split, label): count}` into `folder`; return its prepared manifest."""
    path = Path(folder) / "manifest.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        seed = 0
        for (source, split, label), count in plan.items():
            for number in range(count):
                seed += 1
                name = f"{source}-{split}-{label}-{number}.png"
                pixels, points = draw_face(seed, fake=label == "fake")
                PIL.Image.fromarray(pixels).save(path.parent / name)
                table.writerow(
                    {
                        "path": name,
                        "label": label,
                        "identity": f"{source}{number}",
                        "source": source,
                        "split": split,
                        "landmarks": " ".join(f"{value:.2f}" for value in points.ravel()),
                    }
                )
    return path


PLAN = {
    ("a", "train", "real"): 6,
    ("a", "train", "fake"): 8,
    ("a", "val", "real"): 4,
    ("a", "val", "fake"): 4,
    ("b", "train", "real"): 4,
    ("b", "train", "fake"): 4,
    ("raw", "blend-source", "real"): 4,
}

TINY = (
    "input_size=64",
    'precision="float32"',
    "workers=0",
    "checkpoint_every=2",
    "batch.plain={a=4, b=2}",
    "batch.blended={a=2, raw=2}",
    "mask_loss=0.5",
    "stage1.epochs=1",
    "stage1.steps_per_epoch=2",
    "stage2.epochs=2",
    "stage2.steps_per_epoch=3",
    "stage2.train_from=exit",
)
"""Overrides of a training that takes seconds."""


@pytest.fixture(scope="session")
def face():
    return draw_face


@pytest.fixture(scope="session")
def drawn():
    return write_manifest


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    return write_manifest(tmp_path_factory.mktemp("drawn"), PLAN)


@pytest.fixture(scope="session")
def tiny_overrides():
    return TINY


@pytest.fixture(scope="session")
def tiny():
    """The configuration of a training that takes seconds, with further overrides."""
    from unmask.training.config import load_config

    return lambda *overrides: load_config(None, (*TINY, *overrides))


@pytest.fixture(scope="session")
def outspoken():
    """Makes a network of random weights whose answers differ, as those of a new one hardly do."""
    import torch

    from unmask.training.fusion import FusionNetwork

    def make(seed, **options):
        torch.manual_seed(seed)
        network = FusionNetwork(**options).eval()
        for layer in network.head():
            layer.weight.data *= 3
        network.feature_mean.uniform_(0, 0.1)
        return network

    return make


@pytest.fixture(scope="session")
def write_best(tiny):
    """Writes a network as the best.pt of a tiny run with further overrides, and says where."""
    import torch

    def write(network, folder, *overrides):
        path = folder / "best.pt"
        config = dataclasses.asdict(tiny(*overrides))
        torch.save({"network": network.state_dict(), "config": config}, path)
        return path

    return write


@pytest.fixture(scope="session")
def cam_by_autograd():
    """Grad-CAM as its paper has it: the pooled gradients of the FAKE logit weigh the maps."""
    import torch

    from unmask.training.fusion import FAKE

    def cam(network, crops, spectra):
        """`(N, h, w)` maps, and the `(N, 2)` logits that they are of."""
        maps = network.feature_maps(crops).detach().requires_grad_()
        logits = network.classify(maps.mean(dim=(2, 3)), network.standardised(spectra))
        (gradient,) = torch.autograd.grad(logits[:, FAKE].sum(), maps)
        weighed = gradient.mean(dim=(2, 3), keepdim=True) * maps
        return weighed.sum(dim=1).relu().detach(), logits.detach()

    return cam


@pytest.fixture(autouse=True)
def few_statistics(monkeypatch):
    """The constants of the spectrum and the mean features from a handful of pictures."""
    if find_spec("torch") is None:  # `prepare` needs none
        return
    monkeypatch.setattr("unmask.training.train.N_STATISTICS", 10)
    monkeypatch.setattr("unmask.training.train.N_FEATURE_STATISTICS", 10)
