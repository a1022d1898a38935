"""Every bad video: the same clear outcome from the library, the API and a job; nothing is left."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from unmask.detector import Detector
from unmask.errors import InputError
from unmask.server import create_app
from unmask.server.folder import Folder
from unmask.server.schemas import JobAnswer
from unmask.server.worker import Worker
from unmask.settings import Settings

REFUSED = {"undecodable": 422, "unsupported_format": 415, "too_large": 413}


class Made(NamedTuple):
    clip: Callable[..., bytes]
    only_sound: bytes
    portrait: PIL.Image.Image
    folder: Path

    def on_grey(self, width: int) -> np.ndarray:
        """The portrait, this many px wide; its face has 22 % of that."""
        canvas = np.full((480, 640, 3), 128, np.uint8)
        canvas[50 : 50 + width, 50 : 50 + width] = self.portrait.resize((width, width))
        return canvas

    def playlist(self) -> bytes:
        target = self.folder / "secret.mp4"
        target.write_bytes(self.clip([self.on_grey(400)] * 2))
        return f"#EXTM3U\n#EXTINF:4,\n{target.as_uri()}\n#EXT-X-ENDLIST\n".encode()


BAD: dict[str, tuple[Callable[[Made], bytes], str | None]] = {
    "cut in half": (lambda m: (d := m.clip([m.on_grey(400)] * 9))[: len(d) // 2], "undecodable"),
    "text": (lambda m: b"this is a text named .mp4\n" * 99, "unsupported_format"),
    "no picture stream": (lambda m: m.only_sound, "unsupported_format"),
    "one frame": (lambda m: m.clip([m.on_grey(400)]), None),
    "0 bytes": (lambda m: b"", "undecodable"),
    "black": (lambda m: m.clip([np.zeros((240, 320, 3), np.uint8)] * 5), "no_face"),
    "faces of 20 px": (lambda m: m.clip([m.on_grey(90)] * 3), "no_face"),
    "over two hours": (
        lambda m: m.clip(
            [np.zeros((64, 64, 3), np.uint8)] * 3,
            times_ms=[0, 1000, 7_300_000],
            container="matroska",
        ),
        "too_large",
    ),
    "playlist of a local file": (Made.playlist, "unsupported_format"),
}
"""How each is made, and the reason of its outcome: None where it is judged."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server keeps its files; temporary ones lie beside it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "data"


@pytest.fixture
def app(detector: Detector, data: Path) -> Iterator[Flask]:
    """A server whose jobs wait for the test to work on them."""
    app = create_app(Settings(data_dir=data, workers=0), detector)
    yield app
    app.extensions["unmask"].jobs.close()


def left(data: Path) -> list[Path]:
    files = [*(data / "uploads").rglob("*"), *(data / "pictures").rglob("*")]
    return [*files, *(data.parent / "tmp").iterdir()]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_video_has_a_clear_outcome_everywhere_and_leaves_nothing(
    name: str,
    app: Flask,
    data: Path,
    detector: Detector,
    clip: Callable[..., bytes],
    only_sound: bytes,
    astronaut: bytes,
    tmp_path: Path,
) -> None:
    make, reason = BAD[name]
    portrait = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB")
    video = make(Made(clip, only_sound, portrait, tmp_path))
    status = REFUSED.get(reason or "", 200)

    path = tmp_path / "bad.mp4"
    path.write_bytes(video)
    if status == 200:
        report = detector.video(path)
        assert report.reason == reason or reason is None
        assert (report.verdict == "not_analysed") == (report.p_fake is None) == (reason is not None)
    else:
        with pytest.raises(InputError) as refused:
            detector.video(path)
        assert refused.value.code == reason
        assert refused.value.sha256 == hashlib.sha256(video).hexdigest()
        assert len(str(refused.value)) > 20

    client = app.test_client()
    response = client.post("/api/detect/video", data={"file": (io.BytesIO(video), "bad.mp4")})
    answer = response.json
    assert response.status_code == status, answer
    assert answer.get("code", answer.get("reason")) == reason or reason is None
    assert (answer.get("p_fake") is None) == (reason is not None)

    job = client.post("/api/jobs", data={"files[]": (io.BytesIO(video), "bad.mp4")})
    assert job.status_code == 202
    folder = Folder(data)
    store = folder.store(Settings())
    assert Worker("worker", Settings(), detector, store, folder).run()
    store.close()
    ended = JobAnswer.model_validate(client.get(job.headers["Location"]).json)
    [result] = ended.results
    assert (ended.state, result.status) == ("finished", status)
    assert result.reason == reason or reason is None
    assert (result.p_fake is None) == (reason is not None)

    assert client.get("/health").status_code == 200
    assert left(data) == []


@pytest.mark.parametrize(
    ("route", "field"), [("/api/detect/video", "file"), ("/api/jobs", "files[]")]
)
def test_an_upload_that_stops_in_the_middle_leaves_nothing(
    route: str, field: str, app: Flask, data: Path
) -> None:
    # More than is kept in memory while it is received.
    upload = {field: (io.BytesIO(bytes(2_000_000)), "clip.mp4")}
    environ = EnvironBuilder(method="POST", path=route, data=upload).get_environ()
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body[: len(body) // 2])
    client = app.test_client()
    response = client.open(environ)
    # Half a file is no file; who sent it is gone and reads no answer.
    assert (response.status_code, response.json["code"]) == (400, "missing_field")
    assert client.get("/api/jobs").json == {"jobs": []}
    assert left(data) == []
