"""Real-valued data of a few dimensions: an MLP."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -10.0, "gamma_max": 6.0},
    predictor_options={"network": "mlp", "width": 128, "depth": 3},
    max_seconds=60,
    batch_size=512,
    learning_rate=2e-3,
    ema_decay=0.999,
    threads=1,  # more would wait for each other: the operations are small
)
