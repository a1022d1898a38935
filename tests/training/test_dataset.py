"""What is drawn for a step depends on nothing but the seed, the step and the place."""

from __future__ import annotations

import dataclasses
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

import torch

from unmask import media
from unmask.alignment import align, native_window, warp
from unmask.errors import DataError
from unmask.spectrum import describe
from unmask.training import dataset as module
from unmask.training.augment import Augmentation
from unmask.training.dataset import CropDataset, TrainingDataset, read_rows
from unmask.types import Box, Face

PLAIN = tuple(f"augmentation.{field.name}=0" for field in dataclasses.fields(Augmentation))
"""Nothing happens to a picture."""


@pytest.fixture(scope="module")
def rows(manifest):
    return read_rows(manifest, splits=("train", "blend-source"))


@pytest.fixture
def dataset(rows, tiny):
    return TrainingDataset(rows, tiny(), stage=0)


def places(dataset, step):
    return [dataset.draw(step, place) for place in range(len(dataset))]


def test_rows_are_what_the_manifest_says(manifest, face):
    rows = read_rows(manifest, splits=("val",))
    assert len(rows) == 8
    assert {row.split for row in rows} == {"val"}
    assert sum(row.is_fake for row in rows) == 4
    assert all(row.landmarks.shape == (5, 2) and row.path.is_file() for row in rows)
    assert rows[0].identity == "a0"


def test_each_picture_is_a_function_of_seed_step_and_place(rows, tiny, dataset):
    fresh = TrainingDataset(rows, tiny(), stage=0)
    for place in range(len(dataset)):
        # Whatever was drawn before, and in which order.
        sample, other = dataset[5, place], fresh[5, place]
        assert torch.equal(sample.crop, other.crop)
        assert torch.equal(sample.spectrum, other.spectrum)
        assert sample.label == other.label
        np.testing.assert_array_equal(sample.mask, other.mask)
    same = dataset[5, 0][0]
    assert not torch.equal(same, dataset[6, 0][0])
    assert not torch.equal(same, TrainingDataset(rows, tiny("seed=2"), stage=0)[5, 0][0])
    assert not torch.equal(same, TrainingDataset(rows, tiny(), stage=1)[5, 0][0])


def test_what_is_drawn_is_what_the_network_takes(dataset):
    crop, spectrum, label, mask = dataset[0, 1]
    assert (crop.shape, crop.dtype) == ((3, 64, 64), torch.uint8)
    assert (spectrum.shape, spectrum.dtype) == ((512,), torch.float32)
    assert label == 1
    assert (mask.shape, mask.dtype) == ((2, 2), torch.float32)
    # The spectrum is of the very pixels, after everything that happened to them.
    np.testing.assert_array_equal(spectrum, describe(crop.numpy().transpose(1, 2, 0)).vector)


def test_every_batch_is_balanced_by_class_and_by_source(dataset):
    for step in range(8):
        drawn = places(dataset, step)
        counts = Counter((d.row.source, d.row.is_fake or d.blend) for d in drawn if d.row)
        assert counts == {
            ("a", False): 3,
            ("a", True): 3,
            ("b", False): 1,
            ("b", True): 1,
            ("raw", False): 1,
            ("raw", True): 1,
        }


def test_an_epoch_shows_each_plain_picture_once_before_any_twice(dataset, rows):
    assert dataset.steps_per_epoch == 4  # 8 fakes of a, two a step
    fakes = [d.row.path for step in range(4) for d in places(dataset, step) if d.row.is_fake]
    assert len([p for p in fakes if p.name.startswith("a")]) == 8
    assert {p.name for p in fakes if p.name.startswith("a")} == {
        row.path.name for row in rows if row.source == "a" and row.is_fake
    }


def test_raw_material_of_blends_is_never_a_plain_picture(rows, tiny):
    wild = TrainingDataset(rows, tiny('batch.plain={"*"=4}'), stage=0)
    for step in range(60):
        for draw in places(wild, step):
            assert draw.row.source != "raw" or draw.pool == "raw"
    # Not even where its source is named, and has plain pictures beside the raw ones.
    mixed = [dataclasses.replace(row, source="a") if row.source == "raw" else row for row in rows]
    named = TrainingDataset(mixed, tiny("batch.plain={a=4}", "batch.blended={a=4}"), stage=0)
    seen = Counter()
    for step in range(20):
        for place, draw in enumerate(places(named, step)):
            seen[place < 4, draw.row.split] += 1
    assert seen[True, "blend-source"] == 0
    assert seen[False, "blend-source"] > 0


