"""Checkpointing under DDP: the gradients of two gloo processes are those of one without it."""

import socket
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tiny import IMAGES, images
from torch.nn.parallel import DistributedDataParallel

from ndm.model import NeuralDiffusion
from ndm.training.build import as_tensor, build_model
from ndm.training.prepare import prepare_network

CONFIG = replace(IMAGES, transform="residual", predictor_options={"channels": 8}, checkpointing=True)


def make() -> NeuralDiffusion:
    torch.manual_seed(0)
    return build_model(CONFIG, images())


def process(rank: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    model = make()
    prepare_network(model, CONFIG)
    wrapped = DistributedDataParallel(model)
    for step in range(2):
        model.zero_grad()
        torch.manual_seed(step + rank)
        wrapped(as_tensor(images().train.x[8 * rank:8 * rank + 8], model.decoder)).total.mean().backward()
    if rank == 0:
        torch.save([p.grad for p in model.parameters()], folder / "gradients.pt")
    dist.destroy_process_group()


def test_two_processes_share_the_gradients_of_recomputed_blocks(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(process, (port, tmp_path), nprocs=2)
    model = make()
    for rank in range(2):
        torch.manual_seed(1 + rank)
        x = as_tensor(images().train.x[8 * rank:8 * rank + 8], model.decoder)
        (model(x).total.mean() / 2).backward()
    found = torch.load(tmp_path / "gradients.pt", weights_only=True)
    for name, ours, parameter in zip(dict(model.named_parameters()), found, model.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, msg=name)
