"""A PNG writer for thumbnails: a few hundred bytes each and no imaging library."""

import base64
import struct
import zlib

import numpy as np


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encode grey ``(h, w)`` or RGB ``(h, w, 3)`` pixels, ``uint8``, as a PNG file.

    Raises:
        ValueError: For another shape or dtype.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(
            f"pixels has shape {pixels.shape} and dtype {pixels.dtype}; it must be uint8 (h, w) or (h, w, 3)."
        )
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # filter 0 on every row
    colour = 0 if pixels.ndim == 2 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def png_uri(image: np.ndarray, low: float, high: float) -> str:
    """A ``data:`` URI of an image in data units, ``low`` shown black and ``high`` white.

    Args:
        image: ``(h, w)``, ``(h, w, 1)`` or ``(h, w, 3)``; of more channels the first three are shown.
        low, high: Data values at the ends of the grey scale.
    """
    span = high - low if high > low else 1.0
    pixels = np.round(255 * np.clip((np.asarray(image) - low) / span, 0, 1)).astype(np.uint8)
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if pixels.shape[2] < 3 else pixels[..., :3]
    return "data:image/png;base64," + base64.b64encode(png_bytes(np.ascontiguousarray(pixels))).decode("ascii")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
