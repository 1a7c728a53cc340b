"""Membership tests on the trained digits model, and on the same digits learnt by heart."""

import numpy as np
import pytest

import critwin_widgets as cw


@pytest.fixture(scope="module")
def digits():
    model = cw.digits_model()  # with the steps and rows of its own tests: nothing is compiled twice
    study = cw.ForwardReverseStudy(model, model.members[:4], cw.digit_classifier(), levels=[0.1, 0.4], repeats=4)
    return model, study


def test_the_digits_model_gives_little_away(digits):
    model, study = digits
    own, others = model.members[::24], model.non_members[::6]
    found = study.membership(own, others, baseline=lambda x: model.denoising_loss(x, 0.4, 0), progress=False)
    error = np.sqrt((len(own) + len(others) + 1) / (12 * len(own) * len(others)))
    # It generalises: neither test comes near what a model that memorises gives away.
    for name, auc in found.aucs.items():
        assert 0.5 - 3.5 * error < auc < 0.8, name
    # Noise this weak is undone: what comes back is the same image, member or not.
    assert (found.levels[["members", "non_members"]].sel(level=0.1).to_array() > 0.7).all()


def test_held_out_digits_are_not_told_from_held_out_digits(digits):
    model, study = digits
    one, two = model.non_members[::6], model.non_members[3::6]
    found = study.membership(
        one, two, baseline=lambda x: model.denoising_loss(x, 0.4, 0), confidence=0.999, progress=False
    )
    assert ((found.statistics["low"] < 0.5) & (found.statistics["high"] > 0.5)).all()


def test_the_same_digits_memorised_are_told_at_once(digits):
    model, _ = digits
    own, others = model.members[::24], model.non_members[::6]
    study = cw.ForwardReverseStudy(cw.empirical_mixture(own, 0.05), own[:4], levels=[0.1, 0.4], repeats=4)
    found = study.membership(own, others, progress=False)
    assert min(found.aucs.values()) > 0.99
