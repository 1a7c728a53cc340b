import base64
import struct
import zlib

import numpy as np
import pytest

from critwin_widgets.export.png import png_bytes, png_uri


def decode(data):
    """Pixels of an 8-bit PNG without row filters, by the PNG specification."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    channels = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    pixels = rows[:, 1:].reshape(height, width, channels)
    return pixels[..., 0] if channels == 1 else pixels


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
def test_pixels_come_back(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decode(png_bytes(pixels)), pixels)


def test_data_values_become_grey_levels():
    image = np.array([[-2.0, -1.0], [0.0, 1.0]])
    uri = png_uri(image, -1.0, 1.0)
    pixels = decode(base64.b64decode(uri.removeprefix("data:image/png;base64,")))
    np.testing.assert_array_equal(pixels, [[0, 0], [128, 255]])
    flat = decode(base64.b64decode(png_uri(image[..., None], 0.0, 0.0).partition(",")[2]))
    assert flat.shape == (2, 2)
    four = decode(base64.b64decode(png_uri(np.zeros((2, 2, 4)), 0.0, 1.0).partition(",")[2]))
    assert four.shape == (2, 2, 3)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(pixels):
    with pytest.raises(ValueError, match=r"it must be uint8 \(h, w\) or \(h, w, 3\)"):
        png_bytes(pixels)
