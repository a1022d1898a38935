"""The application: a table of contents of the server, and its start."""

from __future__ import annotations

import atexit
import ipaddress
import logging
import signal
import sys
from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import waitress
from flask import Flask, Response, render_template, request
from flask_cors import CORS
from flask_openapi.openapi import OpenAPI

from unmask import __version__
from unmask.detector import Detector
from unmask.errors import ConfigurationError
from unmask.memory import limit_memory
from unmask.server import page, problems, requestlog
from unmask.server.admission import Admission
from unmask.server.api import Service, api
from unmask.server.jobs import Jobs
from unmask.server.schemas import Problem
from unmask.settings import Settings, load_settings

__all__ = ["create_app", "openapi_document", "serve"]

# What a multipart form may add to the bytes of its files.
FORM_OVERHEAD_BYTES = 64 * 1024

PROBES = ("api.health", "api.ready")
"""They tell nothing of anybody, and who watches over a container asks by its address."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def create_app(settings: Settings | None = None, detector: Detector | None = None) -> Flask:
    """The server, its model loaded and proven.

    Raises:
        ConfigurationError: an environment variable has a value that does not fit.
        ModelError: the weights cannot be trusted; a server without them must not start.
    """
    settings = settings or load_settings()
    detector = detector or Detector.from_settings(settings)
    admission = Admission(settings.max_concurrent, settings.max_queued)
    jobs = Jobs(settings)
    atexit.register(jobs.close)

    app = _documented_app()
    app.extensions["unmask"] = Service(settings, detector, admission, jobs)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_FORM_PARTS"] = 2 * settings.max_batch_files + 100
    requestlog.register(app, file_names=settings.log_file_names)
    _refuse_strangers(app, settings)
    _limit_bodies(app, settings)
    problems.register(app)
    site = page.load(resources.files("unmask.server") / "static")
    page.register(app, site)
    _document(app)
    _harden(app)
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), expose_headers=["Location", "Retry-After"])
    return app


def serve(
    host: str,
    port: int,
    settings: Settings | None = None,
    *,
    listening: Callable[[], None] | None = None,
) -> None:
    """Serve on `host` and `port` until SIGTERM or Ctrl-C; one process, one model in memory.

    To be called in the main thread, which is the one that signals reach. `listening` is called
    when the address is the server's, and a request would be answered.

    Raises:
        ConfigurationError: as `create_app`, or the address is taken.
        ModelError: as `create_app`.
    """
    # An orderly end, in which the jobs go back into the queue; the default would be a sudden one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    settings = settings or load_settings()
    limit_memory(settings.max_memory_bytes)
    if _is_loopback(host) and not settings.trusted_hosts:
        settings = settings.model_copy(update={"trusted_hosts": (*LOOPBACK, host)})
    app = create_app(settings)
    # Its warnings of a deep queue say what /ready and the 503 answers say better.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server = waitress.create_server(
            app,
            host=host,
            port=port,
            threads=settings.n_server_threads,
            ident=None,
            max_request_body_size=max(_body_limits(settings).values()),
        )
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise ConfigurationError(f"Cannot listen on {host}, port {port}: {reason}.") from error
    _let_go_first(app)
    if listening is not None:
        listening()
    server.run()


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document, without loading a model."""
    return _documented_app().api_doc


def _documented_app() -> OpenAPI:
    app = OpenAPI(
        "unmask.server",
        info={
            "title": "Unmask",
            "version": __version__,
            "summary": "Says, per face, whether a photo or video was manipulated, how sure it is, "
            "what it could not judge, and why.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Every route documents a `default` failure, so none gets flask-openapi's own.
        validation_error_status="default",
        validation_error_model=Problem,
        validation_error_callback=problems.refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    app.register_api(api)
    return app


def _let_go_first(app: Flask) -> None:
    """When told to end, let go of who follows a job: waitress would wait five seconds for them."""

    def end(*_: object) -> None:
        app.extensions["unmask"].jobs.end_streams()
        sys.exit()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_strangers(app: Flask, settings: Settings) -> None:
    """Answer no page of another site that a visitor's browser has open beside ours.

    Such a page may have its own name lead to this machine (DNS rebinding), and then read whatever
    we answer; or send us a form, whose answer it cannot read but which is work done and kept.
    """

    @app.before_request
    def refuse() -> None:
        host = urlsplit(f"//{request.host}").hostname
        names = settings.trusted_hosts
        if names and host not in names and request.endpoint not in PROBES:
            name = host or repr(request.headers.get("Host", ""))
            message = f"This server is not called {name}; UNMASK_TRUSTED_HOSTS can name it so."
            raise problems.RequestError("invalid_request", message)
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        # To plain HTTP, but on their own machine, browsers tell the origin of a page alone.
        own = (None, f"http://{request.host}", f"https://{request.host}")
        # same-site is another origin too: a neighbour's name below ours, or another port here.
        is_foreign = site in ("cross-site", "same-site") or (site is None and origin not in own)
        is_allowed = bool({origin, "*"} & set(settings.cors_origins))
        if is_foreign and not is_allowed and request.method in ("POST", "DELETE"):
            sender = origin or "another site"
            message = f"A page of {sender} sent this; UNMASK_CORS_ORIGINS can allow it to."
            raise problems.RequestError("invalid_request", message)


def _body_limits(settings: Settings) -> dict[str, int]:
    """How many bytes may be sent to an endpoint; to the others, none but a form's overhead."""
    files = {
        "api.detect_image": settings.max_image_bytes,
        "api.detect_batch": settings.max_batch_bytes,
        "api.detect_video": settings.max_video_bytes,
        "api.create_job": max(settings.max_batch_bytes, settings.max_video_bytes),
    }
    return {endpoint: limit + FORM_OVERHEAD_BYTES for endpoint, limit in files.items()}


def _limit_bodies(app: Flask, settings: Settings) -> None:
    limits = _body_limits(settings)

    @app.before_request
    def limit_body() -> None:
        request.max_content_length = limits.get(request.endpoint or "", FORM_OVERHEAD_BYTES)


def _document(app: OpenAPI) -> None:
    @app.route("/openapi.json")
    def openapi_json() -> dict[str, Any]:
        return app.api_doc

    @app.route("/api/docs")
    def api_docs() -> str:
        return render_template("docs.html", document=app.api_doc, problems=problems.PROBLEMS)


def _harden(app: Flask) -> None:
    plain = page.policy("")

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", plain)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        # What was found goes when its time is over, from the disks of proxies and browsers too.
        response.headers.setdefault("Cache-Control", "no-store")
        return response
