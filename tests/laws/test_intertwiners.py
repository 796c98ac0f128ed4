"""Each lemma of the calculus of intertwiners against the exact tangent of its op.

The inputs of an op are parameters; the variation that the calculus predicts for its value is
compared with the op's derivative over GF(p), entry by entry. What has no lemma raises NoLemma, and
the nearest false relatives are false by the exact rows of a Jacobian.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import Any

import adversarial_networks
import numpy as np
import pytest
from adversarial_networks import constant, rotary, rotated, times
from networks import Sketch, attention, mlp, packed_attention
from structural_referee import FIELD, ROWS, paired, referee

from symgauge.derivers.stage import Stage
from symgauge.domains.evaluate import tangents, values
from symgauge.domains.real import RealDomain
from symgauge.domains.residues import ResidueDomain
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Move, Place
from symgauge.families.kind import MatrixKind
from symgauge.families.kinds import kinds
from symgauge.families.kinds.centred import CENTRED
from symgauge.laws import all_laws, sweep
from symgauge.laws.facts import facts_of
from symgauge.laws.shifting import Shifted, Shifting, Term
from symgauge.laws.turning import Mark, Permutations, Turned, Turning
from symgauge.laws.weighing import WHOLE, Scaled, Weighing, Weight
from symgauge.ops import all_ops
from symgauge.points.draw import Draw
from symgauge.points.rows import jacobian_rows
from symgauge.program.lower import has_op, lower
from symgauge.program.network import Network
from symgauge.program.op import NodeOp
from symgauge.program.writer import Value
from symgauge.proof.intertwiners.matrices import prove_matrix
from symgauge.proof.intertwiners.shifts import prove_shift
from symgauge.proof.intertwiners.weights import nullspace, prove_weights, solve_weights
from symgauge.program.moves import Address
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure
from places import DOCS

KINDS = {name: kind for name, kind in kinds().items() if isinstance(kind, MatrixKind)}


# -- programs of one op --------------------------------------------------------------------------


def of(name: str, *shapes: tuple[int, ...], **attrs: Any) -> Callable[[], Network]:
    """The op on parameters of these shapes."""
    def make() -> Network:
        s = Sketch()
        xs = [s.parameter(f"p{i}", *shape) for i, shape in enumerate(shapes)]
        return s.network(s.build.apply(name, *xs, **attrs))

    return make


def program(body: Callable[[Sketch], Value]) -> Callable[[], Network]:
    def make() -> Network:
        s = Sketch()
        return s.network(body(s))

    return make


def heads(op: str, **attrs: Any) -> Callable[[], Network]:
    """The op on (2 heads, 3) made of one parameter with both in one axis."""
    return program(lambda s: s.build.apply(
        op, s.build.reshape(s.parameter("p0", 2, 6), (2, 2, 3)), **attrs))


def centred(s: Sketch) -> Value:
    b, x = s.build, s.parameter("p0", 2, 4)
    return b.add(x, b.scale(b.broadcast(b.sum(x, 1, True), (2, 4)), Fraction(-1, 4)))


def packed(s: Sketch) -> Value:
    b, w = s.build, s.parameter("p0", 6, 2)
    parts = [b.slice(w, 0, 3 * i, 3 * i + 3) for i in (0, 1)]
    return b.apply("concatenate", parts[1], s.parameter("p1", 3, 2), axis=0)


def with_ones(s: Sketch) -> Value:
    """Rows of a softmax, of a parameter, times another."""
    pattern = s.build.apply("softmax", s.input("x", 2, 3), axis=1)
    return s.build.apply("matmul", pattern, s.parameter("p0", 3, 4))


def contracted(s: Sketch) -> Value:
    """(x + p0) p1."""
    x = s.build.add(s.input("x", 2, 3), s.build.broadcast(s.parameter("p0", 3), (2, 3)))
    return s.build.apply("matmul", x, s.parameter("p1", 3, 4))


def standardised(s: Sketch) -> Value:
    """Rows of sum 0."""
    return s.build.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 7))


def behind_a_norm(s: Sketch) -> Value:
    """z + p0, z of sum 0."""
    return s.build.add(standardised(s), s.build.broadcast(s.parameter("p0", 3), (2, 3)))


def by_a_number(s: Sketch) -> Value:
    return s.build.mul(s.parameter("p0", 2, 3), constant(s, [[2, 2, 2], [3, 3, 3]]))


def plus_one(s: Sketch) -> Value:
    return s.build.add(s.parameter("p0", 2, 4), 1)


def masked(s: Sketch) -> Value:
    kept = constant(s, np.tril(np.ones((3, 3))))
    scores = s.build.broadcast(s.parameter("p0", 3, 1), (3, 3))
    return s.build.apply("softmax", s.build.mul(scores, kept), kept, axis=1)


def turned(s: Sketch) -> Value:
    """A rotary table on a parameter (1 head, 3 tokens, 4), after a contraction of its halves."""
    return rotated(s, s.heads(s.parameter("p0", 3, 4), 1))


#: More programs than the samples of the laws, by the op whose law they try.
MORE: dict[str, list[Callable[[], Network]]] = {
    "add": [program(plus_one), program(centred), program(behind_a_norm)],
    "amax": [heads("amax")],
    "concatenate": [program(packed)],
    "matmul": [
        program(with_ones), program(contracted), program(lambda s: s.build.apply(
            "matmul", s.parameter("p0", 2, 6), s.parameter("p1", 6, 2))),
        program(lambda s: s.build.apply("matmul", behind_a_norm(s), s.parameter("p1", 3, 4))),
        program(lambda s: s.build.apply("matmul", standardised(s), s.parameter("p0", 3, 4))),
    ],
    "mul": [program(by_a_number)],
    "permute": [heads("permute", dims=(1, 0, 2))],
    "softmax": [program(masked)],
    "standardise": [heads("standardise", axes=(2,), eps=Fraction(0))],
    "sum": [heads("sum", axes=(1,)), program(
        lambda s: s.build.sum(s.build.mul(s.parameter("p0", 3, 4), s.parameter("p0", 3, 4)), 1))],
}


def all_programs() -> dict[str, list[Callable[[], Network]]]:
    """By the op whose law it tries; the value is the output."""
    found: dict[str, list[Callable[[], Network]]] = {}
    for law in all_laws().values():
        for call in law.samples():
            found.setdefault(call.op, []).append(of(call.op, *call.shapes, **call.attrs))
    for name, more in MORE.items():
        found[name] += more
    return found


PROGRAMS = all_programs()
#: What is not the value of parameters alone: a flow (tests/flows), and the value 0 of a derivative.
ELSEWHERE = {"ode_flow", "one_hot", "position", "ranking", "step"}


def named_laws() -> dict[str, str]:
    return {
        name: op.law for name, op in all_ops().items()
        if isinstance(op, NodeOp) and op.law != "general"
    }


def test_every_law_is_tried() -> None:
    """Each op with a law of its own is, and each law says what the docs print of it."""
    named = named_laws()
    assert named.keys() == PROGRAMS.keys() | ELSEWHERE
    assert set(named.values()) <= all_laws().keys()
    for law in all_laws().values():
        assert len(law.words) == 3 and all(law.words) and law.forgets
        assert {named[call.op] for call in law.samples()} <= {law.name}
        assert set(law.false) <= FALSE.keys()


CASES = [
    pytest.param(make, id=f"{name}-{k}")
    for name, made in PROGRAMS.items() for k, make in enumerate(made)
]


# -- the exact tangent ---------------------------------------------------------------------------


class Tangent:
    """Values and derivatives of a program over GF(p), at one random point."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self.network, self.structure = network, Structure(network)
        rng = np.random.default_rng(seed)
        lowered = lower(network)
        shadows = {p.name: rng.normal(size=(1, *p.shape)) for p in network.parameters}
        real_inputs = {x.name: rng.normal(size=(1, *x.shape)) for x in network.inputs}
        real = RealDomain()
        # squares where a root is taken: the program's only op
        rooted = has_op(network, "rsqrt") or has_op(network, "sqrt")
        values(lowered, real, {n: abs(v) for n, v in shadows.items()} if rooted else shadows,
               real_inputs)
        patterns = [np.asarray(b[:1] if not rooted else b[:1]) for b in real.branches]
        for _ in range(500):
            self.inputs = {x.name: FIELD.random(rng, (1, *x.shape)) for x in network.inputs}
            self.parameters = {
                p.name: FIELD.random(rng, (1, *p.shape)) for p in network.parameters
            }
            if any(n.op is not None and n.op.name in ("rsqrt", "sqrt") for n in network.nodes):
                self.parameters = {n: FIELD.mul(v, v) for n, v in self.parameters.items()}
            self.domain = ResidueDomain(FIELD, 1, 1, patterns)
            self.lines = values(lowered, self.domain, self.parameters, self.inputs)
            if np.all(self.domain.valid):
                break
        assert np.all(self.domain.valid)
        self.at = {p.name: i for p, i in zip(
            lowered.parameters, lowered.parameter_nodes, strict=True)}

    @property
    def value(self) -> np.ndarray:
        return self.lines[lower(self.network).outputs[0]][0]

    def along(self, seeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """The derivative of the output."""
        given = {self.at[n]: v[None] for n, v in seeds.items()}
        out = tangents(lower(self.network), self.domain, self.lines, given)
        found = out[lower(self.network).outputs[0]]
        return np.zeros(self.value.shape) if found is None else np.broadcast_to(
            found[0], self.value.shape)

    def read(self, node: int) -> np.ndarray:
        """The value of a parameter's line, or of the output's."""
        names = {i: p.name for i, p in zip(
            self.network.parameter_nodes, self.network.parameters, strict=True)}
        return self.parameters[names[node]][0] if node in names else self.value

    def name(self, node: int) -> str:
        return self.network.nodes[node].label


def index_along(structure: Structure, node: int, address: Address) -> tuple[np.ndarray, int]:
    """For every entry of a line its index on a leaf (-1 outside), and the leaf's flat stride."""
    shape = structure.network.nodes[node].shape
    axis, rest = address[0], list(address[1:])
    y = np.indices(shape)[axis].reshape(-1)
    inside = np.ones(len(y), dtype=bool)
    stride = prod(shape[axis + 1:])
    found = structure.leaves(node, axis)
    while True:
        k = rest.pop(0)
        inner = prod(structure.size(leg) for leg, _ in found[k + 1:])
        leg, sign = found[k]
        y, stride = y // inner % structure.size(leg), stride * inner
        if not rest:
            return np.where(inside, y, -1), stride
        j = rest.pop(0)
        parts = structure.parts(leg)
        y = y - sum(structure.size(p) for p, _ in parts[:j])
        inside &= (y >= 0) & (y < structure.size(parts[j][0]))
        found = structure.part_leaves((parts[j][0], parts[j][1] * sign))


def numbered(
    structure: Structure, node: int, addresses: Sequence[Address]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """For every entry one number for its indices on some leaves (-1 outside), and their sizes."""
    total = np.zeros(prod(structure.network.nodes[node].shape), dtype=int)
    sizes = tuple(structure.size(structure.leg_at(node, a)) for a in addresses)
    outside = np.zeros(len(total), dtype=bool)
    for a, n in zip(addresses, sizes, strict=True):
        index, _ = index_along(structure, node, a)
        outside |= index < 0
        total = total * n + index
    return np.where(outside, -1, total), sizes


def element(kind: str, n: int, copies: int, rng: np.random.Generator) -> np.ndarray:
    """Random residues of the Lie algebra, one matrix for each copy."""
    a = FIELD.random(rng, (copies, n, n))
    if kind == "centred":  # u 1^T
        return np.repeat(a[:, :, :1], n, axis=2)
    if kind == "complex":
        m = n // 2
        out = np.zeros((copies, n, n))
        for k in range(m):
            x, y = FIELD.random(rng, (2, copies))
            out[:, k, k] = out[:, k + m, k + m] = x
            out[:, k, k + m], out[:, k + m, k] = FIELD.neg(y), y
        return out
    if kind in ("so", "so1"):
        a = FIELD.sub(a, np.swapaxes(a, 1, 2))
    if kind == "so1":  # P A P with P the projector off 1
        p = np.full((n, n), float(FIELD.residue(Fraction(-1, n))))
        p = np.broadcast_to(FIELD.add(p, np.eye(n)), (copies, n, n))
        a = FIELD.matmul(FIELD.matmul(p, a), p)
    return a


def acted(t: Tangent, node: int, marks: Mapping[Address, Mark], a: np.ndarray) -> np.ndarray:
    """The sum over the marks of A, or -A^T, on a line's value."""
    v = t.read(node).reshape(-1)
    total = np.zeros(len(v))
    for address, mark in marks.items():
        index, stride = index_along(t.structure, node, address)
        copy, _ = numbered(t.structure, node, mark.copies)
        m = a if mark.parity > 0 else FIELD.neg(np.swapaxes(a, 1, 2))
        for j in range(a.shape[1]):
            at = np.flatnonzero((index >= 0) & (copy >= 0))
            moved = FIELD.mul(m[copy[at], index[at], j], v[at + (j - index[at]) * stride])
            total[at] = FIELD.add(total[at], moved)
    return total.reshape(t.read(node).shape)


# -- matrices ------------------------------------------------------------------------------------


def starts(t: Tangent) -> list[tuple[int, dict[int, dict[Address, Mark]], tuple[int, ...]]]:
    """(size, marks of parameters, sizes of copies), for each leg and each choice of copies."""
    stage, out = Stage(t.structure), []
    for root, places in stage.met.items():
        whole = stage.copies(places)
        for k in range(len(whole) + 1):
            for copies in combinations(whole, k):
                start: dict[int, dict[Address, Mark]] = {}
                for node, address, parity in places:
                    at = stage.copy_addresses(node, address, copies)
                    start.setdefault(node, {})[address] = Mark(parity, at)
                sizes = tuple(t.structure.size(c) for c in copies)
                out.append((t.structure.size(root), start, sizes))
    return out


def proved_turns(t: Tangent, kind: MatrixKind) -> int:
    """How many starts the calculus accepts; each is compared with the tangent."""
    rng, accepted = np.random.default_rng(1), 0
    for n, start, copies in starts(t):
        if kind.commutes_with_turns and n % 2:
            continue
        turning = Turning(t.structure, facts_of(t.structure), kind)
        try:
            _, ends = sweep.turned(turning, {i: Turned(m) for i, m in start.items()})
        except NoLemma:
            continue
        out = t.network.outputs[0]
        end = ends.get(out, Turned({}))
        if end.squared:
            continue  # single squares are never an output: prove_matrix refuses
        a = element(kind.name, n, prod(copies), rng)
        seeds = {t.name(i): acted(t, i, m, a) for i, m in start.items()}
        assert np.array_equal(t.along(seeds), acted(t, out, end.marks, a))
        accepted += 1
    return accepted


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("make", CASES)
def test_matrices(make: Callable[[], Network], kind: MatrixKind) -> None:
    proved_turns(Tangent(make()), kind)


@pytest.mark.parametrize(("make", "kinds"), [
    (PROGRAMS["matmul"][0], "gl so so1 complex centred"),
    (PROGRAMS["matmul"][1], "gl so so1 complex centred"),
    (PROGRAMS["matmul"][5], "centred"),  # (z + b) w, z of sum 0
    (PROGRAMS["add"][0], "gl so so1 complex centred"),
    (PROGRAMS["add"][1], "so1"),  # + 1
    (PROGRAMS["add"][2], "so1"),  # centring, along its axis
    (PROGRAMS["add"][3], "centred"),  # z + b
    (PROGRAMS["mul"][1], "gl so so1 centred"),  # a number for each row
    (PROGRAMS["sum"][0], "gl so so1 complex centred"),
    (PROGRAMS["sum"][2], "so so1"),  # squares
    (PROGRAMS["standardise"][0], "so1"),
    (PROGRAMS["permute"][1], "gl so so1 complex centred"),
    (PROGRAMS["concatenate"][1], "gl so so1 complex centred"),
    (PROGRAMS["slice"][0], "gl so so1 complex centred"),
    (PROGRAMS["relu"][0], ""), (PROGRAMS["softmax"][0], ""), (PROGRAMS["mul"][0], ""),
    (PROGRAMS["maximum"][0], ""), (PROGRAMS["amax"][0], ""), (PROGRAMS["reciprocal"][0], ""),
])
def test_which_matrices_pass(make: Callable[[], Network], kinds: str) -> None:
    t = Tangent(make())
    large = [name for name, kind in KINDS.items() if proved_turns(t, kind)]
    assert set(kinds.split()) <= set(large)
    if not kinds:
        assert large == []


def test_what_a_centred_matrix_fixes() -> None:
    """w z forgets u 1^T on w, not its contragredient; and z + b turns with b, not against it."""
    t = Tangent(PROGRAMS["matmul"][6]())
    (node,) = t.structure.network.parameter_nodes
    a = element("centred", 3, 1, np.random.default_rng(1))
    for parity in (-1, 1):
        start = {node: {(0, 0): Mark(parity)}}
        change = t.along({"p0": acted(t, node, start[node], a)})
        assert change.any() == (parity == 1)
        if parity == 1:
            with pytest.raises(NoLemma, match="turns alone"):
                prove_matrix(t.structure, CENTRED, start)
        else:
            assert prove_matrix(t.structure, CENTRED, start)
    added = Structure(PROGRAMS["add"][3]())
    for parity, words in ((-1, "summands"), (1, "an output")):
        with pytest.raises(NoLemma, match=words):
            prove_matrix(added, CENTRED, {added.network.parameter_nodes[0]: {
                (0, 0): Mark(parity)}})


def test_a_wrong_prediction_is_seen() -> None:
    """The comparison tells g from g^-T, and one copy from another."""
    t = Tangent(PROGRAMS["matmul"][0]())
    n, start, copies = starts(t)[0]
    a = element("gl", n, prod(copies), np.random.default_rng(1))
    seeds = {t.name(i): acted(t, i, m, a) for i, m in start.items()}
    out = t.network.outputs[0]
    turning = Turning(t.structure, facts_of(t.structure), KINDS["gl"])
    _, ends = sweep.turned(turning, {i: Turned(m) for i, m in start.items()})
    flipped = {x: Mark(-m.parity, m.copies) for x, m in ends[out].marks.items()}
    assert not np.array_equal(t.along(seeds), acted(t, out, flipped, a))


# -- permutations --------------------------------------------------------------------------------


def swapped(structure: Structure, node: int, marks: Mapping[Address, Mark], v: Any) -> Any:
    """The entries of a line with the first two indices exchanged, in the first copy."""
    out = v.reshape(-1).copy()
    for address, mark in marks.items():
        index, _ = numbered(structure, node, (*mark.copies, address))
        first, second = np.flatnonzero(index == 0), np.flatnonzero(index == 1)
        out[first], out[second] = out[second], out[first]
    return out.reshape(v.shape)


@pytest.mark.parametrize("make", CASES)
def test_orders(make: Callable[[], Network]) -> None:
    """What the laws say of permutations is what the value does."""
    network = make()
    stage, rng = Stage(Structure(network)), np.random.default_rng(3)
    structure, lowered = stage.structure, lower(network)
    shapes = {x.name: x.shape for x in (*network.parameters, *network.inputs)}
    given = {n: rng.uniform(0.5, 2, (1, *shape)) for n, shape in shapes.items()}

    def value(moved: Mapping[str, Any]) -> Any:
        return values(lowered, RealDomain(), moved, moved)[lowered.outputs[0]][0]

    for places in stage.met.values():
        for copies in ((), tuple(stage.copies(places))):
            start: dict[int, dict[Address, Mark]] = {}
            for node, address, _ in places:
                at = stage.copy_addresses(node, address, copies)
                start.setdefault(node, {})[address] = Mark(1, at)
            turning = Turning(structure, facts_of(structure), Permutations())
            try:
                _, ends = sweep.turned(turning, {i: Turned(m) for i, m in start.items()})
            except NoLemma:
                continue
            moved = {**given, **{
                stage.names[i]: swapped(structure, i, m, given[stage.names[i]][0])[None]
                for i, m in start.items()}}
            out, same = network.outputs[0], value(given)
            end = ends[out].marks if out in ends else {}
            assert np.allclose(value(moved), swapped(structure, out, end, same))


# -- weights -------------------------------------------------------------------------------------


def scaled(
    t: Tangent, node: int, found: Mapping[Address, Weight], solution: Sequence[Fraction],
    s: np.ndarray, logs: bool = False,
) -> np.ndarray:
    """What factors, or logarithms of them, add to a line."""
    v = t.read(node).reshape(-1) ** (not logs)
    total = np.zeros(len(v))
    for address, weight in found.items():
        w = sum((c * solution[k] for k, c in weight.form.items()), Fraction(0))
        if address == WHOLE:
            factor = np.full(len(v), s.reshape(-1)[0])
        else:
            index, _ = numbered(t.structure, node, (*weight.copies, address))
            factor = np.where(index >= 0, s.reshape(-1)[index], 0)
        total = FIELD.add(total, FIELD.mul(FIELD.mul(factor, v), np.float64(FIELD.residue(w))))
    return total.reshape(t.read(node).shape)


def weighted(t: Tangent, logs: bool = False) -> int:
    """The solutions that do not vanish, each compared with the tangent."""
    rng, stage, count = np.random.default_rng(2), Stage(t.structure), 0
    tries: list[tuple[dict[int, dict[Address, Weight]], int]] = []
    for places in stage.met.values():
        copies = stage.copies(places)
        start: dict[int, dict[Address, Weight]] = {}
        for k, (node, address, _) in enumerate(places):
            at = stage.copy_addresses(node, address, copies)
            start.setdefault(node, {})[address] = Weight({k: Fraction(1)}, at)
        tries.append((start, len(places)))
    nodes = stage.parameters
    tries.append((
        {i: {WHOLE: Weight({k: Fraction(1)})} for k, i in enumerate(nodes)}, len(nodes)))
    for start, unknowns in tries:
        weighing = Weighing(t.structure, facts_of(t.structure))
        given = ({}, start) if logs else (start, {})
        _, ends = sweep.weighed(weighing, *given)
        out = t.network.outputs[0]
        end = ends.get(out, Scaled({}))
        s = FIELD.random(rng, (64,))
        for solution in nullspace(weighing.equations, unknowns):
            seeds = {t.name(i): scaled(t, i, w, solution, s, logs) for i, w in start.items()}
            assert np.array_equal(t.along(seeds), FIELD.add(
                scaled(t, out, end.weights, solution, s),
                scaled(t, out, end.logs, solution, s, logs=True)))
            count += 1
    return count


@pytest.mark.parametrize("make", CASES)
def test_weights(make: Callable[[], Network]) -> None:
    t = Tangent(make())
    # what forgets nothing of a scaling: a constant is added, or a function is not homogeneous
    none = [PROGRAMS["add"][1], PROGRAMS["add"][3], PROGRAMS["standardise"][0],
            PROGRAMS["log_softmax"][0], *PROGRAMS["softmax"], *PROGRAMS["tabulated"],
            PROGRAMS["exp"][0]]
    assert bool(weighted(t)) == (make not in none)


@pytest.mark.parametrize("make", CASES)
def test_logarithms(make: Callable[[], Network]) -> None:
    """What adds, moves entries or takes exponentials lets logarithms pass, as the tangent says."""
    laws = {line.law for line in Structure(make()).lines.values()}
    passes = {"leaf", "sum of lines", "multiple", "exponential", "reshape", "permutation"}
    assert bool(weighted(Tangent(make()), logs=True)) or not laws <= passes


def test_a_line_is_not_scaled_and_added_to() -> None:
    """w -> s w + log s is no action."""
    s = Sketch()
    a, b, c = s.parameter("a", 2, 3), s.parameter("b", 2, 3), s.parameter("c", 3, 2)
    difference = s.build.add(a, s.build.scale(b, -1))
    structure = Structure(s.network(s.build.apply("matmul", difference, c)))
    first, second, reader = structure.network.parameter_nodes
    given = {(1, 0): Weight({0: Fraction(1)})}
    scaled = {first: given, second: given, reader: {(0, 0): Weight({0: Fraction(-1)})}}
    assert prove_weights(structure, scaled)
    with pytest.raises(NoLemma, match="a logarithm is added"):
        prove_weights(structure, scaled, {first: given, second: given})


# -- shifts --------------------------------------------------------------------------------------


def sum_along(t: Tangent, node: int, axis: int) -> np.float64:
    """What a line sums to along an axis, the same wherever else one is."""
    lowered = lower(replace(t.network, outputs=(node,)))
    lines = values(lowered, ResidueDomain(FIELD, 1, 1, []), t.parameters, t.inputs)
    found = np.broadcast_to(lines[lowered.outputs[0]][0], t.network.nodes[node].shape)
    (number,) = {x % FIELD.p for x in found.sum(axis=axis).reshape(-1)}
    return np.float64(number)


def of_term(t: Tangent, node: int, term: Term, c: np.ndarray) -> np.ndarray:
    """c, or T c, on the entries of a line."""
    keys = [a for _, a in sorted(term.at, key=lambda pair: str(pair[0]))]
    index, sizes = numbered(t.structure, node, keys)
    table = c.reshape(-1)
    if term.source is not None:
        source = t.read(term.source).reshape(-1)
        own = [mine for mine, _ in sorted(term.at, key=lambda pair: str(pair[0]))]
        rows, _ = numbered(t.structure, term.source, own)
        inner, _ = numbered(t.structure, term.source, term.contracted)
        table = np.zeros(prod(sizes))
        for e in np.flatnonzero((rows >= 0) & (inner >= 0)):
            moved = FIELD.mul(source[e], c.reshape(-1)[inner[e]])
            table[rows[e]] = FIELD.add(table[rows[e]], moved)
    if term.times is not None:
        entries = t.read(term.times.of).reshape(-1)
        if term.times.over is not None:
            entries = FIELD.mul(entries, FIELD.inverse(t.read(term.times.over).reshape(-1)))
        table = FIELD.mul(table, np.float64(int(entries.sum()) % FIELD.p))
    for line, axis in term.by:
        table = FIELD.mul(table, sum_along(t, line, axis))
    return np.where(index >= 0, table[index], 0).reshape(t.network.nodes[node].shape)


def shifted(t: Tangent, node: int, terms: Mapping[Term, Fraction], c: np.ndarray) -> np.ndarray:
    total = np.zeros(t.network.nodes[node].shape)
    for term, w in terms.items():
        value = of_term(t, node, term, c)
        total = FIELD.add(total, FIELD.mul(value, np.float64(FIELD.residue(w))))
    return total


def constant_off(t: Tangent, found: np.ndarray, varying: frozenset[Address]) -> bool:
    """Whether the output's variation is the same along every leaf that is not in `varying`."""
    node, flat = t.network.outputs[0], found.reshape(-1)
    for address in t.structure.top(node):
        if any(a[:2] == address for a in varying):
            continue
        index, stride = index_along(t.structure, node, address)
        if not np.array_equal(flat, flat[np.arange(len(flat)) - index * stride]):
            return False
    return True


def moved_by_shifts(t: Tangent) -> int:
    rng, accepted = np.random.default_rng(3), 0
    for node in Stage(t.structure).parameters:
        leaves = t.structure.top(node)
        for k in range(len(leaves) + 1):
            for chosen in combinations(leaves, k):
                start = {node: Shifted({Term(tuple(enumerate(chosen))): Fraction(1)})}
                shifting = Shifting(
                    t.structure, facts_of(t.structure), {node: start[node].terms}, absorbs=False)
                try:
                    _, ends = sweep.shifted(shifting, start)
                except NoLemma:
                    continue
                end = ends.get(t.network.outputs[0], Shifted())
                c = FIELD.random(rng, tuple(
                    t.structure.size(t.structure.leg_at(node, a)) for a in chosen))
                found = t.along({t.name(node): shifted(t, node, start[node].terms, c)})
                if end.varying is None:
                    want = shifted(t, t.network.outputs[0], end.terms, c)
                    assert np.array_equal(found, want)
                else:
                    assert constant_off(t, found, end.carried)
                accepted += 1
    return accepted


MOVES = ("reshape", "permutation", "repetition", "part", "selection", "join", "multiple")
LINEAR = (*MOVES, "leaf", "sum", "sum of lines", "contraction", "product", "normaliser", "centring",
          "standardising")


@pytest.mark.parametrize("make", CASES)
def test_shifts(make: Callable[[], Network]) -> None:
    t = Tangent(make())
    laws = {line.law for line in t.structure.lines.values()}
    assert bool(moved_by_shifts(t)) == (laws <= set(LINEAR)), laws


# -- whole networks, and false relatives ---------------------------------------------------------


@pytest.mark.parametrize("name", adversarial_networks.NETWORKS)
def test_no_network_misleads(name: str) -> None:
    result = referee(adversarial_networks.NETWORKS[name]())
    assert result.sound, (result.wrong, result.rank, result.dimension, result.redundancy)
    centred = [f.dimension for f in result.families if f.kind is CENTRED]
    assert sum(centred) == adversarial_networks.CENTRED.get(name, 0)


@pytest.mark.parametrize(("network", "redundancy"), [
    (mlp("relu", 3, 4, 2), 4), (mlp(None, 4, 3, 4), 12), (mlp(None, 2, 4, 3, bias=False), 14),
    (mlp("tanh", 3, 2, 2), 0), (attention(4, 2, 2), 16), (attention(4, 4, 2, groups=2), 16),
    (attention(3, 1, 4), 30), (packed_attention(4, 2), 16), (rotary(), 4),
])
def test_whole_redundancy(network: Network, redundancy: int) -> None:
    result = referee(network)
    assert result.sound and result.rank == result.redundancy == redundancy


def rms(s: Sketch, y: Value, eps: Fraction = Fraction(1, 9)) -> Value:
    b = s.build
    square = b.add(b.scale(b.sum(b.mul(y, y), 1, True), Fraction(1, y.shape[1])), eps)
    return b.mul(y, b.broadcast(b.apply("rsqrt", square), y.shape))


def stream(norm: str, *, gain: bool = False, tied: bool = False) -> Network:
    """x E, normalised, with a gain or not, read by a matrix or by E^T again."""
    s = Sketch()
    b = s.build
    table = s.parameter("e", 3, 4)
    y = b.apply("matmul", s.input("x", 1, 3), table)
    if norm == "rms":
        y = rms(s, y)
    else:
        y = b.apply("standardise", y, axes=(1,), eps=Fraction(1, 9))
    if gain:
        y = b.mul(y, b.broadcast(s.parameter("g", 4), (1, 4)))
    return s.network(times(s, y, table if tied else s.parameter("o", 2, 4)))


def nonlinear(name: str) -> Network:
    s = Sketch()
    y = s.build.apply(name, s.linear(s.input("x", 1, 3), "w", 2, False))
    return s.network(times(s, y, s.parameter("o", 2, 2)))


def swiglu() -> Network:
    s = Sketch()
    x = s.input("x", 1, 3)
    gate, up = (s.linear(x, n, 2, False) for n in ("gate", "up"))
    hidden = s.build.mul(s.build.apply("silu", gate), up)
    return s.network(s.linear(hidden, "down", 2, False))


def scores(along: int) -> Network:
    """Softmax along the keys (1) or the queries (0), of numbered rows."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    numbers = constant(s, [[1, 2, 3]] * 3) if along else constant(s, [[1, 1, 1]] * 3)
    return s.network(b.apply("softmax", b.mul(times(s, q, k), numbers), axis=along))


def binary(op: str) -> Network:
    s = Sketch()
    x = s.input("x", 1, 3)
    y = s.build.apply(op, s.linear(x, "w", 2, False), s.linear(x, "v", 2, False))
    return s.network(times(s, y, s.parameter("o", 2, 2)))


def largest() -> Network:
    s = Sketch()
    return s.network(s.build.apply("amax", s.linear(s.input("x", 2, 3), "w", 3, True)))


#: name: the network, the kind, and the moves (parameter, axis, parity or weight) of a false family.
FALSE: dict[str, tuple[Callable[[], Network], str, list[tuple[str, int, int]]]] = {
    "the same g on both contracted axes": (
        lambda: mlp(None, 3, 2, 3, bias=False), "gl",
        [("fc0.weight", 0, 1), ("fc1.weight", 1, 1)]),
    "one factor alone": (
        lambda: mlp(None, 3, 2, 3, bias=False), "gl", [("fc0.weight", 0, 1)]),
    "gl under rotary": (rotary, "gl", [("q.weight", 0, 1), ("k.weight", 0, -1)]),
    "a scaling of each entry before a rotary table": (
        rotary, "diagonal", [("q.weight", 0, 1), ("k.weight", 0, -1)]),
    "gl on RMSNorm": (lambda: stream("rms"), "gl", [("e", 1, 1), ("o", 1, -1)]),
    "centred on a norm that does not centre": (
        lambda: adversarial_networks.not_centred_behind_rms(), "centred",
        [("b", 0, 1), ("w.weight", 1, -1)]),
    "centred on a bias alone": (
        adversarial_networks.centred_then_read, "centred", [("b", 0, 1)]),
    "centred on a reader alone": (
        adversarial_networks.centred_then_read, "centred", [("w.weight", 1, -1)]),
    "centred on bias and reader alike": (
        adversarial_networks.centred_then_read, "centred",
        [("b", 0, 1), ("w.weight", 1, 1)]),
    "gl behind a norm": (
        adversarial_networks.centred_then_read, "gl", [("b", 0, 1), ("w.weight", 1, -1)]),
    "centred on one of two readers": (
        adversarial_networks.centred_with_two_readers, "centred",
        [("b", 0, 1), ("v.weight", 1, -1)]),
    "centred through a skip": (
        adversarial_networks.centred_with_a_skip, "centred", [("b", 0, 1), ("w.weight", 1, -1)]),
    "so on LayerNorm": (lambda: stream("layer"), "so", [("e", 1, 1), ("o", 1, 1)]),
    "a matrix through relu": (lambda: nonlinear("relu"), "so", [("w.weight", 0, 1), ("o", 1, 1)]),
    "a matrix through tanh": (lambda: nonlinear("tanh"), "gl", [("w.weight", 0, 1), ("o", 1, -1)]),
    "rotating a tied model with gains": (
        lambda: stream("rms", gain=True, tied=True), "so", [("e", 1, 1)]),
    "a scaling through tanh": (
        lambda: nonlinear("tanh"), "diagonal", [("w.weight", 0, 1), ("o", 1, -1)]),
    "rescaling the gate of a SwiGLU": (
        swiglu, "diagonal", [("gate.weight", 0, 1), ("up.weight", 0, -1)]),
    "a norm folded into a tied head": (
        lambda: stream("rms", gain=True, tied=True), "diagonal", [("g", 0, 1), ("e", 1, -1)]),
    "a shift of the keys, scores numbered by key": (
        lambda: scores(1), "translation", [("k.bias", 0, 1)]),
    "a shift of the keys, softmax along queries": (
        lambda: scores(0), "translation", [("k.bias", 0, 1)]),
    "a shift into a rotary key": (
        lambda: rotary(bias=True), "translation", [("k.bias", 0, 1)]),
    "scaling one input alone": (
        lambda: binary("add"), "diagonal", [("w.weight", 0, 1), ("o", 1, -1)]),
    "scaling both inputs by the same factor": (
        lambda: binary("mul"), "diagonal",
        [("w.weight", 0, 1), ("v.weight", 0, 1), ("o", 1, -1)]),
    "a shift of a single entry": (largest, "translation", [("w.bias", 0, 1)]),
    "a positive factor, which leaves a sign as it is": (
        lambda: nonlinear("floor"), "diagonal", [("w.weight", 0, 1), ("o", 1, -1)]),
    "a factor through exp": (
        lambda: nonlinear("exp"), "diagonal", [("w.weight", 0, 1), ("o", 1, -1)]),
    "a factor through log": (
        lambda: nonlinear("log"), "diagonal", [("w.weight", 0, 1), ("o", 1, -1)]),
    "a shift before exp and no factor behind": (
        lambda: mlp("exp", 2, 2, 2), "translation", [("fc0.bias", 0, 1)]),
    "a shift before tanh": (lambda: mlp("tanh", 2, 2, 2), "translation", [("fc0.bias", 0, 1)]),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_relatives(name: str) -> None:
    make, kind, spec = FALSE[name]
    network = make()
    structure = Structure(network)
    nodes = {p.name: i for p, i in zip(network.parameters, network.parameter_nodes, strict=True)}
    sizes = {network.nodes[nodes[p]].shape[axis] for p, axis, _ in spec}
    (n,) = sizes
    at = {p: (axis, 0) for p, axis, _ in spec}
    if kind == "translation":
        for p, _, _ in spec:
            with pytest.raises(NoLemma):
                prove_shift(structure, nodes[p], [at[p]])
        form = dict.fromkeys((1, -1), "+c")
    elif kind == "diagonal":
        start = {nodes[p]: {at[p]: Weight({0: Fraction(w)})} for p, _, w in spec}
        assert solve_weights(structure, start, 1) == []
        form = dict.fromkeys((1, -1), "s^k")
    else:
        marks = {nodes[p]: {at[p]: Mark(w)} for p, _, w in spec}
        with pytest.raises(NoLemma):
            prove_matrix(structure, KINDS[kind], marks)
        form = {1: "g", -1: "g^-T"}
    moves = [
        Move(p, form[w], Place(axis, 0, (n,), 0), Fraction(w if kind == "diagonal" else 1))
        for p, axis, w in spec
    ]
    fields = Coordinates(network).fields(kinds()[kind], 1, n, moves)
    rows = jacobian_rows(Draw(network, FIELD, np.random.default_rng(0)), ROWS)
    assert paired(fields, rows, network).any()


def test_what_ops_do_not_allow() -> None:
    """Every non-symmetry that an op names stands among the false relatives or the programs."""
    said = [w for op in all_ops().values() for w in op.non_symmetries()]
    refuted = {
        "g on the contracted axis of both factors": "the same g on both contracted axes",
        "a shift that varies along the axis": "a shift of the keys, scores numbered by key",
    }
    # of what is locally constant the derivative is 0 either way: the calculus alone refuses it
    order = "a scaling of single entries, which changes their order"
    structure = Structure(of("ranking", (2, 3), count=2)())
    for axis, kept in ((1, 0), (0, 1)):
        start = {structure.network.parameter_nodes[0]: {(axis, 0): Weight({0: Fraction(1)})}}
        assert len(solve_weights(structure, start, 1)) == kept
    node = structure.network.parameter_nodes[0]
    assert prove_shift(structure, node, [(0, 0)]).steps
    with pytest.raises(NoLemma, match="varies along"):
        prove_shift(structure, node, [(1, 0)])
    assert [w for w in said if w not in refuted and w not in FALSE and w != order] == []


def test_the_table_of_the_docs() -> None:
    """It is printed from the laws."""
    spec = importlib.util.spec_from_file_location("laws_table", DOCS / "laws_table.py")
    assert spec is not None and spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "run docs/laws_table.py again"
