"""Causal language models as a process: a generation is truncated and resampled."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine._digest import digest
from ..engine._validation import check_choice, check_count
from ..engine.processes import IndexSet, Process, fold_seeds, repeat_seeds, row_seeds
from ._continue import PAD, continued
from ._prints import weights_hash
from ._prompts import prompt_ids
from ._tokens import Warp, as_rows, load

HIDDEN = -2
"""Stands in a row for a token that is not known yet."""
_PROMPT_OF_PRIOR = 1 << 40  # beyond every place in a generation, whose tokens are drawn by the same seed
_MODEL_SAYS = object()


class CausalTruncation(Process):
    """Keeps the beginning of a generation and has a causal language model write the rest anew (LKC25).

    A sample is a row of token ids, int64 `(1 + max_new_tokens,)`: first the number of its prompt, then
    the generation, filled with -1 after its end; -2 stands for a hidden token. `encode` makes rows of
    texts, `decode` texts of rows, `sample` generations. With a single prompt a list of strings is
    taken as samples too.

    With `unit="fraction"`, a level is the fraction of a generation's own tokens that is hidden, as in
    LKC25's experiments with language models; what is kept is rounded down to whole tokens. With
    `unit="tokens"`, it is the number of hidden places out of `max_new_tokens`, counted from the last:
    the localization process of LKC25's Examples 5 and 7, where a generation that has ended before the
    hidden places has nothing to hide.

    Tokens are drawn from each row's own seed, at each place by a number of its own: how rows are cut
    into batches changes nothing beyond the rounding of the model's scores. One batch may hold prefixes
    of different lengths, repeats of one prefix run through the model once, and rows that have ended
    leave the batch.

    Args:
        model: a causal model of `transformers` (any torch module that is called like one), put into
            evaluation mode; or its name, a folder or a place on the hub.
        tokenizer: its tokenizer, or the name of one; that of the model's name when `None`. Without
            one, prompts are token ids and nothing is decoded.
        prompts: what generations answer: a string, a list of chat messages for the tokenizer's
            template, a sequence of token ids, or a list of such.
        max_new_tokens: most tokens of a generation.
        temperature: scores are divided by it; 0 always takes the best token.
        top_p, top_k: tokens are drawn from the likeliest only: those that hold this much probability,
            or this many; `None` for all.
        unit: "fraction" or "tokens".
        eos_token_id: id or ids that end a generation; the model's own unless given, `None` for none.
        batch_size: rows that run together.
        device: where the model goes; where it is, or for a name a GPU if there is one, when `None`.
        dtype: of the weights, such as "bfloat16"; as they are when `None`.

    Raises:
        ImportError: torch or transformers is missing.
        OSError: there is no model of that name.
        TypeError: `model` is neither a module nor a name.
        ValueError: another argument is out of range, a prompt is empty, or a prompt and
            `max_new_tokens` together are longer than the model reads.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        prompts: Any,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float | None = None,
        top_k: int | None = None,
        unit: str = "fraction",
        eos_token_id: Any = _MODEL_SAYS,
        batch_size: int = 32,
        device: Any = None,
        dtype: Any = None,
    ):
        self.max_new_tokens = check_count("max_new_tokens", max_new_tokens)
        self.batch_size = check_count("batch_size", batch_size)
        self.unit = check_choice("unit", unit, ("fraction", "tokens"))
        self.warp = Warp(temperature, top_k, top_p)
        self.model, self.tokenizer = load(model, tokenizer, "AutoModelForCausalLM", "CausalTruncation", device, dtype)
        self.prompts = prompt_ids(prompts, self.tokenizer)
        _check_reach(getattr(self.model, "config", None), self.prompts, self.max_new_tokens)
        chosen = _ends(self.model, self.tokenizer) if eos_token_id is _MODEL_SAYS else eos_token_id
        self.ends = _end_ids(chosen)
        if unit == "fraction":
            self.index = IndexSet("fraction of the generation hidden", "m", 0.0, 1.0)
        else:
            self.index = IndexSet("tokens hidden", "h", 0, self.max_new_tokens, whole=True)

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return the rows with the end of each generation hidden; nothing is random here.

        Args:
            x: rows `(B, 1 + max_new_tokens)`, or strings.
            level: fraction or number of tokens to hide.
            key: an integer seed, or one for each row `(B,)`; unused.

        Raises:
            TypeError: `key` is no seed.
            ValueError: `x` are no such rows, or `level` is outside the index set.
        """
        rows, level = self._rows(x), self.index.check(level)
        row_seeds(key, len(rows))
        return self._truncated(rows, level)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` generations that begin with what is kept, for each row.

        Args:
            y: rows with hidden tokens; a row without any comes back as it is.
            level: fraction or number of tokens that are hidden.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row.
            to: a lower level at which to stop. With `unit="fraction"` a generation must be whole
                before a share of it can be hidden, so its end is written and hidden again.

        Returns:
            Rows `(B * n, 1 + max_new_tokens)`; the `n` draws of a row follow each other.

        Raises:
            TypeError: `key` is no seed.
            ValueError: another argument is out of range.
        """
        rows, level = self._rows(y, hidden=True), self.index.check(level)
        stop = self.index.clean if to is None else self.index.check(to, "to")
        if stop > level:
            raise ValueError(f"to must not lie above level = {level:g}, but is {stop:g}")
        seeds = repeat_seeds(row_seeds(key, len(rows)), check_count("n", n))
        rows = np.repeat(rows, n, axis=0)
        tokens, kept = rows[:, 1:], _lengths(rows)
        last = self.max_new_tokens - (int(stop) if self.unit == "tokens" else 0)
        open_ = np.flatnonzero((tokens == HIDDEN).any(axis=1) & (kept < last) & (stop < level))
        new = continued(
            self.model,
            [np.concatenate([self.prompts[rows[i, 0]], tokens[i, : kept[i]]]) for i in open_],
            kept[open_],
            np.full(len(open_), last),
            seeds[open_],
            warp=self.warp,
            ends=self.ends,
            batch_size=self.batch_size,
        )
        for i, more in zip(open_, new, strict=True):
            end = kept[i] + len(more)
            tokens[i, kept[i] : end] = more
            # Stopped before the end of a generation, its next places are still unknown.
            whole = end == self.max_new_tokens or int(more[-1]) in self.ends
            tokens[i, end:] = PAD if whole else HIDDEN
        if self.unit == "fraction" and 0 < stop < level:
            rows = self._truncated(rows, stop, at_least=kept)
        return rows

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` rows of which nothing is known but the prompt, drawn with equal probability.

        Args:
            key: an integer seed, or one for each row `(n,)`.
            n: rows.

        Raises:
            TypeError: `key` is no seed.
            ValueError: `n` is no count.
        """
        seeds = row_seeds(key, check_count("n", n))
        return self._blank(fold_seeds(seeds, _PROMPT_OF_PRIOR) % len(self.prompts))

    def sample(self, key: Any, n: int) -> np.ndarray:
        """Return `n` generations, the prompts taking turns: sources for a study.

        Args:
            key: an integer seed, or one for each row `(n,)`.
            n: generations.

        Raises:
            TypeError: `key` is no seed.
            ValueError: `n` is no count.
        """
        rows = self._blank(np.arange(check_count("n", n)) % len(self.prompts))
        return self.denoise(rows, self.index.noise, key)

    def encode(self, texts: Sequence[Any], prompts: Any = None, *, ended: bool = True) -> np.ndarray:
        """Return rows of generations that are given as strings or as sequences of token ids.

        Args:
            texts: `B` generations, without their prompts.
            prompts: number of the prompt of each; needed when there are several.
            ended: whether each has ended: the token for the end is added where there is one and room.

        Returns:
            Rows `(B, 1 + max_new_tokens)`.

        Raises:
            ValueError: a generation is too long, empty or holds no ids, or the prompts do not fit.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"texts must be a list of at least one generation, not {texts!r}")
        rows = self._blank(self._numbers(prompts, len(texts)))
        rows[:, 1:] = PAD
        for i, text in enumerate(texts):
            ids = self._ids(f"texts[{i}]", text)
            if ended and self.ends and ids[-1] not in self.ends and len(ids) < self.max_new_tokens:
                ids = np.append(ids, min(self.ends))
            rows[i, 1 : 1 + len(ids)] = ids
        return rows

    def decode(self, x: Any) -> list[str]:
        """Return the text of each row, as far as it is known and without special tokens.

        Raises:
            ValueError: there is no tokenizer, or `x` are no rows.
        """
        if self.tokenizer is None:
            raise ValueError("decode needs a tokenizer: pass one to CausalTruncation")
        rows = self._rows(x, hidden=True)
        kept = _lengths(rows)
        return [
            self.tokenizer.decode(row[1 : 1 + size].tolist(), skip_special_tokens=True)
            for row, size in zip(rows, kept, strict=True)
        ]

    def kept_text(self, x: Any, level: float) -> list[str]:
        """Return the text that a level leaves of each row; arguments and errors as for `noise` and `decode`."""
        return self.decode(self._truncated(self._rows(x), self.index.check(level)))

    @property
    def fingerprint(self) -> str:
        """The process in one line, with hashes of the model and the prompts: what tells two studies apart."""
        settings = (self.max_new_tokens, self.unit, *self.warp.settings, sorted(self.ends))
        return f"CausalTruncation(model {weights_hash(self.model)}; prompts {digest(self.prompts)}; {settings})"

    def __repr__(self) -> str:
        name = type(self.model).__name__
        return f"CausalTruncation({name}, {len(self.prompts)} prompts, up to {self.max_new_tokens} tokens, {self.unit})"

    def _truncated(self, rows: np.ndarray, level: float, at_least: Any = 0) -> np.ndarray:
        lengths = _lengths(rows)
        if self.unit == "tokens":
            kept = np.minimum(lengths, self.max_new_tokens - int(level))
        else:
            # 0.3 of 10 tokens leaves 7 of them, not the 6 of what 10 * (1 - 0.3) is in floating point.
            kept = np.floor((1.0 - level) * lengths + 1e-9).astype(np.int64)
        kept = np.minimum(np.maximum(kept, at_least), lengths)
        rows = rows.copy()
        beyond = np.arange(self.max_new_tokens) >= kept[:, None]
        rows[:, 1:][beyond & (kept < lengths)[:, None]] = HIDDEN
        return rows

    def _blank(self, numbers: np.ndarray) -> np.ndarray:
        rows = np.full((len(numbers), 1 + self.max_new_tokens), HIDDEN, np.int64)
        rows[:, 0] = numbers
        return rows

    def _numbers(self, prompts: Any, count: int) -> np.ndarray:
        most = len(self.prompts)
        if prompts is None and most > 1:
            raise ValueError(f"there are {most} prompts: say which one each generation answers, by its number")
        numbers = np.zeros(count, np.int64) if prompts is None else np.asarray(prompts)
        if numbers.shape != (count,) or numbers.dtype.kind not in "iu" or not ((numbers >= 0) & (numbers < most)).all():
            raise ValueError(f"prompts must hold {count} numbers from 0 to {most - 1}, not {prompts!r}")
        return numbers

    def _ids(self, name: str, text: Any) -> np.ndarray:
        if isinstance(text, str):
            if self.tokenizer is None:
                raise ValueError(f"{name} is text, which needs a tokenizer: pass one to CausalTruncation, or give ids")
            text = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = np.asarray(text)
        if ids.ndim != 1 or not ids.size or ids.dtype.kind not in "iu" or (ids < 0).any():
            raise ValueError(f"{name} must be a text or a sequence of at least one token id, not {text!r}")
        if len(ids) > self.max_new_tokens:
            raise ValueError(f"{name} has {len(ids)} tokens, more than max_new_tokens = {self.max_new_tokens}")
        return ids

    def _rows(self, x: Any, hidden: bool = False) -> np.ndarray:
        """Return samples as a new array of checked rows."""
        if isinstance(x, Sequence) and len(x) and all(isinstance(text, str) for text in x):
            return self.encode(x)
        rows = as_rows(x)
        if rows.ndim != 2 or rows.shape[1] != 1 + self.max_new_tokens or rows.dtype.kind not in "iu":
            raise ValueError(
                f"samples must be rows of 1 + {self.max_new_tokens} whole numbers, or texts, "
                f"not {type(x).__name__} of shape {rows.shape}; encode(...) makes rows of texts and token ids"
            )
        rows = rows.astype(np.int64)
        self._numbers(rows[:, 0], len(rows))
        known = np.arange(self.max_new_tokens) < _lengths(rows)[:, None]
        tail = np.where(known, PAD, rows[:, 1:])
        if (tail >= 0).any() or (tail < HIDDEN).any():
            raise ValueError("a row of samples goes on after its end: after a -1 or -2 there is no further token")
        if not hidden and (tail == HIDDEN).any():
            raise ValueError("samples must be whole generations, but a row has hidden tokens (-2)")
        return rows


def _lengths(rows: np.ndarray) -> np.ndarray:
    """Known tokens of each row, up to the first that is none."""
    known = rows[:, 1:] >= 0
    return np.where(known.all(axis=1), known.shape[1], known.argmin(axis=1))


def _check_reach(config: Any, prompts: list[np.ndarray], new: int) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise ValueError("model must be a causal model, but this one reads with an encoder")
    vocabulary = getattr(config, "vocab_size", None)
    for i, prompt in enumerate(prompts):
        if isinstance(vocabulary, int) and prompt.max() >= vocabulary:
            raise ValueError(
                f"prompts[{i}] holds token {prompt.max()}, but the model knows ids below {vocabulary} only"
            )
    longest = max(map(len, prompts))
    reach = getattr(config, "max_position_embeddings", None)
    if isinstance(reach, int) and 0 < reach < longest + new:
        raise ValueError(
            f"max_new_tokens = {new} after a prompt of {longest} tokens is more than the {reach} that the model reads"
        )


def _ends(model: Any, tokenizer: Any) -> Any:
    """The end-of-sequence ids that the model's settings or its tokenizer name, the first that name any."""
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", math.inf)
    for source in (getattr(model, "generation_config", None), getattr(model, "config", None), tokenizer):
        found = getattr(source, "eos_token_id", None)
        if found is not None:
            # A small model's settings may still name the id of the family's large vocabulary.
            return [i for i in np.atleast_1d(found).tolist() if i < vocabulary]
    return None


def _end_ids(given: Any) -> frozenset[int]:
    ids = np.atleast_1d(np.asarray([] if given is None else given))
    if ids.size and (ids.ndim != 1 or ids.dtype.kind not in "iu" or (ids < 0).any()):
        raise ValueError(f"eos_token_id must be a token id, a list of them or None, not {given!r}")
    return frozenset(int(i) for i in ids)
