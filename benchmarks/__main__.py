"""Measure the subjects that are named, or all: `python -m benchmarks [subject...]`.

Each writes `benchmarks/results/<subject>.json`; `docs/performance.md` is rendered from them.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module

from benchmarks.measure import Figures, instructions
from benchmarks.subjects import detector
from benchmarks.tables import RESULTS, update
from unmask.evaluation.results import origin, write_text

SUBJECTS = (
    *("stages", "image", "batch", "video", "cold_start", "memory", "concurrency", "scaling"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how fast Unmask is.")
    parser.add_argument("subjects", nargs="*", metavar="subject", help=", ".join(SUBJECTS))
    parser.add_argument("--repeats", type=int, default=11, help="of each measurement")
    arguments = parser.parse_args()
    for name in arguments.subjects or SUBJECTS:
        if name not in SUBJECTS:
            parser.error(f"{name}: expected {', '.join(SUBJECTS)}")
        started = time.perf_counter()
        figures: Figures = import_module(f"benchmarks.{name}").measure(arguments.repeats)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
        identity = detector().identity
        result = {
            "name": name,
            "origin": origin(),
            "model": {
                "name": identity.name,
                "version": identity.version,
                "sha256": identity.sha256,
            },
            "instructions": instructions(),
            "figures": figures,
        }
        RESULTS.mkdir(exist_ok=True)
        write_text(RESULTS / f"{name}.json", json.dumps(result, indent=1) + "\n")
    update()


if __name__ == "__main__":
    main()
