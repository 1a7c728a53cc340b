"""Times that other theories predict, as marks on the time axis."""

from dataclasses import dataclass
from typing import Any

from ..theory import Time


@dataclass(frozen=True)
class Mark:
    """A vertical line of the picture.

    Attributes:
        symbol: Short name, for the narrow picture.
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


def rival_marks(mixture: Any) -> list[Mark]:
    """The rivals that say something about this mixture."""
    return []
