"""The 512 values against NumPy's full FFT, SciPy's DCT, and waves of known frequency."""

from __future__ import annotations

import io
import warnings

import numpy as np
import PIL.Image
import pytest
import scipy.fft
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from unmask.spectrum import (
    HIGH_FREQUENCY,
    _block_dct,
    describe,
    feature_names,
    radial_bands,
)
from unmask.types import Image, Spectrum

NAMES = feature_names()


def value(spectrum: Spectrum, name: str) -> float:
    return float(spectrum.vector[NAMES.index(name)])


def by_radius(pixels: Image) -> NDArray[np.float32]:
    """`(128,)` log powers at radii from 0 to 0.5 cycles per pixel."""
    return describe(pixels).vector[:128]


def noise(size: int, seed: int = 0, deviation: float = 25) -> Image:
    grey = np.random.default_rng(seed).normal(128, deviation, (size, size))
    return rgb(grey)


def wave(size: int, across: float, down: float = 0, amplitude: float = 60) -> Image:
    """Grey stripes of so many cycles per pixel."""
    y, x = np.mgrid[:size, :size]
    return rgb(128 + amplitude * np.cos(2 * np.pi * (across * x + down * y)))


def ring(size: int, frequency: float) -> Image:
    """Noise of one frequency in all directions."""
    y, x = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)
    is_near = np.abs(np.hypot(y, x) - frequency) < 1 / size
    white = np.random.default_rng(0).normal(size=(size, size))
    filtered = np.fft.ifft2(np.fft.fft2(white) * is_near).real
    return rgb(128 + 30 * filtered / filtered.std())


def rgb(grey: NDArray[np.float64]) -> Image:
    clipped = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return np.repeat(clipped[..., None], 3, axis=2)


def grey(pixels: Image) -> NDArray[np.float64]:
    return pixels.astype(float) @ [0.299, 0.587, 0.114]


# --- oracles ---


def fft_by_hand(pixels: Image) -> NDArray[np.float64]:
    """The 256 FFT values from the whole plane of coefficients, one after the other."""
    size = len(pixels)
    window = np.outer(*[scipy.signal.windows.hann(size, sym=False)] * 2)
    luma = grey(pixels)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 / (window**2).sum()
    total = high = 0.0
    sums, weights = np.zeros(128), np.zeros(128)
    annuli: list[list[float]] = [[] for _ in range(31)]
    sectors: list[list[float]] = [[] for _ in range(96)]
    for (row, column), p in np.ndenumerate(power):
        v, h = np.fft.fftfreq(size)[[row, column]]
        if h < 0:  # of a coefficient and its conjugate, the one that rfft keeps
            v, h = -v, -h
        radius = np.hypot(v, h)
        if radius == 0:
            continue
        total += p
        high += p * (radius > 60 / 224)
        if radius > 0.5:
            continue
        place = np.clip(radius * 256 - 0.5, 0, 127)
        lower = int(place)
        for i, share in ((lower, 1 - place + lower), (min(lower + 1, 127), place - lower)):
            sums[i] += share * np.log(p + 1)
            weights[i] += share
        annuli[min(int(radius * 62), 30)].append(p)
        turn = np.mod(np.arctan2(v, h), np.pi) / np.pi
        sectors[min(int(radius * 8), 3) * 24 + min(int(turn * 24), 23)].append(np.log(p + 1))
    filled = np.flatnonzero(weights > 1e-9)
    nearest = [filled[np.abs(filled - i).argmin()] for i in range(128)]
    entropies = [scipy.stats.entropy(powers) for powers in annuli]
    means = [np.mean(logs) if logs else 0 for logs in sectors]
    return np.array(
        [*(sums / np.maximum(weights, 1e-9))[nearest], np.log(high / total), *entropies, *means]
    )


@pytest.mark.parametrize("size", [64, 72])
def test_c5_the_fft_values_equal_those_of_the_whole_plane(size: int) -> None:
    """Entropy is of power, not of magnitude; the mean and DC are out (C4); half a plane is both."""
    pixels = noise(size)
    assert describe(pixels).vector[:256] == pytest.approx(fft_by_hand(pixels), abs=2e-3)


def test_the_dct_equals_scipys() -> None:
    luma = grey(noise(224)).astype(np.float32)
    blocks = luma.reshape(28, 8, 28, 8).swapaxes(1, 2)
    expected = scipy.fft.dctn(blocks.astype(float), axes=(2, 3), norm="ortho")
    got = _block_dct(luma)
    assert got == pytest.approx(expected.reshape(-1, 64).T, abs=2e-3)


