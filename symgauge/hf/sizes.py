"""Small sizes of a configuration of transformers, by the names that its fields go by.

Nothing is known of a model but its configuration: a field is a size if its name says so. Two heads
of size 2, one layer, nine tokens: small enough for an exact derivation, large enough that no two
roles have one size by accident where the configuration leaves them free. Lists with an entry for
each stage are cut to the first stages, each of one layer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from symgauge.hf.stages import STAGES, Stages

#: Names of the size of a head, and of the number of heads.
HEAD, HEADS = r"(head_dim|dim_head|kv_channels|d_kv|head_size)$", r"(^|_)heads?$"
#: Names of sizes and what they become, the first that fits; None leaves a field as it is.
RULES: tuple[tuple[str, int | None], ...] = (
    (r"token_(id|index)$", None),
    (r"per_tok(en)?$|^moe_topk$|^moe_k$", 2),
    (r"^num_shared_experts$|^n_shared_experts$|^n_group$|^topk_group$|^num_expert_group$", 1),
    (r"(^|_)(experts|local_experts|routed_experts)$", 3),
    (r"type_vocab_size$", 2),
    (r"vocab_size", 9),
    (r"(num_kv_shared|max_window|num_nextn_predict|mtp|num_dense)_layers$", 0),
    (r"(^|_)(layers?|num_blocks)$|^num_layers_per_stack$", 1),
    (r"^first_k_dense_replace$", 1),
    (r"mamba_d_head$|mamba_head_dim$", 4),
    (r"mamba_d_ssm$", 8),
    (HEAD, 2),
    (HEADS, 2),
    (r"lora_rank$|^laurel_rank$", 3),
    (r"dt_rank$|time_step_rank$", 2),
    (r"(intermediate_size|d_inner|ffn_dim|ffn_hidden_size|n_inner|d_ff|dff|dim_ff|mlp_dim)$", 5),
    (r"^(hidden_dim)$", 6),
    (r"(hidden_size|n_embd|d_model|^dim|embedding_size|emb(ed)?_dim|proj_dim|projection_dim"
     r"|pooler_output_size|bottleneck_size|hidden_size_per_layer_input|proj_size)$", 4),
    (r"conv_pos_embeddings$", 2),
    (r"(position_embeddings|positions|^n_ctx|max_seq_len|max_length|^block_size)$", 8),
    (r"(state_size|d_state)$", 2),
    (r"^num_mel_bins$", 3),
    (r"^feature_projection_input_dim$", 4),
    (r"(conv_kernel|d_conv|conv_kernel_dim|conv_kernel_size|conv_L_cache)$", 2),
    (r"attention_window$|^num_landmarks$|^groups_width$", 2),
    (r"segment_means_seq_len$|^(min_depth|depth_divisible_by|depth_divisor)$", 4),
    (r"chunk_size$", 4),
    (r"n_groups$|^mamba_n_groups$", 1),
    (r"^(q|k|v|intermediate|output)_groups$|embedding_groups$", 2),
    (r"(^|_)groups$", 2),
    (r"num_buckets$", 4),
    (r"max_distance$", 8),
    (r"^image_size$", 4),
    (r"^patch_size$", 2),
    (r"^num_channels$", 1),
    (r"^rotary_dim$", 2),
)
#: Names of kernels of convolutions.
KERNEL = r"(conv|kernel)(_size)?$|conv_pos_embeddings$"
#: Fields without a value of their own (computed from others, left to the user) that are sizes all
#: the same.
COMPUTED = ("n_inner", "intermediate_size", "vocab_size")
#: Fields that say nothing of the function.
SPOKEN = ("transformers_version", "architectures", "dtype", "id2label", "label2id", "use_cache",
          "problem_type", "return_dict", "output_hidden_states", "output_attentions")
#: What a config.json holds for those who load weights.
UNREAD = {"model_type", "auto_map", "quantization_config", "name_or_path"}
#: The part of each head that positions turn: a pair of four entries.
ROTARY, FACTOR, HALF = "rope_parameters", "partial_rotary_factor", 0.5
#: Numbers from LARGE on are widths, where no rule says what they are and their names do not say
#: that they are places.
LARGE, WIDTH = 16, 4
PLACES = r"(^|_)(id|ids|index|indices|seed|stride|rate|hop)s?$|token|temperature"
#: Joins the name of a part of a configuration to the name of its field.
PART = "__"


def small(name: str, value: Any, heads: int | None, experts: bool = False) -> int | None:
    """The small size of a field, or None where the field is none, or is as small already.

    `heads` is the number of query heads beside a number of key and value heads. With `experts` the
    hidden width is 4: kernels of grouped products want rows of 16 bytes.
    """
    if name in COMPUTED and value is None:
        value = 10**9
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    found = next((size for pattern, size in RULES if re.search(pattern, name)), None)
    if found is None:
        return None
    if re.search(r"(kv|key_value|key)_heads$", name) and heads is not None and value < heads:
        return 1  # groups of query heads stay groups
    if re.search(KERNEL, name) and value % 2:
        found = 3  # of an odd kernel the middle is the place itself
    return min(4 if experts and found == 5 else found, value)


def _is_large(name: str, value: Any) -> bool:
    return type(value) is int and value >= LARGE and not re.search(PLACES, name)


def turned_part(config: Any) -> float | None:
    """The part of each head that positions turn, where it is not all of it."""
    rotary = getattr(config, ROTARY, None)
    part = rotary.get(FACTOR) if isinstance(rotary, dict) else None
    return part if isinstance(part, float) and 0 < part < 1 else None


def fields_of(
    config: Any, prefix: str = "", stages: int | None = STAGES, rest: bool = False
) -> Iterator[tuple[str, Any, Any]]:
    """(name, value, small size) of every size of a configuration, those of its parts included.

    Of lists with an entry for each stage the first `stages`, or all. With `rest` large numbers
    that no rule knows are widths.
    """
    parts = parts_of(config)
    plain = own_fields(config)
    heads = next((v for n, v in plain.items() if re.search(r"attention_heads$|value_heads$", n)
                  and not re.search(r"key_value_heads$", n) and isinstance(v, int)), None)
    experts = any("experts" in n for n in plain)
    part = turned_part(config)
    own_size = any(re.match(HEAD, n) and v is not None for n, v in plain.items())
    listed = Stages(plain, stages)
    for name, value in plain.items():
        other = listed.small(name, value)
        if other is not None:
            yield prefix + name, value, other
            continue
        size = None if name in parts else small(name, value, heads, experts)
        if size is None and rest and _is_large(name, value):
            size = WIDTH
        if size is not None:
            # of a head of two entries a part would be one entry, or none: no rotation
            if part is not None and own_size and re.match(HEAD, name):
                size = min(2 * size, value)
            elif part is not None and not own_size and re.search(HEADS, name):
                size = 1
            yield prefix + name, value, size
    if part is not None and part != HALF:
        yield f"{prefix}{ROTARY}{PART}{FACTOR}", part, HALF
    for name, part in parts.items():
        yield from fields_of(part, f"{prefix}{name}{PART}", stages, rest)


def parts_of(config: Any) -> Mapping[str, Any]:
    """The configurations inside one, by the field that holds them."""
    names = getattr(type(config), "sub_configs", None) or {}
    return {n: part for n in names if (part := getattr(config, n, None)) is not None}


def own_name(config: Any, name: str) -> str:
    """The configuration's own name of a field: n_embd for hidden_size, parts joined by PART."""
    name = name.replace(".", PART)
    own: str = (getattr(config, "attribute_map", None) or {}).get(name, name)
    return own


def own_fields(config: Any) -> dict[str, Any]:
    """The plain fields that a configuration is built from; None for what it computes itself."""
    declared = {
        f.name: f.default for f in dataclasses.fields(config)
        if f.init and not f.name.startswith("_") and f.name not in SPOKEN
    }
    values = {n: value_of(config, n) for n in (*declared, *_added(config, declared))}
    free = [n for n, default in declared.items() if default is None and values[n] is not None]
    if free:
        with contextlib.suppress(Exception):  # some need what they also compute
            again = type(config)(**{n: v for n, v in values.items() if n not in free})
            values.update({n: None for n in free if getattr(again, n, None) == values[n]})
    return values


def _added(config: Any, declared: Collection[str]) -> list[str]:
    """What a config.json says beside the fields of its class, which a model may read as well."""
    own = {n for n in vars(config) if n not in declared and n not in SPOKEN and n[0] != "_"}
    own -= UNREAD
    return sorted(own - set(vars(type(config)()))) if own else []


def value_of(config: Any, name: str) -> Any:
    """A field, or None where the configuration has none, or one for each layer."""
    try:
        return getattr(config, name, None)
    except Exception:  # a field that differs from layer to layer
        return None
