"""A learned scale for each dimension, in pixels or in frequencies."""

import torch
from torch import Tensor, nn

from ndm.base.axes import BASES, TIME_FUNCTIONS
from ndm.base.precision import matmul
from ndm.base.ranges import check_number, check_shape
from ndm.base.spec import Spec
from ndm.parts.time_functions import Monomials, TimeFunctions
from ndm.parts.transforms._diagonal import DiagonalTransform
from ndm.parts.transforms._orders import interleaved
from ndm.process.bases import Basis, StandardBasis

_CONTINUOUS = 4  # functions of time in continuous time
_MOST = 16  # functions of time by default, however many the steps
# So few steps have an order, which is learned fast. More steps reveal everything at once, little by little: there is
# little to learn, and much noise.
_LARGEST_LEAD = 20.0  # exp(20) is 5e8
_FEW, _LEAD, _LEAST_RATE, _MOST_RATE, _RATE_OF_ONE_STEP = 16, 3.0, 30.0, 60.0, 240.0


class ScalingTransform(DiagonalTransform):
    """A learned scale for each dimension, F(x, t) = B^T diag(w(t)) B x with log w_i(t) = sum_k theta_{ik} b_k(t).

    With B = I it learns a schedule for each pixel; with B = DCT a schedule for each frequency, where those of
    `BlurringTransform` are given. With few steps the scales decide in which order dimensions are revealed, and training
    starts best from some order, rather than from none: log w_i(t) = 4 lead t (1 - t) (1 - 2 r_i) at the knots k / K,
    r_i the ranks of `interleaved`.

    Args:
        event_shape: shape of one example.
        basis: B; the data's own dimensions if not given.
        functions: the b_k.
        rate: factor on the learning rate of theta.
        lead: log w at t = 1/2 of the first dimensions at the start; 0: F starts as the identity.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        basis: Basis | None = None,
        functions: TimeFunctions | None = None,
        rate: float = 1.0,
        lead: float = 0.0,
    ) -> None:
        super().__init__()
        check_number("lead", lead, least=-_LARGEST_LEAD, most=_LARGEST_LEAD)
        check_number("rate", rate, least=0)
        self.basis = basis or StandardBasis()
        self.functions = functions or Monomials(2)
        self.rate = rate
        self.event_shape = check_shape(event_shape)
        self.log_scale = nn.Parameter(self._start(event_shape, lead))

    def _start(self, event_shape: tuple[int, ...], lead: float) -> Tensor:
        """Make the initial theta, (K, *event)."""
        knots = torch.arange(1, self.functions.num + 1) / self.functions.num
        log_w = (4 * lead * knots * (1 - knots))[:, None] * (1 - 2 * interleaved(event_shape).flatten())
        return torch.linalg.solve(self.functions(knots)[0], log_w).reshape(-1, *event_shape)

    @classmethod
    def made_for(
        cls,
        spec: Spec,
        *,
        basis: str = "pixel",
        functions: str = "pieces",
        num_functions: int | None = None,
        lead: float | None = None,
    ) -> "ScalingTransform":
        timesteps = spec.timesteps
        if num_functions is None:
            num_functions = min(timesteps or _CONTINUOUS, _MOST)
        rate = 1.0
        if timesteps is not None and timesteps <= _FEW:
            rate = max(_LEAST_RATE, min(_MOST_RATE, _RATE_OF_ONE_STEP / timesteps))
            lead = _LEAD if lead is None and basis == "pixel" else lead
        return cls(
            spec.event_shape,
            BASES.make(basis, spec),
            TIME_FUNCTIONS.make(functions, spec, num=num_functions),
            rate,
            lead or 0.0,
        )

    @property
    def knots(self) -> tuple[float, ...]:
        return self.functions.knots

    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_prime = self.functions(t)
        theta, shape = self.log_scale.flatten(1), (*t.shape, *self.log_scale.shape[1:])
        return matmul(b, theta).reshape(shape), matmul(b_prime, theta).reshape(shape)

    def log_scale_at(self, t: Tensor) -> Tensor:
        return matmul(self.functions.value(t), self.log_scale.flatten(1)).reshape(*t.shape, *self.log_scale.shape[1:])
