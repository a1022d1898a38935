"""Xception (Chollet 2017, arXiv:1610.02357, figure 5), under the parameter names that timm,
FaceForensics++ and DeepfakeBench use: 36 convolutional layers in 12 blocks with shortcuts.

At 224 px the stages are 111x111x32, 109x109x64, 55x55x128, 28x28x256, 14x14x728 (blocks 3 to 11),
7x7x1024, 7x7x2048.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

__all__ = ["BLOCKS", "FEATURES", "Xception", "fold", "pairs"]

FEATURES = 2048
BLOCKS = ("stem", *(f"block{i}" for i in range(1, 13)), "exit")
"""The parts that can be trained or frozen as a whole, in the order of the data flow."""

BATCH_NORM_EPS = 1e-3  # Keras' value, which the ImageNet weights were trained with.
PORT_EPS = 1e-5  # PyTorch's own, which its port of the network has everywhere


class SeparableConv2d(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 convolution across channels; no bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.conv1(x))


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that always uses its stored statistics, also while it is trained.

    Scale and shift still learn. Fine-tuning on the statistics of small, class-balanced batches
    of one domain harms the others, so inference mode is the default (see docs/training.md).
    """

    def train(self, mode: bool = True) -> FrozenBatchNorm2d:  # noqa: ARG002
        super().train(False)
        return self


def normed(conv: nn.Module, norm: nn.Module, x: Tensor) -> Tensor:
    """`norm(conv(x))`, in one convolution where the normalisation is a constant affine.

    The product of weights and scale is differentiable, so nothing changes but the time: the
    passes over the large activations are spared.
    """
    if norm.training or isinstance(norm, nn.Identity):  # live, or folded into the weights
        return norm(conv(x))
    last = conv.pointwise if isinstance(conv, SeparableConv2d) else conv
    if isinstance(conv, SeparableConv2d):
        x = conv.conv1(x)
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = last.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return F.conv2d(x, weight, bias, last.stride, last.padding)


def pairs(trunk: Xception) -> Iterator[tuple[str, str]]:
    """The names of each convolution and of the normalisation after it."""
    for path, owner in trunk.named_modules():
        prefix = f"{path}." if path else ""
        names = [name for name, _ in owner.named_children()]
        if isinstance(owner, nn.Sequential):
            for name, child in owner.named_children():
                if isinstance(child, SeparableConv2d):
                    yield f"{prefix}{name}.pointwise", f"{prefix}{int(name) + 1}"
        else:
            for name in names:
                if name in NORMS and NORMS[name] in names:
                    is_parted = isinstance(owner.get_submodule(name), SeparableConv2d)
                    last = f"{name}.pointwise" if is_parted else name
                    yield f"{prefix}{last}", f"{prefix}{NORMS[name]}"


NORMS = {f"conv{i}": f"bn{i}" for i in range(1, 5)} | {"skip": "skipbn"}


def fold(trunk: Xception) -> None:
    """Make each constant normalisation part of the convolution before it, for good."""
    for conv_name, norm_name in list(pairs(trunk)):
        conv, norm = trunk.get_submodule(conv_name), trunk.get_submodule(norm_name)
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        conv.weight = nn.Parameter((conv.weight * scale[:, None, None, None]).detach())
        conv.bias = nn.Parameter((norm.bias - norm.running_mean * scale).detach())
        trunk.set_submodule(norm_name, nn.Identity())


def same_max_pool(x: Tensor) -> Tensor:
    """3x3 max-pooling of stride 2 as TensorFlow pads it: an odd pixel goes right and below."""
    before = [1 if size % 2 else 0 for size in (x.shape[3], x.shape[2])]
    return F.max_pool2d(F.pad(x, (before[0], 1, before[1], 1), value=float("-inf")), 3, 2)


def even_max_pool(x: Tensor) -> Tensor:
    """3x3 max-pooling of stride 2 as PyTorch's port of the network pads it: on all sides."""
    return F.max_pool2d(x, 3, 2, 1)


class Block(nn.Module):
    """Two or three separable convolutions beside a shortcut; `pool`, if any, halves the size."""

    def __init__(
        self,
        widths: tuple[int, ...],
        norm: Callable[[int], nn.BatchNorm2d],
        *,
        pool: Callable[[Tensor], Tensor] | None = None,
        relu_first: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            if i or relu_first:
                layers.append(nn.ReLU())
            layers += [SeparableConv2d(inputs, outputs), norm(outputs)]
        self.rep = nn.Sequential(*layers)
        self.pool = pool
        if pool is not None:
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, stride=2, bias=False)
            self.skipbn = norm(widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i, layer in enumerate(self.rep):
            if isinstance(layer, SeparableConv2d):
                out = normed(layer, self.rep[i + 1], out)
            elif isinstance(layer, nn.ReLU):
                out = layer(out)
        if self.pool is None:
            return out + x
        return self.pool(out) + normed(self.skip, self.skipbn, x)


class Xception(nn.Module):
    """Images `(N, 3, S, S)` in [-1, 1] -> feature maps `(N, 2048, S/32, S/32)`, after the ReLU.

    With `live_batch_norm` the normalisation uses and updates batch statistics while training.
    `pytorch_port` is the network as it was ported to PyTorch, which timm, FaceForensics++ and
    DeepfakeBench use: it pads its pooling evenly and has another epsilon, so weights trained with
    one answer slightly otherwise in the other.
    """

    n_features = FEATURES
    normalisation = "x / 127.5 - 1"

    def __init__(self, *, live_batch_norm: bool = False, pytorch_port: bool = False) -> None:
        super().__init__()
        kind = nn.BatchNorm2d if live_batch_norm else FrozenBatchNorm2d
        norm = partial(kind, eps=PORT_EPS if pytorch_port else BATCH_NORM_EPS)
        pool = even_max_pool if pytorch_port else same_max_pool
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.bn1 = norm(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = norm(64)
        self.block1 = Block((64, 128, 128), norm, pool=pool, relu_first=False)
        self.block2 = Block((128, 256, 256), norm, pool=pool)
        self.block3 = Block((256, 728, 728), norm, pool=pool)
        for i in range(4, 12):
            self.add_module(f"block{i}", Block((728, 728, 728, 728), norm))
        self.block12 = Block((728, 728, 1024), norm, pool=pool)
        self.conv3 = SeparableConv2d(1024, 1536)
        self.bn3 = norm(1536)
        self.conv4 = SeparableConv2d(1536, FEATURES)
        self.bn4 = norm(FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(normed(self.conv1, self.bn1, x))
        x = F.relu(normed(self.conv2, self.bn2, x))
        for i in range(1, 13):
            x = self.get_submodule(f"block{i}")(x)
        x = F.relu(normed(self.conv3, self.bn3, x))
        return F.relu(normed(self.conv4, self.bn4, x))

    def parts(self) -> dict[str, list[nn.Module]]:
        """The modules of each of `BLOCKS`."""
        parts = {f"block{i}": [self.get_submodule(f"block{i}")] for i in range(1, 13)}
        parts["stem"] = [self.conv1, self.bn1, self.conv2, self.bn2]
        parts["exit"] = [self.conv3, self.bn3, self.conv4, self.bn4]
        return {name: parts[name] for name in BLOCKS}
