"""An exported graph -> the same graph with the trunk's convolutions in 8-bit integers."""

from __future__ import annotations

import logging
import tempfile
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

__all__ = ["quantize"]

Feed = Mapping[str, NDArray[Any]]

QUANTIZED = ("Conv", "Relu", "Add", "MaxPool")
"""Kinds of nodes between which values stay in 8 bits."""


def quantize(model: onnx.ModelProto, samples: Iterable[Feed]) -> onnx.ModelProto:
    """The model with the trunk in 8 bits, its ranges as they occur in `samples`.

    Static quantisation (Jacob et al. 2018, section 3): weights in int8 with a scale per output
    channel, activations in uint8 with a scale and zero point per tensor. The first convolution,
    whose input is the picture itself, and everything after the trunk (pooling, spectrum, head,
    Grad-CAM) stay in float: they take little time.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(_simplified(model, source), source)
        graph = onnx.load(source).graph
        trunk, first = _trunk(graph)
        quantize_static(
            source,
            target,
            _Reader(samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            nodes_to_quantize=[name for name in trunk if name != first],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(target)


class _Reader(CalibrationDataReader):
    def __init__(self, samples: Iterable[Feed]) -> None:
        self._samples = iter(samples)

    def get_next(self) -> Feed | None:
        return next(self._samples, None)


def _simplified(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """With constants folded and padding inside the pooling it is for: its -inf has no 8 bits."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
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


def _trunk(graph: onnx.GraphProto) -> tuple[list[str], str]:
    """Of the nodes up to the last convolution and its ReLU: the names, and the first's."""
    convolutions = [i for i, node in enumerate(graph.node) if node.op_type == "Conv"]
    # Nodes stand in the order of the data flow; the trunk ends with the last ReLU of a convolution.
    between = graph.node[: convolutions[-1] + 2]
    names = [node.name for node in between if node.op_type in QUANTIZED]
    return names, graph.node[convolutions[0]].name


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice of ONNX Runtime on preparing a graph, which `_simplified` follows."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
