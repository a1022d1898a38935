"""What a process may hold of the machine's memory, and gives back, which only Linux does."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from unmask.errors import TooLargeError

__all__ = ["give_back_memory", "limit_memory", "within_memory"]


def give_back_memory() -> None:
    """Tell glibc to return what all threads freed: it would keep up to 100 MB for later."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)


def limit_memory(n_bytes: int) -> None:
    """Let this process and those it starts hold at most so many bytes each; 0 changes nothing.

    What asks for more gets none, and fails with that one file (`within_memory`). Decoders believe
    what a file says of itself: a made-up MP4 of 2 kB has FFmpeg take gigabytes before any other
    limit is reached.
    """
    if n_bytes and sys.platform == "linux":
        import resource

        known, hard = resource.getrlimit(resource.RLIMIT_DATA)
        allowed = n_bytes if known == resource.RLIM_INFINITY else min(n_bytes, known)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))


@contextmanager
def within_memory() -> Iterator[None]:
    """Have running out of memory be a fault of the one file that is judged in the block.

    Raises:
        TooLargeError: in place of a `MemoryError`.
    """
    try:
        yield
    except MemoryError as error:
        message = "To judge it takes more memory than this server may hold; make it smaller."
        raise TooLargeError(message) from error
