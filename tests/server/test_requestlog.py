from __future__ import annotations

import io
import json
import logging

import pytest

from unmask.server import create_app
from unmask.server.requestlog import JsonLines
from unmask.settings import Settings


def lines(caplog) -> list[dict[str, object]]:
    return [
        json.loads(JsonLines().format(record))
        for record in caplog.records
        if record.name == "unmask.server.requestlog"
    ]


def files(*pictures: bytes, field: str = "file") -> dict[str, list[object]]:
    return {field: [(io.BytesIO(data), "who-is-it.jpg") for data in pictures]}


@pytest.fixture(autouse=True)
def info(caplog):
    caplog.set_level(logging.INFO, "unmask")


def test_one_line_per_request_with_outcome_and_stages(client, landscape, caplog):
    client.post("/api/detect/image", data=files(landscape))
    [line] = lines(caplog)
    assert (
        line.items()
        >= {
            "method": "POST",
            "path": "/api/detect/image",
            "status": 200,
            "level": "info",
            "verdict": "not_analysed",
            "reason": "no_face",
            "n_faces": 0,
        }.items()
    )
    assert line["timings_ms"]
    assert line["duration_ms"] > 0


def test_a_refusal_is_logged_with_its_code(client, caplog):
    client.post("/api/detect/image", data=files(b"broken"))
    [line] = lines(caplog)
    assert (line["status"], line["code"]) == (415, "unsupported_format")


def test_a_batch_is_one_line_with_an_outcome_per_file(client, landscape, caplog):
    client.post("/api/detect/batch", data=files(landscape, b"broken", field="files[]"))
    [line] = lines(caplog)
    assert [item["reason"] for item in line["items"]] == ["no_face", "unsupported_format"]


@pytest.mark.parametrize("wanted", [False, True])
def test_a_file_name_is_logged_only_where_asked_for(detector, landscape, caplog, wanted):
    client = create_app(Settings(log_file_names=wanted), detector).test_client()
    client.post("/api/detect/batch", data=files(landscape, b"broken", field="files[]"))
    client.get("/health")
    assert ("who-is-it.jpg" in str(lines(caplog))) == wanted
    if wanted:
        assert lines(caplog)[0]["file_names"] == ["who-is-it.jpg", "who-is-it.jpg"]


def test_a_stack_is_one_line_too():
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it %s", ("failed",), None)
        record.exc_info = (type(error), error, error.__traceback__)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "it failed"
    assert "second" in json.loads(line)["exception"]
