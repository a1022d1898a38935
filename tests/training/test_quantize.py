"""What becomes 8-bit integers, what stays in float, and that it is still the same network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import onnx
import onnxruntime
from onnx import numpy_helper

from unmask.detector import Detector
from unmask.network import GOLDEN_TOLERANCE, Network
from unmask.training.export import export, to_onnx
from unmask.training.quantize import (
    _equalise,
    _separable,
    _simplified,
    quantize,
    rounding_noise,
)

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def network(outspoken):
    return outspoken(3)


@pytest.fixture(scope="module")
def feeds():
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    crops = noise.repeat(16, axis=1).repeat(16, axis=2)  # large patches, unlike each other
    spectra = rng.standard_normal((12, 512), np.float32)
    return [{"crops": crops[i : i + 1], "spectra": spectra[i : i + 1]} for i in range(12)]


@pytest.fixture(scope="module")
def models(network, feeds):
    model = to_onnx(network, 64)
    return model, quantize(model, feeds)


def run(model, feeds):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs = [session.run(None, feed) for feed in feeds]
    return [np.concatenate(one) for one in zip(*outputs, strict=True)]


def test_the_convolutions_are_integers_but_those_of_the_beginning_and_the_shortcuts(models):
    graph = models[1].graph
    kinds = {one.name: numpy_helper.to_array(one).dtype for one in graph.initializer}
    by_output = {node.output[0]: node for node in graph.node}

    def weights(node):
        source = by_output.get(node.input[1])
        is_integer = source is not None and source.op_type == "DequantizeLinear"
        return kinds[source.input[0]] if is_integer else kinds.get(node.input[1])

    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 74
    for node in convolutions:
        is_early = node.name.startswith(("/trunk/conv1/", "/trunk/conv2/", "/trunk/block1/"))
        is_float = is_early or "skip" in node.name
        assert weights(node) == (np.float32 if is_float else np.int8), node.name
    assert {weights(node) for node in graph.node if node.op_type == "Gemm"} == {
        np.dtype(np.float32)
    }


def test_sums_of_residual_connections_are_not_rounded(models):
    """The error of one block would be the next one's too, twelve times over."""
    graph = models[1].graph
    rounded = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    sums = [node.output[0] for node in graph.node if node.op_type == "Add"]
    assert len(sums) == 12
    assert not rounded.intersection(sums[:-1])


def test_channels_of_like_range_give_the_same_answer(models, feeds, tmp_path):
    """What 8 bits then lose of a narrow channel is no more than of a wide one."""
    model = _simplified(models[0], tmp_path / "model.onnx")
    for depthwise, _ in _separable(model.graph):
        weights = next(t for t in model.graph.initializer if t.name == depthwise.input[1])
        uneven = np.geomspace(0.01, 100, weights.dims[0])[:, None, None, None]
        values = numpy_helper.to_array(weights) * uneven
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float32), weights.name))
    probe = _separable(model.graph)[5][0].output[0]
    model.graph.output.append(onnx.ValueInfoProto(name=probe))
    *before, uneven = run(model, feeds)
    _equalise(model, feeds)
    *after, even = run(model, feeds)
    for ours, theirs in zip(after, before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())

    def spread(maps):
        ranges = np.abs(maps).max(axis=(0, 2, 3))
        return ranges.max() / np.median(ranges)

    assert spread(even) < spread(uneven) / 5


def test_weights_have_a_scale_for_each_output_channel(models):
    graph = models[1].graph
    scales = {one.name: one.dims for one in graph.initializer if one.name.endswith("_scale")}
    assert [728] in [list(dims) for dims in scales.values()]


def test_two_products_fit_into_16_bits(models):
    """Where they do not, processors without VNNI cut them off, and score otherwise."""
    integers = [numpy_helper.to_array(one) for one in models[1].graph.initializer]
    weights = [one for one in integers if one.dtype == np.int8 and one.ndim == 4]
    assert len(weights) == 64
    assert max(2 * 255 * np.abs(one.astype(int)).max() for one in weights) <= 2**15 - 1


def test_what_another_order_of_sums_does_is_tried(models, feeds, tmp_path):
    in_float = rounding_noise(_simplified(models[0], tmp_path / "model.onnx"), feeds[0])
    assert in_float < 1e-3
    assert rounding_noise(models[1], feeds[0]) > 3 * in_float


def test_no_padding_with_minus_infinity_is_left_to_be_quantised(models):
    before, after = ([node.op_type for node in model.graph.node] for model in models)
    assert before.count("Pad") == 4
    assert "Pad" not in after


def test_it_is_the_same_network_to_a_few_percent(models, feeds):
    for ours, theirs in zip(run(models[1], feeds), run(models[0], feeds), strict=True):
        error = np.abs(ours - theirs).mean() / np.abs(theirs - theirs.mean()).mean()
        assert error < 0.35


def test_it_takes_less_space(models):
    # Weights of the other are stored in half precision.
    large, small = (model.ByteSize() for model in models)
    assert small < 0.7 * large


def test_the_export_is_a_model_of_its_own(network, manifest, write_best, tmp_path):
    best, target = write_best(network, tmp_path), tmp_path / "drawn-int8.onnx"
    export(best, manifest, target, golden=[ASTRONAUT], documentation={}, precision="int8")
    # Found beside the other, which need not be there, and proves itself on its golden sample.
    detector = Detector(tmp_path / "drawn.onnx", precision="int8")
    assert detector.identity.name == "unmask-int8"
    assert "8-bit" in detector.card.documentation["precision"]
    assert 0 < detector.image(ASTRONAUT).p_fake < 1
    [sample] = Network(target).golden()
    assert sample.tolerance >= GOLDEN_TOLERANCE
