r"""A norm written by hand: the op `standardise`, or the program that F.rms_norm gives.

Law: let x be a line, M_k the mean of x^k over some axes. A line made of x by sums over these axes,
products, multiples and roots is P Q^h, with P a polynomial over QQ in x and the M_k, Q one in
the M_k, and h = 0, 1/2 or -1/2: an M is constant along the axes, the mean of x^i M is M_i M. A
product whose factors make

    k (x - M_1) (c (M_2 - M_1^2) + e)^(-1/2),   c = s^2, s > 0 rational,  e >= 0,

is k/s times x standardised with epsilon e/c, and with x and M_2 in place of x - M_1 and the
variance it is the RMS norm. A shift that is constant along the axes leaves x standardised as it is.

Polynomials are compared, no entries, so that widths do not matter. Unit axes are left out of
every shape: putting them in or taking them away moves no entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, prod

import numpy as np

from symgauge.exact.polynomial import ZERO, Polynomial, Ring, add, constant, scale
from symgauge.ops.add import Add
from symgauge.ops.expand import Expand
from symgauge.ops.matmul import Matmul
from symgauge.ops.mul import Mul
from symgauge.ops.permute import Permute
from symgauge.ops.reciprocal import Reciprocal
from symgauge.ops.reshape import Reshape
from symgauge.ops.rsqrt import Rsqrt
from symgauge.ops.scale import Scale
from symgauge.ops.sqrt import Sqrt
from symgauge.ops.standardise import Standardise
from symgauge.ops.standardise import mean
from symgauge.program.array import Shape
from symgauge.program.build import Builder, rebuilt
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value

#: What a norm is written with.
OPS = ("add", "scale", "mul", "power", "sum", "reshape", "permute", "expand", "matmul", "rsqrt",
       "sqrt", "reciprocal")
#: Lines above a product among which its norm is looked for; highest degree of a polynomial.
LINES, DEGREE = 60, 4
#: The symbol of x; that of M_k is k.
X = 0
CENTRED: Polynomial = {(X,): 1, (1,): -1}
VARIANCE: Polynomial = {(2,): 1, (1, 1): -1}
ITSELF: Polynomial = {(X,): 1}
SQUARE: Polynomial = {(2,): 1}


def rewritten(network: Network) -> Network:
    """The network with each norm as one op, or as F.rms_norm."""
    if not any(isinstance(n.op, (Rsqrt, Sqrt, Standardise)) for n in network.nodes):
        return network

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        norm = _norm(network, i)
        return None if norm is None else norm.written(build, moved, network.nodes[i].shape)
    return rebuilt(network, instead)


@dataclass(frozen=True)
class _Norm:
    """`factor` times the norm of a line over `axes`, times other lines."""

    base: int
    axes: tuple[int, ...]
    centred: bool
    eps: Fraction
    factor: Fraction = Fraction(1)
    others: tuple[int, ...] = ()

    def written(self, build: Builder, moved: list[Value], shape: Shape) -> Value:
        x = moved[self.base]
        if self.centred:
            value = build.apply("standardise", x, axes=self.axes, eps=self.eps)
        else:
            square = mean(build, build.apply("power", x, exponent=2), self.axes)
            square = build.add(square, self.eps) if self.eps else square
            value = build.mul(x, build.apply("rsqrt", square))
        value = build.scale(build.reshape(value, shape), self.factor)
        for j in self.others:
            value = build.mul(value, moved[j])
        return value


def _norm(network: Network, i: int) -> _Norm | None:
    """The norm that a line is."""
    node = network.nodes[i]
    if isinstance(node.op, Standardise):
        return _unshifted(network, i)
    if not isinstance(node.op, Mul):
        return None
    factors = list(_factors(network, i))
    if not any(_is_root(network, j) for j, _ in factors):
        return None
    found = None
    for base in sorted(_above(network, i), reverse=True):
        if _squeezed(network.nodes[base].shape) == _squeezed(node.shape):
            norm = _Forms(network, base).norm(factors)
            if norm is not None and norm.centred:
                return norm
            # of a line that was centred, if it is found no nearer to its start
            found = found or norm
    return found


def _is_root(network: Network, i: int) -> bool:
    """Whether a line is a root or its reciprocal, moved."""
    while isinstance(network.nodes[i].op, (Expand, Reshape, Permute, Scale, Reciprocal)):
        i = network.nodes[i].inputs[0]
    return isinstance(network.nodes[i].op, (Rsqrt, Sqrt))


def _unshifted(network: Network, i: int) -> _Norm | None:
    """A standardised line without a shift of it."""
    node = network.nodes[i]
    shape = network.nodes[node.inputs[0]].shape
    for base in sorted(_above(network, node.inputs[0])):
        if base == node.inputs[0] or network.nodes[base].shape != shape:
            continue
        forms = _Forms(network, base)
        form = forms.of(node.inputs[0])
        if form is None or form.root or forms.axes != forms.places(shape, node.attrs["axes"]):
            continue
        if all(X not in m for m in add(form.p, {(X,): -1})):
            return _Norm(base, node.attrs["axes"], True, node.attrs["eps"])
    return None


def _above(network: Network, i: int) -> set[int]:
    """A line and those that it is made of by the ops of a norm, the nearest."""
    seen, layer = {i}, [i]
    while layer and len(seen) < LINES:
        layer = [
            j for k in layer if network.nodes[k].op_name in OPS for j in network.nodes[k].inputs
            if j not in seen]
        seen.update(layer)
    return seen


def _factors(network: Network, i: int) -> Iterator[tuple[int, int]]:
    """The factors of a product, and which of its two inputs each is in."""
    for side, start in enumerate(network.nodes[i].inputs):
        stack = [start]
        while stack:
            j = stack.pop()
            if isinstance(network.nodes[j].op, Mul):
                stack += reversed(network.nodes[j].inputs)
            else:
                yield j, side


@dataclass(frozen=True)
class _Form:
    """P Q^h, with h = root/2; `whole`: on the shape of x, not on that of its means; None: a number.
    """

    p: Polynomial
    whole: bool | None
    q: Polynomial
    root: int = 0


class _Forms:
    """Lines in terms of x, the line `base`, and of its means over the axes of the first sum."""

    def __init__(self, network: Network, base: int) -> None:
        self.network, self.base, self.ring = network, base, Ring()
        self.whole = _squeezed(network.nodes[base].shape)
        #: Which axes are summed, unit axes left out.
        self.axes: tuple[int, ...] | None = None
        self.known: dict[int, _Form | None] = {base: _Form(ITSELF, True, ZERO)}

    def norm(self, factors: list[tuple[int, int]]) -> _Norm | None:
        """The norm that a product is, its factors in both inputs."""
        whole: _Form | None = _Form(constant(1), True, ZERO)
        sides, others = set(), []
        for j, side in factors:
            form = self.of(j)
            if form is None:
                others.append(j)
                continue
            sides.add(side)
            whole = None if whole is None else self._product(whole, form)
        if whole is None or len(sides) < 2 or whole.root != -1 or not self.axes:
            return None
        centred = (1,) in whole.p
        above, below = (CENTRED, VARIANCE) if centred else (ITSELF, SQUARE)
        k, c, e = whole.p.get((X,), 0), whole.q.get((2,), 0), whole.q.get((), 0)
        s = _root(Fraction(c))
        if whole.p != scale(above, k) or not k or s is None or e < 0 or (
                whole.q != add(scale(below, c), constant(e))):
            return None
        places = [a for a, n in enumerate(self.network.nodes[self.base].shape) if n > 1]
        axes = tuple(places[a] for a in self.axes)
        return _Norm(self.base, axes, centred, Fraction(e) / c, k / s, tuple(others))

    def places(self, shape: Shape, axes: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers of axes, unit axes left out."""
        return tuple(sum(n > 1 for n in shape[:a]) for a in sorted(axes) if shape[a] > 1)

    def of(self, i: int) -> _Form | None:
        """The form of a line; None where it has none."""
        if i not in self.known:
            reads = i > self.base or self.network.is_constant[i]
            self.known[i] = self._form(i) if reads else None
        return self.known[i]

    def _form(self, i: int) -> _Form | None:
        node = self.network.nodes[i]
        leaf = node.leaf
        if isinstance(leaf, Constant):
            return _Form(constant(leaf.table[0]), None, ZERO) if len(leaf.table) == 1 else None
        if isinstance(node.op, Matmul):
            return self._contraction(node)
        if node.op_name not in OPS:
            return None
        forms = []
        for j in node.inputs:
            form = self.of(j)
            if form is None:
                return None
            forms.append(form)
        if isinstance(node.op, Add):
            return self._sum(*forms)
        if isinstance(node.op, Mul):
            return self._product(*forms)
        return self._of_one(node, self.network.nodes[node.inputs[0]].shape, forms[0])

    def _of_one(self, node: Node, shape: Shape, x: _Form) -> _Form | None:
        """An op of one input of this shape."""
        label = node.op_name
        if label == "scale":
            return _Form(scale(x.p, node.attrs["factor"]), x.whole, x.q, x.root)
        if label == "power":
            return self._product(x, x) if node.attrs["exponent"] == 2 else None
        if label == "sum":
            return self._summed(x, self.places(shape, node.attrs["axes"]))
        if x.whole is None:
            return x if label in ("reshape", "permute", "expand") else None
        if label == "reshape":
            return x if _squeezed(shape) == _squeezed(node.shape) else None
        if label == "permute":
            moved = [a for a in node.attrs["dims"] if shape[a] > 1]
            return x if moved == sorted(moved) else None
        if label == "expand":
            return self._expanded(x, shape, node.shape)
        if label == "reciprocal":
            return _Form(constant(1 / Fraction(x.p[()])), x.whole, x.q, -x.root) if (
                x.root and set(x.p) == {()}) else None
        if label not in ("sqrt", "rsqrt") or x.root or not x.p or any(X in m for m in x.p):
            return None
        return _Form(constant(1), x.whole, x.p, 1 if label == "sqrt" else -1)

    def _sum(self, a: _Form, b: _Form) -> _Form | None:
        if (a.root, a.q) != (b.root, b.q) or not _alike(a, b):
            return None
        return _Form(add(a.p, b.p), _place(a, b), a.q, a.root)

    def _product(self, a: _Form, b: _Form) -> _Form | None:
        if not _alike(a, b) or max(_degree(a.p) + _degree(b.p), _degree(a.q)) > DEGREE:
            return None
        p = self.ring.mul(a.p, b.p)
        if a.root and b.root:
            if a.q != b.q or a.root + b.root < 0:
                return None
            return _Form(self.ring.mul(p, a.q) if a.root + b.root else p, _place(a, b), ZERO)
        root, q = (a.root, a.q) if a.root else (b.root, b.q)
        c = Fraction(p.get((2,), 0)) / q[(2,)] if root == -1 and q.get((2,)) else 0
        if c and p == scale(q, c):
            # Q Q^(-1/2) = Q^(1/2)
            p, root = constant(c), 1
        return _Form(p, _place(a, b), q, root)

    def _summed(self, x: _Form, axes: tuple[int, ...]) -> _Form | None:
        """The sum over axes: n times the mean, of each monomial."""
        if not axes:
            return x
        if not x.whole or self.axes not in (None, axes):
            return None
        self.axes = axes
        count = prod(self.whole[a] for a in axes)
        p = ZERO
        for monomial, c in x.p.items():
            k = monomial.count(X)
            symbols = tuple(sorted([*(m for m in monomial if m != X), *([k] if k else [])]))
            p = add(p, {symbols: c * count})
        return _Form(p, False, x.q, x.root)

    def _expanded(self, x: _Form, before: Shape, after: Shape) -> _Form | None:
        """A mean repeated along the axes that were summed."""
        new = tuple(a for a, (n, m) in enumerate(zip(before, after, strict=True)) if n != m)
        if not new:
            return x
        if x.whole or not self._is_whole(after) or self.places(after, new) != self.axes:
            return None
        return _Form(x.p, True, x.q, x.root)

    def _contraction(self, node: Node) -> _Form | None:
        """A row times a column is the sum of a product; a row times a I + b J is a x + b n M_1."""
        one, two = (self.network.nodes[j] for j in node.inputs)
        last = (len(self.whole) - 1,)
        if not self.whole or one.shape[-1] != self.whole[-1]:
            return None
        left = self.of(node.inputs[0])
        if left is None or not left.whole:
            return None
        right = self.of(node.inputs[1])
        if right is not None and right.whole:
            if one.shape[-2] != 1 or two.shape[-1] != 1 or one.shape[:-2] != two.shape[:-2]:
                return None
            product = self._product(left, right)
            return None if product is None else self._summed(product, last)
        found = _identity_and_ones(two)
        mean = self._summed(left, last) if found is not None else None
        if found is None or mean is None:
            return None
        a, b = found
        return _Form(add(scale(left.p, a), scale(mean.p, b)), True, left.q, left.root)

    def _is_whole(self, shape: Shape) -> bool:
        return _squeezed(shape) == self.whole


