"""Pipelines of the diffusers library as a process that noises and denoises."""

from .process import DiffusersProcess

__all__ = ["DiffusersProcess"]
