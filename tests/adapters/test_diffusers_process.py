"""Pipelines of diffusers as processes: real classes, random weights, and a denoiser whose law is known."""

from __future__ import annotations

import warnings

import diffusers
import numpy as np
import pytest
import torch

from critwin_widgets.adapters import DiffusersProcess
from critwin_widgets.engine.processes import clock, repeat_seeds, row_seeds
from tests.adapters import tiny_pipelines as tiny

# Of diffusers, when its schedulers make arrays from tensors.
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")
STEPS = 6
SD_SCHEDULERS = (
    *("PNDMScheduler", "DDPMScheduler", "DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"),
    *("EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"),
)
SHORT = {"max_sequence_length": 8}


def generators(key, rows):
    return [torch.Generator().manual_seed(int(seed)) for seed in repeat_seeds(row_seeds(key, rows), 1)]


def small(name, **options):
    """A process on one of the tiny pipelines, at 16 x 16 pixels or fewer."""
    if name in ("stable_diffusion_3", "flux"):
        options.setdefault("call_arguments", SHORT)
    if name == "flux":
        options |= {"height": 16, "width": 16}
    if name != "ddpm":
        options.setdefault("prompt", "a cat")
    return DiffusersProcess(getattr(tiny, name)(), **({"num_inference_steps": STEPS} | options))


def images(process, rows=2, seed=0):
    return np.random.default_rng(seed).random((rows, *process.image_shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "scheduler", "options"),
    [
        *(("stable_diffusion", scheduler, {"guidance_scale": 3.0}) for scheduler in SD_SCHEDULERS),
        ("stable_diffusion", "DDIMScheduler", {"eta": 1.0, "negative_prompt": "a dog"}),
        ("stable_diffusion", "DDIMScheduler", {"call_arguments": {"guidance_rescale": 0.7}}),
        ("stable_diffusion_xl", None, {"negative_prompt": "a dog"}),
        ("stable_diffusion_xl", "EulerAncestralDiscreteScheduler", {}),
        ("stable_diffusion_3", None, {"guidance_scale": 4.0}),
        ("stable_diffusion_3", None, {"negative_prompt": "a dog", "call_arguments": SHORT | {"prompt_3": "a bird"}}),
        ("flux", None, {}),
        ("flux", None, {"negative_prompt": "a dog", "call_arguments": SHORT | {"true_cfg_scale": 2.0}}),
    ],
)
def test_from_the_top_it_is_the_pipeline_itself(name, scheduler, options):
    process = small(name, scheduler=scheduler, **options)
    start = process.prior(3, 2)
    ours = process.denoise(start, process.start_level, 5)
    pipe = process.pipeline
    pipe.scheduler.set_timesteps(STEPS, **({"mu": 1.0} if name == "flux" else {}))
    latents = torch.from_numpy(start) / getattr(pipe.scheduler, "init_noise_sigma", 1.0)
    call = {k: v for k, v in options.items() if k != "call_arguments"}
    call |= options.get("call_arguments", SHORT if name in ("stable_diffusion_3", "flux") else {})
    call |= {"height": 16, "width": 16}
    call |= {"num_images_per_prompt": 2, "num_inference_steps": STEPS, "output_type": "np"}
    theirs = pipe("a cat", latents=latents, generator=generators(5, 2), **call).images
    assert ours.shape == (2, 16, 16, 3)
    assert theirs.std() > 0.05  # something was denoised that differs from place to place
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_pixel_pipeline_gives_what_its_own_call_gives():
    process = small("ddpm")
    begun = generators(5, 2)
    walk = process._schedule.walk(process.start_level, 0.0)
    # The call draws its first noise and that of its steps from the same generators. At 6 of 1000 steps the
    # last timestep, 0, belongs to the way to the clean end.
    assert len(walk) == STEPS
    ours = process._denoiser.run(process._denoiser.prior(begun), walk, begun, True)
    theirs = tiny.ddpm()(2, generators(5, 2), num_inference_steps=STEPS, output_type="np").images
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("ddpm", "DDIMScheduler"),
        ("stable_diffusion", "DDIMScheduler"),
        ("stable_diffusion", "EulerDiscreteScheduler"),
        ("stable_diffusion", "HeunDiscreteScheduler"),
        ("stable_diffusion_xl", None),
        ("stable_diffusion_3", None),
        ("flux", None),
    ],
)
def test_two_legs_of_a_memoryless_solver_are_one(name, scheduler):
    process = small(name, scheduler=scheduler)
    level, middle = process.index.levels[-2], process.index.levels[2]
    y = process.noise(images(process), level, 1)
    halfway = process.denoise(y, level, 2, to=middle)
    assert halfway.shape == y.shape
    one = process.denoise(y, level, 2)
    assert one.std() > 0.05
    np.testing.assert_allclose(process.denoise(halfway, middle, 3), one, atol=1e-5)
    np.testing.assert_array_equal(process.denoise(y, level, 2, to=level), y)


