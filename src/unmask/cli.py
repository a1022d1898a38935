"""The command line. Each command imports what it needs, so that `detect` starts quickly."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from unmask.errors import ConfigurationError, DataError, UnmaskError

if TYPE_CHECKING:
    from unmask.detector import Detector
    from unmask.evaluation import Manifest, Scorer
    from unmask.types import Heatmap, Image, ImageReport, VideoReport

__all__ = ["app", "main"]

T = TypeVar("T")

app = typer.Typer(
    help="Says, per face, whether a photo was manipulated, how sure it is, and what it could not "
    "judge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False)

ALL_ANALYSED, FAILED, WRONG_USAGE, SOME_NOT_ANALYSED = 0, 1, 2, 3

PICTURES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif"),
    *(".gif", ".bmp", ".tif", ".tiff"),
}
VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"}
"""Endings that are taken from a folder; a file that is named is taken whatever its ending."""

METHODS = ("scan", "majority", "average", "weighted")

COLOURS = {
    "likely_fake": "bold red",
    "likely_real": "green",
    "inconclusive": "yellow",
    "not_analysed": "dim",
}


def main() -> None:
    """Run a command; an error of Unmask is one line and a status, never a stack trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may be in no encoding at all
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ConfigurationError, DataError) as error:
        err.print(f"unmask: {error}", markup=False, soft_wrap=True)
        sys.exit(WRONG_USAGE)
    except (UnmaskError, OSError) as error:  # a full disk, a folder that may not be written
        err.print(f"unmask: {error}", markup=False, soft_wrap=True)
        sys.exit(FAILED)


@app.command()
def detect(
    paths: Annotated[list[Path], typer.Argument(help="pictures, videos, and folders of them")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    heatmap_dir: Annotated[
        Path | None, typer.Option(help="write each picture with its heat maps here, as JPEG")
    ] = None,
    colormap: Annotated[str, typer.Option(help="of the heat maps: jet or viridis")] = "jet",
    max_frames: Annotated[
        int,
        typer.Option(
            min=1,
            help="of a video: over its whole length, and up to 24 more round suspicious moments",
        ),
    ] = 30,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="of a video: from its start, one frame in so many, and no more than --max-frames",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="to judge a person in a video: " + ", ".join(METHODS))
    ] = "scan",
    render: Annotated[
        Path | None, typer.Option(help="write the one video with its verdicts drawn in, as MP4")
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="write the most telling faces of the one video, as JPEG")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, or int8: faster; default: UNMASK_PRECISION or fp32")
    ] = None,
) -> None:
    """Judge pictures and videos.

    Exit status: 0 all analysed, 3 some not, 2 wrong usage, 1 failed.
    """
    if colormap not in ("jet", "viridis"):
        raise ConfigurationError(f"--colormap {colormap}: expected jet or viridis")
    if precision not in (None, "fp32", "int8"):
        raise ConfigurationError(f"--precision {precision}: expected fp32 or int8")
    files = list(_expand(paths))
    if not files:
        raise ConfigurationError("no picture or video in " + ", ".join(map(str, paths)))
    if method not in METHODS:
        raise ConfigurationError(f"--method {method}: expected {', '.join(METHODS)}")
    if (render or contact_sheet) and not (len(files) == 1 and _is_video(files[0])):
        raise ConfigurationError("--render and --contact-sheet take one video")
    if heatmap_dir is not None:
        try:
            heatmap_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"--heatmap-dir {heatmap_dir}: {error.strerror}; expected a folder"
            raise ConfigurationError(message) from error
    from unmask.report import to_dict
    from unmask.types import VideoReport

    detector = _detector(**({"precision": precision} if precision else {}))
    complete = True
    reports = _reports(
        detector,
        files,
        heatmaps=heatmap_dir is not None,
        options={"max_frames": max_frames, "every": every, "method": method},
    )
    for number, (path, report) in enumerate(zip(files, reports, strict=True)):
        complete &= report.verdict != "not_analysed"
        if as_json:
            print(json.dumps(to_dict(report)), flush=True)  # noqa: T201 (the command's result)
        else:
            _print(report)
        if isinstance(report, VideoReport):
            _draw(path, report, render, contact_sheet)
            continue
        maps = [face.heatmap for face in report.faces if face.heatmap is not None]
        if heatmap_dir is not None and maps:
            # The number keeps apart files of the same name from different folders.
            target = heatmap_dir / f"{number:04d}-{path.stem}.jpg"
            _write_overlay(detector.read(path).pixels, maps, target, colormap)
    raise typer.Exit(ALL_ANALYSED if complete else SOME_NOT_ANALYSED)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 5000,
) -> None:
    """Serve the page and the REST API."""
    from unmask.server import serve as run

    shown = f"[{host}]" if ":" in host else host
    err.print(f"Unmask is at http://{shown}:{port}  (stop with Ctrl-C)", markup=False)
    run(host, port)


