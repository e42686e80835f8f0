"""Checkpointing and compilation, as a configuration asks for them."""

import shutil
from dataclasses import replace

import pytest
import torch
from tiny import IMAGES, POINTS, images, points

from ndm.errors import InputError
from ndm.training.build import as_tensor, build_model
from ndm.training.prepare import prepare_network


@pytest.mark.parametrize("transform", ["identity", "residual", "time_basis"])
@pytest.mark.parametrize("predictor", ["direct", "plug_in"])
def test_a_checkpointed_model_has_the_same_bound_and_gradients(transform, predictor):
    config = replace(IMAGES, transform=transform, predictor=predictor, checkpointing=True)
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = build_model(config, images())
        prepare_network(model, replace(config, checkpointing=checkpointing))
        x = as_tensor(images().train.x[:8], model.decoder)
        torch.manual_seed(1)
        total = model(x).total
        total.mean().backward()
        found.append([total.detach(), *(p.grad for p in model.parameters())])
    torch.testing.assert_close(found[1], found[0])


def test_what_cannot_be_is_refused_in_one_line(monkeypatch):
    model = build_model(POINTS, points())
    with pytest.raises(InputError, match=r"^got checkpointing and compile; expected one of them"):
        prepare_network(model, replace(POINTS, checkpointing=True, compile=True))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^got compile without a C\+\+ compiler"):
        prepare_network(model, replace(POINTS, compile=True))
