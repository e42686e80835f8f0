"""Named configurations, one file each: `RECIPE` is a `Config`; what the command line gives goes on top."""

from ndm.data import DataSet
from ndm.registry import choose, modules
from ndm.training.config import Config

_SMALLEST_FOR_UNET = 8  # pixels


def recipe(name: str | None, data: DataSet) -> Config:
    """The recipe called `name`; by default that of the data set's name, or the one for its kind of data."""
    known = {module_name: module.RECIPE for module_name, module in modules(__name__).items()}
    if name is None:
        wants_unet = data.is_image and min(data.event_shape[1:]) >= _SMALLEST_FOR_UNET
        name = data.name if data.name in known else ("images" if wants_unet else "vectors")
    chosen: Config = choose("recipe", name, known)
    return chosen
