"""The gated feedforward block of transformers' Llama; FULL has the sizes of Llama 3.2 1B."""

import torch
from torch import Tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP


def factory(
    hidden_size: int = 4, intermediate_size: int = 6
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    # The configuration demands that the heads, which this block does not have, divide its width.
    config = LlamaConfig(
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    x = torch.randn(1, 1, hidden_size, generator=torch.Generator().manual_seed(0))
    return LlamaMLP(config), (x,)


FULL = {"hidden_size": 2048, "intermediate_size": 8192}
