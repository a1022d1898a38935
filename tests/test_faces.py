"""MTCNN against its reference, and against what must hold of any face detector."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from unmask import faces
from unmask.faces import MAX_PIXELS, MIN_FACE_PX, PYRAMID_FACTOR, THRESHOLDS, FaceDetector, suppress
from unmask.types import Box, Face, Image

ROOT = Path(__file__).parent.parent
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"
PORTRAITS = ROOT.parent / "shared" / "data" / "photos.tar"
REFERENCE = json.loads((Path(__file__).parent / "fixtures/mtcnn-facenet-pytorch.json").read_text())


def decoded(source: Path | bytes) -> Image:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    return np.asarray(PIL.Image.open(file).convert("RGB"))


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(threads=1)


@pytest.fixture(scope="module")
def astronaut() -> Image:
    return decoded(ASTRONAUT)


# --- parity with facenet-pytorch: how the numbers were made stands in the fixture ---


def expected(name: str) -> list[Face]:
    return [
        Face(Box(*row[:4]), np.array(row[5:], np.float32).reshape(5, 2), row[4])
        for row in REFERENCE["pictures"][name]
    ]


def iou(a: Box, b: Box) -> float:
    """Intersection over union, in [0, 1]."""
    width, height = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def deviations(found: list[Face], references: list[Face]) -> list[tuple[float, float]]:
    """Of each reference face: IoU with the nearest found, its worst landmark in eye distances."""
    pairs = []
    for reference in references:
        nearest = max(found, key=lambda face: iou(face.box, reference.box))
        eyes = np.linalg.norm(reference.landmarks[0] - reference.landmarks[1])
        error = np.linalg.norm(nearest.landmarks - reference.landmarks, axis=1).max()
        pairs.append((iou(nearest.box, reference.box), float(error / eyes)))
    return pairs


def test_the_astronaut_is_found_as_by_the_reference(
    detector: FaceDetector, astronaut: Image
) -> None:
    found, references = detector.detect(astronaut), expected("astronaut.jpg")
    assert len(found) == len(references) == 1
    ((overlap, error),) = deviations(found, references)
    assert overlap > 0.99
    assert error < 0.01
    assert found[0].score == pytest.approx(references[0].score, abs=1e-3)


def test_the_portraits_are_found_as_by_the_reference(
    detector: FaceDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PORTRAITS.exists():
        pytest.skip("the 40 portraits (photos.tar) are not beside this repository")
    # The reference does not look again where a face fills its picture.
    monkeypatch.setattr(faces, "_fills", lambda *_: False)
    pairs = []
    with tarfile.open(PORTRAITS) as archive:
        for member in archive:
            name = Path(member.name).name
            if name not in REFERENCE["pictures"]:
                continue
            file = archive.extractfile(member)
            assert file is not None
            found = detector.detect(decoded(file.read()))
            assert len(found) == len(expected(name)), name
            pairs += deviations(found, expected(name))
    overlap, error = np.array(pairs).T
    assert len(pairs) == sum(map(len, REFERENCE["pictures"].values())) - 1
    assert (overlap >= 0.9).mean() >= 0.95
    assert (error[overlap >= 0.9] < 0.04).all()


# --- strips and threads ---


def test_a_picture_in_strips_gives_the_faces_of_the_whole(
    astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes to the bit, of each strip height, odd levels among them; patches a few at a time."""
    picture = astronaut[:501, :487]
    finder = FaceDetector(threads=1)
    strips = [len(list(faces._strips((level, level)))) for level in (13, 154, 500)]
    assert strips == [1, 1, 5]
    (whole,) = finder.detect(picture)
    for pixels in (1, 3000, 9999):
        monkeypatch.setattr(faces, "PIXELS_AT_ONCE", pixels)
        assert len(list(faces._strips((150, 145)))) > 1
        (face,) = finder.detect(picture)
        assert face.box == whole.box
        np.testing.assert_array_equal(face.landmarks, whole.landmarks)


