"""Write the verdicts of the three examples into the README, as `unmask detect` prints them.

python scripts/readme_verdicts.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = [f"examples/{name}.jpg" for name in ("hopper", "astronaut", "astronaut-fake")]
BLOCK = re.compile(r"(<!-- verdicts -->)(.*?)(<!-- /verdicts -->)", re.DOTALL)


def verdicts() -> str:
    """What the command prints for the examples, from the repository's root."""
    command = [sys.executable, "-m", "unmask", "detect", *EXAMPLES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


if __name__ == "__main__":
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = f"\\1\n```\n{verdicts()}\n```\n\\3"
    readme.write_text(BLOCK.sub(block, text), encoding="utf-8")
