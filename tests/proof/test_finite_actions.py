"""The contract of a finite action, for every kind of element and every form of a move.

Identity, composition, inverse and derivative, exactly; what acts on weights does the same; the
function is left as it is; and what is no group action is refused.
"""

from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any, get_args

import numpy as np
import pytest
import sympy
from finite_actions import (
    FALSE, FAMILIES, SHAPES, Exact, Values, draw, entry, is_matrix, moved, network,
)
from networks import Sketch, attention, mlp

from symgauge.checks import actions
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.seal import sealed
from symgauge.statements.statement import plain_fields
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.errors import BadInputError
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, joined
from symgauge.families.kind import Form, MatrixKind
from symgauge.families.kinds import kinds
from symgauge.families.kinds.equal_turns import equal_turns
from symgauge.families.kinds.fixing import fixing
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.proof.finite_actions import no_action
from symgauge.verdict import Verdict

ACTIONS = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def point(rng: Any) -> Values:
    """Fractions, none of them 0."""
    def draw_one(k: int) -> Fraction:
        return Fraction(2 * int(k) + 1, 2)

    return {
        n: np.vectorize(draw_one, otypes=[object])(rng.integers(-4, 4, shape)).reshape(shape)
        for n, shape in SHAPES.items()
    }


def same(a: Values, b: Values) -> bool:
    return all((a[n] == b[n]).all() for n in SHAPES)


def test_every_kind_and_form_is_here() -> None:
    found = {f.kind for f in FAMILIES.values()} - {fixing(1, 3), equal_turns((0, 1, 0))}
    forms = {m.form for f in FAMILIES.values() for m in f.moves}
    assert found == {k for k in kinds().values() if k.is_finite}
    assert [k.name for k in kinds().values() if not k.is_finite] == ["form", "other"]
    # planted, and without a finite action
    assert forms == set(get_args(Form)) - {"g^-1", "+T*c", "gT"}
    assert all(forms >= set(k.forms) for k in found)


@ACTIONS
def test_composition_and_inverse_exactly(family: Family) -> None:
    rng = np.random.default_rng(0)
    theta, g, h = point(rng), draw(family, rng), draw(family, rng)
    assert no_action(family, SHAPES) is None
    once = moved(family, g.times(h), theta)
    assert same(once, moved(family, g, moved(family, h, theta)))
    assert not same(once, theta)


@pytest.mark.parametrize("family", FALSE.values(), ids=FALSE)
def test_what_is_no_action_is_refused(family: Family) -> None:
    """Where it could be one by its sizes, two elements do not compose."""
    assert no_action(family, SHAPES) is not None
    with pytest.raises(BadInputError, match="is no finite group action"):
        actions.sample([entry(family)], SHAPES, 0)
    if family.via:
        return
    rng = np.random.default_rng(1)
    theta, g, h = point(rng), draw(family, rng), draw(family, rng)
    assert not same(
        moved(family, g.times(h), theta), moved(family, g, moved(family, h, theta)))


@ACTIONS
def test_the_derivative_is_the_family_s_fields_exactly(family: Family) -> None:
    """d/d tau at the identity, in symbols, against the fields that are proved to leave f."""
    theta = point(np.random.default_rng(2))
    coordinates, tau = Coordinates(network()), sympy.Symbol("tau")
    fields = plain_fields(coordinates, entry(family))
    assert fields is not None
    flat = [sympy.Rational(x.numerator, x.denominator)
            for n in SHAPES for x in theta[n].reshape(-1)]
    there = {n: np.array(flat, dtype=object)[coordinates.whole(n).reshape(-1)] for n in SHAPES}
    for field, near in zip(fields, _near_the_identity(family, tau), strict=True):
        image = moved(family, near, there)
        found = [sympy.sympify(x).diff(tau).subs(tau, 0) for n in SHAPES
                 for x in image[n].reshape(-1)]
        wanted = [sympy.Integer(0)] * len(flat)
        for (k, m), c in field.terms.items():
            wanted[k] += sympy.Rational(c.numerator, c.denominator) * prod(
                flat[j] ** e for j, e in m)
        assert found == wanted


