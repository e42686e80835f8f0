"""The world's cities: two dimensions with structure down to a tenth of a degree, in 45 seconds."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -12.0, "gamma_max": 6.0},
    predictor_options={"network": "mlp", "width": 128, "depth": 3, "num_frequencies": 16},
    max_seconds=45,
    batch_size=512,
    learning_rate=2e-3,
    ema_decay=0.999,
    threads=1,  # more would wait for each other: the operations are small
)
