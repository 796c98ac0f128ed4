r"""A maximum that is subtracted before a normaliser, for the stability of floats: 0 in its place.

Law: where the outputs do not depend on a line m, whatever number m is, the network is the one
with m = 0. For a softmax written by hand exp(x - m) = exp(x) exp(-m), the sum over an axis along
which m is constant has the same factor, and the quotient has none; for a log-sum-exp the logarithm
of the sum is -m plus that at m = 0, and m is added back.

Whether it is so is read off the program line by line. A line is

    v + c m   or   v exp(c m),   v its value at m = 0, c a rational number,

each entry with an entry of m of its own (or none); the laws of the ops say what they make of it:
exp and log turn one form into the other, factors multiply, a sum wants one factor for all terms, a
softmax forgets what is constant along its axis, positive factors pass a maximum and change no
order. A line of any other form keeps the maximum: it stays, with its branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from symgauge.ops.exp import Exp
from symgauge.ops.log import Log
from symgauge.ops.maximum import Maximum
from symgauge.ops.mul import Mul
from symgauge.ops.power import Power
from symgauge.ops.ranking import Ranking
from symgauge.ops.scale import Scale
from symgauge.ops.step import Step
from symgauge.ops.sum import Sum
from symgauge.program.build import rebuilt
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp, Structural

#: For each entry of a line, the entry of m that it depends on; or FREE, of none, or ZERO: it is 0.
Places: TypeAlias = npt.NDArray[np.int64]
FREE, ZERO = -1, -2


def rewritten(network: Network) -> Network:
    """The network with 0 for each maximum that cancels, the last first."""
    gone: set[int] = set()
    for i, node in reversed(list(enumerate(network.nodes))):
        law = "" if node.op is None else node.op.law
        if law in ("maximum", "maximum of an axis") and _Cancelling(network, i, gone).holds():
            gone.add(i)
    if not gone:
        return network
    return rebuilt(network, lambda build, _, i: build.full(
        0, network.nodes[i].shape) if i in gone else None)


class _Live(Exception):
    """The maximum is read in a form that does not cancel."""


@dataclass(frozen=True)
class _Form:
    """v + c m, or v exp(c m) with `factor`."""

    factor: bool
    c: Fraction
    places: Places

    @property
    def varies(self) -> bool:
        """Whether an entry depends on m."""
        return bool((self.places >= 0).any())


class _Cancelling:
    """How the lines of a program depend on one of them, `at`; those in `gone` are 0."""

    def __init__(self, network: Network, at: int, gone: set[int]) -> None:
        self.network, self.at, self.gone = network, at, gone

    def holds(self) -> bool:
        """Whether no output depends on the line."""
        shape = self.network.nodes[self.at].shape
        places = np.arange(int(np.prod(shape, dtype=int)), dtype=np.int64).reshape(shape)
        forms: dict[int, _Form] = {self.at: _Form(False, Fraction(1), places)}
        try:
            for i in range(self.at + 1, len(self.network.nodes)):
                node = self.network.nodes[i]
                if i in self.gone or not any(j in forms for j in node.inputs):
                    continue
                form = self._form(node, [forms.get(j) for j in node.inputs])
                if form is not None and form.varies:
                    forms[i] = form
        except _Live:
            return False
        return not any(i in forms for i in self.network.outputs)

    def _form(self, node: Node, given: list[_Form | None]) -> _Form | None:
        """The form of a line; None where it does not depend on m."""
        op, attrs = node.op, node.attrs
        assert op is not None
        first = given[0]
        if isinstance(op, Structural):
            return self._moved(op, node, given)
        if len(given) == 1:
            assert first is not None
            return _of_one(op, attrs, first)
        if op.law == "product":
            return self._product(node, given)
        if op.law == "contraction":
            return self._contraction(node, given)
        if op.law == "sum of lines":
            a, b = self._both(node, given)
            return _alike(a, b) if a.factor else _together(a, b)
        if isinstance(op, Maximum):
            return _alike(*self._both(node, given))
        if op.law == "normaliser" and given[1] is None and first is not None and not first.factor:
            left_out = self._zeros(node.inputs[1])
            seen = replace(first, places=np.where(left_out, ZERO, first.places))
            _along(seen, (attrs["axis"],))
            return None
        raise _Live

    def _both(self, node: Node, given: Sequence[_Form | None]) -> tuple[_Form, _Form]:
        """Both inputs as forms of one kind; what does not depend on m is of either."""
        known = [f for f in given if f is not None]
        factor, c = known[0].factor, known[0].c
        if any(f.factor != factor for f in known):
            raise _Live
        a, b = (
            _Form(factor, c, self._free(j, factor)) if f is None else f
            for j, f in zip(node.inputs, given, strict=True))
        return a, b

    def _free(self, i: int, factor: bool) -> Places:
        """The places of a line that does not depend on m; 0 is 0 exp(c m)."""
        zeros: Places = np.where(self._zeros(i), ZERO if factor else FREE, FREE)
        return zeros

    def _moved(self, op: Structural, node: Node, given: Sequence[_Form | None]) -> _Form:
        known = [f for f in given if f is not None]
        factor, c = known[0].factor, known[0].c
        if any((f.factor, f.c) != (factor, c) for f in known):
            raise _Live
        places = [
            self._free(j, factor) if f is None else f.places
            for j, f in zip(node.inputs, given, strict=True)]
        # the domain is not used by ops that only move entries
        out = op.apply(None, *(p[None] for p in places), **node.attrs)  # type: ignore[arg-type]
        return _Form(factor, c, out[0])

    def _product(self, node: Node, given: Sequence[_Form | None]) -> _Form:
        known = [f for f in given if f is not None]
        if all(f.factor for f in known):
            return _together(*self._both(node, given))
        if len(known) == 2:
            raise _Live
        # (v + c m) y: y is one number, or 0
        other = self._constant(node.inputs[0 if given[0] is None else 1])
        numbers = set() if other is None else {v for v in other.table if v}
        if other is None or len(numbers) != 1:
            raise _Live
        zero = np.array([not v for v in other.table])[other.index]
        return _Form(False, known[0].c * numbers.pop(), np.where(zero, FREE, known[0].places))

    def _contraction(self, node: Node, given: Sequence[_Form | None]) -> _Form:
        inner = (len(node.shape) - 1, len(node.shape) - 2)
        out: list[_Form] = []
        for form, axis in zip(given, inner, strict=True):
            if form is not None and not form.factor:
                raise _Live
            if form is not None:
                places = np.expand_dims(_along(form, (axis,)), axis)
                out.append(replace(form, places=np.broadcast_to(places, node.shape)))
        return out[0] if len(out) == 1 else _together(*out)

    def _constant(self, i: int) -> Constant | None:
        """A constant, its entries perhaps moved."""
        node = self.network.nodes[i]
        if isinstance(node.leaf, Constant):
            return None if node.leaf.unknown else node.leaf
        if isinstance(node.op, Structural) and len(node.inputs) == 1:
            source = self._constant(node.inputs[0])
            if source is not None:
                index = node.op.apply(None, source.index[None], **node.attrs)  # type: ignore
                return Constant(source.table, index[0])
        return None

    def _zeros(self, i: int) -> npt.NDArray[np.bool_]:
        """Which entries of a line are 0, made of constants and products with them."""
        node, constant = self.network.nodes[i], self._constant(i)
        if i in self.gone:
            return np.ones(node.shape, dtype=bool)
        if constant is not None:
            zero: npt.NDArray[np.bool_] = np.array([not v for v in constant.table])[constant.index]
            return zero
        out = np.zeros(node.shape, dtype=bool)
        if isinstance(node.op, Mul):
            for c in (self._constant(j) for j in node.inputs):
                out |= False if c is None else np.array([not v for v in c.table])[c.index]
        return out


def _of_one(op: NodeOp, attrs: Any, x: _Form) -> _Form | None:
    """An op of one input."""
    if isinstance(op, Scale):
        return replace(x, c=x.c if x.factor else x.c * attrs["factor"]) if attrs["factor"] else None
    if isinstance(op, Exp) and not x.factor:
        return replace(x, factor=True)
    if isinstance(op, Log) and x.factor and (x.places != ZERO).all():
        return replace(x, factor=False)
    if op.law == "homogeneous" and x.factor:
        degree = Fraction(attrs["exponent"]) if isinstance(op, Power) else op.degree
        if degree > 0 or (x.places != ZERO).all():
            return replace(x, c=x.c * degree)
    if isinstance(op, Sum):
        count = int(np.prod([x.places.shape[a] for a in attrs["axes"]], dtype=int))
        return _Form(x.factor, x.c if x.factor else x.c * count, _along(x, attrs["axes"]))
    if op.law == "maximum of an axis":
        return replace(x, places=_along(x, (x.places.ndim - 1,)))
    if _forgets(op, attrs, x):
        return None
    raise _Live


def _forgets(op: NodeOp, attrs: Any, x: _Form) -> bool:
    """Whether the op's value does not depend on m."""
    if isinstance(op, Step):
        return x.factor
    axes: Sequence[int] | None = None
    if isinstance(op, Ranking):
        axes = (x.places.ndim - 1,)
    elif op.law == "normaliser" and not x.factor:
        axes = (attrs["axis"],)
    elif op.law == "standardising" and not x.factor:
        axes = attrs["axes"]
    if axes is None:
        return False
    _along(x, axes)
    return True


