"""What `pip install unmask` brings along: nothing heavy, and no training library."""

import json
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
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
    found = {
        name: {Path(str(one.locate_file(file))).resolve() for file in one.files or []}
        for name, one in core().items()
    }
    # An editable install lists a link instead of the weights.
    weights = Path(str(files("unmask.weights"))).resolve()
    found.setdefault("unmask", set()).update(weights.iterdir())
    sizes = {
        name: sum(path.stat().st_size for path in paths if path.is_file())
        for name, paths in found.items()
    }
    assert sum(sizes.values()) < LIMIT_MB * 2**20, sorted(sizes.items(), key=lambda item: item[1])


def test_the_core_knows_no_training_library():
    assert not core().keys() & {"torch", "tensorflow", "keras", "opencv-python", "scipy", "onnx"}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("opencv-python", "4.8.0"),  # corrections H1: there is no such release
        ("flask", "2.3.0"),  # corrections H3: breaks with the Werkzeug that pip takes
        ("av", "17.0.1"),  # no stream can be left out
        ("pydantic-settings", "2.11.0"),  # MAX_FILE_SIZE goes before what a program asks for
        ("rich", "14.2.0"),  # a bar that is not shown leaves an empty line
        ("typer", "0.15.3"),  # `--help` breaks with the Click that pip takes
        ("psycopg", "3.2.0"),  # its extra asks for a release that does not exist
    ],
)
def test_releases_that_do_not_work_are_not_asked_for(name, version):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = [Requirement(text) for group in groups for text in group]
    assert not any(one.name.lower() == name and version in one.specifier for one in asked)


def test_the_page_is_built_from_releases_that_exist():
    """Corrections G4: every package of the page is one that the registry gave to the lock file."""
    web = ROOT / "web"
    wanted = json.loads((web / "package.json").read_text("utf-8"))
    locked = json.loads((web / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version, name
        assert locked[f"node_modules/{name}"]["integrity"].startswith("sha512-"), name


def test_the_page_s_configuration_is_one_that_next_reads():
    """Corrections G3: before version 15, Next refuses next.config.ts."""
    version = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))["dependencies"]["next"]
    assert (ROOT / "web" / "next.config.ts").exists()
    assert int(version.split(".")[0]) >= 15
