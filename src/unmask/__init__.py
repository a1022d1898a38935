"""Unmask says, per face, whether a photo or video was manipulated, how sure it is, and what it
could not judge.

    >>> from unmask import Detector
    >>> report = Detector().image("photo.jpg")
    >>> report.verdict, report.p_fake
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmask.errors import InputError, ModelError, UnmaskError
from unmask.types import FaceReport, ImageReport, Prediction, Reason, Verdict

if TYPE_CHECKING:
    from unmask.detector import Detector

__version__ = "0.1.0"

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
    """Load the detector, and with it ONNX Runtime, only where it is asked for (PEP 562)."""
    if name == "Detector":
        from unmask.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
