"""Blurring diffusion: heat dissipation and noise. Hoogeboom, Salimans (2022), https://arxiv.org/abs/2209.05557."""

MODEL = {
    "schedule": "cosine",
    "schedule_options": {"gamma_min": -10.0, "gamma_max": 10.0},
    "timesteps": 1000,
    "transform": "blurring",
    "predictor_options": {"parameterisation": "scaled"},
    "volatility": "markov",
    "reverse_step": "posterior",
}
