from __future__ import annotations

from collections.abc import Callable

import pytest

from unmask.jpeg import n_scans, quality


@pytest.mark.parametrize("n", [1, 10, 101, 300])
def test_the_scans_of_the_first_picture_are_counted(scans: Callable[[int], bytes], n: int) -> None:
    assert n_scans(scans(n)) == n
    if n > 100:
        assert n_scans(scans(2) + scans(n)) == 2


def test_what_only_looks_like_a_scan_is_none(scans: Callable[[int], bytes]) -> None:
    """In a thumbnail of the metadata, say; what is within a segment is passed over."""
    comment = b"\xff\xfe" + (2 + 400).to_bytes(2) + 200 * b"\xff\xda"
    assert n_scans(b"\xff\xd8" + comment + scans(3)[2:]) == 3
    assert n_scans(b"\xff\xd8" + comment) == 0


def test_without_tables_there_is_no_quality() -> None:
    assert quality({}) is None
