"""Resident memory: of a loaded detector, of a server after work, and over a long folder."""

from __future__ import annotations

import subprocess
import sys
from itertools import repeat

from benchmarks.cold_start import ENVIRONMENT
from benchmarks.concurrency import Server
from benchmarks.measure import Figures
from benchmarks.subjects import ASTRONAUT, photo

N_FILES = 10_000

FOLDER = """
import io, sys
from itertools import repeat
from benchmarks.memory import N_FILES, resident_mb
from unmask import Detector
import PIL.Image
file = io.BytesIO()
PIL.Image.open(sys.argv[1]).resize((96, 96)).save(file, "PNG")
judge = Detector()
for number, _ in enumerate(judge.images(repeat(file.getvalue(), N_FILES)), 1):
    if number in (N_FILES // 100, N_FILES // 10, N_FILES):
        print(number, resident_mb(), flush=True)
"""
LOADED = """
from benchmarks.memory import resident_mb
from unmask import Detector
judge = Detector()
print(resident_mb())
"""


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process, as Linux counts it."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 (not a file one would join to)
        line = next(line for line in status if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def measure(repeats: int) -> Figures:
    def run(code: str) -> str:
        command = [sys.executable, "-c", code, str(ASTRONAUT)]
        done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
        return done.stdout

    folder = dict(line.split() for line in run(FOLDER).splitlines())
    with Server() as server:
        started_mb = resident_mb(server.pid)
        for data in repeat(ASTRONAUT.read_bytes(), repeats):
            server.post(data)
        after_portraits_mb = resident_mb(server.pid)
        server.post(photo(12))
        after_large_mb = resident_mb(server.pid)
    return {
        "detector_mb": float(run(LOADED)),
        "folder_mb_after_files": {number: float(mb) for number, mb in folder.items()},
        "server_mb": {
            "started": started_mb,
            f"after {repeats} portraits": after_portraits_mb,
            "after a photo of 12 megapixels": after_large_mb,
        },
    }
