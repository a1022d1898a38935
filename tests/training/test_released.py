"""What was exported can be learned on: the same function, and statistics to normalise with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch

from unmask.errors import ModelError
from unmask.training.checkpoints import load_start
from unmask.training.export import to_onnx
from unmask.training.fusion import FusionNetwork
from unmask.training.released import refit_batch_norm
from unmask.training.xception import pairs

INT8 = Path(__file__).parents[2] / "src" / "unmask" / "weights" / "unmask-xception-int8.onnx"


@pytest.fixture(scope="module")
def network():
    """Its normalisations have statistics, scales and shifts of their own."""
    torch.manual_seed(3)
    network = FusionNetwork(live_batch_norm=True)
    for _, name in pairs(network.trunk):
        norm = network.trunk.get_submodule(name)
        torch.nn.init.normal_(norm.running_mean, std=0.1)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.1)
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    return network.eval()


@pytest.fixture(scope="module")
def released(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("released") / "model.onnx"
    path.write_bytes(to_onnx(network, 64).SerializeToString())
    return path


@pytest.fixture
def crops():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8, generator=generator)


def test_an_exported_model_is_the_same_function_again(network, released, crops):
    again = FusionNetwork(live_batch_norm=True)
    load_start(again, released)
    spectra = torch.randn(6, 512)
    with torch.inference_mode():
        expected, got = (n.eval()(crops, spectra) for n in (network, again))
    # Folded weights are stored in half precision: 11 bits.
    torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-3)


def test_so_is_one_whose_trunk_never_learned(crops, tmp_path):
    network, again = FusionNetwork().eval(), FusionNetwork().eval()
    path = tmp_path / "new.onnx"
    path.write_bytes(to_onnx(network, 64).SerializeToString())
    load_start(again, path)
    with torch.inference_mode():
        expected, got = (n.feature_maps(crops) for n in (network, again))
    torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-3)


def test_statistics_are_those_of_what_is_seen_and_change_nothing(released, crops):
    again = FusionNetwork(live_batch_norm=True)
    load_start(again, released)
    again.eval()
    with torch.inference_mode():
        before = again.feature_maps(crops)
        refit_batch_norm(again, [crops[:3], crops[3:]])
        torch.testing.assert_close(again.eval().feature_maps(crops), before, rtol=1e-3, atol=1e-5)
        # On those very pictures live statistics say what the stored ones say, but for the
        # correction by n - 1.
        live = again.train().feature_maps(crops)
    torch.testing.assert_close(live, before, rtol=1e-2, atol=1e-3)
    for conv, norm in pairs(again.trunk):
        length = again.trunk.get_submodule(conv).weight.flatten(1).norm(dim=1)
        torch.testing.assert_close(length, torch.ones_like(length))
        assert again.trunk.get_submodule(norm).running_mean.abs().max() > 0


def test_what_is_no_model_or_another_one_is_refused(released, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match="is no ONNX model"):
        load_start(FusionNetwork(), broken)
    with pytest.raises(ModelError, match="of another architecture"):
        load_start(FusionNetwork(head="linear"), released)
    with pytest.raises(ModelError, match="in 8 bits; go on from"):
        load_start(FusionNetwork(), INT8)
    with pytest.raises(ModelError, match="is no ONNX model"):
        load_start(FusionNetwork(), tmp_path / "none.onnx")
