"""The interface of an optimiser."""

import torch

from ndm.base.kinds import Checked


class Optimizer(torch.optim.Optimizer, metaclass=Checked):
    """An optimiser, made of groups of parameters, `lr` and `betas`; groups have a `weight_decay`, and their own `lr`.

    A group may say `"matrices": True`: its parameters are weights of layers, (outputs, inputs, *window). The state of a
    parameter is tensors of its shape and numbers, which are saved. A subclass is one file in `ndm/training/optimizers`.
    """
