"""What is settled before the rules choose: settings of a recipe, those that training starts from, and given ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ndm.config import Config


@dataclass(frozen=True)
class Settled:
    """Settings that are settled; nothing is chosen in their place.

    values    of a `Config`, by name
    closed    parts whose options are settled as they are: what they lack has the default of the part
    is_whole  whether they are those of a recipe for the data, so that there is nothing to choose
    """

    values: Mapping[str, Any]
    closed: frozenset[str] = frozenset()
    is_whole: bool = False

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting; `default` where it is not settled."""
        return self.values.get(name, default)

    def options(self, part: str) -> dict[str, Any]:
        """The options of a part that are settled."""
        return dict(self.values.get(f"{part}_options", {}))

    def is_open(self, name: str) -> bool:
        """Whether a setting is to be chosen; options are dotted, as predictor_options.channels."""
        setting, _, option = name.partition(".")
        if not option:
            return not self.is_whole and setting not in self.values
        part = setting.removesuffix("_options")
        return not self.is_whole and part not in self.closed and option not in self.options(part)

    def config(self, chosen: Mapping[str, Any]) -> Config:
        """The configuration with what was chosen, by name with options dotted, below what is settled."""
        flat = {name: value for name, value in chosen.items() if "." not in name}
        options: dict[str, dict[str, Any]] = {}
        for name in (name for name in chosen if name not in flat):
            setting, _, option = name.partition(".")
            options.setdefault(setting, {})[option] = chosen[name]
        below = {setting: found | self.values.get(setting, {}) for setting, found in options.items()}
        return Config(**{**flat, **self.values, **below})
