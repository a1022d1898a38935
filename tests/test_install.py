"""What `pip install unmask` brings along: nothing heavy, and no training library."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

LIMIT_MB = 450


def core() -> dict[str, Distribution]:
    """Unmask and everything it needs without extras, by normalised name."""
    found: dict[str, Distribution] = {}
    waiting = ["unmask"]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def test_the_core_stays_small():
    sizes = {
        name: sum(
            path.stat().st_size for path in map(one.locate_file, one.files or []) if path.is_file()
        )
        for name, one in core().items()
    }
    # An editable install lists a link instead of the weights.
    from importlib.resources import files

    sizes["unmask"] += sum(path.stat().st_size for path in files("unmask.weights").iterdir())
    assert sum(sizes.values()) < LIMIT_MB * 2**20, sorted(sizes.items(), key=lambda item: item[1])


def test_the_core_knows_no_training_library():
    assert not core().keys() & {"torch", "tensorflow", "keras", "opencv-python", "scipy", "onnx"}
