"""A trained network -> one ONNX file with its card inside, calibrated and proven equal."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import PIL.Image
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from unmask import media
from unmask.alignment import align, native_window, whole_affine
from unmask.calibration import (
    calibrate,
    check_calibration,
    fit_calibration,
    threshold_at_false_alarms,
    threshold_at_misses,
)
from unmask.errors import DataError, ModelError
from unmask.faces import FaceDetector
from unmask.files import replacing
from unmask.network import CARD_KEY, CHECKSUMS, GOLDEN_TOLERANCE
from unmask.spectrum import NATIVE_SPECTRUM_ID, SPECTRUM_ID, describe, radial_bands
from unmask.training.config import restored
from unmask.training.dataset import Batch, CropDataset, Row, loaded, read_rows
from unmask.training.fusion import FusionNetwork
from unmask.training.quantize import quantize, rounding_noise
from unmask.training.train import load_network
from unmask.training.xception import Xception, fold
from unmask.types import Precision, Spectrum

__all__ = ["FALSE_ALARMS", "export", "to_onnx"]

MAX_DIFFERENCE = 1e-4
"""Between ONNX Runtime and torch, in any logit."""

OPSET = 17
QUALITY_RULES = {
    "min_face_px": 64.0,
    "min_sharpness": 1.9,
    "max_yaw": 0.95,
    "max_truncated": 0.4,
}
"""Set by hand near the ends of a sample of the validation faces; see docs/limits.md."""

PRECISIONS: Mapping[Precision, str] = {
    "fp32": "weights stored in float16, computed in float32",
    "int8": "the trunk in 8-bit integers, the rest in float32",
}
N_RANGE_SAMPLES = 256
NOISES = 3.0
"""Another processor's 8 bits may be as many times further off than those that were tried here."""

FALSE_ALARMS, MISSES = 0.01, 0.05
"""The rates on validation pictures that set the thresholds of the three-way verdict."""


