"""Trunks by their names, and those of timm where it is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch
from torch import nn

from unmask.errors import ConfigurationError, MissingExtraError, ModelError
from unmask.training.backbone import TimmTrunk, is_backbone, trunk_of
from unmask.training.checkpoints import load_start
from unmask.training.config import Stage
from unmask.training.export import to_onnx
from unmask.training.fusion import FusionNetwork
from unmask.training.train import _parameter_groups

needs_timm = pytest.mark.skipif(
    find_spec("timm") is None, reason="needs timm: pip install 'unmask[timm]'"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("xception", True), ("xception-pytorch", True), ("timm:resnet50", True), ("timm:", False)],
)
def test_a_name_is_known_or_not(name, expected):
    assert is_backbone(name) is expected


def test_the_port_of_xception_has_another_epsilon_and_pads_its_pooling_evenly():
    ours, port = (trunk_of(n, live_batch_norm=False) for n in ("xception", "xception-pytorch"))
    assert {m.eps for m in ours.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}
    assert {m.eps for m in port.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    assert ours.state_dict().keys() == port.state_dict().keys()
    for size in (15, 16):
        x = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(1))
        expected = nn.MaxPool2d(3, 2, 1)(x)
        assert torch.equal(port.block2.pool(x), expected)
        # An odd size is padded evenly by both.
        assert torch.equal(ours.block2.pool(x), expected) is (size == 15)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"\.\[timm\]\""):
        FusionNetwork(backbone="timm:resnet50")


@needs_timm
@pytest.mark.parametrize(
    ("name", "n_features", "part"), [("resnet18", 512, "layer4"), ("vgg11", 512, "features_16")]
)
def test_a_network_of_timm_is_a_trunk_with_exact_grad_cam(
    name, n_features, part, outspoken, cam_by_autograd
):
    network = outspoken(4, backbone=f"timm:{name}")
    assert network.fc1.in_features == n_features + 512
    crops = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    spectra = torch.randn(2, 512)
    expected, logits = cam_by_autograd(network, crops, spectra)
    with torch.inference_mode():
        detection = network.detect(crops, spectra)
    torch.testing.assert_close(detection.cam, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(detection.logits, logits, rtol=1e-4, atol=1e-5)
    groups = _parameter_groups(network, Stage(train_from=part))
    learning = {n for n, p in network.named_parameters() if p.requires_grad}
    assert all(n.startswith(("fc", f"trunk.body.{part}")) or "features_" in n for n in learning)
    assert any(n.startswith(f"trunk.body.{part}") for n in learning)
    assert len(groups) == 2
    assert len(to_onnx(network, 64).graph.node) > 0  # proves itself equal


@needs_timm
def test_its_normalisation_is_what_it_was_trained_with():
    trunk = TimmTrunk("resnet18").eval()
    crops = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8).float()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.inference_mode():
        expected = trunk.body((crops / 255 - mean) / std)[-1]
        torch.testing.assert_close(trunk(crops / 127.5 - 1), expected, rtol=1e-3, atol=1e-4)
    assert "0.485" in trunk.normalisation


@needs_timm
def test_its_statistics_stay_unless_they_are_live():
    for live in (False, True):
        trunk = TimmTrunk("resnet18", live_batch_norm=live).train()
        before = trunk.body.bn1.running_mean.clone()
        trunk(torch.randn(2, 3, 64, 64))
        assert torch.equal(trunk.body.bn1.running_mean, before) is not live


@needs_timm
@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("vgg11", "features.0.weight", "features_0.weight"),
        ("resnet18", "layer4.0.conv1.weight", "layer4.0.conv1.weight"),
    ],
)
def test_timms_own_weights_are_a_start(name, theirs, ours, tmp_path):
    import timm
    from safetensors.torch import save_file

    whole = timm.create_model(name).state_dict()
    save_file(whole, tmp_path / "timm.safetensors")
    network = FusionNetwork(backbone=f"timm:{name}")
    load_start(network, tmp_path / "timm.safetensors")
    assert torch.equal(whole[theirs], network.trunk.body.state_dict()[ours])
    other = "resnet18" if name == "vgg11" else "vgg11"
    with pytest.raises(ModelError, match="another architecture"):
        load_start(FusionNetwork(backbone=f"timm:{other}"), tmp_path / "timm.safetensors")


@needs_timm
@pytest.mark.parametrize("name", ["no_such_network", "vit_tiny_patch16_224"])
def test_what_gives_no_feature_maps_is_refused_in_words(name):
    with pytest.raises(ConfigurationError, match=f"{name}"):
        FusionNetwork(backbone=f"timm:{name}")
