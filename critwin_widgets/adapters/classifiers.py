"""Classifiers for experiments on images: zero-shot CLIP and scikit-learn estimators, one shape of answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine._digest import digest
from ._optional import require
from ._prints import settings, weights_hash


class ClipClassifier:
    """Names what an image shows by comparing it to texts (zero-shot CLIP).

    Each value of a feature has one or more prompts. Their text embeddings are computed once, brought to
    length 1, averaged and brought to length 1 again. An image's probabilities are the softmax over a
    feature's values of the model's logit scale times the cosine of the two embeddings.

    Args:
        model: a `transformers.CLIPModel`, the name of one on the hub, or a folder.
        prompts: feature → value → prompt or prompts, as
            `{"animal": {"cat": ["a photo of a cat", "a cat"], "dog": "a photo of a dog"}}`.
        processor: the model's `CLIPProcessor`, or anything that has its `tokenizer` and `image_processor`;
            loaded by the model's name when `None`.
        device: where the model runs; where it is when `None` (for a name: the accelerator if there is one).
        batch_size: images in one call of the model.

    Attributes:
        features: the values of each feature, in the order of the prompts.

    Raises:
        ImportError: torch or transformers is missing; the message holds the line that installs them.
        OSError: there is no model of this name in the cache, in a folder or on the hub.
        TypeError, ValueError: an argument is no good; the message says which.
    """

    features: dict[str, tuple[str, ...]]

    def __init__(
        self,
        model: Any,
        prompts: Mapping[str, Mapping[str, str | Sequence[str]]],
        *,
        processor: Any = None,
        device: Any = None,
        batch_size: int = 16,
    ):
        texts = _check_prompts(prompts)
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size!r}")
        self._batch_size, self._prompts = batch_size, texts
        self._model, self._processor = _open_clip(model, processor, device)
        self.features = {feature: tuple(values) for feature, values in texts.items()}
        self._texts = {
            feature: np.stack([self._text_embedding(lines) for lines in values.values()])
            for feature, values in texts.items()
        }

    def __call__(self, images: Any) -> dict[str, np.ndarray]:
        """Return the most probable value of each feature, an array of strings `(B,)` each.

        Args:
            images: `(B, H, W, C)` with one or three channels and values in [0, 1].
        """
        found = self.probabilities(images)
        return {name: np.array(self.features[name])[p.argmax(axis=1)] for name, p in found.items()}

    def probabilities(self, images: Any) -> dict[str, np.ndarray]:
        """Return the probability of each value of each feature, `(B, V)`, in the order of `features`.

        Raises:
            ValueError: the images have another shape or values outside of [0, 1].
            FloatingPointError: the model's embeddings are no numbers.
        """
        embedded = self._image_embeddings(_check_images(images))
        scale = float(self._model.logit_scale.detach().float().exp())
        found = {}
        for feature, texts in self._texts.items():
            logits = scale * embedded @ texts.T
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            found[feature] = weights / weights.sum(axis=1, keepdims=True)
        return found

    @property
    def fingerprint(self) -> str:
        """The classifier in one line, with hashes of the model and of how it reads: what tells two studies apart."""
        reader = self._processor.image_processor
        options = reader.to_dict() if callable(getattr(reader, "to_dict", None)) else None
        lines = [line for values in self._prompts.values() for lines in values.values() for line in lines]
        ids = [list(self._processor.tokenizer(line)["input_ids"]) for line in lines]
        return (
            f"ClipClassifier(prompts {self._prompts}; tokens {digest(ids)}; model {weights_hash(self._model)}; "
            f"images {digest(type(reader).__name__, settings(options))})"
        )

    def _text_embedding(self, lines: tuple[str, ...]) -> np.ndarray:
        import torch

        tokens = self._processor.tokenizer(list(lines), padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            given = {name: tokens[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
            embedded = _pooled(self._model.get_text_features(**given))
        return _unit(_unit(embedded).mean(axis=0))

    def _image_embeddings(self, images: np.ndarray) -> np.ndarray:
        import torch

        parts = []
        for start in range(0, len(images), self._batch_size):
            # Eight bits a channel, as the files that CLIP was trained on.
            pictures = [np.round(255 * image).astype(np.uint8) for image in images[start : start + self._batch_size]]
            made = self._processor.image_processor(
                images=pictures, return_tensors="pt", input_data_format="channels_last"
            )
            with torch.no_grad():
                pixels = made["pixel_values"].to(device=self._model.device, dtype=self._model.dtype)
                parts.append(_pooled(self._model.get_image_features(pixel_values=pixels)))
        return _unit(np.concatenate(parts))


class SklearnClassifier:
    """A fitted scikit-learn classifier as the judge of an experiment.

    Args:
        estimator: fitted, with `predict` and `classes_`; a pipeline serves too.
        feature: the name of what it tells.
        transform: turns samples into what the estimator was fitted on, `(B, n)`; when `None`, each sample's
            values in a row.

    Attributes:
        features: `{feature: classes}`, as strings.

    Raises:
        TypeError: `estimator` cannot predict, or `transform` cannot be called.
        ValueError: `estimator` is not fitted, or its classes read the same.
    """

    features: dict[str, tuple[str, ...]]

    def __init__(self, estimator: Any, feature: str = "label", transform: Callable[[Any], Any] | None = None):
        if not callable(getattr(estimator, "predict", None)):
            raise TypeError(f"estimator must have a method predict, which a {type(estimator).__name__} has not")
        if not isinstance(feature, str) or not feature:
            raise ValueError(f"feature must be a name, not {feature!r}")
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be a function of a batch of samples, not a {type(transform).__name__}")
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            raise ValueError(
                f"estimator is a {type(estimator).__name__} without classes_; it must be a classifier that is fitted"
            )
        if np.ndim(classes) != 1:
            raise ValueError("estimator tells several outputs at once; give one estimator for each feature")
        values = tuple(str(value) for value in np.asarray(classes).tolist())
        if len(set(values)) < len(values):
            raise ValueError(f"estimator's classes must read differently as text, but are {values}")
        self.features = {feature: values}
        self._estimator, self._feature, self._transform = estimator, feature, transform

    def __call__(self, samples: Any) -> dict[str, np.ndarray]:
        """Return the predicted class of each sample as strings, `{feature: (B,)}`.

        Raises:
            ValueError: a sample has not as many values as the estimator was fitted on, or one is not finite.
        """
        found = np.asarray(self._estimator.predict(self._table(samples)))
        return {self._feature: np.array([str(value) for value in found.tolist()])}

    def probabilities(self, samples: Any) -> dict[str, np.ndarray]:
        """Return the probability of each class, `{feature: (B, V)}`, when the estimator gives any.

        Raises:
            TypeError: the estimator has no `predict_proba`.
        """
        if not callable(getattr(self._estimator, "predict_proba", None)):
            raise TypeError(f"a {type(self._estimator).__name__} gives no probabilities; it has no predict_proba")
        return {self._feature: np.asarray(self._estimator.predict_proba(self._table(samples)))}

    @property
    def fingerprint(self) -> str:
        """The classifier in one line, with a hash of what the estimator has learnt: what tells two studies apart."""
        transform = "none" if self._transform is None else digest(self._transform)
        kind = type(self._estimator).__name__
        return f"SklearnClassifier({self._feature!r}; {kind} {digest(self._estimator)}; transform {transform})"

    def _table(self, samples: Any) -> Any:
        if self._transform is not None:
            table = self._transform(samples)
        else:
            array = np.asarray(samples)
            if array.ndim < 2:
                raise ValueError(f"samples must be a batch (B, ...), not shape {array.shape}")
            table = array.reshape(len(array), -1)
        wanted, shape = getattr(self._estimator, "n_features_in_", None), np.shape(table)
        if wanted is not None and (len(shape) != 2 or shape[1] != wanted):
            raise ValueError(
                f"each sample must give the estimator {wanted} values, but the table of {len(samples)} samples has "
                f"shape {shape}; pass a transform that makes the samples into what the estimator was fitted on"
            )
        numbers = np.asarray(table)
        if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
            raise ValueError("samples must have finite values")
        return table


def _check_prompts(prompts: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return feature → value → prompts, all of them strings."""
    if not isinstance(prompts, Mapping) or not prompts:
        raise ValueError(f"prompts must be a mapping feature → value → prompts, not {prompts!r}")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for feature, values in prompts.items():
        if not isinstance(values, Mapping) or len(values) < 2:
            raise ValueError(f"prompts[{feature!r}] must map at least two values to their prompts, not {values!r}")
        if len({str(value) for value in values}) < len(values):
            raise ValueError(f"prompts[{feature!r}] has values that read the same: {list(values)}")
        found[str(feature)] = {}
        for value, lines in values.items():
            lines = (lines,) if isinstance(lines, str) else tuple(lines)
            if not lines or not all(isinstance(line, str) and line.strip() for line in lines):
                raise ValueError(f"prompts[{feature!r}][{value!r}] must be at least one text, not {lines!r}")
            found[str(feature)][str(value)] = lines
    return found


