"""Weights on disk: written whole or not at all, and refused where they do not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.errors import ModelError, UnmaskError
from unmask.files import replacing
from unmask.training.backbone import TimmTrunk
from unmask.training.config import TrainingConfig, restored
from unmask.training.fusion import FusionNetwork
from unmask.training.released import read_released

__all__ = [
    "fill",
    "load_network",
    "load_start",
    "network_of",
    "read_checkpoint",
    "require_checkpoint",
    "write_checkpoint",
]


def network_of(config: TrainingConfig) -> FusionNetwork:
    """A new network as the configuration describes it."""
    return FusionNetwork(
        config.branches,
        backbone=config.backbone,
        head=config.head,
        live_batch_norm=config.live_batch_norm,
    )


def load_network(path: Path) -> tuple[FusionNetwork, dict[str, Any]]:
    """A trained network and its configuration, from `best.pt`.

    Raises:
        ModelError: damaged, of another architecture, or not the end of a run.
    """
    state = require_checkpoint(path)
    if "config" not in state:
        raise ModelError(f"{path} is a checkpoint on the way; the end of a run is its best.pt")
    config = restored(state["config"])
    network = network_of(config)
    fill(network, state["network"], path)
    return network.eval(), dataclasses.asdict(config)


def load_start(network: FusionNetwork, path: Path) -> None:
    """Load a trunk (`.safetensors`, under timm's names) or a whole network (`.pt`, `.onnx`).

    Raises:
        ModelError: the file is of another architecture.
    """
    if path.suffix == ".pt":
        fill(network, require_checkpoint(path)["network"], path)
        return
    if path.suffix == ".onnx":
        fill(network, read_released(network, path), path)
        return
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is no safetensors file: {error}") from error
    state = {name: value.float() for name, value in state.items()}
    if isinstance(network.trunk, TimmTrunk):
        state = network.trunk.renamed(state)
    fill(network.trunk, state, path)


def fill(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load weights that must fit in every name and shape.

    Raises:
        ModelError: they do not; the message has the first names that are missing, unknown, or of
            another shape.
    """
    own = module.state_dict()
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unknown = [n for n in state if n not in own]
    if missing or unknown:
        lacks = f"it lacks {', '.join(missing[:3])}" if missing else ""
        has = f"it has {', '.join(unknown[:3])}, which this network does not know"
        told = "; ".join(filter(None, [lacks, has if unknown else ""]))
        raise ModelError(f"{path} is of another architecture: {told}")
    for name, value in state.items():
        # torch would tell of every one of hundreds.
        if value.shape != own[name].shape:
            shapes = f"{tuple(value.shape)} where this network has {tuple(own[name].shape)}"
            raise ModelError(f"{path} is of another architecture: its {name} is {shapes}")
    module.load_state_dict(state, strict=False)


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write whole or not at all: a full disk leaves the previous file as it was.

    Raises:
        UnmaskError: it could not be written.
    """
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except RuntimeError as error:  # what torch makes of a full disk
        message = f"{path} could not be written ({error}); what was there is unharmed"
        raise UnmaskError(f"{message}: free some space, and start again") from error


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `write_checkpoint` wrote, None where there is no such file.

    Raises:
        ModelError: the file is something else.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    # What torch raises depends on which byte is wrong.
    except Exception as error:
        raise ModelError(f"{path} is damaged, or no checkpoint: {error}") from error
    if not isinstance(state, dict) or not isinstance(state.get("network"), dict):
        raise ModelError(f"{path} is no checkpoint of unmask train: it has no network")
    return state


def require_checkpoint(path: Path) -> dict[str, Any]:
    """What `read_checkpoint` reads.

    Raises:
        ModelError: there is no such file, or it is something else.
    """
    state = read_checkpoint(path)
    if state is None:
        raise ModelError(f"{path} does not exist")
    return state
