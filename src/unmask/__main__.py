"""The program `unmask`, also as `python -m unmask`: the command line, and Ctrl-C while it loads."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

__all__ = ["main"]

INTERRUPTED = 130
"""What a shell has for a program that Ctrl-C has ended."""

AGAIN_S = 0.05
"""How long after a Ctrl-C that came to nothing it is tried again."""


def main() -> None:
    """Run a command; Ctrl-C ends it without a stack trace, wherever it comes."""
    interrupts: list[int] = []

    def interrupt(number: int, _: object) -> NoReturn:
        interrupts.append(number)
        raise KeyboardInterrupt

    # Where whoever started us has us ignore it, as nohup does, that stays.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = _interrupt_again
    try:
        from unmask.cli import main as run

        run()
    except SystemExit as ending:
        # Python clears away, object by object, what the system takes back as a whole: a tenth of
        # the time that one photo needs. Other commands have processes and threads to end.
        if sys.argv[1:2] == ["detect"] and isinstance(ending.code, int):
            os._exit(ending.code)
        raise
    # Libraries that are interrupted while they load raise errors of their own.
    except (Exception, KeyboardInterrupt):
        if not interrupts:
            raise
        sys.exit(INTERRUPTED)


def _interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """Do not lose a Ctrl-C where Python cannot raise it, as in the callback of a weak reference.

    It would be told as "Exception ignored", and the program would work on.
    """
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    # The callback must have returned before it can be raised where it does end something.
    again = threading.Timer(AGAIN_S, signal.raise_signal, (signal.SIGINT,))
    again.daemon = True
    again.start()


if __name__ == "__main__":
    main()
