"""A HierarchyTree on a page, by the roles and names that a person or a screen reader finds it by."""

from __future__ import annotations

from playwright.sync_api import Locator


class River:
    """One view of the widget.

    Args:
      root: an element that contains exactly this view.
    """

    def __init__(self, root: Locator) -> None:
        self.root = root.locator(".critwin").first
        self.root.wait_for(timeout=60_000)
        self.page = root.page
        self.eps = self.root.get_by_role("slider", name="ε")
        self.cursor = self.root.get_by_role("slider", name="Time cursor")
        self.sentence = self.root.locator(".cw-say")
        self.census = self.root.locator(".cw-census")
        self.streams = self.root.locator(".cw-stream")
        self.items = self.root.get_by_role("treeitem")

    def click(self, item: Locator) -> None:
        """Clicks a vertex where it shows: streams bend, so their box's centre may be sky."""
        item.scroll_into_view_if_needed()
        point = item.evaluate(
            """item => {
              const box = item.getBoundingClientRect();
              for (let i = 1; i < 40; i++) for (let j = 1; j < 40; j++) {
                const [x, y] = [box.right - box.width * i / 40, box.top + box.height * j / 40];
                if (document.elementFromPoint(x, y) === item) return [x, y];
              }
              return null;
            }"""
        )
        assert point is not None, "the vertex shows nowhere"
        self.page.mouse.click(*point)

    def button(self, name: str) -> Locator:
        """A button by its accessible name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def set_eps_by_mouse(self, fraction: float) -> None:
        """Drags ε's knob to a fraction of its track."""
        self.eps.scroll_into_view_if_needed()
        box = self.eps.bounding_box()
        assert box is not None
        low, high, now = (float(str(self.eps.evaluate(f"e => e.{name}"))) for name in ("min", "max", "value"))
        y = box["y"] + box["height"] / 2
        # A range's knob stays inside its track, by half its own width at either end.
        knob = 16.0
        run = box["width"] - knob
        self.page.mouse.move(box["x"] + knob / 2 + run * (now - low) / (high - low), y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + knob / 2 + run * fraction, y, steps=12)
        self.page.mouse.up()

    def drag_cursor(self, pixels: float) -> None:
        """Drags the time cursor sideways by its pill."""
        self.cursor.scroll_into_view_if_needed()
        box = self.cursor.locator(".cw-pill").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + pixels, y, steps=15)
        self.page.mouse.up()

    def settle(self) -> None:
        """Waits until the page has drawn what it was told and has told the kernel."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")

    def time(self) -> float:
        """OU time of the cursor, as the page has it."""
        return float(str(self.cursor.get_attribute("aria-valuenow")))
