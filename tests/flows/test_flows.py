"""Laws of the calculus on spacetime, each decided exactly; what it refuses."""

from typing import Any

import pytest
import sympy

from symgauge.errors import BadInputError
from symgauge.flows import (
    Diffeomorphism,
    Jet,
    VectorField,
    at,
    bracket,
    field_bracket,
    flow,
    homogeneous,
    inhomogeneous,
    lie_derivative,
    lie_series,
    prolong,
    pushforward,
    pushforward_along,
    pushforward_at_image,
    spacetime,
    spacetime_variation,
    variation,
    worldline_variation,
)
from symgauge.theorem.scalars import decide_zero
from symgauge.verdict import Verdict

s, r = sympy.symbols("s r", real=True)
DIMENSIONS = pytest.mark.parametrize("n", [1, 2, 3])


def parts(e: Any) -> list[Any]:
    return list(e.components) if isinstance(e, VectorField) else list(e)


def equal(a: Any, b: Any) -> bool:
    pairs = zip(parts(a), parts(b), strict=True)
    return decide_zero([x - y for x, y in pairs]).verdict is Verdict.PROVED


def differ(a: Any, b: Any) -> bool:
    pairs = zip(parts(a), parts(b), strict=True)
    return decide_zero([x - y for x, y in pairs]).verdict is Verdict.REFUTED


def linear(st: Any, name: str) -> tuple[Any, VectorField]:
    """A matrix of symbols, and the field x -> matrix x."""
    n = len(st.space)
    m = sympy.Matrix(n, n, lambda i, j: sympy.Symbol(f"{name}{i}{j}"))
    return m, VectorField(st.space, tuple(m * sympy.Matrix(st.space)))


# -- fields --------------------------------------------------------------------------------------


@DIMENSIONS
def test_bracket_is_a_lie_bracket(n: int) -> None:
    st = spacetime(n)
    a, b, c = (st.field(k) for k in "abc")
    cyclic = bracket(a, bracket(b, c)) + bracket(b, bracket(c, a)) + bracket(c, bracket(a, b))
    assert equal(cyclic, [0] * n)
    assert equal(bracket(a, b), -bracket(b, a))
    # a derivation: [a, h b] = h [a, b] + a(h) b
    h = st.scalar("h")
    assert equal(bracket(a, h * b), h * bracket(a, b) + a.along(h) * b)
    assert differ(bracket(a, b), bracket(b, a))


@DIMENSIONS
def test_bracket_is_the_commutator_of_derivations(n: int) -> None:
    st = spacetime(n)
    a, b, h = st.field("a"), st.field("b"), st.scalar("h")
    assert equal([bracket(a, b).along(h)], [a.along(b.along(h)) - b.along(a.along(h))])


@pytest.mark.parametrize("n", [2, 3])
def test_lie_derivative_of_a_linear_field_is_minus_the_commutator(n: int) -> None:
    st = spacetime(n)
    (w, wx), (v, vx) = linear(st, "w"), linear(st, "v")
    commutator = tuple((w * v - v * w) * sympy.Matrix(st.space))
    assert equal(lie_derivative(wx, vx), [-c for c in commutator])
    assert differ(lie_derivative(wx, vx), commutator)


def test_fields_refuse() -> None:
    x, y = spacetime(2).space
    with pytest.raises(BadInputError, match=r"1 components on \(x1, x2\)"):
        VectorField((x, y), (x,))
    with pytest.raises(BadInputError, match="one component for each coordinate"):
        VectorField((x, x), (x, y))
    with pytest.raises(BadInputError, match="coordinates are symbols"):
        VectorField((x, y**2), (x, y))
    with pytest.raises(BadInputError, match="same coordinates"):
        bracket(VectorField((x, y), (x, y)), VectorField((y, x), (x, y)))
    with pytest.raises(BadInputError, match="at least one dimension, not 0"):
        spacetime(0)


# -- jets ----------------------------------------------------------------------------------------


