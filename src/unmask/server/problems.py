"""Every way a request can fail: one table of codes, one shape of answer (RFC 9457)."""

from __future__ import annotations

import logging
from collections import Counter
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask, Response, g, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from unmask.errors import UnmaskError

__all__ = [
    "PROBLEMS",
    "Kind",
    "RequestError",
    "on_http_exception",
    "problem",
    "refuse_invalid",
    "refuse_rest",
    "register",
    "respond",
]

log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """A kind of problem: its HTTP status and a title that never changes."""

    status: HTTPStatus
    title: str


PROBLEMS = {
    "missing_field": Kind(HTTPStatus.BAD_REQUEST, "No file in the expected field"),
    "invalid_request": Kind(HTTPStatus.BAD_REQUEST, "The request is not what was expected"),
    "not_found": Kind(HTTPStatus.NOT_FOUND, "There is nothing at this address"),
    "method_not_allowed": Kind(HTTPStatus.METHOD_NOT_ALLOWED, "This address has other methods"),
    "too_large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Over a limit of size"),
    "too_many_files": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too many files at once"),
    "clip_too_long": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too long to be answered at once"),
    "store_off": Kind(HTTPStatus.NOT_FOUND, "This server keeps no list of results"),
    "unsupported_format": Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A format Unmask does not read"),
    "undecodable": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The file is empty, damaged or cut short"),
    "unreadable": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The file could not be read"),
    "internal": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Unmask failed"),
    "busy": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Too many analyses at once"),
}
"""The codes are public and stable. Those of an `InputError` are its own."""

_CODE_OF_STATUS = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}


class RequestError(UnmaskError):
    """A request the server refuses; `code` is a key of `PROBLEMS`."""

    def __init__(self, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


def problem(code: str, detail: str, *, instance: str | None = None) -> dict[str, Any]:
    """The body of a failure: RFC 9457, and `error` and `details` as the specification has them.

    `instance` is by default the path of the request.
    """
    status, title = PROBLEMS[code]
    return {
        "type": f"/api/docs#{code}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "instance": instance or request.path,
        "code": code,
        "error": title,
        "details": detail,
    }


def refuse_invalid(error: ValidationError) -> None:
    """Turn what is wrong with a form or a query into a `RequestError` that says what came."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "request"
    if name not in ("file", "files[]"):
        raise RequestError("invalid_request", f"{name}: {first['msg']}, got {first['input']!r}.")
    expected = f"Expected multipart/form-data with a file, which has a name, in the field {name!r}."
    raise RequestError("missing_field", f"{expected} {_what_came()}")


def refuse_rest(name: str, n_taken: int) -> None:
    """Let a form pass only where all its files are taken: none may seem judged that was not.

    Raises:
        RequestError: `invalid_request`.
    """
    if sum(bool(file.filename) for _, file in request.files.items(multi=True)) > n_taken:
        taken = "one file, in" if name == "file" else "files only in"
        expected = f"Expected {taken} the field {name!r}."
        many = "For many there are POST /api/detect/batch and POST /api/jobs, with 'files[]'."
        raise RequestError("invalid_request", f"{expected} {_what_came()} {many}")


def _what_came() -> str:
    parts = list(request.files.items(multi=True))
    files = Counter(field for field, file in parts if file.filename)
    nameless = Counter(field for field, file in parts if not file.filename)
    packing = request.headers.get("Content-Encoding")
    packed = f", packed with {packing}" if packing else ""
    return (
        f"Came: {request.mimetype or 'no content type'}{packed}, "
        f"files in the fields {dict(files)}, without a name {dict(nameless)}, "
        f"text in the fields {list(request.form)}."
    )


def register(app: Flask) -> None:
    """Answer every failure of `app` with a problem; a stack trace goes to the log only."""
    app.register_error_handler(UnmaskError, _on_unmask_error)
    app.register_error_handler(HTTPException, on_http_exception)
    app.register_error_handler(Exception, _on_bug)


def respond(code: str, detail: str) -> Response:
    """A failure as a response; its code goes to the log too."""
    body = problem(code, detail)
    g.outcome = {"code": code}
    response = jsonify(body)
    response.status_code = body["status"]
    response.mimetype = "application/problem+json"
    return response


def _on_unmask_error(error: UnmaskError) -> Response:
    if error.code not in PROBLEMS:
        return _on_bug(error)
    response = respond(error.code, str(error))
    if isinstance(error, RequestError) and error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def on_http_exception(error: HTTPException) -> Response | HTTPException:
    """What Flask itself refuses, as a problem."""
    if error.code is None or error.code < 400:
        return error  # a redirect
    if error.code >= 500:
        return _on_bug(error)
    code = _CODE_OF_STATUS.get(HTTPStatus(error.code), "invalid_request")
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    if code == "not_found":
        detail = "All routes are listed at /api/docs."
    elif code == "method_not_allowed":
        detail = f"{request.method} came; this address has {allowed}."
    elif code == "too_large":
        detail = (
            f"The body of this request may have at most {request.max_content_length} bytes "
            f"in {request.max_form_parts} parts, and text fields a few kB."
        )
    else:
        detail = error.description or PROBLEMS[code].title
    response = respond(code, detail)
    if allowed:
        response.headers["Allow"] = allowed
    return response


def _on_bug(error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return respond("internal", "The request could not be answered; the cause is in the log.")
