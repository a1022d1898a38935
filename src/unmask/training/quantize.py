"""An exported graph -> the same graph with the trunk's convolutions in 8-bit integers."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

__all__ = ["quantize", "rounding_noise"]

Feed = Mapping[str, NDArray[Any]]

QUANTIZED = ("Conv", "Relu", "MaxPool")
"""Kinds of nodes between which values stay in 8 bits."""

LAST_PLACE, N_NOISES = 1e-6, 8
"""About what two processors' sums in float32 differ by, relative to the sums; and how many such
differences are tried."""

TINY = 1e-8
"""The least range of a channel or of its weights, so that nothing is divided by zero."""


def quantize(model: onnx.ModelProto, samples: Iterable[Feed]) -> onnx.ModelProto:
    """The model with the trunk in 8 bits, its ranges as they occur in `samples`.

    Static quantisation (Jacob et al. 2018, section 3): weights in int8 with a scale per output
    channel, activations in uint8 with a scale and zero point per tensor. Of the weights' 8 bits 7
    are used: a processor without VNNI adds two products in 16 bits, which could not hold them, and
    would score otherwise than one with it. In float stay the layers
    up to the first residual sum, where rounding was seen to cost most; the other sums and the
    shortcuts into them, where errors would pile up from block to block; and everything after the
    trunk (pooling, spectrum, head, Grad-CAM).
    """
    feeds = list(samples)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        simplified = _simplified(model, source)
        _equalise(simplified, feeds)
        onnx.save(simplified, source)
        quantize_static(
            source,
            target,
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            nodes_to_quantize=_trunk(simplified.graph),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        return onnx.load(target)


def rounding_noise(model: onnx.ModelProto, feed: Feed) -> float:
    """How far the fake-minus-real logit of one crop moves where sums are rounded in another way.

    Another processor adds in another order. In 8 bits a difference in the last place of a float
    decides which way a value is rounded, and the next layers make more of it. Here the weights of
    the first layer are changed by as much: the largest move of several.
    """
    noisy = onnx.ModelProto()
    noisy.CopyFrom(model)
    first = next(node for node in noisy.graph.node if node.op_type == "Conv")
    weights = next(one for one in noisy.graph.initializer if one.name == first.input[1])
    exact = numpy_helper.to_array(weights)
    known = _margin(model, feed)
    rng = np.random.default_rng(0)
    moves = []
    for _ in range(N_NOISES):
        change = 1 + LAST_PLACE * rng.standard_normal(exact.shape)
        weights.CopyFrom(numpy_helper.from_array((exact * change).astype(np.float32), weights.name))
        moves.append(abs(_margin(noisy, feed) - known))
    return max(moves)


def _margin(model: onnx.ModelProto, feed: Feed) -> float:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), _options(), providers=["CPUExecutionProvider"]
    )
    [[real, fake]] = session.run(["logits"], feed)[0]
    return float(fake - real)


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options


class _Reader(CalibrationDataReader):
    def __init__(self, samples: Iterable[Feed]) -> None:
        self._samples = iter(samples)

    def get_next(self) -> Feed | None:
        return next(self._samples, None)


def _simplified(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """With constants folded and padding inside the pooling it is for: its -inf has no 8 bits."""
    options = _options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    simplified = onnx.load(path)
    nodes = simplified.graph.node
    constants = {one.name: one for one in simplified.graph.initializer}
    paddings = {node.output[0]: node for node in nodes if node.op_type == "Pad"}
    for pooling in list(nodes):
        if pooling.op_type != "MaxPool" or pooling.input[0] not in paddings:
            continue
        padding = paddings[pooling.input[0]]
        _, _, top, left, _, _, bottom, right = numpy_helper.to_array(constants[padding.input[1]])
        (pads,) = (one for one in pooling.attribute if one.name == "pads")
        pads.ints[:] = np.add(pads.ints, [top, left, bottom, right]).tolist()
        pooling.input[0] = padding.input[0]
        nodes.remove(padding)
    return simplified


def _equalise(model: onnx.ModelProto, feeds: Iterable[Feed]) -> None:
    """Bring the channels between depthwise and pointwise convolutions to ranges alike, in place.

    Of a tensor in 8 bits the widest channel takes most; those of a depthwise convolution differ
    by ten times and more. Nothing but the pointwise convolution reads them: each may be divided
    by any number that its weights there are multiplied by (Nagel et al. 2019, section 4.1). That
    number shares the spread between both, the root of the one's range by the other's (Xiao et al.
    2023, equation 4).
    """
    pairs = _separable(model.graph)
    outputs = [depthwise.output[0] for depthwise, _ in pairs]
    ranges = [np.full(1, TINY)] * len(outputs)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), _options(), providers=["CPUExecutionProvider"]
    )
    for feed in feeds:
        largest = [np.abs(one).max(axis=(0, 2, 3)) for one in session.run(outputs, feed)]
        ranges = [np.maximum(*pair) for pair in zip(ranges, largest, strict=True)]
    weights = {one.name: one for one in model.graph.initializer}
    for (depthwise, pointwise), extent in zip(pairs, ranges, strict=True):
        reader = weights[pointwise.input[1]]
        spread = np.maximum(np.abs(numpy_helper.to_array(reader)).max(axis=(0, 2, 3)), TINY)
        factor = np.sqrt(extent / spread)
        _multiply(reader, factor[:, None, None])
        for name in depthwise.input[1:]:
            values = weights[name]
            _multiply(values, 1 / factor.reshape(-1, *[1] * (len(values.dims) - 1)))


def _separable(graph: onnx.GraphProto) -> list[tuple[onnx.NodeProto, onnx.NodeProto]]:
    """Each depthwise convolution with the pointwise one, if that alone reads it."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    pairs = [
        (node, readers[node.output[0]][0])
        for node in graph.node
        if len(readers.get(node.output[0], ())) == 1
    ]
    return [(one, two) for one, two in pairs if _groups(one) > 1 and _groups(two) == 1]


def _groups(node: onnx.NodeProto) -> int:
    """Of a convolution: 1 where every output sees every input; 0 for any other node."""
    if node.op_type != "Conv":
        return 0
    return next((one.i for one in node.attribute if one.name == "group"), 1)


def _multiply(tensor: onnx.TensorProto, factors: NDArray[Any]) -> None:
    values = (numpy_helper.to_array(tensor) * factors).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _trunk(graph: onnx.GraphProto) -> list[str]:
    """The names of the nodes that are quantised, from the second block to the last ReLU."""
    convolutions = [i for i, node in enumerate(graph.node) if node.op_type == "Conv"]
    # Nodes stand in the order of the data flow: the first block ends with the first sum, the trunk
    # with the ReLU of the last convolution.
    first, last = convolutions[0], convolutions[-1]
    sums = (i for i, node in enumerate(graph.node[:last]) if node.op_type == "Add")
    between = graph.node[next(sums, first) + 1 : last + 2]
    n_readers = Counter(name for node in graph.node for name in node.input)
    added = {name for node in between if node.op_type == "Add" for name in node.input}

    def is_shortcut(node: onnx.NodeProto) -> bool:
        return node.output[0] in added and n_readers[node.input[0]] > 1

    return [node.name for node in between if node.op_type in QUANTIZED and not is_shortcut(node)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice of ONNX Runtime on preparing a graph, which `_simplified` follows."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