def test_the_dct_values_equal_scipys_moments() -> None:
    pixels = noise(128)
    blocks = grey(pixels).reshape(16, 8, 16, 8).swapaxes(1, 2)
    ac = scipy.fft.dctn(blocks, axes=(2, 3), norm="ortho").reshape(-1, 64)[:, 1:]
    vector = describe(pixels).vector[256:]
    assert vector[:63] == pytest.approx(np.log(ac.std(axis=0) + 0.1), abs=1e-3)
    assert vector[63:126] == pytest.approx(scipy.stats.skew(ac), abs=1e-3)
    kurtosis = scipy.stats.kurtosis(ac, fisher=False)
    assert vector[126:189] == pytest.approx(np.log(kurtosis + 0.1), abs=1e-3)
    assert vector[189:252] == pytest.approx(np.log(np.abs(ac).mean(axis=0) + 0.1), abs=1e-3)


# --- corrections C ---


@pytest.mark.parametrize("size", [64, 128, 224, 256])
@pytest.mark.parametrize("frequency", [0.05, 0.125, 0.25, HIGH_FREQUENCY, 0.4, 0.45])
def test_c1_a_frequency_is_found_at_its_cycles_per_pixel(size: int, frequency: float) -> None:
    radius = (by_radius(ring(size, frequency)).argmax() + 0.5) / 256
    assert radius == pytest.approx(frequency, abs=1 / size)


@pytest.mark.parametrize("band", [1, 4, 8, 15])
def test_a_frequency_is_found_in_its_band(band: int) -> None:
    bands = radial_bands(describe(ring(224, (band + 0.5) / 32)))
    assert bands.shape == (16,)
    assert bands.argmax() == band


def test_c1_sixty_of_224_cycles_separate_low_from_high() -> None:
    ratio = [
        value(describe(wave(224, frequency)), "fft.high_frequency_ratio")
        for frequency in (50 / 224, 70 / 224)
    ]
    assert ratio[0] < np.log(0.1)
    assert ratio[1] > np.log(0.9)


def test_c2_the_high_frequencies_of_a_photo_are_no_third_of_its_power(astronaut: bytes) -> None:
    """The specification has 0.34 for genuine faces and 0.22 for fakes; photos have thousandths."""
    portrait = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB").crop((120, 20, 344, 244))
    ratio = value(describe(np.asarray(portrait)), "fft.high_frequency_ratio")
    assert 1e-3 < np.exp(ratio) < 0.05


def test_c3_the_size_of_the_crop_does_not_move_the_level_of_its_noise() -> None:
    """Power is a density per pixel, so crops of other sizes are comparable."""
    levels = [by_radius(noise(size))[10:].mean() for size in (64, 128, 224)]
    assert np.ptp(levels) < 0.1


@pytest.mark.parametrize("shift", [-60, 40])
def test_c4_brightness_is_in_no_value(shift: int) -> None:
    pixels = noise(224, deviation=10)
    brighter = (pixels.astype(int) + shift).astype(np.uint8)
    assert describe(brighter).vector == pytest.approx(describe(pixels).vector, abs=2e-3)


def test_c6_there_are_512_values_each_with_its_own_name() -> None:
    assert len(NAMES) == len(set(NAMES)) == 512
    kinds = [name.split("[")[0] for name in NAMES]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "fft.radius": 128,
        "fft.high_frequency_ratio": 1,
        "fft.entropy": 31,
        "fft.sector": 96,
        "dct.log_deviation": 63,
        "dct.skewness": 63,
        "dct.log_kurtosis": 63,
        "dct.log_magnitude": 63,
        "dct.energy_compaction": 1,
        "dct.block_coherence": 1,
        "dct.blockiness": 1,
        "dct.zero_share": 1,
    }


