"""The REST API and the page. Flask lives only here."""

from unmask.server.app import create_app, n_threads, openapi_document, serve

__all__ = ["create_app", "n_threads", "openapi_document", "serve"]
