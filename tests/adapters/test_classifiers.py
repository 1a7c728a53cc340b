"""Classifiers of images and other samples: zero-shot CLIP and scikit-learn estimators."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
import transformers
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from critwin_widgets.adapters import ClipClassifier, SklearnClassifier
from tests.adapters import tiny_pipelines as tiny
from tests.studies.again import check_resumed, part
from tests.studies.line import Line

PROMPTS = {"animal": {"cat": ["a cat", "cat"], "dog": "a dog", "bird": ["bird"]}, "light": {1: "day", 0: "night"}}


@pytest.fixture(scope="module")
def clip():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = tiny.clip_text().config.to_dict() | {"projection_dim": 8}
        vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = transformers.CLIPConfig(
            text_config=text, vision_config=vision | {"image_size": 8, "patch_size": 4}, projection_dim=8
        )
        model = transformers.CLIPModel(config).eval()
    pictures = transformers.CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    return model, transformers.CLIPProcessor(pictures, tiny.clip_tokenizer())


def test_clip_gives_the_models_own_probabilities(clip):
    model, processor = clip
    classifier = ClipClassifier(model, PROMPTS, processor=processor, batch_size=2)
    assert classifier.features == {"animal": ("cat", "dog", "bird"), "light": ("1", "0")}
    x = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3)) / 255
    found = classifier.probabilities(x)
    # One prompt for each value: the softmax that the model itself gives.
    given = processor(
        text=["day", "night"],
        images=[np.uint8(np.round(255 * image)) for image in x],
        return_tensors="pt",
        padding=True,
    )
    with torch.no_grad():
        theirs = model(**given).logits_per_image.softmax(dim=1).numpy()
    np.testing.assert_allclose(found["light"], theirs, atol=1e-5)
    np.testing.assert_allclose(found["animal"].sum(axis=1), 1.0, rtol=1e-6)
    told = classifier(x)
    assert set(told) == {"animal", "light"}
    np.testing.assert_array_equal(told["light"], np.array(["1", "0"])[theirs.argmax(axis=1)])
    assert len(set(told["animal"])) >= 1
    assert told["animal"].shape == (5,)
    # Several prompts: the mean direction of their embeddings. Saying one twice changes nothing.
    twice = ClipClassifier(model, {"animal": {"cat": ["a cat", "cat"] * 2, "dog": ["a dog"] * 2}}, processor=processor)
    once = ClipClassifier(model, {"animal": {"cat": ["a cat", "cat"], "dog": "a dog"}}, processor=processor)
    np.testing.assert_allclose(twice.probabilities(x)["animal"], once.probabilities(x)["animal"], atol=1e-6)
    single = ClipClassifier(model, {"animal": {"cat": "cat", "dog": "a dog"}}, processor=processor)
    assert np.abs(single.probabilities(x)["animal"] - once.probabilities(x)["animal"]).max() > 1e-6
    grey = x[..., :1]
    np.testing.assert_allclose(
        classifier.probabilities(grey)["light"], classifier.probabilities(grey.repeat(3, axis=3))["light"]
    )


def test_the_tokenizer_tells_the_prompts_apart(clip):
    ids = clip[1].tokenizer(["a cat", "a dog"])["input_ids"]
    assert ids[0] != ids[1]
    assert len(set(ids[0])) > 3


@pytest.mark.parametrize(
    ("prompts", "options", "error", "message"),
    [
        ({}, {}, ValueError, "prompts must be a mapping"),
        ({"animal": ["cat", "dog"]}, {}, ValueError, r"prompts\['animal'\] must map at least two values"),
        ({"animal": {"cat": "a cat"}}, {}, ValueError, "at least two values"),
        ({"animal": {"cat": "a cat", "dog": []}}, {}, ValueError, r"prompts\['animal'\]\['dog'\] must be at least one"),
        ({"light": {1: "day", "1": "night"}}, {}, ValueError, "read the same"),
        (PROMPTS, {"batch_size": 0}, ValueError, "batch_size must be a whole number"),
        (PROMPTS, {"processor": 5}, TypeError, "processor must be the model's CLIPProcessor.*not a int"),
        (PROMPTS, {"processor": None}, TypeError, "processor must be .* not None"),
        (PROMPTS, {"device": "cuda:77"}, ValueError, "device must be one"),
    ],
)
def test_bad_prompts_are_named(clip, prompts, options, error, message):
    with pytest.raises(error, match=message):
        ClipClassifier(clip[0], prompts, **({"processor": clip[1]} | options))


def test_clip_refuses_what_is_no_image(clip):
    with pytest.raises(TypeError, match="model must be a transformers.CLIPModel"):
        ClipClassifier(tiny.clip_text(), PROMPTS, processor=clip[1])
    classifier = ClipClassifier(clip[0], PROMPTS, processor=clip[1])
    for images, message in (
        (np.zeros((2, 8, 8)), "images must have shape"),
        (np.zeros((2, 8, 8, 4)), "1 or 3 channels"),
        (np.full((2, 8, 8, 3), 200.0), "from 0 to 1, but they go from 200 to 200"),
        (np.full((2, 8, 8, 3), np.nan), "from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            classifier(images)


def test_without_a_network_a_name_says_what_was_tried(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "openai/clip-vit-base-patch32"
    with pytest.raises(OSError, match=f"The processor of '{name}' could not be loaded.*{tmp_path}"):
        ClipClassifier(name, PROMPTS)


def test_a_folder_is_loaded_as_a_name_is(clip, tmp_path):
    model, processor = clip
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    x = np.random.default_rng(1).random((3, 8, 8, 3))
    loaded = ClipClassifier(str(tmp_path), PROMPTS, device="cpu").probabilities(x)
    own = ClipClassifier(model, PROMPTS, processor=processor).probabilities(x)
    for name in PROMPTS:
        np.testing.assert_allclose(loaded[name], own[name], atol=1e-6)
    prints = [ClipClassifier(str(tmp_path), PROMPTS, device="cpu"), ClipClassifier(model, PROMPTS, processor=processor)]
    assert prints[0].fingerprint == prints[1].fingerprint


def test_clip_is_told_apart_by_weights_prompts_and_pictures(clip, tmp_path):
    model, processor = clip

    def judge(prompts=PROMPTS, model=model, pictures=processor.image_processor):
        return ClipClassifier(model, prompts, processor=transformers.CLIPProcessor(pictures, processor.tokenizer))

    trained = copy.deepcopy(model)
    trained.text_projection.weight.data[-1, -1] += 1e-3
    other = transformers.CLIPImageProcessor(
        size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}, image_mean=[0.5, 0.5, 0.5]
    )
    first, again, others = judge(), judge(), [judge(PROMPTS | {"light": {1: "sun", 0: "night"}}), judge(model=trained)]
    others.append(judge(pictures=other))
    assert first.fingerprint == again.fingerprint
    first(np.zeros((1, 8, 8, 3)))
    assert first.fingerprint == again.fingerprint
    texts = [[part(one.fingerprint, name) for one in (first, *others)] for name in ("prompts", "model", "images")]
    assert [len(set(column)) for column in texts] == [2, 2, 2]
    assert [column[k] != column[0] for k, column in enumerate(texts, 1)] == [True] * 3

    class Pictures(Line):
        def noise(self, x, level, key):
            return x

        denoise = noise

    refused = [
        (Pictures(), others[0], ("classifier", "prompts", "prompts")),
        (Pictures(), others[1], ("classifier", texts[1][0], texts[1][2])),
        (Pictures(), others[2], ("classifier", texts[2][0], texts[2][3])),
    ]
    check_resumed(
        tmp_path, (Pictures(), first), (Pictures(), again), refused, sources=np.zeros((2, 8, 8, 3)), levels=[1.0]
    )


def test_without_transformers_the_error_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'ClipClassifier needs transformers.*"critwin-widgets\[diffusers\]"'):
        ClipClassifier("a/b", PROMPTS)


@pytest.fixture(scope="module")
def estimator():
    rng = np.random.default_rng(0)
    x = rng.random((60, 2, 2, 1))
    return LogisticRegression().fit(x.reshape(60, -1), x.mean(axis=(1, 2, 3)) > 0.5), x


def test_an_estimator_judges_samples_of_any_shape(estimator):
    model, x = estimator
    classifier = SklearnClassifier(model, "bright")
    assert classifier.features == {"bright": ("False", "True")}
    told = classifier(x)["bright"]
    assert set(told) == {"False", "True"}
    np.testing.assert_array_equal(told, model.predict(x.reshape(60, -1)).astype(str))
    np.testing.assert_allclose(classifier.probabilities(x)["bright"], model.predict_proba(x.reshape(60, -1)))
    doubled = SklearnClassifier(model, transform=lambda samples: samples[:, ::2, ::2].reshape(len(samples), -1))
    np.testing.assert_array_equal(doubled(x.repeat(2, axis=1).repeat(2, axis=2))["label"], told)


def test_estimators_are_told_apart_by_what_they_learnt(estimator, tmp_path):
    x, y = estimator[1].reshape(60, -1)[:, :1], estimator[1].mean(axis=(1, 2, 3)) > 0.5

    def judge(kind=LogisticRegression, feature="label", transform=None, at=None, **options):
        found = kind(**options).fit(x, y)
        if at is not None:
            getattr(found, at).flat[0] += 1e-9
        return SklearnClassifier(found, feature, transform)

    first, again, others = judge(), judge(), [judge(at="coef_"), judge(C=2.0), judge(kind=RidgeClassifier)]
    others += [judge(feature="bright"), judge(transform=lambda samples: samples + 1.0)]
    others += [judge(transform=lambda samples: samples + 2.0)]
    assert first.fingerprint == again.fingerprint
    assert len({one.fingerprint for one in (first, *others)}) == 7
    forest, nearest = (judge(kind, **options) for kind, options in OTHER_KINDS)
    before = [one.fingerprint for one in (forest, nearest)]
    for one in (forest, nearest):
        one.probabilities(x)
    assert [one.fingerprint for one in pickle.loads(pickle.dumps((forest, nearest)))] == before
    refused = [
        (Line(), one, ("classifier", part(first.fingerprint, name), part(one.fingerprint, name)))
        for one, name in ((others[0], "Logistic"), (others[4], "transform"))
    ]
    check_resumed(tmp_path, (Line(), first), (Line(), again), refused, sources=3, levels=[1.0])


OTHER_KINDS = (
    (RandomForestClassifier, {"n_estimators": 3, "random_state": 0}),
    (KNeighborsClassifier, {"algorithm": "kd_tree"}),
)


def test_bad_estimators_and_samples_are_named(estimator):
    model, x = estimator
    for bad, error, message in (
        (object(), TypeError, "estimator must have a method predict, which a object has not"),
        (LogisticRegression(), ValueError, "must be a classifier that is fitted"),
        (LinearRegression().fit(x[:, 0, :, 0], x[:, 0, 0, 0]), ValueError, "without classes_"),
    ):
        with pytest.raises(error, match=message):
            SklearnClassifier(bad)
    with pytest.raises(ValueError, match="feature must be a name, not ''"):
        SklearnClassifier(model, "")
    with pytest.raises(TypeError, match="transform must be a function"):
        SklearnClassifier(model, transform=3)
    classifier = SklearnClassifier(model)
    with pytest.raises(ValueError, match=r"4 values, but the table of 2 samples has shape \(2, 16\); pass a transform"):
        classifier(np.zeros((2, 4, 4)))
    with pytest.raises(ValueError, match="finite"):
        classifier(x * np.nan)
    with pytest.raises(ValueError, match=r"samples must be a batch"):
        classifier(np.zeros(4))
    ridge = SklearnClassifier(RidgeClassifier().fit(x.reshape(60, -1), x[:, 0, 0, 0] > 0.5))
    with pytest.raises(TypeError, match="gives no probabilities"):
        ridge.probabilities(x)
