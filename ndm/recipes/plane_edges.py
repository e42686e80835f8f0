"""Points in the plane whose density has edges: as `plane`, and the network sees waves of the position."""

from dataclasses import replace

from ndm.recipes.plane import RECIPE as PLANE

RECIPE = replace(PLANE, predictor_options=PLANE.predictor_options | {"num_frequencies": 6, "max_frequency": 8.0})
