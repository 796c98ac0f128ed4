"""Dimensions at full sizes against counts by hand: gains 1 + w, packed heads, partial rotary."""

import pytest

from symgauge.derivation.full import FullDerivation, derive_full
from symgauge.hf.target import load_hf


def gemma(d: int, m: int, layers: int, groups: int, size: int, vocab: int, tied: bool) -> int:
    """Gains against readers, values, turned pairs, gates; untied, a rotation of the stream too."""
    pairs = 2 * groups * size // 2
    each = 2 * d + groups * size**2 + pairs + m
    return layers * each + (0 if tied else d + d * (d - 1) // 2)


def gpt_neox(d: int, m: int, layers: int, heads: int, size: int, turned: int, vocab: int) -> int:
    """Two LayerNorms in parallel, biases; of each head `turned` entries are turned."""
    still = size - turned
    attention = heads * (size**2 + turned + still**2)
    biases = heads * (still + size) + d + 1
    norms, annihilated, unseen = 4 * d, 3 * d + m, d + m
    stream = (d - 1) * (d - 2) // 2 + vocab + 2 * d
    return layers * (attention + biases + norms + annihilated + unseen) + stream


def derived(name: str, **sizes: int | bool) -> FullDerivation:
    fields = {n: str(v).lower() for n, v in sizes.items() if isinstance(v, bool)}
    small = load_hf(f"hf:{name}", fields)
    assert small.published is not None
    return derive_full(small.at({**small.published, **sizes}), small)


@pytest.mark.parametrize("tied", [True, False])
def test_gains_of_one_plus_w(tied: bool) -> None:
    found = derived(
        "gemma", hidden_size=20, intermediate_size=14, num_hidden_layers=2, vocab_size=40,
        num_attention_heads=4, num_key_value_heads=2, head_dim=6, tie_word_embeddings=tied)
    assert found.dimension == found.orbit_dimension == gemma(20, 14, 2, 2, 6, 40, tied)
    turned = [g for g in found.generators if g.element.kind.name == "so"]
    assert len(turned) == (not tied)
    for g in turned:
        assert any("diag(1 + " in line for line in g.formula)


def test_heads_that_are_packed_and_turned_in_part() -> None:
    # a quarter of each head, as the published configuration has it
    found = derived(
        "gpt_neox", hidden_size=48, intermediate_size=20, num_hidden_layers=2, vocab_size=60,
        num_attention_heads=3)
    assert found.dimension == gpt_neox(48, 20, 2, 3, 16, 4, 60)


@pytest.mark.slow
def test_published_sizes() -> None:
    assert derived("gemma").dimension == gemma(3072, 24576, 28, 16, 256, 256000, True) == 30_334_976
    assert derived("gpt_neox").dimension == gpt_neox(
        6144, 24576, 44, 64, 96, 24, 50432) == 64_614_701
