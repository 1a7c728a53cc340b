"""The two themes of the static pictures."""

from dataclasses import dataclass

from .colours import NEUTRAL, PAPER, Scheme


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``."""

    scheme: Scheme
    background: str
    ink: str
    muted: str
    rule: str
    grey: str  # water in which nothing is decided
    accent: str


LIGHT = Theme(
    scheme="light",
    background=PAPER["light"],
    ink="#1c2026",
    muted="#5c636d",
    rule="#c9ced6",
    grey=NEUTRAL["light"],
    accent="#c2304a",
)
DARK = Theme(
    scheme="dark",
    background=PAPER["dark"],
    ink="#eceff3",
    muted="#a3abb7",
    rule="#3d444e",
    grey=NEUTRAL["dark"],
    accent="#ff7d90",
)


def theme_named(name: str) -> Theme:
    """The theme called ``"light"`` or ``"dark"``.

    Raises:
        ValueError: For any other name.
    """
    if name not in ("light", "dark"):
        raise ValueError(f"theme is {name!r}; a static picture is 'light' or 'dark'.")
    return LIGHT if name == "light" else DARK
