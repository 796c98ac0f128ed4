"""Real balls: what they enclose, what they leave open, minors of J, signs; mpmath as the referee.

What is not claimed stands beside what is: a singular matrix, a branch at 0, a rank that is one
too many. mpmath shares nothing with python-flint.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from math import factorial, prod
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Sketch, attention, mlp, rational_network

from symgauge.certify.evidence.balls import Minor, determinant, is_shown, jacobian, matrix
from symgauge.certify.find.balls import find_minor
from symgauge.domains.balls import BallDomain
from symgauge.domains.signs import (
    ANY, NEGATIVE, NOT_NEGATIVE, POSITIVE, ZERO, SignDomain, analytic_everywhere,
)
from symgauge.exact import balls
from symgauge.exact.balls import Undecided
from symgauge.points.cells import balanced_shadow
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network

RNG = np.random.default_rng


def around(value: float, radius: float) -> Any:
    return balls.ball(Fraction(value), Fraction(radius))


def array(*entries: Any) -> Any:
    out = np.empty(len(entries), dtype=object)
    out[:] = entries
    return out


# -- balls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(-7, 5), Fraction(0), Fraction(5)])
def test_a_ball_holds_its_interval(value: Fraction) -> None:
    for radius in (Fraction(0), Fraction(1, 10), Fraction(1, 2**100)):
        for bits in (53, 192):
            with balls.precision(bits):
                found = balls.ball(value, radius)
            with balls.precision(1000):
                # an end of the interval may be the end of the ball: within a last place of it
                for end in (value - radius, value, value + radius):
                    gap = abs(found.mid() - balls.ball(end)) - found.rad()
                    assert not gap > 0


def test_equal_numbers_are_different_objects() -> None:
    """One object at two places stands for one number: two parameters never share it."""
    first, second = balls.balls([Fraction(1, 3), Fraction(1, 3)])
    assert first is not second


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp, "log": mpmath.log, "erf": mpmath.erf, "sin": mpmath.sin,
    "cos": mpmath.cos, "rsqrt": lambda x: 1 / mpmath.sqrt(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("bits", [64, 192])
def test_functions_enclose_the_values_of_mpmath(name: str, bits: int) -> None:
    with balls.precision(bits), mpmath.workdps(80):
        for x in (0.001, 0.25, 1.0, 7.5, 40.0):
            got = getattr(BallDomain(), name)(array(around(x, 0.0)))[0]
            true = FUNCTIONS[name](mpmath.mpf(x))
            half = flint.arb(mpmath.nstr(true, 70))
            assert got.overlaps(half)
            assert float(got.rad()) <= 2.0 ** (12 - bits) * max(abs(float(true)), 1.0)
            wide = getattr(BallDomain(), name)(array(around(x, x / 16)))[0]
            for y in (x * 15 / 16, x, x * 17 / 16):
                assert wide.overlaps(flint.arb(mpmath.nstr(FUNCTIONS[name](mpmath.mpf(y)), 70)))


def test_erf_slope_is_the_derivative() -> None:
    with balls.precision(128), mpmath.workdps(50):
        got = BallDomain().erf_slope(array(around(0.75, 0.0)))[0]
        assert got.overlaps(flint.arb(mpmath.nstr(mpmath.diff(mpmath.erf, 0.75), 30), 1e-25))


@pytest.mark.parametrize("name", ["log", "rsqrt", "reciprocal"])
def test_outside_its_domain_a_value_is_no_number(name: str) -> None:
    for x in (around(0.0, 1.0), around(0.0, 0.0), around(-1.0, 2.0)):
        assert not getattr(BallDomain(), name)(array(x))[0].is_finite()


def test_a_sign_is_decided_off_0_alone() -> None:
    assert [balls.sign(around(x, 0.5)) for x in (1.0, -0.75)] == [1, -1]
    assert balls.sign(around(0.0, 0.0)) == 0
    for x in (around(0.0, 1e-30), around(0.5, 0.5), around(-1.0, 2.0), flint.arb("nan")):
        with pytest.raises(Undecided):
            balls.sign(x)


def test_branches() -> None:
    domain = BallDomain()
    on = domain.step(array(around(1.0, 0.5), around(-1.0, 0.5), around(0.0, 0.0)))
    assert [int(x.unique_fmpz()) for x in on] == [1, 0, 0]
    with pytest.raises(Undecided):
        domain.step(array(around(0.0, 1e-9)))
    first = domain.ranking(array(around(1.0, 0.1), around(3.0, 0.1), around(2.0, 0.1))[None], 2)[0]
    assert balls.midpoints(first).tolist() == [[0, 1, 0], [0, 0, 1]]
    # the last that counts against all others, not against the next alone
    with pytest.raises(Undecided):
        domain.ranking(array(around(3.0, 0.1), around(2.5, 0.1), around(2.0, 2.0))[None], 1)
    same = around(1.0, 0.1)
    shared = domain.ranking(array(same, same, around(0.0, 0.1))[None], 1)[0]
    assert balls.midpoints(shared).tolist() == [[1, 0, 0]]
    with pytest.raises(Undecided):
        domain.ranking(array(same, around(1.0, 0.1))[None], 1)
    assert balls.midpoints(domain.one_hot(array(around(2.0, 0.3)), 4)).tolist() == [[0, 0, 1, 0]]
    for x in (around(0.5, 0.6), around(0.5, 0.1)):
        with pytest.raises(Undecided):
            domain.one_hot(array(x), 2)


@pytest.mark.parametrize(("a", "b"), [
    ((2, 3), (3, 4)), ((5, 2, 3), (1, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (2, 4, 3, 1)), ((1, 0, 3), (1, 3, 2)), ((3, 2, 0), (3, 0, 2)),
    ((0, 2, 3), (0, 3, 2)), ((0, 2, 3), (1, 3, 2)),
    ((4, 1, 1), (1, 1, 1)), ((2, 3, 5, 4), (2, 3, 4, 6)), ((7, 3, 9, 4), (1, 1, 4, 6)),
])
def test_matrix_products_are_those_of_integers(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = (RNG(k).integers(-9, 9, size=shape) for k, shape in enumerate((a, b)))
    found = balls.matmul(balls.balls(x), balls.balls(y))
    assert found.shape == (x @ y).shape
    assert (balls.midpoints(found) == x @ y).all() if found.size else True
    assert all(entry.is_exact() for entry in found.reshape(-1))


# -- minors of matrices --------------------------------------------------------------------------

small = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=n, max_size=n)
)


def leibniz(rows: Any) -> Any:
    """The determinant by its definition."""
    n, total = len(rows), 0
    for order in permutations(range(n)):
        sign = prod(1 if order[i] < order[j] else -1 for i in range(n) for j in range(i + 1, n))
        total += sign * prod(rows[i][order[i]] for i in range(n))
    return total


@settings(max_examples=150, deadline=None)
@given(small)
def test_a_minor_is_shown_where_it_is_not_0_and_nowhere_else(rows: list[list[int]]) -> None:
    true = leibniz(rows)
    matrix_of_balls = balls.balls(rows)
    with balls.precision(192):
        assert balls.nonsingular(matrix_of_balls) is bool(true)
        found = balls.determinant(matrix_of_balls)
        assert (found is not None) is bool(true)
        if found is not None:
            assert float(found) == true
        chosen, columns = balls.pivots(matrix_of_balls, len(rows))
    r = int(np.linalg.matrix_rank(np.array(rows)))
    assert len(chosen) == len(columns) == r
    if r:
        assert leibniz([[rows[i][j] for j in columns] for i in chosen]) != 0


def test_wide_balls_show_nothing() -> None:
    identity = balls.balls(np.eye(3, dtype=int))
    assert balls.nonsingular(identity)
    wide = balls.balls(np.eye(3, dtype=int), Fraction(1, 2))
    assert not balls.nonsingular(wide) and balls.determinant(wide) is None
    # no number anywhere
    identity[0, 0] = flint.arb("nan")
    assert not balls.nonsingular(identity) and balls.determinant(identity) is None
    assert balls.pivots(identity, 3) == ([1, 2], [1, 2])


def test_a_nearly_singular_matrix_needs_bits() -> None:
    """Hilbert's matrix of size 40: its determinant is below 1e-900."""
    hilbert = [[Fraction(1, i + j + 1) for j in range(40)] for i in range(40)]
    found = {}
    for bits in (64, 192, 384, 768):
        with balls.precision(bits):
            entries = balls.balls(hilbert)
            found[bits] = balls.nonsingular(entries), balls.determinant(entries)
    assert [shown for shown, _ in found.values()] == [False, False, True, True]
    # Cauchy: c_n^4 / c_2n with c_n = 1! 2! ... (n-1)!
    c40, c80 = (prod(factorial(i) for i in range(n)) for n in (40, 80))
    with mpmath.workdps(30):
        true = mpmath.mpf(c40) ** 4 / c80
        assert abs(mpmath.mpf(found[768][1]) - true) < true * mpmath.mpf(10) ** -18
    assert found[64][1] is None and found[384][1] in (found[768][1], None)


