"""Names on the components: labels, features, and the shape of images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._types import Features


def check_labels(labels: Sequence[Any] | None, count: int) -> tuple[str, ...]:
    """Return `count` distinct labels as strings, "0", "1", ... when none are given."""
    if labels is None:
        return tuple(str(k) for k in range(count))
    if isinstance(labels, str):
        raise ValueError(f"labels must be a sequence of {count} names, not the string {labels!r}")
    names = tuple(str(label) for label in labels)
    if len(names) != count:
        raise ValueError(f"labels must have one name per component ({count}), not {len(names)}")
    if len(set(names)) != count:
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"labels must be distinct, but {twice!r} occurs {names.count(twice)} times")
    return names


def check_features(features: Features | None, count: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return features as hashable pairs `(name, values)`, one value per component."""
    if features is None:
        return ()
    if not isinstance(features, Mapping):
        raise ValueError(f"features must map each feature's name to its {count} values, not {type(features).__name__}")
    checked = []
    for name, values in features.items():
        if isinstance(values, str) or len(values) != count:
            raise ValueError(f"features[{name!r}] must have one value per component ({count}), not {len(values)}")
        checked.append((str(name), tuple(str(value) for value in values)))
    return tuple(checked)


def check_image_shape(image_shape: Sequence[int] | None, dim: int) -> tuple[int, ...] | None:
    """Return `(h, w)` or `(h, w, c)` with product `dim` and 1, 3 or 4 channels."""
    if image_shape is None:
        return None
    shape = tuple(int(size) for size in image_shape)
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or int(np.prod(shape)) != dim or channels not in (1, 3, 4):
        raise ValueError(f"image_shape must be (h, w) or (h, w, c) with c in (1, 3, 4) and product {dim}, not {shape}")
    return shape
