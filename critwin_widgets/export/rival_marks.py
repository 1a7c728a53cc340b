"""Times that theories predict, as vertical lines on the time axis."""

from dataclasses import dataclass
from typing import Any

from ..theory import Time, rival_times

_SYMBOLS = {"symmetry breaking": "symmetry"}
_ABOUT = {
    "speciation": "the signal in the most spread direction is as large as the noise",
    "symmetry breaking": "the central fixed point of the reverse drift loses stability",
    "collapse": "from here on a sampler that knows only the training points goes to one of them",
}


@dataclass(frozen=True)
class Mark:
    """A vertical line of the picture.

    Attributes:
        symbol: Short name.
        name: The name in words.
        time: OU time with its interval and status.
        about: What it says, in a sentence without a full stop.
        rival: Whether it comes from another theory than LKC25's.
    """

    symbol: str
    name: str
    time: Time
    about: str
    rival: bool = False


def rival_marks(mixture: Any, n_training: int | None = None) -> tuple[Mark, ...]:
    """The rivals' times for a mixture, those that do not exist included.

    Args:
        mixture: A mixture.
        n_training: Number of training points, for the collapse time.
    """
    found = rival_times(mixture, n_training)
    marks = []
    for i, name in enumerate(map(str, found["rival"].values)):
        value, low, high = (float(found[column].values[i]) for column in ("time", "time_low", "time_high"))
        status, method = (str(found[column].values[i]) for column in ("status", "method"))
        marks.append(_mark(name, Time(value, low, high, status, method)))
    return tuple(marks)


def _mark(name: str, time: Time) -> Mark:
    return Mark(_SYMBOLS.get(name, name), name, time, _ABOUT[name], rival=True)
