"""`unmask info`: the card of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from unmask.cli.detection import load_detector
from unmask.cli.terminal import out

__all__ = ["info"]


def info(
    as_json: Annotated[bool, typer.Option("--json", help="the whole card as JSON")] = False,
) -> None:
    """Show the model card: limits, terms, how often it is wrong."""
    detector = load_detector()
    card, identity = detector.card, detector.identity
    if as_json:
        import dataclasses

        golden = [{k: v for k, v in g.items() if k != "png"} for g in card.golden]
        values = {**dataclasses.asdict(card), "golden": golden, "sha256": identity.sha256}
        print(json.dumps(values, indent=2))  # noqa: T201 (the command's result)
        return
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
    _print_rows({name: str(value) for name, value in rows.items()})


def _print_rows(rows: Mapping[str, str]) -> None:
    """Two columns, the second folded on a terminal; in a file or a pipe no line is."""
    if out.is_terminal:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column()
        table.add_column(overflow="fold")  # a checksum that is cut short is none
        for name, value in rows.items():
            table.add_row(Text(name), Text(value))
        out.print(table)
        return
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        for label, line in zip_longest([name], value.splitlines() or [""], fillvalue=""):
            out.print(f"{label:<{width}}{line}", markup=False)