def test_matrices_without_entries() -> None:
    empty = balls.zeros((0, 0))
    assert balls.nonsingular(empty) and balls.determinant(empty) == "1"
    for shape in ((0, 3), (3, 0)):
        assert balls.pivots(balls.zeros(shape), 3) == ([], [])


# -- minors of the Jacobian ----------------------------------------------------------------------

NETWORKS: dict[str, tuple[Callable[[], Network], int]] = {
    # the ranks: P minus the known redundancy
    "linear": (lambda: mlp(None, 3, 2, 2), 14 - 6),
    "tanh": (lambda: mlp("tanh", 2, 3, 1), 13),
    "erf": (lambda: mlp("erf", 2, 2, 2), 12),
    "silu": (lambda: mlp("silu", 2, 2, 1, bias=False), 6),
    "relu": (lambda: mlp("relu", 2, 3, 2), 17 - 3),
    "square": (lambda: mlp("square", 3, 2, 2, bias=False), 10 - 2),
    "attention": (lambda: attention(3, 1, 2), 24 - 8),
    "attention, biases": (lambda: attention(2, 1, 1, bias=True), 13 - 4),
}


def minor_of(network: Network, wanted: int | None = None, seed: int = 0) -> Minor:
    """A minor as large as is found; `wanted` None asks for every coordinate."""
    read = read_coordinates(network)
    cell = balanced_shadow(network, RNG(seed)) if is_piecewise(network) else {}
    return find_minor(network, read, cell, wanted or int(read.sum()), RNG(seed))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_rank_is_the_known_one_and_never_more(name: str, seed: int) -> None:
    make, rank = NETWORKS[name]
    network = make()
    exact, most = minor_of(network, rank, seed), minor_of(network, None, seed)
    assert exact.rank == most.rank == rank
    assert is_shown(network, exact) and is_shown(network, most)


