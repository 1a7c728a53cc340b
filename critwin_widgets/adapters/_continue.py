"""Continuations of token sequences by a causal model: each row from its own seed, with a key-value cache."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._tokens import accepted, device_of, draw, uniforms

PAD = -1
"""Fills a row after the end of its tokens."""


def continued(
    model: Any,
    contexts: list[np.ndarray],
    kept: np.ndarray,
    limits: np.ndarray,
    seeds: np.ndarray,
    *,
    warp: Callable[[Any], Any],
    ends: frozenset[int],
    batch_size: int,
) -> list[np.ndarray]:
    """Continue each sequence until a token that ends it, or until its generation has the most tokens it may.

    The token at a place of a generation depends on the scores there, the row's seed and the place alone.

    Args:
        model: called as `transformers` models are: `model(input_ids=..., attention_mask=...)`, with
            `position_ids` and a cache where its `forward` takes them.
        contexts: `B` sequences of ids, prompt and what is kept, none of them empty.
        kept: how many tokens of a generation each context holds already, `(B,)`.
        limits: most tokens of each generation, `(B,)`.
        seeds: one for each row, `(B,)`.
        warp: scores `(b, V)` to those that are drawn from.
        ends: ids that end a generation.
        batch_size: rows that run together.

    Returns:
        The new tokens of each row, in the order of `contexts`.
    """
    found: list[np.ndarray] = [np.zeros(0, np.int64)] * len(contexts)
    takes_positions = accepted(model)("position_ids")
    for rows in _batches([len(context) for context in contexts], batch_size, takes_positions):
        batch = _Batch(model, [contexts[i] for i in rows])
        new = _run(batch, kept[rows], limits[rows], seeds[rows], warp, ends)
        for i, tokens in zip(rows, new, strict=True):
            found[i] = tokens[tokens != PAD]
    return found


def _batches(lengths: list[int], batch_size: int, mixed: bool) -> Iterator[np.ndarray]:
    """Rows of similar lengths together; of equal lengths only, unless the model can be told of padding."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    start = 0
    while start < len(order):
        rows = order[start : start + batch_size]
        if not mixed:
            rows = rows[: sum(lengths[i] == lengths[rows[0]] for i in rows)]
        yield rows
        start += len(rows)


def _run(
    batch: "_Batch",
    kept: np.ndarray,
    limits: np.ndarray,
    seeds: np.ndarray,
    warp: Callable[[Any], Any],
    ends: frozenset[int],
) -> np.ndarray:
    """Tokens of each row, `(b, most)`, `PAD` after its end."""
    new = np.full((len(kept), int((limits - kept).max())), PAD, np.int64)
    alive, step = np.arange(len(kept)), 0
    scores = batch.first()
    while True:
        chosen = draw(warp(scores), uniforms(seeds[alive], kept[alive] + step)).cpu().numpy()
        new[alive, step] = chosen
        step += 1
        going = ~np.isin(chosen, list(ends)) & (kept[alive] + step < limits[alive])
        if not going.any():
            return new
        if not going.all():
            batch.keep(np.flatnonzero(going))
            alive, chosen = alive[going], chosen[going]
        scores = batch.next(chosen)


class _Batch:
    """Rows that run through the model together, padded at the left, and what the model remembers of them."""

    def __init__(self, model: Any, contexts: list[np.ndarray]):
        import torch

        self.model, self.device = model, device_of(model)
        self.takes = accepted(model)
        longest = max(map(len, contexts))
        ids = np.stack([np.pad(context, (longest - len(context), 0), constant_values=PAD) for context in contexts])
        # Repeats of one sequence share their beginning: it runs through the model once.
        distinct, self.places = np.unique(ids, axis=0, return_inverse=True)
        self.ids = torch.as_tensor(distinct, device=self.device)
        self.mask = (self.ids != PAD).long()
        self.cache: Any = None
        # The newest releases of transformers call it `cache`; the name is that of the result's field too.
        self.name = next((name for name in ("cache", "past_key_values") if self.takes(name)), "")

    def first(self) -> Any:
        """Scores of the token after each context, `(b, V)`."""
        output = self._call(self.ids.clamp(min=0), self.mask, {"use_cache": True} if self.name else {})
        cache = getattr(output, self.name, None) if self.name else None
        scores = output.logits[:, -1]
        if hasattr(cache, "batch_select_indices"):
            self.cache = cache
        self.keep(self.places.reshape(-1))
        return scores[self._index(self.places.reshape(-1))]

    def next(self, chosen: np.ndarray) -> Any:
        """Scores after one more token in each row."""
        import torch

        tokens = torch.as_tensor(chosen, device=self.device)[:, None]
        self.mask = torch.cat([self.mask, torch.ones_like(tokens)], dim=1)
        if self.cache is None:  # a model without memory reads everything again
            self.ids = torch.cat([self.ids, tokens], dim=1)
            return self._call(self.ids.clamp(min=0), self.mask, {}).logits[:, -1]
        output = self._call(tokens, self.mask, {self.name: self.cache, "use_cache": True})
        self.cache = getattr(output, self.name)
        return output.logits[:, -1]

    def keep(self, rows: np.ndarray) -> None:
        """Keep some rows, in this order; a row may come more than once."""
        index = self._index(rows)
        self.mask = self.mask[index]
        if self.cache is None:
            self.ids = self.ids[index]
        else:
            self.cache.batch_select_indices(index)

    def _index(self, rows: np.ndarray) -> Any:
        import torch

        return torch.as_tensor(rows, device=self.device)

    def _call(self, ids: Any, mask: Any, options: dict[str, Any]) -> Any:
        import torch

        if self.takes("attention_mask"):
            options["attention_mask"] = mask
        if self.takes("position_ids"):
            places = (mask.cumsum(dim=1) - 1).clamp(min=0)
            options["position_ids"] = places[:, -ids.shape[1] :]
        if self.takes("logits_to_keep"):
            options["logits_to_keep"] = 1
        with torch.no_grad():
            return self.model(input_ids=ids, **options)
