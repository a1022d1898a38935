"""All stages wired: a picture or video in, a report out. The one thing every way in calls.

bytes ─media→ Picture ─faces→ [Face] ─alignment→ [FaceCrop] ┬──────────→ network ─calibration→
                                             └─spectrum→ [Spectrum] ↗      └─heatmap→ Heatmap
bytes ─video→ [Frame] ── the same, per frame ──→ timeline: tracks, temporal → VideoReport
"""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from operator import index
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar, get_args

import numpy as np

from unmask import media
from unmask.alignment import align, native_window, whole
from unmask.calibration import calibrate, check_calibration, decide
from unmask.errors import ConfigurationError, InputError, ModelError, UnsupportedFormatError
from unmask.faces import FaceDetector
from unmask.formats import kind_of
from unmask.heatmap import heatmap
from unmask.memory import give_back_memory
from unmask.network import Network, NetworkOutput
from unmask.quality import assess, is_too_small
from unmask.settings import Settings
from unmask.spectrum import NATIVE_SPECTRUM_ID, SPECTRUM_ID, describe
from unmask.temporal import Method
from unmask.timeline import Timeline
from unmask.types import (
    Face,
    FaceCrop,
    FaceReport,
    Frame,
    Image,
    ImageReport,
    ModelCard,
    ModelIdentity,
    Picture,
    Precision,
    Prediction,
    Quality,
    Reason,
    Spectrum,
    Verdict,
    VideoReport,
)

__all__ = ["Detector", "Source"]

Source = str | Path | bytes | BinaryIO | Image | Picture
"""A path, the bytes of a file, an open file, an `(H, W, 3)` uint8 RGB array, or a read picture."""

FIRST_ONLY = (
    "Only the first picture in this file was looked at, and it has more: convert an animation to a "
    "video, or save other pictures as files of their own, to judge them all."
)
NOT_UPRIGHT = "A face on its side or upside down is often missed: turn the picture upright."
MAX_BATCH = 16
"""Faces the network scores at once: a crowd must not cost memory without bound."""
FEW = 8
"""Pictures for which a second session, of one thread, is not worth the half second it takes."""

T = TypeVar("T")
R = TypeVar("R")


