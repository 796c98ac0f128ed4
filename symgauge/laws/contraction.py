"""x y, summed over the last axis of x and the last but one of y; those before are a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.laws.law import Call, Flat, Law
from symgauge.laws.shifting import OVER, Shifted, Shifting, Term, added, free, only
from symgauge.laws.turning import STILL, Mark, Marks, Turned, Turning, marks_of, off_axes
from symgauge.laws.weighing import WHOLE, Weight, Weighing, Weights, sum_of
from symgauge.laws.weighted import weight_at
from symgauge.program.legs import Ref
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, Pick
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.picks import picked
from symgauge.spaces.structure import Structure


class Contraction(Law):
    """(x g^T)(g^-T y) = x y; W (x + c) = W x + W c; rows that sum to 1 carry what is constant."""

    name = "contraction"
    words = (
        "g against its contragredient cancel, and so does the inverse of 1 + u 1^T on what reads "
        "a value of sum 0; other legs pass, rows of a single 1 pick the copies",
        "opposite weights cancel; rows of a single 1 pick the copies",
        "becomes W c; rows that sum to 1 carry it, rows that sum to 0 forget it, and c / T where "
        "they do over T; rows of one sum, or of one over T, multiply it by that",
    )
    forgets = "g and its inverse cancel, or a sum of 0 is met"
    multilinear = True
    false = (
        "the same g on both contracted axes", "one factor alone", "centred on a bias alone",
        "centred on a reader alone",
    )

    # -- matrices --------------------------------------------------------------------------------

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        marks = [marks_of(t) for t in inputs]
        inner = _inner(line)
        on = [{x[1:]: m for x, m in own.items() if x[0] == axis}
              for own, axis in zip(marks, inner, strict=True)]
        if any(on) and not turning.structure.contracts_alike(line):
            raise NoLemma("a contraction of different index spaces")
        for k in (0, 1):
            for place, mark in on[k].items():
                other = on[1 - k].get(place)
                if other is not None:
                    _require_opposite(turning, mark, other, (inner[k], inner[1 - k]))
                elif not self._is_still(turning, line, k, place, mark):
                    return STILL
        out: dict[Address, Mark] = {}
        for k in (0, 1):
            for address, mark in self._passing(turning, line, k, marks).items():
                if address in out and not (turning.permutes and out[address] == mark):
                    raise NoLemma("both factors turn along a batch")
                out[address] = mark
        return Turned(out)

    def weighs_squares(self, turning: Turning, line: Line, k: int, squares: Turned) -> Turned:
        """sum_k T_k (g x)_k^2 = sum_k T_k x_k^2 where g^T diag(T) g = diag(T)."""
        weight = weight_at(turning.structure, turning.facts, line, 1 - k)
        if turning.form is None or weight != turning.form or [*squares.marks] != [
                (_inner(line)[k], 0)] or squares.marks[_inner(line)[k], 0].copies:
            raise NoLemma("squares of single entries are used")
        return STILL

    def _is_still(self, turning: Turning, line: Line, k: int, place: Address, mark: Mark) -> bool:
        """Whether g on factor k alone leaves the product; else a parameter of the other joins."""
        inner, node = _inner(line), line.inputs[1 - k]
        there = (inner[1 - k], *place)
        # w^T A^-1 z: z meets what is contragredient to the other factor's turn
        if turning.fixed_by(there, node, -mark.parity):
            return True
        copies = tuple((inner[1 - k], *c[1:]) if c[0] == inner[k] else c for c in mark.copies)
        if turning.joins(node, there, replace(mark, parity=-mark.parity, copies=copies)):
            return False
        raise NoLemma("one factor of a contraction turns alone")

    def _passing(self, turning: Turning, line: Line, k: int, marks: Sequence[Marks]) -> Marks:
        """The marks of one factor on the axes that are not contracted."""
        inner, rank, other = _inner(line)[k], len(line.shape), marks[1 - k]
        out = off_axes(marks[k], (inner,))
        flat = turning.facts.flat[line.inputs[1 - k]]
        for address, mark in out.items():
            batches = turning.permutes and turning.same(other.get(address), mark)
            if address[0] < rank - 2 and address not in flat and not batches:
                raise NoLemma("an entrywise product along a leg that turns")
            found = picked(mark.copies, mark.picks, inner, self._pick(turning.facts, line, k))
            if found is None:
                raise NoLemma("copies are summed")
            out[address] = Mark(mark.parity, *found)
            turning.structure.require_aligned(
                line, [x for x in (address, *found[0]) if x[0] < rank - 2])
        return out

    def _pick(self, facts: Facts, line: Line, k: int) -> Pick | None:
        """What the other factor picks of all the contracted axis of factor k."""
        pick = facts.picks.get(line.inputs[1 - k])
        return pick if pick is not None and pick.along == (_inner(line)[1 - k], 0) else None

    # -- weights ---------------------------------------------------------------------------------

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        self._cancel(weighing, line, inputs)
        out: Weights = {}
        for k in (0, 1):
            for address, weight in self._kept(weighing, line, k, inputs[k]).items():
                if address in out:
                    both = out[address]
                    if both.numbering != weight.numbering:
                        weighing.vanish([both, weight])
                    weight = replace(weight, form=sum_of(both.form, weight.form))
                out[address] = weight
        return out

    def _cancel(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> None:
        """The weights on the contracted axes are opposite."""
        inner = _inner(line)
        left, right = (
            {x[1:]: w for x, w in weights.items() if x and x[0] == own}
            for weights, own in zip(inputs, inner, strict=True)
        )
        if not weighing.structure.contracts_alike(line):
            weighing.vanish([*left.values(), *right.values()])
            return
        for place in left.keys() | right.keys():
            a, b = left.get(place), right.get(place)
            if a is None or b is None:
                weighing.vanish([w for w in (a, b) if w is not None])
                continue
            weighing.equations.append(sum_of(a.form, b.form))
            if not _side_by_side(a, b, inner):
                weighing.vanish([a, b])

    def _kept(self, weighing: Weighing, line: Line, k: int, weights: Weights) -> Weights:
        """The weights of one factor that pass; what is summed, or means other things, vanishes."""
        inner, rank = _inner(line)[k], len(line.shape)
        out: Weights = {}
        for address, weight in weights.items():
            if address != WHOLE and address[0] == inner:
                continue
            found = picked(weight.copies, weight.picks, inner, self._pick(weighing.facts, line, k))
            if found is not None and weighing.structure.are_aligned(
                    line, [x for x in (address, *found[0]) if x and x[0] < rank - 2]):
                out[address] = Weight(weight.form, *found)
            else:
                weighing.vanish([weight])
        return out

    # -- shifts ----------------------------------------------------------------------------------

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        k, given = only(inputs)
        out = Shifted()
        for term, c in given.terms.items():
            out = added(out, self._contracted(shifting, line, k, term, c))
        if given.varying is None:
            return out
        inner = _inner(line)
        if not any(a[0] == inner[k] for a in given.varying):
            total = shifting.facts.total(line.inputs[1 - k], inner[1 - k])
            if total is not None:
                return added(out, free(given.varying)) if total else out
        return added(out, self._free(shifting, line, k, given.varying))

    def _free(
        self, shifting: Shifting, line: Line, k: int, varying: frozenset[Address]
    ) -> Shifted:
        """Anything, along what factor k varies with and what the other does."""
        inner, other = _inner(line), line.inputs[1 - k]
        flat = shifting.facts.flat[other]
        along = (a for a in shifting.structure.top(other)
                 if a[0] != inner[1 - k] and a not in flat)
        return free({*(a for a in varying if a[0] != inner[k]), *along})

    def _contracted(
        self, shifting: Shifting, line: Line, k: int, term: Term, c: Fraction
    ) -> Shifted:
        """A term of factor k, behind the contraction."""
        inner, other = _inner(line), line.inputs[1 - k]
        if any(a[0] == inner[k] for a in term.carried):
            if self._meets_over(line, k, term):
                found = self._summed_over(shifting, line, k, term, c)
                if found is not None:
                    return found
            found = self._as_product(shifting, line, k, term, c)
            return self._free(shifting, line, k, term.carried) if found is None else found
        total = shifting.facts.total(other, inner[1 - k])
        times = shifting.facts.sums.get(other, {}).get(inner[1 - k])
        if total is None and times is not None and times.over is None and (
                term.times is None and times.of not in shifting.moves):
            return Shifted({replace(term, times=times): c})
        if total is None and inner[1 - k] in shifting.facts.steady.get(other, ()):
            return Shifted({replace(term, by=(*term.by, (other, inner[1 - k]))): c})
        if total is None:
            return self._free(shifting, line, k, term.carried)
        return Shifted({term: c}) if total else Shifted()

    def _meets_over(self, line: Line, k: int, term: Term) -> bool:
        """Whether nothing but the T of c / T is along the contracted axis."""
        inner = _inner(line)
        return term.over is not None and [
            key for key, a in term.at if a[0] == inner[k]] == [OVER]

    def _summed_over(
        self, shifting: Shifting, line: Line, k: int, term: Term, c: Fraction
    ) -> Shifted | None:
        """c / T times what, over T, sums to 0 along the axis of T, or to a sum of parameters."""
        other, axis = line.inputs[1 - k], _inner(line)[1 - k]
        if term.over in shifting.moves or not shifting.structure.contracts_alike(line):
            return None
        if shifting.facts.over.get(other, {}).get(axis) == term.over:
            return Shifted()
        times = shifting.facts.sums.get(other, {}).get(axis)
        if times is None or times.over != term.over or term.times is not None or (
                times.of in shifting.moves):
            return None
        at = tuple((key, a) for key, a in term.at if key != OVER)
        return Shifted({replace(term, at=at, over=None, times=times): c})

    def _as_product(
        self, shifting: Shifting, line: Line, k: int, term: Term, c: Fraction
    ) -> Shifted | None:
        """T c, where c is all along the contracted axis and the other factor shows all of T."""
        inner, other, structure = _inner(line), line.inputs[1 - k], shifting.structure
        view = shifting.plain_view(other)
        plain = term.source is None and term.over is None and not term.by
        if view is None or not plain or not structure.contracts_alike(line) or any(
                a[0] != inner[k] for a in term.carried):
            return None
        back = {there: mine for mine, there in view.places.items()}
        swapped = [(inner[1 - k], *a[1:]) for _, a in sorted(term.at, key=lambda pair: pair[0])]
        everywhere = structure.top(other)
        rest = [a for a in everywhere if a[0] != inner[1 - k]]
        if any(a not in back for a in (*swapped, *everywhere)) or not _told(
                structure, view.parameter, [back[a] for a in everywhere]):
            return None
        at = tuple((back[a], a) for a in rest)
        found = Term(
            at, view.parameter, tuple(back[a] for a in swapped), times=term.times)
        return Shifted({found: c * view.factor})

    # -- facts -----------------------------------------------------------------------------------

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        a, b = (flat[j] for j in line.inputs)
        rank = len(line.shape)
        batch = {
            x for x in a & b
            if x[0] < rank - 2 and all(structure.aligned(line, k, x[0]) for k in (0, 1))
        }
        rows = {x for x in a if x[0] == rank - 2}
        columns = {x for x in b if x[0] == rank - 1}
        return frozenset(batch | rows | columns)

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        rows = all(
            axis == len(line.shape) - 2 + k for k, i in enumerate(line.inputs) if i == source)
        return axis if rows else None

    def samples(self) -> Iterator[Call]:
        yield Call("matmul", ((2, 3), (3, 4)))
        yield Call("matmul", ((2, 2, 3), (2, 3, 2)))


def _inner(line: Line) -> tuple[int, int]:
    """The contracted axes of both factors."""
    return len(line.shape) - 1, len(line.shape) - 2


def _require_opposite(turning: Turning, mark: Mark, other: Mark, inner: tuple[int, int]) -> None:
    """Raise NoLemma where the turns of the contracted axes, of mark's factor first, do not cancel.
    """
    if not turning.orthogonal and other.parity == mark.parity:
        raise NoLemma("both factors of a contraction turn alike")
    if not _side_by_side(mark, other, inner):
        raise NoLemma("copies are mixed")


def _side_by_side(left: Mark | Weight, right: Mark | Weight, inner: tuple[int, int]) -> bool:
    """Whether both factors of a contraction have their copies at the same places.

    `inner` are the contracted axes: copies are summed together, or number a batch of both.
    """
    return left.picks == right.picks and len(left.copies) == len(right.copies) and all(
        (c[0] == inner[0] and d[0] == inner[1] and c[1:] == d[1:])
        or (c == d and c[0] < min(inner))
        for c, d in zip(left.copies, right.copies, strict=True)
    )


def _told(structure: Structure, parameter: int, seen: Sequence[Address]) -> bool:
    """Whether these addresses tell which entries of a parameter a view shows.

    They do not where a single row, or every other one, was taken: nothing says which.
    """
    def whole(prefix: Address, leaves: Sequence[Ref]) -> bool:
        for n, (leg, sign) in enumerate(leaves):
            here = (*prefix, n)
            if here in seen:
                continue
            parts = structure.parts(leg)
            shown = {a[len(here)] for a in seen if a[:len(here)] == here}
            if len(shown) != 1:
                return False
            (j,) = shown
            part, turn = parts[j]
            if not whole((*here, j), structure.part_leaves((part, turn * sign))):
                return False
        return True

    return all(
        whole((axis,), structure.leaves(parameter, axis))
        for axis in range(len(structure.axes[parameter]))
    )
