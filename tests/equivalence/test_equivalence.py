"""Equivalence algebras of vector fields given by SymPy expressions: bounds, proofs, refusals."""

import json
from fractions import Fraction
from typing import Any

import pytest
import sympy
from sympy import Matrix, Symbol, symbols

import symgauge
from symgauge.equivalence.expression import field_of_expressions
from symgauge.equivalence.named import Equivalence, is_proved
from symgauge.equivalence.system import Ansatz, System
from symgauge.errors import BadInputError, SizeError
from symgauge.lie.fields import VectorField
from symgauge.verdict import Verdict

N = 2
T = Symbol("t")
X = symbols("x1:3")
A = Matrix(N, N, lambda i, j: Symbol(f"a{i}{j}"))
B = Matrix(N, 1, lambda i, j: Symbol(f"b{i}"))
LINEAR = list(A * Matrix(X))
AFFINE = list(A * Matrix(X) + B)


def mlp(h: int) -> list[sympy.Expr]:
    """W2 tanh(W1 x + b1) + b2."""
    first = Matrix(h, N, lambda i, j: Symbol(f"w{i}{j}"))
    shift = Matrix(h, 1, lambda i, j: Symbol(f"c{i}"))
    second = Matrix(N, h, lambda i, j: Symbol(f"u{i}{j}"))
    return list(second * (first * Matrix(X) + shift).applyfunc(sympy.tanh) + B)


LEAKY = [
    -Symbol(f"l{i}") * X[i] + sympy.tanh((A * Matrix(X) + B)[i]) for i in range(N)
]
MOVED = "coefficients of degree 1 in t"
ONE = symbols("a b c")