def test_more_than_the_rank_is_not_shown() -> None:
    """Every larger minor that contains the one that is found, at the same inputs."""
    network = mlp("tanh", 1, 2, 1, bias=False)
    linear = mlp(None, 1, 2, 1, bias=False)
    for net, rank in ((network, 4), (linear, 1)):
        found = minor_of(net)
        assert found.rank == rank
        for o, k in ((o, k) for o in range(1) for k in range(4)):
            if k in found.columns:
                continue
            rows = tuple(sorted({(i, o) for i in range(len(found.inputs))}))
            inputs = (*found.inputs, *found.inputs)[:rank + 1]
            larger = Minor(
                found.theta, inputs, (*rows, (len(rows), 0)),
                tuple(sorted((*found.columns, k))), 768, "")
            assert determinant(net, larger) is None


def derivative(network: Network, minor: Minor, act: Callable[[Any], Any]) -> Any:
    """J of a one-layer network in mpmath, by differences of 60 digits."""
    names = [p.name for p in network.parameters]
    sizes = [p.size for p in network.parameters]
    flat = [mpmath.mpf(v.numerator) / v.denominator
            for n in names for v in minor.theta[n].reshape(-1)]

    def value(theta: list[Any], x: list[Any], out: int) -> Any:
        parts, start = {}, 0
        for n, size in zip(names, sizes, strict=True):
            parts[n] = theta[start:start + size]
            start += size
        w0, b0, w1, b1 = (parts[f"fc{k}.{kind}"] for k in (0, 1) for kind in ("weight", "bias"))
        m = len(x)
        hidden = [
            act(sum(w0[j * m + i] * x[i] for i in range(m)) + b0[j]) for j in range(len(b0))
        ]
        return sum(w1[out * len(b0) + j] * hidden[j] for j in range(len(b0))) + b1[out]

    rows = mpmath.matrix(minor.rank)
    for r, (i, o) in enumerate(minor.rows):
        x = [mpmath.mpf(v.numerator) / v.denominator for v in minor.inputs[i]["x"].reshape(-1)]
        for c, k in enumerate(minor.columns):
            h = mpmath.mpf(10) ** -40

            def at(step: Any, k: int = k, x: list[Any] = x, o: int = o) -> Any:
                return value([v + step if j == k else v for j, v in enumerate(flat)], x, o)

            rows[r, c] = (at(h) - at(-h)) / (2 * h)
    return rows


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "sin": mpmath.sin,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_minor_is_that_of_mpmath(name: str) -> None:
    network = mlp(name, 2, 2, 1)
    minor = minor_of(network)
    with mpmath.workdps(160):
        rows = derivative(network, minor, ACTIVATIONS[name])
        true = mpmath.det(rows)
        stated = mpmath.mpf(minor.determinant)
        assert true != 0
        assert abs(true - stated) < abs(true) * mpmath.mpf(10) ** -18
        in_balls = matrix(network, minor)
        for (r, c), entry in np.ndenumerate(in_balls):
            assert abs(float(entry.mid()) - float(rows[r, c])) < 1e-12


