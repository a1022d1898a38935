"""The program `unmask`, also as `python -m unmask`: the command line, and Ctrl-C while it loads."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

__all__ = ["main"]

INTERRUPTED = 130
"""What a shell has for a program that Ctrl-C has ended."""


def main() -> None:
    """Run a command; Ctrl-C ends it without a stack trace, wherever it comes."""
    interrupts: list[int] = []

    def interrupt(number: int, _: object) -> NoReturn:
        interrupts.append(number)
        raise KeyboardInterrupt

    # Where whoever started us has us ignore it, as nohup does, that stays.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        from unmask.cli import main as run

        run()
    # Libraries that are interrupted while they load raise errors of their own.
    except (Exception, KeyboardInterrupt):
        if not interrupts:
            raise
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
