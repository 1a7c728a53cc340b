"""A membership report as a static SVG: return rates by level beside ROC curves."""

from typing import Any

import numpy as np

from ._frame import LEFT, check_width, closing, heading, small
from ._level_axis import LevelAxis
from ._svg import decimate, document, fit_text, number, polyline, tag, text_width
from ._theme import Theme, theme_named
from .colours import feature_line

HEIGHT = 230.0


def membership_svg(
    report: Any, words: str, *, theme: str = "light", title: str | None = None, width: float = 960
) -> str:
    """Draw how often members and others came back at each level, and the ROC curve of each statistic.

    Args:
        report: A membership report: its ``levels``, ``statistics``, ``roc`` and ``settings`` are drawn.
        words: What it says, for readers who do not see it.
        theme: "light" or "dark".
        title: Heading.
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme, or a width below 320.
    """
    check_width(width)
    colours = theme_named(theme)
    title = "Do training samples come back more often?" if title is None else title
    wide = width >= 720
    edge = 0.48 * width if wide else width - LEFT
    left, bottom = _rates(report, colours, LEFT + 40, edge, 66.0)
    start = (edge + 66, width - LEFT) if wide else (LEFT + 40, width - LEFT)
    right, low = _roc(report, colours, *start, 66.0 if wide else bottom + 34)
    told, end = closing(_caption(report), colours, max(bottom, low) + 26, width)
    parts = [heading(title, colours, width), left, right, told]
    return document(width, end, *parts, title=title, description=words, background=colours.background)


def _rates(report: Any, theme: Theme, x0: float, x1: float, top: float) -> tuple[str, float]:
    levels, index = report.levels, report.settings["index"]
    where, bottom = levels["level"].values.astype(float), top + HEIGHT
    name = f"noise level {index['symbol']} ({index['name']})"
    axis = LevelAxis(where[0], where[-1], x0, x1, name, bool(index.get("whole")))
    x = np.asarray(axis.x(where))
    means = np.concatenate([levels[name].values for name in ("members", "non_members")])
    inside = bool(((means >= 0) & (means <= 1)).all())  # a closeness of the user's own has another scale
    ends = (0.0, 1.0) if inside else (float(means.min()), float(max(means.max(), means.min() + 1e-9)))

    def y_of(rate: np.ndarray) -> np.ndarray:
        return bottom - HEIGHT * np.clip((rate - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)

    parts = [small(LEFT, top - 12, "how often samples come back" if inside else "how close samples come back", theme)]
    parts += _grid(theme, x0, x1, top, bottom, ends, inside)
    for j, (column, name) in enumerate((("members", "members"), ("non_members", "non-members"))):
        colour, dash = feature_line(j, theme.scheme)
        mean, reach = levels[column].values, 1.96 * levels[f"{column}_error"].values
        band = np.concatenate(
            [np.column_stack([x, y_of(mean + reach)]), np.column_stack([x, y_of(mean - reach)])[::-1]]
        )
        parts.append(tag("path", {"d": polyline(band, close=True), "fill": colour, "fill_opacity": "0.14"}))
        line = {"d": polyline(np.column_stack([x, y_of(mean)])), "fill": "none", "stroke": colour}
        parts.append(tag("path", line | {"stroke_width": "2", "stroke_dasharray": dash}, tag("title", text=name)))
    sizes = (report.settings["members"], report.settings["non_members"])
    names = [f"{name} ({size})" for name, size in zip(("members", "non-members"), sizes, strict=True)]
    parts.append(_names(names, theme, x0 + 10, top + 20, x1))  # towards noise nothing comes back
    return "".join([*parts, axis.draw(theme, bottom)]), bottom + 40


def _roc(report: Any, theme: Theme, x0: float, x1: float, top: float) -> tuple[str, float]:
    bottom = top + HEIGHT
    parts = [small(x0 - 40, top - 12, "members found, against non-members taken for members", theme)]
    parts += _grid(theme, x0, x1, top, bottom, (0.0, 1.0), True)
    chance = {"d": f"M{number(x0)} {number(bottom)}L{number(x1)} {number(top)}", "stroke": theme.rule}
    parts.append(tag("path", chance))
    at = x0 + 0.01 * (x1 - x0)
    mark = {"d": f"M{number(at)} {number(top)}V{number(bottom)}", "stroke": theme.accent, "stroke_dasharray": "2 3"}
    parts.append(tag("path", mark, tag("title", text="1 % false positives")))
    names = []
    for j, (name, curve) in enumerate(report.roc.items()):
        colour, dash = feature_line(j, theme.scheme)
        points = np.column_stack([x0 + (x1 - x0) * curve[:, 0], bottom - HEIGHT * curve[:, 1]])
        line = {"d": polyline(decimate(points)), "fill": "none", "stroke": colour, "stroke_width": "2"}
        parts.append(tag("path", line | {"stroke_dasharray": dash}, tag("title", text=name)))
        one = report.statistics.sel(statistic=name)
        names.append(f"{name}: AUC {one['auc'].item():.3f} [{one['low'].item():.3f}, {one['high'].item():.3f}]")
    widest = max(text_width(name, 11.5) for name in names) + 40
    parts.append(_names(names, theme, max(x1 - widest, x0 + 8), bottom - 12 - 18 * (len(names) - 1), x1))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(small(x0 + share * (x1 - x0), bottom + 18, f"{100 * share:g} %", theme, anchor="middle"))
    parts.append(small(0.5 * (x0 + x1), bottom + 35, "non-members taken for members", theme, anchor="middle"))
    return "".join(parts), bottom + 40


def _grid(theme: Theme, x0: float, x1: float, top: float, bottom: float, ends: tuple[float, float], share: bool):
    parts = []
    for k in range(5):
        y = bottom + (top - bottom) * k / 4
        rule = {"d": f"M{number(x0)} {number(y)}H{number(x1)}", "stroke": theme.rule}
        parts.append(tag("path", rule | {"stroke_dasharray": None if k in (0, 4) else "2 4"}))
        value = ends[0] + (ends[1] - ends[0]) * k / 4
        text = f"{100 * value:g} %" if share else f"{value:.3g}".replace("-", "−")
        parts.append(small(x0 - 6, y + 4, text, theme, anchor="end"))
    return parts


def _names(names: list[str], theme: Theme, x: float, y: float, x1: float) -> str:
    parts = []
    for j, name in enumerate(names):
        colour, dash = feature_line(j, theme.scheme)
        line = {"d": f"M{number(x)} {number(y - 4 + 18 * j)}h24", "stroke": colour, "stroke_width": "2"}
        parts.append(tag("path", line | {"stroke_dasharray": dash}))
        halo = {"stroke": theme.background, "stroke_width": "3", "paint_order": "stroke"}
        place = {"x": x + 30, "y": y + 18 * j, "font_size": "11.5", "fill": theme.ink} | halo
        parts.append(tag("text", place, text=fit_text(name, 11.5, x1 - x - 30)))
    return "".join(parts)


def _caption(report: Any) -> str:
    sure = f"{100 * report.settings['confidence']:g} %"
    return (
        f"Back means {report.settings['returns']}. Bands: 95 % of the mean over samples. AUC with {sure} intervals; "
        "1/2 is guessing. Red: 1 % false positives. A test that fails does not prove privacy."
    )
