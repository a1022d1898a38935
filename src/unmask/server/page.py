"""The web page: a static export, read once, served from memory.

Nothing on it comes from another host, and its content security policy holds it to that.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from importlib.resources.abc import Traversable

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, NotFound

from unmask.server import problems

__all__ = ["POLICY", "Asset", "load", "policy", "register"]

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
ONE_YEAR_S = 365 * 24 * 3600
# What is compressed already would only grow.
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml")

# Python's own table: that of a Windows registry may call scripts text/plain, which browsers refuse.
TYPES = mimetypes.MimeTypes()
TYPES.add_type("font/woff2", ".woff2")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page as it goes over the wire. `policy` is its content security policy."""

    body: bytes
    packed: bytes | None
    mimetype: str
    etag: str
    policy: str
    is_immutable: bool

    def respond(self, status: int = 200) -> Response:
        packed = self.packed if request.accept_encodings.quality("gzip") else None
        response = Response(packed or self.body, status=status, mimetype=self.mimetype)
        response.headers["Content-Security-Policy"] = self.policy
        response.set_etag(f"{self.etag}-gzip" if packed else self.etag)
        if self.packed:
            response.vary.add("Accept-Encoding")
        if packed:
            response.content_encoding = "gzip"
        if self.is_immutable:
            response.cache_control.public = True
            response.cache_control.immutable = True
            response.cache_control.max_age = ONE_YEAR_S
        else:
            response.cache_control.no_cache = True
        if status == 200:
            response.make_conditional(request)
        return response


def load(folder: Traversable) -> dict[str, Asset]:
    """Every file of a static export by the address it is served at; empty without an export."""
    return dict(_walk(folder, "/")) if folder.is_dir() else {}


def policy(html: str) -> str:
    """The content security policy of a page: its own inline scripts by hash, no others."""
    finder = _InlineScripts()
    finder.feed(html)
    finder.close()
    hashes = sorted({f"'sha256-{_sha256_base64(script)}'" for script in finder.scripts})
    directives = POLICY | {"script-src": " ".join([POLICY["script-src"], *hashes])}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def register(app: Flask, site: dict[str, Asset]) -> None:
    """Serve the page at `/`, or a page that says how to get it."""
    for address, asset in site.items():
        app.add_url_rule(address, f"page {address}", asset.respond)
    if "/404" in site:
        app.register_error_handler(NotFound, partial(_not_found, site["/404"]))
    if "/" not in site:
        app.add_url_rule("/", "no page", partial(render_template, "no_page.html"))


def _not_found(asset: Asset, error: NotFound) -> Response | HTTPException:
    # Programs mostly accept anything; a browser asks for HTML before all else.
    wanted = request.accept_mimetypes.best_match(["application/problem+json", "text/html"])
    if wanted == "text/html" and not request.path.startswith("/api/"):
        return asset.respond(404)
    return problems.on_http_exception(error)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Asset]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
            continue
        name = entry.name
        asset = _asset(entry.read_bytes(), name, is_immutable="/_next/static/" in prefix)
        if name == "index.html":
            yield prefix, asset
        elif name.endswith(".html"):
            yield prefix + name.removesuffix(".html"), asset
        else:
            yield prefix + name, asset


def _asset(body: bytes, name: str, *, is_immutable: bool) -> Asset:
    mimetype = TYPES.guess_type(name)[0] or "application/octet-stream"
    return Asset(
        body,
        # Without a time stamp, so that the same build is the same bytes.
        gzip.compress(body, mtime=0) if mimetype.startswith(COMPRESSIBLE) else None,
        mimetype,
        hashlib.sha256(body).hexdigest()[:32],
        policy(body.decode("utf-8") if mimetype == "text/html" else ""),
        is_immutable,
    )


def _sha256_base64(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


class _InlineScripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self.scripts.append("")
            self._is_inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.scripts[-1] += data
