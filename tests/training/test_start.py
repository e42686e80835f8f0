"""Checkpointing and compilation, as a configuration asks for them."""

import shutil
from dataclasses import replace

import pytest
import torch
from compiling import needs_compiler
from tiny import IMAGES, POINTS, images, points
from torch.autograd import forward_ad

from ndm.base.errors import InputError
from ndm.bounds.bound import bound
from ndm.training.build import build_model
from ndm.training.start import prepare_network


@pytest.mark.parametrize("transform", ["identity", "residual", "series"])
@pytest.mark.parametrize("predictor", ["direct", "plug_in"])
def test_a_checkpointed_model_has_the_same_bound_and_gradients(transform, predictor):
    config = replace(IMAGES, transform=transform, predictor=predictor, checkpointing=True)
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = build_model(config, images())
        prepare_network(model, replace(config, checkpointing=checkpointing))
        x = model.decoder.from_raw(images().train.x[:8])
        torch.manual_seed(1)
        total = bound(model, x).total
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


@needs_compiler
def test_a_compiled_model_has_the_same_bound_gradients_and_names():
    found = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = build_model(POINTS, points())
        names = list(model.state_dict())
        prepare_network(model, replace(POINTS, compile=compiled))
        assert list(model.state_dict()) == names
        x = model.decoder.from_raw(points().train.x[:16])
        torch.manual_seed(1)
        total = bound(model, x).total
        total.mean().backward()
        found.append([total.detach(), *(p.grad for p in model.parameters())])
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("transform", ["identity", "scaling", "residual", "series", "blurring"])
@pytest.mark.parametrize("predictor", ["direct", "plug_in"])
def test_what_would_be_compiled_meets_values_alone(transform, predictor):
    """A tangent would be lost in it without a word, or refused."""
    model = build_model(replace(IMAGES, transform=transform, predictor=predictor), images())
    seen = []
    model.predictor.network.register_forward_pre_hook(
        lambda _, given: seen.extend(forward_ad.unpack_dual(x).tangent for x in given if x is not None)
    )
    bound(model, model.decoder.from_raw(images().train.x[:4]))
    assert seen and not any(tangent is not None for tangent in seen)
