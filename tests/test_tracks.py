import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.alignment import align
from unmask.faces import FaceDetector
from unmask.tracks import Sighting, describe, link
from unmask.types import Box, FaceCrop
from unmask.video import Video

VIDEOS = Path(__file__).parents[1] / "../shared/data/ffpp-c23.tar"


def person(seed: int) -> np.ndarray:
    """A 64 px portrait in colours of its own: hair above skin above clothes."""
    hair, skin, clothes = np.random.default_rng(seed).integers(20, 235, (3, 3))
    portrait = np.empty((64, 64, 3), np.int64)
    portrait[:20], portrait[20:50], portrait[50:] = hair, skin, clothes
    return portrait


def look_of(seed: int, *, light: int = 0, noise: int = 0) -> np.ndarray:
    grain = np.random.default_rng(noise).normal(0, 5, (64, 64, 3))
    pixels = np.clip(person(seed) + light + grain, 0, 255).astype(np.uint8)
    return describe(FaceCrop(pixels, np.eye(2, 3), 0.0))


def seen(seed: int, frame: int, x: float, *, step_s: float = 0.5, side: float = 100) -> Sighting:
    box = Box(x, 50, x + side, 50 + side)
    return Sighting(frame, frame * step_s, box, look_of(seed, noise=frame))


def people(sightings: list[Sighting], seeds: list[int]) -> list[list[int]]:
    return [[seeds[i] for i in track] for track in link(sightings)]


class TestDescribe:
    def test_it_is_of_unit_length(self) -> None:
        look = look_of(1)
        assert look.shape == (1024,)
        assert look.dtype == np.float32
        assert look @ look == pytest.approx(1, abs=1e-5)

    def test_one_person_is_liker_to_itself_than_to_another(self) -> None:
        assert look_of(1) @ look_of(1, light=6, noise=9) > look_of(1) @ look_of(2)

    def test_what_is_above_matters(self) -> None:
        portrait = person(1).astype(np.uint8)
        crops = [FaceCrop(p, np.eye(2, 3), 0.0) for p in (portrait, portrait[::-1])]
        assert describe(crops[0]) @ describe(crops[1]) < 0.8


class TestLink:
    def test_nobody(self) -> None:
        assert link([]) == []

    def test_one_person_who_stays(self) -> None:
        assert link([seen(1, frame, 100 + frame) for frame in range(5)]) == [[0, 1, 2, 3, 4]]

    def test_two_people_who_cross(self) -> None:
        seeds, sightings = [], []
        for frame in range(11):
            for seed, x in ((1, 40.0 * frame), (2, 400.0 - 40.0 * frame)):
                seeds.append(seed)
                sightings.append(seen(seed, frame, x, step_s=0.3))
        assert sorted(people(sightings, seeds)) == [[1] * 11, [2] * 11]

    def test_two_people_who_change_places_at_a_cut(self) -> None:
        places = {True: ((1, 0.0), (2, 300.0)), False: ((2, 0.0), (1, 300.0))}
        seeds, sightings = [], []
        for frame in range(8):
            for seed, x in places[frame < 4]:
                seeds.append(seed)
                sightings.append(seen(seed, frame, x))
        assert sorted(people(sightings, seeds)) == [[1] * 8, [2] * 8]

    def test_shot_and_reverse_shot_at_one_place(self) -> None:
        seeds = [1, 2, 1, 2, 1, 2]
        sightings = [seen(seed, frame, 100.0) for frame, seed in enumerate(seeds)]
        assert sorted(people(sightings, seeds)) == [[1, 1, 1], [2, 2, 2]]

    def test_a_person_who_comes_back_elsewhere_after_a_minute(self) -> None:
        sightings = [seen(1, 0, 0.0), seen(1, 1, 5.0), seen(1, 120, 900.0)]
        assert link(sightings) == [[0, 1, 2]]

    def test_people_who_look_alike_are_kept_apart_by_where_they_are(self) -> None:
        places, sightings = [], []
        for frame in range(6):
            for x in (0.0, 500.0):
                places.append(x)
                sightings.append(seen(1, frame, x + 3 * frame))
        assert sorted([places[i] for i in track] for track in link(sightings)) == [
            [0.0] * 6,
            [500.0] * 6,
        ]

    @pytest.mark.parametrize(
        ("likeness", "x", "n_colours", "n_tracks"),
        [
            (0.84, 10.0, 50, 1),
            (0.84, 900.0, 50, 2),
            (0.90, 900.0, 50, 1),
            (0.78, 10.0, 50, 2),
            # Of few colours, as in black and white, more likeness is asked: 0.95 and 0.97.
            (0.90, 10.0, 10, 2),
            (0.96, 10.0, 10, 1),
            (0.96, 900.0, 10, 2),
        ],
    )
    def test_how_alike_two_faces_must_be_depends_on_place_and_colours(
        self, likeness: float, x: float, n_colours: int, n_tracks: int
    ) -> None:
        first, other = np.zeros((2, 1024), np.float32)
        first[:n_colours] = other[-n_colours:] = 1 / np.sqrt(n_colours)
        second = likeness * first + np.float32(np.sqrt(1 - likeness**2)) * other
        sightings = [
            Sighting(0, 0.0, Box(0, 0, 90, 90), first),
            Sighting(1, 0.3, Box(x, 0, x + 90, 90), second),
        ]
        assert len(link(sightings)) == n_tracks

    @settings(max_examples=60)
    @given(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, 3), st.floats(0, 500)),
            max_size=25,
        )
    )
    def test_every_face_is_in_one_track_and_no_track_has_two_of_one_frame(
        self, faces: list[tuple[int, int, float]]
    ) -> None:
        sightings = [seen(seed, frame, x) for frame, seed, x in sorted(faces)]
        tracks = link(sightings)
        assert sorted(i for track in tracks for i in track) == list(range(len(faces)))
        for track in tracks:
            frames = [sightings[i].frame for i in track]
            assert len(set(frames)) == len(frames)
            assert track == sorted(track)
        assert [len(track) for track in tracks] == sorted(map(len, tracks), reverse=True)


@pytest.mark.skipif(not VIDEOS.exists(), reason="../shared/data/ffpp-c23.tar is not there")
@pytest.mark.parametrize(("left", "right"), [("035", "241"), ("339", "720"), ("980", "035")])
def test_two_real_people_side_by_side_who_change_sides(left: str, right: str) -> None:
    detector = FaceDetector()
    with tarfile.open(VIDEOS) as archive:
        clips = [
            archive.extractfile(f"ffpp-c23/videos/real/{name}.mp4").read() for name in (left, right)
        ]
    halves = []
    for clip in clips:
        with Video(clip) as video:
            halves.append([frame.pixels[:480, :640] for frame in video.frames(video.spread(6))])
    who, sightings = [], []
    for number, pair in enumerate(zip(*halves, strict=True)):
        is_swapped = number >= 3
        image = np.ascontiguousarray(np.hstack(pair[::-1] if is_swapped else pair))
        for face in detector.detect(image):
            if face.score > 0.95:
                look = describe(align(image, face, size=64, margin=1.3))
                sightings.append(Sighting(number, 2.0 * number, face.box, look))
                who.append((face.box.centre[0] > 640) != is_swapped)
    tracks = [[who[i] for i in track] for track in link(sightings)]
    assert all(len(set(track)) == 1 for track in tracks)
    assert [len(track) for track in tracks[:2]] == [6, 6]
