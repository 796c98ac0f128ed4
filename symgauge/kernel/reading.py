"""The certificate as data: every line of the program is read strictly, or refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import prod
from typing import Any, Callable

import numpy as np

from . import ops
from .sizes import Sizes

NUMBER = re.compile(r"-?[0-9]{1,4000}(/[0-9]{1,4000})?", re.ASCII)
ENTRIES = 1 << 22


class NotRead(Exception):
    """Something that the kernel does not read, or does not decide: the answer is UNKNOWN."""


@dataclass(frozen=True)
class Line:
    """A leaf, or an op applied to earlier lines. `apply(domain, *values)` is its value."""

    kind: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...] = ()
    name: str = ""
    classes: int = 0
    table: tuple[Fraction, ...] = ()
    index: Any = None
    apply: Callable[..., Any] | None = None
    op: str = ""


@dataclass
class Certificate:
    """The program, vector fields as (coordinate, monomial, coefficient), and the claim."""

    lines: list[Line] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    fields: list[list[tuple[int, tuple[tuple[int, int], ...], Fraction]]] = field(
        default_factory=list)
    cell: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> list[Line]:
        """In the order of the flat parameter vector."""
        return [x for x in self.lines if x.kind == "parameter"]

    @property
    def given(self) -> list[Line]:
        """The inputs."""
        return [x for x in self.lines if x.kind == "input"]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(prod(x.shape) for x in self.parameters)


def rational(text: Any) -> Fraction:
    """The number that a text states; no exponents."""
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        raise NotRead(f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def whole(value: Any, low: int, high: int) -> int:
    """An integer from low to high - 1."""
    if type(value) is not int or not low <= value < high:
        raise NotRead(f"{str(value)[:40]!r} where an integer from {low} to {high - 1} is expected")
    return value


def read(data: Any) -> Certificate:
    """A certificate, or the one that a derivation carries."""
    if isinstance(data, dict) and isinstance(data.get("certificate"), dict):
        data = data["certificate"]
    if not isinstance(data, dict) or data.get("schema") != "symgauge-certificate/1":
        raise NotRead("no certificate of the schema symgauge-certificate/1")
    rest = {k: v for k, v in data.items() if k != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    if hashlib.sha256(text.encode()).hexdigest() != data.get("digest"):
        raise NotRead("the data was edited after its digest was made")
    found = Certificate(data=data)
    for entry in data["network"]["nodes"]:
        found.lines.append(_line(entry, found.lines))
    names = [x.name for x in found.lines if x.kind in ("parameter", "input")]
    if len(set(names)) != len(names):
        raise NotRead("two leaves of one name")
    found.outputs = tuple(whole(i, 0, len(found.lines)) for i in data["network"]["outputs"])
    if not found.outputs:
        raise NotRead("a program without an output")
    found.fields = [_field(entry, found.size) for entry in data["generators"]]
    shapes = {x.name: x.shape for x in found.parameters}
    for name, values in data["cell"].items():
        exact = np.array([float.fromhex(v) for v in values])
        if not np.isfinite(exact).all():
            raise NotRead("a cell that is no point")
        found.cell[name] = exact.reshape(shapes[name])
    if found.cell and set(found.cell) != set(shapes):
        raise NotRead("a cell that does not name every parameter")
    return found


def _field(entry: dict[str, Any], size: int) -> list[Any]:
    terms = [(whole(k, 0, size), (), rational(c)) for k, c in entry["shift"]]
    terms += [(whole(k, 0, size), ((whole(j, 0, size), 1),), rational(c))
              for k, j, c in entry["linear"]]
    terms += [(whole(k, 0, size), tuple((whole(j, 0, size), whole(e, -64, 65)) for j, e in m),
               rational(c)) for k, m, c in entry["higher"]]
    if any(len({j for j, _ in m}) < len(m) for _, m, _ in terms):
        raise NotRead("a monomial that names a coordinate twice")
    return terms


def _line(entry: dict[str, Any], before: list[Line]) -> Line:
    shape = tuple(whole(n, 0, ENTRIES) for n in entry["shape"])
    if prod(shape) > ENTRIES:
        raise NotRead(f"a line of shape {shape}")
    if "constant" in entry:
        return _constant(entry["constant"], entry["index"], shape)
    if "parameter" in entry:
        return Line("parameter", shape, name=str(entry["parameter"]))
    if "input" in entry:
        classes = whole(entry["classes"], 0, ENTRIES)
        if classes and (classes < 2 or shape[-1:] != (classes,)):
            raise NotRead(f"a one-hot input of shape {shape} over {classes} classes")
        return Line("input", shape, name=str(entry["input"]), classes=classes)
    name = str(entry["op"])
    if name not in ops.OPS:
        raise NotRead(f"the op {name!r}")
    inputs = tuple(whole(i, 0, len(before)) for i in entry["inputs"])
    if not set(entry["attrs"]) <= set(ops.ATTRIBUTES):
        raise NotRead(f"attributes of {name}: {sorted(entry['attrs'])!r:.80}")
    attrs = {k: rational(v) if k in ops.RATIONAL else v for k, v in entry["attrs"].items()}
    if ops.OPS[name] is ops.softmax and len(inputs) == 2:
        mask = before[inputs[1]]
        if mask.kind != "constant":
            raise NotRead("a softmax whose mask is no constant")
        attrs["kept"] = np.array([v != 0 for v in mask.table])[mask.index]
    sizes = Sizes()
    value = partial(ops.OPS[name], **attrs)
    found = value(sizes, *(sizes.leaf((1, *before[i].shape)) for i in inputs)).like.shape
    if found != (1, *shape):
        raise NotRead(f"{name} of shape {found[1:]}, not {shape}")
    return Line("op", shape, inputs, apply=value, op=name)


def _constant(values: list[Any], places: list[Any], shape: tuple[int, ...]) -> Line:
    table = tuple(rational(v) for v in values)
    index = np.array([whole(i, 0, len(table)) for i in places], dtype=np.int64)
    if len(table) == 1 and not index.size:
        index = np.zeros(prod(shape), dtype=np.int64)
    return Line("constant", shape, table=table, index=index.reshape(shape))
