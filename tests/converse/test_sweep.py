"""The converse sweep: exact on known networks, never below the truth, stopped where it must be."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from swept_networks import build, recipe
from known_networks import KNOWN_DIMENSIONS, NETWORKS, KnownNetwork, mlp, real
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Completeness, Extent, check, completeness
from symgauge.facts import FACTS
from symgauge.facts.ledger import Ledger
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network

#: Rows of which nothing is missing at all sizes of a range to which they belong.
RANGE = {
    "x2_1h_dout1",
    "lin_1h_bottleneck", "lin_1h_bias", "relu_1h_bias", "leaky_1h_nobias", "x2_1h_dout3",
    "x3_1h_dout2", "tanh_2h_bias", "gelu_2h_bias", "relu_1h_bias_softmax", "bilinear_glu",
    "reglu_bias", "swiglu_nobias", "geglu_nobias", "ln_aff_linear_bias", "ln_aff_linear_nobias",
    "rms_gain_linear", "lin_rms_gain_lin_eps0", "lin_rms_gain_lin_eps1e-5", "lm_untied_logits",
    "lm_untied_softmax", "lm_tied_logits", "att_softmax_1h", "att_mha_nobias", "att_mha_allbias",
    "att_gqa", "att_mqa", "att_rope", "att_rope_qkvbias", "att_alibi_allbias",
    "att_qknorm_gain_eps0", "att_sigmoid_allbias", "att_cross", "att_mla", "block_gpt_preln",
    "lora_frozen_base", "cp_layer", "exp_2h_bias", "att_rope_equalfreq",
    "moe_dense_softmax", "moe_top2_renorm", "att_linear_1h",
}
#: The orbits are smaller than the algebra here: their rank is taken at these sizes.
HERE = {"lin_1h_wide", "att_dhead_gt_d"}
#: Tokens: the range asks for a larger vocabulary than the row has.
ELSEWHERE = {
    "gpt2_tied_eps0", "gpt2_untied_eps1e-5", "llama_untied_eps1e-5", "llama_tied_gain_eps0"}
#: The bound is the redundancy, and no structural family reaches it.
SHARP = {
    "lin_2h_taper_nobias", "bilinear_glu_dout1", "bn_eval_relu"}


def network_of(name: str) -> Network:
    module, args = NETWORKS[name]()
    return capture(module, args).network


@pytest.mark.parametrize("name", NETWORKS)
def test_known_networks(name: str) -> None:
    """Complete where it should be, and nowhere below the known redundancy."""
    found = completeness(network_of(name))
    truth = int(KNOWN_DIMENSIONS[name]["redundancy"])
    assert found.bound >= truth or found.missed
    wanted = (Extent.RANGE if name in RANGE else Extent.HERE if name in HERE else
              Extent.ELSEWHERE if name in ELSEWHERE else Extent.OPEN)
    assert found.extent is wanted, found.says
    if name in RANGE | HERE | SHARP:
        assert found.stop is None and found.bound == truth
    elif name not in ELSEWHERE:
        assert found.stop is not None and found.stop.reason in found.says
    if found.extent is not Extent.OPEN:
        assert found.families == truth


def test_enough_rows_are_complete() -> None:
    assert len(RANGE | HERE | ELSEWHERE) >= 40


def made(
    shapes: str, formula: Callable[..., object], *args: Tensor
) -> Network:
    return capture(KnownNetwork(shapes, formula), args).network


# False relatives: each looks like a network of which a converse is stated, and is none.


def test_walls_behind_walls_stop() -> None:
    found = sweep(network_of("relu_2h_bias"))
    assert found.stop is not None and "walls" in found.stop.reason
    assert found.bound == 48  # of three layers the last alone is settled: nothing is taken back


def test_a_matrix_read_twice_stops() -> None:
    """tanh(tanh(x W) W) V: the arguments have no parameter of their own."""
    found = sweep(made(
        "W:3x3 V:2x3", lambda p, x: torch.tanh(torch.tanh(x @ p.W) @ p.W) @ p.V.T, real(1, 3)))
    assert found.stop is not None and "own" in found.stop.reason and found.bound == 15


def test_a_unit_and_its_negative_stop() -> None:
    """silu(u) - silu(-u) = u: units that are not independent."""
    silu = torch.nn.functional.silu
    found = sweep(made(
        "W:2x3 A:2x2 B:2x2",
        lambda p, x: silu(x @ p.W.T) @ p.A.T + silu(-(x @ p.W.T)) @ p.B.T, real(1, 3)))
    assert found.stop is not None and found.bound == 14


def test_one_token_stops() -> None:
    from known_networks import attention

    shapes = "Wq:2x4 Wk:2x4 Wv:2x4 Wo:4x2"
    found = sweep(made(shapes, lambda p, x: attention(p, x, heads=1), real(1, 4)))
    assert found.stop is not None and found.bound == 32


def test_rotary_scores_of_two_causal_tokens_stop() -> None:
    """One offset alone: W_Q (a - R^-1 a R) W_K^T may be antisymmetric."""
    from known_networks import attention

    shapes = "Wq:4x4 Wk:4x4 Wv:2x4 Wo:4x2"

    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        return attention(p, x, heads=1, causal=True, frequencies=(1.0, 0.37))

    two = sweep(made(shapes, formula, real(2, 4)))
    assert two.stop is not None and "offsets" in two.stop.reason
    assert sweep(made(shapes, formula, real(3, 4))).stop is None


def relu_below_a_norm(d: int, units: int, eps: float = 1e-2, through: bool = True) -> Network:
    """x A, a block of relu behind a skip, a norm, a head with a bias."""
    def rms(z: Tensor, g: Tensor, eps: float) -> Tensor:
        return g * z * torch.rsqrt((z * z).mean(-1, keepdim=True) + eps)

    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A.T
        y = z + torch.relu((rms(z, p.g, 1e-2) if through else z) @ p.W.T + p.c) @ p.V.T
        return rms(y, p.G, eps) @ p.U.T + p.k

    gain = f"g:{d}" if through else ""
    return made(f"A:{d}x{d} {gain} W:{units}x{d} c:{units} V:{d}x{units} G:{d} U:{d}x{d} k:{d}",
                formula, real(1, d))


@pytest.mark.parametrize(("d", "units"), [(3, 1), (3, 2), (4, 2)])
def test_walls_below_a_norm(d: int, units: int) -> None:
    """relu leaves no projective field of the stream: d (d - 1) / 2 + 2 d + h, exactly."""
    from converse_ranks import redundancy_of

    network = relu_below_a_norm(d, units)
    found = completeness(network)
    assert found.extent is Extent.RANGE and found.second == AGREES
    assert found.bound == redundancy_of(network, 0) == d * (d - 1) // 2 + 2 * d + units


@pytest.mark.parametrize("network", [
    lambda: relu_below_a_norm(2, 2), lambda: relu_below_a_norm(3, 2, eps=0.0),
    lambda: relu_below_a_norm(3, 2, through=False)], ids=["a plane", "epsilon 0", "no norm"])
def test_walls_below_a_norm_stop(network: Callable[[], Network]) -> None:
    """Two dimensions, a norm without epsilon, units that read the stream as it is."""
    found = sweep(network())
    assert found.stop is not None and ("walls" in found.stop.law or "norm" in found.stop.law)


def norm_of_a_block(d: int, units: int, eps: float = 1e-2, gain: bool = True) -> Network:
    """x A, a block whose units are normed before they are added, a norm, a head."""
    def rms(z: Tensor, eps: float) -> Tensor:
        return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + eps)

    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A.T
        u = rms(torch.tanh((p.g * rms(z, 1e-2)) @ p.W.T) @ p.V.T, eps)
        return (p.G * rms(z + (p.s * u if gain else u), 1e-2)) @ p.U.T

    shapes = f"A:{d}x{d} g:{d} W:{units}x{d} V:{d}x{units} G:{d} U:{d}x{d}"
    return made(f"{shapes} s:{d}" if gain else shapes, formula, real(1, d))


@pytest.mark.parametrize(("d", "units"), [(2, 2), (3, 3), (3, 4)])
def test_a_norm_of_a_block(d: int, units: int) -> None:
    """Its gain leaves the stream no rotation: two gains are left, exactly."""
    from converse_ranks import redundancy_of

    network = norm_of_a_block(d, units)
    found = completeness(network)
    assert found.extent is Extent.RANGE and found.families == 2 * d
    assert found.bound == redundancy_of(network, 0) == 2 * d


@pytest.mark.parametrize(("network", "reason"), [
    (lambda: norm_of_a_block(3, 2), "spans"), (lambda: norm_of_a_block(3, 3, 0.0), "epsilon"),
    (lambda: norm_of_a_block(3, 3, gain=False), "gain")], ids=["few units", "epsilon 0", "no gain"])
def test_a_norm_of_a_block_stops(network: Callable[[], Network], reason: str) -> None:
    """Two units in three dimensions leave three directions more: no bound below the truth."""
    from converse_ranks import redundancy_of

    program = network()
    found = sweep(program)
    assert found.stop is not None and reason in found.stop.reason
    assert found.bound >= redundancy_of(program, 0)


def read_out(d: int, eps: float, centred: bool, second: bool = False) -> Network:
    """x A, a block of units behind a skip, a norm with gain and bias as the output; one entry of it
    times an input besides."""
    def normed(z: Tensor, eps: float) -> Tensor:
        return torch.nn.functional.layer_norm(z, (d,), eps=eps) if centred else (
            z * torch.rsqrt((z * z).mean(-1, keepdim=True) + eps))

    def formula(p: torch.nn.Module, x: Tensor) -> object:
        z = x @ p.A.T
        y = z + torch.tanh((p.g * normed(z, 1e-2)) @ p.W.T) @ p.V.T
        y = p.G * normed(y, eps) + p.b
        return (y, y[:, 0] * x[:, 0]) if second else y

    return made(f"A:{d}x{d} g:{d} W:2x{d} V:{d}x2 G:{d} b:{d}", formula, real(1, d))


@pytest.mark.parametrize(("d", "eps", "centred", "second"), [
    (2, 1e-2, False, False), (3, 1e-2, True, True), (3, 0.0, False, True), (4, 1e-2, True, False)])
def test_a_norm_that_is_read_out(d: int, eps: float, centred: bool, second: bool) -> None:
    """Gain and bias are seen, no rotation is left; an output that others tell adds nothing."""
    from converse_ranks import redundancy_of

    network = read_out(d, eps, centred, second)
    found = completeness(network)
    assert found.extent is Extent.RANGE
    assert found.bound == found.families == redundancy_of(network, 0)


def test_a_stop_leaves_no_more_than_all_parameters() -> None:
    """A gain of two norms: what is open of the stream is more than the matrix that makes it."""
    def rms(z: Tensor) -> Tensor:
        return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2)

    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A.T
        u = torch.tanh((p.g * rms(z)) @ p.W.T) @ p.V.T
        return rms(z + p.g * rms(u)) @ p.U.T

    found = sweep(made("A:2x2 g:2 W:2x2 V:2x2 U:2x2", formula, real(1, 2)))
    assert found.stop is not None and "several places" in found.stop.reason
    assert found.bound == 18 and not found.steps


def test_an_output_with_a_parameter_of_its_own_stops() -> None:
    def formula(p: torch.nn.Module, x: Tensor) -> object:
        y = torch.tanh(x @ p.A.T) @ p.B.T
        return y, y * p.s

    found = sweep(made("A:3x2 B:2x3 s:2", formula, real(1, 2)))
    assert found.stop is not None and found.stop.reason == "several outputs"


@pytest.mark.parametrize(("positions", "tied"), [(False, False), (True, False), (False, True)])
def test_tokens_that_see_all_others(positions: bool, tied: bool) -> None:
    """Contexts of one token alone tell how it varies, causal or not."""
    from converse_ranks import tokens_of

    def rms(z: Tensor, g: Tensor) -> Tensor:
        return g * z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2)

    def formula(p: torch.nn.Module, ids: Tensor) -> Tensor:
        z = torch.nn.functional.embedding(ids, p.E)
        z = z + p.P if positions else z
        n = rms(z, p.g)
        z = z + torch.softmax((n @ p.q.T) @ (n @ p.k.T).T, -1) @ (n @ p.v.T) @ p.o.T
        z = z + torch.tanh(rms(z, p.a) @ p.W.T) @ p.X.T
        return rms(z, p.G) @ (p.E if tied else p.U).T

    network = made(
        "E:90x2 g:2 q:1x2 k:1x2 v:1x2 o:2x1 G:2 a:2 W:1x2 X:2x1"
        + (" P:2x2" if positions else "") + ("" if tied else " U:3x2"), formula, torch.arange(2))
    found = completeness(network)
    assert found.extent is Extent.RANGE, found.says
    assert found.bound == found.families == tokens_of(network, 0)


def test_powers_above_the_number_of_inputs_stop() -> None:
    """(d, h, o) = (4, 5, 3): the redundancy is 6, one more than the scalings."""
    found = sweep(made("W1:5x4 W2:3x5", lambda p, x: (x @ p.W1.T)**2 @ p.W2.T, real(1, 4)))
    assert found.stop is not None and "coordinates" in found.stop.reason and found.bound == 35


def test_tokens_sum_to_one() -> None:
    """E_v W + b: a bias beside tokens undoes a shift of the table."""
    def formula(p: torch.nn.Module, tokens: Tensor) -> Tensor:
        return torch.nn.functional.embedding(tokens, p.E) @ p.W.T + p.b

    found = sweep(made("E:5x2 W:3x2 b:3", formula, torch.arange(5)))
    assert found.stop is not None and found.bound >= 6


def test_probabilities_of_one_class_stop() -> None:
    """log softmax of one number is 0, whatever the parameters."""
    found = sweep(made("W1:3x2 b1:3 W2:1x3 b2:1", lambda p, x: mlp(
        p, x, layers=2, activation=torch.tanh, bias=True, log_softmax=True), real(1, 2)))
    assert found.stop is not None and found.bound == 13


def test_a_norms_bias_reaches_the_averages() -> None:
    """Values without a bias, a block with one: the norm's bias is free (14 of 44, not 13)."""
    module, args = build(recipe(238))
    found = sweep(capture(module, args).network)
    assert found.stop is None and found.bound == 14


