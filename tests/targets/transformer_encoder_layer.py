"""torch's own encoder layer, untouched; FULL has the sizes of BERT base."""

import torch
from torch import Tensor


def factory(
    d_model: int = 4,
    nhead: int = 2,
    dim_feedforward: int = 6,
    tokens: int = 3,
    norm_first: bool = False,
    activation: str = "relu",
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    module = torch.nn.TransformerEncoderLayer(
        d_model, nhead, dim_feedforward, dropout=0.0, activation=activation,
        norm_first=norm_first, batch_first=True,
    )
    x = torch.randn(1, tokens, d_model, generator=torch.Generator().manual_seed(0))
    return module, (x,)


FULL = {"d_model": 768, "nhead": 12, "dim_feedforward": 3072, "tokens": 128}
