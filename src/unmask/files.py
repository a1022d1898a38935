"""Files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unmask.errors import UnmaskError

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write instead, which takes its place at the end of the block.

    Whatever goes wrong before, a full disk or Ctrl-C, leaves `path` as it was, and nothing else.

    Raises:
        UnmaskError: it could not be written.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        message = f"{path} could not be written ({error.strerror or error})"
        raise UnmaskError(
            f"{message}; what was there is unharmed: mend that, and start again"
        ) from error
