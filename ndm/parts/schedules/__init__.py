"""Noise schedules, one file each: how signal turns into noise over time."""

from ndm.parts.schedules.schedule import Level, Schedule

__all__ = ["Level", "Schedule"]
