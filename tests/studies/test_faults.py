"""What goes wrong in a cell stays there; what is given wrong is named."""

import math

import numpy as np
import pytest

import critwin_widgets as cw
from tests.studies.line import NAMES, Line, nearest

POINTS = np.linspace(-5, 5, 6)[:, None]


def study(process=None, sources=POINTS, classifier=nearest, levels=(0.3, 1.0), repeats=4, **more):
    return cw.ForwardReverseStudy(process or Line(), sources, classifier, levels, repeats, **more)


@pytest.fixture(scope="module")
def reference():
    return study().run(progress=False).results


class Moved(Line):
    """Marks what the classifier gets with source and level, so that it can fail for one cell."""

    def __init__(self, bad):
        super().__init__()
        self.bad = bad

    def noise(self, x, level, key):
        self.rows = [(round(float(value), 6), level) for value in np.asarray(x)[:, 0]]
        return super().noise(x, level, key)

    def denoise(self, y, level, key, n=1, to=None):
        found = super().denoise(y, level, key, n, to)
        mark = np.array([row in self.bad for row in self.rows])
        return np.concatenate([found, mark[:, None]], axis=1)


BAD = {(round(float(POINTS[1, 0]), 6), 1.0), (round(float(POINTS[4, 0]), 6), 0.3)}
CELLS = np.zeros((6, 2), bool)
CELLS[1, 1] = CELLS[4, 0] = True


def failing(how):
    def classifier(samples):
        samples = np.asarray(samples)
        marked = samples[:, 1] > 0 if samples.shape[1] > 1 else np.zeros(len(samples), bool)
        values = nearest(samples[:, :1])
        return how(values, marked)

    classifier.features = nearest.features
    return classifier


def raises(values, marked):
    if marked.any():
        raise RuntimeError("no face found")
    return values


def unknown(values, marked):
    return values | {"side": np.where(marked, "up", values["side"])}


def missing(values, marked):
    return values | {"which": np.array([None if bad else v for v, bad in zip(values["which"], marked, strict=True)])}


def not_a_number(values, marked):
    return values | {"which": [math.nan if bad else v for v, bad in zip(values["which"].tolist(), marked, strict=True)]}


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        (raises, "RuntimeError: no face found"),
        (unknown, "feature 'side' has no value 'up'; known are 'left', 'right'"),
        (missing, "feature 'which' is missing (None)"),
        (not_a_number, "feature 'which' is NaN"),
    ],
    ids=["raises", "unknown", "None", "NaN"],
)
def test_a_cell_that_cannot_be_classified_fails_alone(how, words, batch_size, reference):
    one = study(Moved(BAD), classifier=failing(how), batch_size=batch_size)
    with pytest.warns(UserWarning, match="2 cells failed"):
        found = one.run(progress=False).results
    np.testing.assert_array_equal(found["status"].values == 2, CELLS)
    assert all(words in error for error in found["error"].values[CELLS])
    assert (found["error"].values[~CELLS] == "").all()
    assert (found["outcome"].values[CELLS] == -1).all()
    np.testing.assert_array_equal(found["outcome"].values[~CELLS], reference["outcome"].values[~CELLS])
    assert "2 failed" in one.summary()
    assert f"Failed: 2 cells with {'' if how is raises else 'ValueError: '}{words}" in one.summary()
    assert one.retention()["trials"].values.tolist() == [[20, 20], [20, 20]]


def test_failed_cells_run_again_when_asked(reference, tmp_path):
    process = Moved(set(BAD))
    one = study(process, classifier=failing(raises), store=tmp_path)
    with pytest.warns(UserWarning, match="2 cells failed"):
        one.run(progress=False)
    with pytest.warns(UserWarning, match="2 cells failed"):
        one.run(progress=False)  # left alone
    process.bad.clear()
    found = one.run(progress=False, retry_failed=True).results
    assert found["outcome"].identical(reference["outcome"])
    assert cw.ForwardReverseStudy.load(tmp_path).results["outcome"].identical(reference["outcome"])


