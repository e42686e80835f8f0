"""MNIST at 28x28, of 256 levels: the small U-Net, an hour on one core."""

from dataclasses import replace

from ndm.recipes.small_unet import RECIPE as SMALL_UNET

RECIPE = replace(SMALL_UNET, batch_size=32, max_seconds=3600)
