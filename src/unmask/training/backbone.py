"""Which trunk looks at the crop: Xception, or a convolutional network of timm by its name.

A trunk takes images `(N, 3, S, S)` in [-1, 1] and gives its last feature maps `(N, C, h, w)`, C
being `n_features`. The head pools them over h and w, whatever the trunk, so that Grad-CAM has its
closed form (see `fusion`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unmask.errors import ConfigurationError, MissingExtraError
from unmask.training.xception import Xception

__all__ = ["XCEPTIONS", "TimmTrunk", "is_backbone", "trunk_of"]

XCEPTIONS = ("xception", "xception-pytorch")
"""As Keras computes it, and as FaceForensics++, DeepfakeBench and timm do."""

TIMM = "timm:"


def is_backbone(name: str) -> bool:
    return name in XCEPTIONS or (name.startswith(TIMM) and name != TIMM)


def trunk_of(backbone: str, *, live_batch_norm: bool) -> Xception | TimmTrunk:
    """A new trunk.

    Raises:
        ConfigurationError: timm has no such network, or it gives no feature maps.
        MissingExtraError: timm is asked for and not installed.
    """
    if backbone.startswith(TIMM):
        return TimmTrunk(backbone.removeprefix(TIMM), live_batch_norm=live_batch_norm)
    is_port = backbone == "xception-pytorch"
    return Xception(live_batch_norm=live_batch_norm, pytorch_port=is_port)


class TimmTrunk(nn.Module):
    """A network of timm up to its last feature maps, with the normalisation it was trained with."""

    def __init__(self, name: str, *, live_batch_norm: bool = False) -> None:
        super().__init__()
        timm = _timm()
        if not timm.is_model(name):
            raise ConfigurationError(f"timm {timm.__version__} has no network {name!r}")
        self.live_batch_norm = live_batch_norm
        try:
            self.body = timm.create_model(name, features_only=True, out_indices=(-1,))
            self.n_features = self.body.feature_info.channels()[-1]
            with torch.inference_mode():
                shape = self.body.eval()(torch.zeros(1, 3, 64, 64))[-1].shape
        # A network that has no such maps fails each in its own way.
        except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise ConfigurationError(f"timm's {name} gives no feature maps: {error}") from error
        if len(shape) != 4 or shape[1] != self.n_features:
            message = f"timm's {name} gives {tuple(shape)} for a picture, expected feature maps"
            raise ConfigurationError(f"{message} (1, {self.n_features}, h, w)")
        told = timm.get_pretrained_cfg(name)
        centre, spread = (told.mean, told.std) if told else ((0.5,) * 3, (0.5,) * 3)
        self.normalisation = f"(x / 255 - {list(centre)}) / {list(spread)}"
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (centre, spread))
        # Of what arrives in [-1, 1]. Not weights: they follow from the name.
        self.register_buffer("scale", 0.5 / std, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / std, persistent=False)

    def train(self, mode: bool = True) -> TimmTrunk:
        super().train(mode)
        if not self.live_batch_norm:  # see `xception.FrozenBatchNorm2d`
            for module in self.body.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x * self.scale + self.shift)[-1]

    def parts(self) -> dict[str, list[nn.Module]]:
        """What can be trained or frozen as a whole, in the order of the data flow."""
        return {name: [child] for name, child in self.body.named_children() if _has_weights(child)}

    def renamed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of the weights of timm's whole network, those of this trunk, under its names."""
        given = {name.replace(".", "_"): value for name, value in state.items()}
        names = {name: name.replace(".", "_") for name in self.body.state_dict()}
        return {f"body.{name}": given[key] for name, key in names.items() if key in given}


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _timm() -> Any:
    try:
        import timm
    # RuntimeError: a torchvision that was built for another torch.
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(f"A timm backbone ({error})", "timm") from error
    return timm
