"""What stays in memory: measured in processes of their own, as Linux counts it."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unmask import media
from unmask.errors import TooLargeError
from unmask.memory import within_memory

ASTRONAUT = Path(__file__).parents[1] / "examples" / "astronaut.jpg"

CODE = """
import sys
from pathlib import Path
import numpy as np
import PIL.Image
from unmask import Detector

def resident_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024

judge = Detector()
loaded = resident_mb()
with PIL.Image.open(sys.argv[1]) as portrait:
    large = np.asarray(portrait.resize((4000, 3000)))
judge.image(np.ascontiguousarray(large[:600, :600]))
before = resident_mb()
judge.image(large)
print(loaded, resident_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_model_is_small_and_a_photo_of_12_megapixels_leaves_little_behind() -> None:
    command = [sys.executable, "-c", CODE, str(ASTRONAUT)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded_mb, left_mb = map(int, done.stdout.split())
    assert loaded_mb < 330
    assert left_mb < 180


DECODE = """
import resource
import sys
from pathlib import Path
from unmask.errors import UndecodableError
from unmask.memory import limit_memory
from unmask.video import Video

limit_memory(2**29)
try:
    Video(Path(sys.argv[1]))
except UndecodableError:
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process holds")
def test_a_video_that_claims_millions_of_frames_gets_no_more_memory_than_is_allowed(
    clip: Callable[..., bytes], tmp_path: Path
) -> None:
    """Without a limit, FFmpeg makes 1.4 GB of these two kilobytes."""
    file = tmp_path / "claims.mp4"
    file.write_bytes(claiming(clip([np.zeros((64, 64, 3), np.uint8)] * 2), 20_000_000))
    command = [sys.executable, "-c", DECODE, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 2**29 / 1024


LIMIT = """
import resource
from unmask.memory import limit_memory

_, hard = resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (2**29, hard))
for wanted in (2**30, 2**28):
    limit_memory(wanted)
    print(resource.getrlimit(resource.RLIMIT_DATA)[0] // 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process holds")
def test_a_limit_that_is_there_already_is_lowered_and_never_raised() -> None:
    done = subprocess.run([sys.executable, "-c", LIMIT], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["512", "256"]


def claiming(mp4: bytes, n_samples: int) -> bytes:
    """An MP4 of one track whose tables say, in a few bytes, that it has so many samples."""
    tables = {
        b"stsz": (0, 1, n_samples),  # all of one byte
        b"stsc": (0, 1, 1, n_samples, 1),  # all in one chunk
        b"stts": (0, 1, n_samples, 1),  # all a tick apart
    }
    for name, values in tables.items():
        start = mp4.index(name) - 4
        end = start + int.from_bytes(mp4[start : start + 4])
        box = struct.pack(">I4s", 8 + 4 * len(values), name) + struct.pack(
            f">{len(values)}I", *values
        )
        grown = len(box) - (end - start)
        mp4 = mp4[:start] + box + mp4[end:]
        for parent in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
            at = mp4.index(parent) - 4
            size = int.from_bytes(mp4[at : at + 4]) + grown
            mp4 = mp4[:at] + size.to_bytes(4) + mp4[at + 4 :]
    return mp4


def test_running_out_of_memory_is_a_fault_of_the_one_file() -> None:
    with pytest.raises(TooLargeError, match="more memory"), within_memory():
        raise MemoryError


def test_a_photo_for_which_memory_is_short_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("unmask.media._upright", no_more)
    with pytest.raises(MemoryError):
        media.read(ASTRONAUT)
