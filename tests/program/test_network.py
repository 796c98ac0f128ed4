"""Programs: shared lines, plain data, exact constants, and one meaning over all domains."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from networks import Sketch, attention, mlp, packed_attention, rational_network, two_branches
from residue_outputs import evaluate_at

from symgauge.domains.evaluate import cotangents, outputs, tangents, values
from symgauge.domains.real import RealDomain
from symgauge.domains.residues import ResidueDomain
from symgauge.domains.symbols import SymbolDomain
from symgauge.errors import BadInputError, CaptureError, InconsistentError, UndecidedError
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.exact.running_rank import RunningRank
from symgauge.ops import all_ops
from symgauge.points import rank as ranks
from symgauge.points import rows as rows_at
from symgauge.points.cells import balanced_shadow, draw_reals
from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta, rank_at_point
from symgauge.points.reads import read_coordinates, readable_network
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.constant import Constant, exact_value
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import has_op, is_piecewise, lower
from symgauge.program.network import Network
from symgauge.program.op import Primitive
from symgauge.program.serial import digest_of, network_to_json

FIELD = PrimeField(next(primes()))

NETWORKS: dict[str, Callable[[], Network]] = {
    "linear": lambda: mlp(None, 3, 2, 2),
    "relu": lambda: mlp("relu", 2, 3, 2),
    "tanh": lambda: mlp("tanh", 2, 3, 1),
    "attention": lambda: attention(4, 2, 2, bias=True),
    "grouped": lambda: attention(3, 4, 2, groups=2),
    "packed": lambda: packed_attention(4, 2),
    "branches": two_branches,
    "rational": rational_network,
}


# -- exact constants -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (0.0, Fraction(0)),
        (1 / 3, Fraction(1, 3)),
        (-0.125, Fraction(-1, 8)),
        (1e-5, Fraction(1, 100000)),
        (0.044715, Fraction(44715, 10**6)),
        (997 / 999, Fraction(997, 999)),
        (1e20, Fraction(10**20)),
    ],
)
def test_a_float_is_read_as_the_number_it_was_written_as(value: float, exact: Fraction) -> None:
    assert exact_value(value) == exact


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_an_exact_value_rounds_to_its_float(value: float) -> None:
    assert float(exact_value(value)) == value


@pytest.mark.parametrize("value", [2.0**0.5, 0.1 + 0.2, 1 / 1009])
def test_other_floats_are_dyadic(value: float) -> None:
    assert exact_value(value) == Fraction(value)


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 1, 2)])
def test_a_constant_keeps_its_floats(shape: tuple[int, ...]) -> None:
    table = np.random.default_rng(0).integers(-3, 4, shape) / 7
    constant = Constant.from_floats(table)
    assert constant.shape == shape
    assert (constant.floats() == table).all() and constant.objects().shape == shape
    assert all(v == exact_value(float(v)) for v in constant.objects().reshape(-1))


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_a_constant_means_the_same_in_every_domain(shape: tuple[int, ...]) -> None:
    from symgauge.domains.polynomials import PolynomialDomain
    from symgauge.exact.polynomial import Ring

    table = np.arange(np.prod(shape, dtype=int)).reshape(shape) / 3 - 0.5
    constant = Constant.from_floats(table)
    symbols = SymbolDomain().constant(constant)
    polynomials = PolynomialDomain(Ring()).constant(constant)
    residues = ResidueDomain(FIELD, 0, 1).constant(constant)
    assert symbols.shape == polynomials.shape == residues.shape == (1, *shape)
    for s, p, r, exact in zip(
        symbols.reshape(-1), polynomials.reshape(-1), residues.reshape(-1),
        constant.objects().reshape(-1), strict=True,
    ):
        assert Fraction(int(s.p), int(s.q)) == p.get((), 0) == exact
        assert r == FIELD.residue(exact)


# -- the builder ---------------------------------------------------------------------------------


def test_equal_lines_are_one() -> None:
    sketch = Sketch()
    x = sketch.input("x", 2, 2)
    one, two = (sketch.build.mul(x, x) for _ in range(2))
    assert one.index == two.index
    assert sketch.build.scale(x, 2).index == sketch.build.scale(x, Fraction(4, 2)).index
    assert sketch.build.scale(x, 2).index != sketch.build.scale(x, 3).index
    assert sketch.build.full(1, (2,)).index != sketch.build.full(1, (3,)).index
    assert sketch.build.apply("permute", x, dims=(1, 0)).index != x.index


def test_lines_that_nothing_reads_are_dropped_but_leaves_stay() -> None:
    sketch = Sketch()
    x = sketch.input("x", 2)
    sketch.parameter("idle", 3)
    sketch.build.mul(x, x)
    network = sketch.network(sketch.build.add(x, x))
    assert [n.label for n in network.nodes] == ["x", "idle", "add"]
    assert [p.name for p in network.parameters] == ["idle"]
    assert network.offsets == {"idle": 0} and network.num_coordinates == 3


def test_entrywise_ops_broadcast() -> None:
    sketch = Sketch()
    y = sketch.build.add(sketch.input("x", 2, 3), sketch.input("y", 2, 1))
    assert y.shape == (2, 3)
    with pytest.raises(CaptureError, match="add: shapes"):
        sketch.build.add(y, sketch.input("z", 2))


def test_not_every_float_is_a_constant() -> None:
    build = Builder(all_ops())
    for bad in (float("nan"), float("inf")):
        with pytest.raises(CaptureError, match="NaN or plus infinity"):
            build.floats([1.0, bad])


def test_minus_infinity_is_a_mark_that_only_a_softmax_absorbs() -> None:
    sketch = Sketch()
    mask = sketch.build.floats([[0.0, -np.inf]])
    assert mask.minus_infinity is not None and mask.minus_infinity.tolist() == [[False, True]]
    scores = sketch.build.add(sketch.input("x", 1, 2), mask)
    assert scores.minus_infinity is not None
    for name in ("exp", "tanh"):
        with pytest.raises(CaptureError, match=f"minus infinity enters {name}"):
            sketch.build.apply(name, scores)
    with pytest.raises(CaptureError, match="number <= 0"):
        sketch.build.scale(scores, -1)
    assert sketch.build.scale(scores, 2).minus_infinity is not None


def test_a_slice_moves_before_a_reshape_where_that_is_the_same() -> None:
    sketch = Sketch()
    x = sketch.input("x", 3, 12)
    split = sketch.build.reshape(x, (3, 3, 4))
    piece = sketch.build.slice(split, 1, 1, 2)
    network = sketch.network(piece)
    assert [n.label for n in network.nodes] == ["x", "slice", "reshape"]
    entries = np.arange(36.0).reshape(1, 3, 12)
    lines = values(network, RealDomain(), {}, {"x": entries})
    expected = entries.reshape(1, 3, 3, 4)[:, :, 1:2]
    assert (outputs(network, lines)[0] == expected).all()


@pytest.mark.parametrize(
    ("source", "target"),
    [((12,), (3, 4)), ((2, 6), (2, 3, 2)), ((4, 3), (2, 2, 3)), ((2, 6), (12,)), ((6, 2), (3, 4))],
)
def test_a_slice_of_a_reshape_is_a_slice_of_a_reshape(
    source: tuple[int, ...], target: tuple[int, ...]
) -> None:
    entries = np.arange(12.0).reshape(1, *source)
    for axis, n in enumerate(target):
        for start in range(n):
            for stop in range(start + 1, n + 1):
                sketch = Sketch()
                x = sketch.input("x", *source)
                piece = sketch.build.slice(sketch.build.reshape(x, target), axis, start, stop)
                network = sketch.network(piece)
                lines = values(network, RealDomain(), {}, {"x": entries})
                where = (slice(None),) * (axis + 1) + (slice(start, stop),)
                expected = entries.reshape(1, *target)[where]
                assert (outputs(network, lines)[0] == expected).all()


# -- plain data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_plain_data_round_trip(name: str) -> None:
    network = NETWORKS[name]()
    again = readable_network(network_to_json(network), all_ops())
    assert network_to_json(again) == network_to_json(network)
    assert digest_of(again) == digest_of(network)
    theta, x = draw_reals(network, np.random.default_rng(0), 2)
    left, right = (
        outputs(lower(n), values(lower(n), RealDomain(), theta, x)) for n in (network, again)
    )
    assert all((a == b).all() for a, b in zip(left, right, strict=True))


def test_digests_tell_networks_apart() -> None:
    digests = {digest_of(make()) for make in NETWORKS.values()}
    assert len(digests) == len(NETWORKS)
    assert digest_of(mlp("tanh", 2, 3, 1)) == digest_of(mlp("tanh", 2, 3, 1))
    assert digest_of(mlp("tanh", 2, 3, 1)) != digest_of(mlp("tanh", 2, 3, 1, bias=False))


def _with(**changes: Any) -> dict[str, Any]:
    return {**network_to_json(two_branches()), **changes}


def _node(**changes: Any) -> dict[str, Any]:
    data = network_to_json(two_branches())
    data["nodes"][-1] = {**data["nodes"][-1], **changes}
    return data


def _op(**entry: Any) -> dict[str, Any]:
    leaf = {"input": "x", "shape": [2, 3]}
    return {"nodes": [leaf, {"attrs": {}, "inputs": [0], **entry}], "outputs": [1], "held": []}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        _with(nodes=[]),
        _with(nodes=[3]),
        _with(nodes=None),
        _with(outputs=[99]),
        _with(outputs=[-1]),
        _with(outputs=[]),
        _with(held=None),
        _node(op="no such op"),
        _node(op="sub"),
        _node(inputs=[99, 0]),
        _node(inputs=[-1, 0]),
        _node(inputs=[]),
        _node(shape=[7, 7]),
        _node(shape=[-1, 2]),
        _node(attrs=[]),
        _node(attrs={"factor": 1.5}),
        _op(op="scale", shape=[2, 3], attrs={"factor": "1/0"}),
        _op(op="scale", shape=[2, 3], attrs={"factor": "x"}),
        _op(op="scale", shape=[2, 3]),
        _op(op="power", shape=[2, 3], attrs={"exponent": 1}),
        _op(op="power", shape=[2, 3], attrs={"exponent": "2"}),
        _op(op="permute", shape=[2, 3], attrs={"dims": [0, 0]}),
        _op(op="sum", shape=[2], attrs={"axes": [5]}),
        _op(op="slice", shape=[2, 3], attrs={"axis": 0, "start": -1, "stop": 1, "step": 1}),
        _op(op="expand", shape=[2, 6], attrs={"size": [2, 6]}),
        _op(op="concatenate", shape=[2, 3], attrs={"axis": 4}),
        _op(op="add", shape=[2, 3]),
        _op(op="mul", shape=[2, 3], inputs=[0, 0, 0]),
        _op(op="exp", shape=[2, 3], inputs=[0, 0]),
        _op(op="softmax", shape=[2, 3], attrs={"axis": 2}),
        _op(op="softmax", shape=[2, 3], attrs={"axis": 1}, inputs=[0, 0, 0]),
        {"nodes": [{"constant": ["1", "2"], "index": [0, 5], "shape": [2]}], "outputs": [0],
         "held": []},
        {"nodes": [{"constant": ["1", "2"], "index": [0, 0.5], "shape": [2]}], "outputs": [0],
         "held": []},
        {"nodes": [{"constant": ["1", "2"], "index": [0, 1, 1], "shape": [2]}], "outputs": [0],
         "held": []},
        {"nodes": [{"constant": ["1"], "index": [10**30], "shape": [1]}], "outputs": [0],
         "held": []},
        {"nodes": [{"parameter": "a", "shape": [1]}, {"parameter": "a", "shape": [2]}],
         "outputs": [0], "held": []},
    ],
)
def test_other_data_is_no_network(data: Any) -> None:
    with pytest.raises(BadInputError, match="not the network of a certificate"):
        readable_network(data, all_ops())


def test_entrywise_lines_need_equal_shapes() -> None:
    """A line written by hand may not broadcast: its adjoint would not sum."""
    leaves = [{"input": "x", "shape": [2, 3]}, {"parameter": "b", "shape": [3]}]
    for op in ("add", "mul"):
        line = {"op": op, "inputs": [0, 1], "attrs": {}, "shape": [2, 3]}
        with pytest.raises(BadInputError, match="not the network of a certificate"):
            readable_network({"nodes": [*leaves, line], "outputs": [2], "held": []}, all_ops())


# -- lowering ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_lowered_program_has_primitives_alone(name: str) -> None:
    network = NETWORKS[name]()
    lowered = lower(network)
    assert all(n.op is None or isinstance(n.op, Primitive) for n in lowered.nodes)
    assert lower(lowered) is lowered
    assert lowered.parameters == network.parameters and lowered.inputs == network.inputs
    assert [lowered.nodes[i].shape for i in lowered.outputs] == [
        network.nodes[i].shape for i in network.outputs
    ]


def test_uses_looks_inside_composites() -> None:
    assert has_op(mlp("relu", 2, 2, 1), "step") and not has_op(mlp("tanh", 2, 2, 1), "step")
    assert has_op(mlp("silu", 2, 2, 1), "exp") and not has_op(mlp(None, 2, 2, 1), "exp")


# -- coordinates that are read -------------------------------------------------------------------


def test_unread_coordinates() -> None:
    sketch = Sketch()
    table = sketch.parameter("table", 4, 2)
    sketch.parameter("idle", 2)
    masked = sketch.parameter("masked", 2)
    x = sketch.input("x", 2, 2)
    used = sketch.build.slice(table, 0, 1, 3)
    keep = sketch.build.floats([1.0, 0.0])
    y = sketch.build.add(sketch.build.mul(x, used), sketch.build.mul(masked, keep))
    read = read_coordinates(sketch.network(y))
    assert read.tolist() == [
        False, False, True, True, True, True, False, False, False, False, True, False
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_coordinate_with_a_derivative_is_read(name: str) -> None:
    network = NETWORKS[name]()
    rows = jacobian_rows(Draw(network, FIELD, np.random.default_rng(0)), 12).rows
    moving, read = (rows != 0).any(axis=0), read_coordinates(network)
    # the key bias is read, and yet the softmax kills its derivative
    start = network.offsets.get("k.bias", network.num_coordinates)
    dead = np.arange(len(read)) - start
    assert (read == moving | ((dead >= 0) & (dead < 4))).all()


# -- one meaning over all domains ----------------------------------------------------------------


def _draw(network: Network, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Small rational parameters and inputs as SymPy numbers, batch of one."""
    rng = np.random.default_rng(seed)

    def array(shape: tuple[int, ...]) -> Array:
        out = np.empty((1, *shape), dtype=object)
        out.reshape(-1)[:] = [
            sympy.Rational(int(n), int(d))
            for n, d in zip(
                rng.integers(-5, 6, out.size), rng.integers(1, 5, out.size), strict=True
            )
        ]
        return out

    return (
        {p.name: array(p.shape) for p in network.parameters},
        {x.name: array(x.shape) for x in network.inputs},
    )