def test_a_genuine_face_and_its_blend_share_picture_geometry_and_degradation(dataset, monkeypatch):
    warps, degraded = [], []
    warp, degrade = module.warp, module.degrade

    def noted_warp(image, affine, size):
        if size == 64:
            warps.append(affine)
        return warp(image, affine, size)

    def noted_degrade(image, augmentation, rng):
        degraded.append(rng.bit_generator.state)
        return degrade(image, augmentation, rng)

    monkeypatch.setattr(module, "warp", noted_warp)
    monkeypatch.setattr(module, "degrade", noted_degrade)
    for step in range(4):
        for place in (6, 8):  # the blended pairs
            real, fake = dataset.draw(step, place), dataset.draw(step, place + 1)
            assert (real.row, real.blend, fake.blend) == (fake.row, False, True)
            warps.clear()
            degraded.clear()
            labels = [dataset[step, place][2], dataset[step, place + 1][2]]
            assert labels == [0, 1]
            np.testing.assert_array_equal(warps[0], warps[1])
            assert degraded[0] == degraded[1]


def test_the_same_happens_to_both_classes(dataset, rows, monkeypatch):
    # The same file under either label, at the same place: the same pixels (corrections B12).
    row = next(row for row in rows if row.source == "a" and not row.is_fake)
    for seed in range(6):
        crops = []
        for is_fake in (False, True):
            draw = module.Draw(dataclasses.replace(row, is_fake=is_fake), False, (seed,), "a")
            monkeypatch.setattr(dataset, "draw", lambda *_, draw=draw: draw)
            crops.append(dataset[0, 0])
        assert torch.equal(crops[0][0], crops[1][0])
        assert [crop.label for crop in crops] == [0, 1]


def test_geometry_is_one_warp(dataset, monkeypatch):
    count = 0
    warp = module.warp

    def counted(*arguments):
        nonlocal count
        count += 1
        return warp(*arguments)

    monkeypatch.setattr(module, "warp", counted)
    for place in range(6):
        count = 0
        dataset[0, place]
        assert count == 1


def test_geometry_stays_within_its_limits(rows, tiny):
    sure = tiny("augmentation.unaligned=0")
    dataset = TrainingDataset(rows, sure, stage=0)
    limits = sure.augmentation
    for step in range(30):
        draw = dataset.draw(step, 0)
        image = media.read(draw.row.path).pixels
        base = module.base_affine(draw.row, image, sure)
        moved = dataset._jittered(draw, image)
        turn = moved[:, :2] @ np.linalg.inv(base[:, :2])
        assert abs(np.log(np.hypot(*turn[:, 0]))) <= limits.zoom + 1e-9
        angle = np.degrees(np.arctan2(turn[0, 1], turn[0, 0]))
        assert abs(angle) <= limits.rotation_deg + 1e-9
        middle = np.linalg.solve(base[:, :2], np.array([32, 32]) - base[:, 2])
        shift = moved[:, :2] @ middle + moved[:, 2] - 32
        assert np.abs(shift).max() <= 64 * limits.shift + 1e-9


def test_validation_sees_what_serving_cuts(manifest, tiny):
    row = read_rows(manifest, splits=("val",))[0]
    crop, spectrum, label, _ = CropDataset([row], tiny())[0]
    face = Face(Box(0, 0, 1, 1), row.landmarks, 1.0)
    served = align(media.read(row.path).pixels, face, size=64, margin=1.0).pixels
    np.testing.assert_array_equal(crop.numpy().transpose(1, 2, 0), served)
    np.testing.assert_array_equal(spectrum, describe(served).vector)
    assert label == 0


def test_pictures_are_read_upright_as_in_serving(manifest, tiny, tmp_path):
    row = read_rows(manifest, splits=("val",))[0]
    turned = PIL.Image.fromarray(media.read(row.path).pixels).transpose(
        PIL.Image.Transpose.ROTATE_90
    )
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    lying = dataclasses.replace(row, path=tmp_path / "turned.png")
    upright, turned_back = (CropDataset([r], tiny())[0][0] for r in (row, lying))
    assert torch.equal(upright, turned_back)


def test_a_look_alike_is_another_person(dataset):
    for step in range(12):
        draw = dataset.draw(step, 7)
        other = dataset._look_alike(draw, np.random.default_rng(step))
        assert other.identity != draw.row.identity
        assert other.source == draw.row.source


