"""The paper's Neural Diffusion Model. Bartosh, Vetrov, Naesseth (2024), https://arxiv.org/abs/2310.08337."""

MODEL = {
    "schedule": "linear",
    "transform": "residual",
    "transform_options": {"gate": "interpolation"},
    "predictor": "plug_in",
    "predictor_options": {"parameterisation": "scaled"},
    "volatility": "constant",  # eta = 1
}
