"""axe on every state of the page, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

COLOURED = """() => Promise.all(document.getAnimations()
    .filter((running) => running instanceof CSSTransition).map((running) => running.finished))"""
"""Buttons take a moment to the other colour."""


def findings(page: Page) -> list[str]:
    """What axe finds in the light and in the dark, with the elements it finds it on."""
    page.evaluate(AXE.read_text())
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(COLOURED)
        result: dict[str, Any] = page.evaluate(
            "(values) => axe.run({ runOnly: { type: 'tag', values } })", TAGS
        )
        found += [
            f"{violation['impact']}, {scheme}: {violation['id']}: {node['html']}: "
            f"{node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]
    return found


STATES: dict[str, tuple[list[str], str]] = {
    "start": ([], "What a finding means"),
    "one face": (["one-face"], "Quality of this face"),
    "two faces": (["two-faces"], "2 faces found in the photo"),
    "small face": (["small-face"], "Quality of this face"),
    "no face": (["no-face"], "No face was found"),
    "problem": (["text"], "This format cannot be read"),
    "many photos": (["one-face", "no-face", "text"], "3 of 3 done"),
}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(
    open_page: Callable[..., Page], photos: dict[str, Path], state: str, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    files, sign = STATES[state]
    if files:
        page.get_by_label("Choose photos").set_input_files([photos[name] for name in files])
    page.get_by_text(sign).first.wait_for()
    assert findings(page) == []


def test_what_hangs_on_a_background_is_there_in_colours_of_the_systems_own(
    open_page: Callable[..., Page], photos: dict[str, Path]
) -> None:
    page = open_page(forced_colors="active")
    background = "(element) => getComputedStyle(element).backgroundColor"
    theme = page.get_by_role("group", name="Theme")
    pressed, other = theme.locator("[aria-pressed=true]"), theme.locator("[aria-pressed=false]")
    assert pressed.evaluate(background) != other.first.evaluate(background)
    page.get_by_label("Choose photos").set_input_files(photos["one-face"])
    zones = page.get_by_role("figure").first.locator("li > span")
    zones.first.wait_for()
    assert len({zone.evaluate(background) for zone in zones.all()}) == 3


def test_an_unknown_address_has_the_theme_that_was_chosen_and_leads_on(
    page: Page, server: str
) -> None:
    page.get_by_role("button", name="Dark").click()
    page.goto(f"{server}/nothing")
    page.get_by_role("heading", name="There is nothing at this address").wait_for()
    assert findings(page) == []
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History").wait_for()


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/icon.svg\">'")
    assert any("image-alt" in finding for finding in findings(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_looks_in_the_light_and_in_the_dark(page: Page, scheme: str) -> None:
    page.evaluate(
        """(scheme) => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(
                `@media (prefers-color-scheme: ${scheme}) { main p { color: #777 !important } }`
            );
            document.adoptedStyleSheets = [sheet];
        }""",
        scheme,
    )
    found = [finding for finding in findings(page) if "color-contrast" in finding]
    assert found
    assert all(f", {scheme}:" in finding for finding in found)


@pytest.fixture(scope="module")
def job(post_job: Callable[..., dict[str, Any]], clips: dict[str, Path]) -> str:
    """The address of a judged video of two people."""
    return f"#job={post_job(clips['two-people'])['id']}"


def test_axe_finds_nothing_on_videos(
    open_page: Callable[..., Page], server: str, job: str, clips: dict[str, Path]
) -> None:
    page = open_page()
    page.goto(server + job)
    page.get_by_role("slider").first.wait_for()
    assert findings(page) == []
    page.get_by_label("Choose the video again").set_input_files(clips["two-people"])
    page.locator("video").wait_for()
    assert findings(page) == []

    page.goto(f"{server}/#history")
    page.get_by_role("list", name="Results").wait_for()
    assert findings(page) == []
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("alertdialog").wait_for()
    assert findings(page) == []
    page.keyboard.press("Escape")

    page.goto(f"{server}/#job={'0' * 32}")
    page.get_by_role("heading", name="no longer kept").wait_for()
    assert findings(page) == []
    page.goto(f"{server}/#videos")
    page.reload()
    page.get_by_role("heading", name="No video in this session").wait_for()
    assert findings(page) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_on_photos_that_were_kept(
    open_page: Callable[..., Page],
    server: str,
    post_batch: Callable[..., str],
    photos: dict[str, Path],
    width: int,
) -> None:
    job_id = post_batch(photos["two-faces"], photos["text"])
    page = open_page(viewport={"width": width, "height": 800})
    page.goto(f"{server}/#job={job_id}")
    page.get_by_role("heading", name="2 files").wait_for()
    assert findings(page) == []
    page.goto(f"{server}/#job={job_id}&file=0")
    page.get_by_role("img", name="two-faces.jpg, not kept").wait_for()
    assert findings(page) == []
    page.goto(f"{server}/#job={job_id}&file=1")
    page.get_by_role("heading", name="This format cannot be read").wait_for()
    assert findings(page) == []
    page.goto(f"{server}/#history")
    page.get_by_role("list", name="Results").wait_for()
    assert findings(page) == []


def test_axe_finds_nothing_while_a_video_is_on_its_way(
    open_page: Callable[..., Page], server: str, clips: dict[str, Path]
) -> None:
    page = open_page()
    held: list[Route] = []
    page.route("**/api/jobs?*", lambda route: held.append(route))
    page.locator("input[type=file]").first.set_input_files(clips["nobody"])
    page.get_by_role("heading", name="Sending").wait_for()
    assert findings(page) == []
    page.route("**/api/jobs/**", lambda route: route.abort())
    held[0].continue_()
    page.get_by_role("alert").filter(has_text="does not answer").wait_for()
    assert findings(page) == []