@app.command()
def worker() -> None:
    """Work on the jobs of a server, from UNMASK_QUEUE_URL or its store, until stopped."""
    from unmask.server import run_workers

    err.print("Unmask works on jobs  (stop with Ctrl-C)", markup=False)
    run_workers()


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="the whole card as JSON")] = False,
) -> None:
    """Show the model card: what the model is, its limits, and how often it is wrong."""
    detector = _detector()
    card, identity = detector.card, detector.identity
    if as_json:
        import dataclasses

        golden = [{k: v for k, v in g.items() if k != "png"} for g in card.golden]
        values = {**dataclasses.asdict(card), "golden": golden, "sha256": identity.sha256}
        print(json.dumps(values, indent=2))  # noqa: T201 (the command's result)
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows: dict[str, Any] = {
        "model": f"{identity.name} {identity.version}",
        "sha256": identity.sha256,
        "architecture": f"{card.architecture} ({', '.join(card.branches)})",
        "crop": f"{card.input_size} px, margin {card.crop_margin}",
        "calibration": card.calibration["method"],
        "likely_fake from": f"{card.thresholds['likely_fake']:.4f}",
        "likely_real up to": f"{card.thresholds['likely_real']:.4f}",
        **{f"rule {name}": f"{value:g}" for name, value in card.quality_rules.items()},
    }
    for name, value in card.documentation.items():
        if isinstance(value, str):
            rows[name] = value
        elif isinstance(value, list):
            rows[name] = "\n".join(f"- {item}" for item in value)
    for source, rates in card.documentation.get("validation", {}).items():
        if isinstance(rates, dict):
            rows[f"validation {source}"] = (
                f"{rates['false_alarms']:.1%} of {rates['n_real']} genuine called likely_fake, "
                f"{rates['detected']:.1%} of {rates['n_fake']} fakes"
            )
    for name, value in rows.items():
        table.add_row(name, str(value))
    # In a file or a pipe no line is folded at the width of a terminal that is not there.
    (out if out.is_terminal else Console(width=200, highlight=False)).print(table)


@app.command()
def prepare(
    source: Annotated[
        Path,
        typer.Argument(help="a folder with {train,val,test}/{real,fake}, or a CSV: path,label,…"),
    ],
    target: Annotated[Path, typer.Argument(help="folder for manifest.csv and the face pictures")],
    faces: Annotated[
        str, typer.Option(help="detect: find the faces; whole: each picture is a face crop")
    ] = "detect",
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="go on although splits share people or pictures")
    ] = False,
    frames: Annotated[int, typer.Option(min=1, help="pictures taken of each video")] = 8,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes; default: one for each processor")
    ] = None,
) -> None:
    """Find the faces of labelled photos and videos, for training; a stopped run goes on."""
    import os

    from unmask.training.prepare import prepare as run

    if faces not in ("detect", "whole"):
        raise ConfigurationError(f"--faces {faces}: expected detect or whole")
    with _progress() as bar:
        task = bar.add_task("preparing")
        done = run(
            source,
            target,
            faces=faces,  # type: ignore[arg-type]
            frames=frames,
            allow_leakage=allow_leakage,
            workers=workers or os.cpu_count() or 1,
            progress=lambda count, total: bar.update(task, completed=count, total=total),
        )
    out.print(f"{done.manifest}: {done.n_pictures} pictures", markup=False)
    if done.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in done.left_out.items())
        out.print(f"left out: {reasons}; see {target / 'left-out.csv'}", markup=False)
    if done.leaks:
        out.print(
            f"{len(done.leaks)} leaks between splits, see {target / 'leakage.csv'}", markup=False
        )


