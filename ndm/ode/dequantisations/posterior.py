"""Dequantisation by the noise of q(z_0 | x)."""

from torch import Tensor

from ndm.base.noise import Noise
from ndm.base.precision import check_noise
from ndm.ode.dequantisations.dequantisation import Dequantisation, check_draws, without_noise
from ndm.parts.decoders import Decoder
from ndm.parts.schedules import NoiseLevel
from ndm.process.gaussian import Gaussian


class PosteriorDequantisation(Dequantisation):
    """Dequantise by the noise of q(z_0 | x): log p(x) >= E[ log p(z_0) + log p(x | z_0) - log q(z_0 | x) ].

    It is the noise that the model was trained with, so that z_0 lies where the model has seen data; uniform noise
    leaves that region when sigma_0 is below the width of a level.
    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630.
    """

    name = "q(z_0 | x)"

    def check(self, decoder: Decoder, draws: int) -> None:
        check_draws(draws)

    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        q = Gaussian(without_noise(x, decoder, level), level.sigma)
        check_noise(q.mean, q.std)
        z_0 = q.sample(noise.normal())
        return z_0, decoder.log_prob(x, z_0, level) - q.log_prob(z_0)
