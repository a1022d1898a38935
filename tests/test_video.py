"""Every clip is made here; each of its pictures shows its own number in black and white squares."""

import io
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.errors import (
    InputError,
    TooLargeError,
    UndecodableError,
    UnreadableError,
    UnsupportedFormatError,
)
from unmask.video import Video, _rgb

Clip = Callable[..., bytes]

FORMATS = {
    "h264-mp4": {"g": "12"},
    "h264-open-gop-mkv": {"container": "matroska", "g": "12", "x264-params": "open-gop=1"},
    "h264-mov": {"container": "mov"},
    "h264-avi": {"container": "avi", "g": "12"},
    "mpeg4-avi": {"codec": "mpeg4", "container": "avi", "bf": "2", "g": "9"},
    "mpeg4-mp4": {"codec": "mpeg4", "bf": "2"},
    "hevc-mp4": {"codec": "libx265", "x265-params": "log-level=none:keyint=12"},
    "vp8-webm": {"codec": "libvpx", "container": "webm", "g": "15", "auto-alt-ref": "1"},
    "vp9-webm": {"codec": "libvpx-vp9", "container": "webm", "g": "15"},
    "av1-mp4": {"codec": "libsvtav1", "preset": "12", "g": "16", "svtav1-params": "lp=1"},
}


def numbered(n: int, width: int = 128, height: int = 96) -> list[np.ndarray]:
    """Pictures that hold their number as eight squares, the lowest bit first."""
    pictures = []
    for number in range(n):
        picture = np.full((height, width, 3), 128, np.uint8)
        for bit in range(8):
            picture[8:40, bit * 15 : bit * 15 + 15] = 255 * (number >> bit & 1)
        pictures.append(picture)
    return pictures


def number_of(picture: np.ndarray) -> int:
    return sum((int(picture[16:32, bit * 15 + 7].mean()) > 128) << bit for bit in range(8))


@pytest.fixture(scope="module")
def plain(clip: Clip) -> bytes:
    """Four seconds, ten frames each, a key frame every twelve."""
    return clip(numbered(40), g="12")


@pytest.fixture(scope="module", params=FORMATS)
def encoded(request: pytest.FixtureRequest, clip: Clip) -> tuple[str, bytes]:
    return request.param, clip(numbered(60), **FORMATS[request.param])


class TestEveryFormat:
    def test_a_sample_is_the_frame_of_a_full_decode(self, encoded: tuple[str, bytes]) -> None:
        _, data = encoded
        with av.open(io.BytesIO(data)) as container:
            whole = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        generator = np.random.default_rng(0)
        with Video(data) as video:
            assert len(video.times_s) == len(whole) == 60
            for n in (1, 2, 3, 5, 8, 20, 60):
                indices = np.sort(generator.choice(60, n, replace=False))
                frames = list(video.frames(indices))
                assert [frame.index for frame in frames] == indices.tolist()
                for frame in frames:
                    assert np.array_equal(frame.pixels, whole[frame.index])

    def test_what_it_is_and_how_long(self, encoded: tuple[str, bytes]) -> None:
        name, data = encoded
        codec, *_, container = name.split("-")
        with Video(data) as video:
            assert (video.info.format, video.info.codec) == (container.upper(), codec)
            assert (video.info.width, video.info.height) == (128, 96)
            assert video.info.duration_s == pytest.approx(6.0, abs=0.15)
            assert video.times_s == pytest.approx(np.arange(60) / 10, abs=0.15)


