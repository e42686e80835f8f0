"""ImageNet at 64x64 as in VDM: the network of 32x32 with twice the blocks."""

from dataclasses import replace

from ndm.recipes.imagenet32 import RECIPE as AT_32

RECIPE = replace(AT_32, predictor_options=AT_32.predictor_options | {"blocks": 64})
