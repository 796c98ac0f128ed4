"""Structural families of torch modules: in the kernel, never too many, and at full size.

The redundancy of the known networks is their table's (test_known_networks.py measures it); that of
the zoo is the rank of exact rows of the Jacobian here.
"""

from typing import Any

import pytest
import torch
from known_networks import KNOWN_DIMENSIONS, NETWORKS
from structural_referee import rank_of, referee, wrong_families

from symgauge import zoo
from symgauge.capture import capture, load_target, without_weights
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.derivers.structural import find, instantiate
from symgauge.nn import OdeFlow
from symgauge.points.rounded_roots import with_rounded_roots
from places import TARGETS


#: Known networks with less structure than redundancy: the rank, and what is missing.
SHORT = {
    # W1 + v u^T with W2 v = 0: rational in W2, no matrix on a leg
    "lin_2h_taper_nobias": 13,
    # so(h, h) of sum d_k (g_k x)(u_k x): it mixes two legs by matrices that depend on d
    "bilinear_glu_dout1": 4,
    # all of A: only the product of the steps is seen
    "node_linear_endpoint": 9,
}
#: Rows that take more than a few seconds.
SLOW_ROWS = {
    "att_qknorm_gain_eps0", "block_gpt_preln", "gpt2_tied_eps0", "gpt2_untied_eps1e-5",
    "llama_untied_eps1e-5", "llama_tied_gain_eps0",
}


def rows() -> list[Any]:
    marked = pytest.mark.slow
    return [pytest.param(n, marks=marked) if n in SLOW_ROWS else n for n in NETWORKS]


@pytest.mark.parametrize("name", rows())
def test_known_networks(name: str) -> None:
    module, args = NETWORKS[name]()
    network = with_rounded_roots(capture(module, args).network)
    found = find(network)
    families = instantiate(found)
    assert wrong_families(network, families) == []
    rank, known = rank_of(network, families), int(KNOWN_DIMENSIONS[name]["redundancy"])
    assert rank == SHORT.get(name, known) and rank <= known
    if generic_stabiliser(found) is None:
        assert dimension(found) == rank


def test_most_known_networks_are_whole() -> None:
    assert len(KNOWN_DIMENSIONS) - len(SHORT) == 62
    assert all(rank < int(KNOWN_DIMENSIONS[n]["redundancy"]) for n, rank in SHORT.items())


#: (architecture, sizes, redundancy, rank of the structural families).
ZOO: list[tuple[str, dict[str, Any], int, int]] = [
    ("attention", {}, 24, 24),
    ("attention", {"embed_dim": 3, "num_heads": 1, "head_dim": 5, "bias": False}, 42, 42),
    ("attention", {"num_heads": 4, "num_kv_heads": 2, "head_dim": 2}, 24, 24),
    ("convolutional", {}, 3, 3),
    ("convolutional", {"hidden_channels": 1}, 1, 1),
    ("convolutional", {"kernel_size": 3, "size": 5}, 3, 3),
    ("deep_set", {}, 12, 12),
    ("deep_set", {"hidden_features": 1}, 7, 7),
    ("deep_set", {"hidden_features": 4, "latent_features": 3}, 20, 20),
    ("glu", {}, 4, 4),
    ("glu", {"hidden_features": 1}, 1, 1),
    ("glu", {"activation": "relu"}, 8, 8),
    # only the end is seen: all of A is redundant
    ("linear_neural_ode", {}, 18, 9),
    ("linear_neural_ode", {"state_size": 2}, 8, 4),
    # states joined and cut again in another axis are not followed
    ("linear_neural_ode", {"trajectory": True}, 9, 1),
    ("neural_ode", {"encoder": True, "augment_dim": 0}, 6, 6),
    ("neural_ode", {"encoder": True, "augment_dim": 0, "in_features": 3}, 12, 12),
    # what vanishes at the starts alone is not followed at all sizes
    ("neural_ode", {}, 3, 0),
    ("low_rank_adapter", {}, 4, 4),
    ("low_rank_adapter", {"r": 1}, 1, 1),
    ("low_rank_adapter", {"in_features": 2, "out_features": 2, "r": 3}, 8, 8),
    ("mixture_of_experts", {}, 9, 9),
    ("mixture_of_experts", {"embed_dim": 2, "ffn_dim": 3, "num_experts": 2}, 8, 8),
    ("mixture_of_experts", {"kind": "swiglu", "top_k": 2}, 9, 9),
    ("mlp", {}, 4, 4),
    ("mlp", {"hidden_features": 1}, 1, 1),
    ("mlp", {"activation": "tanh"}, 0, 0),
    ("recurrent", {}, 3, 3),
    ("recurrent", {"cell": "lstm"}, 12, 12),
    ("recurrent", {"cell": "state_space"}, 9, 9),
    ("rotary_attention", {}, 40, 40),
    ("rotary_attention", {"embed_dim": 2, "num_heads": 1, "num_kv_heads": 1}, 16, 16),
    ("rotary_attention", {"layout": "interleaved"}, 40, 40),
    ("rotary_attention", {"head_dim": 2}, 12, 12),
    ("rotary_attention", {"qkv_bias": True, "out_bias": True}, 48, 48),
]
SLOW_ZOO: list[tuple[str, dict[str, Any], int, int]] = [
    ("decoder_block", {}, 52, 52),
    ("decoder_block", {"position": "alibi"}, 76, 76),
    ("decoder_block", {"num_heads": 2, "num_kv_heads": 1, "head_dim": 2, "tokens": 4}, 18, 18),
    ("encoder_block", {}, 57, 57),
    ("encoder_block", {"norm": "rms"}, 32, 32),
    ("encoder_block", {"bias": False}, 40, 40),
    ("gpt2_like", {}, 69, 69),
    # d = 3: one direction more, an accident of the size
    ("gpt2_like", {"n_embd": 3, "n_head": 1, "n_inner": 2}, 57, 56),
    ("gpt2_like", {"vocab_size": 8, "n_embd": 6, "n_head": 3}, 97, 97),
    ("llama_like", {"num_layers": 1}, 60, 60),
    ("llama_like", {"num_layers": 1, "tied": True}, 50, 50),
    ("llama_like", {
        "hidden_size": 2, "num_layers": 1, "num_heads": 1, "num_kv_heads": 1, "head_dim": 4,
    }, 25, 25),
]