def test_composition_obeys_the_chain_rule() -> None:
    t, x, y = sympy.symbols("t x y")
    psi, phi = sympy.Function("psi")(t, y), sympy.Function("phi")(t, x)
    composed = at(psi, {y: phi})
    assert composed.diff(x) == at(psi.diff(y), {y: phi}) * phi.diff(x)
    assert equal(
        [composed.diff(t)],
        [at(psi.diff(t), {y: phi}) + at(psi.diff(y), {y: phi}) * phi.diff(t)],
    )
    assert equal([composed.diff(x).diff(t)], [composed.diff(t).diff(x)])
    # against a function that is known: no jet is left
    known = {phi: x**2 * t}
    assert composed.subs(known).has(Jet)
    explicit = at((t * y**3), {y: x**2 * t})
    assert explicit.diff(x) == sympy.diff(t**4 * x**6, x)


def test_a_jet_at_plain_symbols_is_a_derivative() -> None:
    x, y = sympy.symbols("x y")
    f = sympy.Function("f")
    assert Jet("f", (x,), (2,), (y,)) == f(y).diff(y, 2)
    assert Jet("f", (x,), (0,), (y,)) == f(y)
    assert at(at(f(x), {x: x + y}), {y: 0}) == f(x)
    # two slots exchanged, at once
    h = sympy.Function("h")(x, y)
    assert at(h.diff(x), {x: y, y: x}) == sympy.Function("h")(y, x).diff(y)
    # at a repeated symbol it stays a jet: the total derivative would be another thing
    g = sympy.Function("g")(x, y)
    assert isinstance(at(g.diff(x), {y: x}), Jet)


def test_composition_refuses_what_is_composed_already() -> None:
    x = sympy.Symbol("x")
    with pytest.raises(BadInputError, match="compose with flows.at"):
        at(sympy.Function("f")(x**2), {x: 1})
    with pytest.raises(BadInputError, match="in other coordinates"):
        f, y = sympy.Function("f"), sympy.Symbol("y")
        prolong(f(y), {f(x): 1})


def test_composition_refuses_bound_symbols() -> None:
    x = sympy.Symbol("x")
    f = sympy.Function("f")(x)
    for open_end in (sympy.Integral(f, (x, 0, 1)), sympy.Derivative(x * f, x)):
        with pytest.raises(BadInputError, match="not carried out"):
            at(open_end, {x: 1})


def test_prolongation_is_the_rate_of_a_family() -> None:
    x, eps = sympy.symbols("x epsilon")
    f, h = sympy.Function("f")(x), sympy.Function("h")(x)
    functional = f**2 * f.diff(x, 2) + x / f.diff(x)
    family = functional.subs(f, f + eps * h).doit()
    assert equal([prolong(functional, {f: h})], [family.diff(eps).subs(eps, 0).doit()])
    composed = at(f, {x: x**2})
    assert prolong(composed, {f: h}) == at(h, {x: x**2})
    assert prolong(composed.diff(x), {f: h}) == at(h, {x: x**2}).diff(x)


# -- variations ----------------------------------------------------------------------------------


@DIMENSIONS
def test_variation_of_a_linear_field(n: int) -> None:
    st = spacetime(n)
    (A, Ax), (w, wx) = linear(st, "A"), linear(st, "w")
    moving = VectorField(st.space, tuple(st.time * c for c in wx.components))
    expected = (w + st.time * (w * A - A * w)) * sympy.Matrix(st.space)
    assert equal(variation(moving, Ax, st.time), list(expected))


def test_field_bracket_is_antisymmetric_and_linear() -> None:
    st = spacetime(1)
    f, xi, eta = st.field("f"), st.field("xi"), st.field("eta")

    def along(e: VectorField) -> Any:
        return lambda g: variation(e, g, st.time)

    forth, back = field_bracket(along(xi), along(eta), f), field_bracket(along(eta), along(xi), f)
    assert equal(forth, -back)
    assert equal(field_bracket(along(xi), along(3 * eta), f), 3 * forth)


def test_spacetime_variation_refuses_other_coordinates() -> None:
    st = spacetime(2)
    with pytest.raises(BadInputError, match="time first"):
        spacetime_variation(st.field("v"), st.field("f"))


# -- diffeomorphisms -----------------------------------------------------------------------------


def shears() -> tuple[Diffeomorphism, Diffeomorphism]:
    st = spacetime(2)
    t, (x, y) = st.time, st.space
    return (
        Diffeomorphism(st.coordinates, (t, x, y + t * x**2)),
        Diffeomorphism(st.coordinates, (2 * t + 1, x + t * y, y)),
    )


