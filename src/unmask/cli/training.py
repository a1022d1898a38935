"""From labelled pictures to a model: `unmask prepare`, `train`, `curves`, `import`, `export`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from unmask.cli.terminal import out, printable, progress_bar, showing
from unmask.errors import ConfigurationError, MissingExtraError
from unmask.files import is_folder

__all__ = ["curves", "export", "import_", "prepare", "train"]


def prepare(
    source: Annotated[
        Path,
        typer.Argument(help="a folder with {train,val,test}/{real,fake}, or a CSV: path,label,…"),
    ],
    target: Annotated[
        Path, typer.Argument(file_okay=False, help="folder for manifest.csv and the face pictures")
    ],
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
    """Find the faces of labelled photos and videos, for training.

    Started again, a run that was stopped goes on.
    """
    import os

    from unmask.training.prepare import prepare as run

    if faces not in ("detect", "whole"):
        raise ConfigurationError(f"--faces {faces}: expected detect or whole")
    with progress_bar() as bar:
        done = run(
            source,
            target,
            faces=faces,  # type: ignore[arg-type]
            frames=frames,
            allow_leakage=allow_leakage,
            workers=workers or os.cpu_count() or 1,
            progress=showing(bar, "preparing"),
        )
    _tell(f"{done.manifest}: {done.n_pictures} pictures")
    for split, labels in done.by_split.items():
        told = ", ".join(f"{count} {label}" for label, count in labels.items())
        _tell(f"  split {split or '(none)'}: {told}")
    if done.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in done.left_out.items())
        _tell(f"left out: {reasons}; see {target / 'left-out.csv'}")
    if done.leaks:
        _tell(f"{len(done.leaks)} leaks between splits, see {target / 'leakage.csv'}")
    if len(done.by_split) > 1 and not done.knows_people:
        _tell("no identities were given: whether two splits share a person is not known")


def train(
    manifest: Annotated[Path, typer.Argument(help="a manifest made by unmask prepare")],
    run: Annotated[
        Path,
        typer.Argument(file_okay=False, help="folder of this run; an unfinished one is resumed"),
    ],
    config: Annotated[Path | None, typer.Option(help="a TOML file over the defaults")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="one value: stage1.epochs=2")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="ImageNet trunk (.safetensors); or best.pt or .onnx to go on from"),
    ] = None,
) -> None:
    """Train a model, in two stages."""
    with _training_extra():
        from unmask.training.config import load_config
        from unmask.training.train import is_first_process
        from unmask.training.train import train as run_training

    resolved = load_config(config, tuple(overrides or ()))
    with progress_bar() as bar:
        tasks: dict[str, Any] = {}

        def show(entry: dict[str, Any]) -> None:
            what = f"stage {entry['stage']}" if "stage" in entry else entry["event"]
            if entry["event"] == "epoch":
                line = f"{what} epoch {entry['epoch']}: val AUC {entry['val_auc']:.4f}"
                bar.console.print(f"{line}, loss {entry['val_loss']:.4f}")
                return
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=entry["total"])
            bar.update(tasks[what], completed=entry["step"])

        best = run_training(resolved, manifest, run, start=start, progress=show)
    if is_first_process():
        _tell(f"best weights: {best}")


def curves(
    run: Annotated[Path, typer.Argument(help="folder of a run, also one that is not finished")],
) -> None:
    """Draw the learning curves of a run."""
    from unmask.training.log import draw_curves

    _tell(f"learning curves: {draw_curves(run)}")


def import_(
    weights: Annotated[
        Path, typer.Argument(exists=True, help="state_dict of an Xception, .pt or .safetensors")
    ],
    target: Annotated[Path, typer.Argument(help="the .pt file to write, for unmask export")],
    name: Annotated[str, typer.Option(help="of the model, for its card")] = "imported-xception",
    input_size: Annotated[
        int,
        typer.Option(min=64, help="px: 299 in FaceForensics++, 256 in DeepfakeBench"),
    ] = 299,
    crop_margin: Annotated[float, typer.Option(help="of its face crops")] = 1.3,
    fake_class: Annotated[int, typer.Option(help="number of its output for fakes")] = 1,
) -> None:
    """Take over somebody else's Xception, for unmask export.

    It may be of FaceForensics++, DeepfakeBench or timm.
    """
    with _training_extra():
        from unmask.training.foreign import import_xception

    config = import_xception(
        weights,
        target,
        name=name,
        input_size=input_size,
        crop_margin=crop_margin,
        fake_class=fake_class,
    )
    _tell(f"{target}: {config.imported}")


def export(
    best: Annotated[Path, typer.Argument(exists=True, help="best.pt of a run")],
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
    if is_folder(target):
        raise ConfigurationError(f"{target} is a folder; name the .onnx file to write")
    with _training_extra():
        from unmask.calibration import genuine_needed
        from unmask.training.export import FALSE_ALARMS
        from unmask.training.export import export as run

    told = _read_toml(documentation)
    with progress_bar() as bar:
        card = run(
            best,
            manifest,
            target,
            golden=golden,
            documentation=told,
            precision=precision,  # type: ignore[arg-type]
            progress=showing(bar, "calibrating"),
        )
    _tell(f"{target}: {card['calibration']['method']}, thresholds {card['thresholds']}")
    enough = genuine_needed(FALSE_ALARMS)
    for source, rates in card["documentation"]["validation"].items():
        if isinstance(rates, dict) and rates["n_real_apart"] < enough:
            line = f"  {source or 'val'}: likely_fake takes none of {rates['n_real']} genuine faces"
            line += f", of {rates['n_real_apart']} photos and videos"
            _tell(f"{line}; a rate of {FALSE_ALARMS:.0%} can be shown by {enough} or more of these")


def _tell(line: str) -> None:
    """As it is: what is in brackets in the name of a folder is no markup."""
    out.print(printable(line), markup=False)


@contextmanager
def _training_extra() -> Iterator[None]:
    """What cannot be imported without the extra `train` says how to install it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError("Training", "train") from error


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as TOML: {error}") from error