def test_a_skip_that_is_not_the_stream_stops() -> None:
    """x A / 2 + tanh(x B) C passes where x A + tanh(x B) C is read: other multiples, no skip."""
    def formula(p: torch.nn.Module, x: Tensor, half: float) -> Tensor:
        one = x @ p.A.T
        two = torch.tanh(one @ p.B.T) @ p.C.T
        return (half * one + two) + torch.tanh((one + two) @ p.W.T) @ p.V.T

    shapes = "A:3x3 B:2x3 C:3x2 W:4x3 V:3x4"
    apart = sweep(made(shapes, lambda p, x: formula(p, x, 0.5), real(1, 3)))
    alike = sweep(made(shapes, lambda p, x: formula(p, x, 1.0), real(1, 3)))
    assert apart.stop is not None and alike.stop is None


def test_packed_projections_have_the_biases_of_their_parts() -> None:
    """One matrix and one bias for queries, keys and values: what separate ones leave free."""
    from known_networks import mix_heads, split_heads

    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        q, k, v = (split_heads(y, 2) for y in (x @ p.W.T + p.b).chunk(3, dim=-1))
        return mix_heads(q, k, v) @ p.O.T + p.c

    found = sweep(made("W:12x4 b:12 O:4x4 c:4", formula, real(5, 4)))
    assert found.stop is None and found.bound == 24