def _identity_and_ones(node: Node) -> tuple[Fraction, Fraction] | None:
    """a and b of a constant matrix a I + b J, J of ones, the same for a batch; None of another."""
    leaf = node.leaf
    if not isinstance(leaf, Constant) or leaf.unknown or not 1 <= len(leaf.table) <= 2 or (
            node.shape[-1] != node.shape[-2] or node.shape[-1] < 2):
        return None
    on, off = leaf.index.reshape(-1)[0], leaf.index[..., 0, 1].reshape(-1)[0]
    if not (leaf.index == np.where(np.eye(node.shape[-1], dtype=bool), on, off)).all():
        return None
    return leaf.table[on] - leaf.table[off], leaf.table[off]


def _alike(a: _Form, b: _Form) -> bool:
    return None in (a.whole, b.whole) or a.whole == b.whole


def _place(a: _Form, b: _Form) -> bool | None:
    return b.whole if a.whole is None else a.whole


def _squeezed(shape: Shape) -> Shape:
    return tuple(n for n in shape if n > 1)


def _degree(p: Polynomial) -> int:
    return max(map(len, p), default=0)


def _root(c: Fraction) -> Fraction | None:
    """The rational root of a positive number; None where there is none."""
    if c <= 0:
        return None
    s = Fraction(isqrt(c.numerator), isqrt(c.denominator))
    return s if s * s == c else None
