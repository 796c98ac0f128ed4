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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

from symgauge.laws.reads import unread_summands
from symgauge.program.moves import Address
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
        kind = "shift" if found.family.kind == "translation" else "scale"
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
    if _in_parts(structure, families, _halved(structure, families)):
        return "a leg is used whole and in parts"
    movers: dict[int, list[Structural]] = {}
    names = {
        p.name: i for i, p in zip(
            structure.network.parameter_nodes, structure.network.parameters, strict=True)
    }
    for f in families:
        for name in f.family.tensors:
            movers.setdefault(names[name], []).append(f)
    open_ = [f for f in families if f.traceless]
    while open_:
        pinned = [f for f in open_ if _pinned(structure, f, movers, open_, names)]
        if not pinned:
            tensors = ", ".join(open_[0].family.tensors[:3])
            return f"the tensors {tensors} are too small to fix every matrix on their leg"
        open_ = [f for f in open_ if f not in pinned]
    scalings = [f for f in families if f.family.kind == "diagonal" or f.traceless]
    shifts = [f for f in families if f.family.kind == "translation"]
    shifted = {(node, at) for f in shifts for node, at, tag, _ in f.element.entries if not tag}
    # a shift that carries an index on every axis: nothing of the tensor is left to tell by
    full = {
        node for node, at in shifted
        if {a[0] for a in at} == {a[0] for a in structure.top(node)}
    }
    halved = _halved(structure, families)
    good, every = Components(structure, halved), Components(structure, halved)
    for f in scalings:
        every.add(f)
        good.add(_without(f, full))
    if good.ranks != every.ranks:
        return "a scaling moves nothing but tensors that are shifted freely"
    constants, whole = Components(structure, halved), Components(structure, halved)
    for f in shifts:
        whole.add(f)
        constants.add(f, plain=True)
    if constants.ranks != whole.ranks:
        return "shifts differ by what they compensate alone"
    return None


def _without(found: Structural, nodes: set[int]) -> Structural:
    entries = tuple(e for e in found.element.entries if e[0] not in nodes)
    return replace(found, element=replace(found.element, entries=entries))


def _pinned(
    structure: Structure, f: Structural, movers: Mapping[int, Sequence[Structural]],
    unknown: Sequence[Structural], names: Mapping[str, int],
) -> bool:
    """Whether the blocks that a matrix alone turns leave it nothing but 0."""
    need = f.family.size - (f.family.kind in ("so", "so1"))
    if f.family.kind == "complex":
        need = 1
    columns = {"g": 0, "g^-T": 0}
    for move in f.family.moves:
        assert move.at is not None and isinstance(move.at.along, int)
        node = names[move.parameter]
        again = [
            m for m in f.family.moves if m.parameter == move.parameter and m is not move
            and m.at is not None and (m.at.axis != move.at.axis or m.at.start == move.at.start)
        ]
        if again:
            # A W - W A = 0: A is a polynomial in a generic square W, and one vector v with
            # A v = 0 more is enough; of other forms nothing is said
            square = len(again) == 1 and again[0].form != move.form and not move.at.per and (
                structure.network.nodes[node].shape == (f.family.size,) * 2)
            alone = all(g is f for g in movers[node])
            if square and alone:
                need = min(need, 1)
            continue
        shape = structure.network.nodes[node].shape
        rest = prod(shape) // shape[move.at.axis] * prod(
            n for k, n in enumerate(move.at.sizes)
            if k != move.at.along and k not in move.at.per)
        others = [
            g for g in movers[node] if g is not f and (g in unknown or not g.traceless)
        ]
        for g in others:
            if g.family.kind != "translation":
                rest = 0
                continue
            for m in g.family.moves:
                if m.parameter != move.parameter:
                    continue
                if f.family.kind == "so1" and m.form == "+c" and m.at is not None and (
                        m.at.axis != move.at.axis):
                    continue  # constant along the leg: 1^T A P = 0, so it is 0 here
                if m.form != "+c" or m.at is None or m.at.axis != move.at.axis:
                    rest = 0
                elif set(range(len(m.at.sizes))) - {m.at.along, *m.at.per} - {
                        move.at.along, *move.at.per} and m.at.start == move.at.start:
                    rest = 0
                else:
                    rest -= 1
        columns[move.form] += max(rest, 0)
    if f.family.kind == "gl":
        return max(columns.values()) >= need
    if f.family.kind == "centred":
        # u (1^T P) = 0, or 1 (u^T P) = 0
        return columns["g"] >= 1 or columns["g^-T"] >= need
    return sum(columns.values()) >= need


def polynomial(found: Found) -> tuple[str, dict[str, str]]:
    """The dimension as a polynomial in the sizes of the legs, and what its symbols are.

    Legs of one role and one size share a symbol: layers show as numbers in front.
    """
    from sympy import Integer, Symbol, expand, sstr

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
        own: Any = size(s.leg) if s.family.kind != "complex" else Integer(2)
        each: Any = {
            "gl": own**2 - 1, "so": own * (own - 1) / 2, "so1": (own - 1) * (own - 2) / 2,
            "complex": Integer(1), "centred": own,
        }[s.family.kind]
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
