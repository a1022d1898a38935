"""The loop: what learns, what stays, what survives a kill, and how each failure ends."""

from __future__ import annotations

import dataclasses
import json
import math
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch
from typer.testing import CliRunner

from unmask.cli import app
from unmask.errors import ConfigurationError, DataError, ModelError, UnmaskError
from unmask.training import train as module
from unmask.training.checkpoints import fill, load_network, load_start
from unmask.training.config import Stage, TrainingConfig
from unmask.training.fusion import FusionNetwork
from unmask.training.train import train
from unmask.training.xception import BLOCKS, FEATURES

BLIND = ("branches=frequency", "mask_loss=0")
"""For what does not concern the trunk, which then costs no time."""

SCRIPT = Path(__file__).with_name("run_training.py")
SOURCES = Path(module.__file__).parents[2]


def process(manifest, run, overrides, *, kill_at="", linear="", **environment):
    """A training in another process, on one thread, so that its sums are always the same."""
    return subprocess.Popen(
        [sys.executable, SCRIPT, manifest, run, kill_at, linear, *overrides],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(running):
    _, errors = running.communicate(timeout=300)
    return running.returncode, errors


def weights(run):
    return torch.load(run / "best.pt", weights_only=True)["network"]


def entries(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(manifest, tiny_overrides, tmp_path_factory):
    """A whole training, undisturbed."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    status, errors = finished(process(manifest, folder, tiny_overrides))
    assert status == 0, errors
    return folder


# --- what learns ---


def trained(stage):
    network = FusionNetwork()
    groups = module._parameter_groups(network, stage)
    return network, sum(p.numel() for group in groups for p in group["params"])


def test_the_first_stage_trains_the_head_alone():
    # Corrections A4: not 23.5 million; without the spectrum it would be 1,180,930.
    network, count = trained(TrainingConfig().stage1)
    assert count == 1_443_074 == 1_180_930 + 512 * 512
    assert not any(p.requires_grad for p in network.trunk.parameters())


def test_the_second_stage_trains_keras_blocks_10_to_14():
    # Corrections I6: whole blocks. Keras counts the stem's two convolutions as block 1, and the
    # exit flow's last two as block 14, so its block 10 is block9 in the names used here.
    network, count = trained(TrainingConfig().stage2)
    separable = 9 * 728 + 728 * 728 + 2 * 728
    block12 = separable + (9 * 728 + 728 * 1024 + 2 * 1024) + (728 * 1024 + 2 * 1024)
    exit_flow = (9 * 1024 + 1024 * 1536 + 2 * 1536) + (9 * 1536 + 1536 * 2048 + 2 * 2048)
    assert count == 3 * 3 * separable + block12 + exit_flow + 1_443_074 == 13_073_386
    # The last 50 of Keras' layers, with a head without the spectrum, begin within its block 9.
    assert count - 512 * 512 + separable == 13_349_234
    learning = {name.split(".")[1] for name, p in network.named_parameters() if p.requires_grad}
    assert {"block9", "block10", "block11", "block12", "conv3", "bn4"} <= learning
    assert not {"block8", "conv1", "bn2"} & learning


def test_the_documents_say_how_much_each_stage_trains():
    # Corrections A3 and A4.
    config = TrainingConfig()
    (network, first), (_, second) = trained(config.stage1), trained(config.stage2)
    statistics = sum(b.numel() for name, b in network.trunk.named_buffers() if "running" in name)
    total = sum(p.numel() for p in network.parameters()) + statistics
    text = (SOURCES.parent / "docs" / "training.md").read_text("utf-8")
    assert f"train {first:,} and {second:,} of the {total:,} parameters" in text


@pytest.mark.parametrize("first", BLOCKS)
def test_blocks_learn_as_a_whole_from_the_named_one_on(first):
    network, _ = trained(Stage(train_from=first))
    for name, modules in network.trunk.parts().items():
        wanted = BLOCKS.index(name) >= BLOCKS.index(first)
        assert {p.requires_grad for m in modules for p in m.parameters()} == {wanted}
    assert all(p.requires_grad for m in network.head() for p in m.parameters())


def test_head_and_trunk_have_their_own_rates():
    groups = module._parameter_groups(
        FusionNetwork(), Stage(train_from="exit", learning_rate=1e-4, head_learning_rate=3e-4)
    )
    assert [group["lr"] for group in groups] == [3e-4, 1e-4]


# --- normalisation (corrections I7) ---


def learned_once(tiny, manifest, tmp_path, *overrides):
    """State before and after one step of the second stage, all of the trunk's exit learning."""
    config = tiny("stage1.epochs=0", "stage2.epochs=1", "stage2.steps_per_epoch=1", *overrides)
    before = []
    read = module._fit_spectrum

    def noted(network, *rest):
        read(network, *rest)
        before.append({k: v.clone() for k, v in network.state_dict().items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_fit_spectrum", noted)
        train(config, manifest, tmp_path / "run")
    return before[0], weights(tmp_path / "run")


@pytest.mark.parametrize("live", [False, True])
def test_statistics_move_only_where_they_are_live_and_not_frozen(tiny, manifest, tmp_path, live):
    before, after = learned_once(tiny, manifest, tmp_path, f"live_batch_norm={str(live).lower()}")
    moved = {
        name.split(".")[1]
        for name in before
        if name.endswith(("running_mean", "running_var"))
        and not torch.equal(before[name], after[name])
    }
    assert moved == ({"bn3", "bn4"} if live else set())
    # Scale and shift learn either way.
    assert not torch.equal(before["trunk.bn4.weight"], after["trunk.bn4.weight"])
    assert torch.equal(before["trunk.bn1.weight"], after["trunk.bn1.weight"])


# --- the loop ---


def test_a_training_writes_what_happened(run):
    log = entries(run)
    steps = [(e["stage"], e["step"]) for e in log if e["event"] == "step"]
    assert steps == [(1, 1), (1, 2), *((2, i) for i in range(1, 7))]
    epochs = [e for e in log if e["event"] == "epoch"]
    assert [(e["stage"], e["epoch"]) for e in epochs] == [(1, 1), (2, 1), (2, 2)]
    for entry in epochs:
        assert entry["val_auc"] == pytest.approx(entry["val_auc_by_source"]["a"])
        assert 0 <= entry["val_auc"] <= 1
    network, config = load_network(run / "best.pt")
    assert config == json.loads((run / "config.json").read_text())
    assert not network.training
    assert network.spectrum_std.min() > 0
    assert network.feature_mean.any()


def test_where_a_face_was_manipulated_is_learned_beside_whether(run):
    losses = [e["mask_loss"] for e in entries(run) if e["event"] == "step"]
    assert losses[-1] < losses[2]  # the first of the second stage: the trunk's exit learns now
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["locator"]["weight"].shape == (1, FEATURES, 1, 1)
    # It is training's alone: what is released has no part that nobody runs.
    assert not any("locator" in name for name in weights(run))


def test_the_loss_of_a_mask_is_the_mean_over_the_places_that_are_known():
    located = torch.zeros(3, 1, 2, 2)
    located[0, 0, 0, 0] = 5.0
    masks = torch.zeros(3, 2, 2)
    masks[0, 0, 0] = 1
    masks[2] = math.nan
    expected = 7 / 4 * math.log(2) + math.log1p(math.exp(-5.0)) / 4
    assert float(module.mask_loss(located, masks)) == pytest.approx(expected)
    # A finer mask is what a trunk with larger cells shows of it.
    fine = masks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert float(module.mask_loss(located, fine)) == pytest.approx(expected)


def test_the_best_checkpoint_is_what_goes_on(tiny, manifest, tmp_path, monkeypatch):
    # Corrections I8: neither the next stage nor the export starts from the last epoch.
    aucs = iter([0.9, 0.6, 0.8, 0.7])
    monkeypatch.setattr(module, "_auc", lambda *_: next(aucs))
    starts = []

    class Noted(module._StageTrainer):
        def run_to_the_end(self, checkpoint):
            starts.append({k: v.clone() for k, v in self.network.state_dict().items()})
            super().run_to_the_end(checkpoint)

    monkeypatch.setattr(module, "_StageTrainer", Noted)
    config = tiny(*BLIND, "stage1.epochs=2", "stage1.steps_per_epoch=1", "stage2.steps_per_epoch=1")
    train(config, manifest, tmp_path)
    head = "fc3.weight"
    best1 = torch.load(tmp_path / "best-stage1.pt", weights_only=True)["network"]
    best2 = torch.load(tmp_path / "best-stage2.pt", weights_only=True)["network"]
    last = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    assert torch.equal(starts[1][head], best1[head])
    assert not torch.equal(starts[0][head], best1[head])
    assert torch.equal(weights(tmp_path)[head], best2[head])
    assert not torch.equal(last[head], best2[head])


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_mean_of_the_first_the_best_and_the_last_weights_is_what_goes_on(
    tiny, manifest, tmp_path, monkeypatch, average
):
    aucs = iter([0.9, 0.6])
    monkeypatch.setattr(module, "_auc", lambda *_: next(aucs))
    config = tiny(
        *BLIND,
        "stage1.epochs=0",
        "stage2.steps_per_epoch=2",
        f"stage2.average={average}",
        "stage2.soup=true",
    )
    train(config, manifest, tmp_path)
    key = "fc3.weight"
    first, best = (
        torch.load(tmp_path / f"{name}-stage2.pt", weights_only=True)["network"][key]
        for name in ("start", "best")
    )
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    last = checkpoint["network"][key]
    if average:
        (last,) = (w for w in checkpoint["average"] if w.shape == last.shape)
    assert not torch.equal(best, last)
    assert not torch.equal(first, best)
    torch.testing.assert_close(weights(tmp_path)[key], (first + best + last) / 3)


def test_it_stops_early_and_lowers_the_rate(tiny, manifest, tmp_path, monkeypatch):
    cross_entropy = module.F.cross_entropy

    def constant_in_validation(logits, labels, reduction="mean"):
        if reduction == "sum":
            return cross_entropy(logits, labels, reduction=reduction)
        return torch.ones(())

    monkeypatch.setattr(module, "_auc", lambda *_: 0.5)
    monkeypatch.setattr(module.F, "cross_entropy", constant_in_validation)
    config = tiny(
        *BLIND,
        "stage1.epochs=9",
        "stage1.steps_per_epoch=1",
        "stage1.stop_patience=4",
        "stage1.plateau_patience=2",
        "stage2.epochs=0",
    )
    train(config, manifest, tmp_path)
    epochs = [e for e in entries(tmp_path) if e["event"] == "epoch"]
    assert len(epochs) == 5  # the best was the first; four without a better one
    assert [e["rate"] for e in epochs] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        ("cosine", [0.25 * 1, 0.5 * 0.9619398, 0.75 * 0.8535534, 0.6913417, 0.5, 0.3086583]),
        ("plateau", [0.25, 0.5, 0.75, 1, 1]),
    ],
)
def test_rates_follow_their_schedule(tiny, schedule, expected):
    stage = Stage(epochs=2, steps_per_epoch=4, schedule=schedule, warmup_steps=4)
    trainer = object.__new__(module._StageTrainer)
    trainer.stage, trainer.total_steps, trainer.factor = stage, 8, 1.0
    rates = []
    for trainer.step in range(len(expected)):
        rates.append(trainer._rate())
    assert rates == pytest.approx(expected)


def test_a_long_stage_is_not_laid_out_in_memory(tiny, monkeypatch):
    trainer = object.__new__(module._StageTrainer)
    trainer.dataset, trainer.config, trainer.stage = range(4), tiny(), Stage()
    trainer.step, trainer.total_steps, trainer.epochs_since_auc = 3, 20_000, 0
    trainer.rank, trainer.world = 0, 1
    monkeypatch.setattr(module, "loaded", lambda _, *, workers, batch_sampler: batch_sampler)
    tracemalloc.start()
    try:
        assert next(trainer._batches()) == [(3, place) for place in range(4)]
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("precision", "capability", "is_half"),
    [
        ("auto", "AVX512", True),
        ("auto", "AVX2", False),
        ("bfloat16", "AVX2", True),
        ("float32", "AVX512", False),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(precision, capability, is_half, monkeypatch):
    """One that imitates it takes many times as long as in float32."""
    monkeypatch.setattr(module, "_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    with module._autocast(TrainingConfig(precision=precision)):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if is_half else torch.float32)


def test_an_average_of_the_weights_is_what_is_kept(tiny, manifest, tmp_path):
    shared = (*BLIND, "stage1.epochs=0", "stage2.epochs=1")
    train(tiny(*shared), manifest, tmp_path / "plain")
    train(tiny(*shared, "stage2.average=0.9"), manifest, tmp_path / "averaged")
    last = {
        name: torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        for name in ("plain", "averaged")
    }
    key = "fc3.weight"
    # The average watches; it does not disturb.
    assert torch.equal(last["plain"]["network"][key], last["averaged"]["network"][key])
    assert not torch.equal(weights(tmp_path / "averaged")[key], weights(tmp_path / "plain")[key])
    kept = [w for w in last["averaged"]["average"] if w.shape == (2, 256)]
    assert torch.equal(kept[0], weights(tmp_path / "averaged")[key])


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.1, 0.9], [0, 1], 1.0),
        ([0.9, 0.1], [0, 1], 0.0),
        ([0.5, 0.5, 0.5], [0, 1, 1], 0.5),
        ([1, 2, 3, 4], [0, 1, 0, 1], 0.75),
    ],
)
def test_auc_of_small_cases(scores, labels, expected):
    assert module._auc(np.array(scores, np.float32), np.array(labels)) == expected


