"""Resident memory: of a loaded detector, of a server after work, over a long folder or video."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import repeat
from pathlib import Path

from benchmarks.cold_start import ENVIRONMENT
from benchmarks.concurrency import Server
from benchmarks.measure import Figures
from benchmarks.subjects import ASTRONAUT, photo
from benchmarks.video import clip, repeated

N_FILES = 10_000
VIDEO_S = 600

FOLDER = """
import io, sys
from itertools import repeat
from benchmarks.memory import N_FILES, resident_mb
from unmask import Detector
import PIL.Image
file = io.BytesIO()
PIL.Image.open(sys.argv[1]).resize((96, 96)).save(file, "PNG")
judge = Detector(side_by_side=True)
for number, _ in enumerate(judge.images(repeat(file.getvalue(), N_FILES)), 1):
    if number in (N_FILES // 100, N_FILES // 10, N_FILES):
        print(number, resident_mb(), flush=True)
"""
VIDEO = """
import sys
from benchmarks.memory import resident_mb
from unmask import Detector
report = Detector(side_by_side=True).video(sys.argv[1])
assert report.coverage.scored, report
print(resident_mb(line="VmHWM"))
"""
LOADED = """
from benchmarks.memory import resident_mb
from unmask import Detector
judge = Detector()
print(resident_mb())
"""


def resident_mb(pid: int | str = "self", *, line: str = "VmRSS") -> float:
    """Resident memory of a process, as Linux counts it; by the line `VmHWM` the most it had.

    `getrusage` would tell the most of what started the process, too, where that is more.
    """
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 (not a file one would join to)
        kilobytes = next(one for one in status if one.startswith(line)).split()[1]
    return round(int(kilobytes) / 1024, 1)


def video_peak_mb(seconds: float) -> float:
    """The most that a process had at once which judged a 1080p video of this length."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        # Small enough to be taken.
        repeated(clip(10, 1920, 1080, crf=32), round(seconds / 10), path)
        return float(_run(VIDEO, path))


def _run(code: str, path: Path = ASTRONAUT) -> str:
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return done.stdout


def measure(repeats: int) -> Figures:
    folder = dict(line.split() for line in _run(FOLDER).splitlines())
    with Server() as server:
        started_mb = resident_mb(server.pid)
        for data in repeat(ASTRONAUT.read_bytes(), repeats):
            server.post(data)
        after_portraits_mb = resident_mb(server.pid)
        server.post(photo(12))
        after_large_mb = resident_mb(server.pid)
    return {
        "detector_mb": float(_run(LOADED)),
        "video_peak_mb": {"seconds": VIDEO_S, "mb": video_peak_mb(VIDEO_S)},
        "folder_mb_after_files": {number: float(mb) for number, mb in folder.items()},
        "server_mb": {
            "started": started_mb,
            f"after {repeats} portraits": after_portraits_mb,
            "after a photo of 12 megapixels": after_large_mb,
        },
    }
