"""DiffEnc: the data are encoded on their way to noise. Nielsen et al. (2023), https://arxiv.org/abs/2310.19789."""

MODEL = {
    "schedule": "linear",
    "transform": "residual",
    "transform_options": {"gate": "encoder"},
    "predictor": "encoded",
    "predictor_options": {"parameterisation": "v"},
    "volatility": "constant",  # eta = 1
}
