"""What a visitor does with a video, from the drop to the moment that tells."""

from __future__ import annotations

import io
import json
import math
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from unmask.detector import Detector


@pytest.fixture(scope="module")
def judged(post_job: Callable[..., dict[str, Any]], clips: dict[str, Path]) -> dict[str, Any]:
    """The job of two people, finished."""
    job = post_job(clips["two-people"])
    assert job["state"] == "finished", job["detail"]
    return job


@pytest.fixture
def reopened(page: Page, server: str, judged: dict[str, Any]) -> Page:
    """The finding on two people, opened by its address."""
    page.goto(f"{server}/#job={judged['id']}")
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()
    return page


def send(page: Page, *paths: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(paths)


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1).locator("visible=true")


def percent(fraction: float) -> str:
    return f"{min(max(100 * fraction, 0.1), 99.9):.1f}"


def clock(time_s: float) -> str:
    minutes, tenths = divmod(math.floor(10 * time_s + 0.5), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


def job_of(page: Page, server: str) -> dict[str, Any]:
    """The job that the address of the page names."""
    found = re.search(r"#job=([0-9a-f]+)", page.url)
    assert found, page.url
    with urllib.request.urlopen(f"{server}/api/jobs/{found[1]}") as response:
        return dict(json.load(response))


def jobs(server: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{server}/api/jobs?limit=200") as response:
        return list(json.load(response)["jobs"])


def moments(result: dict[str, Any], person: int) -> list[tuple[float, dict[str, Any]]]:
    return [
        (frame["time_s"], face)
        for frame in result["frames"]
        for face in frame["faces"]
        if face["track"] == person
    ]


def test_a_video_gets_the_verdict_of_the_library(
    page: Page,
    server: str,
    titles: dict[str, str],
    detector: Detector,
    clips: dict[str, Path],
) -> None:
    report = detector.video(clips["two-people"])
    send(page, clips["two-people"])
    expect(heading(page)).to_have_text(titles[report.verdict])
    expect(heading(page)).to_be_focused()
    people = page.get_by_role("article")
    expect(people).to_have_count(len(report.tracks))
    for person, track in enumerate(report.tracks):
        expect(people.nth(person)).to_contain_text(titles[track.verdict])
        assert track.p_fake is not None
        expect(people.nth(person)).to_contain_text(percent(track.p_fake))
        for interval in track.intervals:
            expect(people.nth(person)).to_contain_text(
                f"{clock(interval.start_s)} to {clock(interval.end_s)}"
            )
    assert report.coverage is not None
    expect(page.get_by_text(f"{report.coverage.scored} of them scored")).to_be_visible()
    expect(page.get_by_text(str(report.sha256))).to_be_visible()
    assert job_of(page, server)["results"][0]["p_fake"] == pytest.approx(report.p_fake, abs=1e-6)


def test_a_click_on_the_timeline_jumps_there(
    page: Page, server: str, clips: dict[str, Path]
) -> None:
    send(page, clips["two-people"])
    timeline = page.get_by_role("slider", name="Moments of Person 2")
    place = timeline.bounding_box()
    assert place is not None
    result = job_of(page, server)["results"][0]
    seen = moments(result, 1)
    time_s, face = seen[len(seen) // 2]
    share = time_s / result["coverage"]["duration_s"]
    timeline.click(position={"x": share * place["width"], "y": place["height"] / 2})
    panel = page.get_by_role("region", name=f"Person 2 at {clock(time_s)}")
    expect(panel).to_contain_text(percent(face["p_fake"]))
    crop = panel.get_by_role("img")
    assert crop.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 224
    current = "() => document.querySelector('video').currentTime"
    assert page.evaluate(current) == pytest.approx(time_s, abs=0.01)

    # Its box lies on the face, and its score stands at the box.
    boxes = page.locator("section[aria-label=Video] [data-person]")
    box = boxes.nth(1)
    expect(box).to_contain_text(f"2 {percent(face['p_fake'])}")
    video = page.locator("video").bounding_box()
    drawn = box.bounding_box()
    assert video
    assert drawn
    scale = video["width"] / result["video"]["width"]
    assert (drawn["x"] - video["x"]) / scale == pytest.approx(face["box"][0], abs=1)
    assert (drawn["y"] - video["y"]) / scale == pytest.approx(face["box"][1], abs=1)
    assert drawn["width"] / scale == pytest.approx(face["box"][2] - face["box"][0], abs=1)
    # Its words can be read however small the video is.
    assert box.locator("span").evaluate("(it) => it.getBoundingClientRect().height") >= 16

    # Where nobody looked at a face there is no box, and no score.
    page.evaluate("document.querySelector('video').currentTime = 3.5")
    expect(boxes).to_have_count(0)


def test_a_suspicious_stretch_can_be_opened(
    page: Page, server: str, clips: dict[str, Path]
) -> None:
    send(page, clips["two-people"])
    expect(page.get_by_role("slider").first).to_be_visible()
    result = job_of(page, server)["results"][0]
    assert result["intervals"], "the blended face of the clip was not suspicious"
    interval = result["intervals"][0]
    first_s = next(
        time_s for time_s, _ in moments(result, interval["track"]) if time_s >= interval["start_s"]
    )
    page.get_by_role("article", name=f"Person {interval['track'] + 1}").get_by_role(
        "button", name=f"{clock(interval['start_s'])} to"
    ).click()
    panel = page.get_by_role("region", name=f"at {clock(first_s)}")
    expect(panel).to_be_visible()
    current = "() => document.querySelector('video').currentTime"
    assert page.evaluate(current) == pytest.approx(first_s, abs=0.01)


def test_the_keyboard_goes_from_moment_to_moment(
    reopened: Page, titles: dict[str, str], judged: dict[str, Any]
) -> None:
    seen = moments(judged["results"][0], 0)
    timeline = reopened.get_by_role("slider", name="Moments of Person 1")
    timeline.focus()
    for key, index in (("Home", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("End", len(seen) - 1)):
        reopened.keyboard.press(key)
        expect(timeline).to_have_attribute("aria-valuenow", str(index + 1))
        time_s, face = seen[index]
        value = timeline.get_attribute("aria-valuetext") or ""
        assert value.startswith(f"{clock(time_s)}: {titles[face['verdict']]}")
        region = reopened.get_by_role("region", name=f"Person 1 at {clock(time_s)}")
        expect(region).to_be_visible()
    reopened.keyboard.press("ArrowRight")
    expect(timeline).to_have_attribute("aria-valuenow", str(len(seen)))


def test_a_video_that_is_reopened_can_be_chosen_again(
    reopened: Page, clips: dict[str, Path]
) -> None:
    expect(reopened.get_by_text("The server does not keep videos")).to_be_visible()
    expect(reopened.locator("video")).to_have_count(0)
    reopened.get_by_label("Choose the video again").set_input_files(clips["nobody"])
    expect(reopened.get_by_role("alert").filter(has_text="another file")).to_be_visible()
    sent: list[str] = []
    reopened.on("request", lambda request: sent.append(request.method))
    reopened.get_by_label("Choose the video again").set_input_files(clips["two-people"])
    expect(reopened.locator("video")).to_be_visible()
    reopened.wait_for_function("() => document.querySelector('video').readyState >= 2")
    assert "POST" not in sent


def test_a_job_is_found_again_after_a_reload(page: Page, clips: dict[str, Path]) -> None:
    send(page, clips["two-people"])
    expect(page).to_have_url(re.compile("#job="))
    page.reload()
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()


def test_a_job_can_be_cancelled(
    page: Page, server: str, clips: dict[str, Path], post_job: Callable[..., dict[str, Any]]
) -> None:
    for _ in range(3):  # the worker is busy, so that the job is not done before the click
        post_job(clips["two-people"], wait=False)
    send(page, clips["two-people"])
    expect(page).to_have_url(re.compile("#job="))
    page.get_by_role("button", name="Cancel").dblclick()
    expect(heading(page)).to_have_text("The analysis was cancelled")
    assert job_of(page, server)["state"] == "cancelled"
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()


def test_a_video_that_is_cancelled_when_it_has_arrived_leaves_no_job_running(
    page: Page, server: str, clips: dict[str, Path]
) -> None:
    before = {job["id"] for job in jobs(server)}
    # The answer comes late, as from a server that has much to do.
    page.evaluate(
        """() => {
            const { send } = XMLHttpRequest.prototype;
            XMLHttpRequest.prototype.send = function (body) {
                const { onload } = this;
                this.onload = (event) => setTimeout(() => onload.call(this, event), 5000);
                send.call(this, body);
            };
        }"""
    )
    send(page, clips["two-people"])
    expect(heading(page)).to_have_text("The server takes it in")
    with page.expect_response(lambda response: response.request.method == "DELETE") as ending:
        page.get_by_role("button", name="Cancel").click()
    assert ending.value.ok
    new = [job for job in jobs(server) if job["id"] not in before]
    assert [job["state"] for job in new] in ([], ["cancelled"])
    expect(page).not_to_have_url(re.compile("#job="))


def test_an_upload_tells_how_far_it_is_and_outlives_a_server_that_is_gone(
    open_page: Callable[..., Page],
    launch: Callable[..., Any],
    port: int,
    clips: dict[str, Path],
    tmp_path: Path,
) -> None:
    slow = tmp_path / "slow.mp4"
    # Bytes after the last box of an MP4 change nothing but its size.
    padding = bytes(8_000_000)
    box = (8 + len(padding)).to_bytes(4) + b"free" + padding
    slow.write_bytes(clips["one-person"].read_bytes() + box)
    settings = {"UNMASK_DATA_DIR": str(tmp_path / "data")}
    with launch(port, tmp_path / "first.log", **settings) as address:
        page = open_page(at=address)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        speed = {"offline": False, "latency": 0, "downloadThroughput": -1}
        network.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": 100_000})
        send(page, slow)
        expect(heading(page)).to_have_text(re.compile(r"Sending, [1-9]"))
    expect(heading(page)).to_have_text("The server did not answer")
    network.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": -1})
    with launch(port, tmp_path / "second.log", **settings) as address:
        assert len(jobs(address)) == 0
        page.get_by_role("button", name="Try again").dblclick()
        expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()
        assert len(jobs(address)) == 1


def test_a_server_that_falls_silent_is_asked_again(
    page: Page, server: str, judged: dict[str, Any]
) -> None:
    page.route("**/api/jobs/**", lambda route: route.abort())
    page.goto(f"{server}/#job={judged['id']}")
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    page.unroute("**/api/jobs/**")
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()


def test_a_job_is_followed_by_asking_where_events_do_not_come(
    page: Page, clips: dict[str, Path]
) -> None:
    page.route("**/events", lambda route: route.abort())
    send(page, clips["one-person"])
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()


@pytest.fixture
def cut_off(chromium: Browser, server: str) -> Iterator[Page]:
    """The start page, to which no more of the page will arrive."""
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(server)
        expect(page.get_by_text("up to", exact=False).first).to_be_visible()
        page.route("**/_next/static/chunks/**", lambda route: route.abort())
        yield page


def test_a_part_of_the_page_that_does_not_arrive_is_told(
    cut_off: Page, judged: dict[str, Any]
) -> None:
    cut_off.get_by_role("link", name="History").click()
    expect(heading(cut_off)).to_have_text("This page broke off")
    cut_off.unroute("**/_next/static/chunks/**")
    cut_off.get_by_role("button", name="Load again").click()
    expect(heading(cut_off)).to_have_text("History")
    expect(cut_off.get_by_role("list", name="Results")).to_be_visible()
    assert judged["state"] == "finished"


def test_a_part_of_the_page_that_does_not_arrive_costs_no_other(
    cut_off: Page, photos: dict[str, Path]
) -> None:
    send(cut_off, photos["no-face"])
    expect(heading(cut_off)).to_have_text("Not analysed")
    cut_off.get_by_role("link", name="History", exact=True).click()
    expect(heading(cut_off)).to_have_text("This page broke off")
    cut_off.go_back()
    expect(heading(cut_off)).to_have_text("Not analysed")


def test_a_job_that_is_gone_is_told(page: Page, server: str) -> None:
    page.goto(f"{server}/#job={'0' * 32}")
    expect(heading(page)).to_have_text("This result is no longer kept")


def test_a_video_over_the_limit_is_never_sent(page: Page, clips: dict[str, Path]) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    send(page, clips["too-large"])
    expect(heading(page)).to_have_text("This video is too large")
    assert "POST" not in sent


def test_every_problem_of_the_api_is_told(
    page: Page, tell_every_problem: Callable[..., None], clips: dict[str, Path]
) -> None:
    tell_every_problem(
        "**/api/jobs?*",
        send=lambda: send(page, clips["nobody"]),
        back=page.reload,
    )


@pytest.mark.parametrize(
    ("name", "title", "code"),
    [
        ("text", "This format cannot be read", "unsupported_format"),
        ("half", "This file is empty, damaged or cut short", "undecodable"),
    ],
)
def test_what_is_no_video_is_told(
    page: Page, clips: dict[str, Path], name: str, title: str, code: str
) -> None:
    send(page, clips[name])
    expect(heading(page)).to_have_text(title)
    problem = page.get_by_role("region", name=title)
    expect(problem).to_contain_text(code)
    expect(problem).to_contain_text(clips[name].name)


def test_a_video_without_a_face_gets_no_probability(page: Page, clips: dict[str, Path]) -> None:
    send(page, clips["nobody"])
    expect(heading(page)).to_have_text("Not analysed")
    finding = page.get_by_role("region", name="Not analysed")
    expect(finding).to_contain_text("No face was found")
    expect(finding).not_to_contain_text("%")
    expect(page.get_by_role("article")).to_have_count(0)


def test_a_video_that_is_cut_short_says_so(
    page: Page, clip: Callable[..., bytes], astronaut: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    still = np.asarray(PIL.Image.open(io.BytesIO(astronaut)).convert("RGB"))
    options = {"container_options": {"movflags": "faststart"}, "g": "1"}
    clip([still] * 8, path=str(path), rate=2, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    send(page, path)
    finding = page.get_by_role("region").filter(has_text="probability that")
    expect(finding).to_contain_text("The file declares 4.0 seconds, but its pictures end after")


def test_photos_and_videos_come_together(
    page: Page, photos: dict[str, Path], clips: dict[str, Path], tmp_path: Path
) -> None:
    video = tmp_path / "without-an-ending"
    video.write_bytes(clips["nobody"].read_bytes())
    before = page.evaluate("history.length")
    send(page, photos["no-face"], photos["text"], video)
    expect(heading(page)).to_have_text("2 photos")
    assert page.evaluate("history.length") == before  # "back" leads to no page that nobody saw
    page.get_by_role("link", name="1 video").click()
    expect(heading(page)).to_have_text("Not analysed")
    expect(page).to_have_url(re.compile("#job="))


def test_several_videos_are_sent_one_after_another(page: Page, clips: dict[str, Path]) -> None:
    send(page, clips["nobody"], clips["too-large"], clips["one-person"])
    expect(heading(page)).to_have_text("3 videos")
    expect(page.get_by_text("Arrived")).to_have_count(2)
    expect(page.get_by_text("This video is too large")).to_be_visible()
    page.get_by_role("link", name="nobody.mp4").click()
    expect(heading(page)).to_have_text("Not analysed")
    page.get_by_role("link", name="3 videos").click()
    expect(heading(page)).to_have_text("3 videos")


def test_a_server_without_a_store_judges_videos_too(
    open_page: Callable[..., Page], storeless_server: str, clips: dict[str, Path]
) -> None:
    page = open_page(at=storeless_server)
    send(page, clips["one-person"])
    expect(page.get_by_role("slider", name="Moments of Person 1")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("This server keeps no list of results")).to_be_visible()
    expect(page.get_by_role("button", name="Delete all")).to_have_count(0)


def test_the_first_load_leaves_out_what_videos_need(page: Page, judged: dict[str, Any]) -> None:
    scripts = "() => performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js'))"
    before = page.evaluate(f"({scripts})().length")
    page.goto(f"{page.url}#job={judged['id']}")
    expect(page.get_by_role("slider").first).to_be_visible()
    assert page.evaluate(f"({scripts})().length") > before


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_nothing_overflows(
    open_page: Callable[..., Page],
    server: str,
    judged: dict[str, Any],
    clips: dict[str, Path],
    width: int,
) -> None:
    page = open_page(viewport={"width": width, "height": 740})

    def assert_fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.goto(f"{server}/#job={judged['id']}")
    expect(page.get_by_role("slider").first).to_be_visible()
    assert_fits()
    page.get_by_label("Choose the video again").set_input_files(clips["two-people"])
    expect(page.locator("video")).to_be_visible()
    assert_fits()
    page.goto(f"{server}/#history")
    expect(page.get_by_role("list", name="Results")).to_be_visible()
    assert_fits()
