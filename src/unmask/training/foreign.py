"""Other people's Xception detectors -> a checkpoint that `unmask export` makes a model of.

FaceForensics++, DeepfakeBench and timm have the network under the same parameter names, before
which the first two put `model.` and `backbone.`, and call its last layer `last_linear` or `fc`.
All three give it pictures as (x / 255 - 0.5) / 0.5, which is x / 127.5 - 1.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from unmask.errors import ConfigurationError, ModelError
from unmask.training.checkpoints import fill, network_of, write_checkpoint
from unmask.training.config import Stage, TrainingConfig
from unmask.training.fusion import N_SPECTRUM

__all__ = ["import_xception"]

PREFIXES = ("module.", "model.", "backbone.")
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under which of its keys a checkpoint may have the weights."""

HEADS = ("last_linear.1", "last_linear", "fc")
UNUSED = "adjust_channel."
"""A layer that DeepfakeBench has beside the network and its Xception detector never asks."""


def import_xception(
    source: Path,
    target: Path,
    *,
    name: str,
    input_size: int = 299,
    crop_margin: float = 1.3,
    fake_class: int = 1,
) -> TrainingConfig:
    """Write `target`, like the `best.pt` of a run, and return its configuration.

    It is the same function of the pixels as in its own project, with the spectrum switched off.
    `input_size` and `crop_margin` are those it was trained with; `fake_class` is the number of its
    output for fakes, 1 in FaceForensics++ and DeepfakeBench. There are no pictures here to take
    the mean features from, so the picture's part of an answer is measured against none at all.

    Raises:
        ModelError: no file of weights, weights of another network, or not of two classes.
        ConfigurationError: there is no such class.
    """
    if fake_class not in (0, 1):
        raise ConfigurationError(f"the class of fakes is 0 or 1, not {fake_class}")
    state, digest = _read(source)
    if not state:
        raise ModelError(f"{source} holds no weights; expected the state_dict of an Xception")
    state = {_bare(key): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not key.startswith(UNUSED)}
    weight, bias = _take_head(state, source)
    if tuple(weight.shape) != (2, 2048) or tuple(bias.shape) != (2,):
        message = f"{source} ends in {tuple(weight.shape)} weights, expected (2, 2048)"
        raise ModelError(f"{message}: a detector with one output for real and one for fake")
    order = "0 real, 1 fake" if fake_class else "0 fake, 1 real"
    config = TrainingConfig(
        name=name,
        branches="spatial",
        backbone="xception-pytorch",
        head="linear",
        input_size=input_size,
        crop_margin=crop_margin,
        stage1=Stage(epochs=0),
        stage2=Stage(epochs=0),
        imported=f"{source.name}, SHA-256 {digest}; its classes are {order}; it takes pictures "
        f"of {input_size} px as (x / 255 - 0.5) / 0.5, which is x / 127.5 - 1",
    )
    network = network_of(config)
    fill(network.trunk, state, source)
    rows = [0, 1] if fake_class else [1, 0]
    with torch.no_grad():
        network.fc1.weight.copy_(torch.cat([weight[rows], torch.zeros(2, N_SPECTRUM)], dim=1))
        network.fc1.bias.copy_(bias[rows])
    target.parent.mkdir(parents=True, exist_ok=True)
    state = {"network": network.state_dict(), "config": dataclasses.asdict(config)}
    write_checkpoint(target, state)
    return config


def _read(source: Path) -> tuple[dict[str, Tensor], str]:
    """The weights of a file, and its SHA-256."""
    try:
        data = source.read_bytes()
    except OSError as error:
        raise ModelError(f"{source} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    try:
        if source.suffix == ".safetensors":
            state = load(data)
        else:
            state = torch.load(source, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        message = f"{source} is no file of weights alone, and loading any other could run its code"
        raise ModelError(f"{message}; where it was made, save model.state_dict()") from error
    # What torch raises depends on which byte is wrong.
    except Exception as error:
        raise ModelError(f"{source} is no file of weights: {error}") from error
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    weights = state.items() if isinstance(state, dict) else ()
    return {name: v.float() for name, v in weights if isinstance(v, Tensor)}, digest


def _bare(name: str) -> str:
    while prefix := next((p for p in PREFIXES if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    return name


def _take_head(state: dict[str, Tensor], source: Path) -> tuple[Tensor, Tensor]:
    """Take the last layer's weight and bias out of the weights."""
    for head in HEADS:
        if f"{head}.weight" in state and f"{head}.bias" in state:
            return state.pop(f"{head}.weight"), state.pop(f"{head}.bias")
    message = f"{source} has no last layer under {', '.join(HEADS)}"
    raise ModelError(f"{message}; it has {sorted(state)[:3]}, …")
