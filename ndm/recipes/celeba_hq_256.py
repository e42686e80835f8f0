"""CelebA-HQ at 256x256: DDPM's U-Net of six levels and its training, in the bound of continuous time.

Ho et al. (2020), https://arxiv.org/abs/2006.11239, appendix B: batches of 64, a rate of 2e-5, 500 000 steps.
"""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -13.3, "gamma_max": 5.0},
    predictor_options={
        "network": "unet",
        "channels": 128,
        "multipliers": [1, 1, 2, 2, 4, 4],
        "blocks": 2,
        "attention": [16],
    },
    max_steps=500_000,
    batch_size=64,
    flip=True,
    learning_rate=2e-5,
    decay="constant",
    ema_decay=0.9999,
    save_every=5000,
)
