"""The ablation on drawn faces: killed, it goes on; its table stands in the documents."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'unmask[train]'")

from unmask.errors import DataError
from unmask.evaluation.manifest import read_manifest
from unmask.training.config import load_config

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("ablation", ROOT / "scripts" / "ablation.py")
module = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(module)


@pytest.fixture(scope="module")
def small(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    splits = (("train", 4), ("val", 2), ("test", 5), ("cross", 3))
    plan = {("a", s, label): count for s, count in splits for label in ("real", "fake")}
    return drawn(folder, plan)


def settings(path):
    """A configuration that trains in seconds, without the trunk."""
    path.write_text(
        'branches = "frequency"\ninput_size = 64\nprecision = "float32"\nworkers = 0\n'
        "batch.plain = {a = 4}\n"
        "stage1 = {epochs = 1, steps_per_epoch = 2}\nstage2 = {epochs = 0}\n"
    )
    return path


def test_a_killed_ablation_goes_on_and_says_what_each_part_brings(small, tmp_path, monkeypatch):
    from unmask.training import train as training

    results = tmp_path / "ablation.json"
    variants = {module.BASE: (), "spectrum of native pixels": ("spectrum=native",)}
    given = {"limit": 4, "config": settings(tmp_path / "c.toml"), "results": results}
    trained, train = [], training.train

    def killed_in_the_second(config, manifest, run, **options):
        trained.append(run.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(config, manifest, run, **options)

    monkeypatch.setattr(training, "train", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        module.run(small, tmp_path / "runs", start=None, variants=variants, **given)
    assert [v["name"] for v in json.loads(results.read_text())["variants"]] == ["everything"]
    module.run(small, tmp_path / "runs", start=None, variants=variants, **given)
    assert trained == ["everything", *["spectrum-of-native-pixels"] * 2]

    told = json.loads(results.read_text())
    assert [v["name"] for v in told["variants"]] == list(variants)
    base, native = (v["figures"] for v in told["variants"])
    assert [(f["split"], f["n_real"], f["n_fake"]) for f in base] == [
        ("test", 4, 4),
        ("cross", 3, 3),
    ]
    assert base[0]["change"] == {"value": 0, "low": None, "high": None}
    for before, after in zip(base, native, strict=True):
        # Six pictures of few people have no interval.
        assert 0 <= after["auc"]["value"] <= 1
        assert set(after["auc"]) == {"value", "low", "high"}
        change = after["auc"]["value"] - before["auc"]["value"]
        assert after["change"]["value"] == pytest.approx(change)
    text = module.render("x\n<!-- ablation -->\nold\n<!-- /ablation -->\ny", told)
    assert "| spectrum of native pixels |" in text
    assert "old" not in text
    assert "4 genuine and 4 fake" in text


def test_every_variant_is_a_configuration_that_differs(tmp_path):
    resolved = {name: load_config(module.CONFIG, sets) for name, sets in module.VARIANTS.items()}
    base = resolved.pop(module.BASE)
    scratch = resolved.pop(module.NO_START)
    # What starts from nothing has no first blocks to leave as they are.
    assert scratch.stage2.train_from == "stem"
    assert replace(scratch, stage2=base.stage2) == base
    for name, config in resolved.items():
        assert config != base, name
        # An equal budget.
        assert config.batch.size == base.batch.size, name
        assert (config.stage1, config.stage2) == (base.stage1, base.stage2), name


def test_what_is_learned_from_is_not_measured(small):
    rows = module._limited(read_manifest(small), 100).rows
    assert {row.split for row in rows} == {"test", "cross"}
    with pytest.raises(DataError, match="only measured"):
        module._limited(read_manifest(small).where(split="val"), 100)


def test_the_table_of_the_documents_is_that_of_the_results():
    text = module.DOCUMENT.read_text("utf-8")
    results = json.loads(module.RESULTS.read_text("utf-8"))
    assert "<!-- ablation -->" in text
    assert module.render(text, results) == text, "run make figures"