def check_zoo(name: str, sizes: dict[str, Any], redundancy: int, rank: int) -> None:
    module, args = zoo.load(name).factory(**sizes)
    result = referee(capture(module, args).network)
    assert result.sound, result.wrong
    assert (result.redundancy, result.rank) == (redundancy, rank)


@pytest.mark.parametrize(("name", "sizes", "redundancy", "rank"), ZOO)
def test_zoo(name: str, sizes: dict[str, Any], redundancy: int, rank: int) -> None:
    check_zoo(name, sizes, redundancy, rank)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sizes", "redundancy", "rank"), SLOW_ZOO)
def test_large_zoo(name: str, sizes: dict[str, Any], redundancy: int, rank: int) -> None:
    check_zoo(name, sizes, redundancy, rank)


def test_every_architecture_is_tried_at_three_sizes() -> None:
    tried = [name for name, *_ in (*ZOO, *SLOW_ZOO)]
    assert {n: tried.count(n) >= 3 for n in zoo.names()} == dict.fromkeys(zoo.names(), True)


# -- flows ---------------------------------------------------------------------------------------


class Velocity(torch.nn.Module):
    """A vector field; `spare` is a parameter that it does not read."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.inner, self.outer = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        # small: the flow of a cube blows up
        self.gain, self.spare = (torch.nn.Parameter(torch.full((2,), 0.01)) for _ in range(2))

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "linear":
            return x @ self.inner.weight.T
        if self.kind == "cube":
            return self.gain * x * x * x
        return self.outer(torch.tanh(self.inner(x)))


@pytest.mark.parametrize(("kind", "redundancy", "rank"), [
    # the matrix of a linear flow is seen at its end alone: all of it is redundant
    ("linear", 8, 4), ("tanh", 4, 4), ("cube", 2, 2),
])
@pytest.mark.parametrize("behind", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_flows(kind: str, redundancy: int, rank: int, behind: bool) -> None:
    """Between two maps; and with a parameter of the field read once more behind the flow."""
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = (torch.nn.Linear(2, 2, bias=False) for _ in range(2))
            self.velocity = Velocity(kind)
            self.flow = OdeFlow(self.velocity)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.flow(self.into(x))
            return self.out(y * self.velocity.gain if behind else y)

    result = referee(capture(Model(), (0.1 * torch.ones(1, 2),)).network)
    assert result.sound, result.wrong
    assert behind or (result.redundancy, result.rank) == (redundancy, rank)


# -- graphs of full size, without weights --------------------------------------------------------


def full_dimension(target: str, probabilities: bool = False, **sizes: int) -> int:
    """The dimension that the derivation counts; no generator is a zero of it."""
    settings = {k: str(v) for k, v in sizes.items()}
    with without_weights():
        target = f"{TARGETS / target}:factory"
        module, args, kwargs = load_target(target, zoo.load, settings).build()
    observable = "probabilities" if probabilities else "logits"
    found = find(capture(module, args, kwargs, meta=True, observable=observable).network)
    assert generic_stabiliser(found) is None
    return dimension(found)


GPT2_SMALL = {"n_embd": 768, "n_head": 12, "n_layer": 12, "n_inner": 3072, "vocab_size": 50257}
LLAMA_8B = {
    "hidden_size": 4096, "num_heads": 32, "num_groups": 8, "intermediate_size": 14336,
    "vocab_size": 128256, "tokens": 4,
}


@pytest.mark.parametrize(("probabilities", "expected"), [(False, 1345592), (True, 1346360)])
def test_gpt2_small(probabilities: bool, expected: int) -> None:
    assert full_dimension("gpt2_lm.py", probabilities, **GPT2_SMALL, tokens=32) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("probabilities", "expected"), [(False, 1346584), (True, 1347352)])
def test_gpt2_small_at_all_positions(probabilities: bool, expected: int) -> None:
    assert full_dimension("gpt2_lm.py", probabilities, **GPT2_SMALL, tokens=1024) == expected


def test_llama_of_two_layers() -> None:
    """L (a + phi + 2 d) + d + d (d - 1) / 2 with a = 8 (128 + 128^2), phi = 14336, d = 4096."""
    layer = 8 * (128 + 128**2) + 14336 + 2 * 4096
    assert 2 * layer + 4096 + 4096 * 4095 // 2 == 8699904
    assert full_dimension("llama_lm.py", **LLAMA_8B, num_layers=2) == 8699904


@pytest.mark.slow
def test_llama_8b() -> None:
    assert full_dimension("llama_lm.py", **LLAMA_8B, num_layers=32) == 13338624
