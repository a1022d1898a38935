from __future__ import annotations

import base64
import gzip
import hashlib

import pytest
from flask import Flask

from unmask.server import page, problems

SCRIPT = 'self.__next_f.push([1,"a < b && c > d\\n"])'
HTML = f"""<!DOCTYPE html><html><head><script src="/_next/static/a.js" async=""></script>
<script data-src="x">{SCRIPT}</script></head><body>Grüße<script>2</script></body></html>"""


@pytest.fixture
def client(tmp_path):
    static = tmp_path / "static"
    (static / "_next/static/chunks").mkdir(parents=True)
    (static / "about").mkdir()
    (static / "index.html").write_text(HTML, "utf-8")
    (static / "404.html").write_text("<p>lost", "utf-8")
    (static / "about/index.html").write_text("<p>about", "utf-8")
    (static / "history.html").write_text("<p>history", "utf-8")
    (static / "_next/static/chunks/a-[id].js").write_text("1;" * 1000)
    (static / "icon.png").write_bytes(b"\x89PNG")
    app = Flask("test", static_folder=None)
    problems.register(app)
    page.register(app, page.load(static))
    app.add_url_rule("/api/only-post", view_func=lambda: "", methods=["POST"], endpoint="post")
    return app.test_client()


@pytest.mark.parametrize(
    ("address", "text"),
    [("/", "Grüße"), ("/about/", "about"), ("/history", "history"), ("/icon.png", "PNG")],
)
def test_each_file_of_the_export_has_its_address(client, address, text):
    response = client.get(address)
    assert response.status_code == 200
    assert text in response.data.decode("utf-8", "replace")


def test_inline_scripts_are_allowed_by_their_hash_and_no_others(client):
    directives = client.get("/").headers["Content-Security-Policy"].split("; ")
    [script_src] = [part for part in directives if part.startswith("script-src")]
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in (SCRIPT, "2")
    }
    assert set(script_src.split()) == {"script-src", "'self'"} | hashes
    assert "default-src 'self'" in directives
    assert "frame-ancestors 'none'" in directives
    [about] = [
        part
        for part in client.get("/about/").headers["Content-Security-Policy"].split("; ")
        if part.startswith("script-src")
    ]
    assert about == "script-src 'self'"


def test_hashed_assets_are_immutable_and_html_is_not_cached(client):
    asset = client.get("/_next/static/chunks/a-[id].js")
    assert "immutable" in asset.headers["Cache-Control"]
    assert "max-age=31536000" in asset.headers["Cache-Control"]
    for address in ("/", "/icon.png"):
        assert client.get(address).headers["Cache-Control"] == "no-cache"


def test_text_is_packed_for_who_can_unpack_it(client):
    address = "/_next/static/chunks/a-[id].js"
    plain = client.get(address)
    packed = client.get(address, headers={"Accept-Encoding": "br, gzip"})
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert len(packed.data) < len(plain.data) / 10
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    picture = client.get("/icon.png", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in picture.headers


def test_what_is_known_already_is_not_sent_again(client):
    tag = client.get("/").headers["ETag"]
    response = client.get("/", headers={"If-None-Match": tag})
    assert (response.status_code, response.data) == (304, b"")


def test_a_browser_sees_the_page_for_lost_ones_and_a_program_a_problem(client):
    lost = client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (lost.status_code, lost.text) == (404, "<p>lost")
    for address, accept in [
        ("/nothing", "application/json"),
        ("/nothing", "*/*"),
        ("/api/nothing", "text/html"),
    ]:
        response = client.get(address, headers={"Accept": accept})
        assert (response.status_code, response.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("address", ["/../settings.py", "/%2e%2e/app.py", "/_next/static/", "/x/"])
def test_nothing_outside_the_export_is_served(client, address):
    assert client.get(address).status_code == 404


def test_the_page_does_not_hide_what_methods_the_api_has(client):
    assert client.get("/api/only-post").status_code == 405


def test_without_a_page_the_start_says_how_to_get_it(tmp_path):
    assert page.load(tmp_path / "missing") == {}
    app = Flask("unmask.server", static_folder=None)
    page.register(app, {})
    text = app.test_client().get("/").text
    assert "pip install" in text
    assert "/api/docs" in text
