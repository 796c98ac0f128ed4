"""exp of sums as products: the same function, with fewer values that the residues call free."""

from fractions import Fraction

import numpy as np
import pytest
from networks import Sketch, attention, mlp
from residue_outputs import evaluate_at

from symgauge.identities.terms import Terms
from symgauge.identities.written_out import MAX_POWER, fewer_values, written_out
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.rank import draw_theta
from symgauge.program.lower import has_op, lower
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value

FIELD = PrimeField(next(primes()))


def of(sketch: Sketch, *lines: Value) -> Network:
    total = lines[0]
    for value in lines[1:]:
        total = sketch.build.add(total, value)
    return sketch.network(total)


def combination(*factors: Fraction | int) -> tuple[Sketch, list[Value], Value]:
    """The entries x_k of a parameter vector as rows, and sum of c_k x_k."""
    sketch = Sketch()
    rows = [sketch.parameter(f"x{k}", 2, 3) for k in range(len(factors))]
    total = sketch.build.scale(rows[0], factors[0])
    for row, c in zip(rows[1:], factors[1:], strict=True):
        total = sketch.build.add(total, sketch.build.scale(row, c))
    return sketch, rows, total


def floats(network: Network) -> list[np.ndarray]:
    network, rng = lower(network), np.random.default_rng(0)
    theta = {p.name: rng.normal(size=(1, *p.shape)) * 0.3 for p in network.parameters}
    inputs = {x.name: rng.normal(size=(1, *x.shape)) for x in network.inputs}
    return outputs(network, values(network, RealDomain(), theta, inputs))