def _near_the_identity(family: Family, tau: Any) -> Any:
    """1 + tau a for every basis element a of the algebra."""
    copies, n = prod(family.copies), family.size
    if is_matrix(family):
        for c in range(copies):
            assert isinstance(family.kind, MatrixKind)
            for sparse in family.kind.basis(n):
                g, inverse = (np.array([np.eye(n, dtype=int)] * copies, dtype=object)
                              for _ in range(2))
                for i, j, w in sparse:
                    g[c, i, j] += tau * int(w)
                    inverse[c, i, j] -= tau * int(w)
                yield Exact(g, inverse)
        return
    for c in range(copies):
        for i in range(n):
            log = np.zeros((copies, n), dtype=object)
            log[c, i] = tau
            s = np.array([[sympy.exp(x) for x in row] for row in log], dtype=object)
            yield Exact(None, None, s, log)


def as_exact(family: Family, element: Any) -> Exact:
    """The same element for the second writing."""
    copies, n = prod(family.copies), family.size
    if is_matrix(family):
        rows = np.zeros((*family.copies, n, n)) + np.eye(n)
        g = element.act("g", rows).swapaxes(-1, -2).reshape(copies, n, n)
        return Exact(g, np.linalg.inv(g))
    s, log = (None if v is None else v.reshape(copies, n) for v in (element.scale, element.shift))
    return Exact(s=s, log=log)


@ACTIONS
def test_weights_move_as_they_should(family: Family) -> None:
    """numpy against the second writing; identity, composition and inverse of what it does."""
    theta = {n: np.random.default_rng(3).uniform(0.5, 2, shape) for n, shape in SHAPES.items()}
    theta["gain"][::2] *= -1
    (g,), (h,) = (actions.sample([entry(family)], SHAPES, seed) for seed in (4, 5))

    def act(part: actions.Part, state: Values) -> Values:
        return actions.apply([entry(family)], (part,), state)

    exact = as_exact(family, g.element)
    once = act(g, theta)
    wanted = moved(family, exact, theta)
    for n in SHAPES:
        np.testing.assert_allclose(once[n], wanted[n].astype(float), rtol=0, atol=1e-12)
    assert any(np.abs(once[n] - theta[n]).max() > 1e-2 for n in SHAPES)
    both = actions.apply([entry(family)] * 2, (h, replace(g, family=1)), theta)
    twice, undone = act(g, act(h, theta)), act(g.inverse(), once)
    for n in SHAPES:
        np.testing.assert_allclose(both[n], twice[n], rtol=0, atol=1e-13)
        np.testing.assert_allclose(undone[n], theta[n], rtol=0, atol=1e-13)
    (product,) = actions.product((h,), (g,))
    for n in SHAPES:
        np.testing.assert_allclose(act(product, theta)[n], twice[n], rtol=0, atol=1e-12)


def test_a_pair_of_moves_becomes_one() -> None:
    """k t w + m t = k t (w + m/k); a shift of another tensor stays."""
    (gain, w) = FAMILIES["gain with an offset"].moves
    pair = (replace(gain, offset=Fraction(0), weight=Fraction(2)),
            Move("gain", "+c", gain.at, Fraction(3)))
    other = Move("b", "+c", gain.at, Fraction(3))
    assert joined((*pair, w, other)) == (
        replace(pair[0], offset=Fraction(3, 2)), w, other)


# -- what is derived ------------------------------------------------------------------------------


def gain_network(offset: Any, factor: Any = 1, activation: str | None = None) -> Network:
    """read((offset + factor w) x), perhaps through an activation that is homogeneous."""
    sketch = Sketch()
    build = sketch.build
    w = build.add(build.scale(sketch.parameter("w", 3), Fraction(factor)), Fraction(offset))
    y = build.mul(w, sketch.input("x", 4, 3))
    y = build.apply(activation, y) if activation else y
    return sketch.network(sketch.linear(y, "read", 2))


def scalar_gain() -> Network:
    """read((1 + n) x), one gain for all."""
    sketch = Sketch()
    gain = sketch.build.add(sketch.parameter("n"), 1)
    y = sketch.build.mul(gain, sketch.input("x", 4, 3))
    return sketch.network(sketch.linear(y, "read", 2))