@app.command()
def train(
    manifest: Annotated[Path, typer.Argument(help="a manifest made by unmask prepare")],
    run: Annotated[Path, typer.Argument(help="folder of this run; an unfinished one is resumed")],
    config: Annotated[Path | None, typer.Option(help="a TOML file over the defaults")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="one value: stage1.epochs=2")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="ImageNet trunk (.safetensors) or a best.pt to go on from")
    ] = None,
) -> None:
    """Train both stages."""
    load_config, run_training = _training()
    resolved = load_config(config, tuple(overrides or ()))
    with _progress() as bar:
        tasks: dict[int, Any] = {}

        def show(entry: dict[str, Any]) -> None:
            stage = entry["stage"]
            if entry["event"] == "epoch":
                line = f"stage {stage} epoch {entry['epoch']}: val AUC {entry['val_auc']:.4f}"
                bar.console.print(f"{line}, loss {entry['val_loss']:.4f}")
                return
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"stage {stage}", total=entry["total"])
            bar.update(tasks[stage], completed=entry["step"])

        best = run_training(resolved, manifest, run, start=start, progress=show)
    out.print(f"best weights: {best}")


@app.command()
def curves(
    run: Annotated[Path, typer.Argument(help="folder of a run, also one that is not finished")],
) -> None:
    """Draw the learning curves of a run."""
    from unmask.training.log import draw_curves

    out.print(f"learning curves: {draw_curves(run)}", markup=False)


@app.command("import")
def import_(
    weights: Annotated[Path, typer.Argument(help="state_dict of an Xception, .pt or .safetensors")],
    target: Annotated[Path, typer.Argument(help="the .pt file to write, for unmask export")],
    name: Annotated[str, typer.Option(help="of the model, for its card")] = "imported-xception",
    input_size: Annotated[
        int,
        typer.Option(min=64, help="px: 299 in FaceForensics++, 256 in DeepfakeBench"),
    ] = 299,
    crop_margin: Annotated[float, typer.Option(help="of its face crops")] = 1.3,
    fake_class: Annotated[int, typer.Option(help="number of its output for fakes")] = 1,
) -> None:
    """Take over an Xception of FaceForensics++, DeepfakeBench or timm, for unmask export."""
    try:
        from unmask.training.foreign import import_xception
    except ImportError as error:
        raise _needs_training() from error
    config = import_xception(
        weights,
        target,
        name=name,
        input_size=input_size,
        crop_margin=crop_margin,
        fake_class=fake_class,
    )
    out.print(f"{target}: {config.imported}", markup=False)


@app.command()
def export(
    best: Annotated[Path, typer.Argument(help="best.pt of a run")],
    manifest: Annotated[Path, typer.Argument(help="its manifest; split val calibrates the model")],
    target: Annotated[Path, typer.Argument(help="the .onnx file to write")],
    documentation: Annotated[Path, typer.Option(help="TOML file of the card's documentation")],
    golden: Annotated[
        list[Path], typer.Option(help="a picture of one face the model must always score alike")
    ],
    precision: Annotated[
        str, typer.Option(help="fp32, or int8: faster; to be named like the other, with -int8")
    ] = "fp32",
) -> None:
    """Write a calibrated ONNX file with its model card."""
    if precision not in ("fp32", "int8"):
        raise ConfigurationError(f"--precision {precision}: expected fp32 or int8")
    try:
        from unmask.training.export import export as run
    except ImportError as error:
        raise _needs_training() from error
    card = run(
        best,
        manifest,
        target,
        golden=golden,
        documentation=_read_toml(documentation),
        precision=precision,  # type: ignore[arg-type]
    )
    out.print(f"{target}: {card['calibration']['method']}, thresholds {card['thresholds']}")


