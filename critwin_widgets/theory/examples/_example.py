"""What every example with a known answer offers."""

import abc
import dataclasses

from ..times import Time


@dataclasses.dataclass(frozen=True)
class PrintedBound:
    """What a paper prints for one time, kept apart from the exact value.

    Attributes:
        quantity: "T_before" or "T_after".
        relation: as printed, "<=", ">=" or "=".
        value: the printed expression's value, on the example's clock.
        formula: the expression.
        source: where it is printed, or "derived here" where a correction stands beside it.
        note: how it relates to LKC25's Definition 4.
    """

    quantity: str
    relation: str
    value: float
    formula: str
    source: str
    note: str = ""

    def __str__(self) -> str:
        note = f": {self.note}" if self.note else ""
        return f"{self.quantity} {self.relation} {self.formula} = {self.value:.4g} ({self.source}){note}"


class Example(abc.ABC):
    """Two or more classes whose critical window is known (LKC25, Definition 4, exactly).

    `after` is the first class alone and `before` all classes: below `after_time` the sampler has
    committed to the first class, above `before_time` to nothing.
    """

    title: str
    source: str
    unit: str
    """What a time counts: "OU time", "fraction of tokens masked", "tokens hidden"."""

    @abc.abstractmethod
    def total_variation(self, t):
        """Return the total variation between the first class and the second (or nearest) at `t`."""

    @abc.abstractmethod
    def after_time(self, eps: float) -> Time:
        """Return `T_after = sup{t : TV(p_t^after, p_t^rest) >= 1 - eps^2}`."""

    @abc.abstractmethod
    def before_time(self, eps: float) -> Time:
        """Return `T_before = inf{t : TV(p_t^after, p_t) <= eps}`."""

    @abc.abstractmethod
    def printed(self, eps: float) -> tuple[PrintedBound, ...]:
        """Return what the papers print at this level; expressions without a value there are left out."""