def gain_of_one_row() -> Network:
    """read((1 + w) x) with w of shape (1, 3)."""
    sketch = Sketch()
    gain = sketch.build.add(sketch.parameter("w", 1, 3), 1)
    y = sketch.build.mul(gain, sketch.input("x", 4, 3))
    return sketch.network(sketch.linear(y, "read", 2))


def two_gains(first: Any, second: Any) -> Network:
    """read((first + u) (second + w) x)."""
    sketch = Sketch()
    build = sketch.build
    y = sketch.input("x", 4, 3)
    for name, offset in (("u", first), ("w", second)):
        y = build.mul(build.add(sketch.parameter(name, 3), Fraction(offset)), y)
    return sketch.network(sketch.linear(y, "read", 2))


def exponential_gain() -> Network:
    """read(exp(w) x): the gain's logarithm shifts."""
    sketch = Sketch()
    gain = sketch.build.apply("exp", sketch.parameter("w", 3))
    return sketch.network(
        sketch.linear(sketch.build.mul(gain, sketch.input("x", 4, 3)), "read", 2))


def router() -> Network:
    """The two largest probabilities of a router: its logits may shift together."""
    sketch = Sketch()
    logits = sketch.linear(sketch.input("x", 5, 3), "router", 4)
    chosen = sketch.build.apply("ranking", logits, count=2)
    gates = sketch.build.reshape(sketch.build.apply("softmax", logits, axis=1), (5, 4, 1))
    return sketch.network(sketch.build.apply("matmul", chosen, gates))