class Detector:
    """Finds and judges every face of a picture or a video.

    `model` is a weights file made by `unmask export`; without it the one that ships is used.
    `precision` int8 takes the faster weights beside it, a model of their own.

    `side_by_side` is for many pictures and for videos: each picture or frame has one thread, and as
    many are judged at once as there are `threads`. Without it a single picture has all of them.

    Raises:
        ModelError: the weights cannot be trusted, or fail their proof on this machine.
        ValueError: there is no such precision.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        precision: Precision = "fp32",
        threads: int = 0,
        side_by_side: bool = False,
    ) -> None:
        model = None if model is None else Path(model)
        self._settings = Settings.model_construct(model=model, precision=precision, threads=threads)
        self._threads_each = 1 if side_by_side else threads
        self._network = Network(model, precision=precision, threads=self._threads_each)
        self._faces = FaceDetector(threads=self._threads_each)
        self._single: Detector | None = None
        self._prove()
        give_back_memory()

    @classmethod
    def from_settings(cls, settings: Settings, *, side_by_side: bool = False) -> Detector:
        """The detector that `UNMASK_*` asks for."""
        detector = cls(
            settings.model,
            precision=settings.precision,
            threads=settings.threads,
            side_by_side=side_by_side,
        )
        detector._settings = settings
        return detector

    @property
    def card(self) -> ModelCard:
        return self._network.card

    @property
    def identity(self) -> ModelIdentity:
        return self._network.identity

    def image(self, source: Source, *, heatmaps: bool = True) -> ImageReport:
        """Judge one picture.

        Raises:
            InputError: it cannot be read; `code` says why and the message what to do.
        """
        clock = _Clock()
        with clock("media"):
            picture = self.read(source)
        with clock("faces"):
            faces = self._faces.detect(picture.pixels)
        reports = self._judge(
            picture.pixels, faces, clock, heatmaps=heatmaps, jpeg_quality=picture.jpeg_quality
        )
        verdict, reason, headline = _summarise(reports)
        remarks = [FIRST_ONLY] * picture.has_more + [NOT_UPRIGHT] * (not faces)
        return ImageReport(
            path=_path(source),
            sha256=picture.sha256,
            verdict=verdict,
            reason=reason,
            faces=tuple(reports),
            headline_face=headline,
            width=picture.pixels.shape[1],
            height=picture.pixels.shape[0],
            format=picture.format,
            model=self.identity,
            timings_ms=clock.timings_ms,
            n_bytes=picture.n_bytes,
            camera=picture.camera,
            detail=" ".join(remarks) or None,
        )

    def images(self, sources: Iterable[Source], *, heatmaps: bool = False) -> Iterator[ImageReport]:
        """Judge many pictures, in order. One that cannot be read is reported, not raised.

        Works ahead, on as many at once as there are threads, each picture on one; never holds
        more than that, however many come. The ninth picture loads a second session for it, unless
        this detector is one for pictures side by side.

        Raises:
            TypeError: given one picture, whose letters, lines or rows would be taken for many.
        """
        is_array = isinstance(sources, np.ndarray) and sources.ndim == 3
        is_file = hasattr(sources, "read")
        if is_array or is_file or isinstance(sources, str | bytes | Path | Picture):
            raise TypeError(f"expected many pictures, got one {type(sources).__name__}: use image")

        def judge(given: tuple[Detector, Source]) -> ImageReport:
            detector, source = given
            try:
                return detector.image(source, heatmaps=heatmaps)
            except InputError as error:
                return detector.refusal(source, error)

        return self._ahead(judge, self._with_session(sources))

    def video(
        self,
        source: str | Path | bytes | BinaryIO,
        *,
        max_frames: int = 30,
        every: int | None = None,
        method: Method = "scan",
        heatmaps: bool = False,
        progress: Callable[[int, int], None] | None = None,
        seen: Callable[[Frame, Sequence[FaceReport]], None] | None = None,
    ) -> VideoReport:
        """Judge one video, person by person.

        Looks at `max_frames` over the whole duration, then closer where somebody is suspicious.
        With `every` it takes each `every`-th frame from the first instead, `max_frames` at most.
        `progress` is told how many frames are done, and of how many; `seen` gets each frame with
        its faces, since the report keeps no pictures. Frames are looked at side by side, and told
        of in order; the times of their stages may add up to more than passes.

        Raises:
            InputError: it cannot be read or decoded; `code` says why and the message what to do.
            TypeError: `max_frames` or `every` is no whole number.
            ValueError: one of them is less than 1, or there is no such method.
        """
        if min(index(max_frames), 1 if every is None else index(every)) < 1:
            raise ValueError(f"max_frames {max_frames} and every {every}: expected 1 or more")
        if method not in get_args(Method):
            raise ValueError(f"method {method!r}: expected {', '.join(get_args(Method))}")
        # With it comes FFmpeg, which a photo need not wait for.
        from unmask.video import Video

        clock, settings = _Clock(), self._settings
        deadline = time.monotonic() + settings.video_budget_s
        # Frames are looked at side by side: threads of each beside the others' cost a twelfth more.
        finder = self._faces.on_one_thread()

        def judge(frame: Frame) -> tuple[Frame, list[FaceReport], _Clock]:
            own = _Clock()
            with own("faces"):
                faces = finder.detect(frame.pixels)
            return frame, self._judge(frame.pixels, faces, own, heatmaps=heatmaps), own

        def look(frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[FaceReport]]]:
            for frame, reports, own in self._ahead(judge, clock.each("media", frames)):
                clock.add(own)
                if seen is not None:
                    seen(frame, reports)
                yield frame, reports

        with clock("media"), _sent_on(source, other="image"):
            video = Video(
                source,
                max_bytes=settings.max_video_bytes,
                max_duration_s=settings.max_video_s,
                threads=settings.threads,
                deadline=deadline,
            )
        with video:
            timeline = Timeline(
                video,
                look,
                verdict_of=self._decide,
                calibration=self.card.calibration.get("video"),
                method=method,
                deadline=deadline,
                progress=progress,
            )
            if every is not None:
                timeline.watch(video.every(every, max_frames=max_frames))
            else:
                timeline.watch(video.spread(max_frames))
                timeline.watch(timeline.closer_looks())
        path = str(source) if isinstance(source, str | Path) else None
        return timeline.report(path, self.identity, clock.timings_ms)

    def crops(self, crops: Sequence[Image]) -> list[Prediction]:
        """Score pictures that are face crops already, without looking for faces.

        For evaluation on data sets of crops; each is `(h, w, 3)` uint8 RGB of any size.
        """
        size = self.card.input_size
        predictions: list[Prediction] = []
        for start in range(0, len(crops), MAX_BATCH):
            images = crops[start : start + MAX_BATCH]
            batch = [whole(image, size=size) for image in images]
            spectra = [self._describe(*pair) for pair in zip(images, batch, strict=True)]
            output = self._network.run([crop.pixels for crop in batch], spectra)
            predictions += self._predictions(output)
        return predictions

    def read(self, source: Source) -> Picture:
        """Decode a source within this detector's limits; a read picture is returned as it is."""
        if isinstance(source, Picture):
            return source
        settings = self._settings
        with _sent_on(source, other="video"):
            return media.read(
                source, max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels
            )

    def refusal(self, source: Source, error: InputError) -> ImageReport:
        """The report of a picture that could not be read."""
        return ImageReport(
            path=_path(source),
            sha256=error.sha256,
            verdict=Verdict.NOT_ANALYSED,
            reason=Reason(error.code),
            faces=(),
            headline_face=None,
            width=None,
            height=None,
            format=None,
            model=self.identity,
            timings_ms={},
            detail=str(error),
        )

    def _with_session(self, sources: Iterable[Source]) -> Iterator[tuple[Detector, Source]]:
        """Each source with who is to judge it: where they are many, one that uses one thread.

        Side by side on the threads of one session they would wait for each other, a tenth of the
        time. The frames of a video then do: a second session takes more memory than they are worth.
        """
        for number, source in enumerate(sources):
            if number == FEW and self._single is None and self._threads_each != 1:
                self._single = Detector.from_settings(self._settings, side_by_side=True)
            yield self._single or self, source

    def _ahead(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`function` of each item, in order; at work on as many at once as there are threads."""
        n_ahead = self._settings.threads or os.cpu_count() or 1
        pool = ThreadPoolExecutor(n_ahead)
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _judge(
        self,
        image: Image,
        faces: Sequence[Face],
        clock: _Clock,
        *,
        heatmaps: bool,
        jpeg_quality: int | None = None,
    ) -> list[FaceReport]:
        card = self.card
        with clock("alignment"):
            crops = [
                align(image, face, size=card.input_size, margin=card.crop_margin) for face in faces
            ]
        with clock("quality"):
            qualities = [
                assess(face, crop, card.quality_rules, jpeg_quality=jpeg_quality)
                for face, crop in zip(faces, crops, strict=True)
            ]
        scored = [i for i, face in enumerate(faces) if not is_too_small(face, card.quality_rules)]
        reports = [
            FaceReport(face, Verdict.NOT_ANALYSED, Reason.FACE_TOO_SMALL, None, quality)
            for face, quality in zip(faces, qualities, strict=True)
        ]
        for start in range(0, len(scored), MAX_BATCH):
            batch = scored[start : start + MAX_BATCH]
            with clock("spectrum"):
                spectra = [self._describe(image, crops[i]) for i in batch]
            with clock("network"):
                output = self._network.run([crops[i].pixels for i in batch], spectra)
            with clock("heatmap"):
                maps = [
                    heatmap(cam, crops[i]) if heatmaps else None
                    for cam, i in zip(output.cams, batch, strict=True)
                ]
            for i, prediction, one, spectrum in zip(
                batch, self._predictions(output), maps, spectra, strict=True
            ):
                verdict, reason = self._verdict(prediction, qualities[i])
                reports[i] = FaceReport(
                    faces[i], verdict, reason, prediction, qualities[i], one, spectrum
                )
        return reports

    @property
    def sees_native_pixels(self) -> bool:
        """Whether the spectrum is of the picture's own pixels, so that scaling it changes it."""
        return self.card.spectrum_id == NATIVE_SPECTRUM_ID

    def _describe(self, image: Image, crop: FaceCrop) -> Spectrum:
        if self.sees_native_pixels:
            return describe(native_window(image, crop.affine, size=self.card.input_size))
        return describe(crop.pixels)

    def without(self, prediction: Prediction, branch: str) -> Prediction:
        """What the model says of the same face while a branch is held at its mean over faces.

        Raises:
            ConfigurationError: the model has no such branch.
        """
        if branch not in prediction.contributions:
            there = " and ".join(prediction.contributions)
            raise ConfigurationError(f"the model has no branch {branch!r}, it has {there}")
        logit = prediction.logit - prediction.contributions[branch]
        return Prediction(logit, float(calibrate(logit, self.card.calibration)))

    def _predictions(self, output: NetworkOutput) -> list[Prediction]:
        probabilities = calibrate(output.logits, self.card.calibration)
        return [
            Prediction(
                float(logit), float(p), {"spatial": float(spatial), "frequency": float(frequency)}
            )
            for logit, p, (spatial, frequency) in zip(
                output.logits, probabilities, output.contributions, strict=True
            )
        ]

    def decide(self, prediction: Prediction) -> Verdict:
        """What the card's thresholds make of a prediction, the face's quality aside."""
        return decide(prediction.p_fake, self.card.thresholds)

    def _verdict(self, prediction: Prediction, quality: Quality) -> tuple[Verdict, Reason | None]:
        """The thresholds decide, unless the face is unlike those the thresholds were set on."""
        if quality.reasons:
            return Verdict.INCONCLUSIVE, quality.reasons[0]
        return self._decide(prediction.p_fake)

    def _decide(self, p_fake: float) -> tuple[Verdict, Reason | None]:
        verdict = decide(p_fake, self.card.thresholds)
        between = verdict is Verdict.INCONCLUSIVE
        return verdict, Reason.BETWEEN_THRESHOLDS if between else None

    def _prove(self) -> None:
        """Score the card's golden samples: a changed library or processor must not go unnoticed."""
        known = (SPECTRUM_ID, NATIVE_SPECTRUM_ID)
        if self.card.spectrum_id not in known:
            message = f"The model was trained on the spectrum {self.card.spectrum_id!r}, this"
            raise ModelError(f"{message} version computes {' and '.join(known)}; export it anew.")
        check_calibration(self.card.calibration)
        samples = self._network.golden()
        predictions = self.crops([sample.crop for sample in samples])
        for sample, prediction in zip(samples, predictions, strict=True):
            if not abs(prediction.logit - sample.logit) <= sample.tolerance:
                raise ModelError(
                    f"The model {self.identity.name} fails its proof on this machine: a golden "
                    f"sample scored {prediction.logit:.4f} instead of {sample.logit:.4f}. Its "
                    "answers cannot be trusted; check the versions of onnxruntime, numpy, pillow."
                )


@contextmanager
def _sent_on(source: object, *, other: Literal["image", "video"]) -> Iterator[None]:
    """Say of what is of the other kind where it belongs: to convert it would not help.

    Of a stream nothing is said, which may not be there to be looked at again.
    """
    try:
        yield
    except UnsupportedFormatError as error:
        if isinstance(source, str | Path):
            with Path(source).open("rb") as file:
                kind = kind_of(file)
        else:
            kind = kind_of(io.BytesIO(source if isinstance(source, bytes) else b""))
        if kind != other:
            raise
        name = "a picture" if other == "image" else "a video"
        told = UnsupportedFormatError(
            f"This is {name}; judge it as one, in Python with Detector.{other}."
        )
        told.sha256 = error.sha256
        raise told from error


def _path(source: Source) -> str | None:
    return str(source) if isinstance(source, str | Path) else None


class _Clock:
    """Milliseconds per stage, in `timings_ms`."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._took(stage, (time.perf_counter() - started) * 1000)

    def each(self, stage: str, things: Iterable[T]) -> Iterator[T]:
        """The things, as a stage that makes them one by one."""
        following = iter(things)
        while True:
            with self(stage):
                thing = next(following, None)
            if thing is None:
                return
            yield thing

    def add(self, other: _Clock) -> None:
        """Count what another clock measured."""
        for stage, elapsed_ms in other.timings_ms.items():
            self._took(stage, elapsed_ms)

    def _took(self, stage: str, elapsed_ms: float) -> None:
        self.timings_ms[stage] = round(self.timings_ms.get(stage, 0.0) + elapsed_ms, 3)


def _summarise(
    faces: Sequence[FaceReport],
) -> tuple[Verdict, Reason | None, int | None]:
    """The picture's verdict, its reason, and the index of the face that decided.

    Fake if any face is, else inconclusive if any is, else real. Of the faces with that verdict
    the one with the highest probability decides.
    """
    if not faces:
        return Verdict.NOT_ANALYSED, Reason.NO_FACE, None
    for verdict in (Verdict.LIKELY_FAKE, Verdict.INCONCLUSIVE, Verdict.LIKELY_REAL):
        candidates = [
            (face.prediction.p_fake, i)
            for i, face in enumerate(faces)
            if face.verdict is verdict and face.prediction is not None
        ]
        if not candidates:
            continue
        headline = max(candidates)[1]
        reason = faces[headline].reason
        if reason is None and any(face.prediction is None for face in faces):
            reason = Reason.SOME_FACES_NOT_ANALYSED
        return verdict, reason, headline
    largest = int(np.argmax([face.face.box.side for face in faces]))
    return Verdict.NOT_ANALYSED, faces[largest].reason, None
