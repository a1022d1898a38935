"""A file is there whole, or as it was before."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from unmask.errors import DataError, UnmaskError
from unmask.files import below, read_table, replacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kept.json"
    path.write_text("before")
    return path


def test_what_is_written_takes_the_place_of_what_was_there(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(path.parent.iterdir()) == [path]


def cut_short(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("ha")
        raise error


def test_a_full_disk_leaves_what_was_there_and_nothing_else(path: Path) -> None:
    message = r"kept\.json could not be written \(No space left on device\); what was there is un"
    with pytest.raises(UnmaskError, match=message):
        cut_short(path, OSError(28, "No space left on device"))
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("of a library")])
def test_whatever_else_ends_it_is_passed_on_and_leaves_nothing(
    path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        cut_short(path, error)
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UnmaskError, match=r"x\.json could not be written \(No such file"),
        replacing(tmp_path / "absent" / "x.json") as temporary,
    ):
        temporary.write_text("{}")
    assert not list(tmp_path.iterdir())


def test_a_quotation_mark_that_is_never_closed_is_told_as_what_it_is(path: Path) -> None:
    for n, message in ((50_000, "field larger"), (2, "unexpected end of data")):
        path.write_text('path,label\n"a,real\n' + n * "b,real\n")
        with pytest.raises(DataError, match=rf"json:\d+: no CSV file: {message}"):
            list(read_table(path, required=("path",)))


def test_links_are_followed_and_nothing_is_entered_twice(tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "b.jpg").touch()
    (folder := tmp_path / "folder").mkdir()
    (folder / "c.jpg").touch()
    (folder / "a").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (folder / "nothing.jpg").symlink_to(tmp_path / "absent")
    names = [str(path.relative_to(folder)) for path in below(folder)]
    assert names == ["a/b.jpg", "c.jpg", "nothing.jpg"]


def test_folders_may_be_nested_deeper_than_calls_may(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["a"] * 200, "b.jpg")
    path.parent.mkdir(parents=True)
    path.touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        assert list(below(tmp_path)) == [path]
    finally:
        sys.setrecursionlimit(limit)
