"""A real server with the shipped model, and a real Chromium looking at its page."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from unmask.server.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
SERVE = "import sys; from unmask.cli import main; sys.argv = ['unmask', *sys.argv[1:]]; main()"
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_S = 120
TIMEOUT_MS = 60_000


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Time for a model on a machine that is busy."""
    expect.set_options(timeout=90_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="session")
def titles() -> dict[str, str]:
    """What a person reads for each verdict."""
    return {
        "likely_fake": "Likely manipulated",
        "likely_real": "Likely genuine",
        "inconclusive": "Inconclusive",
        "not_analysed": "Not analysed",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(port: int, log: Path, **settings: str) -> Iterator[str]:
    """The address of `unmask serve`, with `UNMASK_*` settings."""
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--port", str(port)],
            stdout=file,
            stderr=file,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
            | settings,
        )
    try:
        _await_health(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    return free_port()


@pytest.fixture(scope="session")
def launch() -> Callable[..., Any]:
    """`serving`, for a test that needs a server with settings of its own."""
    return serving


# Server and browser end with each file, not with the session: whatever a later test forks would
# hold open the pipes on which the browser waits for its end.
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `unmask serve`."""
    if not (ROOT / "src/unmask/server/static/index.html").is_file():
        pytest.fail("the page is not built: pip install -e . builds it")
    folder = tmp_path_factory.mktemp("server")
    settings = {"UNMASK_DATA_DIR": str(folder / "data")}
    with serving(free_port(), folder / "log", **settings) as address:
        yield address


def _await_health(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        is_ci = os.environ.get("CI") == "true"
        (pytest.fail if is_ci else pytest.skip)("no chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=TIMEOUT_MS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, server: str) -> Iterator[Callable[..., Page]]:
    """Opens the page in a browser of its own, with any option of a context, or `at` an address.

    Whatever a test does, the page may ask no other host for anything and must not complain.
    """
    contexts: list[BrowserContext] = []
    foreign: list[str] = []
    complaints: list[str] = []

    def note(message: Any) -> None:
        # A request that was answered with a problem is the business of its own test.
        is_answer = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_answer:
            complaints.append(message.text)

    def watch(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            foreign.append(request.url)

    def open_(at: str = server, **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.on("request", watch)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(at)
        page.bring_to_front()
        page.get_by_text("up to", exact=False).first.wait_for()  # the limits are there
        return page

    yield open_
    for context in contexts:
        context.close()
    assert foreign == []
    assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page(viewport={"width": 1280, "height": 900}, color_scheme="light")


@pytest.fixture(scope="session")
def photos(
    tmp_path_factory: pytest.TempPathFactory, astronaut: bytes, landscape: bytes
) -> dict[str, Path]:
    """Pictures by what is to be seen on them, and what only claims to be one."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = PIL.Image.open(io.BytesIO(astronaut))
    pair = PIL.Image.new("RGB", (2 * portrait.width, portrait.height))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (portrait.width, 0))
    pair.save(folder / "two-faces.jpg", quality=95)
    portrait.reduce(2).save(folder / "small-face.jpg", quality=95)
    (folder / "one-face.jpg").write_bytes(astronaut)
    (folder / "no-face.png").write_bytes(landscape)
    (folder / "text.jpg").write_text("This is not a picture.")
    (folder / "truncated.jpg").write_bytes(astronaut[: len(astronaut) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    with (folder / "too-large.jpg").open("wb") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def storeless_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that keeps no list of results."""
    folder = tmp_path_factory.mktemp("storeless")
    settings = {"UNMASK_STORE_URL": "", "UNMASK_DATA_DIR": str(folder / "data")}
    with serving(free_port(), folder / "log", **settings) as address:
        yield address


@pytest.fixture(scope="session")
def clips(
    tmp_path_factory: pytest.TempPathFactory, clip: Callable[..., bytes], astronaut: bytes
) -> dict[str, Path]:
    """Videos by what is to be seen on them, and what only claims to be one."""
    folder = tmp_path_factory.mktemp("clips")
    fake = (ROOT / "examples/astronaut-fake.jpg").read_bytes()
    head = (110, 20, 350, 260)
    real, blended = (
        PIL.Image.open(io.BytesIO(data)).convert("RGB").crop(head) for data in (astronaut, fake)
    )
    # Both lean a little from frame to frame; then, for as long, nobody is there.
    pair = [
        np.hstack([np.asarray(real.rotate(n / 2)), np.asarray(blended.rotate(-n / 2))])
        for n in range(8)
    ]
    empty = [np.full_like(pair[0], 90)] * 8
    (folder / "two-people.mp4").write_bytes(clip([*pair, *empty], rate=4))
    (folder / "one-person.mp4").write_bytes(clip([frame[:, 240:] for frame in pair[:4]], rate=2))
    (folder / "nobody.mp4").write_bytes(clip(empty[:4], rate=4))
    (folder / "text.mp4").write_text("This is not a video.")
    (folder / "half.mp4").write_bytes((folder / "two-people.mp4").read_bytes()[:9000])
    with (folder / "too-large.mp4").open("wb") as file:
        file.truncate(200 * 1024 * 1024 + 1)
    return {path.stem: path for path in folder.iterdir()}


def _post_files(url: str, *files: tuple[str, bytes]) -> Any:
    """The answer to files in the field `files[]`."""
    boundary = "boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files[]"; '
        f'filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return _json(urllib.request.Request(url, body, content_type))


@pytest.fixture(scope="module")
def post_batch(server: str) -> Callable[..., str]:
    """Sends photos to be answered at once; gives the id of the job that keeps the answer."""

    def post(*paths: Path) -> str:
        files = [(path.name, path.read_bytes()) for path in paths]
        return str(_post_files(f"{server}/api/detect/batch?heatmap=true", *files)["job_id"])

    return post


@pytest.fixture(scope="module")
def post_job(server: str) -> Callable[..., dict[str, Any]]:
    """Sends a file as a job and, if asked to, waits for its end."""

    def post(path: Path, name: str | None = None, *, wait: bool = True) -> dict[str, Any]:
        url = f"{server}/api/jobs?heatmap=true&pictures=true"
        job: dict[str, Any] = _post_files(url, (name or path.name, path.read_bytes()))
        deadline = time.monotonic() + START_S
        while wait and job["state"] in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(0.2)
            job = _json(f"{server}/api/jobs/{job['id']}")
        return job

    return post


@pytest.fixture
def tell_every_problem(page: Page) -> Callable[..., None]:
    """Answers `send`'s request with each problem of the API, looks for it on the page, and goes
    `back` for the next."""

    def tell(route: str, *, send: Callable[[], object], back: Callable[[], object]) -> None:
        for code in PROBLEMS:
            page.route(route, _refusal(code))
            send()
            problem = page.get_by_role("region").filter(has_text=re.compile(rf"Code{code}"))
            expect(problem).to_be_visible()
            expect(problem).not_to_contain_text("Something unexpected")
            page.unroute(route)
            back()

    return tell


def _refusal(code: str) -> Callable[[Route], None]:
    """What answers a request with the problem of this code, as the server would."""
    status, title = PROBLEMS[code]
    body = {"status": status.value, "title": title, "code": code, "detail": "Details."}
    headers = {"Content-Type": "application/problem+json", "Retry-After": "0"}

    def answer(route: Route) -> None:
        route.fulfill(status=status.value, headers=headers, json=body)

    return answer


def _json(request: str | urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)
