"""From a cold process: what a user waits for who types a command once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Figures, interleaved, spreads
from benchmarks.reference import PYTHON
from benchmarks.subjects import ASTRONAUT

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src")}

BARE = """
from importlib.resources import files
import onnxruntime
path = str(files("unmask.weights").joinpath("unmask-xception.onnx"))
onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
"""
ABSENT = """
import sys
from unmask import Detector
Detector().image(sys.argv[1])
print(*sorted({"torch", "tensorflow", "flask", "scipy", "cv2"} & set(sys.modules)))
"""


def measure(repeats: int) -> Figures:
    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
        return done.stdout

    subjects = {
        "unmask --help": lambda: run("-m", "unmask", "--help"),
        "unmask detect photo.jpg": lambda: run("-m", "unmask", "detect", str(ASTRONAUT)),
        "bare ONNX session, loaded": lambda: run("-c", BARE),
    }
    if PYTHON.exists():
        subjects["import tensorflow"] = lambda: subprocess.run(
            [PYTHON, "-c", "import tensorflow"], check=True, capture_output=True
        )
    times = interleaved(subjects, repeats=max(3, repeats // 4), warm_up=1)
    heavy = run("-c", ABSENT, str(ASTRONAUT)).split()
    return {"times": spreads(times), "heavy_modules_loaded": heavy}
