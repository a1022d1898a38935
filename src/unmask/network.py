"""Stage 5: crops and spectra -> logits, Grad-CAM maps and branch ablations, on ONNX Runtime.

A weights file is trusted only with its checksum in the `SHA256SUMS` beside it, with a valid card
in its metadata, and after it gave the known scores of the card's golden samples on this machine.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args, get_origin, get_type_hints

import numpy as np
import onnxruntime
import PIL.Image
from numpy.typing import NDArray

from unmask.errors import ModelError
from unmask.files import sha256
from unmask.types import Image, ModelCard, ModelIdentity, Precision, Spectrum

__all__ = [
    "CARD_KEY",
    "CHECKSUMS",
    "GOLDEN_TOLERANCE",
    "Golden",
    "Network",
    "NetworkOutput",
    "parse_card",
    "weights_file",
]

CARD_KEY = "unmask.card"
CHECKSUMS = "SHA256SUMS"
OUTPUTS = ["logits", "cam", "ablated"]
RULES = ("min_face_px", "min_sharpness", "max_yaw", "max_truncated")
"""The limits a card must state; what they mean stands in `quality`."""

SHIPPED = "unmask-xception.onnx"
GOLDEN_TOLERANCE = 0.02
"""Largest accepted difference of a golden logit: processors round differently, models do not.

A sample may state another: in 8 bits what processors do differently grows from layer to layer.
"""


class Golden(NamedTuple):
    """A crop `(S, S, 3)` uint8 RGB, its known logit, and how far from it the model may be."""

    crop: Image
    logit: float
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """For N crops: `logits` (N,) fake minus real, `cams` (N, h, w) non-negative, and
    `contributions` (N, 2), how much the logit falls without the spatial and the frequency branch.
    """

    logits: NDArray[np.float32]
    cams: NDArray[np.float32]
    contributions: NDArray[np.float32]


class Network:
    """A proven model: `card`, `identity`, and `run`."""

    def __init__(
        self, path: Path | None = None, *, precision: Precision = "fp32", threads: int = 0
    ) -> None:
        """Load the weights that ship, or those of `path`; with int8, the file beside them.

        Raises:
            ModelError: no such file, no or wrong checksum, no valid card.
        """
        file = weights_file(path, precision)
        self.identity, self.card, self._session = _load(file, threads)

    def run(self, crops: Sequence[Image], spectra: Sequence[Spectrum]) -> NetworkOutput:
        """Score N crops `(S, S, 3)` uint8 RGB with their spectra, S as the card says.

        Raises:
            ModelError: what the model gives is not a finite number.
        """
        size = self.card.input_size
        if not crops:
            empty = np.empty(0, np.float32)
            return NetworkOutput(empty, empty.reshape(0, 1, 1), empty.reshape(0, 2))
        for crop in crops:
            if crop.shape != (size, size, 3) or crop.dtype != np.uint8:
                got = f"{crop.shape} {crop.dtype}"
                raise ValueError(f"a crop is ({size}, {size}, 3) uint8 RGB, not {got}")
        feed = {"crops": np.stack(crops), "spectra": np.stack([s.vector for s in spectra])}
        logits, cams, ablated = cast(list[NDArray[np.float32]], self._session.run(OUTPUTS, feed))
        margin = logits[:, 1] - logits[:, 0]
        for name, values in zip(OUTPUTS, (margin, cams, ablated), strict=True):
            if not np.isfinite(values).all():
                message = f"The model gave {name} {values.tolist()}"
                raise ModelError(f"{message}, expected finite numbers.")
        return NetworkOutput(margin, cams, margin[:, None] - ablated)

    def golden(self) -> list[Golden]:
        """The card's golden samples.

        Raises:
            ModelError: a sample is not as `unmask export` writes it.
        """
        try:
            # Each was tried a few times only: the most that any states holds for all.
            tolerance = max(
                float(sample.get("tolerance", GOLDEN_TOLERANCE)) for sample in self.card.golden
            )
            return [
                Golden(
                    _decode_png(sample["png"], self.card.input_size),
                    float(sample["logit"]),
                    tolerance,
                )
                for sample in self.card.golden
            ]
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            message = "A golden sample of the model card cannot be read"
            raise ModelError(f"{message}: {type(error).__name__} {error}.") from error


def weights_file(path: Path | None, precision: Precision) -> Path:
    """The weights of that precision: `path` (by default those that ship), or its int8 neighbour.

    Raises:
        ModelError: the int8 file is not there.
        ValueError: there is no such precision.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision {precision!r}: expected {' or '.join(get_args(Precision))}")
    file = path or Path(str(files("unmask.weights").joinpath(SHIPPED)))
    if precision == "fp32":
        return file
    small = file.with_stem(f"{file.stem}-int8")
    if not small.exists():
        message = f"There is no int8 model {small} beside {file.name}; set UNMASK_PRECISION=fp32,"
        raise ModelError(f"{message} or make it by unmask export --precision int8.")
    return small


