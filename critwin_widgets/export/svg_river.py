"""The river of decisions as a static SVG, for readers without a kernel."""

from typing import Any

import numpy as np

from ._axis import Axis, time_axis_of
from ._features_panel import features_panel, guides, read_features
from ._frame import LEFT, check_width, closing, heading, time_axis
from ._labels_layout import Placed, plateau_labels
from ._river_layout import River, gradient_stops, river_layout
from ._svg import decimate, document, fit_text, number, polyline, spread, tag, text_width
from ._theme import Theme, theme_named
from ._tree_view import TreeView, read_tree
from ._words import alternative_text, certified_words
from .colours import text_on, to_hex
from .png import png_uri


def river_svg(
    tree: Any, *, title: str | None = None, theme: str = "light", clock: str = "t", width: float = 960
) -> str:
    """Draw the river of a mixture tree.

    Stream widths are component weights; the gap between two streams and the difference of their
    colours are the decided fraction of the split between them, so where the water parts is where the
    sampler chooses. Brackets on the bank mark certified plateaus. Below, on the same axis, the decided
    fraction of each feature with its half-way time.

    Args:
        tree: A ``MixtureTree``.
        title: Heading; "When is what decided?" when omitted.
        theme: "light" or "dark".
        clock: "t", "sigma", "alpha_bar" or "log_snr"; of masked tokens the unit of their levels.
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document: no scripts, no outside references, labels as text.

    Raises:
        ValueError: For an unknown theme or clock, or a width below 320.
    """
    check_width(width)
    colours, view = theme_named(theme), read_tree(tree)
    title = "When is what decided?" if title is None else title
    thumbs = _Thumbnails(tree)
    count = len(view.order)
    names = [fit_text(view.labels[k], 12.5, 0.26 * width) for k in view.order]
    label_room = max(text_width(name, 12.5) for name in names) + 46 + (thumbs.size + 8 if thumbs.some else 0)
    features = read_features(tree)
    axis = time_axis_of(tree, clock, LEFT, width - label_room - 16)
    top, height = 54.0, min(130.0 + 25 * count, 600.0) if count > 1 else 60.0
    river = river_layout(view, axis, colours, top, height)
    features_top = top + height + 36
    panel, bottom = features_panel(features, axis, colours, features_top)
    below, end = closing(certified_words(tree, view), colours, bottom + 58, width)
    parts = [
        heading(title, colours, width),
        guides(features, axis, colours, top, features_top),
        _streams(view, river, colours),
        _brackets(view, river, axis, colours),
        _labels_inside(view, river, axis, thumbs, colours),
        _labels_right(view, river, names, thumbs, colours, axis.x1, top, height),
        panel,
        time_axis(axis, colours, bottom),
        below,
    ]
    return document(
        width,
        end,
        *parts,
        title=title,
        description=alternative_text(tree, view),
        background=colours.background,
    )


class _Thumbnails:
    """Mean images of sub-mixtures as data URIs; none when the data are not images."""

    def __init__(self, tree: Any) -> None:
        shape = getattr(tree.mixture, "image_shape", None)
        count = len(tree.mixture.labels)
        self.some = shape is not None and count <= 40
        self.size = 32.0 if count <= 12 else 24.0
        if shape is not None:
            means = np.asarray(tree.mixture.component_means, dtype=np.float64)
            self._images = means.reshape(len(means), *shape)
            self._weights = np.asarray(tree.mixture.weights, dtype=np.float64)
            self._range = float(means.min()), float(means.max())

    def draw(self, subset: tuple[int, ...], x: float, y: float, size: float, frame: str) -> str:
        """The mean image of a sub-mixture in a rounded frame."""
        rows = list(subset)
        share = self._weights[rows] / self._weights[rows].sum()
        uri = png_uri(np.tensordot(share, self._images[rows], axes=1), *self._range)
        box = {"x": x - 1.5, "y": y - 1.5, "width": size + 3, "height": size + 3, "rx": "4", "fill": frame}
        image = {"x": x, "y": y, "width": size, "height": size, "href": uri, "style": "image-rendering:pixelated"}
        return tag("rect", box) + tag("image", image)


def _streams(view: TreeView, river: River, theme: Theme) -> str:
    defs, soft, bodies = [], [], []
    extent = {"x1": float(river.x[0]), "x2": float(river.x[-1])}
    for component in view.order:
        name = f"s{component}"
        stops = [
            tag("stop", {"offset": f"{offset:.3f}".rstrip("0").rstrip("."), "stop_color": colour})
            for offset, colour in gradient_stops(river.x, river.colour[component])
        ]
        defs.append(tag("linearGradient", {"id": name, "gradientUnits": "userSpaceOnUse", **extent}, *stops))
        above, below, doubt = river.top[component], river.bottom[component], river.soft[component]
        if doubt.max() > 0.6:
            shape = _area(river.x, above - doubt, below + doubt)
            soft.append(tag("path", {"d": shape, "fill": f"url(#{name})"}))
        about = f"{view.labels[component]}: weight {view.weights[component]:.3g}"
        # A hair's outline: where streams touch, the page would otherwise shine through between them.
        body = {"d": _area(river.x, above, below), "fill": f"url(#{name})", "stroke": f"url(#{name})"}
        bodies.append(tag("path", body | {"stroke_width": "0.5"}, tag("title", text=about)))
    edges = tag("g", {"opacity": "0.35"}, *soft) if soft else ""
    return tag("defs", None, *defs) + edges + "".join(bodies)


