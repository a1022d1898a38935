"""What happens in a run: `metrics.jsonl`, the learning curves drawn from it, and TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from unmask.errors import DataError, MissingExtraError, UnmaskError
from unmask.files import replacing

__all__ = ["Log", "Progress", "draw_curves"]

Progress = Callable[[dict[str, Any]], None]
"""Called after each step and each epoch with what happened, see `metrics.jsonl`; and before, while
the constants of the spectrum are taken from pictures, with how many were."""

LOSSES = ("loss", "mask_loss")
METRICS, CURVES, EVENTS = "metrics.jsonl", "curves.png", "tensorboard"


class Log:
    """A line a step and a line an epoch, cut back to the checkpoint on resume.

    After each epoch the curves are drawn anew where matplotlib is installed, and where TensorBoard
    is, it gets the same figures.
    """

    def __init__(
        self,
        run: Path,
        progress: Progress,
        *,
        is_writer: bool,
        checkpoint: Mapping[str, Any] | None,
    ) -> None:
        self._run, self._path, self._progress = run, run / METRICS, progress
        self._is_writer, self._board, self._n_steps = is_writer, None, 0
        if not is_writer:
            return
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        if checkpoint is None:
            lines = []
        else:
            last = checkpoint["stage"] + 1, checkpoint["counters"]["step"]
            lines = [line for line in lines if _is_before(line, last)]
        with replacing(self._path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines))
        self._n_steps = sum(json.loads(line)["event"] == "step" for line in lines)
        self._board = _tensorboard(run / EVENTS, self._n_steps)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def step(self, **entry: Any) -> None:
        self._n_steps += 1
        losses = {name: entry[name] for name in LOSSES if name in entry}
        rounded = {name: round(value, 5) for name, value in losses.items()}
        self._write({"event": "step", **entry, **rounded})
        self._show({f"train/{name}": value for name, value in losses.items()})

    def epoch(self, **entry: Any) -> None:
        self._write({"event": "epoch", **entry})
        by_source = {f"val/auc/{s}": auc for s, auc in entry["val_auc_by_source"].items()}
        shown = {"val/loss": entry["val_loss"], "val/auc": entry["val_auc"]}
        self._show({**shown, **by_source, "train/rate": entry["rate"]})
        if self._is_writer:
            with suppress(MissingExtraError):
                draw_curves(self._run)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._is_writer:
            try:
                with self._path.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
            except OSError as error:
                message = f"{self._path} could not be written ({error.strerror})"
                raise UnmaskError(f"{message}; free some space and start again") from error
            self._progress(entry)

    def _show(self, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, self._n_steps)


def _is_before(line: str, last: tuple[int, int]) -> bool:
    """Whether an entry of `metrics.jsonl` is part of the checkpoint; one cut short is not."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return False
    return (entry["stage"], entry["step"]) <= last


def _tensorboard(folder: Path, n_steps: int) -> Any:
    """A writer of TensorBoard's events after that step, None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    # What a killed run told after its last checkpoint did not happen.
    return SummaryWriter(folder, purge_step=n_steps + 1)


def draw_curves(run: Path) -> Path:
    """Draw the losses and validation AUCs of a run into its `curves.png`, over its steps.

    Raises:
        DataError: the folder has no `metrics.jsonl`, or it has no entry yet.
        MissingExtraError: matplotlib is not installed.
        UnmaskError: the picture could not be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing learning curves", "train") from error
    losses, epochs, starts = _read_metrics(run / METRICS)
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(range(1, len(losses) + 1), losses, color="#c7c7c7", linewidth=0.8, label="training")
    at = [step for step, _ in epochs]
    above.plot(at, [e["val_loss"] for _, e in epochs], "o-", color="#d95f0e", label="validation")
    above.set(ylabel="cross-entropy", ylim=(0, None))
    for source in epochs[0][1]["val_auc_by_source"] if epochs else ():
        values = [e["val_auc_by_source"][source] for _, e in epochs]
        below.plot(at, values, ".-", linewidth=0.8, label=source)
    below.plot(at, [e["val_auc"] for _, e in epochs], "o-", color="black", label="mean")
    below.set(ylabel="validation AUC", xlabel="step")
    for axes in (above, below):
        for start in starts[1:]:
            axes.axvline(start + 0.5, color="grey", linestyle=":", linewidth=0.8)
        axes.grid(color="#dddddd")
        axes.locator_params(axis="x", integer=True)
        axes.legend()
    target = run / CURVES
    with replacing(target) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return target


def _read_metrics(
    path: Path,
) -> tuple[list[float], list[tuple[int, dict[str, Any]]], list[int]]:
    """The loss of each step, the epochs with how many steps were done, and where stages begin."""
    losses: list[float] = []
    epochs: list[tuple[int, dict[str, Any]]] = []
    starts: list[int] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); expected a run") from error
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # cut short by a kill
            continue
        if entry["event"] == "epoch":
            epochs.append((len(losses), entry))
            continue
        if entry["step"] == 1:
            starts.append(len(losses))
        losses.append(entry["loss"])
    if not losses:
        raise DataError(f"{path} has no step yet")
    return losses, epochs, starts