def export(
    best: Path,
    manifest: Path,
    target: Path,
    *,
    golden: Sequence[Path],
    documentation: Mapping[str, Any],
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write `target`, a line in the SHA256SUMS beside it, and return the card.

    Calibration and thresholds are fitted on the manifest's split `val`, with the exported file
    itself; `int8` takes the ranges of its values from some of the same pictures. `golden` are
    pictures of one face, whose scores the file must reproduce wherever it is loaded. `progress` is
    told how many of the validation faces are scored, and of how many.

    Raises:
        ModelError: ONNX Runtime and torch differ by more than 1e-4, or fakes do not score above
            genuine faces, so that no calibration can be served.
        DataError: split `val` lacks a class, or a golden picture has no face.
    """
    network, config = load_network(best)
    dataset = _validation(manifest, config)
    model = to_onnx(network, config["input_size"])
    if precision == "int8":
        model = quantize(model, _range_samples(dataset))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    # Before the long part: a picture without a face is a matter of a second.
    samples = [_golden(model, session, path, config, precision) for path in golden]
    logits, is_fake, sources, spectra = _validation_logits(session, dataset, progress)
    videos = _videos(dataset.rows)
    calibration = fit_calibration(logits, is_fake, videos)
    try:
        check_calibration(calibration)
    except ModelError as error:
        message = f"{best} does not score the fakes of split val above its genuine faces"
        raise ModelError(f"{message}; nothing was exported. {error}") from error
    p_fake = calibrate(logits, calibration)
    thresholds = _thresholds(p_fake, is_fake, sources, videos)
    card = {
        "name": config["name"] + ("-int8" if precision == "int8" else ""),
        "version": config["version"],
        "architecture": config["backbone"]
        + ("" if config["branches"] == "spatial" else "+fft/dct"),
        "branches": ["spatial", "frequency"]
        if config["branches"] == "fusion"
        else [config["branches"]],
        "input_size": config["input_size"],
        "crop_margin": config["crop_margin"],
        "normalisation": f"{network.trunk.normalisation}, inside the graph",
        "classes": ["real", "fake"],
        "spectrum_id": SPECTRUM_ID if config["spectrum"] == "crop" else NATIVE_SPECTRUM_ID,
        "calibration": calibration,
        "thresholds": {name: thresholds[name] for name in ("likely_fake", "likely_real")},
        "quality_rules": QUALITY_RULES,
        "golden": samples,
        "documentation": {
            **documentation,
            "precision": PRECISIONS[precision],
            "validation": _rates(p_fake, is_fake, sources, videos, thresholds),
            "genuine_spectrum": _genuine_spectrum(spectra[~is_fake]),
            **({"imported": config["imported"]} if config["imported"] else {"training": config}),
        },
    }
    if precision == "int8":  # what stayed in float was float16 before
        _store_as_float16(model)
    # A date of the TOML documentation is told as text.
    helper.set_model_props(model, {CARD_KEY: json.dumps(card, default=str)})
    data = model.SerializeToString()
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        temporary.write_bytes(data)
    _write_checksum(target, data)
    return card


def to_onnx(network: FusionNetwork, input_size: int) -> onnx.ModelProto:
    """The graph of `FusionNetwork.detect`, weights stored in float16, computed in float32.

    Inputs: `crops` (N, S, S, 3) uint8 RGB and `spectra` (N, 512) float32. Outputs: `logits` (N, 2),
    `cam` (N, S/32, S/32), `ablated` (N, 2).

    Raises:
        ModelError: the result differs from torch's own by more than 1e-4.
    """
    network = copy.deepcopy(network).eval()
    if isinstance(network.trunk, Xception):  # ONNX Runtime folds what is left
        fold(network.trunk)
    for parameter in network.parameters():  # what is stored is what is compared
        parameter.data = parameter.data.half().float()
    graph = _Graph(network).eval()
    generator = torch.Generator().manual_seed(0)
    shape = (3, input_size, input_size, 3)
    crops = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    spectra = network.spectrum_mean + network.spectrum_std * torch.randn(
        (3, len(network.spectrum_mean)), generator=generator
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch warns of what tracing might get wrong, and announces an exporter that needs one more
        # package. What is written here is held to torch's own answer below.
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            graph,
            (crops, spectra),
            str(path),
            input_names=["crops", "spectra"],
            output_names=["logits", "cam", "ablated"],
            dynamic_axes={
                name: {0: "n"} for name in ("crops", "spectra", "logits", "cam", "ablated")
            },
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(path)
    _store_as_float16(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    with torch.inference_mode():
        expected = graph(crops, spectra)
    got = session.run(None, {"crops": crops.numpy(), "spectra": spectra.numpy()})
    pairs = zip(got, expected, strict=True)
    with np.errstate(invalid="ignore"):  # infinite in both is no number, and refused as such
        difference = float(np.max([np.abs(a - b.numpy()).max() for a, b in pairs]))
    if not difference <= MAX_DIFFERENCE:
        message = f"ONNX Runtime and torch differ by {difference:.2e}, more than {MAX_DIFFERENCE}"
        raise ModelError(f"{message}; nothing was exported")
    return model


class _Graph(nn.Module):
    """What is traced: crops come as pictures are stored, channels last."""

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor, spectra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(self.network.detect(crops.permute(0, 3, 1, 2), spectra))


def _store_as_float16(model: onnx.ModelProto) -> None:
    """Store large weights, which are float16 values already, as such; a Cast restores them.

    ONNX Runtime folds the casts when it loads the file, so this costs nothing afterwards.
    """
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 1024:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue  # not a weight, but a constant such as the spectrum's mean
        name = tensor.name
        stored = numpy_helper.from_array(half, f"{name}.float16")
        tensor.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def _validation(manifest: Path, config: Mapping[str, Any]) -> CropDataset:
    """The faces of split `val`, cut as in serving."""
    known = read_rows(manifest, splits=("val",))
    rows = [row for row in known if row.landmarks is not None]
    for source in sorted({row.source for row in known}):
        # Thresholds hold per source, so each needs faces of both kinds.
        if len({row.is_fake for row in rows if row.source == source}) < 2:
            message = f"split val lacks genuine or fake faces of source {source!r}"
            raise DataError(f"{manifest}: {message}; calibration needs both")
    return CropDataset(rows, restored(config))


def _range_samples(dataset: CropDataset) -> Iterator[dict[str, NDArray[Any]]]:
    """Evenly spread over the pictures, and so over sources and classes: feeds of one face each."""
    places = np.linspace(0, len(dataset) - 1, min(N_RANGE_SAMPLES, len(dataset))).astype(int)
    subset = torch.utils.data.Subset(dataset, places.tolist())
    for batch in loaded(subset, workers=1, batch_size=1):
        yield _feed(batch)


def _feed(batch: Batch) -> dict[str, NDArray[Any]]:
    return {"crops": batch.crops.permute(0, 2, 3, 1).numpy(), "spectra": batch.spectra.numpy()}


def _validation_logits(
    session: onnxruntime.InferenceSession,
    dataset: CropDataset,
    progress: Callable[[int, int], None] | None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_], NDArray[np.float32]]:
    """Fake-minus-real logits by the exported graph, whether each face is fake, its source, and its
    `(512,)` spectrum.
    """
    logits, labels, spectra = [], [], []
    done = 0
    for batch in loaded(dataset, workers=1, batch_size=16):
        feed = _feed(batch)
        output = session.run(["logits"], feed)[0]
        logits.append(output[:, 1] - output[:, 0])
        labels.append(batch.labels.numpy())
        spectra.append(feed["spectra"])
        done += len(output)
        if progress is not None:
            progress(done, len(dataset))
    is_fake = np.concatenate(labels).astype(bool)
    sources = np.array([row.source for row in dataset.rows])
    return np.concatenate(logits).astype(np.float64), is_fake, sources, np.concatenate(spectra)


def _videos(rows: Sequence[Row]) -> NDArray[np.intp]:
    """`(n,)` numbers of the videos that the rows are frames of, or else of the rows themselves."""
    keys = [(row.source, row.video or str(row.path)) for row in rows]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.intp)


def _thresholds(
    p_fake: NDArray[np.float64],
    is_fake: NDArray[np.bool_],
    sources: NDArray[np.str_],
    videos: NDArray[np.intp],
) -> dict[str, float]:
    """Each threshold must hold on every validation source alone, not on their mixture.

    Each is on its own side of a half: no verdict may contradict its label.
    """
    groups = [sources == source for source in np.unique(sources)]

    def quiet(rate: float) -> float:
        return max(
            threshold_at_false_alarms(p_fake[g], is_fake[g], rate, videos[g]) for g in groups
        )

    fake = max(quiet(FALSE_ALARMS), math.nextafter(0.5, 1))
    real = min(threshold_at_misses(p_fake[g], is_fake[g], MISSES) for g in groups)
    return {"likely_fake": fake, "likely_real": min(real, 0.5), "false_alarms_5": quiet(0.05)}


def _rates(
    p_fake: NDArray[np.float64],
    is_fake: NDArray[np.bool_],
    sources: NDArray[np.str_],
    videos: NDArray[np.intp],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """What the thresholds do on the pictures that set them, per source.

    `n_real_apart` counts the frames of a video as one, as the threshold of `likely_fake` does.
    """
    high, low = thresholds["likely_fake"], thresholds["likely_real"]
    rates: dict[str, Any] = {"threshold_at_5_percent_false_alarms": thresholds["false_alarms_5"]}
    for source in np.unique(sources):
        genuine = (sources == source) & ~is_fake
        real = p_fake[genuine]
        fake = p_fake[(sources == source) & is_fake]
        rates[str(source)] = {
            "n_real": len(real),
            "n_real_apart": len(np.unique(videos[genuine])),
            "n_fake": len(fake),
            "false_alarms": round(float((real >= high).mean()), 5),
            "detected": round(float((fake >= high).mean()), 5),
            "missed": round(float((fake <= low).mean()), 5),
            "inconclusive_real": round(float(((real > low) & (real < high)).mean()), 5),
            "inconclusive_fake": round(float(((fake > low) & (fake < high)).mean()), 5),
        }
    return rates


def _genuine_spectrum(spectra: NDArray[np.float32]) -> dict[str, Any]:
    """Where the radial profiles of genuine faces lie, in each of the bands a report shows."""
    bands = np.array([radial_bands(Spectrum(vector)) for vector in spectra])
    low, high = np.percentile(bands, [5, 95], axis=0)
    rows = {"mean": bands.mean(axis=0), "p5": low, "p95": high}
    return {"n": len(bands), **{name: np.round(row, 3).tolist() for name, row in rows.items()}}


def _golden(
    model: onnx.ModelProto,
    session: onnxruntime.InferenceSession,
    path: Path,
    config: Mapping[str, Any],
    precision: Precision,
) -> dict[str, Any]:
    image = media.read(path).pixels
    faces = FaceDetector().detect(image)
    if not faces:
        raise DataError(f"{path} has no face; a golden sample needs one")
    crop = align(image, faces[0], size=config["input_size"], margin=config["crop_margin"]).pixels
    # As `Detector.crops` sees it: the crop is all there is of the picture.
    size = config["input_size"]
    native = config["spectrum"] == "native"
    seen = native_window(crop, whole_affine(crop, size=size), size=size) if native else crop
    feed: dict[str, NDArray[Any]] = {
        "crops": crop[None],
        "spectra": describe(seen).vector[None],
    }
    logits: Sequence[float] = session.run(["logits"], feed)[0][0]
    tolerance = GOLDEN_TOLERANCE
    if precision == "int8":
        tolerance = max(tolerance, round(NOISES * rounding_noise(model, feed), 3))
    buffer = io.BytesIO()
    PIL.Image.fromarray(crop).save(buffer, "PNG", optimize=True)
    return {
        "name": path.name,
        "png": base64.b64encode(buffer.getvalue()).decode(),
        "logit": float(logits[1] - logits[0]),
        "tolerance": tolerance,
    }


def _write_checksum(target: Path, data: bytes) -> None:
    sums = target.parent / CHECKSUMS
    lines = sums.read_text().splitlines() if sums.exists() else []
    others = [line.strip() for line in lines if line.split(maxsplit=1)[1:] != [target.name]]
    new = f"{hashlib.sha256(data).hexdigest()}  {target.name}"
    lines = sorted(filter(None, [*others, new]), key=lambda line: line.split(maxsplit=1)[-1])
    with replacing(sums) as temporary:
        temporary.write_bytes("".join(f"{line}\n" for line in lines).encode())
