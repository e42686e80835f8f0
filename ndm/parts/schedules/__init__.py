"""Noise schedules, one file each: how signal turns into noise over time."""

from ndm.parts.schedules.cosine import CosineSchedule
from ndm.parts.schedules.ddpm import DdpmSchedule
from ndm.parts.schedules.flow import FlowSchedule
from ndm.parts.schedules.learned import LearnedSchedule
from ndm.parts.schedules.learned_linear import LearnedLinearSchedule
from ndm.parts.schedules.linear import LinearSchedule
from ndm.parts.schedules.schedule import NoiseLevel, Schedule

__all__ = [
    "CosineSchedule",
    "DdpmSchedule",
    "FlowSchedule",
    "LearnedLinearSchedule",
    "LearnedSchedule",
    "LinearSchedule",
    "NoiseLevel",
    "Schedule",
]
