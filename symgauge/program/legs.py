"""Legs: the axes of parameters followed through the program to the index spaces they share.

A leg is an index space. Ops that contract, add or multiply axes identify legs (union-find, with
a parity: -1 where one side moves by g and the other by g^-T); a reshape splits a leg into a
product, a slice into a direct sum. Legs only organise the search and the statement of
generators; no claim rests on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from symgauge.program.array import Shape

#: A leg with a parity.
Ref = tuple[int, int]
#: An axis is the row-major product of its factors; a unit axis is the empty product.
Axis = tuple[Ref, ...]


@dataclass(frozen=True)
class Location:
    """Where the index of a leg sits along an axis of a parameter.

    The slice [start : start + prod(sizes)] of the axis, reshaped row-major to `sizes`; the leg
    is factor `along`. `factors` are the legs of all factors.
    """

    parameter: str
    axis: int
    start: int
    sizes: tuple[int, ...]
    along: int
    parity: int
    factors: tuple[int, ...]

    def plain(self, per: Sequence[int] = ()) -> dict[str, object]:
        """The location as plain data; `per` are the factors the element varies with."""
        return {
            "axis": self.axis, "start": self.start, "sizes": list(self.sizes),
            "along": self.along, "per": list(per),
        }


class Legs:
    """Union-find of legs with parity and structure."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._parity: list[int] = []
        self._size: list[int] = []
        self._structure: list[tuple[Literal["prod", "sum"], Axis] | None] = []
        #: Legs that met themselves with opposite parity: only g with g = g^-T is left.
        self.self_dual: set[int] = set()

    # -- single legs ---------------------------------------------------------------------------

    def _new(self, size: int) -> int:
        self._parent.append(len(self._parent))
        self._parity.append(1)
        self._size.append(size)
        self._structure.append(None)
        return len(self._parent) - 1

    def find(self, leg: int) -> Ref:
        """The representative of a leg and the parity to it."""
        parity, path = 1, []
        while self._parent[leg] != leg:
            path.append((leg, parity))
            parity *= self._parity[leg]
            leg = self._parent[leg]
        for below, before in path[:-1]:  # the next time it is one step
            self._parent[below], self._parity[below] = leg, before * parity
        return leg, parity

    def fresh(self, size: int) -> Axis:
        """An axis that is a new leg."""
        return () if size == 1 else ((self._new(size), 1),)

    def copied(self, axis: Axis, source: Legs, known: dict[int, int]) -> Axis:
        """An axis of other legs, made of legs that are split and identified as they are there.

        `known`: the copies of roots, to which is added.
        """
        out = []
        for leg, parity in axis:
            root, turn = source.find(leg)
            if root not in known:
                known[root] = self._new(source._size[root])
                structure = source._structure[root]
                if structure is not None:
                    self._structure[known[root]] = (
                        structure[0], self.copied(structure[1], source, known))
            out.append((known[root], parity * turn))
        return tuple(out)

    def leg_size(self, leg: int) -> int:
        """Number of indices of a leg."""
        return self._size[leg]

    def leaves(self, axis: Axis) -> list[Ref]:
        """The factors of an axis, products resolved; direct sums stay whole."""
        out: list[Ref] = []
        for leg, parity in axis:
            root, turn = self.find(leg)
            structure = self._structure[root]
            if structure is not None and structure[0] == "prod":
                out += [(x, s * parity * turn) for x, s in self.leaves(structure[1])]
            else:
                out.append((root, parity * turn))
        return out

    def size(self, axis: Axis) -> int:
        """Number of indices of an axis."""
        return prod(self._size[leg] for leg, _ in axis)

    def _split(self, leg: int, outer: int) -> bool:
        """Make a leg without structure the product of `outer` and the rest."""
        if self._structure[leg] is not None or self._size[leg] % outer:
            return False
        parts = self.fresh(outer) + self.fresh(self._size[leg] // outer)
        self._structure[leg] = ("prod", parts)
        return True

    # -- identification ------------------------------------------------------------------------

    def unify(self, a: Axis, b: Axis, parity: int = 1) -> None:
        """Identify two axes of one size, factor by factor, splitting where factors differ."""
        left, right = self.leaves(a), self.leaves(b)
        while left and right:
            (x, s), (y, t) = left[0], right[0]
            m, n = self._size[x], self._size[y]
            if m == n:
                self._join(x, y, s * t * parity)
                left, right = left[1:], right[1:]
            elif m > n:
                if not self._split(x, n):
                    return
                left = self.leaves(((x, s),)) + left[1:]
            else:
                if not self._split(y, m):
                    return
                right = self.leaves(((y, t),)) + right[1:]

    def _join(self, x: int, y: int, parity: int) -> None:
        (x, s), (y, t) = self.find(x), self.find(y)
        parity *= s * t
        if x == y:
            if parity < 0:
                self.self_dual.add(x)
            return
        one, two = self._structure[x], self._structure[y]
        if one is None:
            x, y, one, two = y, x, two, one
        if one is not None and two is not None:
            if one[0] != two[0]:
                return
            if one[0] == "prod":
                self.unify(one[1], two[1], parity)
            else:
                self._join_sums(x, y, parity)
        self._parent[y], self._parity[y] = x, parity
        if y in self.self_dual:
            self.self_dual.add(x)

    def _summands(self, leg: int) -> list[Ref]:
        structure = self._structure[leg]
        if structure is None or structure[0] != "sum":
            return [(leg, 1)]
        return list(structure[1])

    def _join_sums(self, x: int, y: int, parity: int) -> None:
        cuts: set[int] = set()
        for leg in (x, y):
            end = 0
            for part, _ in self._summands(leg):
                end += self._size[part]
                cuts.add(end)
        for leg in (x, y):
            for cut in cuts:
                self._cut(leg, cut)
        for (p, s), (q, t) in zip(self._summands(x), self._summands(y), strict=False):
            if self._size[p] != self._size[q]:
                return
            self._join(p, q, s * t * parity)

    def _cut(self, leg: int, at: int) -> bool:
        """Make `at` a boundary between summands of a leg. False where that is impossible."""
        leg, _ = self.find(leg)
        if at in (0, self._size[leg]):
            return True
        structure = self._structure[leg]
        if structure is None:
            parts = self.fresh(at) + self.fresh(self._size[leg] - at)
            if len(parts) < 2:  # a summand of size 1 is a leg of its own here
                parts = ((self._new(at), 1), (self._new(self._size[leg] - at), 1))
            self._structure[leg] = ("sum", parts)
            return True
        if structure[0] == "prod":
            first, _ = structure[1][0]
            inner = self._size[leg] // self._size[first]
            return at % inner == 0 and self._cut(first, at // inner)
        parts_list: list[Ref] = []
        end = 0
        for part, sign in structure[1]:
            n = self._size[part]
            if end < at < end + n:
                if not self._cut(part, at - end):
                    return False
                root, turn = self.find(part)
                inner_structure = self._structure[root]
                if inner_structure is not None and inner_structure[0] == "sum":
                    parts_list += [(q, t * turn * sign) for q, t in inner_structure[1]]
                else:
                    return False
            else:
                parts_list.append((part, sign))
            end += n
        self._structure[leg] = ("sum", tuple(parts_list))
        return True

    # -- what ops do to axes -------------------------------------------------------------------

    def entrywise(self, inputs: list[list[Axis]], shape: Shape) -> list[Axis]:
        """All inputs alike, axis by axis."""
        first = inputs[0]
        for other in inputs[1:]:
            for a, b in zip(first, other, strict=True):
                self.unify(a, b)
        return list(first)

    def reshape(self, axes: list[Axis], shape: Shape) -> list[Axis]:
        """Distribute the factors over the new axes; a factor that straddles two is split."""
        rest = self.leaves(tuple(ref for axis in axes for ref in axis))
        out: list[Axis] = []
        for n in shape:
            taken: list[Ref] = []
            have = 1
            while have < n:
                if not rest:
                    return [self.fresh(m) for m in shape]
                leg, parity = rest[0]
                m = self._size[leg]
                if n % (have * m) == 0:
                    taken.append(rest.pop(0))
                    have *= m
                elif n % have == 0 and m % (n // have) == 0 and self._split(leg, n // have):
                    rest = self.leaves(((leg, parity),)) + rest[1:]
                else:
                    return [self.fresh(m) for m in shape]
            out.append(tuple(taken))
        return out

    def slice(self, axis: Axis, start: int, stop: int) -> Axis:
        """A range of an axis: a summand of its outermost factor, times the others."""
        factors = self.leaves(axis)
        if stop <= start or not factors:
            return self.fresh(stop - start) if stop - start > 1 else ()
        (first, parity), rest = factors[0], tuple(factors[1:])
        inner = self.size(rest)
        if start % inner or stop % inner:
            return self.fresh(stop - start)
        low, high = start // inner, stop // inner
        if not (self._cut(first, low) and self._cut(first, high)):
            return self.fresh(stop - start)
        end, parts = 0, []
        for part, sign in self._summands(self.find(first)[0]):
            if low <= end and end + self._size[part] <= high:
                parts.append((part, sign * parity))
            end += self._size[part]
        if len(parts) > 1:
            whole = self._new(high - low)
            self._structure[whole] = ("sum", tuple((p, s * parity) for p, s in parts))
            parts = [(whole, parity)]
        if high - low == 1:
            parts = []
        return (*parts, *rest)

    def stride(self, axis: Axis, step: int) -> Axis | None:
        """Every step-th index: the outer factor, where the innermost one splits off `step`."""
        factors = self.leaves(axis)
        if not factors:
            return None
        last, parity = factors[-1]
        n = self._size[last]
        if n == step:
            return tuple(factors[:-1])
        if n % step or not self._split(last, n // step):
            return None
        return (*factors[:-1], self.leaves(((last, parity),))[0])

    def concatenate(self, inputs: list[list[Axis]], axis: int) -> list[Axis]:
        """A direct sum along one axis; the other axes are identified."""
        parts: list[Ref] = []
        for axes in inputs:
            piece = axes[axis]
            if len(piece) == 1:
                parts.append(piece[0])
            else:
                whole = self._new(self.size(piece))
                if piece:
                    self._structure[whole] = ("prod", piece)
                parts.append((whole, 1))
        total = self._new(sum(self._size[p] for p, _ in parts))
        self._structure[total] = ("sum", tuple(parts))
        rests = [[a for i, a in enumerate(axes) if i != axis] for axes in inputs]
        out = self.entrywise(rests, ())
        return [*out[:axis], ((total, 1),), *out[axis:]]

    def even_out(self) -> None:
        """Direct sums of one leg with itself become products: two halves of a rotary head."""
        made: dict[tuple[int, int], Axis] = {}
        for leg in range(len(self._parent)):
            structure = self._structure[leg]
            if self._parent[leg] != leg or structure is None or structure[0] != "sum":
                continue
            parts = [(self.find(p), s) for p, s in structure[1]]
            roots = {root for (root, _), _ in parts}
            signs = {turn * s for (_, turn), s in parts}
            if len(parts) > 1 and len(roots) == 1 and len(signs) == 1:
                (root,), (sign,) = roots, signs
                if self._size[root] > 1:
                    # the same parts of the same leg, for queries and for keys
                    part = made.setdefault((root, len(parts)), self.fresh(len(parts)))
                    turned = tuple((p, t * sign) for p, t in part)
                    self._structure[leg] = ("prod", (*turned, (root, sign)))

    # -- reading the result --------------------------------------------------------------------

    def locate(self, parameter: str, axis: int, value: Axis) -> list[Location]:
        """Every leg of a parameter's axis, with its place."""
        return list(self._locate(parameter, axis, self.leaves(value), 0))

    def _locate(self, parameter: str, axis: int, factors: list[Ref], start: int) -> list[Location]:
        if not factors:
            return []
        first, parity = factors[0]
        structure = self._structure[first]
        units = structure is not None and all(self._size[p] == 1 for p, _ in structure[1])
        if structure is not None and structure[0] == "sum" and not units:
            out: list[Location] = []
            inner = self.size(tuple(factors[1:]))
            for part, sign in structure[1]:
                n = self._size[part]
                pieces = self.leaves(((part, sign * parity),)) if n > 1 else []
                out += self._locate(parameter, axis, pieces + factors[1:], start)
                start += n * inner
            return out
        sizes = tuple(self._size[leg] for leg, _ in factors)
        legs = tuple(leg for leg, _ in factors)
        return [
            Location(parameter, axis, start, sizes, i, parity, legs)
            for i, (_, parity) in enumerate(factors)
        ]
