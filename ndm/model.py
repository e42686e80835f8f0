"""A Neural Diffusion Model: five distributions built from a schedule, a transformation, a predictor and a decoder."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.kinds import checks_arguments, with_article
from ndm.base.modes import callers_autocast, undisturbed, usable
from ndm.base.part import Part
from ndm.base.precision import check_noise, check_tensors, holds, in_precision
from ndm.base.pretrained import Pretrained
from ndm.base.shapes import like_event
from ndm.base.view import view
from ndm.nn.embeddings import check_condition
from ndm.nn.network import Network
from ndm.parts.conditions import Condition
from ndm.parts.decoders import Decoder
from ndm.parts.evaluated import evaluated_parts
from ndm.parts.predictors import Predictor
from ndm.parts.predictors._callable import CallablePredictor
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.reverse_steps.posterior import PosteriorReverseStep
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.process.curve import Curve
from ndm.process.gaussian import Gaussian
from ndm.process.kernel import Kernel
from ndm.process.mixture import Mixture


class NeuralDiffusion(Pretrained):
    """The five distributions of a Neural Diffusion Model:

        q(z_t | x)       = N(alpha_t F(x, t), sigma_t^2 I)                                          `marginal`
        q(z_s | z_t, x)  = N(alpha_s F(x, s) + c_{s|t} (z_t - alpha_t F(x, t)), v_{s|t} I)          `posterior`
        p(z_1)           = N(0, I)                                                                  `prior`
        p(z_s | z_t)     = q(z_s | z_t, .) with the predicted curve in place of F(x, .)             `reverse_kernel`
        p(x | z_0)                                                                                  `decoder`

    Source: Bartosh, Vetrov, Naesseth, Neural Diffusion Models (2024), https://arxiv.org/abs/2310.08337.

    Args:
        schedule: gamma(t), alpha, sigma.
        transform: F(x, t).
        predictor: z_t, t -> the model's guess of the curve of x; any callable (z_t, t, cond) -> x^ is plugged into F.
        decoder: p(x | z_0).
        volatility: eta(t); 1 (DDPM's) if not given.
        reverse_step: the variance of p(z_s | z_t) at a finite number of steps; q's own if not given.
        condition: names and units of what the model is told of each example, cond; if not given, cond goes to F and
            predictor as it is.

    Raises:
        InputError: for parts that do not fit each other.
    """

    def __init__(
        self,
        schedule: Schedule,
        transform: Transform,
        predictor: Predictor | Callable[[Tensor, Tensor, Tensor | None], Tensor],
        decoder: Decoder,
        volatility: Volatility | None = None,
        reverse_step: ReverseStep | None = None,
        condition: Condition | None = None,
    ) -> None:
        super().__init__()
        if isinstance(predictor, Part) and not isinstance(predictor, Predictor):  # which is callable, but not so
            advice = "make a predictor of it: DirectPredictor(...)" if isinstance(predictor, Network) else ""
            raise InputError(f"predictor = {type(predictor).__name__}", "a Predictor", advice)
        self.schedule = schedule
        self.transform = transform
        self.predictor = predictor if isinstance(predictor, Predictor) else CallablePredictor(predictor)
        self.decoder = decoder
        self.volatility = volatility or ConstantVolatility(1.0)
        self.reverse_step = reverse_step or PosteriorReverseStep()
        self.condition = condition
        self._check_fit()

    def _check_fit(self) -> None:
        """Raise `InputError` where parts do not fit each other: what each of them asks for, and events of one shape."""
        parts: dict[str, Part] = {name: part for name, part in self.named_children() if isinstance(part, Part)}
        for each in (module for part in parts.values() for module in part.modules() if isinstance(module, Part)):
            each.check_fit(parts)
        shapes = {f"{with_article(name)} for events of shape {shape}": shape for name, shape in self._shapes()}
        if len(set(shapes.values())) > 1:
            raise InputError(", ".join(shapes), "one shape", "make all parts for the same events")

    @property
    def event_shape(self) -> tuple[int, ...] | None:
        """The shape of the events that its parts are made for; None where they serve any."""
        return next((shape for _, shape in self._shapes()), None)

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The shapes of events that parts are made for, each with the name of the part."""
        for name, part in self.named_children():
            for module in part.modules():
                if isinstance(shape := getattr(module, "event_shape", None), tuple):
                    yield name.replace("_", " "), shape

    def checked(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """Check the data x (B, *event) and convert them to float32 at least.

        Raises `InputError` for data that the decoder cannot describe or of another precision than the model, and for a
        condition that `check_condition` refuses.
        """
        self.decoder.check(x)
        self.check_condition(cond, len(x))
        return in_precision(self, x, "data")

    @checks_arguments
    def check_condition(self, cond: Tensor | None, number: int) -> None:
        """Raise `InputError` unless cond is the condition of each of `number` examples, or None for none."""
        if cond is None or self.condition is None:
            check_condition(self, cond, number)
        else:
            self.condition.check(cond, number)

    def told(self, cond: Tensor | None) -> Tensor | None:
        """The condition as F and predictor take it."""
        if cond is None:
            return None
        cond = usable(cond)
        return cond if self.condition is None else self.condition(cond)

    def check_noise(self, x: Tensor) -> None:
        """Raise `InputError` where latents of x (B, *event) at t = 0 lose their noise in the precision of x."""
        level = self.schedule(x.new_zeros(()))
        check_noise(level.alpha.detach() * self.decoder.standardise(x), level.sigma)

    @undisturbed()
    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        """Make the curve t -> F(x, t) of data x (B, *event), standardised by `Decoder.standardise`."""
        check_tensors(x=x, **({} if cond is None else {"cond": cond}))
        x, cond = self.decoder.standardise(usable(x)), self.told(cond)
        with callers_autocast():
            return self.transform.curve(x, cond)

    @checks_arguments
    @undisturbed()
    def predict(self, z_t: Tensor, t: Tensor, cond: Tensor | None = None, level: NoiseLevel | None = None) -> Curve:
        """Predict the curve from latents z_t (B, *event) at times t, (B,) or ().

        `level` is the noise level at t, where the caller has it.
        """
        check_tensors(z_t=z_t, t=t, **({} if cond is None else {"cond": cond}))
        t = usable(t)
        t = t if t.ndim else t.expand(len(z_t))
        level, cond = level or self.schedule(t), self.told(cond)
        with callers_autocast():
            return self.predictor(usable(z_t), t, cond, level, self.transform)

    def evaluated_at(
        self, *times: Tensor, few: tuple[Tensor, Tensor, Tensor] | None = None, asked: Tensor | None = None
    ) -> "NeuralDiffusion":
        """The same model, whose noise levels and scales of F are known at these times, each (B,) or ().

        They are evaluated for all of them together: schedules are elementwise in t, and a call costs the same for one
        time as for hundreds. The same tensor t has its values again wherever it is asked; other times are evaluated as
        ever. Weights and running estimates are those of this model. `few` are the times t (B,) of its predictions, the
        distinct values among them, and which of these each is: networks may embed those alone. `asked` are the times
        that the volatility asks for beside these.
        """
        parts = evaluated_parts(self.schedule, self.transform, self.volatility, self.predictor, times, few, asked)
        return view(self, parts)

    def prior(self, like: Tensor) -> Gaussian:
        """p(z_1) = N(0, I) for latents shaped like `like` (B, *event)."""
        check_tensors(like=like)
        return Gaussian(torch.zeros_like(like), torch.ones((), dtype=like.dtype, device=like.device))

    @checks_arguments
    @undisturbed()
    def marginal(self, curve: Curve, t: Tensor) -> Gaussian:
        """q(z_t | x) = N(alpha_t F(x, t), sigma_t^2 I), from the curve of x."""
        check_tensors(t=t)
        level, mean = self.schedule(t), curve(t)
        return Gaussian(like_event(level.alpha, mean) * mean, like_event(level.sigma, mean))

    @checks_arguments
    @undisturbed()
    def posterior(
        self, z_t: Tensor, curve: Curve, s: Tensor, t: Tensor, volatility: Volatility | None = None
    ) -> Gaussian:
        """q(z_s | z_t, x), s < t, for every eta >= 0:

            mean = alpha_s F(s) + c (z_t - alpha_t F(t)),   c = (sigma_s / sigma_t) exp(-D / 2)
            v = sigma_s^2 (1 - exp(-D)),                    D = integral from s to t of eta dgamma

        With the curve of x it is q's, with a predicted curve p's (at q's variance). Per-dimension values are
        coordinates in the transformation's basis. `volatility` takes the place of the model's own.
        """
        check_tensors(s=s, t=t)
        if not holds(s < t):
            raise InputError("s >= t", "s < t", "the posterior goes from the noisier latent to the cleaner one")
        return self.kernel(z_t, s, t, volatility)(z_t, curve)

    @checks_arguments
    @undisturbed()
    def kernel(self, like: Tensor, s: Tensor, t: Tensor, volatility: Volatility | None = None) -> Kernel:
        """`posterior` before its curve is known, for latents shaped like `like` (B, *event).

        That s < t is not looked at: it would read times from an accelerator in every step.
        """
        check_tensors(z_t=like, s=s, t=t)
        at_s, at_t = self.schedule(s), self.schedule(t)
        d = like_event((volatility or self.volatility).integral(s, t, self.schedule, self.transform), like)
        c = like_event(at_s.sigma / at_t.sigma, like) * torch.exp(-d / 2)
        variance = like_event(at_s.sigma, like) ** 2 * -torch.expm1(-d)
        return Kernel(
            s, t, like_event(at_s.alpha, like), like_event(at_t.alpha, like), c, variance.sqrt(), self.transform.basis
        )

    @checks_arguments
    @undisturbed()
    def velocity(self, z_t: Tensor, curve: Curve, t: Tensor, level: NoiseLevel | None = None) -> Tensor:
        """dz/dt of the deterministic process (eta = 0) in the limit of many steps, (B, *event):

            v(z, t) = (alpha f)' + (sigma' / sigma) (z - alpha f) = alpha (f' - gamma'/2 f) + (sigma' / sigma) z

        With the curve of x it is that of z_t given x, with a predicted curve that of the model's ODE. `level` is the
        noise level at t, where the caller has it.
        """
        check_tensors(z_t=z_t, t=t)
        level = level or self.schedule(t)
        value, prime = curve.with_velocity(t)
        alpha, decay, growth = (
            like_event(term, z_t)
            for term in (level.alpha, self.schedule.decay(level), self.schedule.log_sigma_prime(level))
        )
        return alpha * prime - decay * value + growth * z_t

    @undisturbed()
    def predicted_velocity(self, z_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Compute dz/dt of the model's ODE, (B, *event): `velocity` with the curve that is predicted at z_t."""
        check_tensors(t=t)
        level = self.schedule(t)
        return self.velocity(z_t, self.predict(z_t, t, cond, level), t, level)

    @checks_arguments
    @undisturbed()
    def reverse_sde(
        self, z_t: Tensor, curve: Curve, t: Tensor, volatility: Volatility | None = None
    ) -> tuple[Tensor, Tensor]:
        """Drift and diffusion of dz = drift dt + B^T diag(g) B dw, with time running from 1 to 0:

            drift = v(z, t) + (g^2 / 2) (z - alpha f) / sigma^2,        g^2 = eta sigma^2 gamma'

        drift (B, *event) and g, which broadcasts against it, in coordinates of the transformation's basis B.
        `volatility` takes the place of the model's own.
        """
        check_tensors(z_t=z_t, t=t)
        level = self.schedule(t)
        drift = self.velocity(z_t, curve, t, level)  # first, so that a curve that remembers is evaluated once
        g = self.diffusion(z_t, t, volatility, level)
        deviation = z_t - like_event(level.alpha, z_t) * curve(t)
        return drift + self.transform.basis.scale((g / like_event(level.sigma, z_t)) ** 2 / 2, deviation), g

    @checks_arguments
    @undisturbed()
    def diffusion(
        self, like: Tensor, t: Tensor, volatility: Volatility | None = None, level: NoiseLevel | None = None
    ) -> Tensor:
        """Compute g of the reverse SDE, g^2 = eta sigma^2 gamma', for latents shaped like `like` (B, *event)."""
        check_tensors(z_t=like, t=t)
        level = level or self.schedule(t)
        eta = like_event((volatility or self.volatility).eta(t, self.schedule, self.transform), like)
        return like_event(level.sigma, like) * (eta * like_event(level.gamma_prime, like)).sqrt()

    @checks_arguments
    @undisturbed()
    def reverse_kernel(self, z_t: Tensor, predicted: Curve, step: Tensor, timesteps: int) -> Gaussian | Mixture:
        """p(z_s | z_t) of the chain of T = `timesteps` steps, from t = (k + 1) / T to s = k / T, k = `step` (B,).

        The posterior at the predicted curve, given the form of `reverse_step`. `reverse_kernel_at` gives p for other
        times and volatilities.
        """
        check_tensors(z_t=z_t, step=step)
        s, t = step.to(z_t.dtype) / timesteps, (step + 1).to(z_t.dtype) / timesteps
        kernel = self.kernel(z_t, s, t)
        return self.reverse_kernel_at(kernel(z_t, predicted), kernel, predicted, step, timesteps)

    @checks_arguments
    @undisturbed()
    def reverse_kernel_at(
        self,
        q: Gaussian,
        kernel: Kernel,
        predicted: Curve,
        step: Tensor | None = None,
        timesteps: int | None = None,
    ) -> Gaussian | Mixture:
        """p(z_s | z_t) from q's step at the predicted curve: `reverse_step`, with p(x | z_t) if it needs that.

        `step` and `timesteps` say which step of which chain it is, where it is one with the model's own volatility.
        """
        deviation = kernel.deviation(predicted.posterior) if self.reverse_step.needs_posterior else None
        return self.reverse_step.distribution(q, deviation, step, timesteps)
