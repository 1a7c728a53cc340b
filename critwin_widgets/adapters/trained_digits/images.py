"""The handwritten digits, split into images that the model was trained on and images that it never saw."""

import dataclasses

import numpy as np

from ..datasets import digits

HELD_OUT = 360
_SEED = 20


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Split:
    """The 1,797 digits in two parts.

    Attributes:
        members: images the model was trained on, `(1437, 64)`, grey levels in [-1, 1].
        non_members: images held out, `(360, 64)`.
        member_digits, non_member_digits: which digit each shows, text `(n,)`.
    """

    members: np.ndarray
    member_digits: np.ndarray
    non_members: np.ndarray
    non_member_digits: np.ndarray


def split_digits() -> Split:
    """Return the split that the stored weights were trained on, the same every time.

    Raises:
        ImportError: scikit-learn, which carries the images, is missing.
    """
    data = digits()
    labels = np.asarray(data.y["digit"])
    rng = np.random.default_rng(_SEED)
    held = np.zeros(len(labels), bool)
    # The same share of every digit is held out.
    for digit in np.unique(labels):
        own = np.flatnonzero(labels == digit)
        held[rng.choice(own, HELD_OUT // 10, replace=False)] = True
    return Split(data.X[~held], labels[~held], data.X[held], labels[held])
