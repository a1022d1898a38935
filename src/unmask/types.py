"""The vocabulary: what flows between the stages. NumPy only.

Images are `(H, W, 3)` uint8 **RGB** everywhere. Positions are float pixels of the image they
refer to, x to the right, y down. Probabilities are fractions. FAKE is the positive class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FACTS",
    "Box",
    "Coverage",
    "Face",
    "FaceCrop",
    "FaceReport",
    "Facts",
    "Frame",
    "FrameReport",
    "Heatmap",
    "Image",
    "ImageReport",
    "Interval",
    "Label",
    "Landmarks",
    "ModelCard",
    "ModelIdentity",
    "Picture",
    "Precision",
    "Prediction",
    "Quality",
    "Reason",
    "Spectrum",
    "TrackReport",
    "Verdict",
    "VideoReport",
    "label_of",
    "percent",
]

Image = NDArray[np.uint8]
"""`(H, W, 3)` uint8 RGB, upright as its EXIF orientation says."""

Landmarks = NDArray[np.float32]
"""`(5, 2)` float px: left eye, right eye, nose, left and right mouth corner (left = image left)."""

Label = Literal["REAL", "FAKE"]

Precision = Literal["fp32", "int8"]
"""What a weights file computes in; int8 is faster, and a model of its own with its own card."""


def label_of(p_fake: float) -> Label:
    """FAKE above one half: a tie accuses nobody."""
    return "FAKE" if p_fake > 0.5 else "REAL"


def percent(p_fake: float) -> str:
    """A probability as people read it: never 0 or 100, which no measurement can claim."""
    return f"{min(max(p_fake, 0.001), 0.999):.1%}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a manifest may tell of a file besides its label; empty where it is not known.

    `identity` is the person shown, `original` the genuine video a fake was made from.
    """

    method: str = ""
    identity: str = ""
    video: str = ""
    original: str = ""
    source: str = ""
    split: str = ""


FACTS = tuple(one.name for one in fields(Facts))
"""The columns of a manifest beside `path` and `label`."""


class Verdict(StrEnum):
    """What a person is told."""

    LIKELY_FAKE = "likely_fake"
    LIKELY_REAL = "likely_real"
    INCONCLUSIVE = "inconclusive"
    NOT_ANALYSED = "not_analysed"


class Reason(StrEnum):
    """Why a verdict is missing, weak or partial."""

    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    BLURRED = "blurred"
    EXTREME_POSE = "extreme_pose"
    TRUNCATED = "truncated"
    BETWEEN_THRESHOLDS = "between_thresholds"
    SOME_FACES_NOT_ANALYSED = "some_faces_not_analysed"
    UNDECODABLE = "undecodable"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    TIMED_OUT = "timed_out"
    FEW_FRAMES = "few_frames"
    DOUBTFUL_FACE = "doubtful_face"


@dataclass(frozen=True, slots=True)
class Box:
    """A face rectangle in float px of its image, half-open: `x1 <= x < x2`, `y1 <= y < y2`."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def side(self) -> float:
        """The longer side, in px: the size of a face."""
        return max(self.width, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded file: its upright `pixels` and what the bytes told besides.

    `format` is `JPEG`, `PNG`, `WEBP`, `AVIF`, `HEIF`, `GIF`, `BMP`, `TIFF`, or `ARRAY` for pixels
    that came without a file; `sha256` and `n_bytes` are then None. `jpeg_quality` (1 to 100) is
    an estimate, None where the file is no JPEG. `camera` has what the EXIF block claims of `make`,
    `model`, `software` and `date`. `has_more` is true where these pixels are the first of several
    pictures, as of an animation.
    """

    pixels: Image
    format: str
    sha256: str | None = None
    n_bytes: int | None = None
    jpeg_quality: int | None = None
    camera: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detection: where, its five landmarks, and the detector's score in [0, 1]."""

    box: Box
    landmarks: Landmarks
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """An aligned face: `pixels` (S, S, 3) uint8 RGB and the (2, 3) `affine` from image to crop px.

    `truncated` is the share of the crop, in [0, 1], that lies outside the image (filled by
    reflection).
    """

    pixels: Image
    affine: NDArray[np.float64]
    truncated: float


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The frequency description of a crop: `vector` (512,) float32, 256 FFT then 256 DCT values."""

    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's answer for one face that was scored.

    `logit` is the model's raw fake-minus-real logit, `p_fake` its calibrated probability in [0, 1].
    `contributions` are logits: how much the answer would fall without each branch.
    """

    logit: float
    p_fake: float
    contributions: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> Label:
        return label_of(self.p_fake)

    @property
    def confidence(self) -> float:
        """`max(p_fake, 1 - p_fake)`, in [0.5, 1]."""
        return max(self.p_fake, 1.0 - self.p_fake)


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Grad-CAM for the FAKE logit: `values` (h, w) float32 in [0, 1], over the crop of `affine`.

    `empty` is true where nothing spoke for FAKE; the values are then all zero.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]
    crop_size: int

    @property
    def empty(self) -> bool:
        return not bool(self.values.any())

    def corners(self) -> NDArray[np.float64]:
        """`(4, 2)` px of the image: the crop's corners, clockwise from its top left."""
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.crop_size
        return np.linalg.solve(self.affine[:, :2], (square - self.affine[:, 2]).T).T.astype(float)


