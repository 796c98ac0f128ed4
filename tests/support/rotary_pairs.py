"""A rotary embedding, as models write it."""

import torch
from torch import Tensor


def turned(x: Tensor, pairs: str) -> Tensor:
    """x (..., tokens, n) with all entries turned, in pairs (k, k + n/2) or (2k, 2k + 1)."""
    n = x.shape[-1]
    place, frequency = (torch.arange(m, dtype=torch.float64) for m in (x.shape[-2], n // 2))
    angle = place[:, None] * 2.0 ** -frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    if pairs == "halves":
        a, b = x[..., :n // 2], x[..., n // 2:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
