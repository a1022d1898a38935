"""What was done on this server: found again, sifted, deleted."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def history(
    page: Page,
    server: str,
    post_job: Callable[..., dict[str, Any]],
    clips: dict[str, Path],
    photos: dict[str, Path],
) -> Page:
    """A server that knows of two videos without a face and a photo, and nothing else."""
    request = urllib.request.Request(f"{server}/api/jobs", method="DELETE")
    urllib.request.urlopen(request).close()
    post_job(clips["nobody"], "interview.mp4")
    post_job(clips["nobody"], "street.mp4")
    post_job(photos["one-face"], "portrait.jpg")
    page.get_by_role("link", name="History").click()
    expect(rows(page)).to_have_count(3)
    return page


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Results").get_by_role("listitem")


def names(server: str) -> list[str]:
    with urllib.request.urlopen(f"{server}/api/jobs") as response:
        return [name for job in json.load(response)["jobs"] for name in job["filenames"]]


def test_the_latest_come_first_and_can_be_sifted(history: Page) -> None:
    expect(rows(history).get_by_role("link")).to_have_text(
        ["portrait.jpg", "street.mp4", "interview.mp4"]
    )
    history.get_by_role("button", name="2 not analysed").click()
    expect(rows(history).get_by_role("link")).to_have_text(["street.mp4", "interview.mp4"])
    history.get_by_role("searchbox", name="Search by name").fill("STREET")
    expect(rows(history).get_by_role("link")).to_have_text(["street.mp4"])
    history.get_by_role("searchbox", name="Search by name").fill("nowhere")
    expect(history.get_by_text("None of these")).to_be_visible()


def test_a_result_is_reopened(history: Page) -> None:
    history.get_by_role("link", name="interview.mp4").click()
    heading = history.get_by_role("heading", level=1).locator("visible=true")
    expect(heading).to_have_text("Not analysed")
    history.go_back()
    expect(heading).to_have_text("History")
    history.get_by_role("link", name="portrait.jpg").click()
    expect(heading).to_have_text("portrait.jpg")
    picture = history.get_by_role("main").locator("li img").first
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0


def test_one_is_deleted(history: Page, server: str) -> None:
    history.get_by_role("button", name="Delete: street.mp4").dblclick()
    expect(rows(history)).to_have_count(2)
    assert names(server) == ["portrait.jpg", "interview.mp4"]


def test_all_are_deleted_only_when_that_is_confirmed(history: Page, server: str) -> None:
    delete_all = history.get_by_role("button", name="Delete all")
    delete_all.click()
    dialog = history.get_by_role("alertdialog", name="Delete every result?")
    expect(dialog).to_be_visible()
    history.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(delete_all).to_be_focused()
    assert len(names(server)) == 3
    delete_all.click()
    dialog.get_by_role("button", name="Delete all").click()
    expect(history.get_by_text("Nothing is kept here")).to_be_visible()
    assert names(server) == []


def test_a_server_that_is_gone_is_told(page: Page, server: str) -> None:
    page.route("**/api/jobs", lambda route: route.abort())
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("The server did not answer")).to_be_visible()
    page.unroute("**/api/jobs")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert").filter(has_text="did not answer")).to_have_count(0)
