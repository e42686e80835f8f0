"""DDPM: fixed linear betas, 1000 steps, the noise predicted. Ho et al. (2020), https://arxiv.org/abs/2006.11239."""

MODEL = {
    "schedule": "ddpm",
    "timesteps": 1000,
    "transform": "identity",
    "predictor_options": {"parameterisation": "eps"},
    "volatility": "markov",  # of F = x: eta = 1
    "reverse_step": "posterior",
}
