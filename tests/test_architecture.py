"""What the code promises about itself: who knows whom, what is public, what is documented."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import symtable
import sys
from pathlib import Path

import pytest

import unmask
from unmask.cli import COMMANDS
from unmask.settings import Settings

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "unmask"
MODULES = sorted(SOURCES.rglob("*.py"))
TREES = {
    path.relative_to(SOURCES).as_posix(): ast.parse(path.read_text("utf-8")) for path in MODULES
}


def documents() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(page.read_text("utf-8") for page in pages)


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )


# --- who knows whom ---


def test_the_contracts_of_import_linter_hold() -> None:
    # In a process of its own: it sets up logging anew, which silences our loggers for good.
    done = run("from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr


HEAVY = ("flask", "torch", "onnx", "onnxruntime", "matplotlib", "tensorflow", "scipy", "cv2")


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import unmask.types, unmask.errors, unmask.settings", (*HEAVY, "PIL", "av", "typer")),
        ("import unmask.evaluation", ("flask", "torch", "onnxruntime", "typer", "matplotlib")),
        ("import unmask.cli", HEAVY),
        ("import unmask", (*HEAVY, "numpy", "PIL", "av", "typer")),
        ("from unmask import Detector", ("flask", "torch", "typer", "onnx", "scipy", "cv2")),
        ("import unmask.server", ("torch", "typer", "onnx", "matplotlib", "scipy", "cv2")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_part_loads_only_what_it_needs(statement: str, absent: tuple[str, ...]) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted({set(absent)!r} & set(sys.modules)))"
    done = run(code)
    done.check_returncode()
    assert done.stdout.split() == []


def test_only_settings_reads_the_environment() -> None:
    """And training one variable, by which torchrun tells a process that it is one of several.

    The package sets one itself, which ONNX Runtime reads.
    """
    readers = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    assert readers <= {"settings.py", "training/train.py", "__init__.py"}
    assert "BaseSettings" in (SOURCES / "settings.py").read_text("utf-8")


def test_only_the_command_line_prints() -> None:
    printers = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert {name.split("/")[0] for name in printers} <= {"cli"}


def test_a_module_is_a_noun_of_the_pipeline() -> None:
    refused = {"utils", "util", "common", "helpers", "core", "services", "base", "manager", "misc"}
    names = {part.removesuffix(".py") for name in TREES for part in name.split("/")}
    assert not names & refused


def test_no_exception_is_swallowed_unnamed() -> None:
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


# --- what is public ---


def declared(tree: ast.Module) -> list[str] | None:
    """The names of a module's `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def bound(name: str) -> set[str]:
    """Every name that a module binds at its top level, and no name it only uses."""
    table = symtable.symtable((SOURCES / name).read_text("utf-8"), name, "exec")
    return {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}


@pytest.mark.parametrize("name", [name for name in TREES if name.split("/")[0] in {name, "cli"}])
def test_every_public_name_of_the_library_is_in_all(name: str) -> None:
    tree = TREES[name]
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    assert public <= set(declared(tree) or ())


def test_the_library_shows_what_it_offers_and_nothing_else() -> None:
    assert dir(unmask) == sorted(unmask.__all__)
    assert all(getattr(unmask, name) is not None for name in dir(unmask))


@pytest.mark.parametrize("name", TREES)
def test_what_is_in_all_is_there_and_once(name: str) -> None:
    names = declared(TREES[name]) or []
    assert len(names) == len(set(names))
    assert set(names) <= bound(name)


def test_what_a_module_imports_of_another_is_in_its_all() -> None:
    missing = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("unmask"):
                continue
            path = "/".join(str(node.module).split(".")[1:])
            source = TREES.get(f"{path}.py") or TREES[f"{path}/__init__.py".lstrip("/")]
            package = f"{path}/".lstrip("/")
            missing += [
                f"{name}: {node.module}.{alias.name}"
                for alias in node.names
                if alias.name not in (declared(source) or ())
                and not {f"{package}{alias.name}.py", f"{package}{alias.name}/__init__.py"}
                & set(TREES)
            ]
    assert missing == []


@pytest.mark.parametrize("name", TREES)
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(TREES[name])


# --- what is documented ---


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_documents(name: str) -> None:
    assert re.search(rf"[`\n]unmask {name}\b", documents())


def test_every_variable_that_is_named_anywhere_exists() -> None:
    known = {f"UNMASK_{name.upper()}" for name in Settings.model_fields} | {"UNMASK_SKIP_WEB"}
    named = set(re.findall(r"\bUNMASK_[A-Z][A-Z_]*[A-Z]\b", documents()))
    for place in ("Makefile", "Dockerfile", "compose.yaml", "hatch_build.py", "railway.json"):
        if (ROOT / place).exists():
            named |= set(
                re.findall(r"\bUNMASK_[A-Z][A-Z_]*[A-Z]\b", (ROOT / place).read_text("utf-8"))
            )
    assert named <= known


# --- what is in the repository ---


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    place = re.compile(rb"""(?<![\w.:/-])/(?:work|home|root|Users)/[\w.]""")
    found = [path.name for path in tracked() if path.is_file() and place.search(path.read_bytes())]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    word = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b")
    texts = {".py", ".md", ".ts", ".tsx", ".toml", ".css", ".mjs", ".json", ".yaml"}
    found = [
        path.name
        for path in tracked()
        if path.suffix in texts and path.is_file() and word.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_no_file_is_larger_than_what_may_ship() -> None:
    sizes = {path.name: path.stat().st_size for path in tracked() if path.is_file()}
    assert max(sizes.values()) < 50 * 1024 * 1024
    pictures = {path.relative_to(ROOT).parts[0] for path in tracked() if path.suffix == ".jpg"}
    assert pictures <= {"examples", "docs", "web"}
