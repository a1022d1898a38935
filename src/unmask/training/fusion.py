"""The whole network: Xception beside the spectrum, fused by a small head, with Grad-CAM inside.

The graph that is trained is the graph that is served: uint8 crops in, normalisation inside.
"""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from unmask.training.backbone import trunk_of

__all__ = ["FAKE", "N_SPECTRUM", "REAL", "Branches", "Detection", "FusionNetwork", "Head"]

Branches = Literal["fusion", "spatial", "frequency"]
Head = Literal["mlp", "linear"]
HIDDEN: dict[Head, tuple[int, ...]] = {"mlp": (512, 256), "linear": ()}
"""The widths between the pooled features with the spectrum and the two logits."""

N_SPECTRUM = 512
REAL, FAKE = 0, 1
MAX_DEVIATIONS = 6.0
"""Standardised spectrum values are clipped here: an unusual codec may not outvote the picture."""


class Detection(NamedTuple):
    """What the exported graph returns, for N crops."""

    logits: Tensor
    """`(N, 2)`: real, fake."""
    cam: Tensor
    """`(N, h, w)`, S/32 each way for Xception: Grad-CAM for the FAKE logit before scaling."""
    ablated: Tensor
    """`(N, 2)`: fake-minus-real logit without the spatial, and without the frequency branch."""


class FusionNetwork(nn.Module):
    """The specification's head, 2560 -> 512 -> 256 -> 2, over pooled features and spectrum.

    `backbone` names another trunk (see `backbone`); `head` may be a single layer, `linear`.
    A branch that is switched off, or ablated, is held at its mean over genuine and fake training
    faces: `spectrum_mean` (with unit deviation this is zero after standardising) and
    `feature_mean`.
    """

    def __init__(
        self,
        branches: Branches = "fusion",
        *,
        backbone: str = "xception",
        head: Head = "mlp",
        live_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.branches = branches
        self.trunk = trunk_of(backbone, live_batch_norm=live_batch_norm)
        widths = (self.trunk.n_features + N_SPECTRUM, *HIDDEN[head], 2)
        self.n_layers = len(widths) - 1
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
            self.add_module(f"fc{i}", nn.Linear(inputs, outputs))
        self.drop1, self.drop2 = nn.Dropout(0.5), nn.Dropout(0.3)
        self.register_buffer("spectrum_mean", torch.zeros(N_SPECTRUM))
        self.register_buffer("spectrum_std", torch.ones(N_SPECTRUM))
        self.register_buffer("feature_mean", torch.zeros(self.trunk.n_features))

    def forward(self, crops: Tensor, spectra: Tensor) -> Tensor:
        """`(N, 3, S, S)` uint8 RGB and `(N, 512)` float32 -> `(N, 2)` logits."""
        return self.classify(self.pooled(crops), self.standardised(spectra))

    def with_maps(self, crops: Tensor, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and the `(N, 2048, h, w)` feature maps they were pooled from."""
        maps = self.feature_maps(crops)
        pooled = maps.float().mean(dim=(2, 3))
        return self.classify(pooled, self.standardised(spectra)), maps

    def detect(self, crops: Tensor, spectra: Tensor) -> Detection:
        """Logits, Grad-CAM and branch ablations; the graph that is exported, dropout off.

        Between the last feature map A and the logit there are only global pooling and piecewise
        linear layers, so d(logit)/dA is exact in closed form (Selvaraju et al. 2017, equations
        1 and 2): the product of the layers' weights, with the rows of inactive units at zero.
        """
        maps = self.feature_maps(crops)
        pooled, spectrum = maps.mean(dim=(2, 3)), self.standardised(spectra)
        *hidden, last = self.head()
        x, active = torch.cat([pooled, spectrum], dim=1), []
        for layer in hidden:
            x = layer(x)
            active.append(x > 0)
            x = x.relu()
        logits = last(x)
        slope = last.weight[FAKE][None]
        for layer, is_active in zip(reversed(hidden), reversed(active), strict=True):
            slope = (slope * is_active) @ layer.weight
        weights = slope[:, : self.trunk.n_features] / (maps.shape[2] * maps.shape[3])
        cam = (weights[:, :, None, None] * maps).sum(dim=1).relu()
        without_spatial = self.classify(self.feature_mean.expand_as(pooled), spectrum)
        without_frequency = self.classify(pooled, torch.zeros_like(spectrum))
        ablated = torch.stack([_margin(without_spatial), _margin(without_frequency)], dim=1)
        return Detection(logits, cam, ablated)

    def classify(self, pooled: Tensor, spectrum: Tensor) -> Tensor:
        """`(N, 2048)` pooled features and `(N, 512)` standardised spectrum -> `(N, 2)` logits."""
        x = torch.cat([pooled, spectrum], dim=1)
        *hidden, last = self.head()
        for layer, drop in zip(hidden, (self.drop1, self.drop2), strict=bool(hidden)):
            x = drop(layer(x).relu())
        return last(x)

    def feature_maps(self, crops: Tensor) -> Tensor:
        maps = self.trunk(crops.float() / 127.5 - 1.0)
        return maps if self.branches != "frequency" else maps * 0.0

    def pooled(self, crops: Tensor) -> Tensor:
        if self.branches == "frequency":  # the trunk would only cost time
            return crops.new_zeros((len(crops), self.trunk.n_features), dtype=torch.float32)
        return self.feature_maps(crops).float().mean(dim=(2, 3))

    def standardised(self, spectra: Tensor) -> Tensor:
        if self.branches == "spatial":
            return torch.zeros_like(spectra)
        standard = (spectra - self.spectrum_mean) / self.spectrum_std
        return standard.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)

    def head(self) -> list[nn.Module]:
        return [self.get_submodule(f"fc{i}") for i in range(1, self.n_layers + 1)]


def _margin(logits: Tensor) -> Tensor:
    return logits[:, FAKE] - logits[:, REAL]
