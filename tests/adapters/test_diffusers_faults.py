"""What can go wrong with a pipeline: memory, levels, arguments, loading."""

from __future__ import annotations

import sys

import diffusers
import numpy as np
import pytest
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

from critwin_widgets.adapters import DiffusersProcess
from critwin_widgets.adapters.diffusion.memory import RowBudget
from tests.adapters import tiny_pipelines as tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


@pytest.fixture(scope="module")
def pixels():
    return DiffusersProcess(tiny.ddpm(), num_inference_steps=4)


@pytest.fixture(scope="module")
def latents():
    return DiffusersProcess(tiny.stable_diffusion(), num_inference_steps=4, scheduler="DDIMScheduler")


def fill_memory(monkeypatch, module, most, message="CUDA out of memory. Tried to allocate 2.00 GiB"):
    """Let a model's memory run out at more than so many rows; returns the sizes that were tried."""
    tried, forward = [], module.forward

    def limited(sample, *args, **kwargs):
        tried.append(len(sample))
        if len(sample) > most:
            raise RuntimeError(message)
        return forward(sample, *args, **kwargs)

    monkeypatch.setattr(module, "forward", limited)
    return tried


def test_when_memory_runs_out_the_batch_halves_and_nothing_changes(monkeypatch):
    process = DiffusersProcess(tiny.ddpm(), num_inference_steps=4)
    y = process.prior(0, 6)
    level = process.index.levels[1]
    expected = process.denoise(y, level, 1)
    tried = fill_memory(monkeypatch, process.pipeline.unet, 2)
    np.testing.assert_allclose(process.denoise(y, level, 1), expected, atol=1e-5)
    assert tried == [6, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1][: len(tried)]
    del tried[:]
    process.denoise(y[:2], level, 1)
    assert set(tried) == {1}  # what was learned is kept


def test_when_one_row_does_not_fit_it_says_so(monkeypatch):
    process = DiffusersProcess(tiny.stable_diffusion(), num_inference_steps=4, guidance_scale=1.0)
    y = process.prior(0, 2)
    tried = fill_memory(
        monkeypatch, process.pipeline.unet, 0, "[enforce fail] DefaultCPUAllocator: not enough memory: you tried"
    )
    with pytest.raises(MemoryError, match=r"one row alone does not fit into memory .*half precision"):
        process.denoise(y, process.start_level, 0)
    assert tried == [2, 1]


