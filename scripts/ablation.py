"""Train variants of one small configuration at an equal budget, and say what each part brings.

    python scripts/ablation.py MANIFEST RUNS --start xception-imagenet.safetensors

MANIFEST is one of `unmask prepare`; RUNS is a folder that gets a run for each variant. Killed and
started again, it goes on in the middle of the variant where it was. What is measured goes into
docs/results/ablation.json after each variant, and from there into docs/training.md; without
MANIFEST that document is only brought up to date. Measured are all splits but those that are
learned from (train, blend-source) or chosen by (val); without the others there is nothing to say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from unmask.errors import DataError, MissingExtraError, UnmaskError
from unmask.evaluation.intervals import bootstrap
from unmask.evaluation.manifest import Manifest, Row, read_manifest
from unmask.evaluation.metrics import roc
from unmask.evaluation.results import origin, write_text
from unmask.evaluation.scores import Outcome, read_scores, write_scores
from unmask.training.augment import Augmentation

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs" / "ablation.toml"
RESULTS = ROOT / "docs" / "results" / "ablation.json"
DOCUMENT = ROOT / "docs" / "training.md"
BLOCK = re.compile(r"(<!-- ablation -->\n).*?(<!-- /ablation -->)", re.DOTALL)

BASE = "everything"
NOT_BLENDED = ("batch.blended={}", "batch.plain={dfdc=28, ffhq-stylegan=4}")
NOT_AUGMENTED = tuple(f"augmentation.{field.name}=0" for field in fields(Augmentation))
FREQUENCY = ("branches=frequency", "mask_loss=0")
NO_START = "without transfer from ImageNet"
VARIANTS: Mapping[str, tuple[str, ...]] = {
    BASE: (),
    "picture alone": ("branches=spatial",),
    "spectrum alone": FREQUENCY,
    "spectrum alone, of native pixels": (*FREQUENCY, "spectrum=native"),
    "spectrum of native pixels": ("spectrum=native",),
    NO_START: ("stage2.train_from=stem",),
    "without augmentation": NOT_AUGMENTED,
    "without self-blending": NOT_BLENDED,
    "margin 1.3": ("crop_margin=1.3",),
    "with partners": ("batch.partners=0.95", "batch.partial=0.25"),
    "without masks": ("mask_loss=0",),
    "frozen batch normalisation": ("live_batch_norm=false",),
}
"""What each changes of configs/ablation.toml, `NO_START` the weights it starts from."""

UNMEASURED = ("train", "blend-source", "val")


def run(
    manifest: Path,
    runs: Path,
    *,
    start: Path | None,
    limit: int,
    variants: Mapping[str, tuple[str, ...]] = VARIANTS,
    config: Path = CONFIG,
    results: Path = RESULTS,
) -> None:
    """Train and measure what is not yet, in order; write the results after each.

    `limit` is the most pictures of each split, source and class that are measured.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("The ablation", "train")
    measured = _limited(read_manifest(manifest), limit)
    told: list[dict[str, Any]] = []
    base: list[Outcome] | None = None
    for name, overrides in variants.items():
        folder = runs / re.sub(r"\W+", "-", name)
        begun = None if name == NO_START else start
        outcomes = _outcomes(manifest, measured, folder, config, overrides, begun)
        base = base or outcomes
        told.append(
            {
                "name": name,
                "overrides": list(overrides),
                "start": begun.name if begun else None,
                "figures": _figures(measured, outcomes, base),
            }
        )
        _write(results, told, config, limit)


def _outcomes(
    manifest: Path,
    measured: Manifest,
    folder: Path,
    config: Path,
    overrides: Sequence[str],
    start: Path | None,
) -> list[Outcome]:
    """Of each measured row; from the folder's score file where this was done before."""
    from unmask.training.checkpoints import load_network
    from unmask.training.config import load_config, restored
    from unmask.training.dataset import read_rows
    from unmask.training.train import predict, train

    resolved = load_config(config, tuple(overrides))
    scores, saved = folder / "scores.csv", folder / "config.json"
    # Where the configuration is another now, `train` refuses the folder.
    if scores.exists() and restored(json.loads(saved.read_text("utf-8"))) == resolved:
        outcomes = read_scores(scores, measured)
        if all(outcome.p_fake is not None for outcome in outcomes):
            return outcomes
    best = train(resolved, manifest, folder, start=start, progress=_show(folder.name))
    network, _ = load_network(best)
    splits = sorted({row.split for row in measured.rows})
    by_path = {row.path: row for row in read_rows(manifest, splits=splits)}
    logits, _ = predict(network, [by_path[measured.file(row)] for row in measured.rows], resolved)
    p_fake = 1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -30, 30).astype(float)))
    outcomes = [Outcome(float(p)) for p in p_fake]
    write_scores(scores, measured, outcomes)
    for part in ("checkpoint", "best-stage1", "best-stage2"):  # several hundred MB a variant
        (folder / f"{part}.pt").unlink(missing_ok=True)
    return outcomes