#: field, options, algebra, dimension, trivial, isotropy
CASES: dict[str, tuple[list[sympy.Expr], dict[str, Any], str, int, int, int]] = {
    "linear": (LINEAR, {}, "gl(2,R)", 4, 0, 2),
    "linear, quadratic xi": (LINEAR, {"degree": 2}, "gl(2,R)", 4, 0, 2),
    "linear, A(t)": (
        LINEAR, {"time_degree": 1, "moving": True}, f"gl(2,R), {MOVED}", 8, 0, 2),
    "affine": (AFFINE, {}, "aff(2,R)", 6, 0, 2),
    "affine, A(t)": (
        AFFINE, {"time_degree": 1, "moving": True}, f"aff(2,R), {MOVED}", 12, 0, 2),
    "tanh, square": (mlp(2), {}, "aff(2,R)", 6, 0, 0),
    "tanh, overcomplete": (mlp(3), {}, "aff(2,R)", 6, 0, 0),
    "tanh, quadratic xi": (mlp(3), {"degree": 2}, "aff(2,R)", 6, 0, 0),
    # time: x' = c v for every c is in the family, and t -> t + s keeps v
    "tanh, time too": (mlp(2), {"time_change": True}, "dimension 7", 7, 0, 1),
    "leaky tanh": (LEAKY, {}, "0", 0, 0, 0),
    "leaky tanh, xi(t)": (
        LEAKY, {"degree": 2, "time_degree": 1, "moving": True}, "0", 0, 0, 0),
    # sl(2) acts on x' = a + b x + c x^2; the field itself is one of its elements
    "Riccati": (
        [ONE[0] + ONE[1] * X[0] + ONE[2] * X[0]**2], {"degree": 2}, "dimension 3", 3, 0, 1),
    # zeta (1, v) is divided out: of the five proved fields 2 are motion along the worldlines
    "x' = a x^2, time too": (
        [ONE[0] * X[0]**2], {"degree": 2, "time_degree": 1, "time_change": True},
        "dimension 3", 3, 2, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_equivalence_algebras(name: str) -> None:
    v, options, algebra, dimension, trivial, isotropy = CASES[name]
    found = symgauge.equivalence_algebra(v, state=X[:len(v)], time=T, **options)
    assert found.closed and found.verdict is Verdict.PROVED
    assert (found.algebra, found.dimension, found.trivial) == (algebra, dimension, trivial)
    assert found.isotropy == isotropy
    assert found.proved == dimension
    for generator in found.data["generators"]:
        assert _residual(v, generator) < 1e-12
        if generator["vector"]["xi"] and any(generator["vector"]["parameters"]):
            assert _residual(v, _planted(generator)) > 1e-3


def _parts(generator: Any, names: list[Symbol]) -> tuple[list[Any], list[Any]]:
    """xi over (t, x), and d theta, as expressions."""
    space = [T, *X]
    xi = [sympy.Integer(0)] * 3
    for k, m, c in generator["vector"]["xi"]:
        xi[k] += sympy.Rational(c) * sympy.prod([space[j]**e for j, e in m])
    dtheta = [sympy.Integer(0)] * len(names)
    for a, part in enumerate(generator["vector"]["parameters"]):
        for k, m, c in part:
            dtheta[k] += T**a * sympy.Rational(c) * sympy.prod([names[j]**e for j, e in m])
    return xi, dtheta


def _residual(v: list[sympy.Expr], generator: Any) -> float:
    """The determining equation by SymPy's own derivatives, at one point in 30 digits."""
    n = len(v)
    names = sorted(set().union(*(e.free_symbols for e in v)) - {T, *X}, key=lambda s: s.name)
    xi, dtheta = _parts(generator, names)

    def along(f: Any) -> Any:
        return f.diff(T) + sum(v[j] * f.diff(X[j]) for j in range(n))

    point = {s: sympy.Rational(7 * k + 3, 5 * k + 11) for k, s in enumerate([T, *X, *names])}
    worst = 0.0
    for i in range(n):
        left = sum(v[i].diff(s) * d for s, d in zip(names, dtheta))
        right = along(xi[i + 1]) - v[i] * along(xi[0]) - xi[0] * v[i].diff(T) - sum(
            xi[j + 1] * v[i].diff(X[j]) for j in range(n))
        worst = max(worst, abs(float((left - right).subs(point).evalf(30))))
    return worst


def _planted(generator: Any) -> Any:
    """The same with the parameters moved the wrong way."""
    vector = json.loads(json.dumps(generator["vector"]))
    for part in vector["parameters"]:
        for row in part:
            row[2] = str(-Fraction(row[2]))
    return {"vector": vector}


def test_what_is_not_closed_is_unknown() -> None:
    """xi = t A^k x are symmetries with coefficients that depend on theta: only k = 0 is named."""
    found = symgauge.equivalence_algebra(LINEAR, state=X, time_degree=1)
    assert (found.dimension, found.proved, found.unexplained) == (6, 5, 1)
    assert found.verdict is Verdict.UNKNOWN and not found.closed


def test_a_wrong_element_is_not_proved() -> None:
    import numpy as np

    from symgauge.proof.prover import Prover

    network = field_of_expressions(LINEAR, X)
    system = System(network, Ansatz(), np.random.default_rng(0))
    prover = Prover(network)
    one = Fraction(1)
    # xi = w x with w = e_01; d A = [w, A]: entries a00, a01, a10, a11
    xi = VectorField.collect([(1, ((2, 1),), one)])
    right = VectorField.build([], [(0, 2, one), (1, 3, one), (1, 0, -one), (3, 2, -one)])
    wrong = VectorField.build([], [(0, 2, -one), (1, 3, -one), (1, 0, one), (3, 2, one)])
    assert is_proved(system, prover, Equivalence(xi, (right,)))
    assert not is_proved(system, prover, Equivalence(xi, (wrong,)))
    assert not is_proved(system, prover, Equivalence(xi, (VectorField({}),)))


def test_hypotheses_are_not_hidden() -> None:
    """exp(a) exp(b) and exp(a + b): related values would make a dimension too small."""
    a, b, x = Symbol("a"), Symbol("b"), X[0]
    v = [sympy.exp(a * x) + sympy.exp(2 * a * x) * b]
    found = symgauge.equivalence_algebra(v, state=(x,))
    assert found.hypotheses and found.verdict is Verdict.UNKNOWN


def test_text_and_latex_name_the_symbols() -> None:
    found = symgauge.equivalence_algebra(LINEAR, state=X)
    assert any(g.xi == "(x2) d/dx1" and "d a00 = a10" in g.parameters
               for g in found.generators)
    assert r"\partial_{\texttt{x1}}" in found.generators[0].latex.xi
    assert json.loads(found.to_json())["algebra"] == "gl(2,R)"


@pytest.mark.parametrize(("v", "state", "match"), [
    (LINEAR, X[:1], "2 components of a vector field for 1 state"),
    ([sympy.gamma(X[0])], X[:1], "has no op"),
    ([X[0]**Symbol("k")], X[:1], "no half integer"),
    ("nonsense", None, "give the symbols of the state"),
    (3, None, "is a torch.nn.Module, SymPy expressions or a Network, not a int"),
])
def test_bad_input(v: Any, state: Any, match: str) -> None:
    with pytest.raises(BadInputError, match=match):
        symgauge.equivalence_algebra(v, state=state)


def test_limits() -> None:
    with pytest.raises(SizeError, match="lower the degree"):
        symgauge.equivalence_algebra(LINEAR, state=X, degree=60)
    with pytest.raises(BadInputError, match="0 or more"):
        symgauge.equivalence_algebra(LINEAR, state=X, degree=-1)


def test_powers_of_expressions() -> None:
    """Half-integer powers and reciprocals: x' = a / x keeps its form under x -> c x."""
    a, x = Symbol("a"), X[0]
    for v in ([a / x], [a * sympy.sqrt(x)], [a * x**sympy.Rational(-3, 2)], [a * x**3]):
        found = symgauge.equivalence_algebra(v, state=(x,))
        assert found.proved == 1 and found.dimension == 1, v


@pytest.mark.parametrize("time", ["t", X[0], 3])
def test_a_time_that_is_no_symbol_of_its_own(time: Any) -> None:
    with pytest.raises(BadInputError, match="sympy.Symbol|have the name"):
        symgauge.equivalence_algebra([ONE[0] * X[0]], state=X[:1], time=time)


@pytest.mark.parametrize("degree", ["2", 1.5, True])
def test_degrees_are_whole(degree: Any) -> None:
    with pytest.raises(BadInputError, match="whole numbers"):
        symgauge.equivalence_algebra([ONE[0] * X[0]], state=X[:1], degree=degree)


def test_fields_without_parameters() -> None:
    """A family of one field: xi with L_xi v = 0."""
    zero = symgauge.equivalence_algebra([0 * X[0]], state=Matrix(X[:1]))
    assert (zero.algebra, zero.proved) == ("aff(1,R)", 2)
    one = symgauge.equivalence_algebra([sympy.Integer(1)], state=X[0])
    assert one.proved == 1


def test_what_moves_is_a_polynomial_in_t() -> None:
    """a x e^t allows xi = t x with d a = e^-t, which no polynomial is: the scope says so."""
    found = symgauge.equivalence_algebra(
        [ONE[0] * X[0] * sympy.exp(T)], state=X[:1], time=T, time_degree=1, moving=True)
    assert "d theta polynomial in t of degree 1" in found.scope


@pytest.mark.parametrize("function", [sympy.cosh, sympy.sinh])
def test_hyperbolic_functions_are_read(function: Any) -> None:
    """a f(b x) keeps its form under x -> s x: they were offered and raised an AssertionError."""
    a, b, x = symbols("a b x")
    found = symgauge.equivalence_algebra([a * function(b * x)], state=(x,))
    assert (found.algebra, found.dimension, found.verdict) == ("gl(1,R)", 1, Verdict.PROVED)


def test_the_algebra_that_is_named_has_the_dimension_that_is_stated() -> None:
    """With the time, d/dt is motion along the worldlines up to d/dx and x d/dx: no third one."""
    a, b, x = symbols("a b x")
    for field, name, dimension in (([a * x + b], "aff(1,R)", 2), ([a * x], "gl(1,R)", 1)):
        found = symgauge.equivalence_algebra(field, state=(x,), time_change=True)
        assert (found.algebra, found.dimension, found.proved) == (name, dimension, dimension)


def test_an_entry_that_moves_is_printed_once() -> None:
    """Its powers of t together, in the terminal's words and in LaTeX."""
    a, b, x = symbols("a b x")
    found = symgauge.equivalence_algebra([a * x + b], state=(x,), time_degree=1, moving=True)
    assert found.dimension == 4
    both = 0
    for g in found.generators:
        parts = g.parameters.split("; ")
        names = [part.split(" = ")[0] for part in parts]
        assert len(set(names)) == len(names)
        assert g.latex.parameters.count(r"\delta") == len(names)
        both += any(" t " in part and part != f"{name} = t" for part, name in zip(parts, names))
    # d b = 1 - t a, in one
    assert both
