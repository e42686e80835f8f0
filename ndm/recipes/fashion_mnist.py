"""Fashion-MNIST at 28x28, of 256 levels: the small U-Net of 16x16, with smaller batches for longer."""

from dataclasses import replace

from ndm.recipes.fashion_mnist_16 import RECIPE as AT_16

RECIPE = replace(AT_16, max_seconds=600, batch_size=32)
