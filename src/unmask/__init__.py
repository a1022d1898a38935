"""Unmask says, per face, whether a photo was manipulated, how sure it is, and what it could not
judge.

    >>> from unmask import Detector
    >>> report = Detector().image("photo.jpg")
    >>> report.verdict, report.p_fake
"""

from unmask.detector import Detector
from unmask.errors import InputError, ModelError, UnmaskError
from unmask.types import FaceReport, ImageReport, Prediction, Reason, Verdict

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
