"""Costs as ratios to the bare network of the same run: a slow or busy machine is no failure.

Processor time is taken, of one thread but where all of them count, the least of several rounds.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time

import numpy as np
import PIL.Image
import pytest

from benchmarks.subjects import ASTRONAUT, bare_network
from unmask.alignment import align
from unmask.detector import Detector
from unmask.faces import FaceDetector
from unmask.heatmap import overlay
from unmask.media import read
from unmask.network import Network
from unmask.spectrum import describe
from unmask.types import Heatmap, Image

SIDE_BY_SIDE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from time import process_time
from benchmarks.subjects import bare_network
from unmask.detector import FEW, Detector

one, network, sources = Detector(threads=2), bare_network(threads=1), sys.argv[1:] * 4
list(one.images([*sources, *[b""] * FEW]))  # loads the second session
pool = ThreadPoolExecutor(2)

def pictures():
    reports = one.images([*[b""] * FEW, *sources])
    assert sum(report.p_fake is not None for report in reports) == len(sources)

def networks():
    list(pool.map(lambda source: network(), sources))

def cost(subject):
    started = process_time()
    subject()
    return (process_time() - started) / len(sources)

rounds = [(cost(pictures), cost(networks)) for _ in range(5)]
print(*map(min, zip(*rounds)))
"""
"""The least processor time of a picture, and of the network, each beside another of its kind."""


def least(*subjects: Callable[[], object], rounds: int = 5) -> list[float]:
    """The least processor time of each subject, in seconds, after one round that is not counted."""
    times = np.full((rounds + 1, len(subjects)), np.inf)
    for row in times:
        for i, subject in enumerate(subjects):
            started = thread_time()
            subject()
            row[i] = thread_time() - started
    return [float(one) for one in times[1:].min(axis=0)]


def has_dot_products() -> bool:
    """Whether the processor adds four products of 8 bits at once, as int8 networks want it."""
    cpu = Path("/proc/cpuinfo")
    return not cpu.exists() or re.search("vnni|asimddp", cpu.read_text()) is not None


@pytest.fixture(scope="module", name="bare_network")
def bare_network_on_one_thread() -> Callable[[], object]:
    return bare_network(threads=1)


@pytest.fixture(scope="module")
def portrait() -> Image:
    return read(ASTRONAUT).pixels


def test_a_photo_costs_little_more_than_the_network(bare_network: Callable[[], object]) -> None:
    one, data = Detector(threads=1), ASTRONAUT.read_bytes()
    whole, network = least(lambda: one.image(data), bare_network)
    assert whole < 1.7 * network


def test_pictures_side_by_side_do_not_fight_for_threads() -> None:
    """All the threads' time counts: those of one session would wait for each other in a loop.

    So it is taken in a process of its own, where no other test has left threads running; and of
    the network side by side too, because two cores that share their units are slower together.
    """
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE, ASTRONAUT],
        check=True,
        capture_output=True,
        text=True,
        cwd=ASTRONAUT.parents[1],
    )
    picture, network = map(float, done.stdout.split())
    assert picture < 1.7 * network


def test_each_stage_is_a_small_part_of_the_network(
    bare_network: Callable[[], object], portrait: Image
) -> None:
    finder = FaceDetector(threads=1)
    [face] = finder.detect(portrait)
    crop = align(portrait, face, size=224, margin=1.3)
    full = Heatmap(np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7), crop.affine, 224)
    network, faces, alignment, spectrum, drawing = least(
        bare_network,
        lambda: finder.detect(portrait),
        lambda: align(portrait, face, size=224, margin=1.3),
        lambda: describe(crop.pixels),
        lambda: overlay(portrait, [full]),
    )
    assert faces < 0.4 * network
    assert alignment < 0.1 * network
    assert spectrum < 0.05 * network
    assert drawing < 0.05 * network


def test_the_int8_network_is_much_faster() -> None:
    small, network = Network(precision="int8", threads=1), Network(threads=1)
    crop = network.golden()[0].crop
    feed = [crop], [describe(crop)]
    slow, fast = least(lambda: network.run(*feed), lambda: small.run(*feed))
    assert slow > (1.5 if has_dot_products() else 1.25) * fast


def test_finding_faces_grows_with_the_pixels_and_no_faster() -> None:
    finder = FaceDetector(threads=1)
    with PIL.Image.open(ASTRONAUT) as portrait:
        small, large = (np.asarray(portrait.resize((side, side))) for side in (600, 1800))
    one, nine = least(lambda: finder.detect(small), lambda: finder.detect(large), rounds=3)
    assert nine < 1.7 * 9 * one


def test_decoding_a_large_photo_is_most_of_reading_it(portrait: Image) -> None:
    """What comes after Pillow's decoder, the array among it, costs less than the decoder."""
    file = io.BytesIO()
    PIL.Image.fromarray(portrait).resize((3600, 3600)).save(file, "JPEG", quality=90)
    data = file.getvalue()

    def decode() -> None:
        with PIL.Image.open(io.BytesIO(data)) as image:
            image.load()

    reading, decoding = least(lambda: read(data), decode, rounds=3)
    assert reading < 2.2 * decoding
