"""8x8 digits of 17 levels, in about two minutes on one core."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -8.0, "gamma_max": 6.0},
    predictor_options={
        "network": "unet",
        "channels": 16,
        "multipliers": [1, 2],
        "dropout": 0.15,
        "parameterisation": "categorical",
    },
    max_seconds=130,
    batch_size=64,
    learning_rate=4e-3,
    schedule_rate=2.0,
    ema_decay=0.995,
    threads=1,  # more would wait for each other: the operations are small
)
