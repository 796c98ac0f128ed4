"""torch's own multi-head attention with packed in_proj_weight; query, key and value independent."""

from typing import Any

import torch
from torch import Tensor


def factory(
    embed_dim: int = 4, num_heads: int = 2, tokens: int = 5
) -> tuple[torch.nn.Module, tuple[Tensor, Tensor, Tensor], dict[str, Any]]:
    module = torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True)
    x = torch.randn(1, tokens, embed_dim, generator=torch.Generator().manual_seed(0))
    return module, (x, x, x), {"need_weights": False}


FULL = {"embed_dim": 768, "num_heads": 12, "tokens": 128}
