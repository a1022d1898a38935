"""What more than one part of the tests needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.detector import Detector

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def detector() -> Detector:
    """The shipped weights, loaded once."""
    return Detector()


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """A photo of one face, public domain."""
    return (EXAMPLES / "astronaut.jpg").read_bytes()