@dataclass(frozen=True, slots=True)
class Quality:
    """What limits how far an answer may be trusted.

    `face_px` is the longer side of the box, `sharpness` the standard deviation of the crop's
    Laplacian (grey levels), `yaw` in [0, 1] how far the nose is from between the eyes (0 frontal,
    1 profile), `roll_deg` the tilt of the eyes, `truncated` the share outside the image,
    `jpeg_quality` the file's estimated quality or None where it is no JPEG.
    """

    face_px: float
    sharpness: float
    yaw: float
    roll_deg: float
    truncated: float
    jpeg_quality: int | None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaceReport:
    """What is known of one face. `prediction` and `spectrum` are None where it was not analysed."""

    face: Face
    verdict: Verdict
    reason: Reason | None
    prediction: Prediction | None
    quality: Quality
    heatmap: Heatmap | None = None
    spectrum: Spectrum | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights gave an answer."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class ImageReport:
    """What is known of one picture.

    `verdict` is `likely_fake` if any analysed face is, else `inconclusive` if any is, else
    `likely_real`; `headline_face` is the index of the face that decided. `width`, `height` and
    `format` are None where the picture could not be decoded; `detail` then says what to do. It also
    says what may help where no face was found, and where the file has more pictures than the one
    that was looked at.
    `n_bytes` is the size of the file, None where there was none.
    `camera` is what the file claims of its origin, which anyone can change.
    """

    path: str | None
    sha256: str | None
    verdict: Verdict
    reason: Reason | None
    faces: tuple[FaceReport, ...]
    headline_face: int | None
    width: int | None
    height: int | None
    format: str | None
    model: ModelIdentity
    timings_ms: Mapping[str, float]
    n_bytes: int | None = None
    camera: Mapping[str, str] = field(default_factory=dict)
    detail: str | None = None

    @property
    def headline(self) -> FaceReport | None:
        return None if self.headline_face is None else self.faces[self.headline_face]

    @property
    def p_fake(self) -> float | None:
        """The calibrated probability of the face that decided; None where nothing was scored."""
        prediction = self.headline.prediction if self.headline else None
        return prediction.p_fake if prediction else None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a weights file promises. Stored as JSON inside the ONNX metadata.

    Only what the program acts on is a field; all else a reader should know (training data and
    their terms, metrics, known failures) is in `documentation`.
    """

    name: str
    version: str
    architecture: str
    branches: tuple[str, ...]
    input_size: int
    crop_margin: float
    normalisation: str
    classes: tuple[str, str]
    spectrum_id: str
    calibration: Mapping[str, Any]
    thresholds: Mapping[str, float]
    quality_rules: Mapping[str, float]
    golden: tuple[Mapping[str, Any], ...]
    documentation: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video: its number in the order they are shown, and when, in seconds."""

    pixels: Image
    index: int
    time_s: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameReport:
    """What is known of one sampled frame.

    `tracks` has the number of the track of each face. `reason` says why no face of the frame was
    scored, and is None where one was; a `doubtful_face` has no score.
    """

    index: int
    time_s: float
    faces: tuple[FaceReport, ...]
    tracks: tuple[int, ...]
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time that looks manipulated: `p_fake` is the probability of its frames."""

    start_s: float
    end_s: float
    p_fake: float


@dataclass(frozen=True, slots=True)
class TrackReport:
    """What is known of one person in a video.

    `n_scored` counts the faces that were scored and keep every rule of the model card; none of what
    was taken for a pattern. `p_fake` is None where nothing was scored, and where votes were
    counted: then `vote_share`, in [0, 1], is the share of FAKE, which is no probability.
    """

    verdict: Verdict
    reason: Reason | None
    p_fake: float | None
    vote_share: float | None
    start_s: float
    end_s: float
    n_faces: int
    n_scored: int
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a video the answer rests on, in frames and as a share of its duration.

    `sampled` = `scored` + the sum of `rejected`, which has a count for each reason.
    `analysed_share` is the share of the duration within half a second of a scored frame.
    """

    duration_s: float
    analysed_share: float
    sampled: int
    decoded: int
    with_face: int
    scored: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class VideoReport:
    """What is known of one video.

    `verdict` follows from its tracks as that of a picture from its faces; `headline_track` is the
    one that decided. Positions are px of the upright frame of `width` x `height`.
    """

    path: str | None
    sha256: str | None
    verdict: Verdict
    reason: Reason | None
    tracks: tuple[TrackReport, ...]
    frames: tuple[FrameReport, ...]
    headline_track: int | None
    coverage: Coverage | None
    width: int | None
    height: int | None
    format: str | None
    codec: str | None
    method: str | None
    model: ModelIdentity
    timings_ms: Mapping[str, float]
    detail: str | None = None

    @property
    def headline(self) -> TrackReport | None:
        return None if self.headline_track is None else self.tracks[self.headline_track]

    @property
    def p_fake(self) -> float | None:
        """The calibrated probability of the person who decided; None where nothing was scored."""
        return self.headline.p_fake if self.headline else None
