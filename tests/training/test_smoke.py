"""From drawn faces to a verdict: prepare, train both stages, export, detect."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

from typer.testing import CliRunner

from unmask.cli import app
from unmask.detector import Detector
from unmask.errors import ConfigurationError
from unmask.training.config import load_config
from unmask.training.dataset import read_rows
from unmask.training.train import load_network, predict

ROOT = Path(__file__).parents[2]
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"


def unmask(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.exception or result.output
    return result.stdout


@pytest.mark.smoke
def test_drawn_faces_become_a_model_that_judges(face, tmp_path):
    data, prepared = tmp_path / "data", tmp_path / "prepared"
    seed = 0
    for split, count in (("train", 8), ("val", 6)):
        for label in ("real", "fake"):
            folder = data / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                seed += 1
                # Crops, and whole photos in which the face has to be found.
                size, fills = (160, 0.8) if number % 2 else (400, 0.3)
                pixels, _ = face(seed, size, fake=label == "fake", fills=fills)
                PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    manifest, run, model = (
        prepared / "manifest.csv",
        tmp_path / "run",
        tmp_path / "m" / "drawn.onnx",
    )
    config = ROOT / "configs" / "smoke.toml"
    told = unmask("prepare", data, prepared, "--workers", 1)
    assert "28 pictures" in told
    assert "whether two splits share a person is not known" in told
    assert "best.pt" in unmask("train", manifest, run, "--config", config)
    (tmp_path / "card.toml").write_text('limits = "drawn faces"')
    missing = ["export", *map(str, (run / "best.pt", manifest, model)), "--golden", str(ASTRONAUT)]
    result = CliRunner().invoke(app, [*missing, "--documentation", str(tmp_path / "none.toml")])
    assert isinstance(result.exception, ConfigurationError)
    golden = ("--documentation", tmp_path / "card.toml", "--golden", ASTRONAUT)
    told = unmask("export", run / "best.pt", manifest, model, *golden)
    assert "thresholds" in told
    assert "none of 6 genuine faces, of 6 photos and videos; a rate of 1% can be" in told

    detector = Detector(model)
    assert detector.card.name == "unmask-smoke"
    report = detector.image(ASTRONAUT)
    assert 0 < report.p_fake < 1
    log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [e["stage"] for e in log if e["event"] == "epoch"] == [1, 2, 2]

    # A photo scores in serving as its cut-out did in training's evaluation.
    network, _ = load_network(run / "best.pt")
    rows = read_rows(manifest, splits=("val",))
    logits, _ = predict(network, rows, load_config(config))
    served = []
    for row, source in zip(rows, sorted((data / "val").glob("*/*"), key=_as_prepared), strict=True):
        assert row.is_fake == (source.parent.name == "fake")
        (judged,) = detector.image(source).faces
        served.append(judged.prediction.logit)
    expected = logits[:, 1] - logits[:, 0]
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(served, expected, atol=0.02 + 0.05 * np.ptp(expected))


def _as_prepared(path):
    return path.parent.name == "fake", path.name
