from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage

from unmask.errors import ConfigurationError, ModelError
from unmask.server import create_app, serve
from unmask.server.schemas import JobQuery
from unmask.settings import Settings

SOURCES = Path(__file__).parents[2] / "src"

SERVE = """
import json, os, signal, sys, threading, time, urllib.request
from unmask.cli import main
port = sys.argv[1]
sys.argv = ["unmask", "serve", "--port", port]
def ask():
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as response:
                health, server = json.load(response), response.headers.get("Server")
            break
        except OSError:
            time.sleep(0.1)
    loaded = [name for name in ("torch", "tensorflow") if name in sys.modules]
    print(json.dumps({"health": health, "server": server, "loaded": loaded}), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=ask, daemon=True).start()
main()
"""


def test_a_fresh_server_answers_and_never_imports_torch():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(port)],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCES), *sys.path])},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Serving writes nothing to standard output: the one line is the script's.
    answer = json.loads(done.stdout)
    assert answer["health"]["model_loaded"] is True
    assert answer["loaded"] == []
    assert answer["server"] is None
    said, logged = done.stderr.splitlines()
    assert f"http://127.0.0.1:{port}" in said
    line = json.loads(logged)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/health", 200)


def test_an_address_that_is_taken_is_told(monkeypatch):
    monkeypatch.setattr("unmask.server.app.create_app", lambda _: Flask("test"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1, port {port}"):
            serve("127.0.0.1", port)


def test_weights_that_cannot_be_trusted_stop_the_start(tmp_path):
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"no weights")
    with pytest.raises(ModelError):
        create_app(Settings(model=weights))


def test_there_is_a_thread_for_every_place_and_one_for_health():
    settings = Settings(max_concurrent=3, max_queued=5)
    assert settings.n_server_threads > 3 + 5


@pytest.mark.parametrize("path", ["/", "/health", "/api/docs", "/api/nothing", "/openapi.json"])
def test_every_answer_forbids_framing_sniffing_and_other_hosts(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("http" in part for part in policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/api/jobs", "/api/model", f"/api/jobs/{'0' * 32}"])
def test_nothing_between_stores_what_was_found(client, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_other_origins_are_refused_unless_named(client, detector):
    origin = {"Origin": "https://page.example"}
    assert "Access-Control-Allow-Origin" not in client.get("/health", headers=origin).headers
    named = create_app(Settings(cors_origins=("https://page.example",)), detector).test_client()
    answer = named.get("/health", headers=origin).headers
    assert answer["Access-Control-Allow-Origin"] == "https://page.example"
    stranger = named.get("/health", headers={"Origin": "https://other.example"}).headers
    assert "Access-Control-Allow-Origin" not in stranger


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:5000", 200),
        ("127.0.0.1", 200),
        ("[::1]:5000", 200),
        ("LOCALHOST", 200),
        ("evil.example:5000", 400),
        ("localhost.evil.example", 400),
    ],
)
def test_a_server_of_this_machine_answers_to_no_other_name(detector, monkeypatch, host, status):
    """A page whose name leads to this machine may read what the server there answers to it."""
    apps = []
    monkeypatch.setattr(
        "unmask.server.app.waitress.create_server",
        lambda app, **_: apps.append(app) or SimpleNamespace(run=lambda: None),
    )
    monkeypatch.setattr("unmask.server.app.signal.signal", lambda *_: None)
    monkeypatch.setattr("unmask.detector.Detector.from_settings", lambda _: detector)
    serve("127.0.0.1", 5000, Settings(workers=0))
    answer = apps[0].test_client().get("/api/docs", headers={"Host": host})
    assert answer.status_code == status
    if status == 400:
        assert "UNMASK_TRUSTED_HOSTS" in answer.json["detail"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_end_first_lets_go_of_who_follows(detector, monkeypatch, number, tmp_path):
    apps, handlers = [], {}
    monkeypatch.setattr(
        "unmask.server.app.waitress.create_server",
        lambda app, **_: apps.append(app) or SimpleNamespace(run=lambda: None),
    )
    monkeypatch.setattr("unmask.server.app.signal.signal", handlers.__setitem__)
    monkeypatch.setattr("unmask.detector.Detector.from_settings", lambda _: detector)
    serve("127.0.0.1", 5000, Settings(workers=0, data_dir=tmp_path))
    jobs = apps[0].extensions["unmask"].jobs
    job = jobs.submit([FileStorage(io.BytesIO(b"no picture"), "a.jpg")], JobQuery())
    watched = jobs.watch(job.id)
    next(watched)
    with pytest.raises(SystemExit):
        handlers[number](number, None)
    assert next(watched, "over") == "over"
    jobs.close()


def test_names_are_those_that_are_set_or_any(client, detector):
    assert client.get("/health", headers={"Host": "any.example"}).status_code == 200
    names = ("Unmask.example:8443", "::1")
    named = create_app(Settings(trusted_hosts=names), detector).test_client()
    for path, host, status in (
        ("/api/model", "unmask.example", 200),
        ("/api/model", "[::1]:5000", 200),
        ("/api/model", "localhost", 400),
        ("/health", "localhost", 200),  # probes ask by address
        ("/ready", "10.0.0.7:5000", 200),
    ):
        answer = named.get(path, headers={"Host": host})
        assert answer.status_code == status, (path, host)
    for host in ("", "no host:x"):
        answer = named.get("/api/model", headers={"Host": host})
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
        assert f"not called {host!r};" in answer.json["detail"]


@pytest.mark.parametrize(
    ("site", "origin", "allowed", "is_refused"),
    [
        ("cross-site", "https://other.example", (), True),
        ("cross-site", None, (), True),
        ("cross-site", "https://other.example", ("https://page.example",), True),
        ("cross-site", "https://page.example", ("https://page.example",), False),
        ("cross-site", "https://page.example", ("*",), False),
        ("same-site", "http://localhost:3000", (), True),
        ("same-site", "https://page.example", ("https://page.example",), False),
        ("same-origin", "https://page.example", (), False),
        ("none", None, (), False),
        (None, None, (), False),
        (None, "https://other.example", (), True),
        (None, "null", (), True),
        (None, "http://localhost.other.example", (), True),
        (None, "http://localhost", (), False),
        (None, "https://localhost", (), False),
        (None, "https://page.example", ("https://page.example",), False),
    ],
)
def test_a_page_of_another_site_sends_nothing(detector, site, origin, allowed, is_refused):
    client = create_app(Settings(cors_origins=allowed, workers=0), detector).test_client()
    sent = {"Sec-Fetch-Site": site, "Origin": origin}
    answer = client.post(
        "/api/detect/image", headers={name: value for name, value in sent.items() if value}
    )
    # Otherwise it is refused for having no file.
    assert (answer.json["code"] == "invalid_request") == is_refused