def test_auc_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    scores = (rng.normal(size=300) + labels).round(1).astype(np.float32)  # with ties
    assert module._auc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores))


# --- resuming ---


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_training_resumes_and_ends_with_the_same_weights(
    run, manifest, tiny_overrides, tmp_path
):
    # Checkpoints are at steps 2, 3 (epoch), 4, 6: step 5 was taken and is lost.
    status, _ = finished(process(manifest, tmp_path / "run", tiny_overrides, kill_at="5"))
    assert status == -signal.SIGKILL
    assert not (tmp_path / "run" / "best.pt").exists()
    with (tmp_path / "run" / "metrics.jsonl").open("a") as log:
        log.write('{"event": "st')  # a line cut short
    status, errors = finished(process(manifest, tmp_path / "run", tiny_overrides))
    assert status == 0, errors
    expected, resumed = weights(run), weights(tmp_path / "run")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)

    def timeless(log):
        return [{k: v for k, v in entry.items() if k != "left_s"} for entry in log]

    assert timeless(entries(tmp_path / "run")) == timeless(entries(run))


def test_a_finished_training_is_not_trained_again(run, manifest, tiny, tmp_path):
    before, log = weights(run), entries(run)
    train(tiny(), manifest, run, progress=lambda entry: pytest.fail(f"trained: {entry}"))
    after = weights(run)
    assert torch.equal(before["fc1.weight"], after["fc1.weight"])
    assert entries(run) == log