class Broken(Line):
    """The model itself raises for one source."""

    def noise(self, x, level, key):
        if (np.asarray(x) == POINTS[2]).any():
            raise ArithmeticError("diverged")
        return super().noise(x, level, key)


def test_a_model_that_raises_fails_its_cells_alone(reference):
    with pytest.warns(UserWarning, match="2 cells failed"):
        found = study(Broken()).run(progress=False).results
    assert (found["status"].values[2] == 2).all()
    assert found["error"].values[2, 0] == "ArithmeticError: diverged"
    rest = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(found["outcome"].values[rest], reference["outcome"].values[rest])


def test_a_source_that_cannot_be_classified_fails_its_cells():
    def positive(samples):
        values = nearest(samples)["side"].tolist()
        return [None if abs(x - POINTS[0, 0]) < 1e-12 else v for x, v in zip(samples[:, 0], values, strict=True)]

    one = study(classifier=positive)
    with pytest.warns(UserWarning, match="2 cells failed"):
        found = one.run(progress=False).results
    assert (found["status"].values[0] == 2).all()
    assert found["error"].values[0, 0].startswith("the source itself: ValueError: feature 'label' is missing")
    assert found["original"].values[0, 0] == -1


def test_a_classifier_that_never_works_ends_the_study_at_once():
    process = Line()

    def never(samples):
        raise KeyError("weights")

    with pytest.raises(RuntimeError, match=r"failed on each of the 6 sources, first with KeyError: 'weights'"):
        study(process, classifier=never).run(progress=False)
    assert process.calls == 0


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({}, "no feature"),
        ([1, 2], "one value for each of 1 samples, not shape"),
        ({"side": np.array([[1.0]])}, "one value for each of 1 samples, not shape"),
        (np.full(6, 0.5), "0.5, which is no string, integer or boolean"),
    ],
)
def test_what_a_classifier_may_not_return(returned, words):
    with pytest.raises(RuntimeError, match=words):
        study(classifier=lambda samples: returned).run(progress=False)


# ---- memory -------------------------------------------------------------------------------------


class Small(Line):
    """Has memory for a few samples only."""

    def __init__(self, most, error):
        super().__init__()
        self.most, self.error, self.sizes = most, error, []

    def denoise(self, y, level, key, n=1, to=None):
        self.sizes.append(len(y))
        if len(y) > self.most:
            raise self.error
        return super().denoise(y, level, key, n, to)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes."),
    ],
    ids=["host", "cuda", "xla"],
)
def test_batches_are_halved_when_memory_runs_out(error, reference):
    process = Small(3, error)
    found = study(process, batch_size=16).run(progress=False).results
    assert process.sizes[:3] == [12, 6, 3]
    assert max(process.sizes[2:]) == 3
    assert found["outcome"].identical(reference["outcome"])


def test_one_sample_that_does_not_fit_is_said_clearly():
    one = study(Small(0, MemoryError("no room")))
    with pytest.raises(
        MemoryError, match=r"at level 1 ran out of memory with a single sample \(MemoryError: no room\)"
    ):
        one.run(progress=False)
    assert (one.results["status"] == 0).all()


# ---- arguments ----------------------------------------------------------------------------------

