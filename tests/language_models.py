"""Small language models whose law is known: built from weights, trained, or random and enumerated."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.set_num_threads(1)


class Letters:
    """A tokenizer of single letters with the call signature of those of `transformers`."""

    def __init__(self, letters: str, end: str | None = None, mask: str | None = None):
        self.letters = letters
        self.eos_token_id = None if end is None else letters.index(end)
        self.mask_token_id = None if mask is None else letters.index(mask)
        self.pad_token_id = None
        self.all_special_ids = [i for i in (self.eos_token_id, self.mask_token_id) if i is not None]

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [self.letters.index(letter) for letter in text]}

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(self.letters[i] for i in ids if not (skip_special_tokens and i in self.all_special_ids))


def gpt2(vocabulary: int, width: int, layers: int, length: int, seed: int = 0, **options: Any) -> GPT2LMHeadModel:
    """A GPT-2 with random weights and without dropout."""
    torch.manual_seed(seed)
    settings = {"bos_token_id": None, "eos_token_id": None, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=length, n_embd=width, n_layer=layers, n_head=2, **(settings | options)
    )
    return GPT2LMHeadModel(config).eval()


def markov_gpt2(transition: np.ndarray, length: int = 32) -> GPT2LMHeadModel:
    """A GPT-2 that continues a token by a row of a transition matrix, exactly: its layers add nothing.

    The last normalisation maps the embedding e_v to c (e_v - 1/d), which the head undoes.
    """
    count = len(transition)
    width = count + 2 - count % 2  # even for two heads, and at least one place to spare
    model = gpt2(count, width, 1, length, tie_word_embeddings=False)
    with torch.no_grad():
        for parameter in (model.transformer.wpe.weight, *model.transformer.h.parameters()):
            parameter.zero_()
        model.transformer.wte.weight.copy_(torch.eye(count, width))
        scale = 1 / np.sqrt((1 - 1 / width) / width + model.config.layer_norm_epsilon)
        head = np.zeros((count, width))
        head[:, :count] = np.log(np.maximum(transition, 1e-40)).T / scale
        head[:, -1] = -head.sum(axis=1)
        model.lm_head.weight.copy_(torch.as_tensor(head))
    return model


def coin_law(bias: float, length: int) -> tuple[np.ndarray, np.ndarray]:
    """All strings of tosses, int `(2^T, T)`, and their probabilities under two coins 1/2 +- bias, equally likely."""
    tosses = np.array(list(itertools.product((0, 1), repeat=length)))
    heads = tosses.sum(axis=1)
    each = [p**heads * (1 - p) ** (length - heads) for p in (0.5 - bias, 0.5 + bias)]
    return tosses, 0.5 * (each[0] + each[1])


def trained_on_coins(bias: float, length: int, steps: int = 250) -> GPT2LMHeadModel:
    """A GPT-2 fitted to two biased coins after a first token 2, by the exact expected loss."""
    model = gpt2(3, 16, 1, length + 1, seed=1)
    tosses, probabilities = coin_law(bias, length)
    ids = torch.as_tensor(np.column_stack([np.full(len(tosses), 2), tosses]))
    weights = torch.as_tensor(probabilities, dtype=torch.float32)[:, None]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        scores = torch.log_softmax(model(input_ids=ids[:, :-1]).logits, dim=-1)
        loss = -(weights * scores.gather(2, ids[:, 1:, None])[..., 0]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model


def law_of(model: Any, prompt: list[int], tokens: list[int], length: int) -> tuple[np.ndarray, np.ndarray]:
    """All strings of some tokens and their probabilities under a model, renormalised over those tokens."""
    strings = np.array(list(itertools.product(tokens, repeat=length)))
    ids = torch.as_tensor(np.column_stack([np.tile(prompt, (len(strings), 1)), strings]))
    with torch.no_grad():
        scores = model(input_ids=ids).logits[:, len(prompt) - 1 : -1].double()
    logs = torch.log_softmax(scores, dim=-1).gather(2, ids[:, len(prompt) :, None])[..., 0].sum(dim=1).numpy()
    return strings, np.exp(logs)


class CoinPredictor(torch.nn.Module):
    """The exact next-token scores of two biased coins; a model without memory, positions or padding."""

    def __init__(self, bias: float):
        super().__init__()
        self.bias = bias

    def forward(self, input_ids: torch.Tensor) -> Any:
        heads = (input_ids == 1).sum(dim=1).double()
        tails = (input_ids == 0).sum(dim=1).double()
        odds = (heads - tails) * np.log((0.5 + self.bias) / (0.5 - self.bias))
        head = 0.5 - self.bias + 2 * self.bias * torch.sigmoid(odds)
        scores = torch.stack([1 - head, head, torch.zeros_like(head)], dim=1).log()
        return SimpleNamespace(logits=scores[:, None, :])


class ExactUnmasking(torch.nn.Module):
    """The exact conditionals of a mixture of product laws, called as a masked language model is.

    Args:
        weights: `(K,)`.
        tables: probability of each symbol at each place, `(K, T, V)`.
        mask: id of the mask, `V`.
    """

    def __init__(self, weights: np.ndarray, tables: np.ndarray, mask: int):
        super().__init__()
        self.weights, self.tables, self.mask = torch.as_tensor(weights), torch.as_tensor(tables), mask

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        seen = input_ids != self.mask
        places = torch.arange(input_ids.shape[1])
        chances = self.tables[:, places, torch.where(seen, input_ids, 0)]  # (K, B, T)
        logs = self.weights.log()[:, None] + torch.where(seen, chances, 1.0).log().sum(dim=2)
        posterior = torch.softmax(logs, dim=0)
        found = torch.einsum("kb,ktv->btv", posterior, self.tables)
        scores = torch.cat([found.log(), torch.zeros_like(found[..., :1])], dim=2)  # the mask's own score is no number
        return SimpleNamespace(logits=scores)