def test_narrow_inputs_stop() -> None:
    """m < d: the stream does not span, and readers have free directions."""
    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A.T
        n = z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-5)
        return z + torch.tanh(n @ p.W.T) @ p.V.T

    wide = sweep(made("A:3x3 W:4x3 V:3x4", formula, real(1, 3)))
    assert wide.stop is None and wide.bound == 0
    narrow = sweep(made("A:3x2 W:4x3 V:3x4", formula, real(1, 2)))
    assert narrow.stop is not None and narrow.bound >= 4  # h (d - m)


def test_the_scale_through_a_norm() -> None:
    """Linear(m, d, bias), norm with epsilon, Linear: one more where m + 1 <= d."""
    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A.T + p.a
        return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2) @ p.B.T

    narrow = sweep(made("A:4x3 a:4 B:3x4", formula, real(1, 3)))
    wide = sweep(made("A:4x4 a:4 B:3x4", formula, real(1, 4)))
    assert narrow.stop is None and wide.stop is None
    assert (narrow.bound, wide.bound) == (7, 6)


# The bound against exact ranks


@pytest.mark.parametrize("seed", [3, 5, 8, 11, 14, 17, 29, 30, 48, 56, 68, 238, 714])
def test_never_below_the_redundancy(seed: int) -> None:
    """Networks of the benchmark, those among them on which a fault was found."""
    from converse_ranks import redundancy_of

    module, args = build(recipe(seed))
    network = capture(module, args).network
    found = sweep(network)
    assert not found.applies or found.bound >= redundancy_of(network, seed)


