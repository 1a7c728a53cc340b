"""Diffusers processes are told apart by what they do, so that a study goes on with the same one alone."""

from __future__ import annotations

import contextlib
import copy

import diffusers
import torch

from critwin_widgets.adapters import DiffusersProcess
from critwin_widgets.adapters._prints import weights_hash
from tests.adapters import tiny_pipelines as tiny
from tests.adapters.test_diffusers_process import STEPS, images, small
from tests.studies.again import check_resumed, part


@contextlib.contextmanager
def moved(parameter, at=-1, by=1e-3):
    """One weight of a model is another for a while; the models are shared by all tests."""
    flat = parameter.data.reshape(-1)
    before = flat[at].item()
    flat[at] += by
    try:
        yield
    finally:
        flat[at] = before


def test_processes_are_told_apart_by_what_they_do():
    short = {"num_inference_steps": 2}
    changes = [
        *({}, {"prompt": "a dog"}, {"negative_prompt": "a dog"}, {"guidance_scale": 3.0}, {"num_inference_steps": 3}),
        *({"scheduler": "DDIMScheduler"}, {"scheduler": "DDIMScheduler", "eta": 0.5}, {"latent": True}),
        *({"height": 32}, {"call_arguments": {"guidance_rescale": 0.7}}),
        {"scheduler": diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1)},
    ]
    made = [small("stable_diffusion", **short | change) for change in changes]
    found = [process.fingerprint for process in made]
    assert len(set(found)) == len(found)
    again = small("stable_diffusion", batch_size=3, device="cpu", height=16, **short)
    assert again.fingerprint == found[0]
    pipeline = again.pipeline
    for model in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        for parameter in (first := list(model.parameters()))[:: len(first) // 5]:
            with moved(parameter):
                assert again.fingerprint != found[0]
    assert again.fingerprint == found[0]
    half = copy.copy(pipeline)
    half.vae = copy.deepcopy(pipeline.vae).to(torch.bfloat16).to(torch.float32)
    assert small_on(half).fingerprint != found[0]
    half.vae = copy.deepcopy(pipeline.vae)
    half.vae.register_to_config(scaling_factor=0.5)
    assert part(small_on(half).fingerprint, "vae") != part(found[0], "vae")


def small_on(pipeline):
    return DiffusersProcess(pipeline, prompt="a cat", num_inference_steps=2)


def test_a_folder_is_the_pipeline_that_was_saved_there(tmp_path):
    process = small_on(tiny.stable_diffusion())
    process.pipeline.save_pretrained(tmp_path)
    loaded = DiffusersProcess(str(tmp_path), prompt="a cat", num_inference_steps=2, device="cpu")
    assert loaded.fingerprint == process.fingerprint


def test_a_study_goes_on_with_the_same_pipeline_alone(tmp_path):
    def judge(samples):
        return (samples.mean(axis=(1, 2, 3)) > 0.5).astype(int)

    other = copy.copy(tiny.ddpm())
    other.unet = copy.deepcopy(other.unet)
    next(other.unet.parameters()).data.view(-1)[3] += 1e-3
    first, again = small("ddpm"), small("ddpm")
    changed, stepped = DiffusersProcess(other, num_inference_steps=STEPS), small("ddpm", scheduler="DDIMScheduler")
    refused = [
        (changed, judge, ("process", *(part(process.fingerprint, "unet") for process in (first, changed)))),
        (stepped, judge, ("process", *(part(process.fingerprint, "scheduler") for process in (first, stepped)))),
    ]
    ask = {"sources": images(first), "levels": [first.index.levels[1]]}
    check_resumed(tmp_path, (first, judge), (again, judge), refused, **ask)


def test_models_of_any_size_and_state_have_a_print():
    def wide():
        torch.manual_seed(0)
        return torch.nn.Linear(300, 200)

    first, other = wide(), wide()
    assert weights_hash(first) == weights_hash(other)
    # A large tensor is read here and there, but training moves all of it.
    other.weight.data += 1e-3
    assert weights_hash(first) != weights_hash(other)
    assert weights_hash(first) != weights_hash(wide().double())
    turned = wide()
    turned.scaling = {"style": 0.5}  # as a low-rank adapter has it
    half = weights_hash(turned)
    turned.scaling["style"] = 0.7
    assert len({weights_hash(first), half, weights_hash(turned)}) == 3
    with torch.device("meta"):
        assert weights_hash(torch.nn.Linear(3, 2)) != weights_hash(torch.nn.Linear(2, 2))
