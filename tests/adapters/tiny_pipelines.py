"""Real pipeline classes of diffusers at a size of a few channels, with random weights from configurations."""

from __future__ import annotations

import functools
import os
import string

os.environ.setdefault("OMP_NUM_THREADS", "1")

import diffusers
import torch
import transformers
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d import UNet2DOutput

torch.set_num_threads(1)
TEXT = 16
"""Width of the text encoders."""


def seeded(build):
    """The models of a pipeline are made once for all tests, with the same weights."""

    @functools.cache
    def built():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build()

    return built


def clip_tokenizer() -> transformers.CLIPTokenizer:
    letters = string.ascii_lowercase
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return transformers.CLIPTokenizer(
        vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=12
    )


def clip_text(projection: bool = False, hidden: int = TEXT):
    config = transformers.CLIPTextConfig(
        vocab_size=54,
        hidden_size=hidden,
        intermediate_size=16,
        projection_dim=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    kind = transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    return kind(config).eval()


def t5():
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in string.ascii_lowercase]
    tokenizer = transformers.T5Tokenizer(vocab=pieces, extra_ids=0)
    config = transformers.T5Config(
        vocab_size=32, d_model=TEXT, d_kv=4, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    return tokenizer, transformers.T5EncoderModel(config).eval()


def autoencoder(channels: int = 4, **options):
    return diffusers.AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=channels,
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        norm_num_groups=2,
        sample_size=16,
        **options,
    ).eval()


def conditional_unet(**options):
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        **options,
    ).eval()


@seeded
def ddpm():
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    return diffusers.DDPMPipeline(unet.eval(), diffusers.DDPMScheduler())


@seeded
def stable_diffusion():
    return diffusers.StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=conditional_unet(cross_attention_dim=TEXT),
        # As the checkpoints of Stable Diffusion have it.
        scheduler=diffusers.PNDMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@seeded
def stable_diffusion_xl():
    return diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(projection=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=conditional_unet(
            cross_attention_dim=2 * TEXT,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 * 4 + TEXT,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
            steps_offset=1,
        ),
    )


@seeded
def stable_diffusion_3():
    tokenizer, _ = t5()
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=2,
        joint_attention_dim=2 * TEXT,
        caption_projection_dim=8,
        pooled_projection_dim=2 * TEXT,
        pos_embed_max_size=8,
    )
    wide = transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=32, d_model=2 * TEXT, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer.eval(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=clip_text(projection=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text(projection=True),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=wide.eval(),
        tokenizer_3=tokenizer,
    )


@seeded
def flux():
    tokenizer, encoder = t5()
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=TEXT,
        pooled_projection_dim=TEXT,
        axes_dims_rope=(2, 2, 4),
        guidance_embeds=True,
    )
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=autoencoder(shift_factor=0.1, scaling_factor=0.4),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=encoder,
        tokenizer_2=tokenizer,
        transformer=transformer.eval(),
    )


MEAN, SPREAD = 0.3, 0.4
"""Of the pixels whose exact denoiser `gaussian()` is; independent and normal, in the model's units."""


class GaussianDenoiser(ModelMixin, ConfigMixin):
    """The best estimate of the noise for pixels `N(MEAN, SPREAD^2)`, in place of a trained network."""

    @register_to_config
    def __init__(self, sample_size: int = 2, in_channels: int = 1, kind: str = "ddpm"):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.alphas = diffusers.DDPMScheduler().alphas_cumprod.double()

    def forward(self, sample, timestep):
        t = torch.as_tensor(timestep, dtype=torch.float64).reshape(-1)[0]
        if self.config["kind"] == "flow":
            a, s = 1 - t / 1000, t / 1000
        else:
            # Solvers ask between the timesteps of training; log sigma is interpolated, as they do.
            logs = 0.5 * torch.log((1 - self.alphas) / self.alphas)
            low = int(t.floor().clamp(0, 998))
            sigma = torch.exp(logs[low] + (t - low) * (logs[low + 1] - logs[low]))
            a = 1 / torch.sqrt(1 + sigma**2)
            s = sigma * a
        x0 = MEAN + a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * (sample.double() - a * MEAN)
        noise = (sample.double() - a * x0) / s
        output = noise - x0 if self.config["kind"] == "flow" else noise
        return UNet2DOutput(sample=output.to(sample.dtype))


def gaussian(scheduler, kind: str = "ddpm"):
    """A pixel pipeline whose law is known."""
    return diffusers.DDPMPipeline(GaussianDenoiser(kind=kind), scheduler)
