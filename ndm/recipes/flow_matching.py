"""Flow matching's straight path, sampled by its ODE. Lipman et al. (2022), https://arxiv.org/abs/2210.02747."""

MODEL = {
    "schedule": "flow",
    "transform": "identity",
    "predictor_options": {"parameterisation": "v"},
    "volatility": "markov",  # of F = x: eta = 1, in the bound
    "sampler": "deterministic",  # Euler's method on this path
}
