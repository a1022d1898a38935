"""A released ONNX model -> the network it was exported from, to learn on where others stopped.

Export folds each constant normalisation into the convolution before it. The weights come back
under their names; what was folded comes back as a normalisation that only adds its bias, and
`refit_batch_norm` gives it statistics again, so that it can also learn with live ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from unmask.errors import ModelError
from unmask.training.fusion import FusionNetwork
from unmask.training.xception import Xception, pairs

__all__ = ["read_released", "refit_batch_norm"]

PREFIX, HALF = "network.", ".float16"
"""What export puts before and behind the names of weights."""


def read_released(network: FusionNetwork, path: Path) -> dict[str, Tensor]:
    """The state of `network` that computes what a file of `unmask export` computes.

    Raises:
        ModelError: the file is no ONNX model, or one of a timm network or in 8 bits.
    """
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path} is no ONNX model: {error}") from error
    state = {
        tensor.name.removeprefix(PREFIX).removesuffix(HALF): torch.from_numpy(
            numpy_helper.to_array(tensor).copy()
        ).float()
        for tensor in graph.initializer
        if tensor.name.startswith(PREFIX)
    }
    # Of weights that are equal, as biases of layers that never learned, the file has one.
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0].startswith(PREFIX):
            copied, name = (end[0].removeprefix(PREFIX) for end in (node.input, node.output))
            state[name] = state[copied]
    # A graph without the spectrum has no constants of it; training fits them anew in any case.
    constants = ("spectrum_mean", "spectrum_std")
    state = {n: v for n, v in network.state_dict().items() if n in constants} | state
    if not isinstance(network.trunk, Xception):
        raise ModelError(f"{path}: an exported timm network is folded; go on from its best.pt")
    for conv, norm in pairs(network.trunk):
        if (bias := state.pop(f"trunk.{conv}.bias", None)) is None:
            message = f"{path} has no bias of {conv}: it is of another architecture, or in 8 bits"
            raise ModelError(f"{message}; go on from an export with --precision fp32")
        eps = network.trunk.get_submodule(norm).eps
        state |= {
            f"trunk.{norm}.bias": bias,
            f"trunk.{norm}.weight": torch.ones_like(bias),
            f"trunk.{norm}.running_mean": torch.zeros_like(bias),
            f"trunk.{norm}.running_var": torch.full_like(bias, 1 - eps),
        }
    return state


def refit_batch_norm(network: FusionNetwork, batches: Iterable[Tensor]) -> None:
    """Give each normalisation the statistics of what it sees in `batches` of crops.

    What the network computes stays the same; scale and shift make up for the statistics. Filters
    get unit norm, which their normalisation hides, so that one learning rate suits all.
    """
    trunk = network.trunk
    assert isinstance(trunk, Xception)
    watched = {}
    for conv, norm in pairs(trunk):
        watched[conv, norm] = watch = _Watch(trunk.get_submodule(norm))
        trunk.set_submodule(norm, watch)
    network.eval()
    for watch in watched.values():
        watch.train()  # `xception.normed` leaves no activation to see otherwise
    with torch.inference_mode():
        for crops in batches:
            network.feature_maps(crops)
    for (conv, norm), watch in watched.items():
        trunk.set_submodule(norm, watch.norm)
        _refit(trunk.get_submodule(conv), watch)


class _Watch(nn.Module):
    """A constant normalisation that sums up what passes through it."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm = norm
        self.count, self.sum, self.squares = 0, torch.zeros(()), torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.count += x.numel() // x.shape[1]
        self.sum = self.sum + x.double().sum(dim=(0, 2, 3))
        self.squares = self.squares + x.double().square().sum(dim=(0, 2, 3))
        n = self.norm
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, eps=n.eps)


def _refit(conv: nn.Module, watch: _Watch) -> None:
    norm = watch.norm
    with torch.no_grad():
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        mean = watch.sum / watch.count
        variance = (watch.squares / watch.count - mean.square()).clamp(min=0)
        length = conv.weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        conv.weight /= length[:, None, None, None]
        norm.running_mean.copy_(mean / length)
        norm.running_var.copy_(variance / length.square())
        norm.weight.copy_(scale * length * torch.sqrt(norm.running_var + norm.eps))
        norm.bias.copy_(shift + scale * mean)
