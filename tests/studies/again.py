"""A study that is opened again with other models: what the answer is."""

import re

import pytest

import critwin_widgets as cw


def check_resumed(folder, first, same, others, **ask):
    """Begin a study in a folder, open it again with the same models, and be refused with others.

    Args:
        folder: of the store.
        first: process and classifier.
        same: the two, made anew.
        others: pairs of a process and a classifier, each with what the refusal names: "process" or
            "classifier", and the texts on both sides.
        ask: the study's other arguments.
    """
    ask = {"repeats": 1, "store": folder, **ask}
    cw.ForwardReverseStudy(first[0], classifier=first[1], **ask).run(progress=False, budget_s=1e-9)
    cw.ForwardReverseStudy(same[0], classifier=same[1], **ask)
    for process, classifier, (which, there, here) in others:
        words = f"{which} is .*{re.escape(there)}.* there, .*{re.escape(here)}.* here"
        with pytest.raises(ValueError, match=f"holds another study.*{words}"):
            cw.ForwardReverseStudy(process, classifier=classifier, **ask)


def part(fingerprint, name):
    """Return the part of a fingerprint that begins with a name."""
    parts = [one for one in fingerprint.split("; ") if one.startswith(name) or f"({name}" in one]
    return parts[0][parts[0].find(name) :].removesuffix(")")
