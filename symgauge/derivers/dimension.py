"""The dimension of a structural algebra, counted on legs: a polynomial in their sizes.

Matrices on different legs are independent, but for their multiples of 1: those, all scalings and
all shifts are counted by components. A family that is numbered by the indices of the legs S is
the sum over U within S of functions that vary along U and have mean 0 along each leg of U; on such
a component families are vectors of numbers, one for each place, and their rank counts the
dimension: sum over U of rank(U) prod over U of (n - 1).

That is the dimension of the algebra. The orbits have it too where no generator but 0 vanishes at
a generic point: `generic_stabiliser` decides that by a sufficient criterion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

from symgauge.families.family import Move, Place
from symgauge.families.kind import Kind, MatrixKind
from symgauge.spaces.line import Address
from symgauge.spaces.reads import unread_summands
from symgauge.spaces.structure import Structure

if TYPE_CHECKING:
    from symgauge.derivers.element import Entry, Found, Structural

#: ("scale" or "shift", the legs of U): each leg stands for the factor n - 1.
Component = tuple[str, tuple[int, ...]]
Vector = dict[object, Fraction]


class Components:
    """The components of families of scalings and shifts, and their ranks."""

    def __init__(self, structure: Structure, halved: Iterable[int] = ()) -> None:
        self.structure = structure
        #: Legs that turn as pairs: they are one leg here.
        self.halved = set(halved)
        self._rows: dict[Component, dict[object, Vector]] = {}

    def add(self, found: Structural, plain: bool = False) -> bool:
        """Whether the family adds a dimension to what was added before.

        `plain` leaves out what other tensors contribute (T c): constants alone.
        """
        grown = False
        for component, vector in self._vectors(found, plain):
            rows = self._rows.setdefault(component, {})
            while vector:
                key = min(vector, key=repr)
                if key not in rows:
                    rows[key] = vector
                    grown = True
                    break
                factor = vector[key] / rows[key][key]
                for k, c in rows[key].items():
                    rest = vector.get(k, Fraction(0)) - factor * c
                    if rest:
                        vector[k] = rest
                    else:
                        vector.pop(k, None)
        return grown

    @property
    def ranks(self) -> dict[Component, int]:
        """Rank by component."""
        return {key: len(rows) for key, rows in self._rows.items() if rows}

    def _vectors(self, found: Structural, plain: bool) -> Iterator[tuple[Component, Vector]]:
        kind = "shift" if found.family.kind.is_shift else "scale"
        legs = found.element.legs
        entries = [e for e in found.element.entries if not plain or kind == "scale" or not e[2]]
        for k in range(len(legs) + 1) if found.element.entries else ():
            for chosen in combinations(range(len(legs)), k):
                vector: Vector = {}
                for node, at, tag, weight in entries:
                    own = tuple(sorted(at[i] for i in chosen))
                    for block in self._blocks((node, at, tag, weight)):
                        key = (node, block, own, tag if kind == "shift" else ())
                        vector[key] = vector.get(key, Fraction(0)) + weight
                u = tuple(sorted(_root(self.structure, legs[i]) for i in chosen))
                yield (kind, u), {key: w for key, w in vector.items() if w}

    def _blocks(self, entry: Entry) -> Iterable[tuple[Address, ...]]:
        """The blocks of a parameter that a family reaches: one summand of each axis, or all."""
        node, at, tag, _ = entry
        structure = self.structure
        prefixes = {a[0]: a[:-1] for a in at if a[-1] >= 0}
        for t in tag:
            if isinstance(t, tuple) and t and all(isinstance(x, int) for x in t):
                prefixes.setdefault(t[0], t)
        blocks: list[tuple[Address, ...]] = [()]
        for axis in range(len(structure.axes[node])):
            leaves = structure.leaves(node, axis)
            whole = not leaves or leaves[0][0] in self.halved
            parts = () if whole else structure.parts(leaves[0][0])
            if axis in prefixes:
                choices = [prefixes[axis]]
            elif parts:
                choices = [
                    (axis, 0, j) for j in range(len(parts))
                    if (node, axis, 0, j) not in unread_summands(structure)
                ]
            else:
                choices = [(axis,)]
            blocks = [(*b, c) for b in blocks for c in choices]
        return blocks


def _root(structure: Structure, leg: int) -> int:
    # the number of pairs of a halved leg is -1 - leg
    return leg if leg < 0 else structure.legs.find(leg)[0]


def leg_size(structure: Structure, leg: int) -> int:
    """Number of indices of a leg; of pairs, for one that turns as pairs."""
    return structure.size(-1 - leg) // 2 if leg < 0 else structure.size(leg)


def _halved(structure: Structure, families: Sequence[Structural]) -> set[int]:
    """Direct sums that count as one leg: those that turn as pairs, or are addressed whole."""
    return {
        structure.leg_at(node, a[:-1] if a[-1] < 0 else a) for node, a in _addressed(families)
        if a[-1] < 0 or structure.parts(structure.leg_at(node, a))
    }


def _addressed(families: Sequence[Structural]) -> Iterator[tuple[int, Address]]:
    """Where the elements' indices sit: what T c adds is told by T's own addresses."""
    for found in families:
        for node, at, tag, _ in found.element.entries:
            source = tag[0] if tag and isinstance(tag[0], int) else node
            yield from ((source, a) for a in at)


def _in_parts(structure: Structure, families: Sequence[Structural], whole: set[int]) -> bool:
    """Whether a family sits on a summand of a leg that is addressed whole elsewhere."""
    return any(
        structure.leg_at(node, a[:n]) in whole
        for node, a in _addressed(families) if a[-1] >= 0 for n in range(2, len(a), 2)
    )


def independent(
    structure: Structure, families: Sequence[Structural]
) -> tuple[list[Structural], dict[Component, int]]:
    """The families that add to those before them, matrices first; and the ranks of all."""
    components = Components(structure, _halved(structure, families))
    order = sorted(families, key=lambda f: (not f.traceless, -len(f.element.legs)))
    kept = {id(f) for f in order if components.add(f) or f.traceless}
    return [f for f in families if id(f) in kept], components.ranks


def dimension(found: Found) -> int:
    """The dimension of the algebra at the sizes of the program: slices and families together."""
    structure = found.sliced
    total = sum(s.family.dimension for s, _ in found.slices)
    for s in found.families:
        total += s.traceless * prod(s.family.copies)
    _, ranks = independent(structure, found.families)
    for (_, u), count in ranks.items():
        total += count * prod(leg_size(structure, leg) - 1 for leg in u)
    return total


def generic_stabiliser(found: Found) -> str | None:
    """Why a generator but 0 might vanish at every point, or None where none does generically.

    Let a combination of generators vanish at a generic point. (1) A matrix A that alone turns a
    block of a tensor, besides matrices already known to be 0 and shifts that are constant along the
    other axes, has A P = 0 with as many columns as are left: A = 0 where these are n (n - 1 for
    rotations, 1 for A = u 1^T). (2) The scalings that are left act on entries that are not 0, and
    what they add is not constant along an axis, as a shift is. (3) The shifts' own constants are
    independent. On the slices; there a slice's own parameter is moved by its family alone.
    """
    structure = found.sliced
    families, _ = independent(structure, found.families)
    halved = _halved(structure, families)
    if _in_parts(structure, families, halved):
        return "a leg is used whole and in parts"
    return (
        _loose_matrix(structure, families)
        or _loose_scaling(structure, families, halved)
        or _loose_shift(structure, families, halved)
    )


def _loose_matrix(structure: Structure, families: Sequence[Structural]) -> str | None:
    """(1) of `generic_stabiliser`: matrices that are not shown to be 0."""
    movers = _Movers(structure, families)
    unknown = [f for f in families if f.traceless]
    while unknown:
        pinned = [f for f in unknown if movers.pin(f, unknown)]
        if not pinned:
            tensors = ", ".join(unknown[0].family.tensors[:3])
            return f"the tensors {tensors} are too small to fix every matrix on their leg"
        unknown = [f for f in unknown if f not in pinned]
    return None


def _loose_scaling(
    structure: Structure, families: Sequence[Structural], halved: set[int]
) -> str | None:
    """(2): scalings, those in matrices included, that shifts may undo."""
    shifted = {
        (node, at) for f in families if f.family.kind.is_shift
        for node, at, tag, _ in f.element.entries if not tag
    }
    # a shift that carries an index on every axis: nothing of the tensor is left to tell by
    full = {
        node for node, at in shifted
        if {a[0] for a in at} == {a[0] for a in structure.top(node)}
    }
    good, every = Components(structure, halved), Components(structure, halved)
    for f in families:
        if f.family.kind.is_scaling or f.traceless:
            every.add(f)
            good.add(_without(f, full))
    if good.ranks != every.ranks:
        return "a scaling moves nothing but tensors that are shifted freely"
    return None


def _loose_shift(
    structure: Structure, families: Sequence[Structural], halved: set[int]
) -> str | None:
    """(3): shifts whose constants are the same."""
    constants, whole = Components(structure, halved), Components(structure, halved)
    for f in families:
        if f.family.kind.is_shift:
            whole.add(f)
            constants.add(f, plain=True)
    return None if constants.ranks == whole.ranks else (
        "shifts differ by what they compensate alone")


def _without(found: Structural, nodes: set[int]) -> Structural:
    entries = tuple(e for e in found.element.entries if e[0] not in nodes)
    return replace(found, element=replace(found.element, entries=entries))


class _Movers:
    """Which families move each parameter, and what of it one matrix alone turns."""

    def __init__(self, structure: Structure, families: Sequence[Structural]) -> None:
        network = structure.network
        self._nodes = {
            p.name: i for i, p in zip(network.parameter_nodes, network.parameters, strict=True)}
        self._shapes = {name: network.nodes[i].shape for name, i in self._nodes.items()}
        self._of: dict[str, list[Structural]] = {}
        for f in families:
            for name in f.family.tensors:
                self._of.setdefault(name, []).append(f)

    def pin(self, f: Structural, unknown: Sequence[Structural]) -> bool:
        """Whether the blocks that a matrix alone turns leave it nothing but 0."""
        kind, n = f.family.kind, f.family.size
        assert isinstance(kind, MatrixKind)
        columns, polynomial_of_one = {"g": 0, "g^-T": 0}, False
        for move in f.family.moves:
            others = [m for m in f.family.moves if m is not move and _one_block(m, move)]
            if not others:
                columns[move.form] += self._columns(f, move, unknown)
            elif self._commutes(f, move, others):
                polynomial_of_one = True
        return kind.vanishes(columns["g"], columns["g^-T"], n, polynomial_of_one)

    def _commutes(self, f: Structural, move: Move, others: Sequence[Move]) -> bool:
        """Whether a tensor says A W - W A = 0: A is a polynomial in a generic square W."""
        assert move.at is not None
        return (
            len(others) == 1 and others[0].form != move.form and not move.at.per
            and self._shapes[move.parameter] == (f.family.size,) * 2
            and all(g is f for g in self._of[move.parameter])
        )

    def _columns(self, f: Structural, move: Move, unknown: Sequence[Structural]) -> int:
        """The columns of a block that nothing else moves but matrices that are known to be 0."""
        at, shape = move.at, self._shapes[move.parameter]
        assert at is not None
        left = prod(shape) // shape[at.axis] * prod(
            n for k, n in enumerate(at.sizes) if k != at.along and k not in at.per)
        for g in self._of[move.parameter]:
            if g is f or (g.traceless and g not in unknown):
                continue
            if not g.family.kind.is_shift:
                return 0
            for m in g.family.moves:
                if m.parameter == move.parameter:
                    left -= _hidden(f.family.kind, at, m, left)
        return max(left, 0)


def _one_block(a: Move, b: Move) -> bool:
    """Whether two matrices turn the same entries of a tensor, as far as their axes tell."""
    assert b.at is not None
    return a.parameter == b.parameter and a.at is not None and (
        a.at.axis != b.at.axis or a.at.start == b.at.start)


def _hidden(kind: Kind, at: Place, shift: Move, left: int) -> int:
    """How many of the columns that are left a shift may hide: one that it is constant along."""
    if shift.form != "+c" or shift.at is None:
        return left
    if shift.at.axis != at.axis:
        # constant along the leg: 1^T A P = 0, so it is 0 here
        return 0 if kind.fixes_ones else left
    own = set(range(len(shift.at.sizes))) - {shift.at.along, *shift.at.per}
    along = at.along if isinstance(at.along, tuple) else (at.along,)
    return left if own - {*along, *at.per} and shift.at.start == at.start else 1


def polynomial(found: Found) -> tuple[str, dict[str, str]]:
    """The dimension as a polynomial in the sizes of the legs, and what its symbols are.

    Legs of one role and one size share a symbol: layers show as numbers in front.
    """
    from sympy import Integer, Rational, Symbol, expand, sstr

    named = _Symbols(found)
    total: Any = Integer(0)
    structure = found.sliced

    def size(leg: int) -> Any:
        return Symbol(named.of(leg), positive=True)

    for s, _ in found.slices:
        term: Any = Integer(1)
        for leg in s.element.legs:
            term = term * Symbol(named.of(leg, found.structure), positive=True)
        total += term
    for s in found.families:
        if not s.traceless:
            continue
        each: Any = -Integer(s.family.kind.contains_scalars) + sum(
            Rational(c) * size(s.leg)**k for k, c in enumerate(s.family.kind.polynomial) if c)
        for leg in s.copies:
            each = each * size(leg)
        total += each
    _, ranks = independent(structure, found.families)
    for (_, u), count in ranks.items():
        term = Integer(count)
        for leg in u:
            term = term * (size(leg) - 1)
        total += term
    return sstr(expand(total)), named.meanings


class _Symbols:
    """A symbol for each role and size of legs."""

    LETTERS = (
        ("head query/key", "d_k"), ("query/key", "d_k"), ("head value", "d_v"), ("value", "d_v"),
        ("stream", "d"), ("groups of heads", "g"), ("heads", "h"), ("hidden", "m"),
        ("vocabulary", "V"), ("positions", "T"), ("channels", "c"), ("input", "n_in"),
        ("output", "n_out"),
    )

    def __init__(self, found: Found) -> None:
        self.found = found
        self._roles = dict(_roles(found))
        self._given: dict[tuple[str, int], str] = {}
        self.meanings: dict[str, str] = {}

    def of(self, leg: int, structure: Structure | None = None) -> str:
        """The symbol of a leg of the sliced program, or of another."""
        structure = structure or self.found.sliced
        n = leg_size(structure, leg)
        if leg < 0:
            role, letter = "pairs of a rotary head", "f"
        else:
            role = self._roles.get((structure is self.found.sliced, _root(structure, leg)), "leg")
            letter = next((x for word, x in self.LETTERS if role.startswith(word)), "n")
        key = (letter, n)
        if key not in self._given:
            taken = sum(x == letter for x, _ in self._given)
            name = letter if not taken else f"{letter}{taken + 1}"
            self._given[key] = name
            self.meanings[name] = f"{n} ({role})"
        return self._given[key]


def _roles(found: Found) -> Iterator[tuple[tuple[bool, int], str]]:
    """The role of every leg that meets a parameter, by its place."""
    from symgauge.spaces.roles import named_legs

    places: dict[tuple[str, int, int, tuple[int, ...], int], str] = {}
    for leg in named_legs(found.structure.network):
        for t in leg["touches"]:
            key = (t["parameter"], t["axis"], t["start"], tuple(t["sizes"]), t["along"])
            places[key] = leg["name"]
    for structure in (found.structure, found.sliced):
        network = structure.network
        for i, p in zip(network.parameter_nodes, network.parameters, strict=True):
            if i not in structure.lines:
                continue
            for address, (ref, _) in structure.addresses(i):
                place = structure.range_of(i, address)
                name = None if place is None else places.get((p.name, address[0], *place))
                if name is not None:
                    yield (structure is found.sliced, structure.legs.find(ref)[0]), name
