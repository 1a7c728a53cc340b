"""Data sets the quickstart looks at; nothing is fetched, each comes with a package or is drawn here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..engine import GaussianMixture
from ._labels import JOIN
from ._optional import require
from ._scenes import render_scenes
from .labelled import from_labelled
from .sklearn import from_sklearn

PENGUIN_COLUMNS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


@dataclass(frozen=True, eq=False, repr=False)
class DataSet:
    """Examples, their labels, and how to turn them into a mixture.

    Attributes:
        name: Short name, as in the presets of ``Explorer``.
        X: Examples, shape ``(n, d)``, float64.
        y: Feature name → label of each example, arrays of shape ``(n,)``.
        columns: Names of the d columns; empty for pixels.
        image_shape: ``(h, w)`` or ``(h, w, c)`` for images, else ``None``.
        description: What the data are, where from, and in which units.
    """

    name: str
    X: np.ndarray
    y: Mapping[str, np.ndarray]
    columns: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    description: str
    _build: Callable[[], GaussianMixture]

    def __repr__(self) -> str:
        rows, columns = self.X.shape
        return f"DataSet({self.name!r}, {rows} × {columns}, labels {', '.join(self.y)}): {self.description}"

    def mixture(self) -> GaussianMixture:
        """The mixture this data set stands for: fitted, or exact where the generator is known."""
        return self._build()


def penguins() -> DataSet:
    """333 penguins of three species and two sexes, four body measurements, standardised.

    Horst, Hill & Gorman, *palmerpenguins* (2020): the complete rows of the 344 birds measured at
    Palmer Station. Columns are standardised to mean 0 and variance 1, since millimetres and grams
    have no common scale; a component is a species × sex, with the tied covariance of
    ``from_labelled``.

    Raises:
        ImportError: When palmerpenguins (or pandas, which it needs) is missing.
    """
    table = require("palmerpenguins", "The penguins data set").load_penguins().dropna()
    raw = table[list(PENGUIN_COLUMNS)].to_numpy(dtype=np.float64)
    X = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    y = {name: table[name].to_numpy(dtype=object).astype(str) for name in ("species", "sex")}
    return DataSet(
        name="penguins",
        X=X,
        y=y,
        columns=PENGUIN_COLUMNS,
        image_shape=None,
        description="333 Palmer penguins, 4 measurements standardised to variance 1; species × sex.",
        _build=lambda: from_labelled(X, y, covariance_type="tied"),
    )


def digits(styles: int = 1, *, seed: int = 0) -> DataSet:
    """1,797 handwritten digits of 8 × 8 pixels from scikit-learn, grey levels scaled to [-1, 1].

    Args:
        styles: Components per digit. With 1, one component per digit by ``from_labelled`` (tied
            covariance, Ledoit–Wolf). With more, each digit's images are split by k-means, one
            scikit-learn ``GaussianMixture`` with tied covariance is fitted to all images from
            there, and ``from_sklearn`` takes it over; digit and style are then two features.
            Styles are lettered from the most upright to the most slanted mean image of a digit.
        seed: Seed of the k-means starts.

    Raises:
        ValueError: For ``styles`` below 1 or above 8 (a digit has about 180 images).
        ImportError: When scikit-learn is missing.
    """
    if not isinstance(styles, int) or not 1 <= styles <= 8:
        raise ValueError(f"styles is {styles!r}; it must be a whole number from 1 to 8.")
    source = require("sklearn.datasets", "The digits data set").load_digits()
    X = source.data / 8.0 - 1.0
    y = {"digit": source.target.astype(str)}
    per = "" if styles == 1 else f", {styles} styles per digit"

    def build() -> GaussianMixture:
        if styles == 1:
            return from_labelled(X, y, covariance_type="tied", image_shape=(8, 8))
        return _styled_digits(X, source.target, styles, seed)

    return DataSet(
        name="digits" if styles == 1 else "digit styles",
        X=X,
        y=y,
        columns=(),
        image_shape=(8, 8),
        description=f"1,797 handwritten digits, 8 × 8 grey levels in [-1, 1]{per}.",
        _build=build,
    )


def scenes(n: int = 500, *, size: int = 32, noise: float = 1 / 16, seed: int = 0) -> DataSet:
    """Drawn images with a deep, known hierarchy: background × shape × mark.

    Pixels are given in standard deviations of the pixel noise, so the mixture has covariance I and
    its means are the drawn images divided by ``noise``; ``mixture()`` is exact, not fitted.

    Args:
        n: Number of images drawn.
        size: Width and height in pixels, 16 to 64.
        noise: Pixel noise as a fraction of half the brightness range, in (0, 1].
        seed: Seed of the samples.

    Raises:
        ValueError: For values outside these ranges.
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}; it must be a whole number of at least 1.")
    if not isinstance(size, int) or not 16 <= size <= 64:
        raise ValueError(f"size is {size!r}; it must be a whole number from 16 to 64.")
    if not 0.0 < noise <= 1.0:
        raise ValueError(f"noise is {noise!r}; it must lie in (0, 1].")
    drawn = render_scenes(size)
    means = drawn.images.reshape(len(drawn.images), -1) / noise
    return _generated(
        name="scenes",
        means=means,
        variance=1.0,
        weights=drawn.weights,
        features=drawn.features,
        image_shape=(size, size, 3),
        description=f"{n} drawn images of {size} × {size} × 3 pixels in units of the pixel noise.",
        n=n,
        seed=seed,
    )


