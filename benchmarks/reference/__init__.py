"""The references, which run in an environment of their own: `.venv-reference`, see the Makefile."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["PYTHON", "Reference"]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-reference" / "bin" / "python"


class Reference:
    """A process that answers calls of `stack.py` one at a time and is idle between them."""

    def __enter__(self) -> Reference:
        self._process = subprocess.Popen(
            [PYTHON, Path(__file__).with_name("stack.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def call(self, what: str, path: str) -> Any:
        """What `stack.py` answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([what, path]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the reference ended; its message stands above")
        return json.loads(answer)
