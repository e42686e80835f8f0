"""Points in the plane whose density is asked for: a narrow network, which takes many steps, on large batches."""

from ndm.config import Config

RECIPE = Config(
    schedule_options={"gamma_min": -10.0, "gamma_max": 6.0},
    predictor_options={"network": "mlp", "width": 64, "depth": 3, "embedding_width": 32},
    max_seconds=60,
    batch_size=2048,
    learning_rate=4e-3,
    ema_decay=0.999,
    threads=1,  # more would wait for each other: the operations are small
)