NETWORKS = {
    "1 + w": gain_network(1), "2 - w": gain_network(2, -1),
    "1/2 + 2 w": gain_network(Fraction(1, 2), 2), "-1/3 - w/5": gain_network(
        Fraction(-1, 3), Fraction(-1, 5)),
    "relu((1 + w) x)": gain_network(1, 1, "relu"),
    "one gain 1 + n": scalar_gain(), "a row of gains": gain_of_one_row(),
    "(1 + u) (1 + w)": two_gains(1, 1), "u (2 + w)": two_gains(0, 2), "exp w": exponential_gain(),
    "router": router(),
    "mlp": mlp("relu", 3, 4, 2), "attention": attention(4, 2, 2, bias=True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_derived_elements_leave_the_function(name: str) -> None:
    program = NETWORKS[name]
    found = derive_network(program, Asked("network"))
    assert found.unexplained == 0 and found.verify().verdict is found.verdict
    assert all(f.element.kind.is_finite for f in found.generators)
    rng = np.random.default_rng(6)
    theta = {p.name: rng.standard_normal(p.shape) for p in program.parameters}
    inputs = {x.name: rng.standard_normal((1, *x.shape)) for x in program.inputs}

    def f(state: Values) -> Any:
        given = {n: a[None] for n, a in state.items()}
        lines = values(lower(program), RealDomain(), given, inputs)
        return outputs(lower(program), lines)[0]

    for seed in range(3):
        element = found.sample(seed, theta)
        after = element.apply(theta)
        assert max(np.abs(after[n] - theta[n]).max() for n in theta) > 1e-2
        scale = np.abs(f(theta)).max()
        assert np.abs(f(after) - f(theta)).max() < 1e-12 * scale
        back = element.inverse().apply(after)
        assert max(np.abs(back[n] - theta[n]).max() for n in theta) < 1e-12


def test_the_old_action_is_planted_and_refuted() -> None:
    found = derive_network(NETWORKS["1 + w"], Asked("network"))
    assert "order" in [p.kind for p in found.planted]
    assert set(found.generators[0].formula) == {
        "w -> s (w + 1) - 1", "read.weight -> s^-1 read.weight (columns)"}


def test_an_action_that_is_none_is_rejected() -> None:
    """The false pair written into a derivation: its fields are the proved ones all the same."""
    found = derive_network(NETWORKS["1 + w"], Asked("network"))
    family = found.data["generators"][0]
    gain, read = sorted(family["action"], key=lambda move: "offset" not in move)
    plain = {k: v for k, v in gain.items() if k != "offset"}
    pair = [plain, {**plain, "form": "+c"}, read]
    false = {**family, "action": pair}
    program = found.network()
    assert plain_fields(Coordinates(program), false) == plain_fields(Coordinates(program), family)
    wrong = type(found).from_plain(sealed({**found.data, "generators": [false]}))
    reasons = wrong.verify().reasons
    assert any("no finite action" in reason for reason in reasons)
    with pytest.raises(BadInputError, match="no finite group action"):
        wrong.sample()


@pytest.mark.parametrize("change", [
    {"offset": "2"}, {"offset": "1/0"}, {"offset": 1}, {"offset": "0"}, {"weight": "2"},
])
def test_a_changed_offset_is_rejected(change: dict[str, Any]) -> None:
    found = derive_network(NETWORKS["1 + w"], Asked("network"))
    family = found.data["generators"][0]
    gain, read = sorted(family["action"], key=lambda move: "offset" not in move)
    changed = {**family, "action": [{**gain, **change}, read]}
    data = sealed({**found.data, "generators": [changed]})
    try:
        assert type(found).from_plain(data).verify().verdict.value == "REFUTED"
    except BadInputError as error:
        assert "entry 0 of action" in str(error) or "not as" in str(error)


# -- where f jumps on the way ----------------------------------------------------------------------


def jump(body: str) -> Network:
    sketch = Sketch()
    build = sketch.build
    x = sketch.input("x", 4, 3)
    b, d = (sketch.parameter(n, 3) for n in "bd")
    square = build.mul(x, x)
    if body == "shift across a step":
        gate, rest = build.apply("step", b), build.add(b, d)
    elif body == "scaling across a step":
        gate, rest = build.apply("step", build.add(b, Fraction(-1, 3))), build.mul(b, d)
    elif body == "a sign by division":
        gate, rest = build.mul(build.apply("abs", b), build.reciprocal(b)), build.add(b, d)
    elif body == "scaling of a sign":
        gate, rest = build.apply("step", b), build.mul(b, d)
    else:
        gate, rest = build.apply("abs", build.add(b, d)), build.add(b, d)
    return sketch.network(build.add(build.mul(gate, x), build.mul(rest, square)))


@pytest.mark.parametrize("body, finite", [
    ("a sign by division", False), ("scaling of a sign", True), ("what does not move", True),
])
def test_an_element_does_not_cross_a_jump(body: str, finite: bool) -> None:
    found = derive_network(jump(body), Asked("network"))
    assert found.redundancy == 3 and found.verify().verdict is found.verdict
    assert [f.element.kind.is_finite for f in found.generators] == [finite]
    assert any("may jump" in note for note in found.notes) is not finite
    assert len(found.sample().parts) == finite


@pytest.mark.parametrize("body", ["shift across a step", "scaling across a step"])
def test_a_generator_that_moves_a_jump_is_not_proved(body: str) -> None:
    """Nor is a finite action given where one stands beside another proof of it."""
    network = jump(body)
    found = derive_network(network, Asked("network"))
    assert (found.redundancy, found.unexplained, found.generators) == (3, 3, ())
    assert found.verify().verdict is found.verdict is Verdict.UNKNOWN


# -- weights as they come --------------------------------------------------------------------------


def test_integers_that_would_move_are_refused_before_anything_is_written() -> None:
    found = derive_network(NETWORKS["1 + w"], Asked("network"))
    theta: Values = {"w": np.ones(3), "read.weight": np.ones((2, 3)), "read.bias": np.ones(2)}
    whole = {**theta, "read.bias": np.ones(2, dtype=np.int8)}
    assert found.sample(0, whole).apply(whole)["read.bias"].tolist() == [1, 1]
    for kind in (np.int8, np.uint8, bool, np.complex64):
        packed = {**theta, "read.weight": np.ones((2, 3), dtype=kind)}
        with pytest.raises(BadInputError, match="read.weight holds .* entries"):
            found.sample(0, theta).apply(packed)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_weights_are_rounded_once(dtype: str) -> None:
    family = FAMILIES["gain with an offset"]
    theta = {n: np.random.default_rng(7).uniform(-1, 1, s).astype(dtype) for n, s in SHAPES.items()}
    element = actions.sample([entry(family)], SHAPES, 8)
    narrow = actions.apply([entry(family)], element, theta)
    wide = actions.apply([entry(family)], element, {n: a.astype(float) for n, a in theta.items()})
    for n in SHAPES:
        assert narrow[n].dtype == dtype
        assert (narrow[n] == wide[n].astype(dtype)).all()
