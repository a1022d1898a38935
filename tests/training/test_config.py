"""Defaults are the specification's; what is overlaid is checked by name and type."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

from unmask.errors import ConfigurationError
from unmask.training.config import TrainingConfig, load_config, restored
from unmask.training.train import train

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def test_the_defaults_are_the_specifications_two_stages():
    config = TrainingConfig()
    one, two = config.stage1, config.stage2
    assert (one.epochs, one.learning_rate, one.train_from) == (15, 1e-3, None)
    assert (two.epochs, two.learning_rate, two.train_from) == (35, 1e-4, "block9")
    for stage in (one, two):
        assert (stage.weight_decay, stage.schedule) == (1e-4, "plateau")
        assert (stage.plateau_patience, stage.stop_patience) == (5, 10)
    assert config.batch.size == 32
    assert (config.input_size, config.branches) == (224, "fusion")
    assert not config.live_batch_norm


def test_a_file_overlays_the_defaults_and_set_overlays_the_file(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('seed = 7\n[stage1]\nepochs = 3\nschedule = "cosine"\n[batch.plain]\nx = 4\n')
    config = load_config(path, ("stage1.epochs=2", "name=mine", "augmentation.flip=1"))
    assert (config.seed, config.name) == (7, "mine")
    assert (config.stage1.epochs, config.stage1.schedule) == (2, "cosine")
    assert config.stage1.learning_rate == 1e-3
    assert config.batch.plain == {"x": 4}
    assert config.augmentation.flip == 1.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs=3", "unknown configuration key 'epochs'"),
        ("stage1.epoch=3", r"unknown configuration key 'stage1\.epoch'; known here: .*epochs"),
        ("stage1.epochs=two", r"stage1\.epochs = 'two'"),
        ("stage1.epochs=1.5", r"stage1\.epochs = 1\.5"),
        ("stage1.epochs=true", r"stage1\.epochs = True"),
        ("stage1=3", r"stage1 = 3"),
        ("seed.x=3", "seed"),
        ("stage1.schedule=linear", "'linear'"),
        ("branches=both", "'both'"),
        ("backbone=resnet50", "backbone is 'resnet50'; it is xception or .* or timm:NAME"),
        ("backbone='timm:'", "backbone is 'timm:'"),
        ("spectrum=raw", "'raw'"),
        ("head=deep", "'deep'"),
        ("live_batch_norm=1", "live_batch_norm = 1"),
        ("stage2.train_from=block13", "block13"),
        ("batch.plain={x=3}", "'x' has 3 pictures; an even number"),
        ("batch.plain={x=0}", "'x' has 0 pictures"),
        ('batch.plain={x="8"}', r"batch\.plain"),
        ("batch.plain={}", "neither plain nor blended"),
        ("input_size=63", "input_size = 63: expected a number at least 64"),
        ("mask_loss=-1", "mask_loss = -1: expected a number at least 0"),
        ("seed=-1", "seed = -1: expected a number at least 0"),
        ("workers=-1", "workers = -1"),
        ("checkpoint_every=0", "checkpoint_every = 0: expected a number at least 1"),
        ("stage1.epochs=-1", r"stage1\.epochs = -1"),
        ("stage1.learning_rate=0", r"stage1\.learning_rate = 0: expected a number above 0"),
        ("stage1.learning_rate=nan", r"stage1\.learning_rate = nan: expected a number above 0"),
        ("stage1.learning_rate=inf", r"stage1\.learning_rate = inf: expected a number .*finite"),
        ("augmentation.zoom=inf", r"augmentation\.zoom = inf"),
        ("stage1.average=1", r"stage1\.average = 1: .* at least 0, at most 0\.9"),
        ("augmentation.flip=1.5", r"augmentation\.flip = 1\.5: .* at least 0, at most 1"),
        ("batch.partners=-0.1", r"batch\.partners = -0\.1"),
        ("crop_margin=0", "crop_margin = 0"),
        ("seed=x", "seed = 'x': expected int$"),
        ('synthesised="stylegan"', "synthesised"),
        ("stage1", "expected key=value"),
    ],
)
def test_a_wrong_key_or_value_is_named(override, message):
    with pytest.raises(ConfigurationError, match=message):
        load_config(None, (override,))


def test_a_run_from_before_there_was_a_setting_did_without():
    of_now = dataclasses.asdict(load_config(None, ("augmentation.smooth=0.2",)))
    assert restored(of_now).augmentation.smooth == 0.2
    for name in ("tone", "sharpen", "smooth", "erase"):
        del of_now["augmentation"][name]
    told = restored(of_now).augmentation
    assert (told.tone, told.sharpen, told.smooth, told.erase) == (0, 0, 0, 0)
    assert told.blur == of_now["augmentation"]["blur"]


def test_set_below_a_plain_value_is_refused(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 7")
    with pytest.raises(ConfigurationError, match="'seed' is a value, not a table"):
        load_config(path, ("seed.x=1",))


def test_blends_alone_need_a_length_of_the_epoch():
    only_blends = ("batch.plain={}", "batch.blended={x=4}", "stage2.epochs=0")
    with pytest.raises(ConfigurationError, match="stage1 needs steps_per_epoch"):
        load_config(None, only_blends)
    assert load_config(None, (*only_blends, "stage1.steps_per_epoch=5")).batch.size == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"seed = ", "not valid TOML"), (b"\xff\xfe", "not UTF-8 text")],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, message):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as error:
        load_config(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_trains_a_step_of_each_stage(path, drawn, tmp_path):
    shorter = ("input_size=64", "precision=float32", "workers=0")
    shorter += tuple(f"stage{i}.{key}=1" for i in (1, 2) for key in ("epochs", "steps_per_epoch"))
    config = load_config(path, shorter)
    sources = {*config.batch.plain, *config.batch.blended}
    plan = {
        (source.replace("*", "any"), split, label): 2
        for source in sources
        for split in ("train", "val")
        for label in ("real", "fake")
    }
    manifest, seen = drawn(tmp_path, plan), []
    with manifest.open(newline="") as file:
        header, *rows = csv.reader(file)
    identity, original = header.index("identity"), header.index("original")
    with manifest.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        # Each fake was made from the genuine picture of the same number.
        table.writerows([*row[:original], row[identity], *row[original + 1 :]] for row in rows)
    best = train(config, manifest, tmp_path / "run", progress=seen.append)
    assert best.exists()
    assert [entry["stage"] for entry in seen if entry["event"] == "step"] == [1, 2]
