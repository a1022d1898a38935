"""A training in a process of its own: `python run_training.py MANIFEST RUN KILL_AT LINEAR SET...`.

With KILL_AT it kills itself, without warning, after that step of the second stage. LINEAR makes
the outcome a linear function of the gradients: plain gradient descent and no dropout, so that
processes which share a batch can be held to one that has it all.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from unmask.training import train as module
from unmask.training.checkpoints import network_of
from unmask.training.config import load_config


def main() -> None:
    manifest, run, kill_at, linear, *overrides = sys.argv[1:]
    torch.set_num_threads(1)
    module.N_STATISTICS = module.N_FEATURE_STATISTICS = 10

    def progress(entry):
        step = (entry["event"], entry.get("stage"), entry["step"])
        if kill_at and step == ("step", 2, int(kill_at)):
            os.kill(os.getpid(), signal.SIGKILL)

    if linear:
        torch.optim.AdamW = lambda groups, **_: torch.optim.SGD(groups)
        module.network_of = undropped
    module.train(load_config(None, tuple(overrides)), Path(manifest), Path(run), progress=progress)


def undropped(config):
    network = network_of(config)
    network.drop1 = network.drop2 = torch.nn.Identity()
    return network


if __name__ == "__main__":
    main()
