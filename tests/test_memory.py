"""What stays in memory: measured in processes of their own, as Linux counts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