def test_it_can_be_sent_to_loader_processes(dataset):
    dataset[0, 7]  # a blend, which loads the mesh
    sent = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(sent[1, 7][0], dataset[1, 7][0])


@pytest.fixture
def with_originals(rows):
    """The rows, the fakes of source a made from its genuine pictures."""
    return [
        dataclasses.replace(row, original=f"{int(row.identity[1:]) % 6}")
        if row.source == "a"
        else row
        for row in rows
    ]


def test_a_fake_has_its_own_original_beside_it(with_originals, tiny):
    dataset = TrainingDataset(with_originals, tiny("batch.partners=1"), stage=0)
    for step in range(8):
        drawn = places(dataset, step)
        for real, fake in zip(drawn[:4:2], drawn[1:4:2], strict=True):
            assert (real.row.is_fake, fake.row.is_fake) == (False, True)
            assert real.row.original == fake.row.original
            assert real.row is fake.original
            # One crop, one turn, one degradation.
            assert real.seed == fake.seed
        # Source b does not know what its fakes were made from.
        assert drawn[5].original is None
        assert drawn[4].seed != drawn[5].seed


def test_of_the_frames_of_a_video_a_fake_has_that_of_its_moment_beside_it(with_originals, tiny):
    def frame(row, number):
        return dataclasses.replace(row, path=Path(f"{row.is_fake}_{number:04d}.png"), original="1")

    known = [r for r in with_originals if r.source == "a" and r.split == "train"]
    genuine = [frame(row, n) for n, row in enumerate(r for r in known if not r.is_fake)]
    fakes = [frame(row, n) for n, row in enumerate(r for r in known if r.is_fake)]
    rest = [row for row in with_originals if row.source != "a"]
    settings = ("batch.partners=1", 'batch.plain={a=4, "*"=2}', "batch.blended={}")
    dataset = TrainingDataset([*genuine, *fakes, *rest], tiny(*settings), stage=0)
    met = set()
    for step in range(8):
        for real, fake in ((dataset.draw(step, n), dataset.draw(step, n + 1)) for n in (0, 2)):
            assert (real.row.original, real.seed) == ("1", fake.seed)
            number = fakes.index(fake.row)
            met.add(number)
            # There are more fakes than frames: of the last two nobody knows what is manipulated.
            assert fake.original is (genuine[number] if number < len(genuine) else None)
            if fake.original is not None:
                assert real.row is fake.original
    assert met == set(range(len(fakes)))


def test_of_pictures_of_two_sizes_nobody_knows_where_they_differ(swapped, tiny):
    settings = (*QUIET, "batch.partial=1")
    known = TrainingDataset(swapped, tiny(*settings), stage=0)
    original = known.draw(0, 1).original
    pixels = media.read(original.path).pixels
    assert not known[0, 1].mask.isnan().any()
    # As a cut-out is that was framed a little wider.
    PIL.Image.fromarray(np.pad(pixels, ((0, 8), (0, 8), (0, 0)), "edge")).save(original.path)
    assert known[0, 1].mask.isnan().all()
    whole = TrainingDataset(swapped, tiny(*QUIET), stage=0)
    assert torch.equal(known[0, 1].crop, whole[0, 1].crop)


def test_partners_come_as_often_as_is_asked(with_originals, tiny):
    for share, low, high in ((0.0, 0, 0), (0.5, 30, 70)):
        dataset = TrainingDataset(with_originals, tiny(f"batch.partners={share}"), stage=0)
        fakes = [dataset.draw(step, place) for step in range(50) for place in (1, 3)]
        assert low <= sum(fake.original is not None for fake in fakes) <= high


def test_a_part_of_a_fake_is_laid_over_its_original(with_originals, tiny, monkeypatch):
    settings = ("input_size=96", "batch.partners=1", *PLAIN)
    whole = TrainingDataset(with_originals, tiny(*settings), stage=0)
    parted = TrainingDataset(with_originals, tiny(*settings, "batch.partial=1"), stage=0)
    # Two drawn faces differ everywhere: another moment, of which no part would fit.
    assert torch.equal(parted[0, 1][0], whole[0, 1][0])
    everywhere = np.ones((96, 96), np.float32)
    monkeypatch.setattr("unmask.training.dataset.difference", lambda *_: everywhere)
    for step in range(4):
        fake, part = whole[step, 1], parted[step, 1]
        assert part[2] == 1
        assert not torch.equal(part[0], fake[0])
        # Where the mask is zero the original shows, cut as the fake is cut.
        draw = parted.draw(step, 1)
        affine = parted._jittered(draw, media.read(draw.row.path).pixels)
        original = warp(media.read(draw.original.path).pixels, affine, 96).pixels
        corner = part[0].numpy().transpose(1, 2, 0)[:4, :4]
        np.testing.assert_array_equal(corner, original[:4, :4])
        assert torch.equal(parted[step, 0][0], whole[step, 0][0])  # the genuine one stays


