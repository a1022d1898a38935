"""axe on every state of the page, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page: Page) -> list[str]:
    """What axe finds, worst first, with the elements it finds it on."""
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate(
        "(values) => axe.run({ runOnly: { type: 'tag', values } })", TAGS
    )
    return [
        f"{violation['impact']}: {violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


STATES: dict[str, tuple[list[str], str]] = {
    "start": ([], "What a finding means"),
    "one face": (["one-face"], "Quality of this face"),
    "two faces": (["two-faces"], "2 faces in the photo"),
    "small face": (["small-face"], "Quality of this face"),
    "no face": (["no-face"], "No face was found"),
    "problem": (["text"], "This format cannot be read"),
    "many photos": (["one-face", "no-face", "text"], "3 of 3 done"),
}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(
    open_page: Callable[..., Page], photos: dict[str, Path], state: str, scheme: str, width: int
) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    files, sign = STATES[state]
    if files:
        page.get_by_label("Choose photos").set_input_files([photos[name] for name in files])
    page.get_by_text(sign).first.wait_for()
    assert findings(page) == []


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/icon.svg\">'")
    assert any("image-alt" in finding for finding in findings(page))