FLAT = np.full((64, 64, 3), 7, np.uint8)
BOARD = np.repeat((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("pixels", [FLAT, BOARD, FLAT * 0, wave(64, 0.5), wave(64, 0, 0.5)])
def test_c6_every_value_of_an_unnatural_crop_is_finite(pixels: Image) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vector = describe(pixels).vector
    assert vector.shape == (512,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


@settings(max_examples=25)
@given(
    pixels=npst.arrays(
        np.uint8,
        st.sampled_from([64, 72, 96]).map(lambda size: (size, size, 3)),
        elements=st.integers(0, 255),
        fill=st.integers(0, 255),
    )
)
def test_c6_every_value_of_any_crop_is_finite(pixels: Image) -> None:
    assert np.isfinite(describe(pixels).vector).all()


@pytest.mark.parametrize("size", [64, 112, 224])
def test_c7_no_radius_is_empty(size: int) -> None:
    """White noise has the same power at each of the 128 radii, also where integers have none."""
    power = by_radius(noise(size))
    assert np.isfinite(power).all()
    assert power.min() > 0.6 * power.max()


def test_c8_all_784_blocks_are_used() -> None:
    """The specification's loop leaves out the last row and column, and all of a single block."""
    for size, n_blocks in ((224, 784), (8, 1)):
        blocks = _block_dct(np.zeros((size, size), np.float32))
        assert blocks.shape == (64, n_blocks)
    flat = np.full((224, 224, 3), 128, np.uint8)
    for row, column in ((0, 0), (0, 27), (27, 0), (27, 27), (13, 20)):
        marked = flat.copy()
        marked[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = noise(8)
        magnitude = value(describe(marked), "dct.log_magnitude[3][4]")
        assert magnitude > value(describe(flat), "dct.log_magnitude[3][4]")


@pytest.mark.parametrize(("down", "across"), [(0, 1), (1, 0), (0, 7), (7, 0), (3, 5)])
def test_c9_only_dc_is_left_out(down: int, across: int) -> None:
    """A pattern of one basis function is found under its own name, first row and column too."""
    coefficients = np.zeros((8, 8))
    coefficients[down, across] = 200
    block = scipy.fft.idctn(coefficients, norm="ortho")
    spectrum = describe(rgb(128 + np.tile(block, (8, 8))))
    magnitudes = {name: value(spectrum, name) for name in NAMES if "log_magnitude" in name}
    assert "dct.log_magnitude[0][0]" not in magnitudes
    assert max(magnitudes, key=lambda name: magnitudes[name]) == (
        f"dct.log_magnitude[{down}][{across}]"
    )


def test_c11_the_values_of_the_whole_mean_what_they_say(astronaut: bytes) -> None:
    portrait = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB").crop((120, 20, 344, 244))
    file = io.BytesIO()
    portrait.save(file, "JPEG", quality=10)
    original = describe(np.asarray(portrait))
    compressed = describe(np.asarray(PIL.Image.open(file).convert("RGB")))
    random = describe(noise(224))
    assert value(compressed, "dct.blockiness") > value(original, "dct.blockiness") + 0.3
    assert value(compressed, "dct.zero_share") > value(original, "dct.zero_share") + 0.3
    assert value(original, "dct.block_coherence") > 1.5
    assert abs(value(random, "dct.block_coherence")) < 0.3
    assert value(original, "dct.energy_compaction") > value(random, "dct.energy_compaction") + 1
    assert abs(value(random, "dct.blockiness")) < 0.1


@pytest.mark.parametrize(
    ("across", "down", "sectors"),
    [(0.3, 0, {0, 23}), (0, 0.3, {11, 12}), (0.2, 0.2, {5, 6}), (-0.2, 0.2, {17, 18})],
)
def test_c11_directions_are_told_apart(across: float, down: float, sectors: set[int]) -> None:
    vector = describe(wave(224, across, down)).vector
    strongest = vector[160:256].argmax()
    assert NAMES[160 + strongest] == f"fft.sector[2][{strongest % 24}]"
    assert strongest % 24 in sectors


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((224, 224), np.uint8),
        np.zeros((224, 224, 4), np.uint8),
        np.zeros((224, 224, 3), np.float32),
        np.zeros((224, 216, 3), np.uint8),
        np.zeros((56, 56, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.shape} {pixels.dtype}",
)
def test_c13_only_square_rgb_crops_are_described(pixels: Image) -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        describe(pixels)


def test_c13_channels_are_weighed_as_rgb() -> None:
    """Stripes in red weigh 0.299, in blue 0.114: exchanged channels would exchange them."""
    levels = {}
    for channel, name in enumerate("rgb"):
        pixels = np.full((64, 64, 3), 128, np.uint8)
        pixels[..., channel] = noise(64)[..., 0]
        levels[name] = value(describe(pixels), "dct.log_magnitude[3][4]")
    assert np.exp(levels["r"] - levels["b"]) == pytest.approx(0.299 / 0.114, rel=0.1)
    assert np.exp(levels["g"] - levels["r"]) == pytest.approx(0.587 / 0.299, rel=0.1)


def test_a11_values_of_a_photo_lie_within_a_few_units(astronaut: bytes) -> None:
    """No raw magnitude of a million beside an activation of a third."""
    portrait = PIL.Image.open(io.BytesIO(astronaut)).convert("RGB").crop((120, 20, 344, 244))
    assert np.abs(describe(np.asarray(portrait)).vector).max() < 20
