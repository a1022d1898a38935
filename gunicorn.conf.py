"""How gunicorn serves Unmask: `gunicorn` without arguments, at 0.0.0.0:$PORT."""

from __future__ import annotations

import os
import signal
from typing import Any

# Nothing heavier: with onnxruntime loaded before gunicorn forks, its workers end in a crash.
from unmask.memory import limit_memory
from unmask.settings import load_settings

limit_memory(load_settings().max_memory_bytes)

wsgi_app = "unmask.server:create_app()"
# One process holds one model in memory; the network uses every core by itself.
workers = 1
worker_class = "gthread"
threads = load_settings().n_server_threads
# Of the process, not of a request: it stops a worker that hangs.
timeout = 120
# Nobody steers it from outside, and its socket would need a writable home.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """On SIGTERM let go of who follows a job, and give everybody else five seconds.

    They are the worker's alone: gunicorn itself kills after 30, and what the worker was at is to be
    handed back before that.
    """
    worker.cfg.set("graceful_timeout", 5)
    jobs, end = worker.wsgi.extensions["unmask"].jobs, signal.getsignal(signal.SIGTERM)

    def end_in_order(*given: Any) -> None:
        jobs.end_streams()
        end(*given)

    signal.signal(signal.SIGTERM, end_in_order)


def worker_exit(_server: Any, worker: Any) -> None:
    """Hand back the jobs and end, though somebody still sends: Python would wait for them."""
    if worker.pid == os.getpid() and getattr(worker, "wsgi", None) is not None:
        worker.wsgi.extensions["unmask"].jobs.close()
        os._exit(0)
