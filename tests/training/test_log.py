"""What a run tells: its lines, its curves, and TensorBoard's events."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from unmask.cli import app
from unmask.errors import DataError, MissingExtraError, UnmaskError
from unmask.training.log import Log, draw_curves

needs_matplotlib = pytest.mark.skipif(
    find_spec("matplotlib") is None,
    reason="the curves need matplotlib: pip install 'unmask[train]'",
)


def told(run, *, epochs=2, checkpoint=None, aucs=(0.6, 0.8, 0.9)):
    """A run of two steps an epoch, told to a log."""
    with Log(run, lambda _: None, is_writer=True, checkpoint=checkpoint) as log:
        done = checkpoint["counters"]["step"] if checkpoint else 0
        for step in range(done + 1, 2 * epochs + 1):
            log.step(stage=1, step=step, total=2 * epochs, loss=1 / step, left_s=0)
            if step % 2 == 0:
                auc = aucs[step // 2 - 1]
                log.epoch(
                    stage=1,
                    epoch=step // 2,
                    step=step,
                    val_loss=0.5,
                    val_auc=auc,
                    val_auc_by_source={"a": auc, "b": auc},
                    rate=1.0,
                )


def colours(path):
    with PIL.Image.open(path) as picture:
        assert picture.format == "PNG"
        return {tuple(c) for c in np.asarray(picture.convert("RGB")).reshape(-1, 3)[::7].tolist()}


@needs_matplotlib
def test_the_curves_are_drawn_after_each_epoch(tmp_path):
    told(tmp_path, epochs=1)
    first = (tmp_path / "curves.png").read_bytes()
    told(tmp_path, epochs=3)
    assert (tmp_path / "curves.png").read_bytes() != first
    assert (0xD9, 0x5F, 0x0E) in colours(tmp_path / "curves.png")  # the validation loss
    assert not list(tmp_path.glob("*.part"))


@needs_matplotlib
def test_a_run_that_still_goes_is_drawn_by_a_command(tmp_path):
    told(tmp_path, epochs=1)
    (tmp_path / "curves.png").unlink()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "st')
    result = CliRunner().invoke(app, ["curves", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert "curves.png" in result.stdout
    assert len(colours(tmp_path / "curves.png")) > 3


@needs_matplotlib
@pytest.mark.parametrize(
    ("content", "message"), [(None, "expected a run"), ("", "has no step yet")]
)
def test_what_is_no_run_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "metrics.jsonl").write_text(content)
    with pytest.raises(DataError, match=message):
        draw_curves(tmp_path)


def test_a_run_does_without_matplotlib_and_the_command_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    told(tmp_path)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 6
    assert not (tmp_path / "curves.png").exists()
    with pytest.raises(MissingExtraError, match=r"\.\[train\]"):
        draw_curves(tmp_path)


@needs_matplotlib
def test_a_full_disk_leaves_the_curves_before(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    told(tmp_path, epochs=1)
    before = (tmp_path / "curves.png").read_bytes()

    def full(figure, path, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(UnmaskError, match=r"curves\.png could not be written \(No space left"):
        draw_curves(tmp_path)
    assert (tmp_path / "curves.png").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_what_a_killed_run_told_after_its_checkpoint_is_told_anew(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    told(tmp_path, epochs=2)
    checkpoint = {"stage": 0, "counters": {"step": 3}}
    told(tmp_path, epochs=3, checkpoint=checkpoint, aucs=(0.1, 0.2, 0.3))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [e["step"] for e in lines if e["event"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert [e["val_auc"] for e in lines if e["event"] == "epoch"] == [0.6, 0.2, 0.3]


def test_tensorboard_gets_the_same_where_it_is_installed(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    told(tmp_path, epochs=2)
    checkpoint = {"stage": 0, "counters": {"step": 2}}
    told(tmp_path, epochs=3, checkpoint=checkpoint, aucs=(0.1, 0.2, 0.3))
    board = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [e.step for e in board.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    aucs = [(e.step, round(e.value, 4)) for e in board.Scalars("val/auc/a")]
    assert aucs == [(2, 0.6), (4, 0.2), (6, 0.3)]
