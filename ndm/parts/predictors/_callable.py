"""Any function of (z_t, t, cond) as a predictor: analytic denoisers, models of other libraries."""

from collections.abc import Callable

from torch import Tensor

from ndm.autodiff.derivative import require_gradient
from ndm.base.errors import InputError
from ndm.parts.predictors.predictor import Predictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve


class CallablePredictor(Predictor):
    """Plugs x^ = function(z_t, t, cond), (B, *event), into F: f^(u) = F(x^, u). Such a model cannot be saved.

    Raises `InputError` where the function returns anything else: other shapes would be broadcast in silence.
    """

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        x_hat = self.function(z_t, t, cond)
        if not isinstance(x_hat, Tensor) or x_hat.shape != z_t.shape:
            what = f"shape {tuple(x_hat.shape)}" if isinstance(x_hat, Tensor) else f"type {type(x_hat).__name__}"
            raise InputError(f"a prediction of {what}", f"x^, a tensor of shape {tuple(z_t.shape)} as z_t has")
        require_gradient(lambda z: self.function(z, t, cond), z_t, x_hat)
        return transform.curve(x_hat, cond)
