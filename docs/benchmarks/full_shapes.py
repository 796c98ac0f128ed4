"""Models of transformers in the sizes that a person writes down: what `full_fits.py` fits.

Each factory is a TARGET of its own, `symgauge fit docs/benchmarks/full_shapes.py:llama`. A head has
a number of pairs where positions turn all of it, width is the product of heads and size where the
model wants it so.
"""

import torch
import transformers as hf


def _made(kind, tokens, **config):
    torch.manual_seed(0)
    made = kind.config_class(
        pad_token_id=0, bos_token_id=3, eos_token_id=4, max_position_embeddings=16, **config)
    ids = torch.arange(tokens)[None] % config["vocab_size"]
    return kind(made).eval(), (), {"input_ids": ids}


def _rotary(kind, width, layers, ff, groups, queries, pairs, vocabulary, tokens, **more):
    return _made(
        kind, tokens, hidden_size=width, num_hidden_layers=layers, intermediate_size=ff,
        num_attention_heads=groups * queries, num_key_value_heads=groups, head_dim=2 * pairs,
        vocab_size=vocabulary, use_cache=False, **more)


def llama(width=8, layers=1, ff=3, groups=1, queries=1, pairs=1, vocabulary=12, tokens=3):
    """Llama and Mistral: grouped queries, `pairs` of turned entries in a head."""
    return _rotary(
        hf.LlamaForCausalLM, width, layers, ff, groups, queries, pairs, vocabulary, tokens)


def qwen2(width=8, layers=1, ff=3, groups=1, queries=1, pairs=1, vocabulary=14, tokens=3):
    """Biases of queries, keys and values, none of the last too long for the stream."""
    if 2 * groups * pairs > width:
        raise ValueError("biases of values that move in the kernel of the output's matrix")
    return _rotary(
        hf.Qwen2ForCausalLM, width, layers, ff, groups, queries, pairs, vocabulary, tokens)


def gemma(width=8, layers=1, ff=3, groups=1, queries=1, pairs=1, vocabulary=12, tokens=3):
    """Gains written 1 + w, a head that is tied to the tokens."""
    return _rotary(
        hf.GemmaForCausalLM, width, layers, ff, groups, queries, pairs, vocabulary, tokens)


def mixtral(
    width=4, layers=1, ff=1, groups=1, queries=1, pairs=1, experts=3, vocabulary=8, tokens=2
):
    """Two of `experts` for each token: small, as real balls decide."""
    return _rotary(
        hf.MixtralForCausalLM, width, layers, ff, groups, queries, pairs, vocabulary, tokens,
        num_local_experts=experts, num_experts_per_tok=2)


def gpt2(heads=2, size=2, layers=1, ff=3, vocabulary=14, tokens=3):
    """Learned positions, a tied head."""
    return _made(
        hf.GPT2LMHeadModel, tokens, n_embd=heads * size, n_head=heads, n_layer=layers, n_inner=ff,
        vocab_size=vocabulary, use_cache=False)


def bert(heads=2, size=2, layers=1, ff=3, vocabulary=14, tokens=3):
    """Norms behind the sums."""
    return _made(
        hf.BertForMaskedLM, tokens, hidden_size=heads * size, num_attention_heads=heads,
        num_hidden_layers=layers, intermediate_size=ff, vocab_size=vocabulary)


def t5(width=4, layers=1, ff=3, heads=1, size=2, vocabulary=12, tokens=3):
    """Encoder and decoder of `layers` each, heads of any size."""
    model, _, given = _made(
        hf.T5ForConditionalGeneration, tokens, d_model=width, d_kv=size, d_ff=ff,
        num_layers=layers, num_decoder_layers=layers, num_heads=heads, vocab_size=vocabulary,
        relative_attention_num_buckets=4, relative_attention_max_distance=8,
        decoder_start_token_id=0, use_cache=False)
    return model, (), given | {"decoder_input_ids": given["input_ids"]}


def gpt_neox(heads=2, turned=2, plain=1, layers=1, ff=3, vocabulary=24, tokens=3):
    """Partial rotary attention beside units: `turned` and `plain` entries in a head.

    The units are tanh in place of gelu, of which power series find no start beside this attention.
    """
    size = turned + plain
    return _made(
        hf.GPTNeoXForCausalLM, tokens, hidden_size=heads * size, num_attention_heads=heads,
        num_hidden_layers=layers, intermediate_size=ff, vocab_size=vocabulary, use_cache=False,
        hidden_act="tanh", rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": turned / size})


def vit(heads=2, size=2, layers=2, ff=3, channels=3, across=2, labels=5):
    """Patches of one pixel with `channels`, `across` of them in a row."""
    torch.manual_seed(0)
    config = hf.ViTConfig(
        hidden_size=heads * size, num_attention_heads=heads, num_hidden_layers=layers,
        intermediate_size=ff, image_size=across, patch_size=1, num_channels=channels,
        num_labels=labels)
    image = torch.rand(1, channels, across, across)
    return hf.ViTForImageClassification(config).eval(), (), {"pixel_values": image}


def deepseek_v3(
    width=4, layers=1, dense=1, wide=3, ff=2, experts=3, heads=2, queries=3, keys=3, size=2,
    pairs=1, vocabulary=12, tokens=3
):
    """Latents of `queries` and `keys` entries, heads of `size` and of `pairs` that are turned."""
    return _made(
        hf.DeepseekV3ForCausalLM, tokens, hidden_size=width, num_hidden_layers=layers,
        first_k_dense_replace=dense, intermediate_size=wide, moe_intermediate_size=ff,
        n_routed_experts=experts, n_shared_experts=1, num_experts_per_tok=2, n_group=1,
        topk_group=1, num_attention_heads=heads, num_key_value_heads=heads, q_lora_rank=queries,
        kv_lora_rank=keys, qk_nope_head_dim=size, v_head_dim=size, qk_rope_head_dim=2 * pairs,
        vocab_size=vocabulary, use_cache=False)
