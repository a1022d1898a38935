"""The trunk: Chollet's graph, counted and measured, and its two short cuts held to the long way."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch

from unmask.errors import ModelError
from unmask.training.checkpoints import load_start
from unmask.training.fusion import N_SPECTRUM, FusionNetwork
from unmask.training.xception import (
    BLOCKS,
    FrozenBatchNorm2d,
    Xception,
    fold,
    normed,
    same_max_pool,
)

IMAGENET = Path(__file__).parents[3] / "shared" / "weights" / "xception-imagenet.safetensors"


def shaken(module):
    """The module with normalisation statistics that are not those of a new one."""
    generator = torch.Generator().manual_seed(3)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (norm.running_mean, -0.2, 0.2),
                (norm.running_var, 0.5, 2.0),
                (norm.weight.data, 0.5, 1.5),
                (norm.bias.data, -0.2, 0.2),
            ):
                tensor.uniform_(low, high, generator=generator)
    return module


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    return shaken(Xception()).eval()


def test_stages_have_the_true_shapes(trunk):
    # Corrections A1: 14x14x728 and 7x7x2048, not 28x28x728.
    shapes = {}
    for name in BLOCKS[1:-1]:
        trunk.get_submodule(name).register_forward_hook(
            lambda _, inputs, out, name=name: shapes.update(
                {f"into {name}": tuple(inputs[0].shape[1:]), name: tuple(out.shape[1:])}
            )
        )
    with torch.inference_mode():
        picture = torch.zeros(1, 3, 224, 224)
        out = trunk(picture)
        assert normed(trunk.conv1, trunk.bn1, picture).shape == (1, 32, 111, 111)
    assert shapes["into block1"] == (64, 109, 109)
    assert shapes["block1"] == (128, 55, 55)
    assert shapes["block2"] == (256, 28, 28)
    assert {shapes[f"block{i}"] for i in range(3, 12)} == {(728, 14, 14)}
    assert shapes["block12"] == (1024, 7, 7)
    assert out.shape == (1, 2048, 7, 7)


def test_there_are_36_convolutional_layers_and_4_shortcuts(trunk):
    # Corrections A5 and A6: a separable convolution is one layer; shortcuts are not counted.
    names = {name for name, m in trunk.named_modules() if isinstance(m, torch.nn.Conv2d)}
    layers = {name.removesuffix(".conv1").removesuffix(".pointwise") for name in names}
    shortcuts = {name for name in layers if name.endswith(".skip")}
    # conv1 of the stem lost its suffix above, but stays one name.
    assert len(layers - shortcuts) == 36
    assert shortcuts == {f"block{i}.skip" for i in (1, 2, 3, 12)}


def test_parameters_are_counted_exactly():
    # Corrections A3.
    def count(tensors):
        return sum(tensor.numel() for tensor in tensors)

    network = FusionNetwork()
    state = network.trunk.state_dict()
    trunk = [v for name, v in state.items() if not name.endswith("num_batches_tracked")]
    statistics = [v for name, v in state.items() if name.endswith(("running_mean", "running_var"))]
    head = [p for module in network.head() for p in module.parameters()]
    assert count(trunk) == 20_861_480
    assert count(statistics) == 54_528
    assert count(network.trunk.parameters()) == 20_806_952
    assert count(head) == 1_443_074
    assert count(trunk) + count(head) == 22_304_554
    # The specification's two others: with the classifier of ImageNet, and without the spectrum.
    assert count(trunk) + (2048 + 1) * 1000 == 22_910_480
    assert count(trunk) + count(head) - 512 * N_SPECTRUM == 22_042_410


def test_parts_are_the_whole_trunk_once(trunk):
    parts = trunk.parts()
    assert tuple(parts) == BLOCKS
    listed = [id(p) for modules in parts.values() for m in modules for p in m.parameters()]
    assert sorted(listed) == sorted(id(p) for p in trunk.parameters())


@pytest.mark.parametrize("separable", [False, True])
def test_fused_normalisation_is_the_plain_one_and_so_are_its_gradients(trunk, separable):
    conv, norm = (
        (trunk.conv3, trunk.bn3) if separable else (trunk.block12.skip, trunk.block12.skipbn)
    )
    channels = 1024 if separable else 728
    x = torch.randn(2, channels, 5, 5, generator=torch.Generator().manual_seed(1))
    weight = conv.pointwise.weight if separable else conv.weight
    results = []
    for run in (lambda: normed(conv, norm, x), lambda: norm(conv(x))):
        out = run()
        gradients = torch.autograd.grad(out.square().mean(), [weight, norm.weight, norm.bias])
        results.append((out.detach(), *gradients))
    for fused, plain in zip(*results, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-3, atol=1e-5 * float(plain.abs().max()))


def test_folding_changes_nothing_but_the_graph(trunk):
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    folded = copy.deepcopy(trunk)
    fold(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    with torch.inference_mode():
        expected, got = trunk(x), folded(x)
    assert float(expected.max()) > 0
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))


@pytest.mark.parametrize("size", [(6, 7), (7, 6), (9, 9), (8, 8), (2, 2), (4, 3)])
def test_pooling_pads_as_tensorflow_does(size):
    # TF SAME: the output is ceil(n / 2); of an odd total of padding the extra pixel is at the end.
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    before = []
    for n in size:
        total = max((-(-n // 2) - 1) * 2 + 3 - n, 0)
        before.append((total // 2, total - total // 2))
    padded = np.pad(x, before, constant_values=-np.inf)
    expected = [
        [padded[i : i + 3, j : j + 3].max() for j in range(0, padded.shape[1] - 2, 2)]
        for i in range(0, padded.shape[0] - 2, 2)
    ]
    got = same_max_pool(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(got, np.array(expected))


def test_frozen_normalisation_stays_in_inference_mode():
    norm = FrozenBatchNorm2d(4)
    before = norm.running_mean.clone()
    x = torch.randn(8, 4, 3, 3) + 5
    norm.train()
    out = norm(x)
    assert not norm.training
    assert torch.equal(norm.running_mean, before)
    torch.testing.assert_close(out, x / (1 + norm.eps) ** 0.5)  # by stored, not batch statistics


def test_imagenet_weights_fit():
    if not IMAGENET.exists():
        pytest.skip("needs ../shared/weights/xception-imagenet.safetensors")
    network = FusionNetwork()
    before = network.trunk.conv1.weight.clone()
    load_start(network, IMAGENET)
    assert not torch.equal(network.trunk.conv1.weight, before)
    assert float(network.trunk.bn1.running_var.mean()) != 1.0


def test_a_trunk_of_other_names_is_refused(tmp_path):
    from safetensors.torch import save_file

    state = {k: v.clone() for k, v in Xception().state_dict().items() if not k.startswith("conv1.")}
    path = tmp_path / "other.safetensors"
    save_file({**state, "stem.weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"another architecture.*conv1\.weight.*stem\.weight"):
        load_start(FusionNetwork(), path)
