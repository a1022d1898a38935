"""What a visitor does, from the drop to the finding."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from unmask.detector import Detector

EXAMPLES = Path(__file__).parents[2] / "examples"


def choose(page: Page, *paths: Path) -> None:
    """Pick files, by whichever button for that is there."""
    page.get_by_label("Choose photos").or_(page.get_by_label("Add photos")).set_input_files(paths)


def percent(fraction: float) -> str:
    return f"{min(max(100 * fraction, 0.1), 99.9):.1f}"


def heading(page: Page) -> Any:
    return page.get_by_role("heading", level=1)


@pytest.mark.parametrize(
    ("button", "file"),
    [
        ("A portrait", "hopper.jpg"),
        ("Another portrait", "astronaut.jpg"),
        ("The same portrait", "astronaut-fake.jpg"),
    ],
)
def test_an_example_gets_the_verdict_of_the_library(
    page: Page, titles: dict[str, str], detector: Detector, button: str, file: str
) -> None:
    report = detector.image(EXAMPLES / file)
    assert report.p_fake is not None
    page.get_by_role("button", name=button).click()
    expect(heading(page)).to_have_text(titles[report.verdict])
    readings = page.get_by_role("table", name="Probability")
    expect(readings.get_by_role("row", name="Manipulated")).to_contain_text(percent(report.p_fake))
    expect(readings.get_by_role("row", name="Genuine")).to_contain_text(percent(1 - report.p_fake))
    expect(page.get_by_text(str(report.sha256))).to_be_visible()
    expect(page.get_by_role("button", name="Face 1:")).to_be_visible()


def test_a_double_click_on_an_example_opens_it_once(page: Page) -> None:
    page.get_by_role("button", name="A portrait").dblclick()
    expect(page.get_by_role("table", name="Probability")).to_be_visible()
    expect(page.get_by_role("button", name="All")).to_have_count(0)


def test_each_of_two_faces_can_be_selected(page: Page, photos: dict[str, Path]) -> None:
    choose(page, photos["two-faces"])
    expect(page.get_by_text("2 faces found in the photo")).to_be_visible()
    frames = page.get_by_role("group", name="Faces in the photo").get_by_role("button")
    expect(frames).to_have_count(2)
    panel = page.get_by_role("heading", level=2, name="Face")
    for index in (1, 0):
        frames.nth(index).click()
        expect(panel).to_contain_text(f"Face {index + 1}")
        expect(frames.nth(index)).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("tab").nth(index)).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab").nth(1).click()
    expect(panel).to_contain_text("Face 2")
    # The tab says which panel is its own, and the panel is called by it.
    expect(page.get_by_role("tabpanel", name="Face 2").get_by_role("heading")).to_have_count(1)


def test_the_frames_lie_on_the_faces(
    page: Page, detector: Detector, photos: dict[str, Path]
) -> None:
    report = detector.image(photos["two-faces"])
    choose(page, photos["two-faces"])
    frames = page.get_by_role("group", name="Faces in the photo").get_by_role("button")
    expect(frames).to_have_count(2)
    photo = page.get_by_role("img", name="two-faces.jpg").bounding_box()
    assert photo is not None
    assert report.width is not None
    scale = photo["width"] / report.width
    for index, face in enumerate(report.faces):
        frame = frames.nth(index).bounding_box()
        assert frame is not None
        assert frame["x"] - photo["x"] == pytest.approx(scale * face.face.box.x1, abs=2)
        assert frame["y"] - photo["y"] == pytest.approx(scale * face.face.box.y1, abs=2)
        assert frame["width"] == pytest.approx(scale * face.face.box.width, abs=2)


def test_the_heat_map_covers_the_face_and_follows_the_slider(
    page: Page, detector: Detector, photos: dict[str, Path]
) -> None:
    report = detector.image(photos["one-face"])
    choose(page, photos["one-face"])
    slider = page.get_by_role("slider", name="Heat map")
    expect(slider).to_have_value("50")
    opacity = "() => getComputedStyle(document.querySelector('canvas')).opacity"
    assert page.evaluate(opacity) == "0.5"
    slider.focus()
    for key, expected in (("Home", "0"), ("End", "1")):
        page.keyboard.press(key)
        page.wait_for_function(f"({opacity})() === '{expected}'")
    heatmap = report.faces[0].heatmap
    assert heatmap is not None
    painted = page.evaluate(
        """() => {
            const canvas = document.querySelector('canvas');
            const { data } = canvas.getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height);
            const xs = [];
            for (let i = 3; i < data.length; i += 4)
                if (data[i] > 0) xs.push(((i - 3) / 4) % canvas.width);
            return xs.length === 0 ? null : [Math.min(...xs), Math.max(...xs)];
        }"""
    )
    if heatmap.empty:
        assert painted is None
    else:
        corners = heatmap.corners()
        assert painted[0] >= corners[:, 0].min() - 1
        assert painted[1] <= corners[:, 0].max() + 1
    before = page.screenshot()
    page.get_by_role("button", name="Colour-blind safe").click()
    assert heatmap.empty or page.screenshot() != before


def test_a_photo_without_a_face_gets_no_probability(page: Page, photos: dict[str, Path]) -> None:
    choose(page, photos["no-face"])
    expect(heading(page)).to_have_text("Not analysed")
    finding = page.get_by_role("region", name="Not analysed")
    expect(finding).to_contain_text("No face was found")
    expect(finding).not_to_contain_text("%")
    expect(page.get_by_role("table")).to_have_count(0)


@pytest.mark.parametrize(
    ("photo", "title", "code"),
    [
        ("text", "This format cannot be read", "unsupported_format"),
        ("truncated", "This file is empty, damaged or cut short", "undecodable"),
        ("empty", "This file is empty, damaged or cut short", "undecodable"),
    ],
)
def test_an_error_says_what_to_do(
    page: Page, photos: dict[str, Path], photo: str, title: str, code: str
) -> None:
    choose(page, photos[photo])
    expect(heading(page)).to_have_text(title)
    expect(heading(page)).to_be_focused()
    problem = page.get_by_role("region", name=title)
    expect(problem).to_contain_text(code)
    expect(problem).to_contain_text(photos[photo].name)
    # The page is none the worse for it.
    choose(page, photos["no-face"])
    expect(heading(page)).to_have_text("Not analysed")


def test_every_problem_of_the_api_is_told(
    page: Page, tell_every_problem: Callable[..., None], photos: dict[str, Path]
) -> None:
    tell_every_problem(
        "**/api/detect/image*",
        send=lambda: choose(page, photos["no-face"]),
        back=lambda: page.get_by_role("button", name="Start over").click(),
    )


def test_a_photo_over_the_limit_is_never_sent(page: Page, photos: dict[str, Path]) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, photos["too-large"])
    expect(heading(page)).to_have_text("This photo is too large")
    expect(page.get_by_text("This server takes up to 50\u202fMB")).to_be_visible()
    assert "POST" not in sent


def test_a_server_that_is_gone_is_told_and_can_be_tried_again(
    page: Page, photos: dict[str, Path]
) -> None:
    page.context.set_offline(True)
    choose(page, photos["no-face"])
    expect(heading(page)).to_have_text("The server did not answer")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(heading(page)).to_have_text("Not analysed")


def test_a_file_that_is_gone_is_not_taken_for_a_server_that_is(
    page: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "moved.png"
    file.write_bytes(photos["no-face"].read_bytes())
    page.context.set_offline(True)
    choose(page, file)
    expect(heading(page)).to_have_text("The server did not answer")
    page.context.set_offline(False)
    file.unlink()
    page.get_by_role("button", name="Try again").click()
    expect(heading(page)).to_have_text("This file could not be read")


def test_the_button_for_the_camera_asks_for_a_photo_alone(page: Page) -> None:
    camera = page.get_by_label("Take a photo")
    expect(camera).to_have_attribute("capture", "environment")
    expect(camera).to_have_attribute("accept", "image/*")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_photos_can_be_pasted_and_dropped(page: Page, landscape: bytes, way: str) -> None:
    page.evaluate(
        """([way, base64]) => {
            const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(way === "paste"
                ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
                : new DragEvent("drop", { ...options, dataTransfer: transfer }));
        }""",
        [way, base64.b64encode(landscape).decode()],
    )
    expect(heading(page)).to_have_text("Not analysed")
    expect(page.get_by_text("dropped.png").first).to_be_visible()


def test_the_keyboard_alone_is_enough(page: Page, photos: dict[str, Path]) -> None:
    def tab_to(name: str) -> None:
        focused = "() => document.activeElement.ariaLabel || document.activeElement.innerText"
        for _ in range(40):
            page.keyboard.press("Tab")
            if str(page.evaluate(focused)).startswith(name):
                return
        pytest.fail(f"Tab never came to {name!r}")

    # Playwright tells the browser to hand it choosers without waiting for an answer: told only when
    # the key is pressed, the browser may not know it yet.
    page.on("filechooser", lambda _: None)
    tab_to("Choose photos")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(photos["two-faces"])
    expect(page.get_by_text("2 faces found in the photo")).to_be_visible()
    expect(heading(page)).to_be_focused()

    panel = page.get_by_role("heading", level=2, name="Face")
    tab_to("Face")  # the frames on the photo, or the strip of faces: whichever comes first
    for _ in range(2):
        before = panel.inner_text()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(panel).not_to_have_text(before)
    tab_to("Show pixel for pixel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Fit the photo")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    tab_to("Fit the photo")


def test_the_report_is_saved_as_the_server_gave_it(
    page: Page, server: str, photos: dict[str, Path]
) -> None:
    with page.expect_response("**/api/detect/image*") as response:
        choose(page, photos["one-face"])
    answer = response.value.json()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the report as JSON").click()
    assert download.value.suggested_filename == "one-face.jpg.unmask.json"
    assert json.loads(Path(download.value.path()).read_text()) == answer


def test_a_batch_of_twenty_with_two_that_are_broken(
    page: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    files = []
    for number in range(20):
        source = photos["text" if number in (3, 11) else "no-face"]
        files.append(tmp_path / f"{number:02}{source.suffix}")
        files[-1].write_bytes(source.read_bytes())
    choose(page, *files)
    expect(heading(page)).to_have_text("20 photos")
    expect(page.get_by_text("20 of 20 done")).to_be_visible()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(21)
    page.get_by_role("button", name="2 failed").click()
    expect(rows).to_have_count(3)

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 21
    assert [line.split(",")[1] for line in lines[1:]].count("failed") == 2
    assert all(line.split(",")[4] == "" for line in lines[1:])  # p_fake: nothing was scored

    page.get_by_role("button", name="03.jpg").click()
    expect(heading(page)).to_have_text("This format cannot be read")
    page.get_by_role("link", name="All 20 photos").click()
    expect(heading(page)).to_have_text("20 photos")


def test_on_a_small_phone_a_reason_has_half_of_the_width(
    open_page: Callable[..., Page], photos: dict[str, Path]
) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    choose(page, photos["no-face"], photos["text"])
    box = page.get_by_text("No face was found").bounding_box()
    assert box is not None
    assert box["width"] > 140


@pytest.mark.parametrize("way", ["browser", "link"])
def test_back_from_a_photo_the_tray_is_as_it_was(
    page: Page, photos: dict[str, Path], way: str
) -> None:
    choose(page, *[photos["text"]] * 30, photos["no-face"])
    expect(page.get_by_text("31 of 31 done")).to_be_visible()
    page.get_by_role("button", name="30 failed").click()
    page.get_by_role("columnheader", name="Photo").get_by_role("button").click()
    page.get_by_role("button", name="text.jpg").last.click()
    expect(heading(page)).to_have_text("This format cannot be read")
    expect(heading(page)).to_be_in_viewport()
    if way == "browser":
        page.go_back()
    else:
        page.get_by_role("link", name="All 31 photos").click()
    expect(heading(page)).to_have_text("31 photos")
    expect(page.get_by_role("button", name="30 failed")).to_have_attribute("aria-pressed", "true")
    column = page.get_by_role("columnheader", name="Photo")
    expect(column).to_have_attribute("aria-sort", "ascending")
    last = page.get_by_role("button", name="text.jpg").last
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()


def test_a_photo_that_is_added_opens_and_a_reload_ends_the_session(
    page: Page, photos: dict[str, Path]
) -> None:
    choose(page, photos["text"])
    expect(heading(page)).to_have_text("This format cannot be read")
    expect(page).to_have_title("Photo - Unmask")
    choose(page, photos["no-face"])
    expect(heading(page)).to_have_text("Not analysed")
    page.go_back()
    expect(heading(page)).to_have_text("2 photos")
    page.go_forward()
    expect(heading(page)).to_have_text("Not analysed")
    page.reload()
    expect(heading(page)).to_have_text("Was this face manipulated?")
    expect(page).to_have_title("Unmask: was this face manipulated?")
    choose(page, photos["text"])
    expect(heading(page)).to_have_text("This format cannot be read")


def test_a_start_page_without_a_server_says_so_first(
    open_page: Callable[..., Page], server: str
) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    page.route("**/api/model", lambda route: route.abort())
    page.goto(f"{server}/?again")
    notice = page.get_by_role("alert").filter(has_text="The server did not answer")
    expect(notice).to_be_visible()
    expect(notice).to_be_in_viewport()


LEAVE = "() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
"""True where the page lets itself be left without asking."""


def test_a_batch_that_is_on_its_way_is_not_left_without_asking(
    page: Page, photos: dict[str, Path]
) -> None:
    page.route("**/api/detect/image*", lambda _: None)  # never answered
    choose(page, photos["no-face"])
    expect(heading(page)).to_have_text("Analysing")
    assert page.evaluate(LEAVE)
    choose(page, photos["one-face"], photos["no-face"])
    expect(page.get_by_text("0 of 3 done")).to_be_visible()
    assert not page.evaluate(LEAVE)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert page.evaluate(LEAVE)


def test_a_batch_can_be_stopped(page: Page, photos: dict[str, Path]) -> None:
    choose(page, *[photos["two-faces"]] * 30)
    expect(page.get_by_text("of 30 done")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_text("of 30 done")).to_have_count(0)


def test_the_theme_is_the_systems_until_one_is_chosen(open_page: Callable[..., Page]) -> None:
    page = open_page(color_scheme="dark")
    paper = "() => getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Light").click()
    light = page.evaluate(paper)
    assert light != dark
    page.reload()
    assert page.evaluate(paper) == light
    page.get_by_role("button", name="As the system").click()
    assert page.evaluate(paper) == dark


def test_figures_of_the_start_page_are_the_cards(page: Page, server: str) -> None:
    with urllib.request.urlopen(f"{server}/api/model") as response:
        card = json.load(response)
    expect(page.get_by_text(percent(card["thresholds"]["likely_fake"])).first).to_be_visible()
    for failure in card["documentation"].get("known_failures", []):
        expect(page.get_by_text(failure)).to_be_visible()
    counted = {
        source: rates
        for source, rates in card["documentation"].get("validation", {}).items()
        if isinstance(rates, dict)
    }
    table = page.get_by_role("region", name="Error rates of the card")
    for number, rates in enumerate(counted.values(), 1):  # below the head
        row = table.get_by_role("row").nth(number)
        expect(row).to_contain_text(f"{rates['n_real']:,}")
        expect(row).to_contain_text(f"{100 * rates['false_alarms']:.2g}")


def test_the_first_load_is_light(open_page: Callable[..., Page], server: str) -> None:
    page = open_page()
    kilobytes = page.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter((entry) => entry.initiatorType === 'script' || entry.name.endsWith('.js'))
            .reduce((sum, entry) => sum + entry.encodedBodySize, 0) / 1000"""
    )
    assert 50 < kilobytes < 250


@pytest.mark.parametrize("width", [320, 360, 768, 1600])
def test_nothing_overflows(
    open_page: Callable[..., Page], photos: dict[str, Path], width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 740})

    def assert_fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    assert_fits()
    choose(page, photos["two-faces"])
    expect(page.get_by_text("2 faces found in the photo")).to_be_visible()
    assert_fits()
    choose(page, photos["text"], photos["no-face"])
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    assert_fits()
    page.get_by_role("button", name="text.jpg").click()
    expect(heading(page)).to_have_text("This format cannot be read")
    assert_fits()
