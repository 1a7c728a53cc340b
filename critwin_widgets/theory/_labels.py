"""Names of sub-mixtures: what their components share."""

from ..engine.mixtures import Mixture

_MOST = 4


def subset_label(mixture: Mixture, subset: tuple[int, ...]) -> str:
    """Return a name: the component's label, shared feature values, or a list of values or labels."""
    count = mixture.n_components
    if len(subset) == 1:
        return mixture.labels[subset[0]]
    if len(subset) == count:
        return f"all {count} components"
    shared = {
        name: values[subset[0]] for name, values in mixture.features.items() if len({values[k] for k in subset}) == 1
    }
    shared = {name: value for name, value in shared.items() if len(set(mixture.features[name])) > 1}
    if shared:
        like = sum(all(mixture.features[name][k] == value for name, value in shared.items()) for k in range(count))
        part = "" if like == len(subset) else f" ({len(subset)} of {like})"
        return " · ".join(shared.values()) + part
    for values in mixture.features.values():
        mine = dict.fromkeys(values[k] for k in subset)
        if sum(value in mine for value in values) == len(subset):
            return _listed(list(mine))
    return _listed([mixture.labels[k] for k in subset])


def added_words(label: str, parent: str) -> str:
    """Return what a label adds to its parent's: `disc` for `sand · disc` inside `sand`."""
    return label.removeprefix(parent + " · ")


def _listed(words: list[str]) -> str:
    return ", ".join(words) if len(words) <= _MOST else ", ".join(words[: _MOST - 1]) + f", … ({len(words)})"
