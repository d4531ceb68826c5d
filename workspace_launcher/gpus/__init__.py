"""F3: GPUs: which there are, who has them, who waits for them."""

from .manager import GpuManager

__all__ = ["GpuManager"]
