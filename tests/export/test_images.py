"""Grids of images: what is drawn, in words and in pixels, and what is refused."""

import base64
import re
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest

import critwin_widgets as cw

SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg):
    return ElementTree.fromstring(svg).findall(f".//{SVG}image")


def first_pixels(element, height, width):
    data = base64.b64decode(element.get("href").partition(",")[2])
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    raw = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8)
    return raw.reshape(height, width + 1)[:, 1:]


def test_every_image_is_drawn_with_its_own_values():
    images = np.linspace(-1, 1, 5 * 6).reshape(5, 2, 3)
    found = drawn(cw.image_grid(images, columns=2).svg())
    assert len(found) == 5
    np.testing.assert_array_equal(first_pixels(found[4], 2, 3), np.round(255 * (images[4] + 1) / 2))
    places = [(float(one.get("x")), float(one.get("y"))) for one in found]
    assert len({y for _, y in places}) == 3
    assert len({x for x, _ in places}) == 2


def test_captions_are_text_and_never_markup():
    grid = cw.image_grid({"<b>t = 1</b>": np.zeros((2, 4)), "t = 2": np.ones((1, 4))}, shape=(2, 2), title="A & B")
    texts = [one.text for one in ElementTree.fromstring(grid.svg("dark")).iter(f"{SVG}text")]
    assert texts == ["A & B", "<b>t = 1</b>", "t = 2"]


def test_a_notebook_gets_a_picture_for_both_themes_and_words():
    bundle = cw.image_grid(np.zeros((3, 2, 2, 3)), title="Three")._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert "prefers-color-scheme: dark" in bundle["text/html"]
    assert re.search(r'alt="Three: rows of images: 3\."', bundle["text/html"])


@pytest.mark.parametrize(
    ("images", "options", "words"),
    [
        (np.zeros((0, 2, 2)), {}, r"images must have shape \(n, h, w\)"),
        ({}, {}, "at least one row"),
        (np.zeros((2, 4)), {}, "flat ones need shape="),
        (np.zeros((2, 4)), {"shape": (3, 2)}, r"shape \(n, 6\)"),
        ("abc", {}, "must be an array of images"),
        (np.full((1, 2, 2), np.nan), {}, "4 values are not"),
        ({"a": np.zeros((1, 2, 2)), "b": np.zeros((1, 3, 3))}, {}, "must have one shape"),
        (np.zeros((4097, 1, 1)), {}, "at most 4096"),
        (np.zeros((1, 2, 2)), {"size": 4}, "size must lie"),
        (np.zeros((1, 2, 2)), {"columns": 0}, "columns must"),
        (np.zeros((1, 2, 2)), {"span": (1, 0)}, "span must be"),
        (np.zeros((1, 2, 2)), {"theme": "drak"}, "did you mean 'dark'"),
    ],
)
def test_bad_input_is_named(images, options, words):
    with pytest.raises(ValueError, match=words):
        cw.image_grid(images, **options)
