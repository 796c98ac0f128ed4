"""torch's own decoder layer, untouched: self-attention, attention to a memory, feedforward."""

import torch
from torch import Tensor


def factory(
    d_model: int = 4,
    nhead: int = 2,
    dim_feedforward: int = 6,
    tokens: int = 3,
    memory_tokens: int = 2,
    norm_first: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor, Tensor]]:
    module = torch.nn.TransformerDecoderLayer(
        d_model, nhead, dim_feedforward, dropout=0.0, norm_first=norm_first, batch_first=True
    )
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(1, tokens, d_model, generator=generator)
    memory = torch.randn(1, memory_tokens, d_model, generator=generator)
    return module, (target, memory)


FULL = {
    "d_model": 512, "nhead": 8, "dim_feedforward": 2048, "tokens": 64, "memory_tokens": 64,
}
