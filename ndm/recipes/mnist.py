"""MNIST at 28x28, of 256 levels: the small U-Net of Fashion-MNIST, an hour on one core."""

from dataclasses import replace

from ndm.recipes.fashion_mnist import RECIPE as FASHION

RECIPE = replace(FASHION, max_seconds=3600)
