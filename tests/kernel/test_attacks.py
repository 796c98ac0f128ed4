"""Certificates written by hand to be believed: each is false, and none may be confirmed."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kernel_certificates import Data, sealed

from symgauge.kernel.check import check
from places import KERNEL


class Program:
    """A program that is written line by line; every line is its number."""

    def __init__(self) -> None:
        self.nodes: list[Data] = []

    def _line(self, **entry: Any) -> int:
        self.nodes.append(entry)
        return len(self.nodes) - 1

    def parameter(self, name: str, *shape: int) -> int:
        return self._line(parameter=name, shape=list(shape))

    def input(self, name: str, *shape: int) -> int:
        return self._line(input=name, shape=list(shape), classes=0)

    def number(self, value: str) -> int:
        return self._line(constant=[value], index=[0], shape=[])

    def op(self, name: str, *inputs: int, shape: tuple[int, ...] = (), **attrs: Any) -> int:
        return self._line(op=name, inputs=list(inputs), attrs=attrs, shape=list(shape))

    def claim(self, parameters: int, rank: int, *fields: Data, **more: Any) -> Data:
        """The certificate that says so, of the last line."""
        orbit = len(fields)
        return sealed({
            "schema": "symgauge-certificate/1", "generators": list(fields), "cell": {},
            "network": {"nodes": self.nodes, "outputs": [len(self.nodes) - 1]},
            "parameters": parameters, "unread": 0, "rank": rank, "redundancy": parameters - rank,
            "orbit_dimension": orbit, "unexplained": parameters - rank - orbit, "hypotheses": [],
            "closed": True, "inconsistent": False, "verdict": "PROVED", **more})


def linear(*terms: tuple[int, int, str]) -> Data:
    return {"shift": [], "linear": [list(t) for t in terms], "higher": []}


def honest() -> Data:
    """a b, with a/a - b/b: true."""
    p = Program()
    p.op("mul", p.parameter("a"), p.parameter("b"))
    return p.claim(2, 1, linear((0, 0, "1"), (1, 1, "-1")))


def renamed() -> Data:
    """a + b, whose line has an attribute that no addition has."""
    p = Program()
    p.op("add", p.parameter("a"), p.parameter("b"), f="mul")
    return p.claim(2, 1, linear((0, 0, "1"), (1, 1, "-1")))


def of_large(op: str, scale: str, back: str) -> Data:
    """a (g(u) - g(v)) x with u = v = 31/3, u in floats 10 to within 2: a is not read."""
    p = Program()
    a, x, third, ten = p.parameter("a"), p.input("x"), p.number("1/3"), p.number("10")
    far = p.op("add", p.op("add", third, p.number(str(2**53))), p.number(str(-2**53)))
    rough = p.op(op, p.op("scale", p.op("add", far, ten), factor=scale))
    near = p.op(op, p.op("add", third, ten))
    gap = p.op("add", p.op("scale", rough, factor=back), p.op("scale", near, factor="-1"))
    p.op("mul", p.op("mul", a, gap), x)
    return p.claim(1, 1)


def power(last: str) -> Data:
    """(1 + w)^(60^180), or 1 over it: no random point tells what degrees like this are."""
    p = Program()
    top = p.op("add", p.parameter("w"), p.number("1"))
    for _ in range(180):
        top = p.op("power", top, exponent=60)
    if last:
        top = p.op(last, top)
    p.op("add", top, top)
    return p.claim(1, 0, {"shift": [[0, "1"]], "linear": [], "higher": []})


def more_ranks() -> Data:
    """The five largest of three numbers, times a."""
    p = Program()
    a, x = p.parameter("a", 3), p.input("x", 3)
    p.op("matmul", p.op("ranking", x, shape=(5, 3), count=5),
         p.op("reshape", a, shape=(3, 1), size=[3, 1]), shape=(5, 1))
    return p.claim(3, 3, cell={"a": ["0x1p+0", "0x1p+1", "0x1.8p+0"]})


def zero_by_values(kind: str) -> Data:
    """a z x + c x^2 + b x^3, in which z is 0 by a relation among values: a is not read."""
    p = Program()
    a, b, c, x = p.parameter("a"), p.parameter("b"), p.parameter("c"), p.input("x")
    q = p.op("add", p.op("mul", c, c), p.number("1"))
    if kind == "exp of log":
        z = p.op("add", p.op("exp", p.op("log", q)), p.op("scale", q, factor="-1"))
    elif kind == "roots":
        z = p.op("add", p.op("sqrt", p.op("scale", q, factor="4")),
                 p.op("scale", p.op("sqrt", q), factor="-2"))
    else:
        sine, cosine = p.op("sin", p.op("scale", q, factor="2")), p.op("cos", q)
        double = p.op("scale", p.op("mul", p.op("sin", q), cosine), factor="-2")
        z = p.op("add", sine, double)
    square = p.op("mul", x, x)
    rest = p.op("add", p.op("mul", c, square), p.op("mul", b, p.op("mul", square, x)))
    p.op("add", p.op("mul", p.op("mul", a, z), x), rest)
    return p.claim(3, 3)


SHIFT = {"shift": [[0, "1"]], "linear": [], "higher": []}


def on_a_jump(kind: str) -> Data:
    """a z x: z is 1 (or -1 on half of all inputs), 0 by what holds off the jumps alone."""
    p = Program()
    a, x = p.parameter("a"), p.input("x")
    if kind == "floor":
        one = p.number("1")
        z = p.op("add", p.op("floor", one), p.op("floor", p.op("scale", one, factor="-1")))
        z = p.op("add", z, one)
    else:
        r = p.op("relu", x)
        z = p.op("add", p.op("step", r), p.op("step", p.op("scale", r, factor="-1")))
        z = p.op("add", z, p.number("-1"))
    p.op("mul", p.op("mul", a, z), x)
    return p.claim(1, 0, SHIFT, cell={"a": ["0x1p+0"]})


def points_for_entries(kind: str) -> Data:
    """a (sum(w) - 8) x: w has a 1 in it, or eight of them where points are taken for entries."""
    p = Program()
    a, x = p.parameter("a", 1), p.input("x", 1)
    u = p.op("mul", a, p.op("reciprocal", a, shape=(1,)), shape=(1,))
    one = p._line(constant=["1" if kind == "matmul" else "0"], index=[0], shape=[1, 1])
    two = kind == "concatenate"
    w = p.op(kind, u, one, shape=(1, 2) if two else (1, 1), **({"axis": 0} if two else {}))
    z = p.op("sum", w, axes=[0], shape=(2,) if two else (1,))
    if two:
        z = p.op("slice", z, axis=0, start=0, stop=1, step=1, shape=(1,))
    z = p.op("add", z, p._line(constant=["-8"], index=[0], shape=[1]), shape=(1,))
    p.op("mul", p.op("mul", a, z, shape=(1,)), x, shape=(1,))
    return p.claim(1, 0, SHIFT)


def place_of_large() -> Data:
    """a times the sum of the one-hot row of c^(60^180): no random point tells what it is."""
    p = Program()
    a, top = p.parameter("a"), p.input("c")
    for _ in range(180):
        top = p.op("power", top, exponent=60)
    p.op("mul", a, p.op("sum", p.op("one_hot", top, shape=(2,), count=2), axes=[0]))
    return p.claim(1, 1, cell={"a": ["0x1p+0"]})


def without_names(kind: str) -> Data:
    """a b or a x, of leaves that have no names: one value is taken for both."""
    p = Program()
    p.op("mul", p.parameter(""), p.parameter("") if kind == "unread" else p.input(""))
    more = {"unread": 1, "unread_coordinates": [0]} if kind == "unread" else {}
    return p.claim(1, 1, **more) if more else p.claim(1, 0, SHIFT)


def undefined(kind: str) -> Data:
    """0 log(-1 - x^2), nowhere defined; a step without a cell, or on its jump."""
    p = Program()
    a, x = p.parameter("a"), p.input("x")
    if kind == "log":
        inside = p.op("add", p.op("scale", p.op("mul", x, x), factor="-1"), p.number("-1"))
        p.op("scale", p.op("mul", a, p.op("log", inside)), factor="0")
        return p.claim(1, 0, SHIFT)
    p.op("mul", p.op("step", a), x)
    return p.claim(1, 0, SHIFT, cell={"a": ["0x0p+0"]} if kind == "jump" else {})


def closed_by_one() -> Data:
    """`closed` is the number 1."""
    return sealed({**honest(), "closed": 1})


def with_minors() -> Data:
    """Fields by minors beside all that there are: one direction is counted twice."""
    return sealed({**honest(), "by_minors": 1, "unexplained": -1})


def with_a_free_line() -> Data:
    """A program with a free line that nothing rests on."""
    return sealed({**honest(), "relaxed": {"line": 0, "certificate": {}}})


ATTACKS: dict[str, Callable[[], Data]] = {
    **{f"jump of {k}": partial(on_a_jump, k) for k in ("floor", "step")},
    **{f"points for entries, {k}": partial(points_for_entries, k) for k in (
        "add", "matmul", "concatenate")},
    **{f"no names, {k}": partial(without_names, k) for k in ("unread", "redundant")},
    **{f"undefined, {k}": partial(undefined, k) for k in ("log", "no cell", "jump")},
    "closed by 1": closed_by_one, "by minors": with_minors, "a free line": with_a_free_line,
    "place of large degree": place_of_large,
    "renamed": renamed,
    "reciprocal of large": lambda: of_large("reciprocal", "1" + "0" * 200, "1" + "0" * 200),
    "root of large": lambda: of_large("rsqrt", "1" + "0" * 220, "1" + "0" * 110),
    "no bound": lambda: power("reciprocal"),
    "large degree": lambda: power(""),
    "more ranks than places": more_ranks,
    **{kind: partial(zero_by_values, kind) for kind in ("exp of log", "roots", "sines")},
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_lie_is_confirmed(name: str) -> None:
    record = check(ATTACKS[name]())
    assert record["verdict"] != "CONFIRMED"
    bound = record["error_bound"]
    assert bound is None or float(bound.removeprefix("2^")) < -80


def test_the_honest_one_is_confirmed() -> None:
    assert check(honest())["verdict"] == "CONFIRMED"


def test_no_text_breaks_the_command(tmp_path: Path) -> None:
    """A crash has status 1, which says REFUTED; half a character cannot be printed."""
    p = Program()
    p.op("mul", p.parameter("a"), p.op("relu", p.input("x"), **{"\ud800": 1}))
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(p.claim(1, 1)), encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-I", str(KERNEL), str(path)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (2, "")
