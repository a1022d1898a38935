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

from unmask.errors import (
    ConfigurationError,
    InputError,
    ModelError,
    TooLargeError,
    UndecodableError,
    UnmaskError,
    UnreadableError,
    UnsupportedFormatError,
)

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.report import to_dict
    from unmask.types import (
        FaceReport,
        ImageReport,
        Prediction,
        Reason,
        TrackReport,
        Verdict,
        VideoReport,
    )

__version__ = "0.1.0"

# Before it is loaded: ONNX Runtime would note every session in the home folder and send it on.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "ConfigurationError",
    "Detector",
    "FaceReport",
    "ImageReport",
    "InputError",
    "ModelError",
    "Prediction",
    "Reason",
    "TooLargeError",
    "TrackReport",
    "UndecodableError",
    "UnmaskError",
    "UnreadableError",
    "UnsupportedFormatError",
    "Verdict",
    "VideoReport",
    "__version__",
    "to_dict",
]

_PLACES = {"Detector": "unmask.detector", "to_dict": "unmask.report"}


def __getattr__(name: str) -> Any:
    """Load the vocabulary, and the detector with ONNX Runtime, only when asked for (PEP 562)."""
    if name in __all__:
        return getattr(import_module(_PLACES.get(name, "unmask.types")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
