"""transformers' BertModel without its pooler; FULL has the sizes of BERT base."""

import torch
from torch import Tensor
from transformers import BertConfig, BertModel


def factory(
    hidden_size: int = 4, num_heads: int = 2, num_layers: int = 1, intermediate_size: int = 5,
    tokens: int = 3, vocab_size: int = 9, layer_norm_eps: float = 1e-12,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    config = BertConfig(
        hidden_size=hidden_size, num_attention_heads=num_heads, num_hidden_layers=num_layers,
        intermediate_size=intermediate_size, vocab_size=vocab_size,
        max_position_embeddings=tokens, type_vocab_size=1, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, pad_token_id=None, layer_norm_eps=layer_norm_eps,
    )
    ids = torch.randint(vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    return BertModel(config, add_pooling_layer=False).eval(), (ids,)


FULL = {
    "hidden_size": 768, "num_heads": 12, "num_layers": 12, "intermediate_size": 3072,
    "tokens": 32, "vocab_size": 30522,
}
