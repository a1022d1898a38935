"""What a manifest may be, and what is said of one that cannot be used."""

from __future__ import annotations

import pytest

from unmask.errors import DataError
from unmask.evaluation.manifest import Row, read_manifest


@pytest.fixture
def write(tmp_path):
    def write(text, name="manifest.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_only_path_and_label_are_needed(write):
    manifest = read_manifest(write("path,label\na.jpg,real\nb.jpg,FAKE\n"))
    assert manifest.rows == (Row("a.jpg", "REAL"), Row("b.jpg", "FAKE"))
    assert manifest.is_fake.tolist() == [False, True]


def test_other_columns_are_ignored_and_any_order_is_read(write):
    text = '\ufefflabel,weight, path ,original,method\nfake,3,"a, b.jpg",v1,Deepfakes\n\n'
    (row,) = read_manifest(write(text)).rows
    assert row == Row("a, b.jpg", "FAKE", method="Deepfakes", original="v1")


def test_paths_are_relative_to_the_manifest(write, tmp_path):
    manifest = read_manifest(write("path,label\nfaces/a.jpg,real\n"))
    assert manifest.file(manifest.rows[0]) == tmp_path / "faces/a.jpg"


def test_clusters_are_people_of_one_source_else_videos_else_files(write):
    manifest = read_manifest(
        write(
            "path,label,source,identity,original\n"
            "a,real,x,7,v1\n"
            "b,fake,x,7,v2\n"
            "c,real,y,7,v1\n"
            "d,real,y,,v1\n"
            "e,fake,y,,v1\n"
            "f,real,y,,\n"
            "g,real,y,,\n"
        )
    )
    a, b, c, d, e, f, g = manifest.clusters.tolist()
    assert a == b
    assert d == e
    assert len({a, c, d, f, g}) == 5


def test_a_fake_goes_with_the_video_it_was_made_from_however_that_is_named(write):
    manifest = read_manifest(
        write(
            "path,label,video,original\n"
            "033.jpg,real,033,\n"
            "033_097.jpg,fake,033_097,033\n"
            "097.jpg,real,097,\n"
        )
    )
    a, b, c = manifest.clusters.tolist()
    assert a == b != c
    assert manifest.fakes_with_originals("picture") == [(1, 0)]


def test_rows_are_chosen_by_column(write):
    manifest = read_manifest(write("path,label,split\na,real,val\nb,real,test\nc,fake,test\n"))
    assert [row.path for row in manifest.where(split="test").rows] == ["b", "c"]
    with pytest.raises(DataError, match="no row with split=train"):
        manifest.where(split="train")
    with pytest.raises(DataError, match="no column 'part'"):
        manifest.where(part="test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column path and no column label.*an empty file"),
        ("path,label\n", "a header and no rows"),
        ("file,label\na,real\n", "no column path;.*got file,label"),
        ("path,label,label\na,real,fake\n", "names a column twice"),
        ("path,label\na,real\nb,forged\n", r"manifest.csv:3: label is real or fake, got 'forged'"),
        ("path,label\na,1\n", "label is real or fake, got '1'"),
        ("path,label\na,\n", "label is real or fake, got ''"),
        ("path,label\n,real\n", "csv:2: the path is empty"),
        ("path,label\na,real\nb,real\na,fake\n", "csv:4: a is on line 2 already"),
        ("path,label\na,real\nb/../a,fake\n", "csv:3: b/../a is on line 2 already"),
        ("path,label\na,real,x\n", "csv:2: expected 2 values, got 3"),
        ("path,label,split\na,real\n", "csv:2: expected 3 values, got 2"),
    ],
)
def test_bad_manifests_are_told_what_is_wrong_and_where(write, text, message):
    with pytest.raises(DataError, match=message):
        read_manifest(write(text))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "manifest.csv"
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(path)
    path.write_bytes(b"\xff\xd8\xff\xe0 a picture")
    with pytest.raises(DataError, match="cannot be read as UTF-8"):
        read_manifest(path)
    with pytest.raises(DataError, match=r"cannot be read.*expected a CSV file with path,label"):
        read_manifest(tmp_path)


def test_missing_files_are_counted_before_anything_is_scored(write, tmp_path):
    manifest = read_manifest(write("path,label\na.jpg,real\nb.jpg,fake\nc.jpg,fake\n"))
    (tmp_path / "b.jpg").touch()
    with pytest.raises(DataError, match=r"2 of 3 files.*a\.jpg, c\.jpg"):
        manifest.require_files()
