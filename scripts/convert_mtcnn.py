"""facenet-pytorch's MTCNN weights (MIT) -> the three ONNX files of `unmask/weights`. Run once.

    pip download --no-deps facenet-pytorch==2.6.0 && unzip facenet_pytorch-*.whl -d facenet
    python scripts/convert_mtcnn.py facenet/facenet_pytorch/data src/unmask/weights

The architectures are those of Zhang et al., "Joint Face Detection and Alignment using Multi-task
Cascaded Convolutional Networks" (2016), figure 2. Each graph takes RGB float32 `(N, 3, H, W)`
in [0, 255]. It is the same function in fewer operations: what is linear is part of a layer.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class PReLU(nn.Module):
    """PReLU of what the layer before multiplied by the slope, in two operations.

    Each is a convolution to ONNX Runtime, so that its blocks of channels stay as they are; its own
    PRelu takes them apart.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))

    def into(self, layer: nn.Conv2d | nn.Linear) -> None:
        """Multiply a layer by the slopes; what is left of 0 would be lost, so it is nearly that."""
        self.weight[self.weight == 0] = 1e-6
        multiply(layer, self.weight)

    def forward(self, x: Tensor) -> Tensor:
        slope = self.weight.reshape(-1, *[1] * (x.ndim - 2))
        return (1 - slope).sign() * ((1 - slope).abs() / slope * x).relu() + x


class Stage(nn.Module):
    """One network of the cascade: convolutions, an optional dense layer, and its heads."""

    def __init__(self, body: list[nn.Module], dense: list[nn.Module], heads: list[nn.Module]):
        super().__init__()
        self.body = nn.Sequential(*body)
        self.dense = nn.Sequential(*dense)
        self.heads = nn.ModuleList(heads)

    @torch.no_grad()
    def fold(self) -> None:
        """Make what is linear a part of the layers, once the weights are loaded."""
        layers = [*self.body, *self.dense]
        for layer, activation in pairwise(layers):
            if isinstance(activation, PReLU):
                activation.into(layer)
        # (x - 127.5) / 128
        first = self.body[0]
        first.weight /= 128
        first.bias -= 127.5 * first.weight.sum(dim=(1, 2, 3))
        if len(self.dense):
            # The weights come from Caffe, which flattens width before height.
            channels = self.body[-2].out_channels
            matrix = self.dense[0].weight
            side = int((matrix.shape[1] / channels) ** 0.5)
            by_axis = matrix.reshape(-1, side, side, channels).permute(0, 3, 2, 1)
            matrix.copy_(by_axis.reshape(matrix.shape))
        # The softmax of two classes is the sigmoid of their difference.
        face = self.heads[0]
        for parameter in (face.weight, face.bias):
            parameter[1] -= parameter[0]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.body(image)
        if len(self.dense):
            x = self.dense(x.flatten(1))
        # One layer instead of several: the smallest cost more than they compute.
        weight = torch.cat([head.weight for head in self.heads])[1:]
        bias = torch.cat([head.bias for head in self.heads])[1:]
        answers = F.linear(x, weight, bias) if len(self.dense) else F.conv2d(x, weight, bias)
        score, *regressions = answers.split([1, 4, 10][: len(self.heads)], dim=1)
        return score.squeeze(1).sigmoid(), *regressions


def multiply(layer: nn.Conv2d | nn.Linear, factor: Tensor) -> None:
    layer.weight *= factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
    layer.bias *= factor


def pool(size: int) -> nn.Module:
    return nn.MaxPool2d(size, 2, ceil_mode=True)


def p_net() -> Stage:
    # 10 channels in the paper: six more of zeros, as ONNX Runtime works on 16 at a time and would
    # copy all of them around the pooling. So are four of R-Net's.
    body = [nn.Conv2d(3, 16, 3), PReLU(16), pool(2), nn.Conv2d(16, 16, 3), PReLU(16)]
    body += [nn.Conv2d(16, 32, 3), PReLU(32)]
    return Stage(body, [], [nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)])


def r_net() -> Stage:
    body = [nn.Conv2d(3, 32, 3), PReLU(32), pool(3), nn.Conv2d(32, 48, 3), PReLU(48), pool(3)]
    body += [nn.Conv2d(48, 64, 2), PReLU(64)]
    dense = [nn.Linear(576, 128), PReLU(128)]
    return Stage(body, dense, [nn.Linear(128, 2), nn.Linear(128, 4)])


def o_net() -> Stage:
    body = [nn.Conv2d(3, 32, 3), PReLU(32), pool(3), nn.Conv2d(32, 64, 3), PReLU(64), pool(3)]
    body += [nn.Conv2d(64, 64, 3), PReLU(64), pool(2), nn.Conv2d(64, 128, 2), PReLU(128)]
    dense = [nn.Linear(1152, 256), PReLU(256)]
    return Stage(body, dense, [nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)])


def padded(tensor: Tensor, shape: torch.Size) -> Tensor:
    """The tensor with zeros behind it in every dimension that is shorter than `shape`."""
    whole = tensor.new_zeros(shape)
    whole[tuple(slice(length) for length in tensor.shape)] = tensor
    return whole


def convert(source: Path, target: Path) -> None:
    stages = {"pnet": (p_net(), 12), "rnet": (r_net(), 24), "onet": (o_net(), 48)}
    for name, (stage, size) in stages.items():
        # Both sides list their tensors in the order of the data flow, so order is the mapping.
        tensors = list(torch.load(source / f"{name}.pt", weights_only=True).values())
        places = stage.state_dict().items()
        stage.load_state_dict(
            {key: padded(t, place.shape) for (key, place), t in zip(places, tensors, strict=True)}
        )
        stage.fold()
        dynamic = {"image": {0: "n", 2: "h", 3: "w"} if name == "pnet" else {0: "n"}}
        path = target / f"mtcnn-{name}.onnx"
        torch.onnx.export(
            stage.eval(),
            (torch.zeros(2, 3, size, size),),
            str(path),
            input_names=["image"],
            output_names=["score", "box", "landmarks"][: len(stage.heads)],
            dynamic_axes=dynamic,
            dynamo=False,
        )
        model = onnx.load(path)
        onnx.helper.set_model_props(
            model,
            {
                "source": "facenet-pytorch 2.6.0",
                "licence": "MIT",
                "copyright": "Copyright (c) 2019 Timothy Esler",
                "paper": "Zhang et al. 2016, arXiv:1604.02878",
            },
        )
        onnx.save(model, path)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
