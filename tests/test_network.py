"""Which weights are trusted, what a card must hold, and how crops and spectra become logits."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import expit, softmax

from unmask.detector import Detector
from unmask.errors import ModelError
from unmask.network import (
    CHECKSUMS,
    GOLDEN_TOLERANCE,
    OUTPUTS,
    SHIPPED,
    Network,
    parse_card,
    weights_file,
)
from unmask.spectrum import describe
from unmask.types import ModelCard, Spectrum

SOURCES = Path(__file__).parents[1] / "src" / "unmask"
WithCard = Callable[[dict[str, Any] | None], Path]


@pytest.fixture(scope="module")
def network(detector: Detector) -> Network:
    return detector._network


# --- which file is trusted ---


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.onnx cannot be read"):
        Network(tmp_path / "nothing.onnx")


def test_the_int8_weights_lie_beside_the_others(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    assert weights_file(model, "fp32") == model
    with pytest.raises(ModelError, match=r"no int8 model .*model-int8\.onnx .*unmask export"):
        Network(model, precision="int8")
    small = tmp_path / "model-int8.onnx"
    small.touch()
    assert weights_file(model, "int8") == small
    assert weights_file(None, "fp32").name == SHIPPED


def test_a_precision_that_there_is_not_is_no_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'int9': expected fp32 or int8"):
        Network(tmp_path / "model.onnx", precision="int9")


def test_a_file_without_a_checksum_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"anything")
    with pytest.raises(ModelError, match="needs its checksum"):
        Network(path)
    (tmp_path / CHECKSUMS).write_text(f"{'0' * 64}  other.onnx\n")
    with pytest.raises(ModelError, match=r"no line for model\.onnx"):
        Network(path)
    (tmp_path / CHECKSUMS).write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="cannot be read"):
        Network(path)


def test_a_file_that_is_not_the_one_of_its_checksum_is_not_loaded(
    with_card: WithCard, card: dict[str, Any]
) -> None:
    path = with_card(card)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged or exchanged"):
        Network(path)


def test_a_name_with_a_space_has_its_checksum_all_the_same(
    with_card: WithCard, card: dict[str, Any]
) -> None:
    path = with_card(card)
    named = path.rename(path.with_name("my model.onnx"))
    sums = path.with_name(CHECKSUMS)
    sums.write_text(sums.read_text().replace(path.name, named.name))
    assert Network(named).identity.name == card["name"]


def test_f12_what_is_no_onnx_file_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    import hashlib
    import pickle

    path = tmp_path / "model.onnx"
    path.write_bytes(pickle.dumps({"weights": [1.0]}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / CHECKSUMS).write_text(f"{digest}  {path.name}\n")
    with pytest.raises(ModelError, match="no model that ONNX Runtime can load"):
        Network(path)


def test_a7_a_file_without_a_card_is_not_loaded(with_card: WithCard) -> None:
    with pytest.raises(ModelError, match="no model card"):
        Network(with_card(None))


def test_a_card_of_another_size_than_the_graph_is_refused(
    with_card: WithCard, card: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=r"inputs.*224.*expected.*256"):
        Network(with_card({**card, "input_size": 256}))


def test_a_file_with_its_own_card_put_back_is_the_same_model(
    with_card: WithCard, card: dict[str, Any], detector: Detector, network: Network
) -> None:
    """What shows that the refusals above are of the card, not of how the tests write it."""
    again = Network(with_card(card))
    crop = again.golden()[0].crop
    assert again.card == detector.card
    assert again.identity.name == detector.identity.name
    assert again.run([crop], [describe(crop)]).logits == pytest.approx(
        network.run([crop], [describe(crop)]).logits, abs=1e-5
    )


# --- what a card must hold ---


def test_the_shipped_card_is_whole(card: dict[str, Any]) -> None:
    parsed = parse_card(json.dumps(card))
    assert parsed.classes == ("real", "fake")
    assert isinstance(parsed.golden, tuple)
    assert parse_card(json.dumps(card | {"crop_margin": 1})).crop_margin == 1


@pytest.mark.parametrize("name", ModelCard.__dataclass_fields__)
def test_a_card_that_lacks_a_field_is_refused(name: str, card: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=f"lacks or does not know: {name}"):
        parse_card(json.dumps({key: value for key, value in card.items() if key != name}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["fake", "real"]}, "classes"),
        ({"classes": ["real"]}, "classes"),
        ({"extra": 1}, "does not know: extra"),
        ({"name": 7}, "name is 7, expected str"),
        ({"input_size": 224.0}, "input_size"),
        ({"input_size": True}, "input_size"),
        ({"input_size": 63}, "input_size is 63, expected 64 or more"),
        ({"input_size": 0}, "input_size is 0"),
        ({"crop_margin": 0}, "crop_margin"),
        ({"crop_margin": math.inf}, "crop_margin"),
        ({"crop_margin": math.nan}, "crop_margin"),
        ({"crop_margin": "1.3"}, "crop_margin"),
        ({"branches": {"spatial": 1}}, "branches"),
        ({"calibration": []}, "calibration"),
        ({"thresholds": {}}, "likely_real is None"),
        ({"thresholds": {"likely_real": 0.1}}, "likely_fake is None"),
        ({"thresholds": {"likely_real": 0.1, "likely_fake": math.nan}}, "likely_fake is nan"),
        ({"thresholds": {"likely_real": 0.1, "likely_fake": True}}, "likely_fake is True"),
        ({"thresholds": {"likely_real": 0.9, "likely_fake": 0.1}}, "not in order"),
        ({"thresholds": {"likely_real": 0.5, "likely_fake": 99}}, "not in order"),
        ({"quality_rules": {}}, "min_face_px is None"),
        ({"quality_rules": {"min_face_px": 64, "min_sharpness": 2, "max_yaw": 1}}, "max_truncated"),
        ({"golden": []}, "no golden sample"),
    ],
    ids=str,
)
def test_a_card_that_promises_something_else_is_refused(
    change: dict[str, Any], message: str, card: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=message):
        parse_card(json.dumps(card | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7"])
def test_what_is_no_json_object_is_no_card(text: str) -> None:
    with pytest.raises(ModelError, match="model card"):
        parse_card(text)


@pytest.mark.parametrize(
    "golden",
    [
        [7],
        [{"logit": 1.0}],
        [{"png": "", "logit": 1.0}],
        [{"png": "not base64!", "logit": 1.0}],
        [{"png": "iVBORw0KGgo=", "logit": 1.0}],
        ["no logit"],
    ],
    ids=str,
)
def test_a_golden_sample_that_cannot_be_read_is_an_error_of_the_model(
    golden: list[Any], card: dict[str, Any], network: Network
) -> None:
    if golden == ["no logit"]:
        golden = [{"png": card["golden"][0]["png"], "logit": "high"}]
    broken = Network.__new__(Network)
    broken.card = parse_card(json.dumps(card | {"golden": golden}))
    with pytest.raises(ModelError, match="golden sample"):
        broken.golden()


# --- the graph ---


def test_b1_pixels_go_in_as_they_are_and_one_place_normalises_them(network: Network) -> None:
    inputs = {one.name: one.type for one in network._session.get_inputs()}
    assert inputs == {"crops": "tensor(uint8)", "spectra": "tensor(float)"}
    with_constant = [
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if "/ 127.5" in path.read_text("utf-8") and "- 1" in path.read_text("utf-8")
    ]
    assert "training/fusion.py" in with_constant
    assert not [path for path in with_constant if not path.startswith("training/")]


def test_a7_a8_both_logits_are_read_and_their_softmax_is_the_sigmoid_of_the_margin(
    network: Network,
) -> None:
    crop = network.golden()[0].crop
    spectrum = describe(crop)
    feed = {"crops": crop[None], "spectra": spectrum.vector[None]}
    [logits] = network._session.run(["logits"], feed)
    probabilities = softmax(logits[0].astype(float))
    assert probabilities.sum() == pytest.approx(1)
    assert expit(float(network.run([crop], [spectrum]).logits[0])) == pytest.approx(
        probabilities[network.card.classes.index("fake")], abs=1e-6
    )


@pytest.fixture
def fusion(network: Network) -> Network:
    if network.card.branches != ("spatial", "frequency"):
        pytest.skip(f"the shipped model has the branches {network.card.branches}")
    return network


def test_a10_both_branches_speak(fusion: Network) -> None:
    """Another spectrum, or another crop, is another logit."""
    crop = fusion.golden()[0].crop
    spectrum, other = describe(crop), describe(np.roll(crop[::-1], 3, axis=2))
    logit, by_spectrum, by_crop = fusion.run(
        [crop, crop, 255 - crop], [spectrum, Spectrum(other.vector + 1), spectrum]
    ).logits
    assert abs(logit - by_spectrum) > 1e-4
    assert abs(logit - by_crop) > 1e-4


def test_d5_d9_the_outputs_are_named_and_cover_cam_and_branches(network: Network) -> None:
    crop = network.golden()[0].crop
    output = network.run([crop, crop], [describe(crop)] * 2)
    cells = network.card.input_size // 32
    assert [one.name for one in network._session.get_outputs()] == OUTPUTS
    assert output.logits.shape == (2,)
    assert output.cams.shape == (2, cells, cells)
    assert (output.cams >= 0).all()
    assert output.contributions.shape == (2, 2)
    assert np.isfinite(output.contributions).all()


def test_a_batch_scores_each_crop_as_alone(network: Network) -> None:
    crops = [network.golden()[0].crop, np.zeros((224, 224, 3), np.uint8)]
    spectra = [describe(crop) for crop in crops]
    together = network.run(crops, spectra)
    alone = [network.run([crop], [one]) for crop, one in zip(crops, spectra, strict=True)]
    assert together.logits == pytest.approx([one.logits[0] for one in alone], abs=1e-4)


def test_no_crop_is_no_score(network: Network) -> None:
    output = network.run([], [])
    assert (len(output.logits), len(output.cams), len(output.contributions)) == (0, 0, 0)


@pytest.mark.parametrize(
    "crop",
    [np.zeros((96, 96, 3), np.uint8), np.zeros((224, 224, 3), np.float32)],
    ids=["size", "type"],
)
def test_a_crop_of_another_size_or_type_is_refused(crop: np.ndarray, network: Network) -> None:
    with pytest.raises(ValueError, match=r"a crop is \(224, 224, 3\) uint8 RGB"):
        network.run([crop], [Spectrum(np.zeros(512, np.float32))])


def test_a_score_that_is_no_number_is_an_error_and_no_score(fusion: Network) -> None:
    crop = fusion.golden()[0].crop
    with pytest.raises(ModelError, match="finite"):
        fusion.run([crop], [Spectrum(np.full(512, np.nan, np.float32))])


def test_the_largest_tolerance_of_a_golden_sample_is_that_of_all(
    card: dict[str, Any], network: Network
) -> None:
    assert {sample.tolerance for sample in network.golden()} == {GOLDEN_TOLERANCE}
    one, *others = card["golden"]
    unsure = copy.copy(network)
    unsure.card = parse_card(json.dumps(card | {"golden": [one | {"tolerance": 0.5}, *others]}))
    assert [sample.tolerance for sample in unsure.golden()] == [0.5] * len(card["golden"])


@pytest.mark.parametrize("name", ["cam", "ablated"])
def test_nor_is_any_other_part_of_the_answer_no_number(network: Network, name: str) -> None:
    shapes = {"logits": (1, 2), "cam": (1, 7, 7), "ablated": (1, 2)}
    answer = [np.full(shapes[one], np.nan if one == name else 0.0) for one in OUTPUTS]
    broken = copy.copy(network)
    broken._session = cast(Any, SimpleNamespace(run=lambda *_: answer))
    crop = network.golden()[0].crop
    with pytest.raises(ModelError, match=name):
        broken.run([crop], [describe(crop)])


def test_nothing_is_noted_or_sent_of_its_use(tmp_path: Path) -> None:
    """ONNX Runtime would keep a device id and every session below the home folder, to send them."""
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    code = "from unmask.network import Network; Network()"
    subprocess.run([sys.executable, "-c", code], check=True, env={**kept, **home})
    assert list(tmp_path.rglob("*")) == []


def test_idle_threads_do_not_look_for_work() -> None:
    """They would keep a core from the decoder and the detector for as long as they look."""
    options = Network()._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
