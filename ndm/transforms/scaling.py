"""A learned scale for each dimension, in the pixels or in the frequencies of an image."""

import torch
from torch import Tensor, nn

from ndm.basis import Basis, CosineBasis, StandardBasis
from ndm.curve import Curve, RememberedCurve
from ndm.errors import InputError
from ndm.precision import matmul
from ndm.registry import choose
from ndm.schedules import Level
from ndm.shapes import like_event
from ndm.time_functions import FUNCTIONS, Monomials, TimeFunctions
from ndm.transforms.orders import interleaved
from ndm.transforms.transform import Transform

_CONTINUOUS = 4  # functions of time in continuous time
_MOST = 16  # functions of time by default, however many the steps
# So few steps have an order, which is learned fast. More steps reveal everything at once, little by little: there is
# little to learn, and much noise.
_LARGEST_LEAD = 20.0  # exp(20) is 5e8
_FEW, _LEAD, _LEAST_RATE, _MOST_RATE, _RATE_OF_ONE_STEP = 16, 3.0, 30.0, 60.0, 240.0


class ScalingTransform(Transform):
    """F(x, t) = B^T diag(w(t)) B x with log w_i(t) = sum_k theta_{ik} b_k(t), so that w_i(0) = 1.

    Its velocity is B^T diag(w'(t)) B x, w' = w (log w)'. With B = I it learns a schedule for each pixel; with B = DCT
    a schedule for each frequency, of which blurring diffusion is the case log w = - frequency * tau(t).
    Being linear, F(x^, .) is already the best curve for x^ = E[x | z_t]: no heads are needed. With few steps the scales
    decide in which order dimensions are revealed, and training starts best from some order, rather than from none:
    log w_i(t) = 4 lead t (1 - t) (1 - 2 r_i) at the knots k / K, r_i the ranks of `interleaved`.
    Source: Hoogeboom, Salimans, Blurring Diffusion Models (2022), https://arxiv.org/abs/2209.05557.

    Args:
        event_shape: shape of one example.
        basis: B; the data's own dimensions if not given.
        functions: the b_k.
        rate: factor on the learning rate of theta.
        lead: log w at t = 1/2 of the first dimensions at the start; 0: F starts as the identity.
    """

    num_heads = 0

    def __init__(self, event_shape: tuple[int, ...], basis: Basis | None = None,
                 functions: TimeFunctions | None = None, rate: float = 1.0, lead: float = 0.0) -> None:
        super().__init__()
        if isinstance(lead, bool) or not (isinstance(lead, int | float) and abs(lead) <= _LARGEST_LEAD):
            raise InputError(f"lead = {lead!r}", f"a number from {-_LARGEST_LEAD:g} to {_LARGEST_LEAD:g}")
        self.basis = basis or StandardBasis()
        self.functions = functions or Monomials(2)
        self.rate = rate
        self.log_scale = nn.Parameter(self._start(event_shape, lead))

    def _start(self, event_shape: tuple[int, ...], lead: float) -> Tensor:
        """theta, (K, *event)."""
        knots = torch.arange(1, self.functions.num + 1) / self.functions.num
        log_w = (4 * lead * knots * (1 - knots))[:, None] * (1 - 2 * interleaved(event_shape).flatten())
        return torch.linalg.solve(self.functions(knots)[0], log_w).reshape(-1, *event_shape)

    @classmethod
    def for_events(cls, event_shape: tuple[int, ...], *, timesteps: int | None = None, num_classes: int = 0,
                   basis: str = "pixel", functions: str = "pieces", num_functions: int | None = None,
                   lead: float | None = None) -> "ScalingTransform":
        if basis not in ("pixel", "frequency"):
            raise InputError(f"basis {basis!r}", "pixel or frequency")
        if basis == "frequency" and len(event_shape) < 2:
            raise InputError(f"frequencies of events of shape {tuple(event_shape)}", "images", "use the pixel basis")
        chosen = CosineBasis(*event_shape[-2:]) if basis == "frequency" else StandardBasis()
        if num_functions is None:
            num_functions = min(timesteps or _CONTINUOUS, _MOST)
        rate = 1.0
        if timesteps is not None and timesteps <= _FEW:
            rate = max(_LEAST_RATE, min(_MOST_RATE, _RATE_OF_ONE_STEP / timesteps))
            lead = _LEAD if lead is None and basis == "pixel" else lead
        return cls(event_shape, chosen, choose("functions of time", functions, FUNCTIONS)(num_functions), rate,
                   lead or 0.0)

    def log_scale_with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_prime = self.functions(t)
        theta, shape = self.log_scale.flatten(1), (*t.shape, *self.log_scale.shape[1:])
        return matmul(b, theta).reshape(shape), matmul(b_prime, theta).reshape(shape)

    def log_scale_at(self, t: Tensor) -> Tensor:
        return matmul(self.functions.value(t), self.log_scale.flatten(1)).reshape(*t.shape, *self.log_scale.shape[1:])

    def seen(self, level: Level, t: Tensor) -> Level:
        if not isinstance(self.basis, StandardBasis):
            return level
        log_w, log_w_prime = self.log_scale_with_velocity(t)
        gamma, gamma_prime, alpha, sigma = (like_event(value, log_w) for value in (
            level.gamma, level.gamma_prime, level.alpha, level.sigma))
        return Level(gamma - 2 * log_w, gamma_prime - 2 * log_w_prime, alpha * log_w.exp(), sigma.expand_as(log_w))

    def response(self, curve: Curve, like: Tensor) -> Curve:
        assert isinstance(curve, ScaledCurve)
        return ScaledCurve(self, torch.ones_like(like), curve.scale)

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ScaledCurve(self, x)

    def curve_from_heads(self, x_hat: Tensor, heads: Tensor, t: Tensor) -> Curve:
        return self.curve(x_hat)


class Scale(Curve):
    """t -> w(t), in the coordinates of B."""

    def __init__(self, transform: ScalingTransform) -> None:
        self.transform = transform

    def __call__(self, t: Tensor) -> Tensor:
        return self.transform.log_scale_at(t).exp()

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        log_w, log_w_prime = self.transform.log_scale_with_velocity(t)
        w = log_w.exp()
        return w, w * log_w_prime


class ScaledCurve(Curve):
    """t -> B^T diag(w(t)) B x, with a scale that curves may share."""

    def __init__(self, transform: ScalingTransform, x: Tensor, scale: Curve | None = None) -> None:
        self.transform, self.x = transform, x
        self.scale = scale or RememberedCurve(Scale(transform))

    def __call__(self, t: Tensor) -> Tensor:
        return self.transform.basis.scale(self.scale(t), self.x)

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        basis, coordinates = self.transform.basis, self.transform.basis(self.x)
        w, w_prime = self.scale.with_velocity(t)
        return basis.inverse(w * coordinates), basis.inverse(w_prime * coordinates)

    def __sub__(self, other: Curve) -> Curve:
        if isinstance(other, ScaledCurve) and other.transform is self.transform:
            return ScaledCurve(self.transform, self.x - other.x, self.scale)
        return super().__sub__(other)