def _to_residues(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name: np.array(
            [FIELD.residue(Fraction(int(v.p), int(v.q))) for v in a.reshape(-1)], dtype=np.float64
        ).reshape(a.shape)
        for name, a in arrays.items()
    }


def _to_floats(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: a.astype(np.float64) for name, a in arrays.items()}


RATIONAL = {
    "rational": rational_network,
    "linear": lambda: mlp(None, 3, 2, 2),
    "square": lambda: mlp("square", 2, 3, 2),
    "linear attention": lambda: attention(3, 2, 2, bias=True, kind="linear"),
    "branches": two_branches,
}


@pytest.mark.parametrize("name", RATIONAL)
@pytest.mark.parametrize("seed", [0, 1])
def test_rational_networks_have_one_value_in_three_domains(name: str, seed: int) -> None:
    network = RATIONAL[name]()
    theta, x = _draw(network, seed)
    exact = outputs(network, values(network, SymbolDomain(), theta, x))
    floats = outputs(network, values(network, RealDomain(), _to_floats(theta), _to_floats(x)))
    residues, domain = evaluate_at(network, FIELD, 0, _to_residues(theta), _to_residues(x))
    assert domain.valid.all()
    for e, f, r in zip(exact, floats, residues, strict=True):
        np.testing.assert_allclose(f, e.astype(np.float64), rtol=1e-10, atol=1e-12)
        assert (r == _to_residues({"": e})[""]).all()


