"""The two ways to run a pipeline over one leg of its schedule.

A pipeline that takes `latents` and gives latents back (Stable Diffusion, SDXL, SD3, Flux and those built
like them) is called itself, with a scheduler that walks only the leg: guidance, added conditions, packing,
decoding and safety checker are the pipeline's own. A pipeline of a UNet alone (DDPM, DDIM) takes no
latents; its loop is model, then scheduler, and is done here.
"""

import contextlib
import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .encoding import to_images
from .legs import ScheduleAsked, make_leg, model_input
from .memory import is_out_of_memory

PIXEL_PIPELINES = "DDPMPipeline and DDIMPipeline"
LATENT_PIPELINES = "StableDiffusionPipeline, StableDiffusionXLPipeline, StableDiffusion3Pipeline and FluxPipeline"


class PixelDenoiser:
    """A UNet without conditions, on pixels.

    Attributes:
        image_shape: `(H, W, C)` of the images.
        shape: of one noised sample.
        dtype: of the model.
        schedule_arguments: what the scheduler's timesteps are set with.
        step_arguments: what the scheduler's steps are given.
    """

    encodes = False

    def __init__(self, pipeline: Any, steps: int, options: Mapping[str, Any]):
        allowed = set(inspect.signature(pipeline.scheduler.step).parameters) & {"eta"}
        _check_options(pipeline, options, allowed)
        config = pipeline.unet.config
        if config.get("num_class_embeds") or config.get("class_embed_type"):
            raise ValueError(
                f"pipeline is a {type(pipeline).__name__} whose unet is conditioned on classes; "
                f"{PIXEL_PIPELINES} are served without conditions only"
            )
        size = config["sample_size"]
        height, width = (size, size) if isinstance(size, int) else size
        self.pipeline = pipeline
        self.image_shape = (height, width, config["in_channels"])
        self.shape = (config["in_channels"], height, width)
        self.dtype = pipeline.unet.dtype
        self.schedule_arguments = {"num_inference_steps": steps}
        self.step_arguments = dict(options)
        self.modules = [pipeline.unet]

    def prior(self, generators: list[Any]) -> Any:
        """Return noise from which generation starts, one row for each generator."""
        from diffusers.utils.torch_utils import randn_tensor

        leg = make_leg(self.pipeline.scheduler, scaled=True)
        leg.set_timesteps(**self.schedule_arguments)
        noise = randn_tensor(
            (len(generators), *self.shape),
            generator=generators,
            device=self.pipeline._execution_device,
            dtype=self.dtype,
        )
        return noise * leg.init_noise_sigma

    def run(self, latents: Any, walk: list[int], generators: list[Any], finish: bool) -> Any:
        """Return images `(B, H, W, C)` when the leg finishes, else the tensor at its end."""
        import torch

        leg = make_leg(self.pipeline.scheduler, walk, generators)
        leg.set_timesteps(**self.schedule_arguments)
        with torch.no_grad():
            for t in leg.timesteps:
                output = self.pipeline.unet(model_input(leg, latents, t), t).sample
                latents = leg.step(output, t, latents, **self.step_arguments).prev_sample
        return to_images(latents) if finish else latents


