"""transformers' GPTNeoXForCausalLM, untouched; FULL has the sizes of Pythia-70M."""

from typing import Any

import torch
from torch import Tensor
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM


def factory(
    hidden_size: int = 8, num_heads: int = 1, num_layers: int = 1, intermediate_size: int = 4,
    tokens: int = 3, vocab_size: int = 9,
) -> tuple[torch.nn.Module, tuple[Tensor], dict[str, Any]]:
    config = GPTNeoXConfig(
        hidden_size=hidden_size, num_attention_heads=num_heads, num_hidden_layers=num_layers,
        intermediate_size=intermediate_size, vocab_size=vocab_size,
        max_position_embeddings=tokens, bos_token_id=0, eos_token_id=0,
    )
    ids = torch.randint(vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    return GPTNeoXForCausalLM(config).eval(), (ids,), {"use_cache": False}


FULL = {
    "hidden_size": 512, "num_heads": 8, "num_layers": 6, "intermediate_size": 2048, "tokens": 8,
    "vocab_size": 50304,
}
