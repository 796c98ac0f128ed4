"""The families that the legs of one program propose, each proved by intertwiners."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from symgauge.derivers.blocks import blocks
from symgauge.derivers.element import OVER, Element, Entry, Structural
from symgauge.families.family import Family, Move
from symgauge.families.kind import MatrixKind
from symgauge.families.kinds import kinds_on_legs
from symgauge.families.kinds.centred import CENTRED
from symgauge.families.kinds.diagonal import SCALING
from symgauge.families.kinds.equal_turns import equal_turns
from symgauge.families.kinds.form import FORM
from symgauge.families.kinds.translation import SHIFT
from symgauge.laws.facts import facts_of, totals_of, views_of
from symgauge.laws.reads import is_used, unread_summands
from symgauge.laws.turning import Mark
from symgauge.laws.weighing import Weight, Weights
from symgauge.laws.weighted import weighted_squares
from symgauge.program.moves import Address
from symgauge.proof.intertwiners.matrices import prove_joined, prove_matrix
from symgauge.proof.intertwiners.places import halves_of, is_whole_axis, place_of, shift_moves
from symgauge.proof.intertwiners.shifts import prove_shift
from symgauge.proof.intertwiners.weights import Echelon, primitive, prove_weights, solve_weights
from symgauge.spaces.line import NoLemma
from symgauge.spaces.rotary import turned_alike
from symgauge.spaces.structure import Structure


class Stage:
    """The families of one program."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        network = structure.network
        read = [
            i for i in network.parameter_nodes if i in structure.lines and is_used(structure, i)]
        self.parameters = read
        self.names = structure.names
        self.shapes = {i: network.nodes[i].shape for i in read}
        #: Where each leg without structure meets parameters: (parameter, address, parity).
        self.met: dict[int, list[tuple[int, Address, int]]] = {}
        #: Legs that are two halves of one leg, by the leg of a half.
        self.halves: dict[int, list[tuple[int, Address, int]]] = {}
        self._turned: set[int] = set()
        for i in read:
            for address, (leg, parity) in structure.addresses(i):
                if (i, *address[:3]) in unread_summands(structure):
                    continue
                root, turn = structure.legs.find(leg)
                parts = [
                    (structure.legs.find(p)[0], s * structure.legs.find(p)[1])
                    for p, s in structure.parts(root)
                ]
                if not parts:
                    self.met.setdefault(root, []).append((i, address, parity * turn))
                elif len(parts) == 2 and len(set(parts)) == 1 and len(address) >= 2:
                    half, sign = parts[0]
                    self.halves.setdefault(half, []).append((i, address, parity * turn * sign))

    # -- places ----------------------------------------------------------------------------------

    def copies(self, places: Sequence[tuple[int, Address, int]]) -> list[int]:
        """Legs beside a leg at each of its places, those of whole other axes last, in order."""
        shared: list[int] | None = None
        for node, address, _ in places:
            beside = [self.structure.legs.find(leg)[0] for a, leg in self._beside(node, address)]
            leg = self.structure.legs.find(self.structure.leg_at(node, address))[0]
            own = [x for x in beside if beside.count(x) == 1 and x != leg]
            shared = own if shared is None else [x for x in shared if x in own]
        return shared or []

    def choices(self, places: Sequence[tuple[int, Address, int]]) -> list[tuple[int, ...]]:
        """What may number the copies: as many legs as go, first those of other axes left out."""
        legs = self.copies(places)
        near = [leg for leg in legs if any(
            self.structure.legs.find(x)[0] == leg and a[0] == address[0]
            for node, address, _ in places for a, x in self._beside(node, address))]
        far = [leg for leg in legs if leg not in near]
        return [(*near, *chosen) for k in range(len(far), -1, -1)
                for chosen in combinations(far, k)]

    def _beside(self, node: int, address: Address) -> Iterator[tuple[Address, int]]:
        for a, (leg, _) in self.structure.addresses(node):
            if self.structure.parts(leg):
                continue
            n = len(a) - 1
            if a[:n] == address[:-1] and a != address:
                yield a, leg
            elif len(a) < len(address) and a[:n] == address[:n] and a[n] < address[n]:
                yield a, leg  # it is in front of what the leaf is a part of
            elif a[0] != address[0] and is_whole_axis(self.structure, node, a):
                yield a, leg

    def copy_addresses(
        self, node: int, address: Address, copies: Sequence[int]
    ) -> tuple[Address, ...]:
        """Where the legs that number copies sit beside a leaf."""
        found = {self.structure.legs.find(leg)[0]: a for a, leg in self._beside(node, address)}
        return tuple(found[c] for c in copies)

    # -- matrices --------------------------------------------------------------------------------

    def matrices(self) -> Iterator[Structural]:
        """One family for each leg on which matrices act."""
        neighbours = any(
            line.law == "rotary" and line.attrs["pairs"] == "neighbours"
            for line in self.structure.lines.values()
        )
        for root, places in self.met.items():
            n = self.structure.size(root)
            kinds = [k for k in kinds_on_legs(n) if neighbours or not k.commutes_with_turns]
            found = self._first(kinds, places, halved=False) if n > 1 else None
            if found is not None:
                self._turned.add(root)
                yield found
        turning = [k for k in kinds_on_legs(2) if k.commutes_with_turns]
        for half, places in self.halves.items():
            # every place of the leg must be one of two halves
            if len(self.met.get(half, ())) == 2 * len(places):
                alike = turned_alike(self.structure.lines.values(), 2 * self.structure.size(half))
                whole = [] if alike is None else [equal_turns(alike)]
                found = self._first(whole, places, halved=False) or (
                    self._first(turning, places, halved=True))
                if found is not None:
                    self._turned.add(half)
                    yield found
        yield from self._centred()
        found_forms = weighted_squares(self.structure, facts_of(self.structure))
        for form, address in dict.fromkeys(found_forms):
            root = self.structure.legs.find(self.structure.leg_at(form, address))[0]
            others = [p for p in self.met.get(root, ()) if p[0] != form]
            if others:  # else squares of what no parameter makes
                with contextlib.suppress(NoLemma):
                    yield self._matrix(FORM, others, (), False, form)

    def _first(
        self, kinds: Sequence[MatrixKind], places: Sequence[tuple[int, Address, int]],
        halved: bool,
    ) -> Structural | None:
        choices = self.choices(places)
        near = choices[-1]
        for kind in kinds:
            for whole in choices[:-1]:
                with contextlib.suppress(NoLemma):
                    return self._matrix(kind, places, whole, halved)
            for k in range(len(near), -1, -1):
                mixed = False
                for copies in combinations(near, k):
                    try:
                        return self._matrix(kind, places, copies, halved)
                    except NoLemma as reason:
                        mixed = mixed or "copies" in str(reason)
                if not mixed:
                    break
        return None

    def _matrix(
        self, kind: MatrixKind, places: Sequence[tuple[int, Address, int]],
        copies: Sequence[int], halved: bool, form: int | None = None,
    ) -> Structural:
        start: dict[int, dict[Address, Mark]] = {}
        moves, entries = [], []
        first = places[0][2]
        for node, address, parity in places:
            at = self.copy_addresses(node, address, copies)
            start.setdefault(node, {})[address] = Mark(parity * first, at)
            place = place_of(self.structure, node, address, at)
            if halved:
                place = halves_of(place)
                at = (*at, (*address, -1))
            moves.append(Move(
                self.names[node], "g^-T" if parity != first else "g" if form is None else "gT",
                place, source=None if form is None else self.names[form]))
            entries.append((node, at, (address[:-1],), Fraction(parity * first)))
        steps = prove_matrix(self.structure, kind, start, form)
        sizes = [self.structure.size(c) for c in copies]
        n = self.structure.size(self.structure.leg_at(*places[0][:2]))
        legs = tuple(copies)
        if halved:
            sizes.append(n // 2)
            legs, n = (*legs, -1 - self.structure.leg_at(*places[0][:2])), 2
        return Structural(
            Family(kind, tuple(sizes), n, tuple(moves), ()),
            Element(legs, tuple(entries) if kind.contains_scalars else ()),
            kind.dimension(n) - kind.contains_scalars, tuple(steps),
            self.structure.leg_at(*places[0][:2]), legs,
        )

    def _centred(self) -> Iterator[Structural]:
        """1 + u 1^T on what is added to a value of sum 0, and on what reads the sum."""
        turned: set[tuple[int, Address]] = set()
        for node, address in self._beside_sums_of_0():
            whole = [a for a, _ in self._beside(node, address)]
            tried = (c for k in range(len(whole), -1, -1) for c in combinations(whole, k))
            for copies in tried if (node, address) not in turned else ():
                try:
                    found, places = self._centred_on(node, address, copies)
                except NoLemma:
                    continue
                if not places & turned:  # one tensor in two families: they might not be independent
                    yield found
                turned |= places
                break

    def _beside_sums_of_0(self) -> Iterator[tuple[int, Address]]:
        """Leaves of parameters that are added to a value which sums to 0 along the leaf."""
        structure = self.structure
        for line in structure.lines.values():
            if not line.adds:
                continue
            for k, other in enumerate(line.inputs[::-1]):
                view = views_of(structure).get(line.inputs[k])
                back = {} if view is None else {there: a for a, there in view.places.items()}
                for axis, total in totals_of(structure).get(other, {}).items():
                    if view is not None and total == 0 and (axis, 0) in back:
                        yield view.parameter, back[axis, 0]

    def _centred_on(
        self, node: int, address: Address, copies: tuple[Address, ...]
    ) -> tuple[Structural, set[tuple[int, Address]]]:
        joined = prove_joined(self.structure, CENTRED, {node: {address: Mark(1, copies)}})
        moves = tuple(
            Move(self.names[i], "g" if mark.parity == 1 else "g^-T",
                 place_of(self.structure, i, a, mark.copies))
            for i, own in joined.marks.items() for a, mark in own.items()
        )
        leg = self.structure.leg_at(node, address)
        legs = tuple(self.structure.leg_at(node, c) for c in copies)
        n, sizes = self.structure.size(leg), tuple(self.structure.size(c) for c in legs)
        return Structural(
            Family(CENTRED, sizes, n, moves, ()), Element(legs, ()), n, tuple(joined.steps),
            leg, legs,
        ), {(i, a) for i, own in joined.marks.items() for a in own}

    # -- scalings --------------------------------------------------------------------------------

    @cached_property
    def gains(self) -> frozenset[int]:
        """Parameters that enter a product entry by entry."""
        views = views_of(self.structure)
        return frozenset(
            views[j].parameter for line in self.structure.lines.values()
            if line.law == "product" for j in line.inputs if j in views
        )

    def scalings(self) -> Iterator[Structural]:
        """One factor for each index of a leg; then one factor for whole tensors."""
        for root, places in self.met.items():
            yield from self.on_leg(root, places)
        yield from self.on_tensors()

    def on_leg(
        self, root: int, places: Sequence[tuple[int, Address, int]]
    ) -> Iterator[Structural]:
        """The scalings of the indices of one leg."""
        order = sorted(places, key=lambda p: (
            p[0] in self.gains, -len(self.shapes[p[0]]), self.parameters.index(p[0])))
        known = Echelon()
        choices = self.choices(places)
        # all scaled alike, where no copies go: a pair that turns
        fewer = [c for k in range(len(choices[-1])) for c in combinations(choices[-1], k)][::-1]
        for copies in (*choices, *fewer):
            if copies in fewer and (known.rows or root in self._turned):
                break
            found = self._weights(order, copies)
            if root in self._turned:
                # the matrices' own diagonal is among these
                found = found[1:]
            # of fewer copies, what more of them do not say already
            new = [row for row in found if known.add(dict(enumerate(row)))]
            yield from self._scalings(root, order, copies, new)

    def _weights(
        self, order: Sequence[tuple[int, Address, int]], copies: Sequence[int]
    ) -> list[list[Fraction]]:
        """The weights at these places that leave the outputs as they are."""
        start: dict[int, Weights] = {}
        for k, (node, address, _) in enumerate(order):
            at = self.copy_addresses(node, address, copies)
            start.setdefault(node, {})[address] = Weight({k: Fraction(1)}, at)
        try:
            return solve_weights(self.structure, start, len(order))
        except NoLemma:
            return []

    def _scalings(
        self, root: int, order: Sequence[tuple[int, Address, int]], copies: Sequence[int],
        basis: Iterable[list[Fraction]],
    ) -> Iterator[Structural]:
        """A family for each row of weights."""
        for row in basis:
            row = primitive(row)
            moves, entries = [], []
            given: dict[int, Weights] = {}
            try:
                for weight, (node, address, _) in zip(row, order, strict=True):
                    if weight:
                        at = self.copy_addresses(node, address, copies)
                        place = place_of(self.structure, node, address, at)
                        moves.append(Move(self.names[node], "s^k", place, weight))
                        entries.append((node, (*at, address), (address[:-1],), weight))
                        given.setdefault(node, {})[address] = Weight({0: weight}, at)
                steps = prove_weights(self.structure, given)
            except NoLemma:
                continue
            sizes = tuple(self.structure.size(c) for c in copies)
            yield Structural(
                Family(SCALING, sizes, self.structure.size(root), tuple(moves), ()),
                Element((*copies, root), tuple(entries)), 0, tuple(steps),
            )

    def on_tensors(self) -> Iterator[Structural]:
        """One factor for whole tensors, for each row of weights that leaves the outputs."""
        nodes = self.parameters
        start: dict[int, Weights] = {
            i: {(): Weight({k: Fraction(1)})} for k, i in enumerate(nodes)
        }
        try:
            basis = solve_weights(self.structure, start, len(nodes))
        except NoLemma:
            return
        for row in basis:
            row = primitive(row)
            moved = [(w, i) for w, i in zip(row, nodes, strict=True) if w]
            steps = prove_weights(
                self.structure, {i: {(): Weight({0: w})} for w, i in moved})
            yield Structural(
                Family(SCALING, (), 1, tuple(
                    Move(self.names[i], "s^k", None, w) for w, i in moved), ()),
                Element((), tuple((i, (), (), w) for w, i in moved)), 0, tuple(steps),
            )

    # -- shifts ----------------------------------------------------------------------------------

    def shifts(self) -> Iterator[Structural]:
        """Shifts of each parameter along some of its leaves, constant along the others."""
        for node in self.parameters:
            yield from self.shifts_of(node)

    def shifts_of(self, node: int, over: int | None = None) -> Iterator[Structural]:
        """Those of one parameter; by c / T where a T along its last axis is given."""
        accepted: list[frozenset[Address]] = []
        alone: list[frozenset[Address]] = []
        halved = {(i, a) for places in self.halves.values() for i, a, _ in places}
        for leaves in blocks(self.structure, node, halved):
            for k in range(len(leaves), -1, -1):
                for chosen in combinations(leaves, k):
                    if any(set(chosen) <= done for done in alone) or over is not None and any(
                            a[0] == len(self.shapes[node]) - 1 for a in chosen):
                        continue
                    # what others compensate may go without them where it is constant
                    known = any(set(chosen) <= done for done in accepted)
                    try:
                        found = self.shift(node, chosen, known, over)
                    except NoLemma:
                        continue
                    if len(found.family.moves) == 1:
                        alone.append(frozenset(chosen))
                    accepted.append(frozenset(chosen))
                    yield found

    def shift(
        self, node: int, leaves: Sequence[Address], alone: bool = False, over: int | None = None
    ) -> Structural:
        """The family that shifts one parameter, others perhaps with it, or `alone`.

        By c / T for a parameter T that it is `over`. Raises NoLemma where it is none.
        """
        proved = prove_shift(self.structure, node, leaves, alone, over)
        moves = shift_moves(self.structure, proved)
        entries: list[Entry] = []
        for target, terms in proved.moves.items():
            for term, weight in terms.items():
                own = sorted(term.at, key=lambda pair: str(pair[0]))
                at = tuple(a for key, a in own if key != OVER)
                tag: tuple[object, ...] = () if term.times is None else (str(term.times),)
                if term.source is not None:
                    at, tag = term.contracted, (term.source, at, *tag)
                elif term.over is not None:
                    tag = (OVER, self.names[term.over])
                entries.append((target, at, tag, weight))
        legs = [self.structure.leg_at(node, a) for a in leaves]
        sizes = [self.structure.size(leg) for leg in legs]
        return Structural(
            Family(SHIFT, tuple(sizes[:-1]), sizes[-1] if sizes else 1, moves, ()),
            Element(tuple(legs), tuple(entries)), 0, tuple(proved.steps),
            origin=(node, tuple(leaves)),
        )
