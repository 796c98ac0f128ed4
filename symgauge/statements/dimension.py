"""The dimension of a structural algebra, counted on legs: a polynomial in their sizes.

Matrices on different legs are independent, but for their multiples of 1: those, all scalings and
all shifts are counted by components. A family that is numbered by the indices of the legs S is
the sum over U within S of functions that vary along U and have mean 0 along each leg of U; on such
a component families are vectors of numbers, one for each place, and their rank counts the
dimension: sum over U of rank(U) prod over U of (n - 1).

That is the dimension of the algebra; `stabiliser` says when the orbits have it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

from symgauge.derivers.element import LOG, OVER
from symgauge.laws.reads import unread_summands
from symgauge.program.legs import Ref
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
        kind = "shift" if found.family.kind.is_shift else "scale"
        legs = found.element.legs
        entries = found.element.entries
        if plain and kind == "shift":
            # where all gains are 1, what is over them is a constant
            entries = tuple((*e[:2], (), e[3]) for e in entries if not e[2] or e[2][0] == OVER)
        for k in range(len(legs) + 1) if found.element.entries else ():
            for chosen in combinations(range(len(legs)), k):
                vector: Vector = {}
                for node, at, tag, weight in entries:
                    own = tuple(sorted(at[i] for i in chosen))
                    for block in self._blocks((node, at, tag, weight)):
                        told = tag if kind == "shift" else [t for t in tag if t == LOG]
                        key = (node, block, own, tuple(told))
                        vector[key] = vector.get(key, Fraction(0)) + weight
                u = tuple(sorted(_root(self.structure, legs[i]) for i in chosen))
                yield (kind, u), {key: w for key, w in vector.items() if w}

    def _blocks(self, entry: Entry) -> Iterable[tuple[Address, ...]]:
        """The blocks of a parameter that a family reaches: one summand of each axis, or all."""
        node, at, tag, _ = entry
        structure = self.structure
        prefixes: dict[int, Address] = {}
        for a in at:  # what numbers copies may be beside the leg that has parts
            if a[-1] >= 0 and len(a) > len(prefixes.get(a[0], ())):
                prefixes[a[0]] = a[:-1]
        for t in tag:
            if isinstance(t, tuple) and t and all(isinstance(x, int) for x in t):
                if len(t) > len(prefixes.get(t[0], ())):
                    prefixes[t[0]] = t
        blocks: list[tuple[Address, ...]] = [()]
        for axis in range(len(structure.axes[node])):
            # on a factor beside a direct sum, it reaches all summands
            start = prefixes.get(axis, (axis,))
            choices = [
                c for c in self._deepest(start, structure.leaves_of(node, start))
                if len(start) > 1 or (node, *c[:3]) not in unread_summands(structure)]
            blocks = [(*b, c) for b in blocks for c in choices]
        return blocks

    def _deepest(self, prefix: Address, leaves: Sequence[Ref]) -> list[Address]:
        """The summands of the first factor that is a direct sum, theirs in turn, and so on."""
        for k, (leg, sign) in enumerate(leaves):
            parts = () if leg in self.halved else self.structure.parts(leg)
            if parts:
                return [c for j, (part, turn) in enumerate(parts) for c in self._deepest(
                    (*prefix, k, j), self.structure.part_leaves((part, turn * sign)))]
        return [prefix]


def _root(structure: Structure, leg: int) -> int:
    # the number of pairs of a halved leg is -1 - leg
    return leg if leg < 0 else structure.legs.find(leg)[0]


def leg_size(structure: Structure, leg: int) -> int:
    """Number of indices of a leg; of pairs, for one that turns as pairs."""
    return structure.size(-1 - leg) // 2 if leg < 0 else structure.size(leg)


def halved_legs(structure: Structure, families: Sequence[Structural]) -> set[int]:
    """Direct sums that count as one leg: those that turn as pairs, or are addressed whole."""
    return {
        structure.leg_at(node, a[:-1] if a[-1] < 0 else a) for node, a in addressed(families)
        if a[-1] < 0 or structure.parts(structure.leg_at(node, a))
    }


def addressed(families: Sequence[Structural]) -> Iterator[tuple[int, Address]]:
    """Where the elements' indices sit: what T c adds is told by T's own addresses."""
    for found in families:
        for node, at, tag, _ in found.element.entries:
            source = tag[0] if tag and isinstance(tag[0], int) else node
            yield from ((source, a) for a in at)


def independent(
    structure: Structure, families: Sequence[Structural]
) -> tuple[list[Structural], dict[Component, int]]:
    """The families that add to those before them, matrices first; and the ranks of all."""
    components = Components(structure, halved_legs(structure, families))
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


def polynomial(found: Found) -> tuple[str, dict[str, str]]:
    """The dimension as a polynomial in the sizes of the legs, and what its symbols are.

    Legs of one role and one size share a symbol: layers show as numbers in front.
    """
    from sympy import Symbol, expand, sstr

    named = _Symbols(found)

    def size(leg: int, structure: Structure) -> Any:
        return Symbol(named.of(leg, structure), positive=True)

    return sstr(expand(counted(found, size))), named.meanings


def counted(found: Found, size: Callable[[int, Structure], Any]) -> Any:
    """The dimension with these sizes of legs, which may be symbols; not expanded.

    `size` is asked of a leg and its structure, -1 - leg being the number of pairs of a leg that
    turns as pairs. A size that does not enter is not asked for.
    """
    from sympy import Add, Integer, Rational

    terms: list[Any] = []  # added at once: each sum by itself would be sorted anew
    for s, _ in found.slices:
        term: Any = Integer(1)
        for leg in s.element.legs:
            term = term * size(leg, found.structure)
        terms.append(term)
    for s in found.families:
        if not s.traceless:
            continue
        each: Any = -Integer(s.family.kind.contains_scalars) + sum(
            Rational(c) * (size(s.leg, found.sliced)**k if k else 1)
            for k, c in enumerate(s.family.kind.polynomial) if c)
        for leg in s.copies:
            each = each * size(leg, found.sliced)
        terms.append(each)
    _, ranks = independent(found.sliced, found.families)
    for (_, u), count in ranks.items():
        term = Integer(count)
        for leg in u:
            term = term * (size(leg, found.sliced) - 1)
        terms.append(term)
    return Add(*terms)


#: The letter of a size whose role begins with a word.
LETTERS = (
    ("head query/key", "d_k"), ("query/key", "d_k"), ("head value", "d_v"), ("value", "d_v"),
    ("stream", "d"), ("groups of heads", "g"), ("heads", "h"), ("hidden", "m"),
    ("vocabulary", "V"), ("positions", "T"), ("channels", "c"), ("input", "n_in"),
    ("output", "n_out"),
)


class _Symbols:
    """A symbol for each role and size of legs."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self._roles = dict(_roles(found))
        self._given: dict[tuple[str, int], str] = {}
        self.meanings: dict[str, str] = {}

    def of(self, leg: int, structure: Structure) -> str:
        """The symbol of a leg of a program."""
        n = leg_size(structure, leg)
        if leg < 0:
            role, letter = "pairs of a rotary head", "f"
        else:
            role = self._roles.get((structure is self.found.sliced, _root(structure, leg)), "leg")
            letter = next((x for word, x in LETTERS if role.startswith(word)), "n")
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
                name = None if place is None or place.periods else places.get(
                    (p.name, address[0], place.start, place.sizes, place.along))
                if name is not None:
                    yield (structure is found.sliced, structure.legs.find(ref)[0]), name
