"""Volatilities eta(t), one file each: how much noise the reverse process adds."""

from ndm.parts.volatilities.best import BestVolatility
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.parts.volatilities.learned import LearnedVolatility
from ndm.parts.volatilities.markov import MarkovVolatility
from ndm.parts.volatilities.per_dimension import PerDimensionVolatility
from ndm.parts.volatilities.random import RandomVolatility
from ndm.parts.volatilities.volatility import Volatility

__all__ = [
    "BestVolatility",
    "ConstantVolatility",
    "LearnedVolatility",
    "MarkovVolatility",
    "PerDimensionVolatility",
    "RandomVolatility",
    "Volatility",
]