@pytest.mark.parametrize("name", RATIONAL)
def test_tangents_and_cotangents_agree_in_three_domains(name: str) -> None:
    network = RATIONAL[name]()
    theta, x = _draw(network, 2)
    direction, _ = _draw(network, 3)
    domains: list[tuple[Any, Callable[[Mapping[str, Array]], dict[str, Array]]]] = [
        (SymbolDomain(), dict), (RealDomain(), _to_floats),
        (ResidueDomain(FIELD, 0, 1), _to_residues),
    ]
    found: list[list[Array]] = []
    for domain, cast in domains:
        lines = values(network, domain, cast(theta), cast(x))
        moved = cast(direction)
        seeds = {
            i: moved[p.name]
            for i, p in zip(network.parameter_nodes, network.parameters, strict=True)
        }
        along = tangents(network, domain, lines, seeds)
        shapes = [network.nodes[i].shape for i in network.outputs]
        ones = cast({str(k): np.full((1, *s), sympy.Integer(k + 1)) for k, s in enumerate(shapes)})
        rows = cotangents(network, domain, lines, list(ones.values()))
        found.append([
            *(a for i in network.outputs if (a := along[i]) is not None),
            *(rows[p.name] for p in network.parameters),
        ])
    for e, f, r in zip(*found, strict=True):
        np.testing.assert_allclose(f, e.astype(np.float64), rtol=1e-9, atol=1e-10)
        assert (r == _to_residues({"": e})[""]).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: mlp("square", 2, 2, 1),
        lambda: mlp("tanh", 1, 2, 1),
        lambda: mlp("silu", 1, 2, 1),
        lambda: mlp("erf", 1, 2, 1),
        lambda: mlp("sqrt", 1, 1, 1),
        lambda: mlp("exp", 1, 2, 1),
        lambda: attention(1, 1, 1, tokens=2),
    ],
    ids=["square", "tanh", "silu", "erf", "sqrt", "exp", "attention"],
)
def test_tangent_of_formulas_is_their_derivative(make: Callable[[], Network]) -> None:
    lowered, domain = lower(make()), SymbolDomain()
    theta, x = ({
        leaf.name: np.array(
            sympy.symbols(f"{leaf.name.replace('.', '_')}_:{np.prod(leaf.shape, dtype=int)}",
                          positive=True), dtype=object,
        ).reshape(1, *leaf.shape)
        for leaf in leaves
    } for leaves in (lowered.parameters, lowered.inputs))
    lines = values(lowered, domain, theta, x)
    f = outputs(lowered, lines)[0].reshape(-1)[0]
    point = {s: sympy.Rational(k + 2, 7) for k, s in enumerate(
        v for a in (*theta.values(), *x.values()) for v in a.reshape(-1))}
    for i, p in zip(lowered.parameter_nodes, lowered.parameters, strict=True):
        for k, symbol in enumerate(theta[p.name].reshape(-1)):
            seed = np.full(theta[p.name].size, sympy.Integer(0), dtype=object)
            seed[k] = sympy.Integer(1)
            moved = tangents(lowered, domain, lines, {i: seed.reshape(theta[p.name].shape)})
            along = moved[lowered.outputs[0]]
            assert along is not None
            difference = along.reshape(-1)[0] - sympy.diff(f, symbol)
            assert abs(difference.subs(point).evalf(30)) < 1e-25, symbol


