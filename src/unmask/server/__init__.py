"""The REST API and the page. Flask lives only here."""

from unmask.server.app import create_app, openapi_document, serve
from unmask.server.jobs import run_workers

__all__ = ["create_app", "openapi_document", "run_workers", "serve"]