class LatentDenoiser:
    """A pipeline that is called with latents; attributes as those of `PixelDenoiser`."""

    encodes = True

    def __init__(
        self,
        pipeline: Any,
        steps: int,
        prompt: str,
        negative_prompt: str | None,
        options: Mapping[str, Any],
    ):
        self.pipeline = pipeline
        self._accepted = set(inspect.signature(type(pipeline).__call__).parameters)
        _check_options(pipeline, options, self._accepted - _OURS)
        if negative_prompt is not None and "negative_prompt" not in self._accepted:
            raise ValueError(f"negative_prompt is nothing that a {type(pipeline).__name__} takes; leave it out")
        self._prompts = {"prompt": prompt} | ({} if negative_prompt is None else {"negative_prompt": negative_prompt})
        self._options = {"num_inference_steps": steps, **options}
        size = self._size()
        # Given one of the two alone, some pipelines overlook it.
        self._options |= size if set(options) & set(_SIZES) else {}
        self._embeddings: dict[str, Any] | None = None
        with _explained(pipeline):
            self._embeddings = self._encoded_prompts()
        first = self._stopped_at_latents(1)
        if first.ndim > 4:
            raise ValueError(f"pipeline is a {type(pipeline).__name__}, whose samples are no images; {_served()}")
        self.shape, self.dtype = tuple(first.shape[1:]), first.dtype
        self.schedule_arguments = self._asked_schedule(first)
        self.image_shape = (size["height"], size["width"], int(pipeline.vae.config["in_channels"]))
        self.step_arguments = {name: options[name] for name in ("eta",) if name in options}
        self.modules = [
            part
            for name, part in pipeline.components.items()
            if name in ("unet", "transformer", "vae") and part is not None
        ]

    def prior(self, generators: list[Any]) -> Any:
        """Return the latents from which the pipeline itself would start, one row for each generator."""
        return self._stopped_at_latents(len(generators), generators)

    def run(self, latents: Any, walk: list[int], generators: list[Any], finish: bool) -> Any:
        """Return images `(B, H, W, C)` when the leg finishes, else the latents at its end."""
        pipeline = self._with_scheduler(make_leg(self.pipeline.scheduler, walk, generators))
        output = pipeline(**self._arguments(latents, generators, "np" if finish else "latent"))
        flagged = getattr(output, "nsfw_content_detected", None)
        if flagged is not None and any(flagged):
            warnings.warn(
                f"the pipeline's safety checker blacked out {sum(map(bool, flagged))} of {len(flagged)} images, which "
                "a classifier sees as black; it is the pipeline's own setting",
                UserWarning,
                stacklevel=2,
            )
        return output.images

    def _arguments(self, latents: Any, generators: Any, output_type: str) -> dict[str, Any]:
        rows = len(generators)
        given = self._options | {"output_type": output_type, "generator": generators, "latents": latents}
        if self._embeddings is None:
            return given | self._prompts | {"num_images_per_prompt": rows}
        repeated = {name: value.repeat(rows, *[1] * (value.ndim - 1)) for name, value in self._embeddings.items()}
        # Prompts that were encoded once must not be given again, nor their variants.
        return {k: v for k, v in given.items() if not k.startswith(("prompt_", "negative_prompt_"))} | repeated

    def _with_scheduler(self, scheduler: Any) -> Any:
        own = copy.copy(self.pipeline)
        own.scheduler = scheduler
        return own

    def _encoded_prompts(self) -> dict[str, Any] | None:
        """Encode the prompts once, for the pipelines whose way to hand embeddings over is known."""
        import torch

        encode = getattr(self.pipeline, "encode_prompt", None)
        if encode is None or "prompt_embeds" not in self._accepted:
            return None
        known = set(inspect.signature(encode).parameters)
        guidance = self._options.get("guidance_scale", self._default("guidance_scale"))
        given = {
            **{name: value for name, value in self._options.items() if name in known},
            "device": self.pipeline._execution_device,
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": guidance is None or guidance > 1,
        }
        # A second or third encoder takes the first one's prompt when it has none of its own.
        given |= {name: None for name in ("prompt_2", "prompt_3") if name in known and name not in given}
        with torch.no_grad():
            found = encode(**{k: v for k, v in (given | self._prompts).items() if k in known})
            named = _named_embeddings(found, known, self._accepted)
            if named is not None and "negative_prompt" in self._prompts and "negative_prompt" not in known:
                other = {"prompt": self._prompts["negative_prompt"], "prompt_2": given.get("negative_prompt_2")}
                found = encode(**{k: v for k, v in (given | other).items() if k in known})
                again = _named_embeddings(found, known, self._accepted) or {}
                named |= {f"negative_{name}": value for name, value in again.items()}
        return named

    def _default(self, name: str) -> Any:
        default = inspect.signature(type(self.pipeline).__call__).parameters.get(name)
        return None if default is None or default.default is inspect.Parameter.empty else default.default

    def _stopped_at_latents(self, rows: int, generators: list[Any] | None = None) -> Any:
        import torch

        generators = generators or [torch.Generator().manual_seed(0) for _ in range(rows)]
        pipeline = self._with_scheduler(make_leg(self.pipeline.scheduler, scaled=True))
        prepare = pipeline.prepare_latents

        def prepare_and_stop(*args: Any, **kwargs: Any) -> Any:
            raise _LatentsReady(prepare(*args, **kwargs))

        pipeline.prepare_latents = prepare_and_stop
        try:
            with _explained(pipeline):
                pipeline(**self._arguments(None, generators, "latent"))
        except _LatentsReady as ready:
            return ready.latents
        raise ValueError(f"pipeline is a {type(pipeline).__name__}, which prepares no latents; {_served()}")

    def _asked_schedule(self, latents: Any) -> dict[str, Any]:
        import torch

        pipeline = self._with_scheduler(make_leg(self.pipeline.scheduler, stop=True))
        try:
            pipeline(**self._arguments(latents, [torch.Generator().manual_seed(0)], "latent"))
        except ScheduleAsked as asked:
            return asked.arguments
        raise ValueError(f"pipeline is a {type(pipeline).__name__}, which sets no timesteps; {_served()}")

    def _size(self) -> dict[str, int]:
        """Return the height and width of the images, in pixels; zero where the pipeline has no size of its own."""
        pipeline = self.pipeline
        vae, model = (getattr(pipeline, name, None) for name in ("vae", "unet"))
        model = model or getattr(pipeline, "transformer", None)
        if vae is None or model is None or "in_channels" not in vae.config:
            raise ValueError(f"pipeline is a {type(pipeline).__name__}; {_served()}")
        default = getattr(pipeline, "default_sample_size", None) or model.config.get("sample_size")
        sizes = default if isinstance(default, list | tuple) else (default, default)
        if len(sizes) != 2:
            raise ValueError(f"pipeline is a {type(pipeline).__name__}, whose samples are no images; {_served()}")
        own = {name: int(size or 0) * pipeline.vae_scale_factor for name, size in zip(_SIZES, sizes, strict=True)}
        return {name: self._options.get(name) or own[name] for name in _SIZES}


