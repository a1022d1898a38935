"""Bytes to the whole report: against the bare network, and against the specification's stack."""

from __future__ import annotations

from benchmarks.measure import Figures, interleaved, ratio, spreads
from benchmarks.reference import Reference
from benchmarks.subjects import ASTRONAUT, bare_network, detector, photo
from unmask.server.schemas import gradcam_jpeg


def measure(repeats: int) -> Figures:
    portrait = ASTRONAUT.read_bytes()
    one, twelve = photo(1), photo(12)
    judge = detector()

    def drawn() -> None:
        picture = judge.read(portrait)
        gradcam_jpeg(picture.pixels, judge.image(picture))

    subjects = {
        "bare network": bare_network(),
        "portrait": lambda: judge.image(portrait),
        "portrait, no heat map": lambda: judge.image(portrait, heatmaps=False),
        "portrait, overlay as base64 JPEG": drawn,
        "photo of 1 megapixel": lambda: judge.image(one),
        "photo of 12 megapixels": lambda: judge.image(twelve),
    }
    with Reference() as reference:
        stages = reference.call("whole", str(ASTRONAUT))["stages_ms"]
        subjects["specification's stack"] = lambda: reference.call("whole", str(ASTRONAUT))
        times = interleaved(subjects, repeats=repeats)
        versions = reference.call("versions", "")
    return {
        "times": spreads(times),
        "portrait_over_network": ratio(times, "portrait", "bare network"),
        "no_heatmap_over_heatmap": ratio(times, "portrait, no heat map", "portrait"),
        "specification_over_portrait": ratio(
            times, "specification's stack", "portrait, overlay as base64 JPEG"
        ),
        "specification_over_network": ratio(times, "specification's stack", "bare network"),
        "specification_stages_ms": stages,
        "reference_versions": versions,
    }
