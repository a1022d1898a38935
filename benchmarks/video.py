"""A clip of ten seconds, 1280 x 720 px at 25 frames a second, from its bytes to the report."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image

from benchmarks.measure import Figures, interleaved, ratio, spreads
from benchmarks.subjects import ASTRONAUT, bare_network
from unmask.detector import Detector

FPS = 25


def clip(seconds: float, width: int = 1280, height: int = 720, *, crf: int = 23) -> bytes:
    """H.264 in MP4: the example's face moves across a grey picture."""
    side = min(width, height)
    with PIL.Image.open(ASTRONAUT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((side, side)))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"preset": "ultrafast", "crf": str(crf)}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for i in range(round(seconds * FPS)):
            pixels = np.full((height, width, 3), 127, np.uint8)
            x = round((width - side) * (1 - abs(1 - i / FPS % 10 / 5)))
            pixels[:side, x : x + side] = face
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def repeated(data: bytes, n: int, target: Path) -> None:
    """Write a clip `n` times in a row as one video, without encoding it again."""
    with av.open(str(target), "w", format="mp4") as output:
        stream = None
        for number in range(n):
            with av.open(io.BytesIO(data)) as source:
                track = source.streams.video[0]
                stream = stream or output.add_stream_from_template(track)
                for packet in source.demux(track):
                    if packet.size:
                        packet.pts += number * track.duration
                        packet.dts += number * track.duration
                        packet.stream = stream
                        output.mux(packet)


def measure(repeats: int) -> Figures:
    data, judge, network = clip(10), Detector(side_by_side=True), bare_network()
    report = judge.video(data)
    assert report.coverage is not None
    times = interleaved(
        {"bare network": network, "clip": lambda: judge.video(data)},
        repeats=max(3, repeats // 4),
        warm_up=1,
    )
    n_faces = sum(len(frame.faces) for frame in report.frames)
    per_face = {**times, "clip": [ms / n_faces for ms in times["clip"]]}
    return {
        "times": spreads(times),
        "frames_sampled": report.coverage.sampled,
        "faces_scored": n_faces,
        "stages_ms": dict(report.timings_ms),
        "clip_over_network_of_its_faces": ratio(per_face, "clip", "bare network"),
    }