# --- where it was manipulated ---


@pytest.fixture
def swapped(rows, face, tmp_path):
    """Rows whose fakes of source a differ from their originals by a patch over the mouth alone."""

    def redrawn(row, number):
        if row.source != "a" or row.split == "blend-source":
            return row
        path = tmp_path / f"{row.is_fake}-{number}.png"
        pixels, landmarks = face(number, 160, fake=row.is_fake)
        if row.is_fake:
            x, y = landmarks[3:].mean(axis=0).astype(int)
            pixels[y - 16 : y + 16, x - 24 : x + 24] //= 2
        PIL.Image.fromarray(pixels).save(path)
        return dataclasses.replace(row, path=path, landmarks=landmarks, original=str(number))

    return [redrawn(row, int(row.identity.lstrip("abrw")) % 6) for row in rows]


QUIET = ("input_size=96", "batch.partners=1", *PLAIN)


def test_each_sample_says_where_it_was_manipulated(swapped, tiny):
    dataset = TrainingDataset(swapped, tiny(*QUIET), stage=0)
    for place in range(len(dataset)):
        sample, draw = dataset[2, place], dataset.draw(2, place)
        if not sample.label:
            assert sample.mask.max() == 0
        elif draw.blend:
            assert sample.mask.max() > 0
        elif draw.original is None:  # source b does not know what its fakes were made from
            assert sample.mask.isnan().all()
        else:
            # The mouth is in the lower middle, and the upper cells show the original's pixels.
            assert sample.mask[2, 1] > 0.3
            assert sample.mask[0].max() < 0.2


def test_a_source_of_synthesised_faces_is_manipulated_everywhere(swapped, tiny):
    dataset = TrainingDataset(swapped, tiny(*QUIET, 'synthesised=["b"]'), stage=0)
    assert dataset.draw(0, 5).row.source == "b"
    assert dataset[0, 5].mask.min() == 1
    assert dataset[0, 4].mask.max() == 0


def test_a_part_of_a_fake_is_manipulated_where_it_was_laid_over(swapped, tiny):
    whole = TrainingDataset(swapped, tiny(*QUIET), stage=0)
    parted = TrainingDataset(swapped, tiny(*QUIET, "batch.partial=1"), stage=0)
    masks = [(whole[step, 1].mask, parted[step, 1].mask) for step in range(8)]
    assert all((part <= entire + 1e-6).all() for entire, part in masks)
    assert any((part < entire - 0.1).any() for entire, part in masks)


@pytest.mark.parametrize("spectrum", ["crop", "native"])
def test_the_mask_is_turned_with_its_picture(swapped, tiny, spectrum):
    settings = (*QUIET, f"spectrum={spectrum}", "augmentation.shift=0.3", "augmentation.zoom=0.2")
    upright = TrainingDataset(swapped, tiny(*settings), stage=0)
    flipped = TrainingDataset(swapped, tiny(*settings, "augmentation.flip=1"), stage=0)
    for step in range(4):
        mask, mirrored = upright[step, 1].mask, flipped[step, 1].mask
        assert mask.max() > 0.2
        np.testing.assert_allclose(mirrored, mask.flip(1), atol=0.03)


def test_what_is_covered_shows_no_manipulation(swapped, tiny):
    bare = TrainingDataset(swapped, tiny(*QUIET), stage=0)
    covered = TrainingDataset(swapped, tiny(*QUIET, "augmentation.erase=1"), stage=0)
    pairs = [(bare[step, 1], covered[step, 1]) for step in range(8)]
    assert all((b.crop != a.crop).any() and (b.mask <= a.mask + 1e-6).all() for a, b in pairs)
    assert any((b.mask < a.mask - 0.1).any() for a, b in pairs)


# --- the spectrum of the picture's own pixels (corrections C3, C10) ---


