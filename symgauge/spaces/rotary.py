"""Regions of constant coefficients that turn pairs of entries (a rotary embedding), as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations, product
from math import prod
from typing import Any

import numpy as np

from symgauge.domains.known import arguments_of
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.network import Network
from symgauge.program.op import Structural
from symgauge.spaces.line import Line

#: A rational multiple of a product of named numbers, such as (2, ("cos 1/2", "cos 1/2")).
_Number = tuple[Fraction, tuple[str, ...]]
#: Products of a row with constants above which a region is left alone.
ENTRIES = 10_000_000


class Numbers:
    """Numbers by number, so that arrays of them are arrays of integers; 0 is 0 and 1 is 1.

    Those that are no rationals are known by their names: equal names are equal numbers.
    """

    def __init__(self) -> None:
        self.values: list[_Number] = [(Fraction(0), ()), (Fraction(1), ())]
        self._ids = {v: i for i, v in enumerate(self.values)}

    def of(self, value: Fraction, *names: str) -> int:
        """The number of a rational multiple of a product."""
        key = value, tuple(sorted(names)) if value else ()
        if key not in self._ids:
            self._ids[key] = len(self.values)
            self.values.append(key)
        return self._ids[key]

    def wave(self, function: str, r: Fraction) -> int:
        """The number of cos r, which is even, or sin r, which is odd."""
        if not r:
            return self.of(Fraction(function == "cos"))
        return self.of(Fraction(-1 if function == "sin" and r < 0 else 1), f"{function} {abs(r)}")

    def times(self, a: Array, b: Array) -> Array:
        """Products, entry by entry."""
        width = len(self.values)
        pairs, where = np.unique(a * width + b, return_inverse=True)
        found = []
        for q in pairs.tolist():
            (x, left), (y, right) = self.values[q // width], self.values[q % width]
            found.append(self.of(x * y, *left, *right))
        return np.array(found)[where].reshape(np.broadcast_shapes(a.shape, b.shape))

    def scaled(self, a: Array, factor: Fraction) -> Array:
        """Multiples."""
        return self.times(a, np.array(self.of(factor)))

    def turns(
        self, terms: Sequence[tuple[Array, Array]], own: Array, partner: Array, first: Array
    ) -> tuple[Array, Array] | None:
        """a and b, where every entry is a times itself and b times its partner as a complex number.
        """
        parts = []
        for wanted in (own, partner):
            met = [np.where(index == wanted, factor, 0) for index, factor in terms]
            if (sum((m != 0).astype(int) for m in met) > 1).any():
                return None  # two terms for one entry
            parts.append(np.asarray(sum(met)))
        straight, crossed = parts
        stray = any(
            ((index != own) & (index != partner) & (factor != 0)).any() for index, factor in terms
        )
        complex_ = not stray and np.array_equal(straight[..., first], straight[..., ~first]) and (
            np.array_equal(
                crossed[..., first], self.scaled(crossed[..., ~first], Fraction(-1))))
        return (straight, crossed) if complex_ else None


@dataclass(frozen=True)
class Turn:
    """How a region turns pairs of entries of its root's last axis: a times itself, b its partner.

    `pairs` are "halves", (k, k + n/2), or "neighbours", (2k, 2k + 1); `to` says where each axis
    of the root is in the end. a and b are by number, on the shape of the end.
    """

    pairs: str
    to: Mapping[int, int]
    straight: Array
    crossed: Array

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes of the line."""
        return {"pairs": self.pairs, "to": self.to}