def test_pushforward_of_pushforward() -> None:
    st = spacetime(2)
    first, second = shears()
    f = VectorField(st.space, (st.space[1], st.time * st.space[0]))
    assert equal(pushforward(second, pushforward(first, f)), pushforward(first.then(second), f))
    assert differ(pushforward(second, pushforward(first, f)), pushforward(second.then(first), f))


def test_pushforward_and_its_inverse() -> None:
    st = spacetime(2)
    f = VectorField(st.space, (st.space[1] ** 2, st.time))
    for phi in shears():
        back = phi.inverted()
        assert equal(phi.then(back).image, st.coordinates)
        assert equal(pushforward(back, pushforward(phi, f)), f)


def test_pushforward_of_a_linear_field_is_a_connection() -> None:
    st = spacetime(2)
    A, Ax = linear(st, "A")
    t = st.time
    U = sympy.Matrix([[1, t], [0, 1 + t**2]])
    phi = Diffeomorphism(st.coordinates, (t, *(U * sympy.Matrix(st.space))))
    expected = (U * A * U.inv() + U.diff(t) * U.inv()) * sympy.Matrix(st.space)
    assert equal(pushforward(phi, Ax), list(expected))


def test_pushforward_of_a_map_without_triangular_inverse() -> None:
    st = spacetime(2)
    t, (x, y) = st.time, st.space
    turn = Diffeomorphism(st.coordinates, (t, x + y, x - t * y))
    assert equal(turn.then(turn.inverted()).image, st.coordinates)


@DIMENSIONS
def test_a_pushed_spacetime_field_has_the_moved_slope(n: int) -> None:
    st = spacetime(n)
    phi = Diffeomorphism(st.coordinates, (st.scalar("T"), *st.field("X").components))
    f = st.field("f")
    pushed = inhomogeneous(pushforward_along(phi, homogeneous(f, st)))
    assert equal(pushed, pushforward_at_image(phi, f))


def test_diffeomorphisms_refuse() -> None:
    st = spacetime(1)
    t, (x,) = st.time, st.space
    f = VectorField((x,), (x,))
    with pytest.raises(BadInputError, match="2 coordinates have 1 images"):
        Diffeomorphism((t, x), (x,))
    with pytest.raises(BadInputError, match="the inverse takes the image of x to"):
        Diffeomorphism((t, x), (t, 2 * x), (t, x))
    with pytest.raises(BadInputError, match="cannot be inverted here"):
        pushforward(Diffeomorphism((t, x), (t, x + x**3)), f)
    with pytest.raises(BadInputError, match="D_f T is 0"):
        pushforward_at_image(Diffeomorphism((t, x), (x, t)), VectorField((x,), (0,)))
    with pytest.raises(BadInputError, match="lives on"):
        pushforward(Diffeomorphism((x, t), (x, t)), f)
    with pytest.raises(BadInputError, match="lives on"):
        pushforward_along(Diffeomorphism((t, x), (t, x)), f)
    with pytest.raises(BadInputError, match="different coordinates"):
        Diffeomorphism((t, x), (t, x)).then(Diffeomorphism((x, t), (x, t)))


def test_identity_at_the_ends_is_required() -> None:
    st = spacetime(2)
    t, (x, y) = st.time, st.space
    Diffeomorphism(st.coordinates, (t, x + t * (1 - t) * y**2, y)).require_identity_at(0, 1)
    moving = Diffeomorphism(st.coordinates, (t, x, y + t))
    moving.require_identity_at(0)
    with pytest.raises(BadInputError, match=r"at t = 1 the image of x2 is x2 \+ 1: a gauge"):
        moving.require_identity_at(0, 1)
    late = Diffeomorphism(st.coordinates, (t + t**2, x, y))
    with pytest.raises(BadInputError, match="at t = 1 the image of t is 2"):
        late.require_identity_at(0, 1)


def test_a_given_inverse_is_used() -> None:
    st = spacetime(1)
    t, (x,) = st.time, st.space
    phi = Diffeomorphism((t, x), (t, x * sympy.exp(t)), (t, x * sympy.exp(-t)))
    assert equal(pushforward(phi, VectorField((x,), (0,))), [x])
    assert phi.keeps_time and phi.inverted().inverse == phi.image


# -- worldlines ----------------------------------------------------------------------------------


