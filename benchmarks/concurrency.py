"""A server with the settings it ships with, asked by several clients at once."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.cold_start import ENVIRONMENT
from benchmarks.measure import Figures, spread
from benchmarks.subjects import ASTRONAUT

CLIENTS = (1, 2, 4, 8, 16)
BOUNDARY = "unmask-benchmark"


class Server:
    """`unmask serve` in a process of its own, ready when entered."""

    def __init__(self, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._environment = ENVIRONMENT | settings

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "unmask", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        while not self._is_ready():
            if self._process.poll() is not None:
                raise RuntimeError("the server ended before it was ready")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def post(self, data: bytes) -> tuple[int, str | None]:
        """The status and `Retry-After` of a photo sent to `/api/detect/image`."""
        head = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
        )
        body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            content = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
            connection.request("POST", "/api/detect/image", body, content)
            response = connection.getresponse()
            response.read()
            return response.status, response.headers["Retry-After"]
        finally:
            connection.close()


def measure(repeats: int) -> Figures:
    data = ASTRONAUT.read_bytes()
    load = {}
    with Server() as server:
        for _ in range(3):
            server.post(data)
        for clients in CLIENTS:
            load[str(clients)] = _asked(server, data, clients, max(repeats, 3 * clients))
    with Server(UNMASK_MAX_QUEUED="2") as server, ThreadPoolExecutor(16) as pool:
        server.post(data)
        answers = list(pool.map(server.post, [data] * 16))
    refused = [answer for answer in answers if answer[0] == 503]
    return {
        "clients": load,
        "overload": {
            "requests_at_once": len(answers),
            "places": 4,
            "answered": sum(status == 200 for status, _ in answers),
            "refused_503": len(refused),
            "retry_after_s": sorted({after for _, after in refused if after}),
        },
    }


def _asked(server: Server, data: bytes, clients: int, requests: int) -> Figures:
    def ask(_: int) -> float:
        started = time.perf_counter()
        status, _ = server.post(data)
        assert status == 200, status
        return (time.perf_counter() - started) * 1000

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = list(pool.map(ask, range(requests)))
    elapsed_s = time.perf_counter() - started
    return {"latency": spread(times), "requests_per_s": round(requests / elapsed_s, 2)}
