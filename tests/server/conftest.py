from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
from flask import Flask
from flask.testing import FlaskClient

from unmask.detector import Detector
from unmask.server import create_app
from unmask.settings import Settings


@pytest.fixture(scope="session")
def app(detector: Detector) -> Flask:
    return create_app(Settings(), detector)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def landscape() -> bytes:
    """A drawn picture without a face: sky over a meadow."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[:120] = (120, 170, 230)
    pixels[120:] = (60, 140, 50)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., object]:
    """Post bytes as the file of `/api/detect/image`."""

    def post(data: bytes, query: str = "", name: str = "photo.jpg"):
        form = {"file": (io.BytesIO(data), name)}
        return client.post(f"/api/detect/image{query}", data=form)

    return post
