"""A judged video -> pictures for people: the video with its verdicts drawn in, or one sheet.

People are counted from 1, as on the page; the indices of a report are from 0.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from unmask.types import Box, Frame, Image, Verdict, VideoReport, percent
from unmask.video import Video, VideoInfo

__all__ = ["contact_sheet", "render"]

COLOURS = {
    Verdict.LIKELY_FAKE: (213, 94, 0),
    Verdict.INCONCLUSIVE: (240, 228, 66),
    Verdict.LIKELY_REAL: (0, 158, 115),
    Verdict.NOT_ANALYSED: (150, 150, 150),
}
"""Of the palette that people of every colour vision tell apart (Okabe & Ito 2008)."""

BAR_PX, TEXT_PX, LINE_PX = 24, 14, 3
LEGIBLE_PX = 480
"""Of a picture's shorter side; where it has twice as many, what is drawn is twice as large."""
CLOCK = Fraction(1, 1000)
TILE_PX = 224
COLUMNS, TILES = 4, 12
GAP_S = 2.0
"""Boxes are drawn between two sightings no further apart than this."""


def render(
    source: str | Path | bytes | BinaryIO,
    report: VideoReport,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write an MP4 of the pictures, without sound, with every person boxed and a bar of scores.

    The bar below shows the probability of the headline person over time; a line marks the moment.
    """
    people = [_Person(report, number) for number in range(len(report.tracks))]
    with _judged(source) as video, av.open(str(out), "w", format="mp4") as output:
        info = video.info
        px_per_s = info.width / (info.duration_s or 1.0)  # a single frame may have no duration
        zoom = max(1, min(info.width, info.height) // LEGIBLE_PX)
        bar = _bar(report, info.width, px_per_s, zoom)
        stream = output.add_stream("libx264", options={"crf": "20", "preset": "veryfast"})
        # H.264 stores colour for pairs of pixels; an odd last row or column is left out.
        stream.width = max(info.width // 2 * 2, 2)
        stream.height = (info.height + bar.height) // 2 * 2
        stream.pix_fmt = "yuv420p"
        # What the conversion gives; of large pictures players would take it for BT.709.
        stream.codec_context.colorspace = Colorspace.ITU601
        stream.codec_context.time_base = CLOCK
        last_ms = -1
        for frame in video.frames(range(info.n_frames)):
            canvas = PIL.Image.new("RGB", (max(info.width, 2), info.height + bar.height))
            canvas.paste(_picture(frame, info))
            canvas.paste(bar, (0, info.height))
            draw = PIL.ImageDraw.Draw(canvas)
            for person in people:
                box = person.box_at(frame.time_s)
                if box is not None:
                    _label(canvas, box, person, zoom)
            x = frame.time_s * px_per_s
            draw.line((x, info.height, x, canvas.height), fill="white", width=2 * zoom)
            last_ms = max(round(frame.time_s * 1000), last_ms + 1)
            _encode(output, stream, canvas, last_ms)
            if progress is not None:
                progress(frame.index + 1, info.n_frames)
        output.mux(stream.encode(None))


def contact_sheet(source: str | Path | bytes | BinaryIO, report: VideoReport) -> Image:
    """The most telling faces, one a tile with person, time and probability, in order of time.

    The dozen highest scores of the headline person, or of everybody where nobody decided.
    """
    scored = [
        (face.prediction.p_fake, frame.index, face.face.box, track)
        for frame in report.frames
        for track, face in zip(frame.tracks, frame.faces, strict=True)
        if face.prediction is not None and report.headline_track in (None, track)
    ]
    best = sorted(scored, key=lambda one: one[0], reverse=True)[:TILES]
    best.sort(key=lambda one: one[1])
    rows = max(1, -(-len(best) // COLUMNS))
    sheet = PIL.Image.new("RGB", (COLUMNS * TILE_PX, rows * (TILE_PX + BAR_PX)), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    if not best:
        draw.text((8, 8), "No face was scored.", fill="black", font=_font())
        return np.asarray(sheet)
    with _judged(source) as video:
        for frame in video.frames(index for _, index, _, _ in best):
            picture = _picture(frame, video.info)
            for place, (p_fake, index, box, track) in enumerate(best):
                if index != frame.index:
                    continue
                x, y = place % COLUMNS * TILE_PX, place // COLUMNS * (TILE_PX + BAR_PX)
                sheet.paste(_tile(picture, box), (x, y))
                text = f"person {track + 1}  {frame.time_s:.1f} s  {percent(p_fake)}"
                draw.text((x + 4, y + TILE_PX + 4), text, fill="black", font=_font())
    return np.asarray(sheet)


def _judged(source: str | Path | bytes | BinaryIO) -> Video:
    """A video that has its report already: the limits it was judged under are not asked again."""
    return Video(source, max_bytes=sys.maxsize, max_duration_s=math.inf)


class _Person:
    """Where a person is at any time, and what is written beside."""

    def __init__(self, report: VideoReport, number: int) -> None:
        track = report.tracks[number]
        self.colour = COLOURS[track.verdict]
        verdict = track.verdict.value.replace("_", " ")
        chance = "" if track.p_fake is None else f" {percent(track.p_fake)}"
        self.label = f"{number + 1}: {verdict}{chance}"
        seen = [
            (frame.time_s, frame.faces[frame.tracks.index(number)].face.box)
            for frame in report.frames
            if number in frame.tracks
        ]
        self._times_s = [time_s for time_s, _ in seen]
        self._boxes = [box for _, box in seen]

    def box_at(self, time_s: float) -> Box | None:
        """The box, on a straight line between two sightings; None where the person is away."""
        after = bisect_right(self._times_s, time_s)
        near = [i for i in (after - 1, after) if 0 <= i < len(self._times_s)]
        if len(near) == 2 and self._times_s[near[1]] - self._times_s[near[0]] <= GAP_S:
            (t0, a), (t1, b) = ((self._times_s[i], self._boxes[i]) for i in near)
            share = (time_s - t0) / (t1 - t0)
            return Box(
                a.x1 + share * (b.x1 - a.x1),
                a.y1 + share * (b.y1 - a.y1),
                a.x2 + share * (b.x2 - a.x2),
                a.y2 + share * (b.y2 - a.y2),
            )
        close = [i for i in near if abs(self._times_s[i] - time_s) <= GAP_S / 4]
        return self._boxes[close[0]] if close else None


def _bar(report: VideoReport, width: int, px_per_s: float, zoom: int) -> PIL.Image.Image:
    """A strip with a column for each score of the headline person, as high as likely fake."""
    bar = PIL.Image.new("RGB", (width, BAR_PX * zoom), (30, 30, 30))
    draw = PIL.ImageDraw.Draw(bar)
    scores = [
        (frame.time_s, face.prediction.p_fake, face.verdict)
        for frame in report.frames
        for track, face in zip(frame.tracks, frame.faces, strict=True)
        if track == report.headline_track and face.prediction is not None
    ]
    for time_s, p_fake, verdict in scores:
        x = time_s * px_per_s
        top = (bar.height - 1) * (1 - p_fake)
        draw.rectangle((x - 2 * zoom, top, x + 2 * zoom, bar.height), fill=COLOURS[verdict])
    return bar


def _label(canvas: PIL.Image.Image, box: Box, person: _Person, zoom: int) -> None:
    draw, font, pad = PIL.ImageDraw.Draw(canvas), _font(zoom), LINE_PX * zoom
    draw.rectangle((box.x1, box.y1, box.x2, box.y2), outline=person.colour, width=pad)
    left, top, right, bottom = draw.textbbox((0, 0), person.label, font=font)
    # All of it is to be seen, also of a face that the border cuts off.
    x = max(0.0, min(box.x1, canvas.width - right - pad))
    y = max(0.0, box.y1 - 20 * zoom)
    draw.rectangle(
        (x + left - pad, y + top - pad, x + right + pad, y + bottom + pad), person.colour
    )
    draw.text((x, y), person.label, fill="black", font=font)


def _picture(frame: Frame, video: VideoInfo) -> PIL.Image.Image:
    """A frame at the size of the video, in whose px every position is."""
    return PIL.Image.fromarray(frame.pixels).resize((video.width, video.height))


def _tile(picture: PIL.Image.Image, box: Box) -> PIL.Image.Image:
    """The square round a face, with half a face of its surroundings."""
    (x, y), half = box.centre, 0.75 * box.side
    square = (round(x - half), round(y - half), round(x + half), round(y + half))
    return picture.crop(square).resize((TILE_PX, TILE_PX))


def _encode(
    output: av.container.OutputContainer, stream: VideoStream, canvas: PIL.Image.Image, ms: int
) -> None:
    picture = np.asarray(canvas)[: stream.height, : stream.width]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame.pts, frame.time_base = ms, CLOCK
    output.mux(stream.encode(frame))


@cache
def _font(zoom: int = 1) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(TEXT_PX * zoom)
