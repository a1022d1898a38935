"""The command line: `COMMANDS` says which command is where, `main` runs one.

Each command imports what it needs, so that `detect` starts quickly.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from unmask import __version__
from unmask.cli.card import info
from unmask.cli.detection import detect
from unmask.cli.evaluation import evaluate
from unmask.cli.serving import serve, worker
from unmask.cli.terminal import FAILED, WRONG_USAGE, err, out, printable
from unmask.cli.training import curves, export, import_, prepare, train
from unmask.errors import ConfigurationError, DataError, UnmaskError

__all__ = ["COMMANDS", "app", "main"]

app = typer.Typer(
    help="Says, per face, whether a photo or video was manipulated, how sure it is, and what it "
    "could not judge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        out.print(f"unmask {__version__}")
        raise typer.Exit


class _Command(TyperCommand):
    """A command that refuses what is empty, as a variable of a script that was never set.

    An empty path would be the current folder, and an empty choice no choice at all.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            value = given.get(parameter.name or "")
            if "" in (value if isinstance(value, list | tuple) else (value,)):
                raise typer.BadParameter("expected a value, got nothing", ctx, parameter)  # type: ignore[arg-type]
        return super().parse_args(ctx, args)


@app.callback()
def _program(
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    pass


COMMANDS: Mapping[str, Callable[..., None]] = {
    "detect": detect,
    "serve": serve,
    "worker": worker,
    "info": info,
    "prepare": prepare,
    "train": train,
    "curves": curves,
    "import": import_,
    "export": export,
    "evaluate": evaluate,
}
for name, command in COMMANDS.items():
    app.command(name, cls=_Command)(command)


def main() -> None:
    """Run a command; an error of Unmask is one line and a status, never a stack trace.

    What was printed has then left the process: nothing is lost where that ends without more ado.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may be in no encoding at all
            stream.reconfigure(errors="backslashreplace")
    # Pillow's, of damaged EXIF blocks, or of a picture that our limit refuses in a line of its own.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        try:
            app()
        finally:
            _flush()
    except (ConfigurationError, DataError) as error:
        err.print(f"unmask: {printable(str(error))}", markup=False, soft_wrap=True)
        sys.exit(WRONG_USAGE)
    except (UnmaskError, OSError) as error:  # a full disk, a folder that may not be written
        err.print(f"unmask: {printable(str(error))}", markup=False, soft_wrap=True)
        sys.exit(FAILED)


def _flush() -> None:
    """Write what was printed; what cannot be, Python would try again, and end with status 120."""
    try:
        if sys.stdout is not None:  # it was closed from the start
            sys.stdout.flush()
    except OSError:
        sys.stdout = None
        raise
