"""CIFAR-10 as in VDM: 32 blocks of full resolution, no augmentation, 10 million steps. Days of a large GPU.

Kingma et al. (2021), https://arxiv.org/abs/2107.00630, and the configuration beside it in google-research/vdm.
"""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -13.3, "gamma_max": 5.0},
    predictor_options={"network": "full_resolution", "channels": 128, "blocks": 32, "dropout": 0.1},
    max_steps=10_000_000,
    batch_size=128,
    learning_rate=2e-4,
    betas=(0.9, 0.99),
    weight_decay=0.01,
    decay="constant",
    ema_decay=0.9999,
    log_every=1000,
    save_every=10_000,
)
