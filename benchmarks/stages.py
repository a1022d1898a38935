"""Each stage on a portrait of 512 x 512 px, beside what the machine and the references can do."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import PIL.Image

from benchmarks.measure import Figures, interleaved, ratio, spreads
from benchmarks.reference import Reference
from benchmarks.subjects import ASTRONAUT, bare_network, detector
from unmask import media
from unmask.alignment import align
from unmask.faces import FaceDetector
from unmask.heatmap import heatmap, overlay
from unmask.network import Network
from unmask.quality import assess
from unmask.report import to_dict
from unmask.spectrum import describe
from unmask.types import Heatmap

# Multiply-adds of the convolutions of the network at 224 px: `(inputs, outputs, side)` of each
# separable convolution, of each shortcut, and of the two plain ones before them.
SEPARABLE = [
    *((64, 128, 109), (128, 128, 109), (128, 256, 55), (256, 256, 55)),
    *((256, 728, 28), (728, 728, 28), *((728, 728, 14),) * 24),
    *((728, 728, 14), (728, 1024, 14), (1024, 1536, 7), (1536, 2048, 7)),
]
SHORTCUTS = [(64, 128, 55), (128, 256, 28), (256, 728, 14), (728, 1024, 7)]
MULTIPLY_ADDS = (
    111**2 * 27 * 32
    + 109**2 * 9 * 32 * 64
    + sum(side**2 * inputs * (9 + outputs) for inputs, outputs, side in SEPARABLE)
    + sum(side**2 * inputs * outputs for inputs, outputs, side in SHORTCUTS)
)


def measure(repeats: int) -> Figures:
    data = ASTRONAUT.read_bytes()
    one, faces, network = detector(), FaceDetector(), Network()
    picture = media.read(data)
    [face] = faces.detect(picture.pixels)
    card = one.card
    crop = align(picture.pixels, face, size=card.input_size, margin=card.crop_margin)
    spectrum = describe(crop.pixels)
    output = network.run([crop.pixels], [spectrum])
    # A real face gives an empty map, which costs nothing to draw; this one is full.
    full = Heatmap(np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7), crop.affine, 224)
    drawn = overlay(picture.pixels, [full])
    report = one.image(picture)
    side = 2048
    matrix = np.random.default_rng(0).standard_normal((side, side), np.float32)

    def draw() -> None:
        heatmap(output.cams[0], crop)
        overlay(picture.pixels, [full])

    subjects = {
        "bare network": bare_network(),
        # Beside it: after the matrix multiplication, its threads would still be in the way.
        "bare network, int8": bare_network("int8"),
        "media": lambda: media.read(data),
        "faces": lambda: faces.detect(picture.pixels),
        "alignment": lambda: align(
            picture.pixels, face, size=card.input_size, margin=card.crop_margin
        ),
        "quality": lambda: assess(face, crop, card.quality_rules),
        "spectrum": lambda: describe(crop.pixels),
        "network": lambda: network.run([crop.pixels], [spectrum]),
        "heat map and overlay": draw,
        "overlay as JPEG": lambda: PIL.Image.fromarray(drawn).save(
            io.BytesIO(), "JPEG", quality=85
        ),
        "report as JSON": lambda: json.dumps(to_dict(report)),
        "matrix multiplication": lambda: matrix @ matrix,
    }
    with Reference() as reference:
        box = reference.call("faces", str(ASTRONAUT))["box"]
        subjects["faces, mtcnn package"] = lambda: reference.call("faces", str(ASTRONAUT))
        times = interleaved(subjects, repeats=repeats)
    product_s = min(times["matrix multiplication"]) / 1000
    network_s = min(times["bare network"]) / 1000
    mine = face.box
    return {
        "stages": spreads(times),
        "faces": {
            **ratio(times, "faces, mtcnn package", "faces"),
            "box": [round(v, 1) for v in (mine.x1, mine.y1, mine.x2, mine.y2)],
            "box_of_package": box,
        },
        "int8": ratio(times, "bare network", "bare network, int8"),
        "limit": {
            "matrix_multiplication_gflops": round(2 * side**3 / product_s / 1e9, 1),
            "network_gflops": round(2 * MULTIPLY_ADDS / network_s / 1e9, 1),
            "network_multiply_adds": MULTIPLY_ADDS,
            "cores": os.cpu_count(),
        },
    }
