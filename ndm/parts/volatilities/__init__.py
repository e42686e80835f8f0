"""Volatilities eta(t), one file each: how much noise the reverse process puts back on its way."""

from ndm.parts.volatilities.volatility import Volatility

__all__ = ["Volatility"]
