"""Heat maps are measured by where a fake differs from its original."""

from __future__ import annotations

import dataclasses

import numpy as np
import PIL.Image
import pytest

from unmask.errors import DataError, UndecodableError
from unmask.evaluation.explanations import Pointing, point, summarise
from unmask.evaluation.intervals import cluster_wilson
from unmask.evaluation.manifest import Manifest, Row
from unmask.types import (
    Box,
    Face,
    FaceReport,
    Heatmap,
    ImageReport,
    ModelIdentity,
    Quality,
    Verdict,
)

SIDE = 224
PATCH = (slice(64, 128), slice(96, 160))  # of 7 x 7 places: rows 2 and 3, columns 3 and 4
TURNED = np.array([[0.0, 1, 0], [-1, 0, SIDE]])
UPRIGHT = np.eye(3)[:2]


def read(path):
    with PIL.Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture
def manifest(tmp_path):
    """A genuine picture, a fake of it with a bright patch, one that does not differ, one alone."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    grey = 120 + 60 * np.sin(5 * x + 2) * np.cos(7 * y)
    real = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    fake = real.copy()
    fake[PATCH] = fake[PATCH] // 2 + 60
    for name, pixels in (("real", real), ("fake", fake), ("same", real), ("alone", fake)):
        PIL.Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    rows = (
        Row("real.png", "REAL", original="1", identity="1", source="x"),
        Row("fake.png", "FAKE", original="1", identity="1", source="x"),
        Row("same.png", "FAKE", original="1", identity="1", source="x"),
        Row("alone.png", "FAKE", original="2", identity="2", source="x"),
    )
    return Manifest(rows, tmp_path)


def test_a_map_that_points_nowhere_is_no_hit(manifest):
    nowhere = report((2, 3))
    heatmap = dataclasses.replace(nowhere.faces[0].heatmap, values=np.zeros((7, 7), np.float32))
    nowhere = dataclasses.replace(
        nowhere, faces=(dataclasses.replace(nowhere.faces[0], heatmap=heatmap),)
    )
    assert heatmap.empty
    # Also where the first place, the greatest of equals, was manipulated.
    fake = read(manifest.folder / "fake.png").copy()
    fake[:64, :64] = fake[:64, :64] // 2 + 60
    PIL.Image.fromarray(fake).save(manifest.folder / "fake.png")
    (hit,) = point(manifest, [(1, 0)], lambda _: report((0, 0)), read)
    assert hit.is_hit is True
    (told,) = point(manifest, [(1, 0)], lambda _: nowhere, read)
    assert told.is_hit is False
    (same,) = point(manifest, [(2, 0)], lambda _: nowhere, read)
    assert same.is_hit is None


def test_of_an_original_of_another_size_nothing_is_known(manifest):
    (told,) = point(manifest, [(1, 0)], lambda _: report((2, 3)), read)
    assert told.is_hit is True
    # As where fake and original were cut out of a frame, each by its own face.
    wider = np.pad(read(manifest.folder / "real.png"), ((0, 8), (0, 8), (0, 0)), "edge")
    PIL.Image.fromarray(wider).save(manifest.folder / "real.png")
    (told,) = point(manifest, [(1, 0)], lambda _: report((2, 3)), read)
    assert told.is_hit is None


def report(hottest=None, affine=UPRIGHT, verdict=Verdict.LIKELY_FAKE):
    """Of one face, whose heat map is hottest at this (row, column); None: it has none."""
    values = np.full((7, 7), 0.1, np.float32)
    if hottest is not None:
        values[hottest] = 1
    heatmap = None if hottest is None else Heatmap(values, affine, SIDE)
    face = FaceReport(
        Face(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 0.99),
        *(verdict, None, None, Quality(70, 9, 0, 0, 0, None), heatmap),
    )
    model = ModelIdentity("m", "1", "0" * 64)
    return ImageReport(None, None, verdict, None, (face,), 0, SIDE, SIDE, "PNG", model, {})


def test_fakes_go_with_their_originals_and_without_any_there_is_nothing_to_measure(manifest):
    assert manifest.fakes_with_originals("picture") == [(1, 0), (2, 0)]
    with pytest.raises(DataError, match="genuine picture"):
        manifest.where(label="FAKE").fakes_with_originals("picture")


def frames(*names):
    """Genuine frames of a video, then fakes of it."""
    return [
        Row(name, "FAKE" if name.startswith("fake") else "REAL", original="1", source="x")
        for name in names
    ]


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        # As FaceForensics++ is cut up, and as a preparation writes what it cuts out.
        (
            ["033_0050.jpg", "033_0151.jpg", "fake/033_097_0151.jpg", "fake/033_097_0050.jpg"],
            [(2, 1), (3, 0)],
        ),
        (["a7-000003.png", "a7-000012.png", "fakeb-000003.png"], [(2, 0)]),
        (["real/3.png", "real/12.png", "fake/0012.png"], [(2, 1)]),
        # No genuine frame of this moment, two of it, or no telling which moment it is.
        (["1_1.png", "1_2.png", "fake_1.png", "fake_3.png"], [(2, 0), (3, None)]),
        (["a_1.png", "b_1.png", "c_2.png", "fake_1.png", "fake_2.png"], [(3, None), (4, 2)]),
        (["a_1.png", "a7.png", "fake7.png", "fake_1.png"], [(2, None), (3, 0)]),
    ],
    ids=str,
)
def test_a_frame_goes_with_that_of_the_same_moment_or_with_none(names, pairs, tmp_path):
    manifest = Manifest(tuple(frames(*names)), tmp_path)
    assert manifest.fakes_with_originals("picture") == pairs


def test_where_no_moment_is_known_nothing_is_measured(tmp_path):
    manifest = Manifest(tuple(frames("a_1.png", "a_2.png", "fake.png")), tmp_path)
    with pytest.raises(DataError, match="the number their names end in"):
        manifest.fakes_with_originals("picture")


@pytest.mark.parametrize(
    ("hottest", "affine", "is_hit"),
    [
        ((2, 3), UPRIGHT, True),
        ((3, 4), UPRIGHT, True),
        ((5, 3), UPRIGHT, False),
        ((2, 0), UPRIGHT, False),
        # Turned with the face: rows 2 and 3 of the picture are its columns, counted from the right.
        ((3, 2), TURNED, True),
        ((2, 3), TURNED, True),
        ((2, 4), TURNED, False),
        (None, UPRIGHT, None),
    ],
)
def test_a_hit_is_where_the_hottest_place_was_manipulated(manifest, hottest, affine, is_hit):
    (told,) = point(manifest, [(1, 0)], lambda _: report(hottest, affine), read)
    assert told.is_hit is is_hit
    assert told.is_likely_fake
    if is_hit is not None:
        assert told.chance == pytest.approx(4 / 49, abs=0.03)


def test_nothing_is_said_where_the_truth_is_not_known(manifest):
    (same,) = point(manifest, [(2, 0)], lambda _: report((2, 3)), read)
    assert same.is_hit is None

    def refuse(path):
        raise UndecodableError("broken")

    (elsewhere,) = point(manifest, [(1, None)], lambda _: report((2, 3)), read)
    assert elsewhere.is_hit is None

    (unscored,) = point(manifest, [(1, 0)], lambda _: report(None), read)
    assert unscored.is_hit is None

    (broken,) = point(manifest, [(1, 0)], refuse, read)
    assert (broken.is_hit, broken.is_likely_fake) == (None, False)

    def read_fakes(path):
        return refuse(path) if path.name == "real.png" else read(path)

    (alone,) = point(manifest, [(1, 0)], lambda _: report((2, 3)), read_fakes)
    assert (alone.is_hit, alone.is_likely_fake) == (None, True)


def test_the_fakes_of_one_person_are_not_as_many_people(tmp_path):
    people = ["a"] * 5 + ["b", "c"]
    rows = [Row(f"{n}.png", "FAKE", identity=name, source="x") for n, name in enumerate(people)]
    pointings = [Pointing(n, is_likely_fake=True, is_hit=n < 5, chance=0.1) for n in range(7)]
    told = summarise(Manifest(tuple(rows), tmp_path), pointings)["all"]
    expected = cluster_wilson([True] * 5 + [False] * 2, np.array([0] * 5 + [1, 2]))
    assert (told["low"], told["high"]) == expected


def test_shares_are_of_what_can_be_told_and_chance_stands_beside_them(manifest):
    told = summarise(
        manifest,
        [
            Pointing(1, is_likely_fake=True, is_hit=True, chance=0.2),
            Pointing(2, is_likely_fake=False, is_hit=False, chance=0.4),
            Pointing(3, is_likely_fake=True, is_hit=None, chance=0.0),
        ],
    )
    assert (told["all"]["n"], told["all"]["value"]) == (2, 0.5)
    assert told["all"]["chance"] == pytest.approx(0.3)
    assert told["all"]["low"] < 0.5 < told["all"]["high"]
    assert (told["likely_fake"]["n"], told["likely_fake"]["value"]) == (1, 1)
    assert told["unknown"] == 1
    nothing = summarise(manifest, [Pointing(1, is_likely_fake=False, is_hit=None, chance=0.0)])
    assert nothing["all"]["value"] is nothing["likely_fake"]["chance"] is None
