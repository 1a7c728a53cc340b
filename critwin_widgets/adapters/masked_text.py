"""Masked language models as a process: tokens are masked, and revealed again by masked diffusion."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine._validation import check_choice, check_count
from ..engine.processes import IndexSet, Process, repeat_seeds, row_seeds
from ._prints import weights_hash
from ._tokens import Warp, accepted, as_rows, device_of, draw, load, uniforms

# Added to a place, so that what decides whether it is masked, when it is revealed and as what have nothing in common.
_TURNS, _DRAWS = 1 << 32, 2 << 32


class MaskedTextProcess(Process):
    """Masks tokens of a text, and reveals them again from a masked language model's conditionals.

    A sample is a row of token ids, int64 `(T,)`; `encode` makes rows of texts, `decode` texts of rows.
    Special tokens are never masked, and never written.

    With `order="random"`, a level is the probability with which each token is masked on its own (LKC25,
    Example 3; the absorbing noise of masked diffusion, MDLM: Sahoo et al., arXiv:2406.07524). A token
    masked at `m` stays masked down to a level below it with probability level / `m`; hidden tokens are
    revealed in a random order, each from the model's conditional given all that is seen. With
    `order="left_to_right"`, a level is the number of tokens hidden, the last ones first (Example 5).

    One token at a time, draws follow the law whose conditionals the model gives, whatever the order
    where these are those of one law. With fewer `steps` than tokens, those of one step are drawn
    independently of each other, as in MDLM's sampler.

    Args:
        model: a masked language model of `transformers` (any torch module that is called like one), put
            into evaluation mode; or its name, a folder or a place on the hub.
        tokenizer: its tokenizer, or the name of one; that of the model's name when `None`.
        length: tokens of a sample, special ones included.
        mask_token_id: id of the mask; the tokenizer's when `None`.
        special_token_ids: ids that are neither masked nor written; the tokenizer's when `None`.
        order: "random" or "left_to_right".
        steps: steps from all noise to none, of equal length in the level; one token at a time when
            `None`. For the random order only.
        temperature: scores are divided by it; 0 always takes the best token.
        top_k, top_p: tokens are drawn from the likeliest only: this many, or those that hold this much
            probability; `None` for all.
        batch_size: rows that run together.
        device: where the model goes; where it is, or for a name a GPU if there is one, when `None`.
        dtype: of the weights, such as "bfloat16"; as they are when `None`.

    Raises:
        ImportError: torch or transformers is missing.
        OSError: there is no model of that name.
        TypeError: `model` is neither a module nor a name.
        ValueError: another argument is out of range, or no id of a mask is known.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        length: int,
        mask_token_id: int | None = None,
        special_token_ids: Sequence[int] | None = None,
        order: str = "random",
        steps: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        batch_size: int = 32,
        device: Any = None,
        dtype: Any = None,
    ):
        self.length = check_count("length", length)
        self.batch_size = check_count("batch_size", batch_size)
        self.order = check_choice("order", order, ("random", "left_to_right"))
        self.steps = None if steps is None else check_count("steps", steps)
        if steps is not None and order != "random":
            raise ValueError(f"steps = {steps} are for the random order; left to right, tokens come one at a time")
        self.warp = Warp(temperature, top_k, top_p)
        self.model, self.tokenizer = load(model, tokenizer, "AutoModelForMaskedLM", "MaskedTextProcess", device, dtype)
        self.mask_token_id, self.special = _ids(self.tokenizer, mask_token_id, special_token_ids)
        if order == "random":
            self.index = IndexSet("fraction of tokens masked", "m", 0.0, 1.0)
        else:
            self.index = IndexSet("tokens hidden", "h", 0, self.length, whole=True)

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return the rows with tokens masked; with one seed, those masked at a level are masked above it too.

        Args:
            x: rows `(B, length)`, or strings.
            level: probability of a mask, or number of tokens hidden.
            key: an integer seed, or one for each row `(B,)`.

        Raises:
            TypeError: `key` is no seed.
            ValueError: `x` are no such rows, or `level` is outside the index set.
        """
        rows, level = self._rows(x), self.index.check(level)
        seeds = row_seeds(key, len(rows))
        open_ = ~np.isin(rows, [*self.special])
        if self.order == "random":
            hidden = uniforms(seeds[:, None], np.arange(self.length)) < level
        else:
            hidden = _places_from_the_end(open_) < level
        return np.where(open_ & hidden, self.mask_token_id, rows)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` rows with the masked tokens written, for each row.

        Args:
            y: rows with masked tokens.
            level: at which they are masked.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row.
            to: a lower level at which to stop.

        Returns:
            Rows `(B * n, length)`; the `n` draws of a row follow each other.

        Raises:
            TypeError: `key` is no seed.
            ValueError: another argument is out of range.
        """
        rows, level = self._rows(y), self.index.check(level)
        stop = self.index.clean if to is None else self.index.check(to, "to")
        if stop > level:
            raise ValueError(f"to must not lie above level = {level:g}, but is {stop:g}")
        seeds = repeat_seeds(row_seeds(key, len(rows)), check_count("n", n))
        rows = np.repeat(rows, n, axis=0)
        turns = self._turns(rows, seeds, level, stop)
        for step in range(int(turns.max(initial=-1)) + 1):
            waiting = np.flatnonzero((turns == step).any(axis=1))
            for start in range(0, len(waiting), self.batch_size):
                part = waiting[start : start + self.batch_size]
                rows[part] = self._revealed(rows[part], turns[part] == step, seeds[part])
        return rows

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` rows in which all but the special tokens around a text is masked.

        Args:
            key: an integer seed, or one for each row `(n,)`; nothing is random here.
            n: rows.

        Raises:
            TypeError: `key` is no seed.
            ValueError: `n` is no count, or `length` leaves no room between the special tokens.
        """
        row_seeds(key, check_count("n", n))
        row = np.full(self.length, self.mask_token_id, np.int64)
        before, after = self._around()
        if before.size + after.size >= self.length:
            raise ValueError(f"length = {self.length} leaves no room between {before.size + after.size} special tokens")
        row[: before.size] = before
        row[self.length - after.size :] = after
        return np.tile(row, (n, 1))

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return rows `(B, length)` of texts, filled with the token for padding.

        Raises:
            ValueError: there is no tokenizer, a text is too long, or one is shorter and there is no padding.
        """
        if self.tokenizer is None:
            raise ValueError("encode needs a tokenizer: pass one to MaskedTextProcess, or give rows of token ids")
        rows = np.full((len(texts), self.length), -1, np.int64)
        for i, text in enumerate(texts):
            ids = self.tokenizer(text)["input_ids"]
            fill = self.tokenizer.pad_token_id
            if len(ids) > self.length or (len(ids) < self.length and fill is None):
                raise ValueError(f"texts[{i}] has {len(ids)} tokens, special ones included, but length = {self.length}")
            rows[i] = [*ids, *[fill] * (self.length - len(ids))]
        return rows

    def decode(self, x: Any) -> list[str]:
        """Return the text of each row without special tokens.

        Raises:
            ValueError: there is no tokenizer, or `x` are no rows.
        """
        if self.tokenizer is None:
            raise ValueError("decode needs a tokenizer: pass one to MaskedTextProcess")
        return [self.tokenizer.decode(row.tolist(), skip_special_tokens=True) for row in self._rows(x)]

    @property
    def fingerprint(self) -> str:
        """The process in one line, with a hash of the model: what tells two studies apart."""
        settings = (self.length, self.order, self.steps, *self.warp.settings, self.mask_token_id, sorted(self.special))
        return f"MaskedTextProcess(model {weights_hash(self.model)}; {settings})"

    def __repr__(self) -> str:
        how = "one token at a time" if self.steps is None else f"{self.steps} steps"
        return f"MaskedTextProcess({type(self.model).__name__}, {self.length} tokens, {self.order} order, {how})"

    def _turns(self, rows: np.ndarray, seeds: np.ndarray, level: float, stop: float) -> np.ndarray:
        """The step in which each token is revealed, from 0; -1 for one that is not."""
        masked = rows == self.mask_token_id
        if self.order == "left_to_right":
            open_ = masked | ~np.isin(rows, [*self.special])
            chosen = masked & (_places_from_the_end(open_) >= stop)
            return np.where(chosen, np.cumsum(chosen, axis=1) - 1, -1)
        # The level at which each masked token is revealed: uniform below the level it is masked at.
        times = np.where(masked, level * uniforms(seeds[:, None], np.arange(self.length) + _TURNS), -1.0)
        chosen = masked & (times >= stop)
        if self.steps is None:
            ranks = np.argsort(np.argsort(np.where(chosen, -times, np.inf), axis=1, kind="stable"), axis=1)
            return np.where(chosen, ranks, -1)
        slots = np.minimum(np.floor(times * self.steps), self.steps - 1)
        return np.where(chosen, int(np.floor(level * self.steps)) - slots, -1).astype(np.int64)

    def _revealed(self, rows: np.ndarray, places: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Rows with tokens drawn at some masked places, each from its own conditional."""
        import torch

        ids = torch.as_tensor(rows, device=device_of(self.model))
        options: dict[str, Any] = {}
        padding = getattr(self.tokenizer, "pad_token_id", None)
        if accepted(self.model)("attention_mask"):
            options["attention_mask"] = torch.ones_like(ids) if padding is None else (ids != padding).long()
        with torch.no_grad():
            scores = self.model(input_ids=ids, **options).logits
        row, place = np.nonzero(places)
        scores = scores[torch.as_tensor(row, device=ids.device), torch.as_tensor(place, device=ids.device)].clone()
        never = torch.as_tensor(sorted({*self.special, self.mask_token_id}), device=ids.device)
        scores[:, never[never < scores.shape[1]]] = -torch.inf
        found = draw(self.warp(scores), uniforms(seeds[row], place + _DRAWS)).cpu().numpy()
        rows = rows.copy()
        rows[row, place] = found
        return rows

    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """Special tokens that the tokenizer writes before and after a text."""
        if self.tokenizer is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        # An empty text is nothing but its special tokens; a mask in the middle shows where they part.
        mask = self.tokenizer.decode([self.mask_token_id])
        ids = np.asarray(self.tokenizer(mask)["input_ids"])
        inside = np.flatnonzero(ids == self.mask_token_id)
        return (ids[: inside[0]], ids[inside[-1] + 1 :]) if inside.size else (ids[:0], ids[:0])

    def _rows(self, x: Any) -> np.ndarray:
        if isinstance(x, Sequence) and len(x) and all(isinstance(text, str) for text in x):
            return self.encode(x)
        rows = as_rows(x)
        if rows.ndim != 2 or rows.shape[1] != self.length or rows.dtype.kind not in "iu" or (rows < 0).any():
            raise ValueError(
                f"samples must be rows of {self.length} token ids, or texts, "
                f"not {type(x).__name__} of shape {rows.shape}"
            )
        return rows.astype(np.int64)


def _places_from_the_end(open_: np.ndarray) -> np.ndarray:
    """How many open places lie behind each, `(B, T)`."""
    return open_.sum(axis=1, keepdims=True) - np.cumsum(open_, axis=1)


def _ids(tokenizer: Any, mask: int | None, special: Sequence[int] | None) -> tuple[int, frozenset[int]]:
    mask = getattr(tokenizer, "mask_token_id", None) if mask is None else mask
    if mask is None:
        raise ValueError("no mask is known: give mask_token_id, or a tokenizer that has one")
    mask = check_count("mask_token_id", mask, 0)
    special = getattr(tokenizer, "all_special_ids", ()) if special is None else special
    ids = [check_count(f"special_token_ids[{i}]", token, 0) for i, token in enumerate(special or ())]
    return mask, frozenset(ids) - {mask}