def _check_images(images: Any) -> np.ndarray:
    array = np.asarray(images, dtype=np.float32)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or not len(array):
        raise ValueError(f"images must have shape (B, H, W, C) with 1 or 3 channels, not {array.shape}")
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-6 and high <= 1 + 1e-6):  # also when one of them is NaN
        raise ValueError(f"images must have values from 0 to 1, but they go from {low:g} to {high:g}")
    array = np.clip(array, 0.0, 1.0)
    return array.repeat(3, axis=3) if array.shape[3] == 1 else array


def _open_clip(model: Any, processor: Any, device: Any) -> tuple[Any, Any]:
    from .diffusion.loading import EXTRA, best_device, load_by_name, read_device

    torch = require("torch", "ClipClassifier", EXTRA)
    transformers = require("transformers", "ClipClassifier", EXTRA)
    device = None if device is None else read_device(device)
    if isinstance(model, str):
        if processor is None:
            processor = load_by_name(transformers.CLIPProcessor.from_pretrained, model, "The processor of")
        model = load_by_name(transformers.CLIPModel.from_pretrained, model, "The model")
        device = read_device(best_device()) if device is None else device
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "get_image_features"):
        raise TypeError(f"model must be a transformers.CLIPModel or the name of one, not a {type(model).__name__}")
    if processor is None or not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise TypeError(
            "processor must be the model's CLIPProcessor (it has a tokenizer and an image_processor), "
            f"not {'None' if processor is None else 'a ' + type(processor).__name__}"
        )
    if device is not None:
        model.to(device)
    return model.eval(), processor


def _pooled(output: Any) -> np.ndarray:
    # Newer transformers return the embedding inside of an output, older ones the tensor itself.
    tensor = getattr(output, "pooler_output", output)
    values = tensor.float().cpu().numpy()
    if not np.isfinite(values).all():
        raise FloatingPointError("the model's embeddings are no numbers; use a dtype of more precision")
    return values


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
