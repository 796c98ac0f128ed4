"""One block of transformers' GPT-2 on a residual stream; FULL has the sizes of GPT-2 small."""

import torch
from torch import Tensor
from transformers.models.gpt2.configuration_gpt2 import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Block


class Block(torch.nn.Module):
    """The block with a causal mask, hidden states alone."""

    def __init__(self, config: GPT2Config, tokens: int) -> None:
        super().__init__()
        self.block = GPT2Block(config, layer_idx=0)
        visible = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        self.register_buffer("visible", visible[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x, attention_mask=self.visible, use_cache=False)
        return out[0] if isinstance(out, tuple) else out


def factory(
    n_embd: int = 4, n_head: int = 2, n_inner: int = 6, tokens: int = 3
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    config = GPT2Config(
        n_embd=n_embd, n_head=n_head, n_inner=n_inner, n_layer=1, n_positions=tokens,
        vocab_size=9, attn_pdrop=0.0, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_implementation="eager",
    )
    x = torch.randn(1, tokens, n_embd, generator=torch.Generator().manual_seed(0))
    return Block(config, tokens).eval(), (x,)


FULL = {"n_embd": 768, "n_head": 12, "n_inner": 3072, "tokens": 64}