def _load(
    path: Path, threads: int
) -> tuple[ModelIdentity, ModelCard, onnxruntime.InferenceSession]:
    try:
        checksum = sha256(path)
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read: {error.strerror}.") from error
    _check_sum(path, checksum)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # By default idle threads go on looking for work, and keep a core from decoder and detector.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # By its path: of bytes the session would keep a copy.
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime has no public error class of its own; whatever it raises means the same here.
    except Exception as error:
        raise ModelError(f"{path} is no model that ONNX Runtime can load: {error}") from error
    text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise ModelError(f"{path} has no model card; only files made by unmask export are run.")
    card = parse_card(text)
    inputs = {one.name: [one.type, *one.shape[1:]] for one in session.get_inputs()}
    size = card.input_size
    expected = {"crops": ["tensor(uint8)", size, size, 3], "spectra": ["tensor(float)", 512]}
    if inputs != expected:
        raise ModelError(f"{path} has the inputs {inputs}, expected {expected}.")
    outputs = [output.name for output in session.get_outputs()]
    if outputs != OUTPUTS:
        raise ModelError(f"{path} has the outputs {outputs}, expected {OUTPUTS}.")
    return ModelIdentity(card.name, card.version, checksum), card, session


JSON_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    tuple: (list,),
    Mapping: (dict,),
}
"""What JSON has for each kind of a card's fields."""


def _check_sum(path: Path, checksum: str) -> None:
    sums = path.parent / CHECKSUMS
    try:
        lines = [line.strip().split(maxsplit=1) for line in sums.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        message = f"The model {path.name} needs its checksum in {sums}, which cannot be read;"
        raise ModelError(f"{message} unmask export writes it.") from error
    known = {name: digest for digest, name in (line for line in lines if len(line) == 2)}
    if path.name not in known:
        raise ModelError(f"{sums} has no line for {path.name}; unmask export writes it.")
    if known[path.name] != checksum:
        message = f"{path} is not the file its checksum was made of: damaged or exchanged."
        raise ModelError(f"{message} Expected {known[path.name]}, got {checksum}.")


def parse_card(text: str) -> ModelCard:
    """The card of a JSON text.

    Raises:
        ModelError: not JSON, a field is missing, unknown, or of a wrong kind.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"The model card is not valid JSON: {error}.") from error
    names = {field.name for field in dataclasses.fields(ModelCard)}
    if not isinstance(values, dict) or values.keys() != names:
        given = values.keys() if isinstance(values, dict) else set()
        wrong = sorted(names ^ given)
        raise ModelError(f"The model card lacks or does not know: {', '.join(wrong)}.")
    for name, kind in get_type_hints(ModelCard).items():
        accepted = JSON_TYPES[get_origin(kind) or kind]
        if type(values[name]) not in accepted:
            wanted = " or ".join(kind.__name__ for kind in accepted)
            raise ModelError(f"The model card's {name} is {values[name]!r}, expected {wanted}.")
    for name in ("branches", "classes", "golden"):
        values[name] = tuple(values[name])
    card = ModelCard(**values)
    _check_card(card)
    return card


def _check_card(card: ModelCard) -> None:
    if card.classes != ("real", "fake"):
        raise ModelError(f"The model's classes are {card.classes}, expected ('real', 'fake').")
    if card.input_size < 64:
        message = f"The model card's input_size is {card.input_size}"
        raise ModelError(f"{message}, expected 64 or more.")
    if not 0 < card.crop_margin < math.inf:
        raise ModelError(f"The model card's crop_margin is {card.crop_margin}, expected above 0.")
    for rule in RULES:
        _number(card.quality_rules, rule)
    low, high = _number(card.thresholds, "likely_real"), _number(card.thresholds, "likely_fake")
    if not 0 <= low <= high <= 1:
        raise ModelError(f"The model's thresholds {low} and {high} are not in order within 0 to 1.")
    if not card.golden:
        raise ModelError("The model card has no golden sample; the model cannot prove itself.")


def _number(values: Mapping[str, Any], name: str) -> float:
    value: Any = values.get(name)
    if type(value) not in JSON_TYPES[float] or not math.isfinite(value):
        raise ModelError(f"The model card's {name} is {value!r}, expected a number.")
    return float(value)


def _decode_png(text: str, size: int) -> Image:
    with PIL.Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"]) as picture:
        pixels: Image = np.asarray(picture.convert("RGB"))
    if pixels.shape != (size, size, 3):
        raise ValueError(f"expected {size} x {size} px, got {pixels.shape}")
    return pixels