def test_on_one_thread_it_finds_the_same_and_starts_no_other(
    astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = FaceDetector(threads=3)
    expected = finder.detect(astronaut)
    alone = finder.on_one_thread()
    monkeypatch.setattr(ThreadPoolExecutor, "submit", None)
    found = alone.detect(astronaut)
    assert [face.box for face in found] == [face.box for face in expected]


def test_several_threads_find_what_one_finds(detector: FaceDetector, astronaut: Image) -> None:
    picture = np.hstack([astronaut, astronaut[:, ::-1]])
    found, expected = FaceDetector(threads=3).detect(picture), detector.detect(picture)
    assert [face.box for face in found] == [face.box for face in expected]
    assert [face.score for face in found] == [face.score for face in expected]


# --- what must hold of any picture ---


@pytest.mark.parametrize(
    "shape", [(1, 1), (11, 500), (500, 11), (12, 12), (39, 39), (40, 40), (400, 300)]
)
@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_blank_picture_of_any_size_has_no_face(
    detector: FaceDetector, shape: tuple[int, int], level: int
) -> None:
    assert detector.detect(np.full((*shape, 3), level, np.uint8)) == []


def test_noise_has_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert detector.detect(noise) == []


def test_two_people_are_two_faces(detector: FaceDetector, astronaut: Image) -> None:
    found = detector.detect(np.hstack([astronaut, astronaut]))
    assert len(found) == 2
    left, right = sorted(found, key=lambda face: face.box.x1)
    assert abs(right.box.x1 - left.box.x1 - astronaut.shape[1]) < 3
    assert np.abs(right.landmarks - left.landmarks - [astronaut.shape[1], 0]).max() < 3
    assert iou(left.box, right.box) == 0


def test_faces_come_best_first(detector: FaceDetector, astronaut: Image) -> None:
    half = np.asarray(PIL.Image.fromarray(astronaut).resize((256, 256)))
    canvas = np.zeros((768, 512, 3), np.uint8)
    canvas[:512], canvas[512:, :256] = astronaut, half
    scores = [face.score for face in detector.detect(canvas)]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert all(0.7 <= score <= 1 for score in scores)


def test_the_left_eye_is_left_in_the_picture(detector: FaceDetector, astronaut: Image) -> None:
    for picture in (astronaut, np.ascontiguousarray(astronaut[:, ::-1])):
        (face,) = detector.detect(picture)
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        assert (face.landmarks >= [face.box.x1, face.box.y1]).all()
        assert (face.landmarks < [face.box.x2, face.box.y2]).all()


def test_colours_are_rgb(detector: FaceDetector, astronaut: Image) -> None:
    """Corrections B7: the networks know RGB; swapped channels must not score the same."""
    (face,) = detector.detect(astronaut)
    swapped = detector.detect(np.ascontiguousarray(astronaut[:, :, ::-1]))
    assert all(other.score != pytest.approx(face.score, abs=1e-6) for other in swapped)
    assert face.landmarks[2] == pytest.approx([224.54, 128.50], abs=0.5)


def test_small_faces_are_left_out(
    detector: FaceDetector, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A face of 16 px: there for who looks for it, which nobody does."""
    canvas = np.full((200, 200, 3), 127, np.uint8)
    canvas[:80, :80] = PIL.Image.fromarray(astronaut).resize((80, 80), PIL.Image.Resampling.LANCZOS)
    assert detector.detect(canvas) == []
    monkeypatch.setattr(faces, "MIN_FACE_PX", 20)
    (face,) = detector.detect(canvas)
    assert 14 < face.box.side < 20


@pytest.mark.parametrize("side", [2048, 2303])
def test_a_picture_over_the_pixel_limit_gives_the_same_face(
    detector: FaceDetector, astronaut: Image, side: int
) -> None:
    assert side * side > MAX_PIXELS
    scale = side / 512
    large = np.asarray(
        PIL.Image.fromarray(astronaut).resize((side, side), PIL.Image.Resampling.BICUBIC)
    )
    (face,), (reference,) = detector.detect(large), detector.detect(astronaut)
    assert iou(face.box, Box(*(scale * v for v in _corners(reference.box)))) > 0.9
    assert np.abs(face.landmarks / scale - reference.landmarks).max() < 2


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def test_a_face_that_fills_its_picture_is_found_where_it_is(
    detector: FaceDetector, astronaut: Image
) -> None:
    (whole,) = detector.detect(astronaut)
    x1, y1, x2, y2 = (round(v) for v in _corners(whole.box))
    close_up = np.ascontiguousarray(astronaut[y1:y2, x1:x2])
    (face,) = detector.detect(close_up)
    eyes = np.linalg.norm(whole.landmarks[0] - whole.landmarks[1])
    in_whole = face.landmarks + np.array([x1, y1])
    assert np.abs(in_whole - whole.landmarks).max() < 0.1 * eyes


# --- non-maximum suppression ---


def test_the_four_suppressions_are_those_of_the_paper(
    detector: FaceDetector, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrections B9: 0.5 per scale, 0.7 across scales, 0.7 after R-Net, 0.7 by the smaller."""
    calls = []

    def recorded(boxes, scores, threshold, *, by_smaller=False):  # type: ignore[no-untyped-def]
        calls.append((threshold, by_smaller))
        return suppress(boxes, scores, threshold, by_smaller=by_smaller)

    monkeypatch.setattr(faces, "suppress", recorded)
    assert len(detector.detect(astronaut)) == 1
    per_scale, rest = calls[:-3], calls[-3:]
    assert per_scale
    assert set(per_scale) == {(0.5, False)}
    assert rest == [(0.7, False), (0.7, False), (0.7, True)]


def test_thresholds_and_pyramid_are_those_of_the_specification() -> None:
    assert THRESHOLDS == (0.6, 0.7, 0.7)
    assert (MIN_FACE_PX, PYRAMID_FACTOR) == (40, 0.709)


@pytest.mark.parametrize("network", [0, 1, 2], ids=["P-Net", "R-Net", "O-Net"])
def test_each_threshold_reaches_its_network(
    network: int, detector: FaceDetector, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrections B8: one that no score can reach lets nothing pass, whichever it is."""
    out_of_reach = [1.01 if n == network else least for n, least in enumerate(THRESHOLDS)]
    monkeypatch.setattr(faces, "THRESHOLDS", out_of_reach)
    assert detector.detect(astronaut) == []


def naive(boxes: np.ndarray, scores: np.ndarray, threshold: float, by_smaller: bool) -> list[int]:
    """Each box, best first, against every kept one."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        for k in kept:
            width = min(boxes[i][2], boxes[k][2]) - max(boxes[i][0], boxes[k][0])
            height = min(boxes[i][3], boxes[k][3]) - max(boxes[i][1], boxes[k][1])
            shared = max(width, 0) * max(height, 0)
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[i], boxes[k])]
            if shared > threshold * (min(areas) if by_smaller else sum(areas) - shared):
                break
        else:
            kept.append(i)
    return kept


coordinates = npst.arrays(
    np.int16, st.tuples(st.integers(0, 30), st.just(4)), elements=st.integers(0, 20)
)


@given(
    corners=coordinates,
    seed=st.integers(0, 99),
    by_smaller=st.booleans(),
    quarters=st.integers(0, 4),
)
def test_suppress_equals_the_naive_way(
    corners: np.ndarray, seed: int, by_smaller: bool, quarters: int
) -> None:
    # Whole numbers and quarters are exact in float32: both ways decide ties alike.
    boxes = np.concatenate(
        [corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1, dtype=np.float32
    )
    scores = np.random.default_rng(seed).integers(0, 8, len(boxes)).astype(np.float32) / 8
    threshold = quarters / 4
    kept = suppress(boxes, scores, threshold, by_smaller=by_smaller)
    assert kept.tolist() == naive(boxes.tolist(), scores.tolist(), threshold, by_smaller)


def test_by_union_and_by_smaller_differ_on_a_box_within_another() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 2, 5, 5]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert suppress(boxes, scores, 0.7).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.7, by_smaller=True).tolist() == [0]


def test_suppress_of_nothing() -> None:
    kept = suppress(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5)
    assert kept.tolist() == []
