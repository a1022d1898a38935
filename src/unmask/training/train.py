"""The training loop: two stages, resumed where they were stopped, the best epoch kept."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as distributed
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from torch import Tensor, nn

from unmask.errors import ConfigurationError, DataError, UnmaskError
from unmask.files import replacing, sha256
from unmask.training.checkpoints import (
    load_network,
    load_start,
    network_of,
    read_checkpoint,
    require_checkpoint,
    write_checkpoint,
)
from unmask.training.config import Stage, TrainingConfig, restored
from unmask.training.dataset import (
    Batch,
    CropDataset,
    Row,
    TrainingDataset,
    loaded,
    read_rows,
)
from unmask.training.fusion import FAKE, REAL, FusionNetwork
from unmask.training.log import Log, Progress
from unmask.training.released import refit_batch_norm
from unmask.training.xception import Xception

__all__ = ["is_first_process", "load_network", "predict", "train"]

STAGES = ("stage1", "stage2")
CONFIG, INPUTS = "config.json", "inputs.json"
N_STATISTICS, N_FEATURE_STATISTICS = 1024, 256
"""Pictures that the constants of the spectrum, and the mean features, are taken from."""


def train(
    config: TrainingConfig,
    manifest: Path,
    run: Path,
    *,
    start: Path | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Train both stages; return the file of the best weights, `run/best.pt`.

    `start` is a safetensors file of the trunk (ImageNet), or a `best.pt` or an exported model to
    go on from. A run folder that holds a checkpoint is resumed. Under `torchrun` each process
    takes its share of every batch.

    Raises:
        DataError: the manifest lacks a class or a source that the configuration asks for.
        ConfigurationError: the run folder belongs to another configuration, manifest or start, or
            the start is no file.
        UnmaskError: the loss is no longer a number, or a checkpoint could not be written.
    """
    rank, world = _join_processes()
    rows = read_rows(manifest, splits=("train", "blend-source"))
    validation = _limited(read_rows(manifest, splits=("val",)), config)
    _check_validation(validation, manifest)
    datasets = [TrainingDataset(rows, config, stage=i) for i in range(len(STAGES))]
    if len(datasets[0]) < 2 * world:
        message = f"a batch of {len(datasets[0])} pictures is too small for {world} processes"
        raise ConfigurationError(f"{message}; each takes whole pairs of real and fake")
    inputs = {"manifest": sha256(manifest)}
    if start is not None:
        if not start.is_file():
            message = f"the start {start} is no file"
            raise ConfigurationError(f"{message}; a run that goes on needs none")
        inputs["start"] = sha256(start)
    _refuse_another(run, config, inputs)
    torch.manual_seed(config.seed)
    network = network_of(config)
    for stage in (config.stage1, config.stage2):
        if stage.epochs:
            _parameter_groups(network, stage)  # refuses parts that this trunk does not have
    network.to(_device(), memory_format=torch.channels_last)
    checkpoint = read_checkpoint(run / "checkpoint.pt")
    if checkpoint is None:
        if start is not None:
            load_start(network, start)
            if start.suffix == ".onnx" and isinstance(network.trunk, Xception):
                batches = _first(datasets[-1], N_FEATURE_STATISTICS, config.workers)
                refit_batch_norm(network, (batch.crops.to(_device()) for batch in batches))
        # Also for a network that goes on: its pictures may come in another size or mixture now.
        _fit_spectrum(network, datasets[0], config.workers, progress if rank == 0 else None)
    # Only now: what was refused until here may be put right without another folder.
    if rank == 0:
        _claim(run, config, inputs)
    _wait(world)
    locator = _locator(network, config)
    with Log(run, progress, is_writer=rank == 0, checkpoint=checkpoint) as log:
        for index, name in enumerate(STAGES):
            stage = getattr(config, name)
            if stage.epochs == 0 or (checkpoint is not None and checkpoint["stage"] > index):
                continue
            resumed = checkpoint if checkpoint and checkpoint["stage"] == index else None
            trainer = _StageTrainer(
                *(network, config, stage, index, datasets[index], validation, run, log),
                process=(rank, world),
                locator=locator,
            )
            begin = run / f"start-{name}.pt"
            if stage.soup and resumed is None and rank == 0:
                write_checkpoint(begin, {"network": network.state_dict()})
            trainer.run_to_the_end(resumed)
            # Whatever the last epoch was, the next stage and the export go on from the best.
            _wait(world)
            kept = require_checkpoint(run / f"best-{name}.pt")["network"]
            if stage.soup:
                kept = _mean([require_checkpoint(begin)["network"], kept, trainer.last()])
            network.load_state_dict(kept)
    end = run / "best.pt"
    if rank == 0:
        _fit_feature_mean(network, datasets[-1], config.workers)
        state = {"network": network.state_dict(), "config": dataclasses.asdict(config)}
        write_checkpoint(end, state)
    _wait(world)
    return end