def test_a_native_spectrum_is_of_the_pictures_own_pixels(manifest, tiny):
    row = read_rows(manifest, splits=("val",))[0]
    native = tiny("spectrum=native", "input_size=96")
    crop, spectrum, *_ = CropDataset([row], native)[0]
    scaled = CropDataset([row], tiny("input_size=96"))[0]
    assert torch.equal(crop, scaled[0])
    image = media.read(row.path).pixels
    affine = module.base_affine(row, image, native)
    window = native_window(image, affine, size=96)
    np.testing.assert_array_equal(spectrum, describe(window).vector)
    assert not torch.equal(spectrum, scaled[1])


def test_in_training_too_and_the_crop_is_the_same(rows, tiny):
    settings = ("input_size=96", *PLAIN)
    scaled = TrainingDataset(rows, tiny(*settings), stage=0)
    native = TrainingDataset(rows, tiny("spectrum=native", *settings), stage=0)
    for place in range(6):  # the plain pictures
        row = native.draw(3, place).row
        image = media.read(row.path).pixels
        crop, spectrum, label, _ = native[3, place]
        expected, _, expected_label, _ = scaled[3, place]
        assert label == expected_label
        # Cut from a cut-out, whose borders are mirrored and not the picture's.
        assert float((crop.float() - expected.float()).abs().mean()) < 1
        window = native_window(image, module.base_affine(row, image, native.config), size=96)
        np.testing.assert_array_equal(spectrum, describe(window).vector)


def test_what_happens_to_a_picture_happens_to_its_own_pixels(rows, tiny):
    # Noise on the crop alone would leave the native spectrum as it was.
    quiet = ("spectrum=native", *PLAIN)
    still = TrainingDataset(rows, tiny(*quiet), stage=0)
    noisy = TrainingDataset(rows, tiny(*quiet, "augmentation.noise=1"), stage=0)
    assert not torch.equal(still[0, 0][1], noisy[0, 0][1])
    real, blend = still[0, 6], still[0, 7]
    assert (real[2], blend[2]) == (0, 1)
    assert not torch.equal(real[1], blend[1])
    assert not torch.equal(real[0], blend[0])


def test_a_mirrored_canvas_gives_the_mirrored_crop():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    affine = np.array([[1.1, 0.2, -9.0], [-0.2, 1.1, 4.0]])
    crop = warp(pixels, affine, 64).pixels
    mirrored = warp(pixels[:, ::-1], module._mirrored(affine, 80, 64), 64).pixels
    difference = np.abs(mirrored[:, ::-1].astype(int) - crop)
    assert difference.max() <= 2


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda row: row.is_fake, "source 'a' has no real picture"),
        (lambda row: not row.is_fake, "source 'a' has no fake picture"),
        (lambda row: row.source != "b", "source 'b' has no real picture"),
        (lambda row: row.source != "raw", "source 'raw' has no genuine face to blend"),
    ],
)
def test_an_empty_class_is_refused_by_name(rows, tiny, keep, message):
    with pytest.raises(DataError, match=message):
        TrainingDataset([row for row in rows if keep(row)], tiny(), stage=0)


def test_faces_without_landmarks_are_missing_among_blends_only(rows, tiny):
    blind = [dataclasses.replace(row, landmarks=None) if row.source == "a" else row for row in rows]
    with pytest.raises(DataError, match="source 'a' has no genuine face to blend"):
        TrainingDataset(blind, tiny(), stage=0)
    plain = TrainingDataset(blind, tiny("batch.blended={raw=2}"), stage=0)
    assert plain[0, 0][0].shape == (3, 64, 64)  # the whole picture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("landmarks", "points"),
            "no column landmarks.*made with unmask prepare",
        ),
        (lambda text: re.sub(r",[\d. ]+$", ",1 2 3", text, flags=re.M), "csv:2: landmarks are ten"),
        (lambda text: text.replace(",fake,", ",1,"), "label is real or fake, got '1'"),
        (lambda text: text.replace("a-train-real-0.png", "gone.png"), "1 of 26 .*gone.png"),
        (lambda text: text.replace(",train,", ",test,").replace("blend-source", "test"), "no row"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(manifest, change, message):
    path = manifest.with_name("changed.csv")
    path.write_text(change(manifest.read_text()))
    with pytest.raises(DataError, match=message) as error:
        read_rows(path, splits=("train", "blend-source"))
    assert str(path) in str(error.value)


def test_a_manifest_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(tmp_path / "none.csv", splits=("train",))


def test_an_unreadable_picture_is_named(rows, tiny, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    row = dataclasses.replace(rows[0], path=tmp_path / "broken.png")
    with pytest.raises(DataError, match=r"broken\.png cannot be read"):
        CropDataset([row], tiny())[0]
