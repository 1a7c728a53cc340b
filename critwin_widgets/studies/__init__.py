"""Forward-reverse experiments on anything that can be noised and denoised."""

from .study import ForwardReverseStudy

__all__ = ["ForwardReverseStudy"]