def test_the_minor_excludes_0_in_the_intervals_of_mpmath() -> None:
    """tanh: the same minor with mpmath.iv, by Leibniz's formula: a path without flint."""
    network = mlp("tanh", 1, 2, 1)
    minor = minor_of(network)
    assert minor.rank == 7
    iv = mpmath.iv
    iv.dps = 40

    def number(v: Fraction) -> Any:
        return iv.mpf(v.numerator) / v.denominator

    w0, b0, w1 = ([number(v) for v in minor.theta[n].reshape(-1)]
                  for n in ("fc0.weight", "fc0.bias", "fc1.weight"))
    offsets = network.offsets
    rows = []
    for i, _ in minor.rows:
        x = number(minor.inputs[i]["x"].reshape(-1)[0])
        row = [iv.mpf(0)] * network.num_coordinates
        for j in range(2):
            e = iv.exp(2 * (w0[j] * x + b0[j]))
            value = (e - 1) / (e + 1)
            slope = w1[j] * (1 - value * value)
            row[offsets["fc0.weight"] + j] = slope * x
            row[offsets["fc0.bias"] + j] = slope
            row[offsets["fc1.weight"] + j] = value
        row[offsets["fc1.bias"]] = iv.mpf(1)
        rows.append([row[k] for k in minor.columns])
    found = leibniz(rows)
    assert 0 not in found
    assert mpmath.mpf(minor.determinant) in iv.mpf([found.a - 1e-30, found.b + 1e-30])


@pytest.mark.parametrize("make", [rational_network, *(make for make, _ in NETWORKS.values())])
def test_rows_are_those_at_higher_precision(make: Callable[[], Network]) -> None:
    """More bits give smaller balls that overlap the larger ones."""
    network = make()
    minor = minor_of(network)
    entries = [o for k, o in minor.rows if k == 0]
    coarse, fine = (
        jacobian(network, minor.theta, minor.inputs[0], entries, bits) for bits in (64, 256)
    )
    for a, b in zip(coarse.reshape(-1), fine.reshape(-1), strict=True):
        assert a.overlaps(b) and float(b.rad()) < 1e-60
        assert float(a.rad()) < 1e-12


def test_a_boundary_between_cells_is_not_taken() -> None:
    """relu(x w) at w = 0: the unit is neither on nor off."""
    sketch = Sketch()
    hidden = sketch.build.apply("relu", sketch.linear(sketch.input("x", 1, 1), "a", 1, False))
    network = sketch.network(sketch.linear(hidden, "b", 1, False))
    theta = {"a.weight": np.array([[Fraction(0)]]), "b.weight": np.array([[Fraction(1)]])}
    x = {"x": np.array([[Fraction(1)]])}
    for bits in (192, 3072):
        with pytest.raises(Undecided):
            jacobian(network, theta, x, [0], bits)
    assert determinant(network, Minor(theta, (x,), ((0, 0),), (0,), 192, "")) is None
    theta["a.weight"] = np.array([[Fraction(1, 2**150)]])
    assert determinant(network, Minor(theta, (x,), ((0, 0),), (0,), 192, "")) is not None


