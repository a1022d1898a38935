from __future__ import annotations

import io
from collections.abc import Callable

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


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., object]:
    """Post bytes as the file of `/api/detect/image`."""

    def post(data: bytes, query: str = "", name: str = "photo.jpg"):
        form = {"file": (io.BytesIO(data), name)}
        return client.post(f"/api/detect/image{query}", data=form)

    return post
