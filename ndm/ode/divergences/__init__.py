"""The divergence of a velocity, one file each: the trace of its Jacobian, exactly or by random probes."""

from ndm.ode.divergences.divergence import Divergence, divergence_for, quadratic_forms
from ndm.ode.divergences.exact import Exact
from ndm.ode.divergences.gaussian import Gaussian
from ndm.ode.divergences.hutchinson import Hutchinson

__all__ = ["Divergence", "Exact", "Gaussian", "Hutchinson", "divergence_for", "quadratic_forms"]