def test_a_planted_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converse that forgets key biases is below the truth, on a row and by exact ranks."""
    free = Ledger.free

    def forgetful(self: Ledger, what: str, size: object) -> None:
        if what != "key biases":
            free(self, what, size)

    monkeypatch.setattr(Ledger, "free", forgetful)
    from converse_ranks import redundancy_of

    network = network_of("att_mha_allbias")
    assert sweep(network).bound == 20 < redundancy_of(network, 0) == 24


# Records


def test_a_record_is_made_again() -> None:
    network = network_of("att_mha_allbias")
    found = completeness(network)
    assert check(found, network) == []
    assert Completeness.from_plain(found.plain()) == found


@pytest.mark.parametrize("change", [
    {"bound": 23}, {"extent": Extent.HERE}, {"range": ()}, {"premises": ()}, {"steps": ()},
    {"polynomial": "0"}, {"missed": ("1 <= 0",)}, {"families": 23},
])
def test_a_changed_record_is_refused(change: dict[str, object]) -> None:
    network = network_of("att_mha_allbias")
    (key,) = change
    wrong = replace(completeness(network), **change)  # type: ignore[arg-type]
    assert any(key in said for said in check(wrong, network))


def test_a_record_of_another_network_is_refused() -> None:
    found = completeness(network_of("att_mha_allbias"))
    assert check(found, network_of("att_mha_nobias"))


def test_what_is_complete_stands_beside_range_and_premises() -> None:
    found = completeness(network_of("att_mha_nobias"))
    assert found.extent is Extent.RANGE
    assert "d_k <= n_in" in found.range and "a row sees two tokens" in found.range
    assert found.premises and found.polynomial == "d_k**2*h + d_v**2*h"
    elsewhere = completeness(network_of("llama_untied_eps1e-5"))
    assert elsewhere.missed and "these sizes miss it" in elsewhere.says


def test_every_step_names_a_fact() -> None:
    for name in ("block_gpt_preln", "llama_untied_eps1e-5", "att_mla", "cp_layer"):
        for step in completeness(network_of(name)).steps:
            if step.fact not in ("outputs", "table"):
                fact = FACTS[step.fact]
                assert fact.statement and (fact.proof or fact.name == "bias")
