"""Foreign checkpoints: the names and shapes of three projects, and what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from unmask.cli import app
from unmask.detector import Detector
from unmask.errors import ConfigurationError, ModelError
from unmask.training.checkpoints import load_network
from unmask.training.export import export
from unmask.training.foreign import import_xception

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


class Separable(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return self.pointwise(self.conv1(x))


class Block(nn.Module):
    def __init__(self, *widths, halves=True, relu_first=True):
        super().__init__()
        layers = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.ReLU(), Separable(inputs, outputs), nn.BatchNorm2d(outputs)]
        layers = layers if relu_first else layers[1:]
        if halves:
            layers.append(nn.MaxPool2d(3, 2, 1))
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, 2, bias=False)
            self.skipbn = nn.BatchNorm2d(widths[-1])
        self.rep = nn.Sequential(*layers)
        self.halves = halves

    def forward(self, x):
        return self.rep(x) + (self.skipbn(self.skip(x)) if self.halves else x)


class Port(nn.Module):
    """The PyTorch port of Xception that all three projects use, said in its own layers."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64)
        self.block1 = Block(64, 128, 128, relu_first=False)
        self.block2, self.block3 = Block(128, 256, 256), Block(256, 728, 728)
        for i in range(4, 12):
            self.add_module(f"block{i}", Block(728, 728, 728, 728, halves=False))
        self.block12 = Block(728, 728, 1024)
        self.conv3, self.bn3 = Separable(1024, 1536), nn.BatchNorm2d(1536)
        self.conv4, self.bn4 = Separable(1536, 2048), nn.BatchNorm2d(2048)
        self.fc = nn.Linear(2048, 2)

    def forward(self, x):
        x = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        for i in range(1, 13):
            x = self.get_submodule(f"block{i}")(x)
        x = self.bn4(self.conv4(self.bn3(self.conv3(x)).relu())).relu()
        return self.fc(x.mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def port():
    torch.manual_seed(3)
    port = Port().eval()
    for module in port.modules():
        if isinstance(module, nn.BatchNorm2d):
            # Small variances, so that the epsilon shows.
            module.running_var.uniform_(1e-3, 2e-3)
            module.running_mean.normal_(0, 0.01)
            module.weight.data.fill_(0.15)
    with torch.inference_mode():  # logits of about one
        answer = port(torch.rand(1, 3, 96, 96) * 2 - 1) - port.fc.bias
    port.fc.weight.data /= answer.abs().max()
    return port


def named(port, project):
    """The weights as a project saves them."""
    state = port.state_dict()
    head = {name: state.pop(f"fc.{name}") for name in ("weight", "bias")}
    last = {"timm": "fc", "faceforensics": "last_linear.1"}.get(project, "last_linear")
    state |= {f"{last}.{name}": value for name, value in head.items()}
    if project == "faceforensics":
        return {f"model.{name}": value for name, value in state.items()}
    if project == "deepfakebench":
        unused = {"adjust_channel.0.weight": torch.zeros(512, 2048, 1, 1)}
        return {f"module.backbone.{name}": v for name, v in (state | unused).items()}
    return state


@pytest.mark.parametrize("project", ["timm", "faceforensics", "deepfakebench"])
def test_it_scores_as_in_its_own_project(port, project, tmp_path):
    state = named(port, project)
    if project == "timm":
        source = tmp_path / "theirs.safetensors"
        save_file(state, source)
    else:
        source = tmp_path / "theirs.pth"
        torch.save({"state_dict": state, "epoch": 3}, source)
    config = import_xception(source, tmp_path / "ours.pt", name="theirs", input_size=96)
    network, saved = load_network(tmp_path / "ours.pt")
    crops = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    with torch.inference_mode():
        expected = port((crops / 255 - 0.5) / 0.5)
        got = network(crops, torch.randn(2, 512))
        detection = network.detect(crops, torch.randn(2, 512))
    assert float(expected.abs().max()) > 0.1
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(detection.logits, got, rtol=1e-4, atol=1e-4)
    assert (saved["branches"], saved["input_size"], saved["crop_margin"]) == ("spatial", 96, 1.3)
    for words in (source.name, "0 real, 1 fake", "(x / 255 - 0.5) / 0.5"):
        assert words in config.imported


def test_it_is_exported_as_a_spatial_model_that_says_where_it_is_from(port, manifest, tmp_path):
    source, best = tmp_path / "theirs.pth", tmp_path / "ours.pt"
    torch.save(named(port, "faceforensics"), source)
    # Like 299, not a multiple of 8.
    import_xception(source, best, name="theirs", input_size=75)
    target = tmp_path / "theirs.onnx"
    export(best, manifest, target, golden=[ASTRONAUT], documentation={"limits": "random"})
    detector = Detector(target)
    card = detector.card
    assert (card.name, card.architecture) == ("theirs", "xception-pytorch")
    assert (card.branches, card.input_size, card.crop_margin) == (("spatial",), 75, 1.3)
    assert (card.classes, card.normalisation) == (
        ("real", "fake"),
        "x / 127.5 - 1, inside the graph",
    )
    assert "its classes are 0 real, 1 fake" in card.documentation["imported"]
    assert "training" not in card.documentation
    (face,) = detector.image(ASTRONAUT).faces
    assert face.prediction.contributions["frequency"] == pytest.approx(0, abs=1e-5)


def test_the_class_order_is_stated_and_kept(port, tmp_path):
    source = tmp_path / "theirs.pth"
    torch.save(named(port, "timm"), source)
    target = tmp_path / "ours.pt"
    arguments = ["import", str(source), str(target), "--fake-class", "0", "--input-size", "256"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    assert "0 fake, 1 real" in result.stdout
    network, saved = load_network(target)
    assert saved["input_size"] == 256
    torch.testing.assert_close(network.fc1.bias.data, port.fc.bias.data.flip(0))
    torch.testing.assert_close(network.fc1.weight.data[:, :2048], port.fc.weight.data.flip(0))
    with pytest.raises(ConfigurationError, match="0 or 1, not 2"):
        import_xception(source, target, name="x", fake_class=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"text", "no file of weights"),
        (nn.Linear(2, 2), "save model.state_dict"),
        ({}, "holds no weights"),
        ({"epoch": 3}, "holds no weights"),
        ({"conv1.weight": torch.zeros(2)}, "no last layer under last_linear"),
        ({"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}, r"\(1000, 2048\)"),
        ({"fc.weight": torch.zeros(1, 2048), "fc.bias": torch.zeros(1)}, "one output for real"),
        ({"fc.weight": torch.zeros(2, 512), "fc.bias": torch.zeros(2)}, r"\(2, 512\)"),
        ({"fc.weight": torch.zeros(2, 2048), "fc.bias": torch.zeros(2)}, "another architecture"),
    ],
)
def test_what_is_no_such_detector_is_refused(tmp_path, content, message):
    source, target = tmp_path / "theirs.pth", tmp_path / "ours.pt"
    if isinstance(content, bytes):
        source.write_bytes(content)
    elif content is not None:
        torch.save(content, source)
    with pytest.raises(ModelError, match=message) as error:
        import_xception(source, target, name="x")
    assert str(source) in str(error.value)
    assert not target.exists()
