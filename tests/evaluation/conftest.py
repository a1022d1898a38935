"""A drawn data set: a face is a grey square, and a fake one is brighter."""

from __future__ import annotations

import copy

import numpy as np
import PIL.Image
import pytest

from unmask.errors import UndecodableError
from unmask.evaluation import Options, Outcome, measure, read_manifest
from unmask.types import ModelIdentity, Verdict


def read(path):
    try:
        with PIL.Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise UndecodableError(str(error)) from error


def brightness(sources):
    """A detector of bright squares, which sees nothing in black ones."""
    for source in sources:
        try:
            image = source if isinstance(source, np.ndarray) else read(source)
        except UndecodableError as error:
            yield Outcome(None, error.code, Verdict.NOT_ANALYSED)
            continue
        if not image.any():
            yield Outcome(None, "no_face", Verdict.NOT_ANALYSED)
            continue
        p = float(image.mean() / 255)
        yield Outcome(p, verdict=Verdict.LIKELY_FAKE if p > 0.6 else Verdict.LIKELY_REAL)


def drawn(folder):
    """Two sources of 20 videos of 2 frames; one picture is damaged, one is black."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    lines = ["path,label,method,identity,video,source"]
    for number in range(80):
        video, fake, source = number // 2, number // 2 % 2, "xy"[number // 40]
        level = np.clip(105 + 50 * fake + 35 * generator.normal(), 20, 235)
        if number == 78:
            level = 0
        pixels = np.full((16, 16, 3), level, np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
        method = "swap" if fake else ""
        label = "fake" if fake else "real"
        lines.append(f"{number}.png,{label},{method},{video // 2},{video},{source}")
    (folder / "7.png").write_bytes(b"damaged")
    (folder / "manifest.csv").write_text("\n".join(lines))
    return read_manifest(folder / "manifest.csv")


@pytest.fixture
def manifest(tmp_path):
    return drawn(tmp_path / "faces")


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    manifest = drawn(tmp_path_factory.mktemp("drawn") / "faces")
    other = [Outcome(0.5 + 0.01 * (number % 9)) for number in range(len(manifest))]
    return measure(
        manifest,
        brightness,
        name="drawn",
        model=ModelIdentity("brightness", "1", "ab" * 32),
        read=read,
        degradations=("jpeg-50", "noise-8"),
        other=other,
        options=Options(n_resamples=30),
    )


@pytest.fixture
def results(measured):
    """To be changed at will; seconds are spent on it once."""
    return copy.deepcopy(measured)