class Regions:
    """The regions of one program that turn pairs; `fixed` are lines without parameter and input."""

    def __init__(self, network: Network, fixed: Sequence[bool]) -> None:
        self.network = network
        self.fixed = fixed
        self.numbers = Numbers()

    def turned(self) -> dict[int, Line]:
        """Ends of linear regions that cut a vector, multiply by constants and join it again."""
        nodes = self.network.nodes
        source: dict[int, int] = {}  # lines linear in one line that was cut
        for i, node in enumerate(nodes):
            if node.op is None or self.fixed[i]:
                continue
            free = [j for j in node.inputs if not self.fixed[j]]
            name = node.op.name
            roots = {source[j] for j in free if j in source}
            pairs = name == "take" and node.shape[-1] == 2
            if (name == "slice" or pairs) and free[0] not in source:
                source[i] = free[0]
            elif len(roots) == 1 and name in (
                    "slice", "take", "scale", "mul", "add", "concatenate", "reshape", "permute",
                    "expand") and (name != "mul" or len(free) == 1):
                (root,) = roots
                if all(source.get(j) == root or self._multiple(j, root) for j in free):
                    source[i] = root
        found: dict[int, Line] = {}
        ended: set[int] = set()
        # the last line of a region that turns pairs is its end
        for i, root in sorted(source.items(), reverse=True):
            op = nodes[i].op
            if root in ended or op is None or op.name not in ("add", "concatenate") or (
                    prod(nodes[i].shape) != prod(nodes[root].shape)):
                continue
            turn = self.turn(root, i)
            if turn is not None:
                ended.add(root)
                found[i] = Line(i, "rotary", "rotary", (root,), turn.attrs, nodes[i].shape)
        return found

    def _multiple(self, i: int, root: int) -> bool:
        """Whether a line is the root times constants, moved."""
        nodes = self.network.nodes
        while i != root:
            op = nodes[i].op
            if op is None or op.name not in ("mul", "scale", "reshape", "permute"):
                return False
            free = [j for j in nodes[i].inputs if not self.fixed[j]]
            if len(free) != 1:
                return False
            i = free[0]
        return True

    def turn(self, root: int, end: int) -> Turn | None:
        """How the region turns pairs of entries of the root's last axis; None where it does not.

        Other axes may be permuted. For each pair the region must be ((a, -b), (b, a)) with
        constants a, b: decided exactly, on the entries.
        """
        shape, end_shape = (self.network.nodes[i].shape for i in (root, end))
        n = shape[-1] if shape else 0
        if n < 2 or n % 2 or end_shape[-1:] != (n,) or prod(shape) != prod(end_shape):
            return None
        terms = self._terms(root, end)
        if terms is None:
            return None
        # unit axes may come and go
        here, there = ([a for a, m in enumerate(x[:-1]) if m > 1] for x in (shape, end_shape))
        entries = np.arange(prod(shape)).reshape(*(shape[a] for a in here), n)
        kinds = ("halves", "neighbours") if n > 2 else ("neighbours",)
        for pairs, order in product(kinds, permutations(range(len(here)))):
            own = entries.transpose(*order, len(here))
            if own.shape[:-1] != tuple(end_shape[a] for a in there):
                continue
            own, k = own.reshape(end_shape), np.arange(n)
            partner = (k + n // 2) % n if pairs == "halves" else k ^ 1
            first = k < n // 2 if pairs == "halves" else k % 2 == 0
            found = self.numbers.turns(terms, own, own[..., partner], first)
            if found is not None:
                to = {here[a]: there[b] for b, a in enumerate(order)}
                return Turn(pairs, {**to, len(shape) - 1: len(end_shape) - 1}, *found)
        return None

    def _terms(self, root: int, end: int) -> list[tuple[Array, Array]] | None:
        """The end as a sum of terms factor * (entry of the root), entry by entry.

        Factors are exact, by number. None where the region is too large or holds another op.
        """
        nodes = self.network.nodes
        shape = nodes[root].shape
        start = np.arange(prod(shape)).reshape(shape)
        known: dict[int, list[tuple[Array, Array]]] = {
            root: [(start, np.ones(shape, dtype=np.int64))]
        }
        stack = [end]
        while stack:
            i = stack[-1]
            node = nodes[i]
            missing = [j for j in node.inputs if not self.fixed[j] and j not in known]
            if missing and len(known) < 64:
                stack += missing
                continue
            if i not in known:
                found = self._step(i, known)
                if found is None:
                    return None
                known[i] = found
            stack.pop()
        return known[end]

    def _step(
        self, i: int, known: Mapping[int, list[tuple[Array, Array]]]
    ) -> list[tuple[Array, Array]] | None:
        node = self.network.nodes[i]
        assert node.op is not None
        inputs = [known.get(j) for j in node.inputs]
        first = next((x for x in inputs if x is not None), None)
        if first is None or any(
                x is None and not self.fixed[j]
                for x, j in zip(inputs, node.inputs, strict=True)):
            return None
        name = node.op.name
        if name == "scale":
            return [
                (index, self.numbers.scaled(factor, node.attrs["factor"]))
                for index, factor in first
            ]
        if name == "mul":
            (j,) = (j for j in node.inputs if self.fixed[j])
            values = self._known(j)
            return None if values is None else [
                (x, self.numbers.times(f, values)) for x, f in first
            ]
        if name == "matmul":
            (j,) = (j for j in node.inputs if self.fixed[j])
            values = self._known(j) if j == node.inputs[1] else None
            return None if values is None else self._contracted(first, values)
        if name == "add":
            return [t for x in inputs if x is not None for t in x] if all(
                x is not None for x in inputs) else None
        if name == "concatenate":
            if any(x is None for x in inputs):
                return None
            longest = max(len(x) for x in inputs if x is not None)
            padded = [
                [*x, *[(x[0][0], np.zeros_like(x[0][1]))] * (longest - len(x))]
                for x in inputs if x is not None
            ]
            joined = [
                tuple(np.concatenate([x[t][s] for x in padded], axis=node.attrs["axis"])
                      for s in (0, 1))
                for t in range(longest)
            ]
            return [(index, factor) for index, factor in joined]
        if not isinstance(node.op, Structural) or len(node.inputs) != 1:
            return None
        moved = [
            tuple(node.op.apply(None, a[None], **node.attrs)[0]  # type: ignore[arg-type]
                  for a in term) for term in first
        ]
        return [(index, factor) for index, factor in moved]

    def _contracted(
        self, terms: Sequence[tuple[Array, Array]], values: Array
    ) -> list[tuple[Array, Array]] | None:
        """Rows times a matrix of constants; the terms that are not 0."""
        if values.size * terms[0][0].shape[-2] * len(terms) > ENTRIES:
            return None
        index = np.stack([np.broadcast_to(x[..., k, None], (*x.shape[:-1], values.shape[-1]))
                          for x, _ in terms for k in range(x.shape[-1])])
        factor = np.stack([self.numbers.times(f[..., k, None], values[..., k, None, :])
                           for _, f in terms for k in range(f.shape[-1])])
        order = np.argsort(factor == 0, axis=0, kind="stable")
        count = max(1, int((factor != 0).sum(axis=0).max()))
        return [(np.take_along_axis(index, o, 0)[0], np.take_along_axis(factor, o, 0)[0])
                for o in (order[k:k + 1] for k in range(count))]

    def _known(self, i: int) -> Array | None:
        """A constant's values by number: rationals, cosines and sines, and what is made of them."""
        node = self.network.nodes[i]
        if isinstance(node.leaf, Constant):
            if node.leaf.unknown:
                return None
            return np.array([self.numbers.of(v) for v in node.leaf.table])[node.leaf.index]
        if node.op is None:
            return None
        argument = arguments_of(self.network).get(i)
        if argument is not None and node.op.name in ("cos", "sin"):
            waves = [self.numbers.wave(node.op.name, r) for r in argument.table]
            return np.array(waves)[argument.index]
        if node.op.name not in ("scale", "mul", "add") and not isinstance(node.op, Structural):
            return None
        found = [self._known(j) for j in node.inputs]
        inner = [x for x in found if x is not None]
        if len(inner) < len(found):
            return None
        if node.op.name == "scale":
            return self.numbers.scaled(inner[0], node.attrs["factor"])
        if node.op.name == "mul":
            return self.numbers.times(*inner)
        if node.op.name == "add":
            # a masked entry and one that takes its place
            one, two = inner
            return np.where(one == 0, two, one) if ((one == 0) | (two == 0)).all() else None
        out: Array = node.op.apply(  # type: ignore
            None, *(x[None] for x in inner), **node.attrs)[0]
        return out
