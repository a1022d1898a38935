"""The head, the branches, and Grad-CAM in closed form against autograd."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch

from unmask.training.fusion import FusionNetwork


def network_of(branches="fusion", **options):
    torch.manual_seed(5)
    network = FusionNetwork(branches, **options).eval()
    # A new network says almost nothing; louder weights make the comparison mean something.
    for module in network.head():
        module.weight.data *= 3
    network.feature_mean.uniform_(0, 0.1)
    network.spectrum_mean.uniform_(-1, 1)
    network.spectrum_std.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(6)
    crops = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=generator)
    return crops, torch.randn(3, 512, generator=generator)


@pytest.mark.parametrize("head", ["mlp", "linear"])
def test_closed_form_grad_cam_is_autograds(inputs, head, cam_by_autograd):
    network = network_of(head=head)
    expected, logits = cam_by_autograd(network, *inputs)
    with torch.inference_mode():
        detection = network.detect(*inputs)
    assert float(expected.max()) > 0
    assert float((detection.cam - expected).abs().max()) <= 1e-5 * float(expected.max())
    assert detection.cam.shape == (3, 3, 3)
    torch.testing.assert_close(detection.logits, logits)


def test_detecting_scores_as_training_does(inputs):
    network = network_of()
    torch.testing.assert_close(network.detect(*inputs).logits, network(*inputs))


def test_an_ablated_branch_no_longer_matters(inputs):
    network = network_of()
    crops, spectra = inputs
    without_spatial, without_frequency = network.detect(crops, spectra).ablated.T
    other_crops, other_spectra = 255 - crops, spectra + 1
    again = network.detect(other_crops, spectra).ablated.T
    torch.testing.assert_close(again[0], without_spatial)
    assert not torch.allclose(again[1], without_frequency)
    again = network.detect(crops, other_spectra).ablated.T
    torch.testing.assert_close(again[1], without_frequency)
    assert not torch.allclose(again[0], without_spatial)


def test_an_ablated_branch_is_held_at_its_mean(inputs):
    network = network_of()
    crops, _ = inputs
    average = network.spectrum_mean.expand(3, -1)
    detection = network.detect(crops, average)
    margin = detection.logits[:, 1] - detection.logits[:, 0]
    torch.testing.assert_close(detection.ablated[:, 1], margin)


@pytest.mark.parametrize(("branches", "deaf_to"), [("spatial", 1), ("frequency", 0)])
def test_a_branch_that_is_off_is_not_listened_to(inputs, branches, deaf_to):
    network = network_of(branches)
    crops, spectra = inputs
    other = [crops, spectra]
    other[deaf_to] = 255 - crops if deaf_to == 0 else spectra + 1
    torch.testing.assert_close(network(*other), network(crops, spectra))
    other = [255 - crops, spectra + 1]
    assert not torch.allclose(network(*other), network(crops, spectra))
    torch.testing.assert_close(network.detect(crops, spectra).logits, network(crops, spectra))


def test_without_the_picture_there_is_no_heat(inputs):
    assert not network_of("frequency").detect(*inputs).cam.any()


def test_an_odd_spectrum_is_clipped(inputs):
    network = network_of()
    crops, spectra = inputs
    torch.testing.assert_close(network(crops, spectra + 1e4), network(crops, spectra + 1e6))
