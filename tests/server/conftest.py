from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from unmask.detector import Detector
from unmask.server import create_app
from unmask.settings import Settings


@pytest.fixture(scope="session")
def app(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A server whose jobs wait for ever, and are no other server's."""
    return create_app(Settings(workers=0, data_dir=tmp_path_factory.mktemp("app")), detector)


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


@pytest.fixture(scope="session")
def face_clip(clip: Callable[..., bytes], astronaut: bytes) -> bytes:
    """One second of one face, which moves a little."""
    photo = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB")
    return clip([np.asarray(photo.rotate(angle)) for angle in range(5)], rate=5)


@pytest.fixture(scope="session")
def faceless_clip(clip: Callable[..., bytes]) -> bytes:
    """One second without a face."""
    return clip([np.full((96, 128, 3), 10 * n, np.uint8) for n in range(10)])


def _require(command: str, package: str) -> str:
    """Where a command is. Without it a test is skipped, but on CI it fails."""
    found = [shutil.which(command), *map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{command}"))]
    for path in filter(None, found):
        return path
    message = f"{command} is not there: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _wait_for(is_true, timeout_s: float = 600.0, every_s: float = 0.05):
    """Wait until something is true, and give it back; the limit is for a machine that is busy."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := is_true():
            return found
        time.sleep(every_s)
    pytest.fail(f"waited {timeout_s} seconds in vain")


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    return _wait_for


@pytest.fixture
def wait_for_reader() -> Iterator[Callable[[Path], None]]:
    """Waits until somebody reads from a pipe, who then reads in vain until the test is over."""
    opened = []

    def is_read(pipe: Path) -> bool:
        try:
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    yield lambda pipe: _wait_for(lambda: is_read(pipe))
    for number in opened:
        os.close(number)


@pytest.fixture(scope="session")
def socket_dir() -> Iterator[Path]:
    """The path of a socket may have some 100 characters, which pytest's own folders exceed."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def redis_url(socket_dir: Path) -> Iterator[str]:
    """A real Redis that keeps nothing."""
    folder = socket_dir
    socket = folder / "redis.sock"
    arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        [_require("redis-server", "redis-server"), *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(socket.exists)
        yield f"unix://{socket}"
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def postgresql_url(socket_dir: Path) -> Iterator[str]:
    """A real PostgreSQL with an empty database."""
    folder = socket_dir
    initdb, postgres = _require("initdb", "postgresql"), _require("postgres", "postgresql")
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.getuid() == 0 else None
    data = folder / "data"
    folder.chmod(0o755)
    data.mkdir()
    if user:
        shutil.chown(data, user)
    subprocess.run(
        [initdb, "-D", data, "-U", "unmask", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"],
        check=True,
        user=user,
        cwd=data,
        capture_output=True,
    )
    options = [
        "-c",
        "fsync=off",
        "-c",
        "listen_addresses=",
        "-c",
        f"unix_socket_directories={data}",
    ]
    server = subprocess.Popen(
        [postgres, "-D", str(data), *options],
        user=user,
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"postgresql://unmask@/postgres?host={data}"
        _wait_for(lambda: _answers(url))
        yield url
    finally:
        server.kill()
        server.wait()