class TestSampling:
    def test_spread_covers_the_whole_duration_evenly(self, plain: bytes) -> None:
        with Video(plain) as video:
            assert video.spread(4).tolist() == [5, 15, 25, 35]
            assert video.spread(40).tolist() == list(range(40))
            assert video.spread(1000).tolist() == list(range(40))

    def test_the_specifications_rule_sees_only_the_first_ten_seconds(self, clip: Clip) -> None:
        # Corrections E1: every tenth frame, thirty at most, of a minute at 30 frames a second.
        data = clip(numbered(1, 32, 32) * 1800, rate=30, preset="ultrafast")
        with Video(data) as video:
            assert video.every(10, max_frames=30).tolist() == list(range(0, 300, 10))
            assert video.times_s[video.every(10, max_frames=30)[-1]] / 60 < 0.17
            assert video.times_s[video.spread(30)[-1]] / 60 > 0.98

    def test_a_part(self, plain: bytes) -> None:
        with Video(plain) as video:
            assert video.between(1.0, 2.0, 100).tolist() == list(range(10, 20))
            assert video.between(1.0, 2.0, 2).tolist() == [12, 17]
            assert video.between(-5.0, 0.15, 9).tolist() == [0, 1]
            assert video.between(9.0, 10.0, 3).tolist() == []

    def test_variable_rate_samples_by_time_and_not_by_number(self, clip: Clip) -> None:
        # Thirty frames in the first second, ten in the next five.
        times_ms = [*range(0, 990, 33), *range(1000, 6000, 500)]
        with Video(clip(numbered(40), times_ms=times_ms)) as video:
            assert video.times_s * 1000 == pytest.approx(times_ms)
            times = [frame.time_s for frame in video.frames(video.spread(6))]
            assert times == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], abs=0.51)

    def test_a_jump_of_the_clock_does_not_swallow_the_samples(self, clip: Clip) -> None:
        times_ms = [*range(0, 2000, 100), *range(1_002_000, 1_004_000, 100)]
        data = clip(numbered(40), times_ms=times_ms, container="matroska")
        with Video(data) as video:
            frames = list(video.frames(video.spread(10)))
            assert len(frames) >= 8
            assert [number_of(frame.pixels) for frame in frames] == [f.index for f in frames]
            assert video.info.duration_s == pytest.approx(1004, abs=1)

    @settings(max_examples=100)
    @given(
        steps=st.lists(st.floats(0.0, 10.0), min_size=0, max_size=80),
        n=st.integers(1, 100),
        data=st.data(),
    )
    def test_samples_are_in_range_in_order_and_at_most_n(
        self, plain: bytes, steps: list[float], n: int, data: st.DataObject
    ) -> None:
        with Video(plain) as video:
            video.times_s = np.concatenate([[0.0], np.cumsum(steps)])
            start = data.draw(st.floats(-1, float(video.times_s[-1]) + 1))
            for indices in (video.spread(n), video.between(start, start + 3, n)):
                assert len(indices) <= n
                assert (np.diff(indices) > 0).all()
                assert ((indices >= 0) & (indices < len(video.times_s))).all()
            assert len(video.spread(n))


@pytest.mark.parametrize("container", ["mp4", "avi", "matroska"])
def test_a_title_that_is_not_utf_8_stops_nothing(clip: Clip, container: str) -> None:
    data = clip(numbered(5), container=container, title="TITLE")
    assert data.count(b"TITLE") == 1
    with Video(data.replace(b"TITLE", "ÉTÉ 1".encode("latin-1"))) as video:
        assert len(list(video.frames(video.spread(5)))) == 5


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (95, 0)), (-90, (0, 127))])
def test_rotation_of_the_metadata(clip: Clip, degrees: int, corner: tuple[int, int]) -> None:
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[:24, :32] = 230
    turned = np.rot90(picture, degrees // 90)
    with Video(clip([picture] * 3, rotation=degrees)) as video:
        frame = next(video.frames([1]))
        assert (video.info.height, video.info.width) == turned.shape[:2] == frame.pixels.shape[:2]
        assert np.abs(frame.pixels.astype(int) - turned).mean() < 4


SEEN = {
    (1, 0, 0, 1): lambda picture: picture,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (0, -1, 1, 0): np.rot90,
    (0, 1, 1, 0): lambda picture: picture.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda picture: np.rot90(picture, 2).transpose(1, 0, 2),
    (0, 0, 0, 0): lambda picture: picture,
}
"""What a display matrix of these a, b, c and d (ISO/IEC 14496-12, 6.2.2) makes of a picture."""


@pytest.mark.parametrize("matrix", SEEN, ids=str)
def test_pictures_are_turned_and_mirrored_as_the_file_asks(
    clip: Clip, matrix: tuple[int, int, int, int]
) -> None:
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[:32, :48] = 220
    picture[:32, 48:] = 120
    data = clip([picture] * 2)
    at = data.index(b"tkhd") + 44
    a, b, c, d = (part << 16 for part in matrix)
    data = data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :]
    with Video(data) as video:
        [frame] = video.frames([0])
        expected = SEEN[matrix](picture)
        assert frame.pixels.shape == expected.shape
        assert np.abs(frame.pixels.astype(int) - expected).mean() < 3
        assert (video.info.height, video.info.width) == expected.shape[:2]


