"""Hiding the static output above a live view that has no JavaScript of ours in it."""

from __future__ import annotations

import anywidget


class StaticHider(anywidget.AnyWidget):
    """An empty widget inside a composed one: hides the static output above while it is on screen.

    `HierarchyTree`'s own view does the same for itself; widgets put together from bqplot and
    ipywidgets have no code of ours in the page that could.
    """

    _esm = """
    export default {
      render({ el }) {
        el.style.display = "none";
        let hidden = null, timer = 0, tries = 0;
        const look = () => {
          // Hosts attach a view some time after it is rendered.
          const own = el.isConnected ? el.closest(".jp-OutputArea-child") : null;
          const before = own?.previousElementSibling;
          if (before?.querySelector(".critwin-static")) {
            hidden = before;
            hidden.style.display = "none";
          } else if (++tries < 40) {
            timer = setTimeout(look, 50);
          }
        };
        look();
        return () => {
          clearTimeout(timer);
          if (hidden) hidden.style.display = "";
        };
      },
    };
    """
