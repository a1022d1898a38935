"""facenet-pytorch's MTCNN weights (MIT) -> the three ONNX files of `unmask/weights`. Run once.

    pip download --no-deps facenet-pytorch==2.6.0 && unzip facenet_pytorch-*.whl -d facenet
    python scripts/convert_mtcnn.py facenet/facenet_pytorch/data src/unmask/weights

The architectures are those of Zhang et al., "Joint Face Detection and Alignment using Multi-task
Cascaded Convolutional Networks" (2016), figure 2. Each graph takes RGB float32 `(N, H, W, 3)`
in [0, 255] and normalises it itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn


class Stage(nn.Module):
    """One network of the cascade: convolutions, an optional dense layer, and its heads."""

    def __init__(self, body: list[nn.Module], dense: list[nn.Module], heads: list[nn.Module]):
        super().__init__()
        self.body = nn.Sequential(*body)
        self.dense = nn.Sequential(*dense)
        self.heads = nn.ModuleList(heads)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = (image.permute(0, 3, 1, 2) - 127.5) * 0.0078125
        x = self.body(x)
        if len(self.dense):
            # The weights come from Caffe, which flattens width before height.
            x = self.dense(x.permute(0, 3, 2, 1).flatten(1))
        face, *regressions = (head(x) for head in self.heads)
        # The softmax of two classes, without the transpositions of one over channels.
        return (face[:, 1] - face[:, 0]).sigmoid(), *regressions


class PReLU(nn.Module):
    """PReLU as sums and products, which ONNX Runtime runs twice as fast as its own PRelu."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        slope = self.weight.reshape(-1, *[1] * (x.ndim - 2))
        return slope * x + (1 - slope) * x.relu()


def pool(size: int) -> nn.Module:
    return nn.MaxPool2d(size, 2, ceil_mode=True)


def p_net() -> Stage:
    body = [nn.Conv2d(3, 10, 3), PReLU(10), pool(2), nn.Conv2d(10, 16, 3), PReLU(16)]
    body += [nn.Conv2d(16, 32, 3), PReLU(32)]
    return Stage(body, [], [nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)])


def r_net() -> Stage:
    # 28 channels in the paper: four more of zeros, as ONNX Runtime works on 16 at a time and would
    # copy all of them around the pooling.
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
        dynamic = {"image": {0: "n", 1: "h", 2: "w"} if name == "pnet" else {0: "n"}}
        path = target / f"mtcnn-{name}.onnx"
        torch.onnx.export(
            stage.eval(),
            (torch.zeros(2, size, size, 3, dtype=torch.float32),),
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
