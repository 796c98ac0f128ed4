"""Coordinates that are values of parameters: the same function, and what is left as it is."""

from fractions import Fraction

import numpy as np
import pytest
from networks import Sketch

from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.identities.in_values import MAX_POWER, in_values
from symgauge.ops import all_ops
from symgauge.program.build import Builder
from symgauge.program.leaf import Input
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.recentred import recentred
from symgauge.program.serial import digest_of, network_from_json, network_to_json
from symgauge.program.writer import Value

#: Functions of multiples of a parameter c, the coordinate by its name, and what it is of c.
HALF = Fraction(1, 2)
FORMS = [
    ([("exp", 1)], "exp(c)", np.exp),
    ([("exp", 1), ("exp", 1)], "exp(c)", np.exp),
    ([("sigmoid", 1)], "sigmoid(c)", lambda c: 1 / (1 + np.exp(-c))),
    ([("tanh", -HALF)], "tanh(-1/2 c)", lambda c: np.tanh(-c / 2)),
    ([("sin", 3)], "sin(3 c)", lambda c: np.sin(3 * c)),
    ([("exp", 1), ("exp", -3)], "exp(c)", np.exp),
    ([("exp", HALF), ("exp", Fraction(-1, 3))], "exp(1/6 c)", lambda c: np.exp(c / 6)),
    ([("sigmoid", 1), ("exp", 2)], "exp(c)", np.exp),
    ([("sin", 1), ("cos", 1)], "tan(1/2 c)", lambda c: np.tan(c / 2)),
    ([("sin", -1), ("cos", -1)], "tan(1/2 c)", lambda c: np.tan(c / 2)),
    ([("sin", 3), ("cos", -2), ("sin", -1)], "tan(1/2 c)", lambda c: np.tan(c / 2)),
    ([("cos", 4), ("sin", 2)], "tan(c)", np.tan),
]


def program(*functions: tuple[str, Fraction | int]) -> tuple[Sketch, Value]:
    """The products of an input with functions of multiples of c, moved each, and their sum."""
    sketch = Sketch()
    build, c = sketch.build, sketch.parameter("c", 2, 3)
    x = sketch.input("x", 3, 2)
    total = x
    for k, (name, factor) in enumerate(functions):
        moved = build.permute(build.scale(c, factor), (1, 0)) if k % 2 else build.scale(
            build.permute(c, (1, 0)), factor)
        total = build.add(build.mul(total, build.apply(name, moved)), build.mul(x, x))
    return sketch, total


def value(network: Network, c: np.ndarray, x: np.ndarray) -> np.ndarray:
    network = lower(network)
    (parameter,) = network.parameters
    found = values(network, RealDomain(), {parameter.name: c[None]}, {"x": x[None]})
    return np.asarray(outputs(network, found)[0])


NAMES = ["_".join(f"{c} {f}" for f, c in functions) for functions, *_ in FORMS]


@pytest.mark.parametrize(("functions", "name", "of"), FORMS, ids=NAMES)
def test_it_is_the_same_function(functions, name, of) -> None:  # type: ignore[no-untyped-def]
    sketch, total = program(*functions)
    network = sketch.network(total)
    found = in_values(network)
    assert found.values == {name: "c"}
    assert found.held == (f"coordinates are {name} in place of c",)
    rng = np.random.default_rng(0)
    for _ in range(3):
        c, x = rng.normal(size=(2, 3)) * 0.6, rng.normal(size=(3, 2))
        assert np.allclose(value(found, of(c), x), value(network, c, x), rtol=1e-9)
        assert not np.allclose(value(found, of(c) + 0.1, x), value(network, c, x), rtol=1e-3)
    assert in_values(found) is found
    again = network_from_json(network_to_json(found), all_ops())
    assert again.values == found.values and digest_of(again) == digest_of(found)


def test_functions_of_functions_are_one_after_the_other() -> None:
    sketch = Sketch()
    build, c = sketch.build, sketch.parameter("c", 2)
    inner = build.scale(build.apply("exp", c), -1)
    found = in_values(sketch.network(build.mul(sketch.input("x", 2), build.apply("exp", inner))))
    assert found.values == {"exp(-exp(c))": "c"}


def test_what_is_added_is_part_of_the_argument_and_of_the_value() -> None:
    sketch = Sketch()
    build, c, x = sketch.build, sketch.parameter("c", 2), sketch.input("x", 2)
    line = build.add(build.apply("tanh", build.add(c, 2)), 1)
    found = recentred(in_values(recentred(sketch.network(build.mul(x, line))).network)).network
    assert found.values == {"tanh((2 + c))": "c"} and found.added == {"tanh((2 + c))": 1}


