"""DiffEnc's predictor: predict the encoded data, with an assumed velocity."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ndm.base.axes import TRANSFORMS
from ndm.base.errors import Advice, InputError, Setting
from ndm.base.kinds import a
from ndm.base.shapes import like_event
from ndm.parts.gates import EncoderGate
from ndm.parts.predictors._network import NetworkPredictor
from ndm.parts.schedules import NoiseLevel
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve, LineCurve

_SAME = 1e-3  # of gamma


class EncodedPredictor(NetworkPredictor):
    """Predicts F(x, t) in place of x: f^(u) = (1 - (u - t) gamma'_t sigma_t^2) x^(z_t, t).

    Nothing of F is evaluated, and the network has no heads for its motion: the slope -gamma' sigma^2 x^ is that of
    F = alpha_t^2 x, around which the encoder F = alpha_t^2 x + sigma_t^2 y is built. With gamma linear in t it is
    DiffEnc's p(z_s | z_t) for every s, elsewhere in the limit of many steps.
    Source: Nielsen et al., DiffEnc (2023), https://arxiv.org/abs/2310.19789.
    """

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        super().check_fit(parts)
        schedule, transform = parts["schedule"], parts["transform"]
        gate = getattr(transform, "gate", None)
        if not isinstance(gate, EncoderGate):
            raise InputError(
                f"the encoded predictor for {a(transform)}",
                "DiffEnc's encoder",
                Advice.of("choose {}", TRANSFORMS.setting("residual", gate="encoder")),
            )
        t = torch.tensor([0.0, 0.5, 1.0])
        gamma, own = (each.gamma(t).detach() for each in (schedule, gate.schedule))
        if not torch.allclose(gamma, own, atol=_SAME):
            raise InputError(
                f"gamma of {gamma.tolist()} at t = 0, 1/2, 1 for an encoder made for {own.tolist()}",
                "the same, linear in t",
                Advice.of(
                    "{} moves the encoder's",
                    Setting(
                        "gate=EncoderGate(gamma_min, gamma_max)",
                        "--transform-options 'gate_options={gamma_min: ..., gamma_max: ...}'",
                    ),
                ),
            )

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        posterior, _ = self.predict(z_t, t, cond, level, transform)
        slope = like_event(-level.gamma_prime * level.sigma**2, z_t) * posterior.mean
        return LineCurve(posterior.mean, slope, t)
