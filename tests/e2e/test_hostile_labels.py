"""Labels with markup in them are text wherever they appear, and run nowhere."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.desk import Desk
from tests.e2e.lab import LabServer
from tests.e2e.river import River

HOSTILE = '<img src=x onerror="window.__harmed=1"><script>window.__harmed=1</script>'
CELLS = [
    f"""import critwin_widgets as cw
bad = {HOSTILE!r}
mixture = cw.GaussianMixture(
    [[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=[bad, "</svg>" + bad, "plain"],
    features={{bad: [bad, bad, "q"]}},
)
tree = cw.mixture_tree(mixture, eps=0.1)""",
    "river = cw.HierarchyTree(tree, title=bad, show_table=True)\nriver",
    "cw.SeparationCurves(tree)",
    "print(tree)",
]


def test_hostile_labels_are_inert(open_desk: Callable[..., Desk], lab: LabServer) -> None:
    desk = open_desk(lab.add_notebook("hostile.ipynb", CELLS))
    desk.run_all()
    river = River(desk.cell(1))
    river.items.nth(1).hover()
    river.click(river.items.nth(2))
    expect(river.root.locator(".cw-title")).to_have_text(HOSTILE)
    desk.picture("hostile")
    desk.cell(2)
    desk.page.wait_for_timeout(500)
    assert desk.page.evaluate("() => window.__harmed") is None
    assert desk.page.locator("img[onerror]").count() == 0
    desk.watch.verify()
