"""Fields on a slice carried back to the whole space.

H: a group that is simply transitive on the values of one parameter s: a scaling with weight +-1,
on s = 1; a shift, on s = 0. theta = h(theta).sigma with sigma on the slice. A field Y on the
slice is carried back to X(theta) = D_sigma (h.sigma) at h = h(theta), applied to
Y(h(theta)^-1 theta): in theta = h.sigma it moves sigma alone, as Y does. So what H and Y leave
unchanged, X leaves unchanged, and brackets are carried to brackets.
Components are Laurent polynomials (gains in denominators).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod

from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Through, own_move
from symgauge.lie.fields import Monomial, Number, VectorField, times

#: A polynomial in the coordinates: monomials and coefficients.
Polynomial = dict[Monomial, Fraction]
#: Terms of a carried-back field above which it is given up.
MAX_TERMS = 20000


def carried(
    fields: Iterable[VectorField], slices: Sequence[Slice]
) -> tuple[VectorField, ...] | None:
    """The fields through all slices, outermost first; None where one is no Laurent polynomial."""
    # a slice scales w + u: the way back is in these coordinates
    offsets = {k: u for there in slices for k, u in there.offsets.items()}
    into: dict[int, Polynomial] = {k: {(): u} for k, u in offsets.items()}
    back: dict[int, Polynomial] = {k: {(): -u} for k, u in offsets.items()}
    out = []
    for f in fields:
        found = in_other(f, into)
        for there in _merged(tuple(slices)):
            found = None if found is None else there.carry(found)
        found = None if found is None else in_other(found, back)
        if found is None:
            return None
        out.append(found)
    return tuple(out)


def near(family: Family) -> tuple[Through, ...]:
    """The slices of a family that can change the fields of its moves, carried through all.

    A slice changes what moves its tensors or depends on them; one further out, what it brings in.
    """
    names, kept = _tensors(family.moves), list[Through]()
    for through in reversed(family.via):
        own = _tensors(through.moves)
        if not names.isdisjoint(own):
            names |= own
            kept.append(through)
    return tuple(reversed(kept))


def _tensors(moves: Iterable[Move]) -> set[str]:
    return {n for m in moves for n in (m.parameter, *m.reads)}


def acting(
    fields: Iterable[VectorField], slices: Sequence[Slice]
) -> list[Slice] | None:
    """The slices that change one of the fields as they are carried through all; None as there."""
    if any(there.offsets for there in slices):
        return _acting_one_by_one(fields, slices)
    found: list[Slice] = []
    now = list(fields)
    for there in _merged(tuple(slices)):
        found += [one for one in there.parts if any(map(one.changes, now))]
        back = [there.carry(f) for f in now]
        now = [f for f in back if f is not None]
        if len(now) < len(back):
            return None
    return found[::-1]


def _acting_one_by_one(
    fields: Iterable[VectorField], slices: Sequence[Slice]
) -> list[Slice] | None:
    """`acting` where slices scale w + u."""
    found: list[Slice] = []
    now = tuple(fields)
    for there in reversed(slices):
        back = carried(now, [there])
        if back is None:
            return None
        if back != now:
            found.append(there)
        now = back
    return found[::-1]


def in_other(field: VectorField, added: Mapping[int, Polynomial]) -> VectorField | None:
    """The field where coordinates are written as theta - added; None where one has a power < 0."""
    if not any(j in added for j in field.reads):
        return field
    out: list[tuple[int, Monomial, Number]] = []
    for (k, m), c in field.terms.items():
        value = _substituted(m, added)
        if value is None:
            return None
        out += [(k, n, c * d) for n, d in value.items()]
    return VectorField.collect(out)


def require_transitive(through: Through, coordinates: Coordinates) -> None:
    """Raises ValueError unless the family is simply transitive on its parameter's values.

    Nothing that it moves by is itself moved, so that its finite action is that of its moves.
    """
    name, copies = through.parameter, prod(through.copies)
    own = [m for m in through.moves if m.parameter == name]
    scaling = through.kind.is_scaling
    forms = ("s^k",) if scaling else ("+c", "+Tc")
    shapes = {coordinates.counts(m) for m in through.moves}
    fits = shapes == {(copies, through.size)} and all(m.form in forms for m in through.moves)
    if not fits or [m.form for m in own] != [forms[0]] or not own[0].weight:
        raise ValueError(f"{name} is fixed by no such slice")
    read = {n for m in through.moves for n in m.reads}
    if not through.kind.is_vector or read & {m.parameter for m in through.moves} or any(
            m.sum_of for m in through.moves):
        raise ValueError(f"{name} is fixed by no such slice")
    if copies * through.size != prod(coordinates.shapes[name]):
        raise ValueError(f"the slice of {name} fixes a part of it")
    roots = any(m.weight.denominator > 1 for m in through.moves) or abs(own[0].weight) != 1
    if scaling and roots:
        raise ValueError(f"the slice of {name} needs a root of it")


class Scalings:
    """Scalings of coordinates by monomials, of one slice or of several: theta_k = m_k sigma_k."""

    def __init__(self, factor: dict[int, Monomial], parts: Sequence[Slice]) -> None:
        self._factor, self.parts = factor, list(parts)
        self._by = {t for m in factor.values() for t, _ in m}

    def takes(self, outer: Slice) -> bool:
        """Take a slice around these, if it scales nothing that they scale by; whether it did.

        Then it scales each term as it would have without them.
        """
        if not outer.scales or not self._by.isdisjoint(outer.factor):
            return False
        for k, m in outer.factor.items():
            self._factor[k] = times(self._factor.get(k, ()), m)
            self._by.update(t for t, _ in m)
        self.parts.append(outer)
        return True

    def carry(self, field: VectorField) -> VectorField:
        """The field in theta."""
        factor = self._factor
        if factor.keys().isdisjoint(field.support) and factor.keys().isdisjoint(field.reads):
            return field
        return VectorField.collect(
            (k, times(m, _scaled(factor, k, m)), c) for (k, m), c in field.numbers.items())


@lru_cache(maxsize=8)
def _merged(slices: tuple[Slice, ...]) -> list[Scalings | Slice]:
    """The slices from the inside out, scalings together where they may be."""
    out: list[Scalings | Slice] = []
    for there in reversed(slices):
        last = out[-1] if out else None
        if isinstance(last, Scalings) and last.takes(there):
            continue
        out.append(Scalings(dict(there.factor), [there]) if there.scales else there)
    return out


def _scaled(factor: Mapping[int, Monomial], k: int, m: Monomial) -> Monomial:
    """By what the term m d/d theta_k is multiplied."""
    out = factor.get(k, ())
    for j, e in m:
        if j in factor:
            out = times(out, tuple((t, -e * n) for t, n in factor[j]))
    return out


class Slice:
    """How h(theta) acts on each coordinate, for one slice."""

    def __init__(self, through: Through, coordinates: Coordinates) -> None:
        own = own_move(through)
        self._elements: list[int] = coordinates.moved(own).reshape(-1).tolist()
        self.scales = through.kind.is_scaling
        #: theta_k = m_k(s) sigma_k, m_k a monomial in the coordinates of the fixed parameter.
        self.factor: dict[int, Monomial] = {}
        #: theta_k = sigma_k + (terms in the fixed parameter and the sources).
        self._added: dict[int, Polynomial] = {}
        #: Target, source, fixed coordinate, weight: what of a shift is linear in its sources.
        self._pushed: dict[int, list[tuple[int, int, Fraction]]] = {}
        #: The u of coordinates w that are scaled as w + u.
        self.offsets: dict[int, Fraction] = {}
        for move in through.moves:
            if coordinates.offset(move) and (self.scales or move is own):
                self.offsets |= {
                    k: coordinates.offset(move) for k, _ in _element_of(move, coordinates)}
            if self.scales:
                power = int(move.weight * own.weight)  # own.weight is +-1: s_e = t_e ** own.weight
                for k, e in _element_of(move, coordinates):
                    self.factor[k] = times(
                        self.factor.get(k, ()), ((self._elements[e], power),))
            elif move.parameter != through.parameter:
                self._shift(move, move.weight / own.weight, coordinates)

    def _shift(self, move: Move, weight: Fraction, coordinates: Coordinates) -> None:
        if move.form == "+c":
            for k, e in _element_of(move, coordinates):
                _put(self._added.setdefault(k, {}), ((self._elements[e], 1),), weight)
            return
        coordinates.require_plain(move.source)
        source = coordinates.read(move)
        target = coordinates.whole(move.parameter, move.part).reshape(-1)
        flat = source.reshape(source.shape[0] * source.shape[1], source.shape[2], -1)
        for t, rows in zip(self._elements, flat, strict=True):
            for row in rows:
                for k, j in zip(target.tolist(), row.tolist(), strict=True):
                    _put(self._added.setdefault(k, {}), times(((t, 1),), ((j, 1),)), weight)
                    self._pushed.setdefault(j, []).append((k, t, weight))

    def carry(self, field: VectorField) -> VectorField | None:
        """D_sigma (h.sigma) Y(h^-1 theta); None where it is no Laurent polynomial."""
        if self.scales:
            return Scalings(self.factor, [self]).carry(field)
        return self._through_shift(field)

    @property
    def parts(self) -> list[Slice]:
        """This one."""
        return [self]

    def changes(self, field: VectorField) -> bool:
        """Whether a field is another one in theta."""
        if not self.scales:
            return self._through_shift(field) != field
        moved, read = field.components, field.readers
        factor = self.factor
        near = factor if len(factor) < len(moved) + len(read) else {
            k: () for k in (*moved, *read) if k in factor}
        return any(
            _scaled(factor, k, m) for k in near for m, _ in moved.get(k, ())
        ) or any(_scaled(factor, k, m) for j in near for k, m, _, _ in read.get(j, ()))

    def _through_shift(self, field: VectorField) -> VectorField | None:
        if not any(j in self._added for j in field.reads) and not any(
                j in self._pushed for j in field.support):
            return field
        out: list[tuple[int, Monomial, Number]] = []
        for (k, m), c in field.terms.items():
            value = _substituted(m, self._added)
            if value is None or len(out) > MAX_TERMS:
                return None
            out += [(k, n, c * d) for n, d in value.items()]
        moved = VectorField.collect(out)
        for j, targets in self._pushed.items():
            for k, t, weight in targets if j in moved.components else ():
                out += [(k, times(m, ((t, 1),)), weight * c) for m, c in moved.components[j]]
        return VectorField.collect(out)


def _element_of(move: Move, coordinates: Coordinates) -> Iterator[tuple[int, int]]:
    """Coordinates that a move reaches, with the number of the element's index."""
    index = coordinates.moved(move)
    flat = index.reshape(index.shape[0] * index.shape[1], -1)
    for e, row in enumerate(flat):
        for k in row:
            yield int(k), e


def _put(polynomial: Polynomial, m: Monomial, c: Fraction) -> None:
    polynomial[m] = polynomial.get(m, Fraction(0)) + c


def _substituted(m: Monomial, added: Mapping[int, Polynomial]) -> Polynomial | None:
    """The monomial at sigma = theta - added(theta)."""
    value: Polynomial = {(): Fraction(1)}
    for j, e in m:
        if j not in added:
            value = {times(n, ((j, e),)): c for n, c in value.items()}
            continue
        if e < 0:
            return None
        for _ in range(e):
            grown: Polynomial = {}
            for n, c in value.items():
                _put(grown, times(n, ((j, 1),)), c)
                for q, d in added[j].items():
                    _put(grown, times(n, q), -c * d)
            value = grown
    return value