def hierarchy(levels: int = 3, ratio: float = 1000.0, *, n: int = 2000, seed: int = 0) -> DataSet:
    """A binary hierarchy of Gaussians whose levels differ in scale by ``ratio``.

    ``2**levels`` components of equal weight in ``levels`` dimensions. Coordinate l separates the two
    halves at level l by a distance of ``ratio**(levels-1-l)``; the standard deviation of every
    component is 0.05. With the default ratio the ε-mixture tree at ε = 0.1 has all
    ``2**(levels+1) − 1`` vertices.

    Args:
        levels: Depth, 1 to 6.
        ratio: Distance at one level over the distance at the next, above 1.
        n: Number of examples drawn.
        seed: Seed of the samples.

    Raises:
        ValueError: For values outside these ranges.
    """
    if not isinstance(levels, int) or not 1 <= levels <= 6:
        raise ValueError(f"levels is {levels!r}; it must be a whole number from 1 to 6.")
    if not (np.isfinite(ratio) and ratio > 1.0):
        raise ValueError(f"ratio is {ratio!r}; it must be a finite number above 1.")
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}; it must be a whole number of at least 1.")
    signs = 1 - 2 * np.stack(np.unravel_index(np.arange(2**levels), (2,) * levels), axis=1)
    means = 0.5 * signs * float(ratio) ** np.arange(levels - 1, -1, -1)
    features = {f"level {j + 1}": tuple("left" if s > 0 else "right" for s in signs[:, j]) for j in range(levels)}
    return _generated(
        name="hierarchy",
        means=means,
        variance=0.05**2,
        weights=np.full(2**levels, 0.5**levels),
        features=features,
        image_shape=None,
        description=f"{2**levels} Gaussians in {levels} levels, each {ratio:g} times finer than the one above.",
        n=n,
        seed=seed,
    )


def _generated(
    *,
    name: str,
    means: np.ndarray,
    variance: float,
    weights: np.ndarray,
    features: Mapping[str, tuple[str, ...]],
    image_shape: tuple[int, ...] | None,
    description: str,
    n: int,
    seed: int,
) -> DataSet:
    """A data set drawn from spherical Gaussians that are known exactly."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(means), size=n, p=weights)
    X = means[drawn] + np.sqrt(variance) * rng.standard_normal((n, means.shape[1]))
    labels = [JOIN.join(parts) for parts in zip(*features.values(), strict=True)]
    return DataSet(
        name=name,
        X=X,
        y={key: np.asarray(values)[drawn] for key, values in features.items()},
        columns=(),
        image_shape=image_shape,
        description=description,
        _build=lambda: GaussianMixture(
            means,
            np.full(len(means), variance),
            weights=weights,
            covariance_type="spherical",
            labels=labels,
            features=features,
            image_shape=image_shape,
        ),
    )


def _styled_digits(X: np.ndarray, target: np.ndarray, styles: int, seed: int) -> GaussianMixture:
    cluster = require("sklearn.cluster", "Splitting digits into styles")
    mixture = require("sklearn.mixture", "Splitting digits into styles")
    starts = []
    for digit in range(10):
        own = X[target == digit]
        kmeans = cluster.KMeans(styles, n_init=4, random_state=seed).fit(own)
        starts.append(kmeans.cluster_centers_)
    # Border pixels never change; a floor of 0.05 grey levels squared keeps the tied covariance definite
    # and is small beside the average pixel variance of about 0.2.
    model = mixture.GaussianMixture(
        10 * styles,
        covariance_type="tied",
        means_init=np.concatenate(starts),
        reg_covar=0.05,
        max_iter=60,
        random_state=seed,
    ).fit(X)
    digit, order = _name_components(model.predict_proba(X), target, model.means_)
    letters = {}
    for component in order:
        rank = sum(1 for other in letters if digit[other] == digit[component])
        letters[component] = "abcdefghijklmnopqrstuvwxyz"[rank]
    style = [letters[k] for k in range(len(digit))]
    return from_sklearn(
        model,
        labels=[f"{d}{s}" for d, s in zip(digit, style, strict=True)],
        features={"digit": [str(d) for d in digit], "style": style},
        image_shape=(8, 8),
    )


def _name_components(responsibility: np.ndarray, target: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Majority digit of each component, and the components ordered from upright to slanted."""
    votes = np.stack([responsibility[target == digit].sum(axis=0) for digit in range(10)])
    digit = votes.argmax(axis=0)
    row, column = np.mgrid[:8, :8] - 3.5
    slant = []
    for mean in means:
        ink = np.clip(mean.reshape(8, 8) + 1.0, 0.0, None)
        ink = ink / ink.sum()
        y, x = row - (ink * row).sum(), column - (ink * column).sum()
        slant.append(-float((ink * x * y).sum() / (ink * y * y).sum()))  # columns gained per row upwards
    return digit, [int(k) for k in np.argsort(slant, kind="stable")]
