"""transformers' LlamaForCausalLM, untouched: rotary grouped-query attention, gated feedforward."""

from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM


def factory(
    hidden_size: int = 4, num_heads: int = 2, num_groups: int = 1, num_layers: int = 1,
    intermediate_size: int = 3, tokens: int = 3, vocab_size: int = 9, tied: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor], dict[str, Any]]:
    config = LlamaConfig(
        hidden_size=hidden_size, num_attention_heads=num_heads, num_key_value_heads=num_groups,
        num_hidden_layers=num_layers, intermediate_size=intermediate_size,
        vocab_size=vocab_size, max_position_embeddings=max(8, tokens), pad_token_id=None,
        bos_token_id=0, eos_token_id=0, tie_word_embeddings=tied,
    )
    ids = torch.randint(vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    return LlamaForCausalLM(config).eval(), (ids,), {"use_cache": False}


def grouped(
    hidden_size: int = 16, num_heads: int = 4, num_groups: int = 2, num_layers: int = 1,
    intermediate_size: int = 3, tokens: int = 3, vocab_size: int = 9, tied: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor], dict[str, Any]]:
    """The same with two groups and two frequencies: every copy of the full size, at a small one."""
    return factory(
        hidden_size, num_heads, num_groups, num_layers, intermediate_size, tokens, vocab_size, tied
    )


# the shape of Llama 3.2 1B, with a head of its own: 1.5 billion parameters
FULL = {
    "hidden_size": 2048, "num_heads": 32, "num_groups": 8, "num_layers": 16,
    "intermediate_size": 8192, "tokens": 32, "vocab_size": 128256,
}
