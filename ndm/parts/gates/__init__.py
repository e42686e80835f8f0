"""Gates by which a network enters the path of x, one file each: they are shut at t = 0."""

from ndm.parts.gates.encoder import EncoderGate
from ndm.parts.gates.gate import Gate, ScalarGate
from ndm.parts.gates.interpolation import InterpolationGate
from ndm.parts.gates.time import TimeGate
from ndm.parts.gates.variance import VarianceGate

__all__ = ["EncoderGate", "Gate", "InterpolationGate", "ScalarGate", "TimeGate", "VarianceGate"]
