"""The end of a process with the one that started it, which may have been killed."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process

__all__ = ["end_with_parent"]


def end_with_parent(status: int = 1) -> None:
    """Have this process end, with this status, when its parent does: nobody else would end it."""
    parent = parent_process()
    if parent is None:  # nobody's child
        return

    def follow() -> None:
        parent.join()
        os._exit(status)  # no cleaning up: what is open belongs to work nobody waits for

    threading.Thread(target=follow, daemon=True).start()
