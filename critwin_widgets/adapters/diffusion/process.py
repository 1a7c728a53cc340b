"""A pipeline of the diffusers library as a process: noise an image to a level, denoise it from there."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine._digest import digest
from ...engine.processes import Process, fold_seeds, repeat_seeds, row_seeds
from .._prints import settings, weights_hash
from .clock import read_schedule
from .denoisers import finite, make_denoiser
from .encoding import LatentEncoder, check_images, to_signed
from .loading import modules_of, open_pipeline
from .memory import RowBudget, joined
from .randomness import check_randomness, generators_for

_NOISE, _PRIOR = 1, 2


class DiffusersProcess(Process):
    """A diffusion or flow-matching pipeline whose noising can be stopped at any step of its scheduler.

    Levels are the scheduler's timesteps for `num_inference_steps`, and the clean end 0; `index.ou_times`
    puts them on the OU clock: `alpha_bar = exp(-2t)` for variance-preserving schedulers,
    `sigma = sqrt(exp(2t) - 1)` for exploding ones, `u = sigma / (1 + sigma)` for flow matching. (Where a
    scheduler's timesteps are logarithms, as EDM's, levels are its noise scales sigma.) A last timestep 0 is
    part of the way to the clean end and no level of its own.

    Clean samples are images `(B, H, W, C)` with values in [0, 1]; noised ones are float32 arrays of what
    the model denoises, `(B, C, H, W)` pixels or latents (packed as the pipeline packs them). Images are
    encoded to the mode of the autoencoder's law and decoded at the clean end, so that from every level above
    0 an image comes back as the autoencoder shows it; at level 0 it is left alone.

    Pipelines that take `latents` are called themselves, with a scheduler that lists only the timesteps of
    the leg; the pipeline's guidance, added conditions and safety checker act as ever (an image that is
    flagged comes back black, with a warning). Pipelines of a UNet alone are stepped here. Dropout is
    switched off. Random numbers are drawn on the processor, from one generator for each row, so that they
    depend neither on the device nor on how a batch is cut; a model's own rounding does, by a few units in
    the last place.

    Args:
        pipeline: a `diffusers.DiffusionPipeline`, the name of one on the hub, or a folder. A pipeline given
            as an object shares its models with the process, which moves them when `device` or `dtype` is
            given; its scheduler stays as it is.
        prompt: one text for every sample; the empty text when `None`. Not for unconditional pipelines.
        negative_prompt: what guidance leads away from.
        guidance_scale: strength of guidance; the pipeline's own when `None`.
        num_inference_steps: number of steps from all noise to clean.
        scheduler: another scheduler, its class or the name of its class (`"DDIMScheduler"`), built from the
            pipeline's configuration; the pipeline's own when `None`.
        eta: share of fresh noise in each step of DDIM, from 0 (deterministic) to 1.
        height: of the images in pixels; the pipeline's own when `None`.
        width: of the images in pixels; the pipeline's own when `None`.
        device: where the model runs; where it is when `None` (for a name: the accelerator if there is one).
        dtype: floating torch dtype or its name; the model's own when `None`.
        batch_size: most rows in one call of the model; 16 when neither this nor `max_bytes` is given.
        max_bytes: most bytes of working memory in one call, weights not counted.
        latent: whether clean samples are the pipeline's latents rather than images.
        call_arguments: more arguments for each call of the pipeline, such as
            `{"guidance_rescale": 0.7}`.

    Attributes:
        index: the levels, with their OU times.
        stochastic: whether denoising draws random numbers; if not, clones of one noised sample are equal.
        image_shape: `(H, W, C)` of the images.
        pipeline: the pipeline that runs.

    Raises:
        ImportError: torch or diffusers is missing; the message holds the line that installs them.
        OSError: there is no pipeline of this name in the cache, in a folder or on the hub.
        TypeError, ValueError: an argument is none that the pipeline can use; the message says which.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        guidance_scale: float | None = None,
        num_inference_steps: int = 50,
        scheduler: Any = None,
        eta: float | None = None,
        height: int | None = None,
        width: int | None = None,
        device: Any = None,
        dtype: Any = None,
        batch_size: int | None = None,
        max_bytes: int | None = None,
        latent: bool = False,
        call_arguments: Mapping[str, Any] | None = None,
    ):
        for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{name} must be one text for all samples, not a {type(text).__name__}")
        steps = _check_count("num_inference_steps", num_inference_steps)
        _check_count("batch_size", batch_size)
        _check_count("max_bytes", max_bytes)
        options = _check_options(guidance_scale, eta, height, width, call_arguments)
        self._asked = {"steps": steps, "prompt": prompt or "", "negative prompt": negative_prompt, **options}
        self.pipeline = open_pipeline(pipeline, scheduler, device, dtype)
        self._denoiser = make_denoiser(self.pipeline, steps, prompt, negative_prompt, options)
        self._schedule = read_schedule(self.pipeline.scheduler, self._denoiser.schedule_arguments)
        self.index = self._schedule.index_set()
        self.image_shape = self._denoiser.image_shape
        self.latent = bool(latent)
        self.stochastic = check_randomness(
            self.pipeline.scheduler, self._denoiser.schedule_arguments, self._denoiser.step_arguments
        )
        self._encoder = LatentEncoder(self.pipeline) if self._denoiser.encodes else None
        self._budget = RowBudget(self._denoiser.modules, batch_size, max_bytes)
        self._warned = False

    def level_at(self, t: float) -> float:
        """Return the level whose OU time is nearest to `t`."""
        if isinstance(t, bool | str) or not float(t) >= 0:
            raise ValueError(f"t must be an OU time of 0 or more, not {t!r}")
        times = np.asarray(self.index.ou_times)
        if math.isinf(float(t)):
            return self.index.levels[-1]
        with np.errstate(invalid="ignore"):
            return self.index.levels[int(np.argmin(np.abs(times - float(t))))]

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return images noised to a level, `a x + s z` with the scheduler's factors.

        Args:
            x: images `(B, H, W, C)` with values in [0, 1]; latents when `latent` was set.
            level: one of `index.levels`; at level 0 the samples come back as they are.
            key: an integer seed, or one for each row `(B,)`.

        Raises:
            ValueError: a shape, a value or the level is no good; the message names the nearest levels.
        """
        level = self._check_level(level, "level")
        if level == 0.0:
            clean = self._check_clean(x, "x")
            row_seeds(key, len(clean))
            return clean
        clean = self.encode(x)
        seeds = row_seeds(key, len(clean))
        at = self._schedule.at(level)
        noise = _normal(generators_for(fold_seeds(seeds, _NOISE)), clean.shape[1:])
        factors = self._schedule.signal[at], self._schedule.noise[at]
        return (np.float32(factors[0]) * clean + np.float32(factors[1]) * noise).astype(np.float32)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` draws of the pipeline from each noised sample.

        Args:
            y: noised samples at `level`; at level 0 clean ones, which come back as they are.
            level: one of `index.levels`.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; they are equal, with a warning, when the scheduler draws no noise.
            to: a lower level at which to stop; the clean end when `None`.

        Returns:
            Images `(B * n, H, W, C)` in [0, 1] at the clean end (latents when `latent` was set), else
            samples at level `to`.

        Raises:
            ValueError: a shape or level is no good.
            MemoryError: one row alone does not fit into memory, even after halving the batch.
            FloatingPointError: the model has overflowed.
        """
        level = self._check_level(level, "level")
        stop = 0.0 if to is None else self._check_level(to, "to")
        if stop > level:
            raise ValueError(f"to = {to!r} lies above level = {level!r}; denoising goes down")
        n = _check_count("n", n) or 1
        samples = self._check_clean(y, "y") if level == 0.0 else self._check_samples(y, "y")
        seeds = repeat_seeds(row_seeds(key, len(samples)), n)
        if level == stop:
            return np.repeat(samples, n, axis=0)
        if n > 1 and not self.stochastic:
            self._warn_of_clones()
            return np.repeat(self._run(samples, level, stop, seeds[::n]), n, axis=0)
        return self._run(np.repeat(samples, n, axis=0), level, stop, seeds)

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` samples at `start_level`, as the pipeline itself would begin."""
        count = _check_count("n", n) or 1
        seeds = fold_seeds(row_seeds(key, count), _PRIOR)
        return self._budget.run(
            "prior", count, lambda rows: _to_numpy(self._denoiser.prior(generators_for(seeds[rows]))), joined
        )

    def _run(self, samples: np.ndarray, level: float, stop: float, seeds: np.ndarray) -> np.ndarray:
        walk = self._schedule.walk(level, stop)
        return self._call(samples, walk, seeds, stop == 0.0 and not self.latent)

    def _call(self, samples: np.ndarray, walk: list[int], seeds: np.ndarray, decodes: bool) -> np.ndarray:
        import torch

        device = self.pipeline._execution_device

        def call(rows: slice) -> np.ndarray:
            latents = torch.from_numpy(samples[rows]).to(device=device, dtype=self._denoiser.dtype)
            # New generators at each attempt: a batch that is cut again draws the same numbers.
            found = self._denoiser.run(latents, walk, generators_for(seeds[rows]), decodes)
            return finite(_to_numpy(found), self._denoiser.dtype)

        return self._budget.run("decode" if decodes else "denoise", len(samples), call, joined)

    def encode(self, x: Any) -> np.ndarray:
        """Return what the model denoises for clean samples: scaled pixels, or the mode of the encoder's law.

        Args:
            x: images `(B, H, W, C)` with values in [0, 1]; latents, which come back as they are, when
                `latent` was set.

        Raises:
            ValueError: a shape or a value is no good.
        """
        images = self._check_clean(x, "x")
        if self.latent:
            return images
        encoder = self._encoder
        if encoder is None:
            return to_signed(images).numpy()
        missing = images[encoder.missing(images)]
        if len(missing):
            parts = self._budget.run("encode", len(missing), lambda rows: encoder.encode(missing[rows]), list)
            found = parts[0].shape[1:]
            if found != self._denoiser.shape:
                raise ValueError(
                    f"pipeline encodes an image to shape {found} but denoises shape {self._denoiser.shape}; "
                    "give latents and set latent=True"
                )
        return finite(encoder.recall(images), self.pipeline.vae.dtype)

    def decode(self, y: Any) -> np.ndarray:
        """Return the images `(B, H, W, C)` that the pipeline shows for what its model has denoised.

        Args:
            y: pixels or latents as `encode` gives them, `(B, ...)`.

        Raises:
            ValueError: `y` has another shape or values that are not finite.
        """
        samples = self._check_samples(y, "y")
        return self._call(samples, [], np.zeros(len(samples), np.int64), True)

    @property
    def fingerprint(self) -> str:
        """The process in one line, with hashes of its models: what tells two studies apart.

        The device and the sizes of batches are no part of it.
        """
        pipeline, scheduler = self.pipeline, self.pipeline.scheduler
        asked = {name: value for name, value in self._asked.items() if name not in ("height", "width")}
        parts = [
            f"{name} {value!r}" if _is_short(value) else f"{name} {digest(value)}" for name, value in asked.items()
        ]
        models = {id(part) for part in modules_of(pipeline)}
        hashes = [f"{name} {weights_hash(part)}" for name, part in pipeline.components.items() if id(part) in models]
        own = {name: value for name, value in pipeline.config.items() if name not in pipeline.components}
        kind = f"{type(scheduler).__name__} {digest(settings(scheduler.config))}"
        sizes = f"images {self.image_shape}" + (" as latents" if self.latent else "")
        dtype = str(self._denoiser.dtype).removeprefix("torch.")
        whole = [f"scheduler {kind}", *parts, sizes, f"dtype {dtype}", *hashes, f"settings {digest(settings(own))}"]
        return f"DiffusersProcess({type(pipeline).__name__}; {'; '.join(whole)})"

    def _check_clean(self, x: Any, name: str) -> np.ndarray:
        return self._check_samples(x, name) if self.latent else check_images(x, self.image_shape, name)

    def _check_samples(self, y: Any, name: str) -> np.ndarray:
        try:
            samples = np.asarray(y, dtype=np.float32)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be an array of noised samples, not a {type(y).__name__}") from None
        shape = self._denoiser.shape
        if samples.ndim != len(shape) + 1 or samples.shape[1:] != shape or not len(samples):
            raise ValueError(f"{name} must have shape (B, {', '.join(map(str, shape))}), not {samples.shape}")
        if not np.isfinite(samples).all():
            raise ValueError(f"{name} must have finite values")
        return samples

    def _check_level(self, level: Any, name: str) -> float:
        try:
            return self.index.check(level, name)
        except ValueError as error:
            levels = self.index.levels
            near = sorted(levels, key=lambda other: abs(other - _number(level)))[:2]
            if not math.isfinite(_number(level)):
                raise
            raise ValueError(f"{error}; the nearest are {' and '.join(f'{v!r}' for v in sorted(near))}") from None

    def _warn_of_clones(self) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"clones of one noised sample are equal: a {type(self.pipeline.scheduler).__name__} draws no random "
                'numbers; take scheduler="DDPMScheduler" or "EulerAncestralDiscreteScheduler", or eta > 0 with DDIM',
                UserWarning,
                stacklevel=3,
            )


def _normal(generators: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    import torch

    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).numpy()


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float | None)


def _to_numpy(values: Any) -> np.ndarray:
    return np.asarray(values if isinstance(values, np.ndarray) else values.float().cpu().numpy(), dtype=np.float32)


def _number(level: Any) -> float:
    try:
        return math.nan if isinstance(level, bool | str) else float(level)
    except (TypeError, ValueError):
        return math.nan


def _check_count(name: str, value: Any) -> Any:
    if value is None and name in ("batch_size", "max_bytes"):
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _check_options(guidance_scale: Any, eta: Any, height: Any, width: Any, call_arguments: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value, high in (("guidance_scale", guidance_scale, math.inf), ("eta", eta, 1.0)):
        if value is None:
            continue
        if not (0.0 <= _number(value) <= high and math.isfinite(_number(value))):
            raise ValueError(f"{name} must be a number from 0{'' if math.isinf(high) else ' to 1'}, not {value!r}")
        options[name] = float(value)
    for name, value in (("height", height), ("width", width)):
        if value is not None:
            options[name] = _check_count(name, value)
    if call_arguments is not None and not isinstance(call_arguments, Mapping):
        raise TypeError(f"call_arguments must be a mapping, not a {type(call_arguments).__name__}")
    for name, value in (call_arguments or {}).items():
        if name in options:
            raise ValueError(f"call_arguments holds {name!r}, which is an argument of its own")
        options[name] = value
    return options
