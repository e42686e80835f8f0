"""DDIM: a DDPM, sampled without noise. Song et al. (2020), https://arxiv.org/abs/2010.02502."""

from ndm.recipes.ddpm import MODEL as DDPM

MODEL = DDPM | {"sampler": "deterministic"}