# --- many processes ---


@pytest.mark.parametrize(("rank", "told"), [(0, "best weights: best.pt\n"), (1, "")])
def test_the_first_process_alone_says_where_the_weights_are(monkeypatch, tmp_path, rank, told):
    monkeypatch.setattr(module, "train", lambda *_, **__: Path("best.pt"))
    monkeypatch.setattr(module.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(module.distributed, "get_rank", lambda: rank)
    result = CliRunner().invoke(app, ["train", str(tmp_path / "m.csv"), str(tmp_path / "run")])
    assert (result.exit_code, result.stdout) == (0, told)


def test_two_processes_give_the_gradient_of_one(manifest, tiny_overrides, tmp_path):
    overrides = (*tiny_overrides, "stage2.epochs=1")
    # Five pairs: the shares of the two differ.
    one = process(manifest, tmp_path / "one", overrides, linear="1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    two = [
        process(manifest, tmp_path / "two", overrides, linear="1", RANK=str(rank), **shared)
        for rank in range(2)
    ]
    for running in (one, *two):
        status, errors = finished(running)
        assert status == 0, errors
    expected, got = weights(tmp_path / "one"), weights(tmp_path / "two")
    torch.manual_seed(TrainingConfig().seed)
    start = FusionNetwork().state_dict()
    for name in ("fc1.weight", "fc3.weight", "trunk.conv4.pointwise.weight"):
        step = expected[name] - start[name]
        assert step.abs().max() > 0
        assert (got[name] - expected[name]).abs().max() <= 1e-3 * step.abs().max()
    assert [e["event"] for e in entries(tmp_path / "two")] == ["step"] * 2 + ["epoch"] + [
        "step"
    ] * 3 + ["epoch"]


def test_more_processes_than_pairs_are_refused(tiny, manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_join_processes", lambda: (0, 6))
    with pytest.raises(ConfigurationError, match="10 pictures is too small for 6 processes"):
        train(tiny(), manifest, tmp_path)


# --- each failure ends in one clear line ---


def test_a_loss_that_is_no_number_stops_the_training(tiny, manifest, tmp_path):
    config = tiny(
        *BLIND, "stage1.learning_rate=1e30", "stage1.steps_per_epoch=4", "checkpoint_every=9"
    )
    with pytest.raises(UnmaskError, match=r"the loss is (nan|inf) at step \d of stage1; begin"):
        train(config, manifest, tmp_path)
    assert not list(tmp_path.glob("*.pt"))


def test_weights_that_are_no_numbers_after_the_last_step_are_never_kept(tiny, manifest, tmp_path):
    # The only loss there is was computed before them.
    one_step = ("stage1.learning_rate=1e37", "stage1.steps_per_epoch=1", "stage2.epochs=0")
    with pytest.raises(UnmaskError, match="validation gives what is no number at step 1 of stage1"):
        train(tiny(*BLIND, *one_step), manifest, tmp_path)
    assert not list(tmp_path.glob("*.pt"))


def test_what_is_refused_before_the_first_step_claims_no_folder(tiny, manifest, tmp_path):
    run, start = tmp_path / "run", tmp_path / "best.pt"
    torch.save({"network": {"fc1.weight": torch.zeros(2, 2)}}, start)
    with pytest.raises(ModelError, match="another architecture"):
        train(tiny(), manifest, run, start=start)
    # So another configuration may still have it.
    assert not run.exists()


def test_a_full_disk_leaves_the_last_checkpoint(tiny, manifest, tmp_path, monkeypatch):
    save, calls = torch.save, []

    def filling(state, path):
        calls.append(path)
        if len(calls) == 3:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(state, path)

    monkeypatch.setattr(torch, "save", filling)
    with pytest.raises(UnmaskError, match=r"No space left.*what was there is unharmed") as error:
        train(tiny(*BLIND), manifest, tmp_path)
    assert not isinstance(error.value, (DataError, ModelError))
    assert not list(tmp_path.glob("*.part"))
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["stage"] == 0
    monkeypatch.undo()
    # And from there it goes on.
    monkeypatch.setattr(module, "N_FEATURE_STATISTICS", 10)
    assert train(tiny(*BLIND), manifest, tmp_path).exists()


def test_a_run_of_an_earlier_version_goes_on_and_its_weights_load(run, manifest, tiny, tmp_path):
    newer = ("backbone", "head", "spectrum", "imported")
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    saved = json.loads((run / "config.json").read_text())
    saved = {k: v for k, v in saved.items() if k not in newer}
    (folder / "config.json").write_text(json.dumps(saved))
    state = torch.load(run / "best.pt", weights_only=True)
    torch.save({**state, "config": saved}, folder / "best.pt")
    assert load_network(folder / "best.pt")[1] == dataclasses.asdict(tiny())
    train(tiny(), manifest, folder, progress=lambda entry: pytest.fail(f"trained: {entry}"))
    (folder / "config.json").write_text('{"seed": 1')
    with pytest.raises(ConfigurationError, match="begun with another configuration"):
        train(tiny(), manifest, folder)


def test_a_part_that_the_trunk_does_not_have_is_named():
    with pytest.raises(ConfigurationError, match=r"train_from is 'layer4'; .* stem, block1"):
        module._parameter_groups(FusionNetwork(), Stage(train_from="layer4"))


def test_a_run_folder_of_another_configuration_is_refused(run, manifest, tiny):
    before = (run / "config.json").read_text()
    with pytest.raises(ConfigurationError, match="begun with another configuration"):
        train(tiny("seed=2"), manifest, run)
    assert (run / "config.json").read_text() == before


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (
            lambda line: ",real," not in line or ",val," in line,
            r"no real .*sources a, b;",
        ),
        (lambda line: ",val," not in line or ",real," in line, "val has no fake picture of .*'a'"),
        (lambda line: ",val," not in line, "no row of split val"),
    ],
)
def test_a_missing_class_is_found_before_anything_is_done(tiny, manifest, tmp_path, keep, message):
    header, *lines = manifest.read_text().splitlines()
    path = manifest.with_name("lacking.csv")
    path.write_text("\n".join([header, *filter(keep, lines)]))
    with pytest.raises(DataError, match=message):
        train(tiny("batch.blended={}", "batch.plain={a=4}"), path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_its_own_pictures_only(tiny, manifest, tmp_path):
    config, run = tiny(*BLIND), tmp_path / "run"
    train(config, manifest, run)
    other = manifest.with_name("other.csv")
    header, *lines = manifest.read_text().splitlines()
    other.write_text("\n".join([header, *reversed(lines)]))
    with pytest.raises(ConfigurationError, match="begun with another manifest"):
        train(config, other, run)
    assert train(config, manifest, run).exists()


def test_a_run_remembers_its_start_where_it_goes_on_without_naming_it(tiny, manifest, tmp_path):
    config, run = tiny(*BLIND), tmp_path / "run"
    start = train(config, manifest, tmp_path / "first")
    train(config, manifest, run, start=start)
    train(config, manifest, run)
    assert train(config, manifest, run, start=start).exists()


def test_a_start_that_is_no_file_is_refused_also_by_a_run_that_goes_on(
    run, tiny, manifest, tmp_path
):
    for folder in (tmp_path / "new", run):
        with pytest.raises(ConfigurationError, match=r"typo\.pt is no file; a run that goes on"):
            train(tiny(), manifest, folder, start=tmp_path / "typo.pt")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("batch.partners=1.0", "of no fake to train on is the original"),
        ('synthesised=["nobody"]', "synthesised names nobody; the manifest has the sources"),
    ],
)
def test_a_setting_that_would_do_nothing_is_an_error(tiny, manifest, tmp_path, setting, message):
    with pytest.raises(DataError, match=message):
        train(tiny(setting), manifest, tmp_path / "run")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_broke_is_named_without_a_stack_trace(tiny, drawn, tmp_path, workers):
    plan = {("a", split, label): 2 for split in ("train", "val") for label in ("real", "fake")}
    manifest = drawn(tmp_path, plan)
    config = tiny("batch.plain={a=4}", "batch.blended={}", f"workers={workers}")
    for broken in ("a-train-fake-1.png", "a-val-fake-1.png"):
        (tmp_path / broken).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    stage = module._StageTrainer(
        FusionNetwork(),
        config,
        config.stage1,
        0,
        module.TrainingDataset(module.read_rows(manifest, splits=("train",)), config, stage=0),
        [],
        tmp_path,
        None,
        (0, 1),
        None,
    )
    validation = module.read_rows(manifest, splits=("val",))
    for work in (lambda: list(stage._batches()), lambda: _predict(validation, config)):
        with pytest.raises(DataError, match=r"-fake-1\.png cannot be read") as error:
            work()
        assert "Traceback" not in str(error.value)
        # While the error is still held: a worker would keep open the pipes of other tests.
        assert multiprocessing.active_children() == []


