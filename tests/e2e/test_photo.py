"""What the page tells of a photo, of many, and of the model."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Locator, Page, Route, expect

ROOT = Path(__file__).parents[2]


def choose(page: Page, *paths: Path) -> None:
    page.get_by_label("Choose photos").set_input_files(paths)


def with_documentation(page: Page, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Load the page anew with the server's own card, its documentation changed."""
    told: dict[str, Any] = {}

    def answer(route: Route) -> None:
        response = route.fetch()
        card = response.json()
        change(card["documentation"])
        told.update(card)
        route.fulfill(response=response, json=card)

    page.context.route("**/api/model", answer)
    page.reload()
    page.get_by_text("up to", exact=False).first.wait_for()
    return told


def rate(fraction: float) -> str:
    """As the page tells a rate below 0.995."""
    return f"{float(f'{100 * fraction:.2g}'):g}\u202f%"


def test_the_spectrum_of_a_face_is_drawn(page: Page, photos: dict[str, Path]) -> None:
    with_documentation(page, lambda told: told.pop("genuine_spectrum", None))
    with page.expect_response("**/api/detect/image*") as response:
        choose(page, photos["one-face"])
    (face,) = response.value.json()["faces"]
    plot = page.get_by_role("img", name="The radial profile of this face's spectrum")
    name = f"from {face['spectrum'][0]:.1f} in its coarsest band"
    expect(plot).to_have_accessible_name(re.compile(re.escape(name)))
    expect(plot.locator("path")).to_have_count(1)
    # A card that knows no genuine faces is not made to say anything of them.
    expect(page.get_by_text("genuine faces that calibrated")).to_have_count(0)


def test_genuine_faces_stand_behind_it_where_the_card_has_them(
    page: Page, photos: dict[str, Path]
) -> None:
    band = {"n": 2266, "mean": [5.0] * 16, "p5": [-1.0] * 16, "p95": [99.0] * 15 + [-0.5]}
    with_documentation(page, lambda told: told.update(genuine_spectrum=band))
    choose(page, photos["one-face"])
    plot = page.get_by_role("img", name="The radial profile of this face's spectrum")
    expect(plot.locator("path")).to_have_count(3)
    figure = page.get_by_role("figure").filter(has=plot)
    expect(figure).to_contain_text("2,266 genuine faces")
    expect(figure).to_contain_text("15 of its 16 bands")
    expect(figure).to_contain_text("on its own it tells nothing")


def test_a_face_that_was_not_scored_has_no_spectrum(page: Page, photos: dict[str, Path]) -> None:
    choose(page, photos["small-face"])
    expect(page.get_by_text("Quality of this face")).to_be_visible()
    expect(page.get_by_role("img", name="spectrum")).to_have_count(0)


