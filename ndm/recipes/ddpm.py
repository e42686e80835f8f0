"""DDPM: fixed linear betas, 1000 steps, the noise predicted. Ho et al. (2020), https://arxiv.org/abs/2006.11239."""

MODEL = {
    "schedule": "ddpm",
    "timesteps": 1000,
    "transform": "identity",
    "predictor_options": {"form": "eps"},
    "volatility": "markov",  # of F = x: eta = 1
    "step_variance": "posterior",
}
