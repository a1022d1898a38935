from __future__ import annotations

import base64
import gzip
import io
import struct
import threading
import zipfile
import zlib
from datetime import UTC, datetime, timedelta

import numpy as np
import PIL.Image
import pytest

from unmask.server import create_app
from unmask.server.schemas import BatchAnswer, Health, KeptImage, ModelAnswer, Problem
from unmask.settings import Settings

MB = 1024 * 1024


def huge_png(side: int = 20_000) -> bytes:
    """A PNG of `side` x `side` black pixels in a few kB: what it would unpack to is 1.2 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(4 * MB), 9))
        + chunk(b"IEND", b"")
    )


def gif_bomb() -> bytes:
    """A GIF of some 40 bytes that claims 65,535 x 65,535 pixels."""
    screen = struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + screen + frame + b"\x3b"


def jpeg(side: int = 64) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (side, side), "teal").save(file, "JPEG")
    return file.getvalue()


def form(*files: tuple[bytes, str], field: str = "files[]") -> dict[str, list[object]]:
    return {field: [(io.BytesIO(data), name) for data, name in files]}


BAD_FILES = {
    "text named .jpg": (b"this is no picture\n" * 20, 415, "unsupported_format"),
    "truncated JPEG": (jpeg()[:400], 422, "undecodable"),
    "0 bytes": (b"", 422, "undecodable"),
    "50 MB and 1 byte": (jpeg().ljust(50 * MB + 1, b"\0"), 413, "too_large"),
    "52 MB": (jpeg().ljust(52 * MB, b"\0"), 413, "too_large"),
    "20,000 x 20,000 PNG": (huge_png(), 413, "too_large"),
    "GIF bomb": (gif_bomb(), 413, "too_large"),
    "HTML before a JPEG": (b"<html><script>1</script>" + jpeg(), 415, "unsupported_format"),
    "gzip of a JPEG": (gzip.compress(jpeg()), 415, "unsupported_format"),
}


@pytest.mark.parametrize(("data", "status", "code"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_a_problem_and_the_server_goes_on(post, client, data, status, code):
    response = post(data)
    problem = Problem.model_validate(response.json)
    assert response.mimetype == "application/problem+json"
    assert (response.status_code, problem.status, problem.code) == (status, status, code)
    assert problem.instance == "/api/detect/image"
    assert (problem.error, problem.details) == (problem.title, problem.detail)
    assert len(problem.detail) > 20
    assert "Traceback" not in response.text
    assert client.get("/health").status_code == 200


BAD_FORMS = {
    "missing field": {},
    "wrong field": {"picture": (io.BytesIO(b"\xff\xd8\xff"), "a.jpg")},
    "text in the field": {"file": "a.jpg"},
    "no file chosen": {"file": (io.BytesIO(b""), "")},
}


@pytest.mark.parametrize("data", BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_form_without_the_file_is_told_what_was_expected_and_what_came(client, data):
    response = client.post("/api/detect/image", data=data)
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert "'file'" in response.json["detail"]
    if "picture" in data:
        assert "'picture'" in response.json["detail"]


def test_of_many_files_the_one_without_a_name_is_told(client, landscape):
    files = form((landscape, "a.png"), (landscape, "b.png"), (b"", ""))
    response = client.post("/api/detect/batch", data=files)
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert "files in the fields {'files[]': 2}" in response.json["detail"]
    assert "without a name {'files[]': 1}" in response.json["detail"]


def test_a_form_that_is_packed_is_told_so(client):
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    response = client.post("/api/detect/image", data=gzip.compress(b"--b--"), headers=headers)
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert "packed with gzip" in response.json["detail"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/detect/image", ["file", "file"]),
        ("/api/detect/image", ["file", "files[]"]),
        ("/api/detect/video", ["file", "file"]),
        ("/api/detect/batch", ["files[]", "files[]", "file"]),
        ("/api/jobs", ["files[]", "files[]", "files"]),
    ],
)
def test_no_file_is_left_out_in_silence(client, landscape, path, fields):
    files: dict[str, list[object]] = {}
    for field in fields:
        files.setdefault(field, []).append((io.BytesIO(landscape), "a.png"))
    response = client.post(path, data=files)
    assert (response.status_code, response.json["code"]) == (400, "invalid_request")
    assert str({field: len(files[field]) for field in files}) in response.json["detail"]


def test_a_body_that_is_no_form_is_told_so(client):
    response = client.post("/api/detect/image", json={"file": "a.jpg"})
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert "application/json" in response.json["detail"]


def test_a_switch_with_an_unknown_value_is_refused(post, landscape):
    response = post(landscape, "?heatmap=perhaps")
    assert (response.status_code, response.json["code"]) == (400, "invalid_request")
    assert "perhaps" in response.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("POST", "/api/detect/image", "heatmap, overlay, keep"),
        ("POST", "/api/detect/batch", "heatmap, overlay, keep"),
        ("POST", "/api/detect/video", "heatmap, keep"),
        ("POST", "/api/jobs", "heatmap, pictures"),
        ("GET", "/api/jobs", "limit, before"),
    ],
)
def test_a_switch_with_a_mistake_in_its_name_is_refused(client, landscape, method, path, known):
    files = {
        "file": (io.BytesIO(landscape), "a.png"),
        "files[]": (io.BytesIO(landscape), "a.png"),
    }
    data = {"data": files} if method == "POST" else {}
    response = client.open(f"{path}?heatmaps=true", method=method, **data)
    problem = Problem.model_validate(response.json)
    assert response.mimetype == "application/problem+json"
    assert (problem.status, problem.code) == (400, "invalid_request")
    assert problem.detail == f"heatmaps: no such parameter, expected {known}."


def test_form_fields_besides_the_file_are_let_be(client, landscape):
    data = {"file": (io.BytesIO(landscape), "a.png"), "threshold": "0.5"}
    assert client.post("/api/detect/image", data=data).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/nothing", 404, "not_found"),
        ("GET", "/api/detect/image", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ],
)
def test_addresses_and_methods_that_are_not_there(client, method, path, status, code):
    response = client.open(path, method=method)
    assert (response.status_code, response.json["code"]) == (status, code)
    assert response.mimetype == "application/problem+json"
    assert ("Allow" in response.headers) == (status == 405)


class Endless(io.RawIOBase):
    """An upload without an end that counts what was taken from it."""

    def __init__(self, start: bytes) -> None:
        self.start, self.n_read = start, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self.start[self.n_read : self.n_read + len(buffer)] or bytes(len(buffer))
        buffer[: len(piece)] = piece
        self.n_read += len(piece)
        return len(piece)


def test_an_upload_without_an_end_is_cut_off_at_the_limit(detector):
    app = create_app(Settings(max_image_bytes=MB), detector)
    body = Endless(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n')
    response = app.test_client().post(
        "/api/detect/image",
        content_type="multipart/form-data; boundary=x",
        # As a server hands on a chunked body.
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )
    assert (response.status_code, response.json["code"]) == (413, "too_large")
    assert body.n_read < 2 * MB


def test_a_photo_is_a_photo_whatever_its_name_says(post, landscape):
    response = post(landscape, name="clip.mp4")
    assert (response.status_code, response.json["image"]["format"]) == (200, "PNG")


def test_a_video_is_sent_to_where_videos_are_taken(post, client, faceless_clip):
    response = post(faceless_clip, name="photo.jpg")
    assert (response.status_code, response.json["code"]) == (415, "unsupported_format")
    assert "/api/detect/video" in response.json["detail"]
    batch = client.post("/api/detect/batch", data=form((faceless_clip, "photo.jpg")))
    assert "/api/jobs" in batch.json["results"][0]["problem"]["detail"]


def test_a_photo_of_a_face(post, astronaut, detector):
    response = post(astronaut)
    answer = KeptImage.model_validate(response.json)
    report = detector.image(astronaut)
    assert response.status_code == 200
    assert answer.face_detected
    assert answer.detail is None
    assert answer.verdict == report.verdict
    assert answer.p_fake == pytest.approx(report.p_fake, abs=1e-6)
    assert answer.prediction == answer.label == report.headline.prediction.label
    assert (answer.image.width, answer.image.height) == (report.width, report.height)
    assert answer.image.format == "JPEG"
    assert answer.sha256 == report.sha256
    assert answer.model.sha256 == detector.identity.sha256
    assert abs(datetime.now(UTC) - answer.timestamp) < timedelta(minutes=1)
    assert answer.timings_ms
    assert answer.processing_time > 0


def test_the_specified_fields_are_percent_and_never_certain(post, astronaut):
    answer = KeptImage.model_validate(post(astronaut).json)
    percent = answer.probabilities
    assert pytest.approx(min(max(100 * answer.p_fake, 0.1), 99.9), abs=0.006) == percent.FAKE
    assert pytest.approx(100) == percent.REAL + percent.FAKE
    assert answer.confidence == max(percent.REAL, percent.FAKE) <= 99.9
    # Rounded, both may be 50.
    assert answer.prediction == ("FAKE" if answer.p_fake > 0.5 else "REAL")
    assert answer.confidence == getattr(percent, answer.prediction)


def test_the_heat_map_lies_on_the_face(post, astronaut):
    answer = KeptImage.model_validate(post(astronaut).json)
    face = answer.faces[answer.headline_face]
    grid = np.array(face.heatmap.grid)
    assert grid.ndim == 2
    assert 0 <= grid.min() <= grid.max() <= 1
    corners = np.array(face.heatmap.corners)
    x1, y1, x2, y2 = face.box
    centre = corners.mean(axis=0)
    assert x1 < centre[0] < x2
    assert y1 < centre[1] < y2
    # Clockwise in a picture whose y points down, from the upper left.
    edges = np.roll(corners, -1, axis=0) - corners
    assert edges[0, 0] > 0
    assert edges[1, 1] > 0
    lengths = np.hypot(*edges.T)
    assert lengths == pytest.approx(np.full(4, lengths[0]), abs=0.1)


def test_gradcam_image_is_a_jpeg_of_the_photo(post, astronaut):
    answer = post(astronaut).json
    if answer["faces"][answer["headline_face"]]["heatmap"]["empty"]:
        assert answer["gradcam_image"] is None
        return
    image = PIL.Image.open(io.BytesIO(base64.b64decode(answer["gradcam_image"])))
    assert image.format == "JPEG"
    assert image.size == (answer["image"]["width"], answer["image"]["height"])


@pytest.mark.parametrize(
    ("query", "has_map"), [("?heatmap=false", False), ("?overlay=false", True)]
)
def test_heat_maps_can_be_left_out(post, astronaut, query, has_map):
    answer = KeptImage.model_validate(post(astronaut, query).json)
    assert answer.gradcam_image is None
    assert (answer.faces[0].heatmap is not None) == has_map
    assert answer.p_fake is not None


def test_a_photo_without_a_face_is_no_error_and_has_no_probability(post, landscape):
    response = post(landscape)
    answer = KeptImage.model_validate(response.json)
    assert response.status_code == 200
    assert (answer.verdict, answer.reason) == ("not_analysed", "no_face")
    assert not answer.face_detected
    assert answer.faces == []
    assert "turn the picture upright" in answer.detail
    for field in ("prediction", "confidence", "probabilities", "p_fake", "label", "gradcam_image"):
        assert getattr(answer, field) is None


def test_a_jpeg_with_a_zip_behind_it_is_judged_as_a_jpeg(post, astronaut):
    behind = io.BytesIO()
    with zipfile.ZipFile(behind, "w") as archive:
        archive.writestr("hidden.txt", "hidden")
    plain, polyglot = post(astronaut).json, post(astronaut + behind.getvalue()).json
    assert polyglot["image"]["format"] == "JPEG"
    assert polyglot["p_fake"] == plain["p_fake"]
    assert polyglot["sha256"] != plain["sha256"]


def test_a_batch_answers_for_every_file_in_order(client, astronaut, landscape):
    files = form((astronaut, "one.jpg"), (b"broken", "two.jpg"), (landscape, "three.png"))
    response = client.post("/api/detect/batch", data=files)
    batch = BatchAnswer.model_validate(response.json)
    assert response.status_code == 200
    assert batch.total_processed == 3
    one, two, three = batch.results
    assert [item.filename for item in batch.results] == ["one.jpg", "two.jpg", "three.png"]
    assert [item.status for item in batch.results] == [200, 415, 200]
    assert one.prediction in ("REAL", "FAKE")
    assert (two.verdict, two.reason) == ("not_analysed", "unsupported_format")
    assert two.prediction is two.p_fake is two.confidence is None
    assert two.problem.code == "unsupported_format"
    assert two.detail == two.problem.detail
    assert one.problem is three.problem is None
    assert three.reason == "no_face"


def test_a_batch_gives_the_answer_of_the_single_route(client, post, astronaut):
    query = "?heatmap=true&overlay=true"
    [item] = client.post(f"/api/detect/batch{query}", data=form((astronaut, "a.jpg"))).json[
        "results"
    ]
    single = post(astronaut).json
    for changing in ("timestamp", "processing_time", "timings_ms"):
        del item[changing], single[changing]
    del single["job_id"]
    assert single.items() <= item.items()


@pytest.mark.parametrize("data", [{}, {"file": (io.BytesIO(b"x"), "a.jpg")}], ids=["empty", "file"])
def test_an_empty_batch_is_refused(client, data):
    response = client.post("/api/detect/batch", data=data)
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert "'files[]'" in response.json["detail"]


def test_a_batch_has_limits_of_files_and_bytes(detector, landscape):
    client = create_app(Settings(max_batch_files=2, max_batch_bytes=MB), detector).test_client()
    response = client.post("/api/detect/batch", data=form(*[(landscape, "a.png")] * 3))
    assert (response.status_code, response.json["code"]) == (413, "too_many_files")
    assert "2 files" in response.json["detail"]
    response = client.post("/api/detect/batch", data=form((bytes(2 * MB), "a.png")))
    assert (response.status_code, response.json["code"]) == (413, "too_large")
    response = client.post("/api/detect/batch", data=form(*[(b"x", "a.png")] * 105))
    assert (response.status_code, response.json["code"]) == (413, "too_large")
    assert "in 104 parts" in response.json["detail"]


def test_the_model_card_and_the_limits(client, detector):
    answer = ModelAnswer.model_validate(client.get("/api/model").json)
    assert (answer.name, answer.sha256) == (detector.card.name, detector.identity.sha256)
    assert answer.thresholds == detector.card.thresholds
    assert answer.limits.max_image_bytes == 50 * MB
    assert {"JPEG", "PNG", "WEBP", "AVIF"} <= set(answer.limits.formats)


def test_every_format_that_is_named_is_read(client, post):
    formats = client.get("/api/model").json["limits"]["formats"]
    for name in formats:
        if name == "HEIF":
            pytest.importorskip("pillow_heif").register_heif_opener()
        file = io.BytesIO()
        PIL.Image.new("RGB", (64, 64), "teal").save(file, name)
        assert post(file.getvalue(), name="photo").json["image"]["format"] == name


def test_health_has_the_four_fields_of_the_specification(client):
    health = Health.model_validate(client.get("/health").json)
    assert health.model_dump() == {
        "status": "running",
        "app_name": "Unmask",
        "version": health.version,
        "model_loaded": True,
    }
    assert client.get("/ready").json == {"status": "ready"}


class Wrapped:
    """The detector, but for what a test needs otherwise."""

    def __init__(self, detector) -> None:
        self.detector = detector

    def __getattr__(self, name: str):
        return getattr(self.detector, name)


class Held(Wrapped):
    """Answers once somebody opens the gate."""

    def __init__(self, detector) -> None:
        super().__init__(detector)
        self.entered, self.gate = threading.Event(), threading.Event()

    def image(self, *args, **options):
        self.entered.set()
        assert self.gate.wait(30)
        return self.detector.image(*args, **options)


def test_who_comes_when_all_places_are_taken_is_told_when_to_come_back(detector, landscape):
    held = Held(detector)
    app = create_app(Settings(max_concurrent=1, max_queued=0), held)

    def post():
        return app.test_client().post(
            "/api/detect/image", data=form((landscape, "a"), field="file")
        )

    statuses = []
    first = threading.Thread(target=lambda: statuses.append(post().status_code))
    first.start()
    try:
        assert held.entered.wait(30)
        refused = post()
        assert (refused.status_code, refused.json["code"]) == (503, "busy")
        assert int(refused.headers["Retry-After"]) > 0
        ready = app.test_client().get("/ready")
        assert (ready.status_code, ready.json["code"]) == (503, "busy")
        assert "Retry-After" in ready.headers
        assert app.test_client().get("/health").status_code == 200
    finally:
        held.gate.set()
        first.join()
    assert statuses == [200]
    assert post().status_code == 200


class Broken(Wrapped):
    def image(self, *args, **options):
        raise RuntimeError("the secret inside")


def test_a_bug_is_answered_without_its_stack_and_logged_with_it(detector, landscape, caplog):
    client = create_app(Settings(), Broken(detector)).test_client()
    response = client.post("/api/detect/image", data=form((landscape, "a"), field="file"))
    assert (response.status_code, response.json["code"]) == (500, "internal")
    assert response.mimetype == "application/problem+json"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "the secret inside" in caplog.text
    assert client.get("/health").status_code == 200


def test_what_a_large_photo_took_is_given_back(post, astronaut, monkeypatch):
    """Else each thread of the server keeps what it needed for the largest it had."""
    given_back = []
    monkeypatch.setattr("unmask.server.api.give_back_memory", lambda: given_back.append(True))
    assert post(astronaut).status_code == 200
    assert not given_back
    assert post(jpeg(2100)).status_code == 200
    assert given_back
