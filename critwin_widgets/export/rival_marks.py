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
    columns = ("time", "time_low", "time_high", "status", "method")
    rows = {str(name): [found[c].values[i] for c in columns] for i, name in enumerate(found["rival"].values)}
    return tuple(_mark(name, Time(*map(float, row[:3]), *map(str, row[3:]))) for name, row in rows.items())


def _mark(name: str, time: Time) -> Mark:
    return Mark(_SYMBOLS.get(name, name), name, time, _ABOUT[name], rival=True)