@app.command()
def evaluate(
    manifest: Annotated[Path, typer.Argument(help="CSV: path,label[,method,identity,video,…]")],
    faces: Annotated[
        str, typer.Option(help="detect: find the faces; whole: each picture is a face crop")
    ] = "detect",
    split: Annotated[str | None, typer.Option(help="only rows of this split")] = None,
    source: Annotated[str | None, typer.Option(help="only rows of this source")] = None,
    scores: Annotated[Path | None, typer.Option(help="write a score per row here, as CSV")] = None,
    outcomes: Annotated[
        Path | None, typer.Option("--from-scores", help="measure this score CSV, run no model")
    ] = None,
    results: Annotated[Path | None, typer.Option("--out", help="write the results, JSON")] = None,
    plots: Annotated[Path | None, typer.Option(help="folder for the plots")] = None,
    other: Annotated[Path | None, typer.Option("--compare", help="another score CSV")] = None,
    name: Annotated[
        str | None, typer.Option(help="of the results; default: the manifest's")
    ] = None,
    degrade: Annotated[
        str, typer.Option(help="also score degraded pictures: names, comma-separated, or all")
    ] = "",
    splice: Annotated[
        bool, typer.Option("--splice", help="also look for a fifth of fake in the genuine videos")
    ] = False,
) -> None:
    """Measure the model on labelled pictures, or on labelled videos."""
    from unmask import evaluation
    from unmask.evaluation.tables import TABLES

    if faces not in ("detect", "whole"):
        raise ConfigurationError(f"--faces {faces}: expected detect or whole")
    wanted = {name: value for name, value in (("split", split), ("source", source)) if value}
    read = evaluation.read_manifest(manifest).where(**wanted)
    degradations = tuple(filter(None, degrade.split(",")))
    if degrade == "all":
        degradations = tuple(evaluation.DEGRADATIONS)
    given = evaluation.read_scores(outcomes, read) if outcomes else ()
    detector = None if outcomes else _detector()
    are_videos = detector is not None and _are_videos(read)
    if are_videos and (degradations or faces == "whole"):
        raise ConfigurationError("--degrade and --faces whole are for pictures, not for videos")
    if splice and not are_videos:
        raise ConfigurationError("--splice needs videos, and a model to judge them")
    with _progress() as bar:

        def track(things: Iterable[T], what: str, total: int) -> Iterator[T]:
            yield from bar.track(things, total=total, description=what)

        measured = evaluation.measure(
            read,
            given if detector is None else _scorer(detector, "videos" if are_videos else faces),
            name=name or manifest.stem,
            model=detector.identity if detector else None,
            settings={"faces": faces, **({"files": "videos"} if are_videos else {}), **wanted},
            judge=detector.video if detector and splice else None,
            read=(lambda path: detector.read(path).pixels) if detector else None,
            degradations=degradations,
            other=evaluation.read_scores(other, read) if other else None,
            scores=scores,
            out=results,
            plots=plots,
            track=track,
        )
    out.print(TABLES["summary"](measured), markup=False)
    if are_videos:
        out.print(f"\n{TABLES['videos'](measured)}", markup=False)
    if splice:
        out.print(f"\n{TABLES['splices'](measured)}", markup=False)


def _are_videos(manifest: Manifest) -> bool:
    """Whether the files of a manifest are videos, by their content.

    Raises:
        DataError: some are and some are not.
    """
    manifest.require_files()
    n_videos = sum(_is_video(manifest.file(row)) for row in manifest.rows)
    if 0 < n_videos < len(manifest):
        message = f"{n_videos} of {len(manifest)} files are videos, the others pictures"
        raise DataError(f"{message}; measure them apart, with --split or --source")
    return n_videos > 0


def _scorer(detector: Detector, faces: str) -> Scorer:
    """What an evaluation scores with: the whole detector, or the network on given crops."""
    from unmask.alignment import whole
    from unmask.errors import InputError
    from unmask.evaluation import Outcome, scorer_of_crops
    from unmask.timeline import refusal

    if faces == "detect":
        return lambda sources: map(Outcome.of, detector.images(sources))
    if faces == "videos":

        def judge(source: Path | Image) -> Outcome:
            assert isinstance(source, Path)  # only pictures are degraded
            try:
                return Outcome.of(detector.video(source))
            except InputError as error:
                return Outcome.of(refusal(str(source), error, detector.identity))

        return lambda sources: map(judge, sources)

    def read(path: Path) -> Image:
        image = detector.read(path).pixels
        if detector.sees_native_pixels:
            return image
        return whole(image, size=detector.card.input_size).pixels

    def predict(crops: list[Image]) -> list[Outcome]:
        return [
            Outcome(prediction.p_fake, verdict=detector.decide(prediction))
            for prediction in detector.crops(crops)
        ]

    return scorer_of_crops(read, predict)


def _detector(**settings: object) -> Detector:
    """The detector of the environment's settings, with these instead of some."""
    from unmask.detector import Detector
    from unmask.settings import load_settings

    return Detector.from_settings(load_settings(**settings))


def _reports(
    detector: Detector, files: Iterable[Path], *, heatmaps: bool, options: dict[str, Any]
) -> Iterator[ImageReport | VideoReport]:
    """One report a file, in order; a file that cannot be read has one too."""
    from unmask.errors import InputError
    from unmask.timeline import refusal

    for is_video, group in groupby(files, key=_is_video):
        if not is_video:
            yield from detector.images(group, heatmaps=heatmaps)
            continue
        for path in group:
            try:
                with _progress(transient=True) as bar:
                    report = detector.video(path, progress=_showing(bar, path.name), **options)
            except InputError as error:
                report = refusal(str(path), error, detector.identity)
            yield report


