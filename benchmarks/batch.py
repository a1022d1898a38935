"""Many portraits: time per face against the bare network, one face at a time."""

from __future__ import annotations

from benchmarks.measure import Figures, interleaved, ratio, spreads
from benchmarks.subjects import ASTRONAUT, bare_network, detector

N_FILES = 32


def measure(repeats: int) -> Figures:
    judge, network = detector(), bare_network()

    def bare() -> None:
        for _ in range(N_FILES):
            network()

    def batch() -> None:
        for report in judge.images([ASTRONAUT] * N_FILES):
            assert report.p_fake is not None

    def one_by_one() -> None:
        for _ in range(N_FILES):
            judge.image(ASTRONAUT, heatmaps=False)

    subjects = {"bare network": bare, "batch": batch, "one by one": one_by_one}
    times = interleaved(subjects, repeats=max(3, repeats // 4), warm_up=1)
    each = {name: [ms / N_FILES for ms in one] for name, one in times.items()}
    return {
        "files": N_FILES,
        "per_face": spreads(each),
        "batch_over_network": ratio(each, "batch", "bare network"),
        "one_by_one_over_network": ratio(each, "one by one", "bare network"),
    }