def test_a_zero_divisor_marks_the_row() -> None:
    sketch = Sketch()
    network = sketch.network(sketch.build.reciprocal(sketch.input("x", 1)))
    _, domain = evaluate_at(network, FIELD, 0, {}, {"x": np.array([[0.0], [2.0]])})
    assert domain.valid.tolist() == [False, True]


def test_a_radicand_without_a_root_marks_the_row() -> None:
    sketch = Sketch()
    network = sketch.network(sketch.build.apply("rsqrt", sketch.input("x", 1)))
    # p = 3 mod 4: -1 is no square
    x = np.array([[4.0], [FIELD.p - 4.0], [0.0]])
    found, domain = evaluate_at(network, FIELD, 0, {}, {"x": x})
    assert domain.valid.tolist() == [True, False, False]
    y = found[0][0]
    assert FIELD.mul(FIELD.mul(y, y), x[0]) == 1


def test_residues_keep_the_identities_of_exp_log_and_erf() -> None:
    domain = ResidueDomain(FIELD, 7, 50)
    a = FIELD.random(np.random.default_rng(0), (50, 2))
    assert (FIELD.mul(domain.exp(a), domain.exp(FIELD.neg(a))) == 1).all()
    assert (FIELD.add(domain.erf(a), domain.erf(FIELD.neg(a))) == 0).all()
    assert domain.exp(np.zeros(1)) == 1 and domain.erf(np.zeros(1)) == 0
    assert domain.log(np.ones(1)) == 0
    assert (domain.exp(a) == domain.exp(a.copy())).all()
    assert (domain.exp(a) != ResidueDomain(FIELD, 8, 50).exp(a)).any()
    assert (domain.exp(a) != domain.log(a)).any()


