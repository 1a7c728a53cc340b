"""Between images, as people hold them, and what a model denoises: scaled pixels or the latents of an autoencoder."""

import collections
import hashlib
from typing import Any

import numpy as np

CACHED_BYTES = 256 << 20
"""Latents of so many bytes are kept, so that a source noised to many levels is encoded once."""


def check_images(x: Any, shape: tuple[int, int, int], name: str = "x") -> np.ndarray:
    """Return images as float32 `(B, H, W, C)`.

    Args:
        x: images with values from 0 to 1.
        shape: `(H, W, C)` that the model takes.
        name: of the argument, for messages.

    Raises:
        ValueError: the shape is another, a value lies outside of [0, 1] or is no number.
    """
    try:
        images = np.asarray(x, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of images (B, H, W, C), not a {type(x).__name__}") from None
    if images.ndim != 4 or images.shape[1:] != shape or not len(images):
        raise ValueError(f"{name} must be images of shape (B, {', '.join(map(str, shape))}), not {images.shape}")
    low, high = float(images.min()), float(images.max())
    if not (low >= -1e-6 and high <= 1 + 1e-6):  # also when one of them is NaN
        hint = "; divide by 255" if high > 2 and low >= 0 else ""
        raise ValueError(f"{name} must have values from 0 to 1, but they go from {low:g} to {high:g}{hint}")
    return np.clip(images, 0.0, 1.0)


def to_signed(images: np.ndarray) -> Any:
    """Return images `(B, H, W, C)` in [0, 1] as a tensor `(B, C, H, W)` in [-1, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))) * 2.0 - 1.0


def to_images(pixels: Any) -> np.ndarray:
    """Return a tensor `(B, C, H, W)` in [-1, 1] as images `(B, H, W, C)`, clipped to [0, 1]."""
    return (pixels.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()


class LatentEncoder:
    """Encodes images with a pipeline's autoencoder; each image once.

    Latents are the mode of the encoder's law, scaled (and for Flux packed) as the pipeline's denoiser
    takes them.
    """

    def __init__(self, pipeline: Any):
        self._pipeline = pipeline
        self._cache: collections.OrderedDict[bytes, np.ndarray] = collections.OrderedDict()

    def missing(self, images: np.ndarray) -> list[int]:
        """Return the rows whose latents are not kept."""
        return [i for i, image in enumerate(images) if self._name(image) not in self._cache]

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the latents of images, float32, and keep them."""
        latents = self._encode(images)
        for image, latent in zip(images, latents, strict=True):
            self._cache[self._name(image)] = latent
        return latents

    def recall(self, images: np.ndarray) -> np.ndarray:
        """Return the kept latents of images; all of them must have been encoded."""
        found = [self._cache[self._name(image)] for image in images]
        for image in images:
            self._cache.move_to_end(self._name(image))
        most = max(CACHED_BYTES // found[0].nbytes, len(images))
        while len(self._cache) > most:
            self._cache.popitem(last=False)
        return np.stack(found)

    @staticmethod
    def _name(image: np.ndarray) -> bytes:
        return hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()

    def _encode(self, images: np.ndarray) -> np.ndarray:
        import torch

        pipeline, vae = self._pipeline, self._pipeline.vae
        config = vae.config
        dtype = vae.dtype
        # Some autoencoders overflow in half precision and say so.
        upcast = dtype == torch.float16 and bool(config.get("force_upcast", False))
        with torch.no_grad():
            if upcast:
                vae.to(dtype=torch.float32)
            pixels = to_signed(images).to(device=pipeline._execution_device, dtype=vae.dtype)
            encoded = vae.encode(pixels)
            latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
            latents = latents.float()
            if upcast:
                vae.to(dtype=dtype)
            scale, shift = float(config.get("scaling_factor") or 1.0), config.get("shift_factor") or 0.0
            if config.get("latents_mean") is not None and config.get("latents_std") is not None:
                mean, std = (
                    torch.tensor(config[name]).view(1, -1, 1, 1).to(latents) for name in ("latents_mean", "latents_std")
                )
                latents = (latents - mean) * scale / std
            else:
                latents = (latents - shift) * scale
            if hasattr(pipeline, "_pack_latents"):
                latents = pipeline._pack_latents(latents, *latents.shape)
        return latents.cpu().numpy()
