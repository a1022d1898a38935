"""Rewrites the pictures of the page in docs/images, of a shipped example, in a real Chromium.

`make screenshots`. The server is started for it and stopped after it; the verdicts in the pictures
are those of the weights that ship.
"""

from __future__ import annotations

import io
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

import PIL.Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 300_000
VIEWPORT = {"width": 1280, "height": 960}
PATIENCE_S = 120


def start(page: Page) -> None:
    page.get_by_role("heading", name="How often it is wrong").wait_for()


def blend(page: Page) -> None:
    page.get_by_role("button", name="The same portrait").click()
    page.get_by_role("table", name="Probability").wait_for()


STATES: dict[str, Callable[[Page], None]] = {"start": start, "blend": blend}
"""The name of a picture, and how to come to what it shows."""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no chromium on PATH: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, come_to in STATES.items():
            picture = shot(browser, address, come_to)
            if len(picture) > LARGEST_BYTES:
                sys.exit(f"{name}.png has {len(picture):,} bytes, more than {LARGEST_BYTES:,}")
            (IMAGES / f"{name}.png").write_bytes(picture)
        browser.close()


def shot(browser: Browser, address: str, come_to: Callable[[Page], None]) -> bytes:
    """PNG of what a visitor sees first in a state, in 256 colours."""
    context = browser.new_context(reduced_motion="reduce", viewport=VIEWPORT, color_scheme="light")
    context.set_default_timeout(1000 * PATIENCE_S)
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    come_to(page)
    page.evaluate("document.fonts.ready")
    with PIL.Image.open(io.BytesIO(page.screenshot())) as picture:
        reduced = picture.convert("RGB").quantize(256)
    context.close()
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()


@contextmanager
def serving() -> Iterator[str]:
    """The address of `unmask serve`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "unmask", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("unmask serve did not start; run it to see why")
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
