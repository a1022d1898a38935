"""Results files -> the tables and plots of `docs/performance.md`: `python -m benchmarks.tables`.

The document says what it wants between two comments, and this rewrites what stands between them:

    <!-- benchmark:image -->
    <!-- /benchmark -->
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.evaluation.results import write_text

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path("docs/performance.md")
MARKER = re.compile(r"(<!-- benchmark:(\w+) -->\n)(.*?)(<!-- /benchmark -->)", re.DOTALL)

Figures = Mapping[str, Any]


def render(text: str, results: Path = RESULTS) -> str:
    """A document's text with every marked part rewritten; one without results says so."""

    def rewritten(found: re.Match[str]) -> str:
        opening, name, _, closing = found.groups()
        if name == "processors":
            return f"{opening}{_processors(results)}\n{closing}"
        path = results / f"{name}.json"
        if not path.exists():
            return f"{opening}Not measured.\n{closing}"
        result = json.loads(path.read_text("utf-8"))
        return f"{opening}{TABLES[name](result['figures'])}\n\n{_origin(result)}\n{closing}"

    return MARKER.sub(rewritten, text)


def update(document: Path = DOCUMENT) -> None:
    """Rewrite the document and its plot in place."""
    write_text(document, render(document.read_text("utf-8")))
    scaling = RESULTS / "scaling.json"
    if scaling.exists():
        _plot(json.loads(scaling.read_text("utf-8"))["figures"], document.parent / "images")


def _stages(figures: Figures) -> str:
    limit, faces, int8 = figures["limit"], figures["faces"], figures["int8"]
    share = limit["network_gflops"] / limit["matrix_multiplication_gflops"]
    return (
        f"{_times(figures['stages'])}\n\n"
        f"Finding faces takes the `mtcnn` package {faces['ratio']:.1f} times as "
        f"long{_quartiles(faces)}; it finds the box {faces['box_of_package']}, "
        f"Unmask {faces['box']}. The network does {limit['network_gflops']:.0f} GFLOP/s, "
        f"{share:.0%} of the {limit['matrix_multiplication_gflops']:.0f} GFLOP/s of a large matrix "
        f"multiplication on the same {limit['cores']} cores. The int8 network is "
        f"{int8['ratio']:.2f} times as fast{_quartiles(int8)}."
    )


def _image(figures: Figures) -> str:
    network = figures["portrait_over_network"]
    specified = figures["specification_over_portrait"]
    off = figures["no_heatmap_over_heatmap"]
    stages = ", ".join(
        f"{name} {ms:.0f}" for name, ms in figures["specification_stages_ms"].items()
    )
    versions = ", ".join(f"{name} {v}" for name, v in figures["reference_versions"].items())
    most = figures["specification_over_network"]
    return (
        f"{_times(figures['times'])}\n\n"
        f"The portrait takes {network['ratio']:.2f} times the bare network"
        f"{_quartiles(network)}, and without the heat map {off['ratio']:.2f} times as "
        f"long as with it. The specification's stack takes {specified['ratio']:.1f} times as long "
        f"as Unmask with its overlay{_quartiles(specified)}; its stages in one run, in ms: "
        f"{stages} ({versions}). It takes {most['ratio']:.1f} times as long as the bare network "
        f"alone{_quartiles(most)}, so nothing that runs this network in "
        "float32 once a face can be further ahead of it here."
    )


def _batch(figures: Figures) -> str:
    batch, alone = figures["batch_over_network"], figures["one_by_one_over_network"]
    return (
        f"{_times(figures['per_face'])}\n\n"
        f"A face of a batch of {figures['files']} files takes "
        f"{batch['ratio']:.2f} times the bare network{_quartiles(batch)}, "
        f"one by one {alone['ratio']:.2f} times{_quartiles(alone)}."
    )


def _video(figures: Figures) -> str:
    stages = ", ".join(f"{name} {ms:,.0f}" for name, ms in figures["stages_ms"].items())
    clip = figures["clip_over_network_of_its_faces"]
    return (
        f"{_times(figures['times'])}\n\n"
        f"{figures['frames_sampled']} frames were sampled and {figures['faces_scored']} faces "
        f"scored: {clip['ratio']:.2f} times the bare network for as many{_quartiles(clip)}. "
        f"Stages of one run, in ms: {stages}."
    )


def _cold_start(figures: Figures) -> str:
    heavy = ", ".join(figures["heavy_modules_loaded"]) or "none"
    return (
        f"{_times(figures['times'])}\n\n"
        f"Of torch, TensorFlow, Flask, SciPy and OpenCV, judging a photo loads: {heavy}."
    )


def _memory(figures: Figures) -> str:
    rows = [["a detector, loaded", f"{figures['detector_mb']:.0f}"]]
    rows += [[f"a server, {when}", f"{mb:.0f}"] for when, mb in figures["server_mb"].items()]
    rows += [
        [f"a folder, after {int(n):,} files", f"{mb:.0f}"]
        for n, mb in figures["folder_mb_after_files"].items()
    ]
    if long := figures.get("video_peak_mb"):
        name = f"a video of {long['seconds'] / 60:.0f} minutes in 1080p, at most"
        rows.append([name, f"{long['mb']:.0f}"])
    return _table(["resident memory of", "MB"], rows)