class _StageTrainer:
    """One stage: its optimiser, its schedule, and the state that a checkpoint holds."""

    def __init__(
        self,
        network: FusionNetwork,
        config: TrainingConfig,
        stage: Stage,
        index: int,
        dataset: TrainingDataset,
        validation: Sequence[Row],
        run: Path,
        log: Log,
        process: tuple[int, int],
        locator: nn.Conv2d | None,
    ) -> None:
        self.network, self.config, self.stage, self.index = network, config, stage, index
        self.dataset, self.validation, self.run, self.log = dataset, validation, run, log
        self.rank, self.world = process
        self.steps_per_epoch = stage.steps_per_epoch or dataset.steps_per_epoch
        self.total_steps = stage.epochs * self.steps_per_epoch
        groups = _parameter_groups(network, stage)
        self.locator = locator
        groups[0]["params"] += self.locator.parameters() if self.locator else []
        self.optimizer = torch.optim.AdamW(
            groups, betas=(0.9, 0.999), eps=1e-7, weight_decay=stage.weight_decay
        )
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.trained = [p for group in groups for p in group["params"]]
        self.average = [p.detach().clone() for p in self.trained] if stage.average else []
        self.step, self.factor = 0, 1.0
        self.best_auc, self.best_loss = -1.0, math.inf
        self.epochs_since_auc, self.epochs_since_loss = 0, 0

    COUNTERS = (
        "step",
        "factor",
        "best_auc",
        "best_loss",
        "epochs_since_auc",
        "epochs_since_loss",
    )

    def run_to_the_end(self, checkpoint: dict[str, Any] | None) -> None:
        if checkpoint is not None:
            self._restore(checkpoint)
        started, first = time.monotonic(), self.step
        for batch in self._batches():
            losses = self._learn(batch)
            self.step += 1
            done = self.step - first
            left_s = (time.monotonic() - started) / done * (self.total_steps - self.step)
            self.log.step(
                stage=self.index + 1,
                step=self.step,
                total=self.total_steps,
                **losses,
                left_s=round(left_s),
            )
            at_epoch = self.step % self.steps_per_epoch == 0
            if at_epoch:
                self._end_epoch()
            if at_epoch or self.step % self.config.checkpoint_every == 0:
                self._save()
            if at_epoch and self.epochs_since_auc >= self.stage.stop_patience:
                break

    def _batches(self) -> Iterator[Batch]:
        # Pairs stay together: each process sees as many genuine pictures as fakes.
        places = [p for p in range(len(self.dataset)) if p // 2 % self.world == self.rank]
        if self.step and self.epochs_since_auc >= self.stage.stop_patience:
            return
        # One after the other: a list of those of a million steps would fill the memory.
        steps = range(self.step, self.total_steps)
        batches = ([(step, place) for place in places] for step in steps)
        yield from loaded(self.dataset, workers=self.config.workers, batch_sampler=batches)

    def _learn(self, batch: Batch) -> dict[str, float]:
        """One step; the losses it had before, by name."""
        self.network.train()
        for module in self.network.trunk.modules():
            # What is frozen keeps its statistics, also where the rest has live ones.
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        # Dropout depends on the step alone, so that a resumed run drops the same units.
        torch.manual_seed(hash((self.config.seed, self.index, self.step, self.rank)) % 2**63)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * self._rate()
        device = _device()
        # The mean over processes of a loss times this is the mean over the whole batch.
        share = self.world / len(self.dataset)
        with _autocast(self.config):
            crops = batch.crops.to(device, memory_format=torch.channels_last)
            spectra, labels = batch.spectra.to(device), batch.labels.to(device)
            if self.locator is None:
                logits, located = self.network(crops, spectra), None
            else:
                logits, maps = self.network.with_maps(crops, spectra)
                located = self.locator(maps).float()
            loss = share * F.cross_entropy(logits.float(), labels, reduction="sum")
            losses = {"loss": loss}
            if located is not None:
                losses["mask_loss"] = share * mask_loss(located, batch.masks.to(device))
                loss = loss + self.config.mask_loss * losses["mask_loss"]
        if not math.isfinite(total := float(loss.detach())):
            raise self._diverged(f"the loss is {total}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        _share_gradients(self.trained, self.world)
        nn.utils.clip_grad_norm_(self.trained, self.stage.clip_norm)
        self.optimizer.step()
        # A young average forgets its start faster.
        decay = min(self.stage.average, (1 + self.step) / (10 + self.step))
        for kept, parameter in zip(self.average, self.trained, strict=bool(self.average)):
            kept.lerp_(parameter.detach(), 1 - decay)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _diverged(self, what: str) -> UnmaskError:
        message = f"{what} at step {self.step} of {STAGES[self.index]}"
        return UnmaskError(f"{message}; begin a new run with a lower learning rate")

    def _rate(self) -> float:
        """What the learning rate is multiplied by at this step."""
        warmup = min(1.0, (self.step + 1) / max(1, self.stage.warmup_steps))
        if self.stage.schedule == "cosine":
            return warmup * 0.5 * (1 + math.cos(math.pi * self.step / self.total_steps))
        return warmup * (self.factor if self.stage.schedule == "plateau" else 1.0)

    def _end_epoch(self) -> None:
        with _Swapped(self.trained, self.average):
            logits, labels = predict(self.network, self.validation, self.config)
            logits = _of_the_first(logits, self.world)
            if not np.isfinite(logits).all():
                raise self._diverged("validation gives what is no number")
            scores = logits[:, FAKE] - logits[:, REAL]
            sources = np.array([row.source for row in self.validation])
            aucs = {
                str(source): _auc(scores[sources == source], labels[sources == source])
                for source in np.unique(sources)
            }
            auc = float(np.mean(list(aucs.values())))
            loss = float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))
            self.epochs_since_auc += 1
            if auc > self.best_auc:
                self.best_auc, self.epochs_since_auc = auc, 0
                if self.rank == 0:
                    state = {"network": self.network.state_dict()}
                    write_checkpoint(self.run / f"best-{STAGES[self.index]}.pt", state)
        self.epochs_since_loss += 1
        if loss < self.best_loss:
            self.best_loss, self.epochs_since_loss = loss, 0
        elif self.epochs_since_loss >= self.stage.plateau_patience:
            self.factor, self.epochs_since_loss = self.factor * 0.1, 0
        self.log.epoch(
            stage=self.index + 1,
            epoch=self.step // self.steps_per_epoch,
            step=self.step,
            val_loss=round(loss, 5),
            val_auc=round(auc, 5),
            val_auc_by_source={s: round(v, 5) for s, v in aucs.items()},
            rate=self._rate(),
        )

    def _save(self) -> None:
        if self.rank:
            return
        state = {
            "stage": self.index,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "locator": self.locator.state_dict() if self.locator else None,
            "counters": {name: getattr(self, name) for name in self.COUNTERS},
        }
        write_checkpoint(self.run / "checkpoint.pt", state)

    def last(self) -> dict[str, Tensor]:
        """The weights of the last step, or their average."""
        with _Swapped(self.trained, self.average):
            return {name: value.clone() for name, value in self.network.state_dict().items()}

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        self.network.load_state_dict(checkpoint["network"])
        if self.locator:
            self.locator.load_state_dict(checkpoint["locator"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        for kept, saved in zip(self.average, checkpoint["average"], strict=True):
            kept.copy_(saved)
        for name in self.COUNTERS:
            setattr(self, name, checkpoint["counters"][name])


class _Swapped:
    """Within it the parameters hold their average, where there is one."""

    def __init__(self, parameters: list[nn.Parameter], average: list[Tensor]) -> None:
        self.pairs = list(zip(parameters, average, strict=True)) if average else []

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for parameter, kept in self.pairs:
            parameter.data, kept.data = kept.data, parameter.data


def mask_loss(located: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of where a face was manipulated, summed over the pictures of a batch.

    `(N, 1, h, w)` logits against `(N, m, m)` masks; of each picture the mean over its places. A
    mask that is NaN, because nobody knows, adds nothing.
    """
    truth = F.adaptive_avg_pool2d(masks[:, None], located.shape[2:])
    known = ~truth.isnan()
    each = F.binary_cross_entropy_with_logits(located, truth.nan_to_num(), reduction="none")
    return (each * known).mean(dim=(1, 2, 3)).sum()


def _locator(network: FusionNetwork, config: TrainingConfig) -> nn.Conv2d | None:
    """What asks the last feature map where the face was manipulated; serving does without it.

    Like the auxiliary mask of Dang et al., On the detection of digital face manipulation, CVPR
    2020: to say where, the trunk has to see the traces themselves, not who or what is in the
    picture.
    """
    if not config.mask_loss:
        return None
    torch.manual_seed(config.seed)
    locator = nn.Conv2d(network.trunk.n_features, 1, 1)
    return locator.to(_device())


def predict(
    network: FusionNetwork, rows: Sequence[Row], config: TrainingConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`(N, 2)` logits and `(N,)` labels of rows as serving would cut them."""
    batches = loaded(CropDataset(rows, config), workers=config.workers, batch_size=32)
    network.eval()
    logits, labels = [], []
    with torch.inference_mode(), _autocast(config):
        for batch in batches:
            crops = batch.crops.to(_device(), memory_format=torch.channels_last)
            logits.append(network(crops, batch.spectra.to(_device())).float().cpu().numpy())
            labels.append(batch.labels.numpy())
    return np.concatenate(logits), np.concatenate(labels)


def _parameter_groups(network: FusionNetwork, stage: Stage) -> list[dict[str, Any]]:
    """The head, and the trunk from `stage.train_from` on; all else is frozen."""
    network.requires_grad_(False)
    parts = network.trunk.parts()
    names = list(parts)
    if stage.train_from is not None and stage.train_from not in names:
        message = f"train_from is {stage.train_from!r}; this trunk has {', '.join(names)}"
        raise ConfigurationError(message)
    first = names.index(stage.train_from) if stage.train_from else len(names)
    trunk = [p for name in names[first:] for m in parts[name] for p in m.parameters()]
    head = [p for module in network.head() for p in module.parameters()]
    for parameter in (*trunk, *head):
        parameter.requires_grad_(True)
    head_rate = stage.head_learning_rate or stage.learning_rate
    groups = [{"params": head, "lr": head_rate}, {"params": trunk, "lr": stage.learning_rate}]
    return [group for group in groups if group["params"]]


def _mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of networks, name by name; what is counted and not measured is the last one's."""
    return {
        name: torch.stack([state[name].to(value.device) for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in states[-1].items()
    }


def _fit_spectrum(
    network: FusionNetwork, dataset: TrainingDataset, workers: int, progress: Progress | None
) -> None:
    """The constants that standardise the spectrum: mean and deviation over training pictures."""
    parts: list[Tensor] = []
    for batch in _first(dataset, N_STATISTICS, workers):
        parts.append(batch.spectra)
        done = sum(map(len, parts))
        if progress is not None:
            progress({"event": "statistics", "step": done, "total": N_STATISTICS})
    vectors = torch.cat(parts)
    network.spectrum_mean.copy_(vectors.mean(dim=0))
    network.spectrum_std.copy_(vectors.std(dim=0) + 1e-3)


def _fit_feature_mean(network: FusionNetwork, dataset: TrainingDataset, workers: int) -> None:
    """What the trunk says on average: the picture's part of an answer is measured against it."""
    network.eval()
    with torch.inference_mode():
        batches = _first(dataset, N_FEATURE_STATISTICS, workers)
        pooled = [network.pooled(batch.crops.to(_device())).mean(dim=0) for batch in batches]
    network.feature_mean.copy_(torch.stack(pooled).mean(dim=0))


def _first(dataset: TrainingDataset, count: int, workers: int) -> Iterator[Batch]:
    """The first `count` training pictures."""
    places = [divmod(i, len(dataset)) for i in range(count)]
    return loaded(dataset, workers=workers, sampler=places, batch_size=32)


def _check_validation(rows: Sequence[Row], manifest: Path) -> None:
    """Each source must show both classes: the AUC that selects the weights is taken per source."""
    for source in sorted({row.source for row in rows}):
        for name in ("real", "fake"):
            if not any(row.source == source and row.is_fake == (name == "fake") for row in rows):
                raise DataError(f"{manifest}: split val has no {name} picture of source {source!r}")


def _limited(rows: Sequence[Row], config: TrainingConfig) -> list[Row]:
    """At most `validation_limit` rows of each source and class, evenly spread."""
    if not config.validation_limit:
        return list(rows)
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.source, row.is_fake), []).append(row)
    kept = []
    for group in groups.values():
        count = min(len(group), config.validation_limit)
        kept += [group[i * len(group) // count] for i in range(count)]
    return kept


def _auc(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The probability that a fake scores above a genuine picture, ties counting half."""
    fake, real = scores[labels == FAKE], np.sort(scores[labels == REAL])
    below = np.searchsorted(real, fake, "left") + np.searchsorted(real, fake, "right")
    return float(below.mean() / (2 * len(real)))


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _autocast(config: TrainingConfig) -> torch.autocast:
    is_wanted = config.precision == "bfloat16" or (config.precision == "auto" and _has_bfloat16())
    return torch.autocast(_device().type, torch.bfloat16, enabled=is_wanted)


def _has_bfloat16() -> bool:
    """Whether the device computes in bfloat16, and does not imitate it."""
    if _device().type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def _join_processes() -> tuple[int, int]:
    """Rank and number of processes: (0, 1) unless started by torchrun."""
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    if torch.cuda.is_available():  # each its own
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank(), distributed.get_world_size()


def is_first_process() -> bool:
    """Whether this process speaks for all: the only one, or the first of those of torchrun."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def _wait(world: int) -> None:
    """Until every process is here: what the first one writes, the others read."""
    if world > 1:
        distributed.barrier()


def _of_the_first(values: NDArray[np.float32], world: int) -> NDArray[np.float32]:
    """What the first process has, in all: rates and the end of a stage are then decided alike.

    Their own would differ where normalisation has the statistics of each one's share.
    """
    if world == 1:
        return values
    shared = torch.from_numpy(values).to(_device())
    distributed.broadcast(shared, 0)
    return shared.cpu().numpy()


def _share_gradients(parameters: Sequence[nn.Parameter], world: int) -> None:
    if world == 1:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= world


def _refuse_another(run: Path, config: TrainingConfig, inputs: Mapping[str, str]) -> None:
    """Refuse a run folder that another configuration, manifest or start began."""
    path = run / CONFIG
    try:
        # A run of an earlier version goes on: what it did not know yet has its default.
        is_same = not path.exists() or restored(json.loads(path.read_text())) == config
    except (ConfigurationError, json.JSONDecodeError):
        is_same = False
    if not is_same:
        message = f"{run} was begun with another configuration ({path})"
        raise ConfigurationError(f"{message}; choose a new folder, or the same configuration")
    path = run / INPUTS
    begun = json.loads(path.read_text()) if path.exists() else inputs
    if other := [name for name in inputs if inputs[name] != begun.get(name)]:
        message = f"{run} was begun with another {' and another '.join(other)}"
        raise ConfigurationError(f"{message}; choose a new folder, or the same files")


def _claim(run: Path, config: TrainingConfig, inputs: Mapping[str, str]) -> None:
    """Make the run folder, and say in it whose it is."""
    run.mkdir(parents=True, exist_ok=True)
    # What the run was begun with stays, also where it goes on without naming its start again.
    kept = json.loads((run / INPUTS).read_text()) if (run / INPUTS).exists() else {}
    for name, content in ((CONFIG, dataclasses.asdict(config)), (INPUTS, {**inputs, **kept})):
        with replacing(run / name) as temporary:
            temporary.write_text(json.dumps(content, indent=2))
