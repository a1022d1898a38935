"""Unmask says, per face, whether a photo or video was manipulated, how sure it is, and what it
could not judge.

    >>> from unmask import Detector
    >>> report = Detector().image("photo.jpg")
    >>> report.verdict, report.p_fake
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unmask.errors import InputError, ModelError, UnmaskError

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.types import FaceReport, ImageReport, Prediction, Reason, Verdict

__version__ = "0.1.0"

# Before it is loaded: ONNX Runtime would note every session in the home folder and send it on.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Detector",
    "FaceReport",
    "ImageReport",
    "InputError",
    "ModelError",
    "Prediction",
    "Reason",
    "UnmaskError",
    "Verdict",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load the vocabulary, and the detector with ONNX Runtime, only when asked for (PEP 562)."""
    if name in __all__:
        module = import_module("unmask.detector" if name == "Detector" else "unmask.types")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