def _along(x: _Form, axes: Sequence[int]) -> Places:
    """The places off some axes, along which they must be the same."""
    kept = [a for a in range(x.places.ndim) if a not in axes]
    rows = x.places.transpose(*kept, *axes).reshape(*(x.places.shape[a] for a in kept), -1)
    one: Places = rows.max(axis=-1)
    if not ((rows == one[..., None]) | (rows == ZERO)).all():
        raise _Live
    return one


def _alike(a: _Form, b: _Form) -> _Form:
    """One form for each pair of entries: what a sum of factors and a maximum want."""
    places: Places = np.maximum(a.places, b.places)
    same = all(((f.places == places) | (f.places == ZERO)).all() for f in (a, b))
    if a.c != b.c or not same:
        raise _Live
    return replace(a, places=places)


def _together(a: _Form, b: _Form) -> _Form:
    """Coefficients add where both depend on one entry of m; 0 times anything is 0."""
    both, zero = (a.places >= 0) & (b.places >= 0), (a.places == ZERO) | (b.places == ZERO)
    if (a.places != b.places)[both & ~zero].any():
        raise _Live
    found: set[Fraction] = set()
    places: Places = np.where(zero, ZERO, FREE)
    for here, c in ((both, a.c + b.c), (~both & (a.places >= 0), a.c),
                    (~both & (b.places >= 0), b.c)):
        here = here & ~zero
        if c and here.any():
            found.add(c)
            places[here] = np.maximum(a.places, b.places)[here]
    if len(found) > 1:
        raise _Live
    return _Form(a.factor, found.pop() if found else Fraction(0), places)