def test_residues_warn_of_nothing() -> None:
    with np.errstate(all="raise"):
        for salt in (0, (1 << 62) + 12345, (1 << 63) - 1):
            domain = ResidueDomain(FIELD, salt, 3)
            a = np.array([1.0, FIELD.p - 1.0, 5.0])
            for function in (domain.exp, domain.log, domain.erf, domain.erf_slope):
                assert ((function(a) >= 0) & (function(a) < FIELD.p)).all()


# -- the rank, as rows are made ------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rank_at_a_point_is_that_of_its_rows(name: str) -> None:
    network = NETWORKS[name]()
    read, rng = read_coordinates(network), np.random.default_rng(7)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    state = rng.bit_generator.state
    found = rank_at_point(Draw(network, FIELD, rng, cell=cell), read)
    rng.bit_generator.state = state
    theta, salt = draw_theta(network, FIELD, rng)
    drawn = jacobian_rows(
        Draw(network, FIELD, rng, theta, cell, salt), int(read.sum()) + SPARE)
    whole = rank(drawn.rows[:, read], FIELD.p, "flint")
    # on a cell more rows are drawn until the rank has stopped growing
    assert found == whole if not cell else whole <= found <= read.sum()


def test_rows_are_no_longer_made_once_they_are_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counting(RunningRank):
        def add(self, rows: Array) -> None:
            made.append(len(rows))
            super().add(rows)

    monkeypatch.setattr(ranks, "RunningRank", Counting)
    monkeypatch.setattr(rows_at, "chunk_of", lambda network, order: 64)
    network = mlp(None, 16, 12, 16)  # P = 412: a matrix of rank 12, and a bias
    rank_j = 16 * 12 * 2 - 12**2 + 16
    read = read_coordinates(network)
    assert rank_at_point(Draw(network, FIELD, np.random.default_rng(0)), read) == rank_j
    assert rank_j + SPARE <= sum(made) < 412
    made.clear()
    # a row of a rare token may be new after many that are not: all are made
    monkeypatch.setattr(ranks, "has_tokens", lambda network: True)
    assert rank_at_point(Draw(network, FIELD, np.random.default_rng(0)), read) == rank_j
    assert sum(made) == 412 + SPARE