def _predict(rows, config):
    return module.predict(FusionNetwork("frequency"), rows, config)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("best.pt", b"not a checkpoint", "damaged, or no checkpoint"),
        ("best.pt", b"", "damaged, or no checkpoint"),
        ("best.pt", None, "does not exist"),
        ("best.pt", {"weights": {}}, "it has no network"),
        ("best.pt", {"network": {"stem.weight": torch.zeros(2)}}, "another architecture"),
        ("best.pt", {"network": {"fc1.weight": torch.zeros(2, 2)}}, "another architecture"),
        ("trunk.safetensors", b"not safetensors", "no safetensors file"),
        ("trunk.safetensors", None, "no safetensors file"),
    ],
)
def test_a_start_of_another_kind_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ModelError, match=message) as error:
        load_start(FusionNetwork(), path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("weight",), "it lacks bias"),
        (("weight", "bias", "scale"), "it has scale, which this network does not know"),
        (("scale",), "it lacks weight, bias; it has scale, which this network does not know"),
    ],
)
def test_of_weights_of_other_names_both_sides_are_told(names, told, tmp_path):
    state = {name: torch.zeros(2, 4) if name == "weight" else torch.zeros(2) for name in names}
    with pytest.raises(ModelError) as error:
        fill(torch.nn.Linear(4, 2), state, tmp_path / "best.pt")
    assert str(error.value).endswith(f"best.pt is of another architecture: {told}")


def test_of_weights_of_other_shapes_the_first_is_told(tmp_path):
    state = {"weight": torch.zeros(3, 4), "bias": torch.zeros(3)}
    with pytest.raises(ModelError) as error:
        fill(torch.nn.Linear(4, 2), state, tmp_path / "best.pt")
    told = "best.pt is of another architecture: its weight is (3, 4) where this network has (2, 4)"
    assert str(error.value).endswith(told)


def test_a_checkpoint_on_the_way_is_no_trained_network(run):
    with pytest.raises(ModelError, match=r"the end of a run is its best\.pt"):
        load_network(run / "checkpoint.pt")


def test_a_training_goes_on_from_another_ones_best(run, manifest, tiny, tmp_path):
    network = FusionNetwork()
    load_start(network, run / "best.pt")
    config = tiny("stage1.epochs=0", "stage2.epochs=0")
    best = train(config, manifest, tmp_path, start=run / "best.pt")
    assert torch.equal(
        torch.load(best, weights_only=True)["network"]["fc1.weight"], network.fc1.weight
    )
    assert dataclasses.asdict(config) == load_network(best)[1]
