"""Training configuration: frozen dataclasses, overlaid by a TOML file, overlaid by `--set`."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from unmask.errors import ConfigurationError
from unmask.training.augment import Augmentation
from unmask.training.backbone import XCEPTIONS, is_backbone
from unmask.training.fusion import Branches, Head
from unmask.training.ranges import Count, NotNegative, Positive, PositiveCount, Range, Share
from unmask.training.xception import BLOCKS

__all__ = ["BatchMix", "Stage", "TrainingConfig", "load_config", "restored"]


@dataclass(frozen=True)
class BatchMix:
    """How many pictures of each source a batch holds; every share is half real, half fake.

    `plain` draws genuine and manipulated pictures as the manifest labels them; `blended` draws
    genuine pictures, each beside a fake made from it on the fly.
    """

    plain: dict[str, int] = field(default_factory=lambda: {"*": 32})
    blended: dict[str, int] = field(default_factory=dict)
    cross_blend: Share = 0.25
    """Share of the blends that mix two people instead of one with itself."""
    partners: Share = 0.0
    """Share of the plain fakes that have their own original beside them, cut and degraded alike:
    then neither the person nor the scene tells."""
    partial: Share = 0.0
    """Share of those of which only a part of the face is laid over the original."""

    @property
    def size(self) -> int:
        return sum(self.plain.values()) + sum(self.blended.values())


@dataclass(frozen=True)
class Stage:
    """One stage of training. The defaults are those the two stages of the specification share."""

    epochs: Count = 15
    steps_per_epoch: Count = 0
    """0: as many as it takes to see each plain picture once."""
    train_from: str | None = None
    """The lowest part of the trunk that learns (`stem`, `block1` ... `exit`); None: head only.
    A timm network has parts of its own, such as `layer3`."""
    learning_rate: Positive = 1e-3
    head_learning_rate: NotNegative = 0.0
    """0: the same as the trunk's."""
    weight_decay: NotNegative = 1e-4
    schedule: Literal["plateau", "cosine", "constant"] = "plateau"
    warmup_steps: Count = 0
    clip_norm: Positive = 5.0
    """Largest norm of the gradient: one odd batch must not undo the ImageNet features."""
    plateau_patience: PositiveCount = 5
    stop_patience: PositiveCount = 10
    average: Annotated[float, Range(0, 0.999999)] = 0.0
    """Decay of an exponential moving average of the weights, which is what is kept; 0: none."""
    soup: bool = False
    """End with the mean of the weights the stage began with, its best epoch's and its last ones,
    not with the best alone (Wortsman et al., Model soups, ICML 2022; Robust fine-tuning, 2022).
    """


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the outcome of a training, with the specification's values."""

    name: str = "unmask"
    version: str = "0.1.0"
    seed: Count = 1
    branches: Branches = "fusion"
    backbone: str = "xception"
    """`xception` as Keras computes it, `xception-pytorch` as FaceForensics++ and timm do, or
    `timm:NAME`, any convolutional network of timm."""
    head: Head = "mlp"
    """`mlp` is the specification's; `linear` is one layer, as most published detectors have."""
    input_size: Annotated[int, Range(64)] = 224
    crop_margin: Positive = 1.0
    spectrum: Literal["crop", "native"] = "crop"
    """What the spectrum describes: the scaled crop, or the picture's own pixels in its middle."""
    imported: str = ""
    """Where the weights come from, in words, if they were not trained here."""
    live_batch_norm: bool = False
    batch: BatchMix = field(default_factory=BatchMix)
    augmentation: Augmentation = field(default_factory=Augmentation)
    stage1: Stage = field(default_factory=Stage)
    stage2: Stage = field(
        default_factory=lambda: Stage(epochs=35, train_from="block9", learning_rate=1e-4)
    )
    """`block9` here is Keras' block 10: the last three middle blocks and the exit flow learn."""
    mask_loss: NotNegative = 0.0
    """Weight of a second loss, on where the face was manipulated (see `masks`); 0: none."""
    synthesised: list[str] = field(default_factory=list)
    """Sources whose fakes were made whole, by a generator: manipulated everywhere."""
    validation_limit: Count = 0
    """Most pictures of each class and source that validate an epoch; 0: all."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """Of the passes through the network. `auto` is bfloat16 where the processor computes in it;
    one that has to imitate it takes many times as long as in float32."""
    workers: Count = 2
    checkpoint_every: PositiveCount = 50

    def __post_init__(self) -> None:
        if not (self.batch.plain or self.batch.blended):
            raise ConfigurationError("batch: neither plain nor blended pictures are asked for")
        for name, stage in (("stage1", self.stage1), ("stage2", self.stage2)):
            is_known = self.backbone not in XCEPTIONS or stage.train_from in BLOCKS
            if stage.train_from is not None and not is_known:
                message = f"{name}.train_from is {stage.train_from!r}; it is one of {BLOCKS}"
                raise ConfigurationError(message)
            if stage.epochs and not (stage.steps_per_epoch or self.batch.plain):
                message = f"without plain pictures {name} needs steps_per_epoch"
                raise ConfigurationError(message)
        for source, count in (*self.batch.plain.items(), *self.batch.blended.items()):
            if count <= 0 or count % 2:
                message = f"batch: {source!r} has {count} pictures; an even number is needed"
                raise ConfigurationError(message)
        if not is_backbone(self.backbone):
            message = f"backbone is {self.backbone!r}; it is {' or '.join(XCEPTIONS)} or timm:NAME"
            raise ConfigurationError(message)
        if self.mask_loss and self.branches == "frequency":
            raise ConfigurationError("mask_loss asks the spatial branch; it is 0 without one")


def load_config(path: Path | None = None, overrides: tuple[str, ...] = ()) -> TrainingConfig:
    """Defaults, then the file, then `key.key=value` overrides.

    Raises:
        ConfigurationError: an unknown key, a value of a wrong type or out of its range; the message
            names it.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{path} is not UTF-8 text, so no TOML file") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigurationError(f"--set {override!r}: expected key=value")
        branch = tree
        *parents, leaf = key.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfigurationError(f"--set {override!r}: {parent!r} is a value, not a table")
        branch[leaf] = _parse(text)
    return _overlaid(TrainingConfig(), tree, "")


