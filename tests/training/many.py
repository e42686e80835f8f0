"""Train every case in the processes that a launcher started: python many.py FOLDER PARALLEL [begin].

`begin`: half of one run instead. See test_many.py.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tiny import IMAGES, LABELLED, MEASURED, POINTS, images, labelled, measured, points

from ndm.config import Config
from ndm.data import DataSet
from ndm.training.trainer import Trainer

_SMALL = {"width": 8, "depth": 1}
_BLOCKS = replace(IMAGES, transform="residual", predictor_options={"channels": 8, "multipliers": [1, 2]})
CASES: dict[str, tuple[Config, DataSet]] = {
    name: (replace(config, max_steps=4), data)
    for name, (config, data) in {
        "a U-Net, learned times": (replace(IMAGES, predictor_options={"channels": 8, "multipliers": [1, 2]}), images()),
        "a residual path, plugged in": (
            replace(POINTS, transform="residual", transform_options=_SMALL, predictor="plug_in"),
            points(),
        ),
        "a residual path, predicted": (replace(POINTS, transform="residual", transform_options=_SMALL), points()),
        "the best volatility": (replace(POINTS, transform="series", volatility="best"), points()),
        "kinetic energy": (replace(POINTS, transform="series", kinetic_weight=1.0), points()),
        "a chain of mixtures": (replace(POINTS, timesteps=4), points()),
        "a chain of estimated variances": (replace(POINTS, timesteps=4, reverse_step="analytic"), points()),
        "labels": (replace(LABELLED, accumulate=2), labelled()),
        "values": (MEASURED, measured()),
        "averages": (replace(POINTS, average_lengths=(0.05, 0.2)), points()),
        "muon": (replace(IMAGES, optimizer="muon", predictor_options={"channels": 8, "multipliers": [1, 2]}), images()),
        "shares of shares": (replace(POINTS, accumulate=2), points()),
        "blocks kept": (_BLOCKS, images()),
        "blocks computed again": (replace(_BLOCKS, checkpointing=True), images()),
    }.items()
}


def train(folder: Path, parallel: str) -> None:
    """One run for every case."""
    torch.set_num_threads(1)
    for name, (config, data) in CASES.items():
        assert Trainer(replace(config, parallel=parallel), data, folder / name).fit()


if __name__ == "__main__":
    if sys.argv[3:] == ["begin"]:
        half = replace(POINTS, max_steps=3, decay="constant", parallel=sys.argv[2])
        assert Trainer(half, points(), Path(sys.argv[1])).fit()
    else:
        train(Path(sys.argv[1]), sys.argv[2])
    torch.distributed.destroy_process_group()