@pytest.mark.parametrize(
    "factors", [(1, 1), (2, -3), (Fraction(1, 2), Fraction(1, 3)), (1, -1, 2), (-1,), (-2,)]
)
def test_it_is_the_same_function(factors: tuple[Fraction | int, ...]) -> None:
    sketch, rows, total = combination(*factors)
    turned = sketch.build.permute(total, (1, 0))
    parts = [sketch.build.permute(sketch.build.apply("exp", r), (1, 0)) for r in rows]
    network = of(sketch, sketch.build.apply("exp", turned), *parts)
    split = written_out(network)
    assert split is not network
    for one, two in zip(floats(network), floats(split), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


def test_the_residues_then_know_the_identity() -> None:
    """exp(x0 + x1) - exp(x0) exp(x1) and exp(2 x0) - exp(x0)^2 are 0 modulo p."""
    sketch, rows, total = combination(1, 1)
    build = sketch.build
    one, two = (build.apply("exp", r) for r in rows)
    first = build.add(build.apply("exp", total), build.scale(build.mul(one, two), -1))
    square = build.apply("exp", build.scale(rows[0], 2))
    second = build.add(square, build.scale(build.mul(one, one), -1))
    network = of(sketch, build.mul(first, first), build.mul(second, second))

    def value(network: Network) -> np.ndarray:
        theta, salt = draw_theta(network, FIELD, np.random.default_rng(1))
        found, _ = evaluate_at(network, FIELD, salt, theta, {})
        return found[0]

    assert value(network).any() and not value(written_out(network)).any()


def test_what_has_no_sum_is_left_alone() -> None:
    for network in (mlp("relu", 2, 3, 2), attention(4, 2, 2, bias=True)):
        assert written_out(network) is network
    sketch, rows, _ = combination(1)
    network = sketch.network(sketch.build.apply("exp", rows[0]))
    assert written_out(network) is network


def test_an_irrational_constant_stays_with_its_sum() -> None:
    """exp(x + 1/3) is exp(x) e^(1/3); exp(x + e) beside exp(x): of e^e nothing is known."""
    sketch, rows, total = combination(1)
    build = sketch.build
    third = build.add(total, Fraction(1, 3))
    network = sketch.network(build.apply("exp", third))
    assert has_op(written_out(network), "mul")
    e = build.broadcast(build.apply("exp", build.full(1, ())), total.shape)
    network = sketch.network(build.apply("exp", build.add(total, e)))
    assert written_out(network) is network


def test_high_powers_are_left_whole() -> None:
    sketch, rows, _ = combination(1)
    build = sketch.build
    many = build.apply("exp", build.scale(rows[0], MAX_POWER + 1))
    network = of(sketch, many, build.apply("exp", rows[0]))
    assert written_out(network) is network


def test_splitting_twice_changes_nothing() -> None:
    sketch, _, total = combination(1, -2)
    split = written_out(sketch.network(sketch.build.apply("exp", total)))
    assert written_out(split) is split


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize(
    "factors", [(1, 1), (2, -3), (Fraction(1, 2), Fraction(1, 3)), (1, -1, 2), (-2,)]
)
def test_angles_are_added(name: str, factors: tuple[Fraction | int, ...]) -> None:
    sketch, rows, total = combination(*factors)
    turned = sketch.build.permute(total, (1, 0))
    parts = [sketch.build.permute(sketch.build.apply("cos", r), (1, 0)) for r in rows]
    network = of(sketch, sketch.build.apply(name, turned), *parts)
    written = written_out(network)
    assert written is not network
    for one, two in zip(floats(network), floats(written), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


def root(kind: str) -> Network:
    """1/sqrt of a product of two rows, which are squares plus 1, or of any sign."""
    sketch, rows, _ = combination(1, 1)
    build = sketch.build
    u, v = (build.add(build.mul(r, r), build.full(1, r.shape)) for r in rows)
    e = build.apply("exp", rows[0])
    inside = {
        "product": lambda: build.mul(u, v), "square": lambda: build.mul(u, u),
        "power": lambda: build.apply("power", u, exponent=3),
        "exp": lambda: build.permute(e, (1, 0)),
        "of any sign": lambda: build.mul(rows[0], rows[1]),
        "square of any sign": lambda: build.apply("power", rows[0], exponent=2),
    }[kind]()
    return sketch.network(build.apply("rsqrt", inside))


@pytest.mark.parametrize("kind", ["product", "square", "power", "exp", "square of any sign"])
def test_roots_of_products_are_products(kind: str) -> None:
    network = root(kind)
    written = written_out(network)
    assert written is not network
    assert has_op(written, "rsqrt") is (kind in ("product", "power"))
    for one, two in zip(floats(network), floats(written), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


def test_roots_of_what_may_be_negative_stay() -> None:
    """sqrt(u v) is no sqrt(u) sqrt(v) where both are negative."""
    network = root("of any sign")
    assert written_out(network) is network


def steps(network: Network) -> int:
    return sum(node.op_name == "step" for node in lower(network).nodes)


def kinked(kind: str) -> tuple[Network, int, int]:
    """A program with steps, how many it has, and how many are needed."""
    sketch, (u, v), total = combination(1, -1)
    build = sketch.build
    back = build.add(v, build.scale(u, -1))
    square, turned = build.apply("power", u, exponent=2), build.permute(v, (1, 0))
    lines = {
        "signs": [build.apply("relu", u), build.apply("relu", build.scale(u, -3))],
        "maximum": [build.apply("maximum", u, v), build.apply("abs", back)],
        "minimum": [build.apply("leaky_relu", back, slope=Fraction(1, 4)),
                    build.apply("maximum", build.scale(u, -1), build.scale(v, -1))],
        "root": [build.apply("abs", u), build.apply("sqrt", square)],
        "never negative": [build.apply("relu", square)],
        "alone": [build.apply("step", u), build.apply("step", build.scale(u, -1))],
        "factors": [build.mul(build.apply("abs", u), build.apply("abs", v)),
                    build.apply("abs", build.mul(u, v))],
        "compared": [build.apply("relu", u), build.mul(build.apply("step", build.add(
            build.full(0, u.shape), build.scale(u, -1))), build.scale(u, 2))],
        "in a product": [build.apply("relu", build.apply("matmul", u, turned)), build.apply(
            "relu", build.apply("matmul", build.scale(u, -1), turned))],
        "other factor": [build.mul(build.apply("step", u), v), build.apply("relu", total),
                         build.mul(build.apply("step", build.scale(u, -1)), v)],
    }[kind]
    network = of(sketch, *lines)
    return network, steps(network), {
        "never negative": 0, "alone": 2, "factors": 2, "other factor": 3}.get(kind, 1)


@pytest.mark.parametrize("kind", [
    "signs", "maximum", "minimum", "root", "never negative", "alone", "factors", "compared",
    "in a product", "other factor"])
def test_one_step_serves_all_multiples_of_its_argument(kind: str) -> None:
    """Only where it multiplies what is 0 at its jump: step(0) + step(-0) is not 1."""
    network, before, needed = kinked(kind)
    written = written_out(network)
    assert steps(written) == needed
    assert (written is network) == (before == needed and kind != "root")
    for one, two in zip(floats(network), floats(written), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2])
def test_log_of_1_and_a_reciprocal_is_a_difference(k: int) -> None:
    """softplus(-z) = softplus(z) - z, by the logarithm of one sum."""
    sketch, rows, _ = combination(1)
    build = sketch.build
    signs = [build.scale(rows[0], k), build.scale(rows[0], -k)]
    network = of(sketch, *(build.apply("softplus", z, beta=Fraction(1)) for z in signs))
    written = fewer_values(network)
    assert sum(node.op_name == "log" for node in written.nodes) == 1
    for one, two in zip(floats(network), floats(written), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


def test_functions_are_written_out_where_that_spares_some() -> None:
    sketch, rows, total = combination(1, 1)
    build = sketch.build
    alone = of(sketch, build.apply("sin", total))
    assert written_out(alone) is not alone and fewer_values(alone) is alone
    every = [build.apply(n, r) for n in ("sin", "cos") for r in rows]
    beside = of(sketch, build.apply("sin", total), *every)
    assert fewer_values(beside) is not beside


def functions(network: Network) -> list[str]:
    """The functions that are taken, sorted."""
    names = ("exp", "log", "rsqrt", "step")
    return sorted(n.op_name for n in lower(network).nodes if n.op_name in names)


def of_two(kind: str) -> Network:
    """A function of u, and the same one or its like in another form."""
    sketch, (u, v), _ = combination(1, 1)
    build = sketch.build
    above, below = (build.add(build.mul(r, r), build.full(1, r.shape)) for r in (u, v))
    half = build.scale(build.apply("log", above), Fraction(1, 2))
    whole = build.apply("sigmoid", u)
    quotient = build.mul(above, build.reciprocal(below))
    lines = {
        "multiple": [build.apply("sqrt", above), build.apply("sqrt", build.scale(above, 4))],
        "no square": [build.apply("sqrt", above), build.apply("sqrt", build.scale(above, 2))],
        "half a logarithm": [build.apply("exp", half), build.apply("rsqrt", above)],
        "quotient": [build.apply("sqrt", x) for x in (quotient, above, below)],
        "sigmoid": [build.apply("log", whole), build.apply("log", build.add(
            build.scale(whole, -1), build.full(1, u.shape)))],
    }[kind]
    return of(sketch, *lines)


@pytest.mark.parametrize(("kind", "needed"), [
    ("multiple", ["rsqrt"]), ("no square", ["rsqrt", "rsqrt"]), ("half a logarithm", ["rsqrt"]),
    ("quotient", ["rsqrt", "rsqrt"]), ("sigmoid", ["exp", "log"]),
])
def test_functions_of_the_same_are_one(kind: str, needed: list[str]) -> None:
    network = of_two(kind)
    written = fewer_values(network)
    assert functions(written) == needed
    for one, two in zip(floats(network), floats(written), strict=True):
        assert np.allclose(one, two, rtol=1e-12)


def test_factors_of_powers_and_products() -> None:
    """(2 u)^3 = 8 u^3, (2 u) (-3 v) = -6 u v, the sum of 2 u is twice that of u."""
    sketch, (u, v), _ = combination(1, 1)
    build, terms = sketch.build, Terms(sketch.build).of
    two = build.scale(u, 2)
    assert list(terms(build.apply("power", two, exponent=3)).values()) == [8]
    assert list(terms(build.mul(two, build.scale(v, -3))).values()) == [-6]
    assert list(terms(build.apply("sum", two, axes=(1,))).values()) == [2]
    assert list(terms(build.reciprocal(two)).values()) == [Fraction(1, 2)]


def test_a_line_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """x + W (x * x), layer on layer: each reads the one before three times."""
    sketch, looked = Sketch(), set[int]()
    x = sketch.input("x", 2, 3)
    for k in range(8):
        x = sketch.build.add(x, sketch.linear(sketch.build.mul(x, x), f"fc{k}", 3, bias=False))
    node = sketch.build.node

    def once(value: Value) -> Node:
        assert value.index not in looked
        looked.add(value.index)
        return node(value)

    monkeypatch.setattr(sketch.build, "node", once)
    assert len(Terms(sketch.build).of(x)) == 9
