"""The proof table: true generators are proved, false ones never are."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Sketch, attention, mlp, packed_attention, two_branches

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.real import RealDomain
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Move, Place
from symgauge.families.kind import Form
from symgauge.families.kinds import kinds
from symgauge.lie.fields import VectorField, combination, times
from symgauge.points.cells import draw_reals
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.proof.prover import Prover
from symgauge.verdict import Verdict

ONE = Fraction(1)


@dataclass(frozen=True)
class Claim:
    """A family of generators, said to leave a network unchanged."""

    network: Network
    kind: str
    size: int
    moves: tuple[Move, ...]
    copies: int = 1

    @property
    def fields(self) -> tuple[VectorField, ...]:
        return Coordinates(self.network).fields(
            kinds()[self.kind], self.copies, self.size, self.moves)


def rows(size: int, start: int = 0) -> Place:
    """Axis 0, whole."""
    return Place(0, start, (size,), 0)


def columns(size: int, start: int = 0) -> Place:
    """Axis 1, whole."""
    return Place(1, start, (size,), 0)


def head(axis: int, heads: int, size: int, start: int = 0) -> Place:
    return Place(axis, start, (heads, size), 1, (0,))


def move(parameter: str, form: Form, at: Place | None, weight: int = 1,
         source: str | None = None) -> Move:
    return Move(parameter, form, at, Fraction(weight), source)


def hidden(network: Network, size: int, kind: str, forms: tuple[Form, Form],
           weights: tuple[int, int] = (1, 1), bias: bool = True) -> Claim:
    """A claim on the units between fc0 and fc1."""
    enters, leaves = forms
    moves = [move("fc0.weight", enters, rows(size), weights[0])]
    if bias:
        moves.append(move("fc0.bias", enters, rows(size), weights[0]))
    moves.append(move("fc1.weight", leaves, columns(size), weights[1]))
    return Claim(network, kind, size, tuple(moves))


def small_attention(kind: str = "softmax") -> Network:
    """Two heads of size 2 with all biases, two tokens."""
    return attention(2, 2, 2, bias=True, kind=kind, tokens=2)


def value_bias(weight: int, network: Network | None = None) -> Claim:
    return Claim(network or small_attention(), "translation", 2, (
        move("v.bias", "+c", head(0, 2, 2)),
        move("out.bias", "+Tc", head(1, 2, 2), weight, "out.weight"),
    ), 2)


def key_bias(kind: str) -> Claim:
    return Claim(small_attention(kind), "translation", 2,
                 (move("k.bias", "+c", head(0, 2, 2)),), 2)


def query_key(forms: tuple[Form, Form], network: Network | None = None, kind: str = "gl") -> Claim:
    return Claim(network or small_attention(), kind, 2, tuple(
        move(f"{name}.{part}", form, head(0, 2, 2))
        for name, form in zip("qk", forms, strict=True) for part in ("weight", "bias")
    ), 2)


def masked_attention(kind: str) -> Network:
    """One causal head with a key bias."""
    sketch = Sketch()
    build = sketch.build
    x = sketch.input("x", 3, 2)
    q, k, v = (sketch.linear(x, name, 2) for name in "qkv")
    scores = build.apply("matmul", q, build.permute(k, (1, 0)))
    keep = build.floats(np.tri(3))
    if kind == "softmax":
        scores = build.apply("softmax", scores, keep, axis=1)
    else:
        scores = build.mul(scores, keep)
    return sketch.network(build.apply("matmul", scores, v))


def causal_key_bias(kind: str) -> Claim:
    return Claim(masked_attention(kind), "translation", 2, (move("k.bias", "+c", rows(2)),))


def log_softmax_head() -> Network:
    sketch = Sketch()
    y = sketch.linear(sketch.input("x", 1, 3), "fc0", 4)
    return sketch.network(sketch.build.apply("log_softmax", y, axis=1))


def exponential() -> Network:
    """A exp(x W + b): a shift of b is a scaling of A."""
    return mlp("exp", 2, 3, 2)


def shift_of_exponential(weight: int) -> Claim:
    return Claim(exponential(), "diagonal", 3, (
        move("fc0.bias", "+c", rows(3)), move("fc1.weight", "s^k", columns(3), weight),
    ))


def gated(activation: str) -> Network:
    """(act(x A^T) * x B^T) C^T."""
    sketch = Sketch()
    x = sketch.input("x", 1, 2)
    gate, up = sketch.linear(x, "a", 3, False), sketch.linear(x, "b", 3, False)
    product = sketch.build.mul(sketch.build.apply(activation, gate), up)
    return sketch.network(sketch.linear(product, "c", 2, False))


def gated_scaling(activation: str, names: tuple[str, str]) -> Claim:
    one, two = names
    places = {"a": rows(3), "b": rows(3), "c": columns(3)}
    return Claim(gated(activation), "diagonal", 3, (
        move(f"{one}.weight", "s^k", places[one]), move(f"{two}.weight", "s^k", places[two], -1),
    ))


def joined(claim_start: int) -> Claim:
    return Claim(two_branches((2, 3)), "gl", 2, (
        move("a.weight", "g", rows(2)), move("out.weight", "g^-T", columns(2, claim_start)),
    ))


def packed(start: int) -> Claim:
    return Claim(packed_attention(4, 2, tokens=2), "gl", 2, (
        move("in_proj.weight", "g", head(0, 2, 2)),
        move("in_proj.weight", "g^-T", head(0, 2, 2, start)),
    ), 2)


def grouped(along: int, per: int) -> Claim:
    """One matrix for each of two groups of two heads."""
    return Claim(attention(2, 4, 2, groups=2, tokens=2), "gl", 2, (
        move("q.weight", "g", Place(0, 0, (2, 2, 2), along, (per,))),
        move("k.weight", "g^-T", head(0, 2, 2)),
    ), 2)


def normed(gain_weight: int) -> Claim:
    """x W / |x W|, by an inverse square root: W may be scaled as a whole."""
    sketch = Sketch()
    build = sketch.build
    y = sketch.linear(sketch.input("x", 1, 2), "fc0", 2, False)
    norm = build.apply("rsqrt", build.sum(build.mul(y, y), 1, True))
    z = build.mul(y, build.broadcast(norm, y.shape))
    network = sketch.network(sketch.linear(z, "fc1", 2, False))
    moves = [move("fc0.weight", "s^k", None)]
    if gain_weight:
        moves.append(move("fc1.weight", "s^k", None, gain_weight))
    return Claim(network, "diagonal", 1, tuple(moves))


def frozen_branch() -> Claim:
    """Only one part of a concatenation moves, and a bias that is added to all of it answers."""
    sketch = Sketch()
    x, p = sketch.input("x", 1, 2), sketch.parameter("p", 1, 2)
    both = sketch.build.apply("concatenate", p, x, axis=1)
    network = sketch.network(sketch.build.add(both, sketch.parameter("b", 4)))
    return Claim(network, "translation", 2, (
        move("p", "+c", columns(2)), move("b", "+c", Place(0, 0, (2,), 0), -1),
    ))


LINEAR, RELU = mlp(None, 2, 3, 2), mlp("relu", 2, 3, 2)
TRUE = {
    "gl on linear units": hidden(LINEAR, 3, "gl", ("g", "g^-T")),
    "so on linear units": hidden(LINEAR, 3, "so", ("g", "g^-T")),
    "scaling of relu units": hidden(RELU, 3, "diagonal", ("s^k", "s^k"), (1, -1)),
    "scaling of squares": hidden(
        mlp("square", 2, 3, 2, bias=False), 3, "diagonal", ("s^k", "s^k"), (1, -2), bias=False),
    "bias through a linear layer": Claim(LINEAR, "translation", 3, (
        move("fc0.bias", "+c", rows(3)),
        move("fc1.bias", "+Tc", columns(3), -1, "fc1.weight"),
    )),
    "shift of an exponential": shift_of_exponential(-1),
    "up and down of a gate": gated_scaling("silu", ("b", "c")),
    "gate and down of a relu gate": gated_scaling("relu", ("a", "c")),
    "gate and up of a relu gate": gated_scaling("relu", ("a", "b")),
    "query and key": query_key(("g", "g^-T")),
    "query and key under sigmoid": query_key(
        ("g", "g^-T"), small_attention("sigmoid")),
    "key bias under softmax": key_bias("softmax"),
    "key bias under causal softmax": causal_key_bias("softmax"),
    "value bias": value_bias(-1),
    "grouped query and key": grouped(2, 0),
    "packed query and key": packed(4),
    "first part of a concatenation": joined(0),
    "logits": Claim(log_softmax_head(), "translation", 1, (move("fc0.bias", "+c", None),)),
    "scale before a norm": normed(0),
    "part of a concatenation": frozen_branch(),
}
FALSE = {
    "sign flipped": hidden(LINEAR, 3, "gl", ("g", "g")),
    "transpose dropped": query_key(("g", "g")),
    "translation with the sign flipped": value_bias(1),
    "wrong weight": hidden(RELU, 3, "diagonal", ("s^k", "s^k"), (1, -2)),
    "bias forgotten": hidden(RELU, 3, "diagonal", ("s^k", "s^k"), (1, -1), bias=False),
    "scaling of tanh units": hidden(
        mlp("tanh", 2, 3, 2), 3, "diagonal", ("s^k", "s^k"), (1, -1)),
    "scaling of silu units": hidden(
        mlp("silu", 2, 3, 2), 3, "diagonal", ("s^k", "s^k"), (1, -1)),
    "squares of weight one": hidden(
        mlp("square", 2, 3, 2, bias=False), 3, "diagonal", ("s^k", "s^k"), (1, -1), bias=False),
    "gate of silu": gated_scaling("silu", ("a", "c")),
    "up and gate": gated_scaling("silu", ("a", "b")),
    "shift of an exponential, wrong sign": shift_of_exponential(1),
    "key bias under sigmoid": key_bias("sigmoid"),
    "key bias under linear attention": key_bias("linear"),
    "key bias under a causal mask without softmax": causal_key_bias("linear"),
    "query bias": Claim(small_attention(), "translation", 2,
                        (move("q.bias", "+c", head(0, 2, 2)),), 2),
    "key bias is not value bias": Claim(small_attention(), "translation", 2,
                                        (move("v.bias", "+c", head(0, 2, 2)),), 2),
    "cross term from the wrong tensor": Claim(LINEAR, "translation", 2, (
        move("fc1.bias", "+c", rows(2)), move("fc0.bias", "+Tc", rows(2), -1, "fc1.weight"),
    )),
    "cross term alone": Claim(LINEAR, "translation", 3, (
        move("fc1.bias", "+Tc", columns(3), -1, "fc1.weight"),
    )),
    "groups taken as the inner factor": grouped(2, 1),
    "packed query with value": packed(8),
    "the wrong part of a concatenation": joined(1),
    "logits before no softmax": Claim(LINEAR, "translation", 1, (move("fc1.bias", "+c", None),)),
    "scale after a norm": normed(1),
    "one parameter scaled": Claim(LINEAR, "diagonal", 1, (move("fc0.weight", "s^k", None),)),
}
#: Off the diagonal only: on the diagonal these families are scalings, and those are true.
FALSE_OFF_DIAGONAL = {
    "gl on relu units": hidden(RELU, 3, "gl", ("g", "g^-T")),
    "gl on the first of two relu layers": hidden(
        mlp("relu", 2, 3, 3, 2), 3, "gl", ("g", "g^-T")),
    "so on relu units": hidden(RELU, 3, "so", ("g", "g^-T")),
    "gl across heads": Claim(attention(2, 2, 2, tokens=2), "gl", 4, (
        move("q.weight", "g", rows(4)), move("k.weight", "g^-T", rows(4)),
    )),
}


def prove(network: Network, field: VectorField, prover: Prover | None = None) -> Verdict:
    prover = prover or Prover(network)
    return prover.prove(field).verdict


def residual(network: Network, field: VectorField, draws: int = 16) -> float:
    """The largest |X f| over floats at random points, relative to the sizes of X and f."""
    lowered = lower(network)
    theta, x = draw_reals(lowered, np.random.default_rng(0), draws)
    flat = np.concatenate([theta[p.name].reshape(draws, -1) for p in lowered.parameters], axis=1)
    moved = np.zeros_like(flat)
    for k, c in field.shift.items():
        moved[:, k] += float(c)
    for (k, j), c in field.linear.items():
        moved[:, k] += float(c) * flat[:, j]
    seeds, start = {}, 0
    for i, p in zip(lowered.parameter_nodes, lowered.parameters, strict=True):
        seeds[i] = moved[:, start:start + p.size].reshape(draws, *p.shape)
        start += p.size
    domain = RealDomain()
    lines = values(lowered, domain, theta, x)
    along = tangents(lowered, domain, lines, seeds)
    worst = 0.0
    for i in lowered.outputs:
        change = along[i]
        if change is not None:
            worst = max(worst, float(np.abs(change).max() / (1.0 + np.abs(lines[i]).max())))
    return worst


@pytest.mark.parametrize("name", TRUE)
def test_true_generators_are_proved(name: str) -> None:
    claim = TRUE[name]
    prover = Prover(claim.network)
    for field in claim.fields:
        assert field and residual(claim.network, field) < 1e-10
        proof = prover.prove(field)
        assert proof.verdict is Verdict.PROVED, proof.residual
        assert proof.lines and not proof.residual


@pytest.mark.parametrize("name", FALSE)
def test_false_generators_are_never_proved(name: str) -> None:
    claim = FALSE[name]
    prover = Prover(claim.network)
    for field in claim.fields:
        assert residual(claim.network, field) > 1e-6, "this one is true"
        proof = prover.prove(field)
        assert proof.verdict is Verdict.UNKNOWN and proof.residual


@pytest.mark.parametrize("name", FALSE_OFF_DIAGONAL)
def test_a_larger_group_is_not_proved(name: str) -> None:
    claim = FALSE_OFF_DIAGONAL[name]
    prover = Prover(claim.network)
    n = claim.size
    if claim.kind == "so":
        crossing = list(claim.fields)
    else:
        units = [(i, j) for i in range(n) for j in range(n)]
        apart = 2 if name == "gl across heads" else 1
        crossing = [
            f for (i, j), f in zip(units, claim.fields, strict=True) if i // apart != j // apart
        ]
    assert crossing
    for field in crossing:
        assert residual(claim.network, field) > 1e-6
        assert prove(claim.network, field, prover) is Verdict.UNKNOWN


def test_what_holds_on_one_branch_is_not_proved_for_all() -> None:
    """Where two relu units are both on, they mix as linear ones do; elsewhere they do not.

    Where one is off, its outgoing weight is free; neither holds on every branch.
    """
    network = RELU
    coordinates = Coordinates(network)
    mixing = hidden(network, 3, "gl", ("g", "g^-T")).fields[1]
    dead = VectorField.build([(int(coordinates.whole("fc1.weight")[0, 0]), ONE)], [])
    on = {
        "fc0.bias": np.full((1, 3), 9.0), "fc0.weight": np.full((1, 3, 2), 0.1),
        "fc1.weight": np.ones((1, 2, 3)), "fc1.bias": np.ones((1, 2)),
    }
    off = {**on, "fc0.bias": np.full((1, 3), -9.0)}
    for field, theta in ((mixing, on), (dead, off)):
        assert _change_at(network, field, theta) < 1e-12
        assert residual(network, field) > 1e-6
        assert prove(network, field) is Verdict.UNKNOWN


def _change_at(network: Network, field: VectorField, theta: dict[str, Array]) -> float:
    lowered, domain = lower(network), RealDomain()
    flat = np.concatenate([theta[p.name].reshape(-1) for p in lowered.parameters])
    moved = np.zeros_like(flat)
    for k, c in field.shift.items():
        moved[k] += float(c)
    for (k, j), c in field.linear.items():
        moved[k] += float(c) * flat[j]
    seeds, start = {}, 0
    for i, p in zip(lowered.parameter_nodes, lowered.parameters, strict=True):
        seeds[i] = moved[start:start + p.size].reshape(1, *p.shape)
        start += p.size
    x = np.random.default_rng(0).normal(size=(1, 1, 2))
    lines = values(lowered, domain, theta, {"x": x})
    along = tangents(lowered, domain, lines, seeds)[lowered.outputs[0]]
    return 0.0 if along is None else float(np.abs(along).max())


# -- a prover that never errs --------------------------------------------------------------------

STAGES = {
    "linear": (LINEAR, TRUE["gl on linear units"].fields),
    "relu": (RELU, TRUE["scaling of relu units"].fields),
    "tanh": (mlp("tanh", 2, 2, 1), ()),
    "exp": (exponential(), TRUE["shift of an exponential"].fields),
    "gate": (gated("silu"), TRUE["up and down of a gate"].fields),
    "attention": (attention(2, 2, 1, bias=True, tokens=2), ()),
    "log softmax": (log_softmax_head(), TRUE["logits"].fields),
}
PROVERS = {name: Prover(network) for name, (network, _) in STAGES.items()}


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("name", STAGES)
def test_random_fields_are_not_proved(name: str, data: st.DataObject) -> None:
    """Sparse fields with small coefficients, with and without true generators added."""
    network, known = STAGES[name]
    size = network.num_coordinates
    index = st.integers(0, size - 1)
    weight = st.sampled_from([Fraction(n, d) for n in (-2, -1, 1, 3) for d in (1, 2)])
    field = VectorField.build(
        data.draw(st.lists(st.tuples(index, weight), max_size=3)),
        data.draw(st.lists(st.tuples(index, index, weight), max_size=4)),
    )
    if known:
        picks = data.draw(st.lists(weight, max_size=len(known)))
        field = combination([field, *known[:len(picks)]], [ONE, *picks])
    moves = residual(network, field) > 1e-7
    if prove(network, field, PROVERS[name]) is Verdict.PROVED:
        assert not moves


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("name", ["linear", "relu", "exp", "gate", "log softmax"])
def test_combinations_of_true_generators_are_proved(name: str, data: st.DataObject) -> None:
    network, known = STAGES[name]
    weights = data.draw(
        st.lists(st.fractions(-2, 2, max_denominator=3), min_size=len(known), max_size=len(known))
    )
    assert prove(network, combination(known, weights), PROVERS[name]) is Verdict.PROVED


@settings(max_examples=20)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(n for n, c in FALSE.items() if len(c.network.nodes) < 20))
def test_combinations_of_false_generators_are_not_proved(name: str, data: st.DataObject) -> None:
    claim = FALSE[name]
    weights: Sequence[Fraction] = data.draw(
        st.lists(st.fractions(-2, 2, max_denominator=3), min_size=len(claim.fields),
                 max_size=len(claim.fields))
    )
    field = combination(claim.fields, weights)
    moves = residual(claim.network, field) > 1e-7
    prover = _PROVERS.setdefault(name, Prover(claim.network))
    if prove(claim.network, field, prover) is Verdict.PROVED:
        assert not moves


_PROVERS: dict[str, Prover] = {}


# -- fields that are not affine, and the limits --------------------------------------------------


def test_a_field_need_not_be_affine() -> None:
    """A generator times a Laurent monomial of the parameters is one too: X f = 0 pointwise."""
    field = hidden(RELU, 3, "diagonal", ("s^k", "s^k"), (1, -1)).fields[0]
    at = RELU.offsets["fc1.bias"]
    for powers in (((at, 2),), ((at, -1),), ((0, -2), (at, 1))):
        moved = [(k, times(m, powers), 3 * c) for (k, m), c in field.terms.items()]
        assert prove(RELU, VectorField.collect(moved)) is Verdict.PROVED
        # one entry left without the factor
        (k, m), c = next(iter(field.terms.items()))
        wrong = VectorField.collect([(k, m, c), *moved[1:]])
        assert prove(RELU, wrong) is Verdict.UNKNOWN


def test_the_zero_field_is_proved() -> None:
    assert prove(LINEAR, VectorField.build([], [])) is Verdict.PROVED


def test_a_parameter_that_no_output_reads_is_free() -> None:
    sketch = Sketch()
    x, idle = sketch.input("x", 2), sketch.parameter("idle", 2)
    sketch.build.mul(x, idle)
    network = sketch.network(sketch.build.mul(x, sketch.parameter("p", 2)))
    assert prove(network, VectorField.build([(0, ONE)], [])) is Verdict.PROVED
    assert prove(network, VectorField.build([(2, ONE)], [])) is Verdict.UNKNOWN


def test_a_proof_that_is_too_large_is_undecided() -> None:
    claim = TRUE["query and key"]
    prover = Prover(claim.network, budget=20)
    proof = prover.prove(claim.fields[0])
    assert proof.verdict is Verdict.UNKNOWN and "bound" in proof.residual


def test_the_table_names_every_line_that_varies() -> None:
    claim = TRUE["gl on linear units"]
    prover = Prover(claim.network)
    proof = prover.prove(claim.fields[0])
    assert proof.method == "polynomial identity over QQ, line by line"
    labels = [line.op for line in proof.lines]
    assert labels == ["matmul", "add", "matmul"]
    assert proof.lines[-1].variation == "0" and proof.lines[0].variation.startswith("delta v = ")
