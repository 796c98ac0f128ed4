"""transformers' GPT2LMHeadModel, untouched; FULL has the sizes of GPT-2 small."""

from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel


def factory(
    n_embd: int = 4, n_head: int = 2, n_layer: int = 1, n_inner: int = 6, tokens: int = 3,
    vocab_size: int = 9, tied: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor], dict[str, Any]]:
    config = GPT2Config(
        n_embd=n_embd, n_head=n_head, n_layer=n_layer, n_inner=n_inner, n_positions=tokens,
        vocab_size=vocab_size, attn_pdrop=0.0, resid_pdrop=0.0, embd_pdrop=0.0,
        bos_token_id=0, eos_token_id=0, tie_word_embeddings=tied,
    )
    ids = torch.randint(vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    return GPT2LMHeadModel(config).eval(), (ids,), {"use_cache": False}


FULL = {
    "n_embd": 768, "n_head": 12, "n_layer": 12, "n_inner": 3072, "tokens": 32,
    "vocab_size": 50257,
}