def _limited(manifest: Manifest, limit: int) -> Manifest:
    """The rows to measure: of each split, source and class at most `limit`, evenly spread."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in manifest.rows:
        if row.split not in UNMEASURED:
            groups.setdefault((row.split, row.source, row.label), []).append(row)
    kept: list[Row] = []
    for rows in groups.values():
        count = min(len(rows), limit)
        kept += [rows[i * len(rows) // count] for i in range(count)]
    if not kept:
        raise DataError(f"{manifest.folder}: no row of a split that is only measured, such as test")
    return Manifest(tuple(kept), manifest.folder)


def _figures(
    measured: Manifest, outcomes: Sequence[Outcome], base: Sequence[Outcome]
) -> list[dict[str, Any]]:
    """Of each split and source: AUC, and how it differs from the base's on the same pictures."""
    splits = np.array([row.split for row in measured.rows])
    sources = np.array([row.source for row in measured.rows])
    scores, base_scores = (np.array([o.p_fake for o in each], float) for each in (outcomes, base))
    told = []
    for split, source in dict.fromkeys(zip(splits.tolist(), sources.tolist(), strict=True)):
        part = np.flatnonzero((splits == split) & (sources == source))

        def figures(rows: Any, part: Any = part) -> dict[str, float | None]:
            fake = measured.is_fake[part][rows]
            auc, base_auc = (roc(fake, s[part][rows]).auc for s in (scores, base_scores))
            both = auc is not None and base_auc is not None
            return {"auc": auc, "change": auc - base_auc if both else None}

        n_fake = int(measured.is_fake[part].sum())
        one: dict[str, Any] = {"split": split, "source": source}
        one |= {"n_real": len(part) - n_fake, "n_fake": n_fake}
        told.append(one | bootstrap(figures, measured.clusters[part]))
    return told


def _write(path: Path, variants: list[dict[str, Any]], config: Path, limit: int) -> None:
    results = {
        "name": "ablation",
        "origin": origin(),
        "settings": {"configuration": config.name, "limit": limit},
        "variants": variants,
    }
    write_text(path, json.dumps(results, indent=1, allow_nan=False) + "\n")


def table(results: Mapping[str, Any]) -> str:
    """Markdown: a row for each variant, two columns for each set that was measured."""
    variants = results["variants"]
    if not variants:
        return "Not measured yet.\n"
    sets = [f"{one['source']} {one['split']}" for one in variants[0]["figures"]]
    header = ["", *(cell for name in sets for cell in (f"{name}: AUC", "change"))]
    lines = [header, ["---"] * len(header)]
    for number, variant in enumerate(variants):
        cells = [variant["name"]]
        for one in variant["figures"]:
            cells += [_range(one["auc"]), _range(one["change"], sign="+") if number else ""]
        lines.append(cells)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    commit = (results["origin"]["commit"] or "unknown")[:12]
    counts = ", ".join(
        f"{name} {one['n_real']} genuine and {one['n_fake']} fake"
        for name, one in zip(sets, variants[0]["figures"], strict=True)
    )
    told = f"{text}\n\nFrom `ablation.json`, commit {commit}: {counts}."
    measured = {variant["name"] for variant in variants}
    missing = ", ".join(name for name in VARIANTS if name not in measured)
    return f"{told} Not measured yet: {missing}.\n" if missing else f"{told}\n"


def _range(estimate: Mapping[str, float | None], *, sign: str = "") -> str:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None:
        return "\N{EN DASH}"
    told = f"{value:{sign}.3f}"
    return told if low is None or high is None else f"{told} [{low:{sign}.3f}, {high:{sign}.3f}]"


def render(text: str, results: Mapping[str, Any]) -> str:
    """A document with its table brought up to date."""
    return BLOCK.sub(lambda found: f"{found[1]}{table(results)}{found[2]}", text)


def _show(name: str) -> Any:
    def progress(entry: dict[str, Any]) -> None:
        if entry["event"] == "epoch":
            line = f"{name}: stage {entry['stage']} epoch {entry['epoch']}"
            print(f"{line}, val AUC {entry['val_auc']:.4f}", file=sys.stderr, flush=True)

    return progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("manifest", nargs="?", type=Path)
    parser.add_argument("runs", nargs="?", type=Path)
    parser.add_argument("--start", type=Path, help="ImageNet weights, or best.pt of a run")
    parser.add_argument("--limit", type=int, default=600, help="of each split, source and class")
    arguments = parser.parse_args()
    try:
        if arguments.manifest:
            if not (arguments.runs and arguments.start):
                parser.error("a manifest needs a folder for the runs, and --start")
            run(arguments.manifest, arguments.runs, start=arguments.start, limit=arguments.limit)
        text = render(DOCUMENT.read_text("utf-8"), json.loads(RESULTS.read_text("utf-8")))
        write_text(DOCUMENT, text)
    except UnmaskError as error:
        sys.exit(f"ablation: {error}")


if __name__ == "__main__":
    main()