def _concurrency(figures: Figures) -> str:
    rows = [
        [
            clients,
            f"{load['latency']['median_ms']:.0f}",
            " to ".join(f"{ms:.0f}" for ms in load["latency"]["quartiles_ms"]),
            f"{load['requests_per_s']:.1f}",
        ]
        for clients, load in figures["clients"].items()
    ]
    over = figures["overload"]
    return (
        _table(["clients at once", "median, ms", "quartiles, ms", "requests a second"], rows)
        + f"\n\nOf {over['requests_at_once']} requests at once to a server with {over['places']} "
        f"places, {over['answered']} were answered and {over['refused_503']} got 503 with "
        f"`Retry-After: {', '.join(over['retry_after_s'])}`."
    )


def _scaling(figures: Figures) -> str:
    rows = [
        [
            name,
            ", ".join(f"{n}: {ms:,.0f}" for n, ms in curve["median_ms"].items()),
            f"{curve['exponent']:.2f}",
        ]
        for name, curve in figures.items()
    ]
    table = _table(["cost against", "median, ms", "exponent"], rows)
    return f"{table}\n\n![Cost against size, faces, frames and files](images/scaling.svg)"


TABLES: Mapping[str, Callable[[Figures], str]] = {
    "stages": _stages,
    "image": _image,
    "batch": _batch,
    "video": _video,
    "cold_start": _cold_start,
    "memory": _memory,
    "concurrency": _concurrency,
    "scaling": _scaling,
}


RATIOS: Mapping[str, tuple[str, str]] = {
    "portrait, of the bare network": ("image", "portrait_over_network"),
    "a file of a batch, of the bare network": ("batch", "batch_over_network"),
    "a video's frame, of the bare network": ("video", "clip_over_network_of_its_faces"),
    "int8 network, times as fast": ("stages", "int8"),
    "`mtcnn` package, times as long": ("stages", "faces"),
    "specification's stack, times as long": ("image", "specification_over_portrait"),
}
"""What is compared between processors: the subject, and its ratio with quartiles."""


def _processors(results: Path) -> str:
    """A column for the machine of `results`, and for each that has a folder there."""
    folders = [results, *sorted(path for path in results.iterdir() if path.is_dir())]
    machines = [
        {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
        for folder in folders
    ]
    rows = [
        [name, *(_of_processor(machine, *place) for machine in machines)]
        for name, place in RATIOS.items()
    ]
    return _table(["", *map(_processor, machines)], rows)


def _of_processor(machine: Figures, subject: str, figure: str) -> str:
    if subject not in machine:
        return "not measured"
    ratio = machine[subject]["figures"][figure]
    return f"{ratio['ratio']:.2f}{_quartiles(ratio)}"


def _processor(machine: Figures) -> str:
    """Name and instructions, as the last result says; older ones do not say the latter."""
    results = sorted(machine.values(), key=lambda result: str(result["origin"]["created"]))
    if not results:
        return "not measured"
    name = str(results[-1]["origin"]["machine"]["processor"])
    instructions = results[-1].get("instructions")
    return f"{name} ({instructions})" if instructions else name


def _times(times: Figures) -> str:
    rows = [
        [name, f"{one['median_ms']:,.1f}", _pair(one["quartiles_ms"]), f"{one['repeats']}"]
        for name, one in times.items()
    ]
    return _table(["", "median, ms", "quartiles, ms", "repeats"], rows)


def _quartiles(ratio: Figures) -> str:
    return f" (quartiles {_pair(ratio['quartiles'])})"


def _pair(pair: Sequence[float]) -> str:
    return f"{pair[0]:,.2f} to {pair[1]:,.2f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _origin(result: Figures) -> str:
    origin, model = result["origin"], result["model"]
    machine = origin["machine"]
    commit = (origin["commit"] or "unknown")[:12]
    return (
        f"From `benchmarks/results/{result['name']}.json`: {machine['processor']}, "
        f"{machine['cores']} cores, Python {machine['python']}, ONNX Runtime "
        f"{origin['versions']['onnxruntime']}, model {model['sha256'][:12]}, commit {commit}, "
        f"{origin['created'][:10]}."
    )


def _plot(figures: Figures, folder: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # The same file from the same figures: no date, no random names.
    with rc_context({"svg.hashsalt": "unmask", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 5.4), layout="constrained")
        for axes, (name, curve) in zip(figure.subplots(2, 2).flat, figures.items(), strict=True):
            at = [float(n) for n in curve["median_ms"]]
            axes.loglog(at, list(curve["median_ms"].values()), "o-")
            axes.set_xticks(at, list(curve["median_ms"]), minor=False)
            axes.set_xticks([], minor=True)
            axes.set(xlabel=name, ylabel="ms", title=f"exponent {curve['exponent']:.2f}")
            axes.grid(visible=True, which="both", alpha=0.3)
        folder.mkdir(exist_ok=True)
        figure.savefig(folder / "scaling.svg", metadata={"Date": None})


if __name__ == "__main__":
    update()
