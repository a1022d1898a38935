"""One JSON line per request: what was asked, what came of it, how long each stage took.

Never a picture, and a file name only where the operator asked for it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from time import perf_counter

from flask import Flask, Response, g, request

__all__ = ["register", "to_stderr"]

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """A record as one JSON object; a message that is a mapping becomes its fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if isinstance(record.msg, dict):
            line |= record.msg
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr() -> None:
    """Log to standard error, unless logging is set up already."""
    ours = logging.getLogger("unmask")
    if not ours.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        ours.addHandler(handler)
    if ours.level == logging.NOTSET:
        ours.setLevel(logging.INFO)


def register(app: Flask, *, file_names: bool) -> None:
    """Log every request of `app`."""
    to_stderr()

    @app.before_request
    def start() -> None:
        g.started = perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        line = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round(1000 * (perf_counter() - g.started), 1),
            **g.get("outcome", {}),
        }
        # Only where the view has parsed the form: a body that was refused stays unread.
        if file_names and "files" in request.__dict__:
            line["file_names"] = [file.filename for _, file in request.files.items(multi=True)]
        log.info(line)
        return response