@DIMENSIONS
def test_worldlines(n: int) -> None:
    st = spacetime(n)
    f = st.field("f")
    v = homogeneous(f, st)
    assert inhomogeneous(v) == f
    assert equal(inhomogeneous(st.scalar("lambda") * v), f)
    sigma = -st.total_derivative(f, st.scalar("zeta"))
    moved = worldline_variation(v, st.vector(st.scalar("zeta"), st.field("xi")), sigma)
    assert equal([moved.components[0]], [0])


def test_a_worldline_at_rest_in_time_is_refused() -> None:
    st = spacetime(1)
    with pytest.raises(BadInputError, match="no graphs over the time"):
        inhomogeneous(st.vector(0, st.field("f")))


# -- flows ---------------------------------------------------------------------------------------

u, v, c = sympy.symbols("u v c", real=True)
CLOSED = [
    (u,), (c * u + 1,), (u**2,), (1 + u**2,), (v, -u), (v, 2 * u), (u + v, v), (u - v, u + v),
    (v**2, 1), (u * v, v**2), (v + c, 0), (3, u**2 * 2), (v, 0),
]


@pytest.mark.parametrize("components", CLOSED, ids=str)
def test_a_flow_is_a_one_parameter_group(components: tuple[Any, ...]) -> None:
    field = VectorField((u, v)[: len(components)], components)
    moved = flow(field, s)
    assert moved.order is None
    # exp(0) = 1, and the field is its rate
    assert equal(moved.at(0), field.coordinates)
    place = dict(zip(field.coordinates, moved.components, strict=True))
    rates = [e.diff(s) for e in moved.components]
    wanted = [sympy.sympify(e).xreplace(place) for e in components]
    assert all(trivial(a - b) for a, b in zip(rates, wanted, strict=True))
    # exp(r) exp(s) = exp(r + s)
    both = [e.xreplace({s: r}).xreplace(place) if not e.has(s) else e.subs(s, r).subs(
        place, simultaneous=True) for e in moved.components]
    together = moved.at(r + s)
    assert all(trivial(a - b) for a, b in zip(both, together, strict=True))


def trivial(e: Any) -> bool:
    """Whether e is 0, sines and cosines of s and r written by exponentials."""
    rewritten = sympy.expand(e, trig=True).rewrite(sympy.exp)
    return bool(sympy.cancel(sympy.together(sympy.expand(rewritten, power_exp=True))) == 0)


@pytest.mark.parametrize("components", CLOSED, ids=str)
def test_a_series_agrees_with_the_closed_form_to_its_order(components: tuple[Any, ...]) -> None:
    field = VectorField((u, v)[: len(components)], components)
    series = lie_series(field, s, 3)
    assert series.order == 3
    for exact, cut in zip(flow(field, s).components, series.components, strict=True):
        for k in range(4):
            assert trivial((exact - cut).diff(s, k).subs(s, 0))


def test_a_series_is_cut_at_its_order() -> None:
    field = VectorField((u,), (u,))
    assert lie_series(field, s, 2).components == (u + s * u + s**2 * u / 2,)
    assert lie_series(field, s, 0).components == (u,)
    general = spacetime(1).field("f")
    assert lie_series(general, s, 1).components[0] == general.coordinates[0] + (
        s * general.components[0]
    )


@pytest.mark.parametrize(
    "components, message",
    [
        ((sympy.sin(u),), "no closed form is known"),
        ((u**3,), "no closed form is known"),
        ((u**2 + v, v**2), "no closed form is known"),
        ((v * (1 + u**2), -u * (1 + v**2) + u * v**2 - u * v**2), "no closed form is known"),
        ((u**2 + v**2 + u * v, -2 * u * v - v**2 / 2), "no closed form is known"),
        ((s * u,), "depends on the parameter s"),
    ],
)
def test_a_flow_without_closed_form_is_refused(components: Any, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        flow(VectorField((u, v)[: len(components)], components), s)


def test_a_negative_order_is_refused() -> None:
    with pytest.raises(BadInputError, match="at least 0, not -1"):
        lie_series(VectorField((u,), (u,)), s, -1)


def test_a_flow_pushes_its_own_field_to_itself() -> None:
    st = spacetime(2)
    t, (x, y) = st.time, st.space
    field = VectorField(st.space, (y**2, 1))
    moved = flow(field, c)
    phi = Diffeomorphism(st.coordinates, (t, *moved.components), (t, *moved.at(-c)))
    assert equal(pushforward(phi, field), field)
    assert equal(moved.of((0, y)), [e.xreplace({x: 0}) for e in moved.components])