def test_rows_that_tokens_pick_are_moved_entries() -> None:
    sketch = Sketch()
    build, table = sketch.build, sketch.parameter("E", 4, 2)
    for tokens, expected in ((Input("t", (3, 4), 4), {"exp(E)": "E"}), (Input("x", (3, 4)), {})):
        rows = build.apply("matmul", build.leaf(tokens), table)
        assert in_values(sketch.network(build.apply("exp", rows))).values == expected


@pytest.mark.parametrize(("size", "rows"), [((3, 4), 4), ((6, 2), 2)])
def test_ids_with_other_axes_pick_rows_too(size: tuple[int, ...], rows: int) -> None:
    """A row of half a token is none."""
    sketch = Sketch()
    build, table = sketch.build, sketch.parameter("E", rows, 2)
    ids = build.reshape(build.leaf(Input("t", (1, 3, 4), 4)), size)
    line = build.apply("exp", build.apply("matmul", ids, table))
    assert in_values(sketch.network(line)).values == ({"exp(E)": "E"} if rows == 4 else {})


def test_softmax_of_parameters_is_rational_in_exponentials() -> None:
    sketch = Sketch()
    build, s = sketch.build, sketch.parameter("s", 1, 3)
    line = build.apply("matmul", build.apply("softmax", s, axis=1), sketch.input("x", 3, 1))
    found = in_values(sketch.network(line))
    assert found.values == {"exp(s)": "s"}
    assert "exp" not in {node.op_name for node in found.nodes}


def _beside(build: Builder, c: Value, x: Value) -> Value:
    """c itself is read, too."""
    return build.add(build.mul(build.apply("exp", c), x), c)


def _two_kinds(build: Builder, c: Value, x: Value) -> Value:
    return build.add(build.mul(build.apply("exp", c), x), build.apply("sin", c))


def _power(build: Builder, c: Value, x: Value) -> Value:
    """Too high a power."""
    high = build.apply("exp", build.scale(c, MAX_POWER + 1))
    return build.add(build.mul(build.apply("exp", c), x), high)


def _branch(build: Builder, c: Value, x: Value) -> Value:
    """relu(exp(c) + x): z < 0 would turn units off that are never off."""
    return build.apply("relu", build.add(build.apply("exp", c), x))


def _root(build: Builder, c: Value, x: Value) -> Value:
    """sqrt(exp(c)^2) is exp(c), sqrt(z^2) is |z|."""
    square = build.mul(build.apply("exp", c), build.apply("exp", c))
    return build.mul(build.apply("rsqrt", square), x)


def _polynomial(build: Builder, c: Value, x: Value) -> Value:
    return build.mul(build.mul(c, c), x)


@pytest.mark.parametrize("line", [_beside, _two_kinds, _power, _branch, _root, _polynomial])
def test_others_are_left_as_they_are(line) -> None:  # type: ignore[no-untyped-def]
    sketch = Sketch()
    c, x = sketch.parameter("c", 2), sketch.input("x", 2)
    network = sketch.network(line(sketch.build, c, x))
    assert in_values(network) is network


def test_an_output_reads_its_parameter() -> None:
    sketch = Sketch()
    c = sketch.parameter("c", 2)
    line = sketch.build.apply("exp", c)
    assert in_values(sketch.network(line, c)).values == {}
    assert in_values(sketch.network(line)).values == {"exp(c)": "c"}


def test_a_name_that_is_taken_is_not_given_again() -> None:
    sketch = Sketch()
    build, c, other = sketch.build, sketch.parameter("c", 2), sketch.parameter("exp(c)", 2)
    network = sketch.network(build.add(build.apply("exp", c), other))
    assert in_values(network) is network


@pytest.mark.parametrize(("op", "attrs", "name"), [
    ("softplus", {"beta": Fraction(1)}, "softplus(c)"),
    ("softplus", {"beta": Fraction(2)}, "softplus(c, beta=2)"),
    ("gelu", {"approximate": "none"}, "gelu(c)"),
    ("gelu", {"approximate": "tanh"}, "gelu(c, approximate=tanh)"),
])
def test_a_name_tells_functions_apart(op, attrs, name) -> None:  # type: ignore[no-untyped-def]
    sketch = Sketch()
    c, x = sketch.parameter("c", 2), sketch.input("x", 2)
    network = sketch.network(sketch.build.mul(x, sketch.build.apply(op, c, **attrs)))
    assert [p.name for p in in_values(network).parameters] == [name]
