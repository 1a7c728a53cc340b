"""Prompts of a causal model, as text, chat messages or token ids, made into token ids."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def prompt_ids(prompts: Any, tokenizer: Any) -> list[np.ndarray]:
    """Return the token ids of each prompt.

    Args:
        prompts: one prompt or a list of them. A prompt is a string, a list of chat messages
            `{"role": ..., "content": ...}` for the tokenizer's chat template, or a sequence of ids.
        tokenizer: needed for all but ids.

    Raises:
        ValueError: there is no prompt, one is empty or is none of these, or a tokenizer is missing.
    """
    listed = [prompts] if _is_prompt(prompts) else prompts
    if not isinstance(listed, Sequence) or not listed:
        raise ValueError(f"prompts must be a prompt or a list of at least one, not {prompts!r}")
    return [_ids(f"prompts[{i}]", prompt, tokenizer) for i, prompt in enumerate(listed)]


def _is_prompt(value: Any) -> bool:
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return True
    return isinstance(value, Sequence) and len(value) > 0 and isinstance(value[0], int | np.integer | Mapping)


def _ids(name: str, prompt: Any, tokenizer: Any) -> np.ndarray:
    if not _is_prompt(prompt):
        raise ValueError(f"{name} must be a string, chat messages or token ids, not {prompt!r}")
    if isinstance(prompt, str) or isinstance(prompt[0], Mapping):
        if tokenizer is None:
            raise ValueError(f"{name} is text, which needs a tokenizer: pass one, or give the prompt as token ids")
        if isinstance(prompt, str):
            ids = tokenizer(prompt)["input_ids"]
        else:
            # The template writes the special tokens itself.
            text = tokenizer.apply_chat_template(list(prompt), tokenize=False, add_generation_prompt=True)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        ids = prompt
    found = np.asarray(ids)
    if found.ndim != 1 or not found.size:
        raise ValueError(f"{name} holds no token; a model needs at least one to start from, such as that of its start")
    if found.dtype.kind not in "iu" or (found < 0).any():
        raise ValueError(f"{name} must hold token ids, whole numbers of at least 0, not {prompt!r}")
    return found.astype(np.int64)
