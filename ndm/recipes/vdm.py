"""VDM: a learned gamma, continuous time, the noise predicted. Kingma et al. (2021), https://arxiv.org/abs/2107.00630."""

MODEL = {
    "schedule": "learned",
    "transform": "identity",
    "predictor_options": {"parameterisation": "eps"},
    "volatility": "markov",  # of F = x: eta = 1
}