# -- branches ------------------------------------------------------------------------------------


def test_branches_come_from_a_shadow_point() -> None:
    network = mlp("relu", 2, 4, 2)
    rng = np.random.default_rng(0)
    shadow = balanced_shadow(network, rng)
    assert set(shadow) == {p.name for p in network.parameters}
    rows = jacobian_rows(Draw(network, FIELD, rng, cell=shadow), 30)
    assert rows.rows.shape == (30, network.num_coordinates)
    theta = {n: v[:1] for n, v in rows.parameters.items()}
    with pytest.raises(InconsistentError, match="no shadow point decided"):
        evaluate_at(network, FIELD, 0, theta, {"x": np.ones((1, 1, 2))})


def test_a_branch_that_nothing_decides_is_an_error() -> None:
    sketch = Sketch()
    build, x, p = sketch.build, sketch.input("x", 32), sketch.parameter("p", 32)
    # identically 0, but not as a polynomial; in floats the noise of a rounding
    product = build.mul(build.apply("exp", x), build.apply("exp", p))
    noise = build.add(build.apply("exp", build.add(x, p)), build.scale(product, -1))
    network = sketch.network(build.mul(p, build.apply("relu", noise)))
    with pytest.raises(UndecidedError, match="not decided"):
        jacobian_rows(Draw(network, FIELD, np.random.default_rng(0)), 4)


def test_a_quantity_that_is_identically_0_is_no_branch() -> None:
    sketch = Sketch()
    build, x, p = sketch.build, sketch.input("x", 32), sketch.parameter("p", 32)
    third = Fraction(1, 3)
    # 0 as a polynomial, and in floats the noise of a rounding
    noise = build.add(build.add(build.add(x, third), build.scale(x, -1)), -third)
    network = sketch.network(build.mul(p, build.add(build.apply("relu", noise), x)))
    read = read_coordinates(network)
    cell = balanced_shadow(network, np.random.default_rng(0))
    assert rank_at_point(Draw(network, FIELD, np.random.default_rng(0), cell=cell), read) == 32


def test_leaves_are_told_apart_by_kind() -> None:
    build = Builder(all_ops())
    one, two = build.leaf(Parameter("a", (1,))), build.leaf(Input("a", (1,)))
    assert one.index != two.index
