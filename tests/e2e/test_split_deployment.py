"""The page on one origin, the API on another, as docs/deployment.md has it."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 60_000


class Apart(NamedTuple):
    page: str
    api: str


class StaticHost(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, under one content security policy."""

    def __init__(self, *arguments: Any, policy: str, **options: Any) -> None:
        self.policy = policy
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def hosting(folder: Path, policy: str) -> Iterator[int]:
    handler = functools.partial(StaticHost, directory=str(folder), policy=policy)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield host.server_port
        host.shutdown()


def build(api: str, folder: Path) -> None:
    """The page as it is deployed apart from `api`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    npm = shutil.which("npm", path=path)
    if npm is None or not (ROOT / "web/node_modules").is_dir():
        pytest.fail("npm or the packages of the page are missing: npm ci in web/ installs them")
    done = subprocess.run(
        [npm, "run", "build"],
        cwd=ROOT / "web",
        env=os.environ
        | {"PATH": path, "NEXT_PUBLIC_API_URL": f"{api}/", "NEXT_TELEMETRY_DISABLED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(ROOT / "web/out", folder)


def documented_policy(api: str) -> str:
    text = (ROOT / "docs/deployment.md").read_text()
    (policy,) = re.findall(r"^Content-Security-Policy: (.+)$", text, re.MULTILINE)
    assert "https://api.example" in policy
    return str(policy).replace("https://api.example", api)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, launch: Callable[..., Any]) -> Iterator[Apart]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        api_port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("apart")
    api = f"http://127.0.0.1:{api_port}"
    build(api, folder / "page")
    with hosting(folder / "page", documented_policy(api)) as port:
        page = f"http://127.0.0.1:{port}"
        with launch(api_port, folder / "log", UNMASK_CORS_ORIGINS=page):
            yield Apart(page, api)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(chromium: Browser, complaints: list[str]) -> Iterator[Page]:
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    expect.set_options(timeout=5_000)
    context.close()


def test_a_photo_is_judged_across_origins(page: Page, apart: Apart, complaints: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(apart.page)
    with page.expect_response("**/api/detect/image*") as response:
        page.get_by_role("button", name="A portrait").click()
    assert response.value.url.startswith(apart.api)
    expect(page.get_by_role("table", name="Probability")).to_be_visible()
    expect(page.get_by_text(response.value.json()["sha256"])).to_be_visible()
    foreign = [url for url in asked if not url.startswith((*apart, "blob:", "data:"))]
    assert foreign == []
    assert complaints == []


def test_a_problem_can_be_read_across_origins(
    page: Page, apart: Apart, photos: dict[str, Path]
) -> None:
    page.goto(apart.page)
    page.get_by_label("Choose photos").set_input_files(photos["text"])
    expect(page.get_by_role("heading", level=1)).to_have_text("This format cannot be read")
    expect(page.get_by_text("unsupported_format")).to_be_visible()


def test_an_origin_that_was_not_allowed_gets_nothing(page: Page, apart: Apart) -> None:
    page.goto(apart.page.replace("127.0.0.1", "localhost"))
    expect(page.get_by_role("alert").get_by_text("The server did not answer")).to_be_visible()