def test_an_animation_says_that_only_its_first_picture_was_judged(
    page: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    first = PIL.Image.open(photos["no-face"]).convert("RGB")
    animation = tmp_path / "two.gif"
    first.save(animation, save_all=True, append_images=[PIL.Image.new("RGB", first.size)])
    choose(page, animation)
    finding = page.get_by_role("region", name="Not analysed")
    expect(finding).to_contain_text("No face was found")
    expect(finding).to_contain_text("Only the first picture in this file was looked at")
    # And so does the tray, on a phone too.
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_label("Add photos").set_input_files([photos["text"], photos["text"]])
    row = page.get_by_role("row").filter(has_text="two.gif")
    for words in ("No face was found", "Only the first picture"):
        expect(row.get_by_text(words)).to_be_visible()


# The last picture of each stays as long as its format allows: what plays is not seen by chance. No
# player ever shows the first of a PNG that keeps it out of its animation.
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("moving.webp", {"lossless": True}),
        ("moving.gif", {}),
        ("moving.png", {}),
        ("hidden.png", {"default_image": True}),
    ],
)
def test_of_an_animation_the_first_picture_alone_is_shown(
    page: Page, photos: dict[str, Path], tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    portrait = PIL.Image.open(photos["one-face"]).convert("RGB")
    others = [PIL.Image.new("RGB", portrait.size, colour) for colour in ("lime", "blue")]
    longest = 65_000 if name.endswith(".png") else 600_000
    durations = [20, longest] if "default_image" in options else [20, 20, longest]
    portrait.save(
        tmp_path / name, save_all=True, append_images=others, duration=durations, **options
    )
    expected = np.asarray(portrait.resize((64, 64)), dtype=float)

    def differs(shown: Locator) -> float:
        expect(shown).to_have_js_property("complete", value=True)
        page.wait_for_timeout(300)
        picture = PIL.Image.open(io.BytesIO(shown.screenshot())).convert("RGB").resize((64, 64))
        return float(np.abs(np.asarray(picture, dtype=float) - expected).mean())

    choose(page, tmp_path / name)
    expect(page.get_by_text("Only the first picture")).to_be_visible()
    page.get_by_role("slider", name="Heat map").fill("0")
    assert differs(page.get_by_role("img", name=name)) < 30
    page.get_by_label("Add photos").set_input_files([photos["no-face"], photos["no-face"]])
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    assert differs(page.locator("tbody img").first) < 30


def test_a_picture_that_the_browser_cannot_show_leaves_a_plain_field(
    page: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    tiff = tmp_path / "scan.tif"
    PIL.Image.open(photos["no-face"]).save(tiff)
    choose(page, tiff, photos["no-face"])
    expect(page.get_by_role("row").filter(has_text="scan.tif")).to_contain_text("Not analysed")
    expect(page.locator("tbody img")).to_have_count(1)
    assert page.locator("tbody img").evaluate("(image) => image.naturalWidth") > 0


def test_what_is_transparent_is_shown_on_white_as_it_was_judged(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(color_scheme="dark")
    file = tmp_path / "glass.png"
    PIL.Image.new("RGBA", (300, 200), (0, 0, 0, 0)).save(file)
    choose(page, file)
    expect(page.get_by_role("heading", name="Not analysed")).to_be_visible()
    shown = page.get_by_role("img", name="glass.png")
    expect(shown).to_have_js_property("naturalWidth", 300)
    picture = PIL.Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    assert picture.getpixel((picture.width // 2, picture.height // 2)) == (255, 255, 255)


def test_the_hash_can_be_copied(open_page: Callable[..., Page], photos: dict[str, Path]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    with page.expect_response("**/api/detect/image*") as response:
        choose(page, photos["no-face"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == response.value.json()["sha256"]


def test_what_is_printed_is_the_report_and_no_controls(
    open_page: Callable[..., Page], photos: dict[str, Path]
) -> None:
    page = open_page(color_scheme="dark")
    choose(page, photos["one-face"])
    expect(page.get_by_role("table", name="Probability")).to_be_visible()
    # No dialog comes up in a browser without a window; its title is the name of the file.
    page.evaluate("window.print = () => { window.printed = document.title }")
    page.get_by_role("button", name="Print the report").click()
    assert page.evaluate("window.printed") == "one-face.jpg - Unmask"
    assert page.title() != "one-face.jpg - Unmask"
    page.emulate_media(media="print")
    for name in ("Add photos", "Start over", "Save the report", "Print", "Copy", "Dark"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    for name in ("Probability", "Quality of this face"):
        expect(page.get_by_role("table", name=name)).to_be_visible()
    expect(page.get_by_role("img", name="one-face.jpg")).to_be_visible()
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(246, 246, 246)"  # light, whatever the screen was


def test_how_often_a_flag_is_right_is_the_visitors_to_set(page: Page) -> None:
    rates = {"n_real": 900, "n_fake": 800, "false_alarms": 0.01, "detected": 0.6, "missed": 0.05}
    with_documentation(page, lambda told: told.update(validation={"films": rates}))
    flags = page.get_by_role("region", name="How common are manipulated faces")
    for share, fakes in (("1 in 2", 0.5), ("1 in 100", 0.01)):
        flags.get_by_role("button", name=share, exact=True).click()
        precision = 0.6 * fakes / (0.6 * fakes + 0.01 * (1 - fakes))
        expect(flags.get_by_role("listitem")).to_have_text(f"{rate(precision)} of the time (films)")
    expect(flags).to_contain_text("like those the model was validated on")


def test_measured_error_rates_are_those_of_the_results_files(page: Page) -> None:
    files = [json.loads(path.read_text()) for path in (ROOT / "docs/results").glob("*.json")]
    files = [file for file in files if file.get("verdicts") and file.get("model")]
    # What looks closer at another file's pictures is not told twice.
    files = [file for file in files if not (file["robustness"] or file.get("explanations"))]
    files = [file for file in files if "without" not in file["settings"]]
    files = [file for file in files if file["settings"].get("split") != "blend-source"]
    card = with_documentation(page, lambda told: told)
    ours = [file for file in files if file["model"]["sha256"] == card["sha256"]]
    table = page.get_by_role("region", name="Measured error rates")
    expect(table).to_be_visible()
    expected = [
        verdicts
        for file in ours or files
        for verdicts in file["verdicts"]
        if verdicts["source"]  # not the mixture of all
    ]
    expect(table.get_by_role("row")).to_have_count(1 + len(expected))
    text = table.inner_text()
    for verdicts in expected:
        for figure in ("false_alarms", "caught", "missed", "inconclusive"):
            value = verdicts[figure]["value"]
            assert (value is None) or rate(value) in text
    warning = page.get_by_text("measured with other weights")
    expect(warning).to_have_count(0 if ours else 1)


def test_figures_of_other_weights_are_told_as_such(page: Page) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"sha256": "0" * 64})

    page.context.route("**/api/model", answer)
    page.reload()
    expect(page.get_by_text("measured with other weights")).to_be_visible()


def test_a_folder_can_be_picked(page: Page, photos: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.png", "inner/b.png", ".hidden.png"):
        (tmp_path / name).write_bytes(photos["no-face"].read_bytes())
    page.get_by_label("Choose a folder").set_input_files(tmp_path)
    expect(page.get_by_text("2 of 2 done")).to_be_visible()
    expect(page.get_by_role("button", name="b.png")).to_be_visible()


def test_many_photos_come_in_pages_and_any_order(
    page: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(1, 61)]
    for file in files:
        file.write_bytes(b"no picture")
    files.append(photos["no-face"])
    choose(page, *files)
    expect(page.get_by_text("61 of 61 done")).to_be_visible(timeout=300_000)
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(51)
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text("1 to 50 of 61")
    expect(pages.get_by_role("button", name="Previous")).to_be_disabled()
    pages.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(12)
    expect(pages.get_by_role("button", name="Next")).to_be_disabled()

    column = page.get_by_role("columnheader", name="Photo")
    column.get_by_role("button").click()
    expect(pages).to_contain_text("1 to 50 of 61")
    expect(column).to_have_attribute("aria-sort", "ascending")
    expect(rows.nth(9)).to_contain_text("9.jpg")
    expect(rows.nth(10)).to_contain_text("10.jpg")
    column.get_by_role("button").click()
    expect(column).to_have_attribute("aria-sort", "descending")
    expect(rows.nth(1)).to_contain_text("no-face.png")
    expect(rows.nth(2)).to_contain_text("60.jpg")

    page.get_by_role("button", name="1 not analysed").click()
    expect(rows).to_have_count(2)
    expect(pages).to_have_count(0)


def test_what_failed_for_want_of_a_server_can_be_sent_again(
    page: Page, photos: dict[str, Path]
) -> None:
    page.context.set_offline(True)
    choose(page, photos["no-face"], photos["no-face"], photos["too-large"])
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    page.context.set_offline(False)
    # The third would be too large again.
    expect(page.get_by_text("All 3 photos are done, 3 failed")).to_have_count(1)
    page.get_by_role("button", name="Try 2 failed again").click()
    expect(page.get_by_role("button", name="2 not analysed")).to_be_visible()
    expect(page.get_by_role("button", name="failed again")).to_have_count(0)
