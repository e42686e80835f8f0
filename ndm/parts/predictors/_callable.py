"""Any function of (z_t, t, cond) as a predictor: analytic denoisers, models of other libraries."""

from collections.abc import Callable

from torch import Tensor

from ndm.autodiff.derivative import require_gradient
from ndm.parts.predictors.predictor import Predictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve


class CallablePredictor(Predictor):
    """Plugs x^ = function(z_t, t, cond), (B, *event), into F: f^(u) = F(x^, u). Such a model cannot be saved."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        x_hat = self.function(z_t, t, cond)
        require_gradient(lambda z: self.function(z, t, cond), z_t, x_hat)
        return transform.curve(x_hat, cond)