def _area(x: np.ndarray, above: np.ndarray, below: np.ndarray) -> str:
    upper = decimate(np.column_stack([x, above]))
    lower = decimate(np.column_stack([x, below]))[::-1]
    return polyline(np.concatenate([upper, lower]), close=True)


def _brackets(view: TreeView, river: River, axis: Axis, theme: Theme) -> str:
    marks = []
    fine = 1.0 if len(view.order) <= 24 else 0.5  # many streams leave little water between them
    for vertex, (end, start) in view.plateaus.items():
        if vertex == 0:
            continue  # the root's plateau is everything to the left and says nothing
        lift = fine * (4.0 + 3.5 * max(max(view.depth) - view.depth[vertex], 0))
        bank = river.band(view.subsets[vertex])[0] - lift
        low, high = float(axis.x(start)), float(axis.x(end))
        if high - low < 1.5:  # a plateau too short to see is still there: show it as a dot's width
            low, high = low - 0.75, high + 0.75
        inside = (river.x > low) & (river.x < high)
        x = np.concatenate([[low], river.x[inside], [high]])
        line = np.column_stack([x, np.interp(x, river.x, bank)])
        ticks = f"M{number(low)} {number(line[0, 1] + 3)}v-3" + f"M{number(high)} {number(line[-1, 1])}v3"
        about = f"{view.names[vertex]}: decided and nothing more from {axis.show(start)} to {axis.show(end)}"
        marks.append(tag("path", {"d": polyline(decimate(line)) + ticks}, tag("title", text=about)))
    style = {"fill": "none", "stroke": theme.ink, "stroke_width": 1.8 * fine, "stroke_linecap": "round"}
    return tag("g", style, *marks) if marks else ""


def _labels_inside(view: TreeView, river: River, axis: Axis, thumbs: _Thumbnails, theme: Theme) -> str:
    drawn = []
    for placed in plateau_labels(view, river, axis, thumbs.some):
        if placed.thumb:
            drawn.append(thumbs.draw(view.subsets[placed.vertex], placed.x, placed.y - 15, 30, "#ffffff"))
        drawn.append(_label(placed))
    return "".join(drawn)


def _label(placed: Placed) -> str:
    fill = text_on(placed.colour)
    attributes = {
        "x": placed.x + (37 if placed.thumb else 0),
        "y": placed.y + 4.2,
        "font_size": "12",
        "font_weight": "600",
        "fill": fill,
        "stroke": placed.colour,
        "stroke_width": "3",
        "stroke_linejoin": "round",
        "paint_order": "stroke",
    }
    return tag("text", attributes, text=placed.text)


def _labels_right(
    view: TreeView,
    river: River,
    names: list[str],
    thumbs: _Thumbnails,
    theme: Theme,
    x: float,
    top: float,
    height: float,
) -> str:
    middle = [0.5 * (river.top[k, -1] + river.bottom[k, -1]) for k in view.order]
    pitch = thumbs.size + 4 if thumbs.some else 16.0
    places = spread(middle, pitch, top + 4, top + height - 4)
    step = min(np.diff(places), default=pitch)
    # Where even the closest packing leaves no room for type, the heaviest keep their labels.
    every = int(np.ceil(10.5 / step)) if step < 10.5 else 1
    size = min(thumbs.size, max(step - 3, 6.0)) if thumbs.some else 0.0
    drawn = []
    for i, k in enumerate(view.order):
        y, colour = places[i], to_hex(river.colour[k, -1])
        bend = f"M{number(x + 1)} {number(middle[i])}L{number(x + 12)} {number(y)}"
        drawn.append(tag("path", {"d": bend, "stroke": colour, "stroke_width": "1.5", "fill": "none"}))
        if thumbs.some:
            drawn.append(thumbs.draw((k,), x + 16, y - size / 2, size, theme.rule))
        if i % every == 0:
            weight = tag("tspan", {"fill": theme.muted, "font_size": "10.5", "dx": "6"}, text=f"{view.weights[k]:.2f}")
            text = tag("tspan", text=names[i])
            place = {"x": x + 16 + (size + 8 if size else 0), "y": y + 4, "font_size": "12.5", "fill": theme.ink}
            drawn.append(tag("text", place, tag("title", text=view.labels[k]), text, weight))
    return "".join(drawn)
