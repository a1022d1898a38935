"""The exported file is the trained network, small, with a card that serving accepts."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import onnxruntime
import PIL.Image
import torch

from unmask import media
from unmask.alignment import crop_affine, native_window
from unmask.calibration import decide
from unmask.detector import Detector
from unmask.errors import DataError, ModelError
from unmask.network import Network
from unmask.spectrum import NATIVE_SPECTRUM_ID, SPECTRUM_ID, describe
from unmask.training import export as module
from unmask.training.dataset import Row
from unmask.training.export import export, to_onnx
from unmask.training.train import predict
from unmask.types import Verdict

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def network(outspoken):
    network = outspoken(2)
    network.spectrum_mean.uniform_(-4, 0)
    network.spectrum_std.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def best(network, write_best, tmp_path_factory):
    return write_best(network, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def target(best, manifest, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "drawn.onnx"
    documentation = {"limits": "drawn faces only", "trained": datetime.date(2026, 11, 22)}
    export(best, manifest, path, golden=[ASTRONAUT], documentation=documentation)
    return path


def test_the_exported_graph_is_the_network(network, target):
    generator = torch.Generator().manual_seed(9)
    crops = torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8, generator=generator)
    spectra = network.spectrum_mean + torch.randn(5, 512, generator=generator)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    got = session.run(None, {"crops": crops.numpy(), "spectra": spectra.numpy()})
    with torch.inference_mode():
        expected = network.detect(crops.permute(0, 3, 1, 2), spectra)
    assert [output.name for output in session.get_outputs()] == ["logits", "cam", "ablated"]
    for name, ours, theirs in zip(expected._fields, got, expected, strict=True):
        # What separates the two is that weights were rounded to half precision.
        scale = float(theirs.abs().max())
        assert scale > 0, name
        np.testing.assert_allclose(ours, theirs.numpy(), atol=0.01 * scale, err_msg=name)


def test_a_graph_that_differs_is_refused_and_nothing_written(best, manifest, tmp_path):
    state = torch.load(best, weights_only=True)
    # Too large for half precision: stored, it would be infinite.
    state["network"]["fc3.weight"][0, 0] = 1e6
    broken = tmp_path / "best.pt"
    torch.save(state, broken)
    target = tmp_path / "out" / "broken.onnx"
    with pytest.raises(ModelError, match=r"differ by .*nothing was exported"):
        export(broken, manifest, target, golden=[ASTRONAUT], documentation={})
    assert not target.exists()


def test_an_answer_that_is_no_number_is_refused_wherever_it_stands(network):
    broken = copy.deepcopy(network)
    broken.feature_mean[0] = float("nan")  # only the ablations come to it
    with pytest.raises(ModelError, match="differ by nan"):
        to_onnx(broken, 64)


def test_a_weight_that_changes_on_the_way_is_noticed(network, monkeypatch):
    store = module._store_as_float16

    def careless(model):
        store(model)
        for tensor in model.graph.initializer:
            values = module.numpy_helper.to_array(tensor)
            if "fc2.weight" in tensor.name:
                tensor.CopyFrom(module.numpy_helper.from_array(values * 1.01, tensor.name))

    monkeypatch.setattr(module, "_store_as_float16", careless)
    with pytest.raises(ModelError, match="differ by"):
        to_onnx(network, 64)


def test_the_file_is_small_and_its_checksum_stands_beside_it(target):
    data = target.read_bytes()
    assert 40e6 < len(data) < 50e6
    line = f"{hashlib.sha256(data).hexdigest()}  drawn.onnx\n"
    assert (target.parent / "SHA256SUMS").read_text() == line


def test_the_card_is_complete_and_the_model_loads_and_proves_itself(target, tiny, manifest):
    card = Network(target).card
    assert (card.input_size, card.crop_margin) == (64, 1.0)
    assert card.classes == ("real", "fake")
    assert card.branches == ("spatial", "frequency")
    assert card.spectrum_id == SPECTRUM_ID
    assert 0 <= card.thresholds["likely_real"] <= card.thresholds["likely_fake"] <= 1
    assert card.quality_rules == module.QUALITY_RULES
    assert [sample["name"] for sample in card.golden] == ["astronaut.jpg"]
    documentation = card.documentation
    assert documentation["limits"] == "drawn faces only"
    assert documentation["trained"] == "2026-11-22"
    assert documentation["training"] == json.loads(json.dumps(dataclasses.asdict(tiny())))
    rates = documentation["validation"]["a"]
    assert (rates["n_real"], rates["n_fake"]) == (4, 4)
    assert rates["false_alarms"] <= 0.01
    genuine = documentation["genuine_spectrum"]
    assert genuine["n"] == rates["n_real"]
    for low, mean, high in zip(genuine["p5"], genuine["mean"], genuine["p95"], strict=True):
        assert low <= mean <= high
    report = Detector(target).image(ASTRONAUT)  # scores the golden sample first
    assert 0 < report.p_fake < 1
    assert report.model.name == "unmask"


def test_a_model_of_native_pixels_says_so_and_is_served_so(
    network, manifest, tiny, write_best, tmp_path
):
    best = write_best(network, tmp_path, "spectrum=native")
    target = tmp_path / "native.onnx"
    export(best, manifest, target, golden=[ASTRONAUT], documentation={})
    detector = Detector(target)  # proves itself on the golden sample
    assert detector.card.spectrum_id == NATIVE_SPECTRUM_ID
    image = media.read(ASTRONAUT).pixels
    (face,) = detector.image(ASTRONAUT).faces
    affine = crop_affine(face.face, size=64, margin=1.0)
    expected = describe(native_window(image, affine, size=64)).vector
    np.testing.assert_array_equal(face.spectrum.vector, expected)
    # The same picture scores the same in training's evaluation and in serving.
    row = Row(path=ASTRONAUT, is_fake=False, landmarks=face.face.landmarks, source="a", split="val")
    logits, _ = predict(network, [row], tiny("spectrum=native"))
    assert face.prediction.logit == pytest.approx(float(logits[0, 1] - logits[0, 0]), abs=0.05)


def test_a_model_that_scores_otherwise_than_its_golden_sample_is_refused(target, tmp_path):
    import onnx

    model = onnx.load(target)
    (prop,) = (p for p in model.metadata_props if p.key == module.CARD_KEY)
    card = json.loads(prop.value)
    card["golden"][0]["logit"] += 0.5
    prop.value = json.dumps(card)
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    module._write_checksum(path, path.read_bytes())
    with pytest.raises(ModelError, match="fails its proof"):
        Detector(path)


def test_the_band_is_that_of_genuine_spectra_in_the_bands_of_a_report():
    vectors = np.zeros((101, 512), np.float32)
    vectors[:, 8:16] = np.arange(101)[:, None]  # the second band runs from 0 to 100
    vectors[:, 128:] = 1e6  # nothing but the radial profile counts
    band = module._genuine_spectrum(vectors)
    rest = [0.0] * 14
    assert band == {
        "n": 101,
        "mean": [0.0, 50.0, *rest],
        "p5": [0.0, 5.0, *rest],
        "p95": [0.0, 95.0, *rest],
    }


def test_a_golden_sample_needs_a_face(tmp_path):
    PIL.Image.new("RGB", (200, 200), "grey").save(tmp_path / "grey.png")
    session = object()  # not reached
    with pytest.raises(DataError, match=r"grey\.png has no face"):
        module._golden(
            None, session, tmp_path / "grey.png", {"input_size": 64, "crop_margin": 1.0}, "fp32"
        )


def test_calibration_needs_both_classes_of_each_source(manifest, tiny):
    lines = manifest.read_text().splitlines()
    path = manifest.with_name("real-only.csv")
    path.write_text("\n".join(line for line in lines if ",val," not in line or ",real," in line))
    with pytest.raises(DataError, match="lacks genuine or fake faces of source 'a'"):
        module._validation(path, dataclasses.asdict(tiny()))


def test_checksums_of_other_models_stay(tmp_path):
    for name, data in (("b.onnx", b"1"), ("a.onnx", b"2"), ("b.onnx", b"3")):
        module._write_checksum(tmp_path / name, data)
    lines = [line.split() for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
    assert lines == [
        [hashlib.sha256(b"2").hexdigest(), "a.onnx"],
        [hashlib.sha256(b"3").hexdigest(), "b.onnx"],
    ]


def test_a_name_with_spaces_has_one_line_and_an_empty_line_does_no_harm(tmp_path):
    (tmp_path / "SHA256SUMS").write_text("\n")
    for data in (b"1", b"2"):
        module._write_checksum(tmp_path / "my model.onnx", data)
    line = f"{hashlib.sha256(b'2').hexdigest()}  my model.onnx\n"
    assert (tmp_path / "SHA256SUMS").read_text() == line


def test_a_model_that_takes_genuine_faces_for_fakes_is_not_exported(
    best, manifest, tmp_path, monkeypatch
):
    def wrong(session, dataset, progress):
        is_fake = np.arange(40) % 2 == 0
        spectra = np.zeros((40, 512), np.float32)
        return np.linspace(-1, 1, 40) - 3.0 * is_fake, is_fake, np.full(40, "a"), spectra

    monkeypatch.setattr(module, "_validation_logits", wrong)
    monkeypatch.setattr(module, "_videos", lambda rows: np.arange(40))
    target = tmp_path / "out" / "wrong.onnx"
    with pytest.raises(ModelError, match=r"does not score the fakes .*nothing was exported"):
        export(best, manifest, target, golden=[ASTRONAUT], documentation={})
    assert not target.parent.exists()


def test_a_golden_picture_without_a_face_is_told_before_validation(
    best, manifest, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_validation_logits", lambda *_: pytest.fail("began"))
    PIL.Image.new("RGB", (200, 200), "grey").save(tmp_path / "grey.png")
    with pytest.raises(DataError, match="has no face"):
        export(
            best,
            manifest,
            tmp_path / "m.onnx",
            golden=[tmp_path / "grey.png"],
            documentation={},
        )


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.4), (0.6, 1.0)])
def test_no_verdict_contradicts_its_label(low, high):
    """Of few faces, or of those of a poor model, all may lie on one side of a half."""
    is_fake = np.arange(40) % 2 == 1
    p_fake = np.where(is_fake, np.linspace(low + 0.1, high, 40), np.linspace(low, high - 0.1, 40))
    sources, videos = np.full(40, "a"), np.arange(40)
    thresholds = module._thresholds(p_fake, is_fake, sources, videos)
    assert decide(0.5, thresholds) is not Verdict.LIKELY_FAKE  # whose label is REAL
    assert decide(0.5 + 1e-9, thresholds) is not Verdict.LIKELY_REAL


def test_the_frames_of_a_video_are_one_genuine_sample_apart():
    is_fake, videos = np.arange(40) % 2 == 1, np.arange(40) // 10
    thresholds = {"likely_fake": 0.9, "likely_real": 0.1, "false_alarms_5": 0.8}
    rates = module._rates(np.full(40, 0.5), is_fake, np.full(40, "a"), videos, thresholds)["a"]
    assert (rates["n_real"], rates["n_real_apart"]) == (20, 4)
