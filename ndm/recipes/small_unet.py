"""A small U-Net for minutes of one core: with it paths are compared on images of 256 levels."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -12.0, "gamma_max": 5.0},
    predictor_options={"network": "unet", "channels": 16, "multipliers": [1, 2]},
    max_seconds=300,
    batch_size=64,
    learning_rate=4e-3,
    schedule_rate=2.0,
    ema_decay=0.995,
    threads=1,  # more would wait for each other: the operations are small
)
