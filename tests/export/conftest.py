import pytest

from critwin_widgets.adapters import hierarchy, scenes
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import mixture_tree

HOSTILE = ("<script>alert(1)</script>", 'a "quoted" & <b>bold</b> name', "bad\x00\x1b char\ud800")


@pytest.fixture(scope="session")
def scene_tree():
    return mixture_tree(scenes(1, size=16).mixture(), 0.1)


@pytest.fixture(scope="session")
def deep_tree():
    return mixture_tree(hierarchy(n=1).mixture(), 0.1)


@pytest.fixture(scope="session")
def hostile_tree():
    mixture = GaussianMixture(
        [[-60.0], [-57.0], [60.0]],
        [1.0, 0.5, 1.7],
        weights=[0.2, 0.3, 0.5],
        labels=HOSTILE,
        features={"<i>side</i>": ["=l", "=l", "r"]},
    )
    return mixture_tree(mixture, 0.1)


@pytest.fixture(scope="session")
def single_tree():
    return mixture_tree(GaussianMixture([[0.0, 0.0]], [1.0]), 0.1)


@pytest.fixture(scope="session")
def overlapping_tree():
    """Two components on top of each other and one apart: never told apart at this ε."""
    return mixture_tree(GaussianMixture([[0.0], [0.1], [9.0]], [1.0, 1.0, 1.0]), 0.1)


@pytest.fixture(scope="session")
def weak_tree():
    """Two components so close that no plateau exists at ε = 0.1."""
    return mixture_tree(GaussianMixture([[-1.0], [1.0]], [1.0, 1.0]), 0.1)
