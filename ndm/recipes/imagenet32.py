"""ImageNet at 32x32 as in VDM: the network of CIFAR-10 with twice the channels."""

from dataclasses import replace

from ndm.recipes.cifar10 import RECIPE as CIFAR10

RECIPE = replace(CIFAR10, predictor_options=CIFAR10.predictor_options | {"channels": 256})