def test_a_unit_that_is_off_is_exactly_off() -> None:
    """relu(-relu(z) - 1) - relu(...): a difference of dead units decides like its neighbours."""
    sketch = Sketch()
    build = sketch.build
    z = build.apply("relu", sketch.linear(sketch.input("x", 1, 2), "a", 2, False))
    dead = build.apply("relu", build.add(build.scale(z, -1), build.full(-1, z.shape)))
    last = build.apply("relu", build.add(dead, build.scale(z, -1)))
    network = sketch.network(build.add(sketch.linear(z, "b", 1, False), build.sum(last, 1, True)))
    assert minor_of(network, None).rank == 6 - 2


def test_where_no_value_is_a_number_nothing_is_shown() -> None:
    """log(-z^2 - 1) has no real value at all, though 1 / (-z^2 - 1) has."""

    def negative(build: Any, x: Any) -> Any:
        return build.add(build.scale(build.mul(x, x), -1), build.full(-1, x.shape))

    network = unary("log", negative)
    minor = minor_of(network)
    assert minor.rank == 0 and minor.determinant == "1" and is_shown(network, minor)
    with pytest.raises(Undecided, match="no number"):
        jacobian(network, minor.theta, {"x": np.array([[Fraction(1), Fraction(2)]])}, [0], 192)


def test_what_floats_cannot_rank_is_found_in_balls() -> None:
    """a + b + 1e-40 b z: the columns of a and b agree in 40 digits."""
    sketch = Sketch()
    build = sketch.build
    x = sketch.input("x", 1, 1)
    a, b = sketch.parameter("a", 1, 1), sketch.parameter("b", 1, 1)
    both = build.add(build.mul(a, x), build.mul(b, x))
    tiny = build.scale(build.mul(b, build.mul(x, x)), Fraction(1, 10**40))
    network = sketch.network(build.add(both, tiny))
    minor = minor_of(network)
    assert minor.rank == 2 and is_shown(network, minor)


# -- where a claim reaches -----------------------------------------------------------------------


def test_tables_of_signs() -> None:
    domain = SignDomain()

    def signs(*sets: int) -> Any:
        return np.array(sets, dtype=np.int8)

    a, b = signs(POSITIVE, NEGATIVE, ZERO, NOT_NEGATIVE), signs(POSITIVE, POSITIVE, ANY, POSITIVE)
    assert domain.add(a, b).tolist() == [POSITIVE, ANY, ANY, POSITIVE]
    assert domain.mul(a, b).tolist() == [POSITIVE, NEGATIVE, ZERO, NOT_NEGATIVE]
    whole = signs(ANY, NEGATIVE, ZERO, NEGATIVE | POSITIVE)
    assert domain.mul(whole, whole).tolist() == [NOT_NEGATIVE, POSITIVE, ZERO, POSITIVE]
    # two values of any sign are not one value: their product is no square
    assert domain.mul(whole, whole.copy()).tolist()[0] == ANY
    assert domain.sum(signs(ZERO, NOT_NEGATIVE, POSITIVE)[None], (1,)).tolist() == [POSITIVE]
    assert domain.matmul(signs(POSITIVE, ZERO)[None], signs(NEGATIVE, ANY)[:, None]).tolist() == [
        [NEGATIVE]]


def unary(op: str, wrap: Callable[[Any, Any], Any] = lambda build, x: x) -> Network:
    sketch = Sketch()
    x = sketch.linear(sketch.input("x", 1, 2), "a", 2)
    return sketch.network(sketch.build.apply(op, wrap(sketch.build, x)))


def test_where_a_function_is_analytic() -> None:
    assert all(analytic_everywhere(make()) for make, _ in NETWORKS.values())
    assert analytic_everywhere(rational_network())
    # a division by what may be 0 leaves one function; a root or logarithm there does not
    assert analytic_everywhere(unary("reciprocal"))
    assert not analytic_everywhere(unary("rsqrt")) and not analytic_everywhere(unary("log"))
    for op in ("log", "rsqrt"):
        assert not analytic_everywhere(unary(op, lambda build, x: build.mul(x, x)))
        assert analytic_everywhere(
            unary(op, lambda build, x: build.add(build.mul(x, x), build.full(1, x.shape))))

    # |u| / sqrt(1 + u^2): the root is of what is positive where 1/u is a number
    def folded(build: Any, x: Any) -> Any:
        y = build.reciprocal(x)
        return build.add(build.mul(y, y), build.full(1, x.shape))

    assert not analytic_everywhere(unary("rsqrt", folded))
