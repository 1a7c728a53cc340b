"""What processes on text share: a model by its name, scores made narrower, tokens drawn from seeds."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.processes import fold_seeds
from ._optional import require

EXTRA = "language"


def uniforms(seeds: Any, number: Any) -> np.ndarray:
    """Return one uniform number in [0, 1) for each seed and number, float64; shapes broadcast."""
    # 53 of a seed's 63 bits: all that a float64 in [0, 1) can hold.
    return (fold_seeds(seeds, number) >> 10) * 2.0**-53


def draw(scores: Any, quantiles: np.ndarray) -> Any:
    """Return the token at a quantile of softmax(scores), for scores `(B, V)` and quantiles `(B,)`.

    The inverse of the distribution function, in float64: a row's token depends on its own scores and
    its own number alone, so a batch that is cut differently changes nothing beyond rounding.

    Raises:
        ValueError: a row of scores holds NaN or nothing but minus infinity.
    """
    import torch

    if scores.device.type == "mps":  # has no float64
        scores = scores.cpu()
    total = torch.softmax(scores.to(torch.float64), dim=-1).cumsum(dim=-1)
    if not bool(torch.isfinite(total[:, -1]).all()):
        raise ValueError("the model's scores of the next token are not numbers; try another dtype")
    wanted = torch.as_tensor(quantiles, dtype=torch.float64, device=total.device)[:, None] * total[:, -1:]
    token = torch.searchsorted(total, wanted, right=True)
    # Rounding could ask for more than the whole: then it is the last token that has any probability.
    last = torch.searchsorted(total, total[:, -1:].contiguous())
    return torch.minimum(token, last)[:, 0]


class Warp:
    """Scores of the next token, made sharper or narrower as `transformers` does it.

    Attributes:
        temperature: what scores are divided by; 0 keeps the best token alone.
        top_k, top_p: how many tokens, or how much probability, are kept; `None` keeps all.
    """

    def __init__(self, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None):
        self.temperature = _number("temperature", temperature)
        if not self.temperature >= 0 or math.isinf(self.temperature):
            raise ValueError(f"temperature must be a finite number of at least 0, not {temperature!r}")
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"top_k must be a whole number of at least 1, or None to keep all tokens, not {top_k!r}")
        if top_p is not None and not 0 < _number("top_p", top_p) <= 1:
            raise ValueError(f"top_p must lie above 0 and at most at 1, or be None to keep all tokens, not {top_p!r}")
        self.top_k, self.top_p = top_k, top_p
        self._steps: list[Any] = []
        if (top_k is not None or (top_p is not None and top_p < 1)) and self.temperature > 0:
            library = require("transformers", "top_k or top_p", EXTRA)
            self._steps += [] if top_k is None else [library.TopKLogitsWarper(top_k)]
            self._steps += [] if top_p is None or top_p == 1 else [library.TopPLogitsWarper(float(top_p))]

    @property
    def settings(self) -> tuple[float, int | None, float | None]:
        """Temperature, `top_k` and `top_p`."""
        return self.temperature, self.top_k, self.top_p

    def __call__(self, scores: Any) -> Any:
        """Return new scores `(B, V)` in float32 at least."""
        import torch

        scores = scores if scores.dtype == torch.float64 else scores.float()
        if self.temperature == 0:
            best = torch.full_like(scores, -math.inf)
            return best.scatter_(1, scores.argmax(dim=-1, keepdim=True), 0.0)
        scores = scores / self.temperature
        for step in self._steps:
            scores = step(None, scores)
        return scores


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def load(model: Any, tokenizer: Any, family: str, purpose: str, device: Any, dtype: Any) -> tuple[Any, Any]:
    """Return a model, in evaluation mode and in its place, and its tokenizer (`None` where none is known).

    Args:
        model: a module, or the name of one: a folder or a place on the hub.
        tokenizer: its tokenizer or the name of one; that of the model's name when `None`.
        family: the class of `transformers` that loads a name.
        purpose: who asks, for messages.
        device: where the model goes; for a name a GPU if there is one, for a module where it is.
        dtype: of the weights, such as "bfloat16"; as they are when `None`.

    Raises:
        ImportError: torch or transformers is missing.
        OSError: there is no model of that name here, and none can be fetched.
        TypeError: `model` is neither a module nor a name.
        ValueError: there is no such `dtype`.
    """
    torch = require("torch", purpose, EXTRA)
    if isinstance(model, str):
        library = require("transformers", purpose, EXTRA)
        tokenizer = model if tokenizer is None else tokenizer
        options = {} if dtype is None else {"dtype": _dtype(torch, dtype)}
        model = _named(getattr(library, family), "model", model, **options)
        device = ("cuda" if torch.cuda.is_available() else "cpu") if device is None else device
    elif not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch module or the name of a model, not {type(model).__name__}")
    elif dtype is not None:
        model = model.to(_dtype(torch, dtype))
    if isinstance(tokenizer, str):
        library = require("transformers", purpose, EXTRA)
        tokenizer = _named(library.AutoTokenizer, "tokenizer", tokenizer)
    model = model if device is None else model.to(device)
    return model.eval(), tokenizer


def _dtype(torch: Any, dtype: Any) -> Any:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if found is None or not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype must be a floating type of torch such as 'bfloat16', or None, not {dtype!r}")
    return found


def _named(family: Any, argument: str, name: str, **options: Any) -> Any:
    try:
        return family.from_pretrained(name, **options)
    except OSError as error:
        raise OSError(
            f"{argument} {name!r} cannot be loaded: it is no folder that a {argument} was saved to, it is not in the "
            "cache of this machine, and the hub has none of that name or cannot be reached. Give the path of such a "
            "folder, or the object itself."
        ) from error


def as_rows(x: Any) -> np.ndarray:
    """Return samples as a new array, an empty one where lists differ in length."""
    try:
        return np.array(x)
    except ValueError:
        return np.zeros(0)


def device_of(model: Any) -> Any:
    """The device of a module's parameters; the processor for a module without any."""
    import torch

    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def accepted(model: Any) -> Callable[[str], bool]:
    """Return a function that says whether a model's `forward` has an argument of a name."""
    # A wrapper for adapters of weights (PEFT) hands on what it does not name itself.
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    names = set(inspect.signature(inner.forward).parameters)
    return names.__contains__
