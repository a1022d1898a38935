"""`unmask serve` and `unmask worker`: the page, the API and their jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.terminal import err

__all__ = ["serve", "worker"]


def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")] = 5000,
) -> None:
    """Serve the page and the REST API."""
    from unmask.server import serve as run

    def tell() -> None:
        shown = f"[{host}]" if ":" in host else host
        err.print(f"Unmask is at http://{shown}:{port}  (stop with Ctrl-C)", markup=False)

    run(host, port, listening=tell)


def worker() -> None:
    """Work on the jobs of servers until stopped.

    They come from UNMASK_QUEUE_URL, or from the store of a server on this machine.
    """
    from unmask.server import run_workers

    err.print("Unmask works on jobs  (stop with Ctrl-C)", markup=False)
    run_workers()
