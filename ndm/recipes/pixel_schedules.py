"""DDPM with a noise schedule learned for each pixel."""

from ndm.recipes.ddpm import MODEL as DDPM

MODEL = DDPM | {"transform": "scaling", "transform_options": {"functions": "bumps", "num_functions": 4}}
