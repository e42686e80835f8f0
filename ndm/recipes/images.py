"""Images of 8 bits: a U-Net of about one million parameters."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -13.3, "gamma_max": 5.0},
    predictor_options={"network": "unet", "channels": 64, "multipliers": [1, 2]},
    max_steps=50_000,
    learning_rate=1e-3,
    ema_decay=0.9995,
)