# Largest error of a walk of 40 steps (20 for those of higher order) from any level but the lowest, where what
# is left to the solver is its last step, which lands on the mean. Restarted with a wrong memory or a wrong
# step they are 0.03 and more off, or worse than they are from the top.
SOLVERS = {
    "DDIMScheduler": (40, 0.15, {"clip_sample": False}),
    "PNDMScheduler": (40, 2e-3, {"skip_prk_steps": True}),
    "EulerDiscreteScheduler": (40, 0.15, {}),
    "HeunDiscreteScheduler": (40, 0.012, {}),
    "KDPM2DiscreteScheduler": (40, 0.03, {}),
    "LMSDiscreteScheduler": (20, 0.015, {}),
    "DPMSolverMultistepScheduler": (40, 0.025, {}),
    "DPMSolverSinglestepScheduler": (40, 0.08, {"lower_order_final": True}),
    "DEISMultistepScheduler": (40, 0.04, {}),
    "UniPCMultistepScheduler": (40, 0.025, {}),
    "FlowMatchEulerDiscreteScheduler": (40, 0.07, {}),
    "FlowMatchHeunDiscreteScheduler": (40, 1e-3, {}),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_from_any_level_a_solver_reaches_the_end_of_the_flow(name):
    steps, tolerance, options = SOLVERS[name]
    process = known(name, steps, **options)
    draws = np.random.default_rng(0).standard_normal((4, 1, 2, 2))
    worst = []
    for level in process.index.levels[7 :: steps // 5]:
        k = process._schedule.at(level)
        a, s = process._schedule.signal[k], process._schedule.noise[k]
        # The probability flow of a Gaussian keeps each point's place among its standard deviations.
        y = a * tiny.MEAN + np.hypot(a * tiny.SPREAD, s) * draws
        worst.append(np.abs(process.denoise(y, level, 0) - tiny.MEAN - tiny.SPREAD * draws).max())
    assert len(worst) >= 3
    assert max(worst) < tolerance


def known(name, steps, **options):
    kind = "flow" if name.startswith("Flow") else "ddpm"
    betas = {} if kind == "flow" else {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    scheduler = getattr(diffusers, name)(**betas, **options)
    return DiffusersProcess(tiny.gaussian(scheduler, kind), num_inference_steps=steps, latent=True, batch_size=1000)


@pytest.mark.parametrize(
    ("name", "level"), [("DDPMScheduler", 250.0), ("EulerAncestralDiscreteScheduler", 249.75), ("DDIMScheduler", 250.0)]
)
def test_forward_and_back_has_the_law_of_a_gaussian(name, level):
    steps = 1000 if name == "DDPMScheduler" else 100
    options = {"clip_sample": False} if name.startswith("DD") else {}
    process = known(name, steps, **options)
    level = min(process.index.levels, key=lambda other: abs(other - level))
    k = process._schedule.at(level)
    a, s = process._schedule.signal[k], process._schedule.noise[k]
    x0, rows = 1.1, 200
    y = process.noise(np.full((rows, 1, 2, 2), x0), level, 1)
    pixels = y.size
    np.testing.assert_allclose(y.mean(), a * x0, atol=4 * s / np.sqrt(pixels))
    np.testing.assert_allclose(y.var(), s**2, rtol=4 * np.sqrt(2 / pixels))
    out = process.denoise(y, level, 2)
    # X' | Y is N(m + g (Y - a m), v), and Y | x0 is N(a x0, s^2); the deterministic DDIM follows the flow.
    marginal = (a * tiny.SPREAD) ** 2 + s**2
    gain, spread = a * tiny.SPREAD**2 / marginal, tiny.SPREAD**2 * s**2 / marginal
    if name == "DDIMScheduler":
        gain, spread = tiny.SPREAD / np.sqrt(marginal), 0.0
    mean, variance = tiny.MEAN + gain * a * (x0 - tiny.MEAN), gain**2 * s**2 + spread
    # Beside the standard error, a solver's own bias at so many steps.
    np.testing.assert_allclose(out.mean(), mean, atol=4 * np.sqrt(variance / pixels) + 0.005)
    np.testing.assert_allclose(out.var(), variance, rtol=4 * np.sqrt(2 / pixels) + 0.03)


def test_levels_are_on_the_clock_of_variance_preserving_schedulers():
    for name in ("DDPMScheduler", "DDIMScheduler", "PNDMScheduler"):
        process = small("stable_diffusion", scheduler=name)
        noised = np.array(process.index.levels[1:]).astype(int)
        bars = process.pipeline.scheduler.alphas_cumprod.double().numpy()[noised]
        np.testing.assert_allclose(process.index.ou_times[1:], clock.from_alpha_bar(bars), rtol=1e-6)
        assert process.index.levels[0] == process.index.ou_times[0] == 0.0


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("karras", [False, True])
def test_levels_are_on_the_clock_of_exploding_schedulers(prediction, karras):
    scheduler = diffusers.EulerDiscreteScheduler(prediction_type=prediction, use_karras_sigmas=karras)
    process = small("ddpm", scheduler=scheduler, num_inference_steps=12)
    scheduler.set_timesteps(12)
    kept = scheduler.timesteps.numpy() > 0
    sigmas = scheduler.sigmas[:-1].double().numpy()[kept][::-1]
    np.testing.assert_allclose(process.index.ou_times[1:], clock.from_sigma(sigmas), rtol=1e-6)
    np.testing.assert_allclose(process.index.levels[1:], scheduler.timesteps.numpy()[kept][::-1])
    # A solver that keeps variance puts the same noise at the same timesteps.
    other = small("ddpm", scheduler=diffusers.DPMSolverMultistepScheduler(timestep_spacing="leading"))
    bars = other.pipeline.scheduler.alphas_cumprod.double().numpy()
    expected = clock.from_alpha_bar(bars[np.array(other.index.levels[1:]).astype(int)])
    np.testing.assert_allclose(other.index.ou_times[1:], expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["stable_diffusion_3", "flux"])
def test_levels_are_on_the_clock_of_flow_matching(name):
    process = small(name)
    u = np.array(process.index.levels) / 1000
    np.testing.assert_allclose(process.index.ou_times[:-1], clock.from_flow_time(u[:-1]), rtol=1e-5, atol=1e-12)
    assert u[-1] == 1.0
    assert np.isinf(process.index.ou_times[-1])  # nothing of the image is left
    assert process.level_at(np.inf) == process.start_level
    assert process.level_at(process.index.ou_times[2]) == process.index.levels[2]


def test_logarithmic_timesteps_give_noise_scales():
    process = DiffusersProcess(tiny.gaussian(diffusers.EDMEulerScheduler()), num_inference_steps=STEPS)
    assert process.index.symbol == "σ"
    np.testing.assert_allclose(process.index.levels[-1], 80.0, rtol=1e-5)
    np.testing.assert_allclose(process.index.ou_times, clock.from_sigma(process.index.levels), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "scheduler"), [("ddpm", None), ("stable_diffusion_xl", None), ("stable_diffusion_3", None)]
)
def test_noise_has_the_variance_of_its_level(name, scheduler):
    process = small(name, scheduler=scheduler, latent=True)
    x = np.ones((40, *process._denoiser.shape), np.float32)
    for k in (1, 3, 5):
        level, t = process.index.levels[k], process.index.ou_times[k]
        y = process.noise(x, level, k)
        # The same draws on another image differ by the signal alone.
        noise = process.noise(0 * x, level, k)
        signal = (y - noise).mean()
        np.testing.assert_allclose(noise.var() / signal**2, np.expm1(2 * t), rtol=4 * np.sqrt(2 / y.size))
        # The scheduler's own noising of the same draws.
        own = process.pipeline.scheduler
        own.set_timesteps(STEPS)
        z = (y - process._schedule.signal[k] * x) / process._schedule.noise[k]
        index = len(own.timesteps) - k if own.timesteps[-1] > 0 else len(own.timesteps) - 1 - k
        at = own.timesteps[[index] * len(x)]
        if hasattr(own, "scale_noise"):
            theirs = own.scale_noise(torch.from_numpy(x), at, torch.from_numpy(z))
        else:
            theirs = own.add_noise(torch.from_numpy(x), torch.from_numpy(z), at)
        np.testing.assert_allclose(y, theirs.numpy(), rtol=1e-4, atol=1e-4)
        assert abs(z.mean()) < 4 / np.sqrt(z.size)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)


def test_latents_are_the_mode_and_encoded_once(monkeypatch):
    process = small("stable_diffusion_3")
    x = images(process, 3)
    calls = []
    encode = process.pipeline.vae.encode
    monkeypatch.setattr(process.pipeline.vae, "encode", lambda pixels: calls.append(len(pixels)) or encode(pixels))
    z = process.encode(x)
    process.noise(x[::-1], process.index.levels[2], 0)
    process.noise(np.concatenate([x, 1 - x[:1]]), process.index.levels[3], 0)
    assert calls == [3, 1]
    with torch.no_grad():
        pixels = torch.from_numpy(x).permute(0, 3, 1, 2) * 2 - 1
        mode = encode(pixels).latent_dist.mode()
        theirs = process.pipeline.vae.decode(mode).sample
    np.testing.assert_allclose(z, ((mode - 0.06) * 1.5).numpy(), atol=1e-5)
    shown = process.decode(z)
    np.testing.assert_allclose(shown, (theirs / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy(), atol=1e-5)


def test_a_packed_image_comes_back():
    process = small("flux")
    z = process.encode(images(process))
    assert z.shape == (2, 16, 16)
    unpacked = process.pipeline._unpack_latents(torch.from_numpy(z), 16, 16, process.pipeline.vae_scale_factor)
    with torch.no_grad():
        decoded = process.pipeline.vae.decode(unpacked / 0.4 + 0.1).sample
    expected = (decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(process.decode(z), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "scheduler"), [("ddpm", None), ("stable_diffusion", "EulerAncestralDiscreteScheduler")]
)
def test_a_row_follows_from_its_seed_however_batches_are_cut(name, scheduler):
    whole = small(name, scheduler=scheduler)
    cut = small(name, scheduler=scheduler, batch_size=2)
    x, level = images(whole, 5), whole.index.levels[3]
    seeds = np.array([7, 8, 9, 10, 11])
    y = whole.noise(x, level, seeds)
    np.testing.assert_allclose(cut.noise(x[::-1], level, seeds[::-1])[::-1], y, atol=1e-5)
    out = whole.denoise(y, level, seeds, n=2)
    assert out.shape[0] == 10
    np.testing.assert_allclose(cut.denoise(y[3:4], level, seeds[3:4], n=2), out[6:8], atol=1e-5)
    np.testing.assert_allclose(cut.denoise(y, level, seeds, n=2), out, atol=1e-5)
    assert np.abs(out[0] - out[1]).max() > 1e-3  # two draws of one row
    np.testing.assert_array_equal(whole.prior(seeds, 5)[2:3], whole.prior(seeds[2:3], 1))
    # Noising, starting and stepping with one key draw different numbers.
    noise = (y - whole._schedule.signal[3] * whole.encode(x)) / whole._schedule.noise[3]
    drawn = torch.stack([torch.randn(y.shape[1:], generator=g) for g in generators(seeds, 5)]).numpy()
    for a, b in ((noise, drawn), (noise, whole.prior(seeds, 5)), (drawn, whole.prior(seeds, 5))):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


def test_a_pipeline_that_hands_its_scheduler_no_generator_still_follows_the_seed():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, stochastic_sampling=True)
    process = small("stable_diffusion_3", scheduler=scheduler)
    assert process.stochastic
    level = process.index.levels[3]
    y = process.noise(images(process), level, 0)
    out = process.denoise(y, level, np.array([4, 5]))
    torch.manual_seed(1)
    np.testing.assert_allclose(process.denoise(y[1:], level, np.array([5])), out[1:], atol=1e-5)
    assert np.abs(process.denoise(y[1:], level, np.array([6])) - out[1:]).max() > 1e-3


def test_prompts_that_cannot_be_encoded_ahead_are_given_as_text(monkeypatch):
    known = small("stable_diffusion", scheduler="DDIMScheduler", negative_prompt="a dog")
    monkeypatch.setattr("critwin_widgets.adapters.diffusion.denoisers._named_embeddings", lambda *_: None)
    process = small("stable_diffusion", scheduler="DDIMScheduler", negative_prompt="a dog")
    assert known._denoiser._embeddings
    assert process._denoiser._embeddings is None
    start = process.prior(0, 3)
    np.testing.assert_array_equal(start, known.prior(0, 3))
    level = process.start_level
    np.testing.assert_allclose(process.denoise(start, level, 1), known.denoise(start, level, 1), atol=1e-5)


def test_prompts_are_encoded_once(monkeypatch):
    process = small("stable_diffusion_xl")
    monkeypatch.setattr(process.pipeline.text_encoder, "forward", None)
    assert process.denoise(process.prior(0, 2), process.start_level, 0).shape == (2, 16, 16, 3)
    other = small("stable_diffusion", prompt="a dog", scheduler="DDIMScheduler")
    cat = small("stable_diffusion", scheduler="DDIMScheduler")
    start = cat.prior(0, 1)
    shown = [p.denoise(start, p.start_level, 0) for p in (cat, other)]
    assert np.abs(shown[0] - shown[1]).max() > 1e-5  # the prompt matters


def test_latents_go_in_and_come_out():
    process = small("stable_diffusion", scheduler="DDIMScheduler", latent=True)
    shown = small("stable_diffusion", scheduler="DDIMScheduler")
    x = images(shown)
    z = shown.encode(x)
    level = process.index.levels[3]
    y = process.noise(z, level, 0)
    np.testing.assert_array_equal(y, shown.noise(x, level, 0))
    end = process.denoise(y, level, 1)
    assert end.shape == z.shape
    np.testing.assert_allclose(shown.decode(end), shown.denoise(y, level, 1), atol=1e-5)
    np.testing.assert_array_equal(process.decode(end), shown.decode(end))


@pytest.mark.parametrize(("name", "latent"), [("ddpm", False), ("stable_diffusion", False), ("stable_diffusion", True)])
def test_the_clean_end_is_the_sample_itself(name, latent):
    process = small(name, scheduler="DDIMScheduler", latent=latent)
    x = images(process) if not latent else process.prior(0, 2)
    np.testing.assert_array_equal(process.noise(x, 0.0, 0), x)
    np.testing.assert_array_equal(process.denoise(x, 0.0, 0, n=2), x.repeat(2, axis=0))
    # What a leg to the clean end gives can be given on: the sample at level 0.
    level = process.index.levels[2]
    end = process.denoise(process.noise(x, level, 0), level, 1, to=0.0)
    assert end.shape == x.shape
    np.testing.assert_array_equal(process.denoise(end, 0.0, 2), end)


def test_clones_by_a_deterministic_sampler_are_equal_and_it_says_so():
    process = small("ddpm", scheduler="DDIMScheduler")
    assert not process.stochastic
    y = process.noise(images(process), process.index.levels[3], 0)
    with pytest.warns(UserWarning, match="clones of one noised sample are equal"):
        out = process.denoise(y, process.index.levels[3], 0, n=3)
    np.testing.assert_array_equal(out[0], out[2])
    assert np.abs(out[0] - out[3]).max() > 1e-3
    for options in ({"eta": 0.5}, {"scheduler": "DDPMScheduler"}, {"scheduler": "KDPM2AncestralDiscreteScheduler"}):
        assert small("ddpm", **({"scheduler": "DDIMScheduler"} | options)).stochastic
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clones = small("ddpm").denoise(y, process.index.levels[3], 0, n=2)
    assert np.abs(clones[0] - clones[1]).max() > 1e-3


def test_the_pipeline_given_stays_as_it_is():
    pipe = tiny.stable_diffusion()
    scheduler, config, before = pipe.scheduler, dict(pipe.config), dict(pipe.scheduler.__dict__)
    process = small("stable_diffusion", scheduler="DDIMScheduler")
    process.denoise(process.prior(0, 1), process.start_level, 0)
    process = small("stable_diffusion")
    process.denoise(process.prior(0, 1), process.start_level, 0)
    assert pipe.scheduler is scheduler
    assert dict(pipe.config) == config
    assert {k: id(v) for k, v in pipe.scheduler.__dict__.items()} == {k: id(v) for k, v in before.items()}
    assert not hasattr(pipe, "_progress_bar_config")
    assert "prepare_latents" not in vars(pipe)