def test_other_errors_of_a_model_pass_through(monkeypatch, pixels):
    def broken(*_args, **_kwargs):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(pixels.pipeline.unet, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        pixels.denoise(np.zeros((2, 3, 8, 8)), pixels.index.levels[1], 0)


def test_a_memory_limit_sets_how_many_rows_go_at_once(monkeypatch):
    free = DiffusersProcess(tiny.ddpm(), num_inference_steps=4, max_bytes=10**9)
    y, level = free.prior(0, 7), free.index.levels[1]
    expected = free.denoise(y, level, 1)
    each = free._budget._bytes["decode"]
    assert each > y[0].nbytes
    process = DiffusersProcess(tiny.ddpm(), num_inference_steps=4, max_bytes=4 * each)
    tried = fill_memory(monkeypatch, process.pipeline.unet, 100)
    np.testing.assert_allclose(process.denoise(y, level, 1), expected, atol=1e-5)
    assert max(tried) == 4
    assert tried[0] == 1  # on which the memory of a row is measured
    small = DiffusersProcess(tiny.ddpm(), num_inference_steps=4, max_bytes=each // 2)
    with pytest.raises(ValueError, match=rf"max_bytes = {each // 2} is less than the {each} bytes"):
        small.denoise(y, level, 1)


def test_measured_memory_grows_with_the_rows():
    found = []
    for rows in (1, 3):
        budget = RowBudget([tiny.ddpm().unet], None, 10**9)
        budget.run("pass", 1, lambda _, rows=rows: tiny.ddpm().unet(torch.zeros(rows, 3, 8, 8), 0), list)
        found.append(budget._bytes["pass"])
    assert found[1] > 2 * found[0]  # the embedding of the time is the same for all


def test_levels_outside_the_scheduler_are_told_the_nearest(pixels):
    y = np.zeros((1, 3, 8, 8))
    assert pixels.index.levels == (0.0, 250.0, 500.0, 750.0)
    for level, near in ((1000, "500.0 and 750.0"), (300, "250.0 and 500.0"), (-1, "0.0 and 250.0")):
        with pytest.raises(ValueError, match=rf"level must be one of the 4 levels from 0 to 750 .*nearest are {near}"):
            pixels.denoise(y, level, 0)
    with pytest.raises(ValueError, match=r"to must be one of the 4 levels"):
        pixels.denoise(y, 500, 0, to=100)
    with pytest.raises(ValueError, match=r"to = 500 lies above level = 250"):
        pixels.denoise(y, 250, 0, to=500)
    assert pixels.level_at(0.0) == 0.0
    assert pixels.level_at(np.inf) == 750.0


IMAGES = np.full((2, 8, 8, 3), 0.5)
SAMPLES = np.zeros((2, 3, 8, 8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.noise(IMAGES, "high", 0), "level must be one of the 4 levels.*not 'high'"),
        (lambda p: p.noise(IMAGES, float("nan"), 0), "level must be one of the 4 levels.*not nan"),
        (lambda p: p.noise(IMAGES[0], 250, 0), r"x must be images of shape \(B, 8, 8, 3\), not \(8, 8, 3\)"),
        (lambda p: p.noise(IMAGES[:0], 250, 0), r"x must be images of shape"),
        (lambda p: p.noise(IMAGES * 400, 250, 0), "from 0 to 1, but they go from 200 to 200; divide by 255"),
        (lambda p: p.noise(IMAGES - 1, 250, 0), "from 0 to 1, but they go from -0.5 to -0.5"),
        (lambda p: p.noise(IMAGES * np.nan, 250, 0), "from 0 to 1, but they go from nan to nan"),
        (lambda p: p.noise("cat.png", 250, 0), "x must be an array of images"),
        (lambda p: p.noise(IMAGES, 250, [1, 2, 3]), "one seed for each of 2 rows"),
        (lambda p: p.denoise(SAMPLES[:, :2], 250, 0), r"y must have shape \(B, 3, 8, 8\), not \(2, 2, 8, 8\)"),
        (lambda p: p.denoise(SAMPLES * np.inf, 250, 0), "y must have finite values"),
        (lambda p: p.denoise(None, 250, 0), "y must have shape"),
        (lambda p: p.denoise(SAMPLES, 250, 0, n=0), "n must be a whole number of at least 1, not 0"),
        (lambda p: p.prior(0, 1.5), "n must be a whole number of at least 1, not 1.5"),
        (lambda p: p.level_at(-1), "t must be an OU time of 0 or more, not -1"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_bad_samples_are_named(call, message, pixels):
    with pytest.raises(ValueError, match=message):
        call(pixels)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("ddpm", {"prompt": "a cat"}, ValueError, "prompt = 'a cat' cannot be used: a DDPMPipeline has no conditions"),
        ("ddpm", {"guidance_scale": 2.0}, ValueError, "guidance_scale = 2.0 cannot be used with a DDPMPipeline"),
        ("ddpm", {"eta": 0.5}, ValueError, "eta = 0.5 cannot be used with a DDPMPipeline"),
        ("ddpm", {"num_inference_steps": 0}, ValueError, "num_inference_steps must be a whole number"),
        ("ddpm", {"num_inference_steps": 2000}, ValueError, "num_inference_steps = 2000 .*1000"),
        ("ddpm", {"batch_size": 0}, ValueError, "batch_size must be a whole number of at least 1, not 0"),
        ("ddpm", {"max_bytes": "1 GB"}, ValueError, "max_bytes must be a whole number"),
        ("ddpm", {"scheduler": "DDIM"}, ValueError, "scheduler must name one of diffusers.*not 'DDIM'"),
        ("ddpm", {"scheduler": 5}, TypeError, "scheduler must be a scheduler of diffusers.*not a int"),
        ("ddpm", {"scheduler": "IPNDMScheduler"}, ValueError, "no add_noise or scale_noise"),
        ("ddpm", {"scheduler": diffusers.PNDMScheduler()}, ValueError, "begins with Runge-Kutta.*skip_prk_steps=True"),
        ("ddpm", {"dtype": "int8"}, ValueError, "dtype must be a floating torch dtype.*not 'int8'"),
        ("ddpm", {"device": "cuda:77"}, ValueError, "device must be one that torch has here.*not 'cuda:77'"),
        ("stable_diffusion", {"prompt": ["a", "b"]}, TypeError, "prompt must be one text for all samples"),
        ("stable_diffusion", {"negative_prompt": 3}, TypeError, "negative_prompt must be one text"),
        ("stable_diffusion", {"guidance_scale": -1}, ValueError, "guidance_scale must be a number from 0, not -1"),
        ("stable_diffusion", {"eta": 1.5}, ValueError, "eta must be a number from 0 to 1, not 1.5"),
        ("stable_diffusion", {"height": 13}, ValueError, "could not be called with these arguments.*divisible"),
        ("stable_diffusion", {"call_arguments": {"latents": 0}}, ValueError, "latents = 0 cannot be used"),
        ("stable_diffusion", {"call_arguments": {"fries": 1}}, ValueError, "fries = 1 cannot be used.*clip_skip"),
        ("stable_diffusion_3", {"call_arguments": {"skip_guidance_layers": [0]}}, ValueError, "skip_guidance_layers ="),
        ("stable_diffusion", {"call_arguments": 7}, TypeError, "call_arguments must be a mapping"),
        ("stable_diffusion", {"height": 16, "call_arguments": {"height": 8}}, ValueError, "an argument of its own"),
    ],
)
def test_bad_settings_are_named(name, options, error, message):
    with pytest.raises(error, match=message):
        DiffusersProcess(getattr(tiny, name)(), **({"num_inference_steps": 4} | options))


class OwnNoise(diffusers.DDPMScheduler):
    """Draws its noise where no generator reaches."""

    def step(self, model_output, timestep, sample, generator=None, return_dict=True):
        out = super().step(model_output, timestep, sample, generator)
        out.prev_sample += torch.randn(sample.shape)
        return out


def test_schedulers_that_draw_elsewhere_are_refused():
    with pytest.raises(ValueError, match="OwnNoise, whose random numbers do not come from generators of ours"):
        DiffusersProcess(tiny.ddpm(), num_inference_steps=4, scheduler=OwnNoise())


def test_pipelines_of_other_kinds_are_told_what_is_served():
    with pytest.raises(TypeError, match="pipeline must be a diffusers pipeline or the name of one on the hub"):
        DiffusersProcess(tiny.ddpm().unet)
    painter = diffusers.StableDiffusionImg2ImgPipeline(
        **tiny.stable_diffusion().components, requires_safety_checker=False
    )
    with pytest.raises(ValueError, match=r"StableDiffusionImg2ImgPipeline; pixel pipelines like .* can be used"):
        DiffusersProcess(painter)


def test_numbers_that_overflow_are_no_images(monkeypatch, pixels):
    def overflowing(sample, *_args, **_kwargs):
        return diffusers.models.unets.unet_2d.UNet2DOutput(sample=sample * float("nan"))

    monkeypatch.setattr(pixels.pipeline.unet, "forward", overflowing)
    with pytest.raises(FloatingPointError, match="no numbers, in torch.float32"):
        pixels.denoise(SAMPLES, 250, 0)


def test_half_precision_is_chosen_once():
    unet = diffusers.UNet2DModel.from_config(tiny.ddpm().unet.config)
    unet.load_state_dict(tiny.ddpm().unet.state_dict())
    half = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler())
    process = DiffusersProcess(half, num_inference_steps=4, dtype="bfloat16", device="cpu", scheduler="DDIMScheduler")
    assert process.pipeline.unet.dtype == torch.bfloat16
    full = DiffusersProcess(tiny.ddpm(), num_inference_steps=4, scheduler="DDIMScheduler")
    y = full.noise(IMAGES, 500, 0)
    np.testing.assert_array_equal(process.noise(IMAGES, 500, 0), y)
    np.testing.assert_allclose(process.denoise(y, 500, 1), full.denoise(y, 500, 1), atol=0.05)


def test_the_safety_checker_is_left_to_the_pipeline():
    parts = tiny.stable_diffusion().components
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        vision_config=vision | {"image_size": 8, "patch_size": 4},
        text_config={"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2},
        projection_dim=8,
    )
    checker = StableDiffusionSafetyChecker(config).eval()
    # Similar to everything, at thresholds that nothing stays below.
    checker.concept_embeds_weights.data.fill_(-3.0)
    extractor = transformers.CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    pipe = diffusers.StableDiffusionPipeline(**parts | {"safety_checker": checker, "feature_extractor": extractor})
    process = DiffusersProcess(pipe, num_inference_steps=2, scheduler="DDIMScheduler")
    y = process.noise(np.full((2, 16, 16, 3), 0.5), process.index.levels[1], 0)
    with pytest.warns(UserWarning, match="safety checker blacked out 2 of 2 images"):
        out = process.denoise(y, process.index.levels[1], 0)
    assert out.shape == (2, 16, 16, 3)
    assert (out == 0).all()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def test_without_a_network_a_name_says_what_was_tried(offline, tmp_path):
    name = "stabilityai/stable-diffusion-2-1-base"
    with pytest.raises(OSError, match=name) as raised:
        DiffusersProcess(name)
    message = str(raised.value)
    for part in (str(tmp_path), "HF_HUB_OFFLINE is set", "save_pretrained", f"hf download {name}"):
        assert part in message


def test_a_folder_is_loaded_as_a_name_is(offline, tmp_path):
    tiny.ddpm().save_pretrained(tmp_path / "model")
    process = DiffusersProcess(tmp_path / "model", num_inference_steps=4, device="cpu", dtype=torch.float32)
    own = DiffusersProcess(tiny.ddpm(), num_inference_steps=4)
    y = own.prior(0, 2)
    np.testing.assert_allclose(process.denoise(y, 750, 1), own.denoise(y, 750, 1), atol=1e-6)


def test_without_diffusers_the_error_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match=r'pip install "critwin-widgets\[diffusers\]"'):
        DiffusersProcess("a/b")