class _LatentsReady(Exception):
    def __init__(self, latents: Any):
        super().__init__("latents were prepared")
        self.latents = latents[0] if isinstance(latents, tuple) else latents


_SIZES = ("height", "width")
_OURS = {
    *("self", "kwargs", "prompt", "negative_prompt", "prompt_embeds", "negative_prompt_embeds", "num_inference_steps"),
    *("pooled_prompt_embeds", "negative_pooled_prompt_embeds", "generator", "latents", "output_type", "return_dict"),
    *("num_images_per_prompt", "timesteps", "sigmas", "denoising_end", "skip_guidance_layers"),
}
"""Arguments of a pipeline's call that are decided here, would change what a level is, or count steps from the top."""


def make_denoiser(
    pipeline: Any,
    steps: int,
    prompt: str | None,
    negative_prompt: str | None,
    options: Mapping[str, Any],
) -> PixelDenoiser | LatentDenoiser:
    """Return the way to run a pipeline.

    Raises:
        ValueError: the pipeline is of neither kind, or takes no such arguments.
    """
    accepted = set(inspect.signature(type(pipeline).__call__).parameters)
    if {"latents", "generator", "output_type", "num_inference_steps", "prompt"} <= accepted and not (
        accepted & {"image", "control_image", "mask_image"}
    ):
        return LatentDenoiser(pipeline, steps, prompt or "", negative_prompt, options)
    if {name for name, part in pipeline.components.items() if part is not None} == {"unet", "scheduler"}:
        for name, value in (("prompt", prompt), ("negative_prompt", negative_prompt)):
            if value is not None:
                raise ValueError(f"{name} = {value!r} cannot be used: a {type(pipeline).__name__} has no conditions")
        return PixelDenoiser(pipeline, steps, options)
    raise ValueError(f"pipeline is a {type(pipeline).__name__}; {_served()}")


@contextlib.contextmanager
def _explained(pipeline: Any) -> Iterator[None]:
    """Say of what a pipeline raises that it was its answer to the arguments given."""
    try:
        yield
    except (_LatentsReady, ImportError, MemoryError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"pipeline is a {type(pipeline).__name__}, which could not be called with these arguments: {error}"
        ) from error


def _served() -> str:
    return (
        f"pixel pipelines like {PIXEL_PIPELINES} and those that take latents and a prompt alone, like "
        f"{LATENT_PIPELINES}, can be used"
    )


def _check_options(pipeline: Any, options: Mapping[str, Any], allowed: set[str]) -> None:
    for name, value in options.items():
        if name not in allowed:
            raise ValueError(
                f"{name} = {value!r} cannot be used with a {type(pipeline).__name__}, which takes "
                f"{', '.join(sorted(allowed)) or 'nothing of the kind'}"
            )


def _named_embeddings(found: Any, known: set[str], accepted: set[str]) -> dict[str, Any] | None:
    """Name what a pipeline's `encode_prompt` returned, or return `None` when it is not known."""
    pooled = "pooled_prompt_embeds" in accepted
    if len(found) == 2 and "negative_prompt" in known and not pooled:
        names = ("prompt_embeds", "negative_prompt_embeds")
    elif len(found) == 4 and "negative_prompt" in known and pooled:
        names = (
            *("prompt_embeds", "negative_prompt_embeds"),
            *("pooled_prompt_embeds", "negative_pooled_prompt_embeds"),
        )
    elif len(found) == 3 and "negative_prompt" not in known and pooled:
        names = ("prompt_embeds", "pooled_prompt_embeds", None)
    else:
        return None
    return {name: value for name, value in zip(names, found, strict=True) if name and value is not None}


def finite(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return values, or raise `FloatingPointError` where the model has overflowed."""
    if not np.isfinite(values).all():
        raise FloatingPointError(
            f"the model put out values that are no numbers, in {dtype}; half precision can overflow: use "
            'dtype="bfloat16" or "float32"'
        )
    return values