ADDED_LATER: dict[str, Any] = {"augmentation": {"tone": 0.0, "sharpen": 0.0, "smooth": 0.0}}
"""Settings whose default is not what a run did that was begun before there were such."""


def restored(saved: Mapping[str, Any]) -> TrainingConfig:
    """The configuration saved with a run; what it did not know yet it did not do.

    Raises:
        ConfigurationError: it has a key that is not known here.
    """
    return _overlaid(_overlaid(TrainingConfig(), ADDED_LATER, ""), dict(saved), "")


def _parse(text: str) -> Any:
    """A TOML value; what is none is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


Config = TypeVar("Config")


def _overlaid(default: Config, tree: dict[str, Any], prefix: str) -> Config:
    hints = typing.get_type_hints(type(default), include_extras=True)
    changes = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if key not in hints:
            known = ", ".join(sorted(hints))
            raise ConfigurationError(f"unknown configuration key {name!r}; known here: {known}")
        current = getattr(default, key)
        if dataclasses.is_dataclass(current) and isinstance(value, dict):
            changes[key] = _overlaid(current, value, f"{name}.")
        else:
            changes[key] = _checked(value, hints[key], name)
    return dataclasses.replace(default, **changes)  # type: ignore[type-var]


def _checked(value: Any, hint: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        number, allowed = _checked(value, arguments[0], name), arguments[1]
        if number not in allowed:
            raise ConfigurationError(f"{name} = {value!r}: expected a number {allowed}")
        return number
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is Literal:
        fits = value in arguments
    elif origin is types.UnionType:
        fits = any(isinstance(value, a) for a in arguments)
    elif origin is list:
        fits = isinstance(value, list) and all(isinstance(v, arguments) for v in value)
    elif origin is dict:
        fits = isinstance(value, dict) and all(isinstance(v, arguments[1]) for v in value.values())
    else:
        fits = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    if not fits:
        expected = hint.__name__ if isinstance(hint, type) else str(hint)
        raise ConfigurationError(f"{name} = {value!r}: expected {expected}")
    return value
