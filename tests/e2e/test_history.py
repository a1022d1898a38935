"""What was done on this server: found again, sifted, deleted."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect


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


def test_a_name_turns_the_direction_of_no_other(
    history: Page, post_batch: Callable[..., str], photos: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("a\u202etest", "b.png"):
        (tmp_path / name).write_bytes(photos["no-face"].read_bytes())
    post_batch(*(tmp_path / name for name in ("a\u202etest", "b.png")))
    history.reload()
    link = rows(history).get_by_role("link", name="b.png")
    left = """(link, text) => {
        const nodes = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
        while (nodes.nextNode()) {
            const at = nodes.currentNode.data.indexOf(text);
            if (at >= 0) {
                const range = document.createRange();
                range.setStart(nodes.currentNode, at);
                range.setEnd(nodes.currentNode, at + text.length);
                return range.getBoundingClientRect().left;
            }
        }
    }"""
    assert link.evaluate(left, "test") < link.evaluate(left, "b.png")


def test_a_result_is_reopened(history: Page) -> None:
    history.get_by_role("link", name="interview.mp4").click()
    heading = history.get_by_role("heading", level=1).locator("visible=true")
    expect(heading).to_have_text("Not analysed")
    history.go_back()
    expect(heading).to_have_text("History")
    history.get_by_role("link", name="portrait.jpg").click()
    expect(history.get_by_role("img", name="portrait.jpg, not kept")).to_be_visible()


def test_a_photo_is_found_again_without_its_picture(
    page: Page, server: str, photos: dict[str, Path], titles: dict[str, str]
) -> None:
    with page.expect_response("**/api/detect/image*") as response:
        page.get_by_label("Choose photos").set_input_files(photos["two-faces"])
    answer = response.value.json()
    page.get_by_role("link", name="history", exact=True).click()
    expect(page).to_have_url(f"{server}/#job={answer['job_id']}")
    main = page.get_by_role("main")
    heading = main.get_by_role("heading", level=1).locator("visible=true")
    expect(heading).to_have_text(titles[answer["verdict"]])

    # The boxes lie where the faces were, on a frame of the photo's shape, and that is said.
    expect(main.get_by_text("The server does not keep photos")).to_be_visible()
    frame = main.get_by_role("img", name="two-faces.jpg, not kept").bounding_box()
    assert frame is not None
    scale = frame["width"] / answer["image"]["width"]
    assert frame["height"] == pytest.approx(scale * answer["image"]["height"], abs=2)
    boxes = main.get_by_role("group", name="Faces in the photo")
    for index, face in enumerate(answer["faces"]):
        box = boxes.get_by_role("button").nth(index).bounding_box()
        assert box is not None
        assert box["x"] - frame["x"] == pytest.approx(scale * face["box"][0], abs=2)
        assert box["y"] - frame["y"] == pytest.approx(scale * face["box"][1], abs=2)

    # The same file brings the picture back, another one does not, and neither is sent.
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    main.get_by_label("Choose the photo again").set_input_files(photos["one-face"])
    expect(main.get_by_role("alert").filter(has_text="another file")).to_be_visible()
    main.get_by_label("Choose the photo again").set_input_files(photos["two-faces"])
    shown = main.get_by_role("img", name="two-faces.jpg", exact=True).locator("visible=true")
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    assert "POST" not in sent


def test_findings_on_photos_are_kept_only_where_that_is_wanted(
    page: Page, server: str, photos: dict[str, Path]
) -> None:
    before = len(names(server))
    page.get_by_role("checkbox", name="Keep findings").uncheck()
    page.get_by_label("Choose photos").set_input_files(photos["no-face"])
    expect(page.get_by_text("not on the server")).to_be_visible()
    assert len(names(server)) == before
    page.reload()
    expect(page.get_by_role("checkbox", name="Keep findings")).not_to_be_checked()


def test_many_photos_of_one_request_are_found_again(
    page: Page, server: str, post_batch: Callable[..., str], photos: dict[str, Path]
) -> None:
    job_id = post_batch(photos["one-face"], photos["text"])
    page.goto(f"{server}/#job={job_id}")
    main = page.get_by_role("main")
    heading = main.get_by_role("heading", level=1).locator("visible=true")
    expect(heading).to_have_text("2 files")
    expect(main.get_by_text("This format cannot be read")).to_be_visible()
    main.get_by_role("link", name="one-face.jpg").click()
    expect(main.get_by_role("img", name="one-face.jpg, not kept")).to_be_visible()
    main.get_by_role("link", name="All files").click()
    expect(heading).to_have_text("2 files")


def test_a_file_far_down_opens_at_its_finding(
    page: Page, server: str, post_batch: Callable[..., str], photos: dict[str, Path]
) -> None:
    page.goto(f"{server}/#job={post_batch(*[photos['text']] * 20, photos['no-face'])}")
    heading = page.get_by_role("heading", level=1).locator("visible=true")
    expect(heading).to_have_text("21 files")
    expect(heading).to_be_focused()
    page.get_by_role("main").get_by_role("link", name="no-face.png").click()
    expect(heading).to_have_text("Not analysed")
    expect(heading).to_be_in_viewport()


def test_text_that_is_pasted_into_the_search_stays_there(history: Page) -> None:
    history.get_by_role("searchbox", name="Search by name").focus()
    history.evaluate(
        """() => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", "street");
            clipboardData.items.add(new File(["x"], "of-the-text.png", { type: "image/png" }));
            const options = { bubbles: true, cancelable: true, clipboardData };
            document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
        }"""
    )
    history.wait_for_timeout(300)
    expect(history.get_by_role("heading", name="History")).to_be_visible()
    expect(history.get_by_text("of-the-text.png")).to_have_count(0)


def test_one_is_deleted(history: Page, server: str) -> None:
    history.get_by_role("button", name="Delete: street.mp4").dblclick()
    expect(rows(history)).to_have_count(2)
    expect(history.get_by_role("heading", name="History")).to_be_focused()
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
    expect(history.get_by_role("heading", name="History")).to_be_focused()
    assert names(server) == []


def test_a_server_that_is_gone_from_the_start_is_told(page: Page, server: str) -> None:
    page.route("**/api/model", lambda route: route.abort())
    page.goto(f"{server}/?again#history")
    main = page.get_by_role("main")
    expect(main.get_by_text("Asking the server")).to_be_visible()
    expect(main.get_by_text("The server did not answer").locator("visible=true")).to_be_visible()
    page.unroute("**/api/model")
    main.get_by_role("button", name="Try again").click()
    expect(main.get_by_role("alert")).to_have_count(0)
    assert page.title() == "History - Unmask"


def test_a_server_that_is_gone_is_told(page: Page, server: str) -> None:
    page.route("**/api/jobs", lambda route: route.abort())
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("The server did not answer")).to_be_visible()
    page.unroute("**/api/jobs")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert").filter(has_text="did not answer")).to_have_count(0)