def test_what_an_edit_list_hides_is_no_part_of_the_video(clip: Clip) -> None:
    data = clip(numbered(40), g="12")
    at = data.index(b"elst") + 12
    duration_ms, start, speed = struct.unpack(">IiI", data[at : at + 12])
    trimmed = struct.pack(">IiI", duration_ms // 4, start, speed)
    with Video(data[:at] + trimmed + data[at + 12 :]) as video:
        assert video.info.n_frames == 10
        assert video.info.duration_s == pytest.approx(1.0)
        frames = list(video.frames(range(10)))
        assert [number_of(frame.pixels) for frame in frames] == list(range(10))
        assert [frame.time_s for frame in frames] == pytest.approx(np.arange(10) / 10)


def test_pixels_that_are_not_square(clip: Clip) -> None:
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[:, 64:] = 200
    with Video(clip([picture] * 3, aspect=Fraction(4, 3))) as video:
        pixels = next(video.frames([1])).pixels
        assert (video.info.width, video.info.height) == (171, 96)
        assert pixels.shape == (96, 171, 3)
        assert pixels[:, :80].mean() == pytest.approx(40, abs=4)
        assert pixels[:, 91:].mean() == pytest.approx(200, abs=4)


def test_odd_sizes(clip: Clip) -> None:
    pictures = [picture[:95, :127] for picture in numbered(10)]
    with Video(clip(pictures, codec="libvpx-vp9", container="webm")) as video:
        frame = next(video.frames([7]))
        assert frame.pixels.shape == (95, 127, 3)
        assert number_of(frame.pixels) == 7


def test_colours_are_rgb(clip: Clip) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[:, :, 0] = 230
    with Video(clip([red] * 2)) as video:
        assert next(video.frames([0])).pixels.mean((0, 1)) == pytest.approx((230, 0, 0), abs=8)


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084", "arib-std-b67"])
def test_values_of_hdr10_are_known(transfer: str, clip: Clip) -> None:
    params = {"x264-params": f"transfer={transfer}"}
    with Video(clip(numbered(2), **params)) as video:
        assert video.info.is_pq == (transfer == "smpte2084")


def test_sound_beside_the_pictures_is_passed_over(clip: Clip) -> None:
    with Video(clip(numbered(20), with_sound=True)) as video:
        assert [number_of(frame.pixels) for frame in video.frames([3, 11])] == [3, 11]


@pytest.mark.parametrize("shown", [0, 1])
def test_of_several_tracks_the_one_that_players_show(shown: int) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        streams = [output.add_stream("libx264", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for stream, pictures in zip(streams, (numbered(4), numbered(8)[4:]), strict=True):
            for picture in pictures:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            output.mux(stream.encode(None))
    data = bytearray(buffer.getvalue())
    at = -1
    for number in range(2):
        at = data.index(b"tkhd", at + 1)
        data[at + 7] = 3 if number == shown else 2  # the lowest bit of its flags: enabled
    with Video(bytes(data)) as video:
        assert video.info.has_more
        numbers = [number_of(frame.pixels) for frame in video.frames(range(4))]
        assert numbers == [4 * shown + n for n in range(4)]


def test_one_frame(clip: Clip) -> None:
    with Video(clip(numbered(1))) as video:
        assert (video.info.n_frames, video.info.has_more) == (1, False)
        assert [frame.index for frame in video.frames(video.spread(30))] == [0]


class TestSources:
    def test_path_bytes_and_streams_are_the_same(self, plain: bytes, tmp_path: Path) -> None:
        class Pipe(io.RawIOBase):
            def __init__(self) -> None:
                self.inner = io.BytesIO(plain)

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: bytearray) -> int:
                return self.inner.readinto(buffer)

        path = tmp_path / "http:||not a host.mp4"
        path.write_bytes(plain)
        infos, pixels = [], []
        for source in (path, str(path), plain, io.BytesIO(plain), Pipe()):
            with Video(source) as video:
                infos.append(video.info)
                pixels.append(next(video.frames([21])).pixels)
        assert len(set(infos)) == 1
        assert all(np.array_equal(pixels[0], other) for other in pixels)

    def test_a_stream_stays_open_and_a_file_does_not(self, plain: bytes, tmp_path: Path) -> None:
        stream = io.BytesIO(plain)
        with Video(stream):
            pass
        assert not stream.closed
        path = tmp_path / "clip.mp4"
        path.write_bytes(plain)
        with Video(path) as video:
            list(video.frames([3]))
        descriptors = Path("/proc/self/fd")
        if descriptors.exists():
            assert str(path) not in [
                str(fd.readlink()) for fd in descriptors.iterdir() if fd.exists()
            ]


class TestBadInput:
    def test_cut_in_half_without_its_table(self, plain: bytes) -> None:
        with pytest.raises(UndecodableError, match="damaged or cut short"):
            Video(plain[: len(plain) // 2])

    def test_cut_in_half_with_its_table_keeps_the_first_half(
        self, clip: Clip, tmp_path: Path
    ) -> None:
        path = tmp_path / "clip.mp4"
        clip(numbered(40), path=str(path), container_options={"movflags": "faststart"}, g="5")
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        with Video(path) as video:
            assert video.info.duration_s == pytest.approx(4.0)
            assert 5 < video.info.n_frames < 40
            numbers = [number_of(frame.pixels) for frame in video.frames(video.spread(8))]
            assert numbers
            assert numbers == sorted(numbers)

    @pytest.mark.parametrize("b_frames", ["0", "2"])
    def test_a_damaged_stretch_costs_its_frames_and_is_not_painted_over(
        self, clip: Clip, b_frames: str
    ) -> None:
        data = bytearray(clip(numbered(60), g="10", bf=b_frames))
        middle = len(data) // 2
        data[middle : middle + len(data) // 8] = bytes(len(data) // 8)
        with Video(bytes(data)) as video:
            frames = list(video.frames(range(video.info.n_frames)))
        assert 15 < len(frames) < 60
        assert [number_of(f.pixels) for f in frames] == [round(f.time_s * 10) for f in frames]

    def test_frames_that_are_missing_do_not_stop_the_rest(self, clip: Clip) -> None:
        data = bytearray(clip(numbered(60), container="matroska", g="10"))
        middle = len(data) // 2
        data[middle : middle + len(data) // 8] = bytes(len(data) // 8)
        with Video(bytes(data)) as video:
            frames = list(video.frames(range(video.info.n_frames)))
        assert 15 < len(frames) < 60
        assert number_of(frames[0].pixels) == 0
        assert number_of(frames[-1].pixels) == 59

    @pytest.mark.parametrize(
        ("data", "error", "message"),
        [
            (b"", UndecodableError, "empty"),
            (b"this is a text named .mp4\n" * 99, UnsupportedFormatError, "Expected an MP4"),
            (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", UnsupportedFormatError, "Expected an"),
            (b"ffconcat version 1.0\nfile x.mp4\n", UnsupportedFormatError, "Expected an MP4"),
            (b"\0\0\0\x20ftypavif" + bytes(50), UnsupportedFormatError, "Expected an MP4"),
            (b"\0\0\0\x20ftypisom" + bytes(500), UndecodableError, "damaged"),
            (b"\x1a\x45\xdf\xa3" + bytes(500), UndecodableError, "damaged"),
            (b"RIFF\xff\0\0\0AVI LIST" + bytes(500), InputError, "AVI"),
        ],
    )
    def test_no_video_at_all(self, data: bytes, error: type[InputError], message: str) -> None:
        with pytest.raises(error, match=message):
            Video(data)

    @settings(max_examples=60)
    @given(
        head=st.sampled_from([b"\0\0\0\x20ftypisom", b"\x1a\x45\xdf\xa3", b"RIFF\0\1\0\0AVI "]),
        body=st.binary(max_size=400),
    )
    def test_noise_raises_nothing_but_input_errors(self, head: bytes, body: bytes) -> None:
        with pytest.raises(InputError):
            Video(head + body)

    def test_a_playlist_inside_a_video_name_reads_no_other_file(
        self, plain: bytes, tmp_path: Path
    ) -> None:
        (tmp_path / "secret.mp4").write_bytes(plain)
        playlist = tmp_path / "list.mp4"
        playlist.write_text(f"#EXTM3U\n#EXTINF:4,\n{tmp_path / 'secret.mp4'}\n#EXT-X-ENDLIST\n")
        with pytest.raises(UnsupportedFormatError):
            Video(playlist)

    def test_sound_alone(self, only_sound: bytes) -> None:
        with pytest.raises(UnsupportedFormatError, match="no pictures, only sound"):
            Video(only_sound)

    @pytest.mark.parametrize(
        ("container", "codec", "known", "unknown"),
        [
            ("mp4", "libx264", b"avc1", b"zzz1"),
            ("matroska", "libx264", b"V_MPEG4/ISO/AVC", b"V_ZZZZ4/ISO/AVC"),
            ("avi", "mpeg4", b"FMP4", b"ZZZ4"),
        ],
    )
    def test_an_unknown_codec_is_an_error_by_name(
        self, clip: Clip, container: str, codec: str, known: bytes, unknown: bytes
    ) -> None:
        data = clip(numbered(3), container=container, codec=codec)
        with pytest.raises(UnsupportedFormatError, match=unknown.decode()):
            Video(data.replace(known, unknown))

    @pytest.mark.parametrize("source", [None, bytearray(b"video"), 7])
    def test_what_is_no_source_at_all(self, source: object) -> None:
        with pytest.raises(UndecodableError, match=f"got {type(source).__name__}"):
            Video(source)

    def test_a_missing_file_a_folder_and_an_impossible_name(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.mp4", tmp_path, "a\0b.mp4"):
            with pytest.raises(UnreadableError, match="Cannot read"):
                Video(path)

    def test_a_stream_of_text_and_one_that_is_closed(self, plain: bytes) -> None:
        with pytest.raises(UndecodableError, match="in binary mode, got TextIOWrapper"):
            Video(io.TextIOWrapper(io.BytesIO(plain)))
        closed = io.BytesIO(plain)
        closed.close()
        with pytest.raises(UnreadableError, match="Cannot read the stream: I/O operation on clos"):
            Video(closed)

    def test_an_upload_that_stops_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken(io.RawIOBase):
            sent = 0

            def read(self, size: int = -1) -> bytes:
                self.sent += 1
                if self.sent > 20:
                    raise ConnectionResetError("the other side hung up")
                return b"\0" * size

        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(UnreadableError, match="the stream: the other side hung up"):
            Video(Broken())
        assert list(tmp_path.iterdir()) == []


class TestLimits:
    def test_bytes(self, plain: bytes) -> None:
        with Video(plain, max_bytes=len(plain)):
            pass
        with pytest.raises(TooLargeError, match="bytes"):
            Video(plain, max_bytes=len(plain) - 1)

    def test_a_stream_is_read_only_just_beyond_the_limit(self) -> None:
        class Endless(io.RawIOBase):
            sent = 0

            def read(self, size: int = -1) -> bytes:
                self.sent += size
                return b"\0" * size

        stream = Endless()
        with pytest.raises(TooLargeError, match="bytes"):
            Video(stream, max_bytes=5_000_000)
        assert stream.sent < 8_000_000

    def test_duration(self, clip: Clip) -> None:
        two_hours = clip(numbered(3), times_ms=[0, 1000, 7_300_000], container="matroska")
        with pytest.raises(TooLargeError, match="At most 120 minutes"):
            Video(two_hours)

    def test_a_duration_that_is_no_number_is_none(self, clip: Clip) -> None:
        data = clip(numbered(5), container="matroska")
        told = b"00:00:00.500000000"
        assert data.count(told) == 1
        with Video(data.replace(told, b"00:00:nan".ljust(len(told)))) as video:
            assert video.info.duration_s == pytest.approx(0.5)

    def test_frames(self, plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        # A file of 200 MB may hold as many frames of one byte, and last no second.
        monkeypatch.setattr("unmask.video.MAX_FRAMES", 40)
        Video(plain).close()
        monkeypatch.setattr("unmask.video.MAX_FRAMES", 39)
        with pytest.raises(TooLargeError, match="At most 39 frames"):
            Video(plain)

    def test_side(self, plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("unmask.video.MAX_SIDE_PX", 127)
        with pytest.raises(TooLargeError, match="128 x 96"):
            Video(plain)

    def test_deadline(self, plain: bytes) -> None:
        with Video(plain) as video:
            assert list(video.frames(video.spread(5), deadline=time.monotonic() - 1)) == []
            assert len(list(video.frames(video.spread(5), deadline=time.monotonic() + 60))) == 5

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_memory_does_not_grow_with_the_length(self, clip: Clip, tmp_path: Path) -> None:
        # Not by getrusage: a new process has the most of the one that started it, this one.
        program = (
            "import sys\n"
            "from pathlib import Path\n"
            "from unmask.video import Video\n"
            "with Video(sys.argv[1], threads=1) as video:\n"
            "    n = sum(1 for _ in video.frames(range(video.info.n_frames)))\n"
            "status = Path('/proc/self/status').read_text().split()\n"
            "print(n, status[status.index('VmHWM:') + 1])\n"
        )
        peaks = []
        for n in (30, 900):  # 900 frames would be 620 MB
            path = tmp_path / f"{n}.mp4"
            path.write_bytes(clip(numbered(1, 640, 360) * n, preset="ultrafast"))
            run = subprocess.run(
                [sys.executable, "-c", program, str(path)],
                capture_output=True,
                text=True,
                check=True,
            )
            count, peak_kb = map(int, run.stdout.split())
            assert count == n
            peaks.append(peak_kb)
        assert peaks[1] - peaks[0] < 30_000


def test_a_codec_that_nobody_films_in_is_refused_by_name(clip: Clip) -> None:
    """Of FFmpeg's decoders and pixel formats some end the whole process on a made-up file."""
    data = clip(numbered(2), codec="jpeg2000", container="mov")
    with pytest.raises(UnsupportedFormatError, match="'jpeg2000', which is not read here"):
        Video(data)


@pytest.mark.parametrize("name", ["bayer_rggb8", "yaf32le"])
def test_pixels_that_would_end_the_process_are_never_converted(name: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=name):
        _rgb(av.VideoFrame(5, 3, name), Fraction(1))


def test_a_frame_of_endless_scans_is_left_out(scans: Callable[[int], bytes]) -> None:
    """Each is another sweep over its pixels, and no deadline is asked within a frame."""

    def film(n: int) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="mov") as output:
            stream = output.add_stream("mjpeg", rate=10)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
            for number in range(2):
                packet = av.Packet(scans(n))
                packet.stream, packet.time_base = stream, Fraction(1, 10)
                packet.pts = packet.dts = number
                packet.is_keyframe = True
                output.mux(packet)
        return file.getvalue()

    for n, n_frames in ((90, 2), (200, 0)):
        with Video(film(n)) as video:
            assert len(list(video.frames([0, 1]))) == n_frames