def _is_video(path: Path) -> bool:
    """By its content; where that is nothing we read, the name says as what to refuse it."""
    from unmask.detector import kind_of

    try:
        with path.open("rb") as file:
            kind = kind_of(file)
    except (OSError, ValueError):
        kind = None
    return path.suffix.lower() in VIDEOS if kind is None else kind == "video"


def _draw(path: Path, report: VideoReport, render: Path | None, sheet: Path | None) -> None:
    if report.sha256 is None or not (render or sheet):
        return
    import PIL.Image

    from unmask import render as drawing

    try:
        if sheet is not None:
            PIL.Image.fromarray(drawing.contact_sheet(path, report)).save(sheet, "JPEG", quality=92)
        if render is not None:
            with _progress(transient=True) as bar:
                drawing.render(path, report, render, progress=_showing(bar, render.name))
    except OSError as error:
        message = f"cannot write {error.filename or render or sheet}: {error.strerror}"
        raise ConfigurationError(message) from error


def _expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named; of a folder, every picture and video below it, by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if _is_wanted(p))
        else:
            yield path


def _is_wanted(path: Path) -> bool:
    return path.suffix.lower() in PICTURES | VIDEOS and not path.is_dir()


def _write_overlay(image: Image, maps: list[Heatmap], target: Path, colormap: Any) -> None:
    import PIL.Image

    from unmask.heatmap import overlay

    shown = overlay(image, maps, colormap=colormap)
    PIL.Image.fromarray(shown).save(target, quality=92)


def _print(report: ImageReport | VideoReport) -> None:
    """One line a file, and a line for each face or person where there are several."""
    from unmask.types import VideoReport

    colour = COLOURS[report.verdict]
    out.print(f"[{colour}]{report.verdict:<12}[/]  {_score(report.p_fake)}  ", end="")
    out.print(str(report.path), markup=False, end="")
    out.print(f"  ({_why(report)})" if _why(report) else "", markup=False)
    if isinstance(report, VideoReport):
        _print_people(report)
    elif len(report.faces) > 1:
        for i, face in enumerate(report.faces):
            box = face.face.box
            score = _score(face.prediction.p_fake if face.prediction else None)
            place = f"{box.width:.0f}x{box.height:.0f} px at {box.x1:.0f},{box.y1:.0f}"
            reason = f"  ({face.reason})" if face.reason else ""
            colour = COLOURS[face.verdict]
            out.print(f"    face {i}: [{colour}]{face.verdict:<12}[/]  {score}  {place}{reason}")


def _print_people(report: VideoReport) -> None:
    for number, track in enumerate(report.tracks):
        colour = COLOURS[track.verdict]
        when = f"{track.start_s:.1f} to {track.end_s:.1f} s, {track.n_scored} frames"
        share = "" if track.vote_share is None else f", {track.vote_share:.0%} of the votes FAKE"
        reason = f"  ({track.reason})" if track.reason else ""
        line = f"[{colour}]{track.verdict:<12}[/]  {_score(track.p_fake)}  {when}{share}{reason}"
        out.print(f"    person {number}: {line}")
        for interval in track.intervals:
            span = f"{interval.start_s:.1f} to {interval.end_s:.1f} s"
            out.print(f"        suspicious: {span}  {_score(interval.p_fake)}")
    if report.coverage is not None:
        seen = f"{report.coverage.scored} of {report.coverage.sampled} frames scored"
        out.print(f"    {seen}, {report.coverage.analysed_share:.0%} of the length analysed")


def _score(p_fake: float | None) -> str:
    """A probability as percent; never 0 or 100, which no measurement can claim."""
    return "   —  " if p_fake is None else f"{min(max(p_fake, 0.001), 0.999):6.1%}"


def _why(report: ImageReport | VideoReport) -> str:
    return report.detail or (str(report.reason) if report.reason else "")


def _progress(*, transient: bool = False) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=err, transient=transient)


def _showing(bar: Progress, name: str) -> Callable[[int, int], None]:
    """What a long run tells its progress to."""
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as TOML: {error}") from error


def _training() -> tuple[Any, Any]:
    try:
        from unmask.training.config import load_config
        from unmask.training.train import train as run
    except ImportError as error:
        raise _needs_training() from error
    return load_config, run


def _needs_training() -> UnmaskError:
    from unmask.errors import MissingExtraError

    return MissingExtraError("Training", "train")
