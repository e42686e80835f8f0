"""The calendar of a training: which steps end with a validation, a line of metrics, pictures or a checkpoint."""

from ndm.config import Config


class Calendar:
    """Says what is due after the n-th step, n = 1, 2, ..., by the configuration; a distance of 0 stands for never.

    Args:
        draws: whether pictures can be drawn.
    """

    def __init__(self, config: Config, draws: bool) -> None:
        self.config, self.draws = config, draws

    def validation(self, step: int) -> bool:
        """Whether the averaged weights are validated."""
        return _due(step, self.config.validate_every)

    def line(self, step: int) -> bool:
        """Whether a line of metrics is written; every validation has one."""
        return _due(step, self.config.log_every) or self.validation(step)

    def pictures(self, step: int) -> bool:
        """Whether pictures are drawn."""
        return self.draws and _due(step, self.config.pictures_every)

    def checkpoint(self, step: int) -> bool:
        """Whether a checkpoint is saved, whatever validation found."""
        return _due(step, self.config.save_every)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