ARGUMENTS = [
    ({"process": "gpt"}, TypeError, "process must be a Process, a mixture or a diffusers pipeline"),
    ({"sources": []}, ValueError, "sources must hold at least one sample"),
    ({"sources": np.zeros((0, 1))}, ValueError, "sources must hold at least one sample"),
    ({"sources": 0}, ValueError, "sources must be an integer of at least 1, not 0"),
    ({"sources": None}, TypeError, "sources must be a batch"),
    ({"sources": "a cat"}, TypeError, "sources must be a batch"),
    ({"sources": True}, TypeError, "sources must be a batch"),
    ({"classifier": 3}, TypeError, "classifier must be a callable"),
    ({"classifier": None}, TypeError, "classifier must be a callable.*Line has no known components"),
    ({"levels": [0.5, -1.0]}, ValueError, r"levels\[1\] must be a number from 0 to inf \(OU time\), not -1.0"),
    ({"levels": [0.5, math.nan]}, ValueError, r"levels\[1\] must be"),
    ({"levels": [0.5, math.inf]}, ValueError, "levels must be finite"),
    ({"levels": []}, ValueError, "levels must be a list of at least one level"),
    ({"levels": [13.0], "mode": "clone", "sources": 3}, ValueError, "levels must not lie above 12"),
    ({"repeats": 0}, ValueError, "repeats must be an integer of at least 1, not 0"),
    ({"repeats": 2.5}, ValueError, "repeats must be an integer"),
    ({"mode": "clones"}, ValueError, "mode must be one of.*did you mean 'clone'"),
    ({"seed": -1}, ValueError, "seed must be an integer of at least 0"),
    ({"features": ["side"]}, TypeError, "features must map"),
    ({"features": {"side": "left"}}, TypeError, r"features\['side'\] must be the values"),
    ({"features": {"side": []}}, ValueError, "at least one value"),
    ({"features": {"side": ["a", "a"]}}, ValueError, "none twice"),
    ({"source_ids": [1, 2]}, ValueError, "source_ids must have one id for each of 6 sources"),
    ({"source_ids": [1, 1, 2, 3, 4, 5]}, ValueError, "source_ids must all be different"),
    ({"sources_info": {"group": [1, 2]}}, ValueError, r"sources_info\['group'\] must have one value for each of 6"),
    ({"sources_info": {"status": range(6)}}, ValueError, "may not be named 'status'"),
    ({"sources_info": [1]}, TypeError, "sources_info must map"),
    ({"batch_size": 0}, ValueError, "batch_size must be an integer of at least 1"),
    ({"refine": -1}, ValueError, "refine must be an integer of at least 0"),
    ({"tolerance": 0}, ValueError, "tolerance must be a positive number"),
    ({"stop_width": 1.5}, ValueError, "stop_width must lie strictly between 0 and 1"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), ARGUMENTS, ids=[str(w) for w, _, _ in ARGUMENTS])
def test_bad_arguments_are_named(wrong, error, words):
    with pytest.raises(error, match=words):
        study(**wrong)


def test_levels_outside_a_scheduler_are_named():
    class Steps(Line):
        index = cw.engine.processes.IndexSet("step", "k", 0, 900, levels=(0, 300, 600, 900), ou_times=(0, 0.1, 0.5, 2))

    with pytest.raises(ValueError, match=r"levels\[1\] must be one of the 4 levels from 0 to 900 \(step\), not 250"):
        study(Steps(), levels=[300, 250])
    assert study(Steps(), levels=None).results["ou_time"].values.tolist() == [0, 0.1, 0.5, 2]


def test_questions_about_what_is_not_there_are_refused():
    one = study(Line(NAMES), classifier=None)
    one.run(progress=False)
    with pytest.raises(ValueError, match="feature must be one of 'side', 'which', not 'sdie'; did you mean 'side'"):
        one.retention("sdie")
    with pytest.raises(ValueError, match=r"by must name a variable over source \(\[.*\]\), not 'group'"):
        one.retention(by="group")
    with pytest.raises(ValueError, match="by must have one value for each of 6 sources, not 2"):
        one.decisions(by=[1, 2])
    with pytest.raises(ValueError, match="interval must be one of.*did you mean 'wilson'"):
        one.retention(interval="wilsn")
    with pytest.raises(ValueError, match="jump must lie strictly between 0 and 1"):
        one.windows(jump=1.0)
    with pytest.raises(ValueError, match="bootstrap must be an integer of at least 2"):
        one.decisions(bootstrap=1)
    with pytest.raises(ValueError, match="confidence must lie strictly"):
        one.retention(confidence=95)
    with pytest.raises(ValueError, match="budget_s must be a positive number"):
        one.run(budget_s=0)
    with pytest.raises(TypeError, match="callback must be callable"):
        one.observe(3)
