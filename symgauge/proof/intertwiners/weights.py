r"""Positive scalings: the value of a line varies by a weight, times what it is, on some leaves.

Each index of a leg has its own factor s (and each copy), and a leaf of weight w varies by s^w;
the address () stands for one factor on the whole value. The weights are linear forms in unknowns,
one for each place where a parameter may be scaled; each line adds equations, and the solutions
are the families.

Lemmas: weights add in products, cancel in contractions, agree in sums; f(s x) = s^k f(x) for a
homogeneous f of degree k and s > 0; an order or a sign is not changed by s > 0; a standardised
vector with epsilon 0 forgets the factor of the whole; any other function wants weight 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from symgauge.proof.intertwiners.sweep import Step, side_by_side, start_of_field, sweep
from symgauge.spaces.facts import is_zero
from symgauge.spaces.line import Address, Line, NoLemma
from symgauge.spaces.structure import Structure

#: A linear form in the unknown weights.
Form = Mapping[int, Fraction]
WHOLE: Address = ()


@dataclass(frozen=True)
class Weight:
    """A leaf's weight; `copies` are the leaves that number the factors."""

    form: Form
    copies: tuple[Address, ...] = ()


Weights = dict[Address, Weight]


def solve_weights(
    structure: Structure, start: Mapping[int, Weights], unknowns: int
) -> list[list[Fraction]]:
    """A basis of the weights that leave the outputs as they are, one row a solution.

    The last unknowns are the free ones: each basis row has 1 at one of them, 0 at the others.
    Raises NoLemma where factors would mix, whatever their weights.
    """
    lemmas = _Lemmas(structure)
    _, ends = sweep(structure, start, lemmas)
    for i in ends:
        lemmas.vanish(ends[i].values())
    return nullspace(lemmas.equations, unknowns)


def prove_weights(structure: Structure, start: Mapping[int, Weights]) -> list[Step[Weights]]:
    """The proof that given weights, on unknown 0, leave the outputs as they are.

    Raises NoLemma where they do not.
    """
    lemmas = _Lemmas(structure)
    steps, ends = sweep(structure, start, lemmas)
    for i in ends:
        lemmas.vanish(ends[i].values())
    if any(c for form in lemmas.equations for c in form.values()):
        raise NoLemma("the weights do not cancel")
    return steps


def nullspace(equations: Iterable[Form], unknowns: int) -> list[list[Fraction]]:
    """Solutions of form = 0 for all forms, by elimination of the first unknown of each."""
    rows: dict[int, dict[int, Fraction]] = {}
    for form in equations:
        row = {k: c for k, c in form.items() if c}
        while row:
            k = min(row)
            if k not in rows:
                rows[k] = {j: c / row[k] for j, c in row.items()}
                break
            factor = row[k]
            for j, c in rows[k].items():
                row[j] = row.get(j, Fraction(0)) - factor * c
                if not row[j]:
                    del row[j]
    basis = []
    for free in (k for k in range(unknowns) if k not in rows):
        solution = [Fraction(0)] * unknowns
        solution[free] = Fraction(1)
        for k in sorted(rows, reverse=True):
            solution[k] = -sum(
                (c * solution[j] for j, c in rows[k].items() if j != k), Fraction(0))
        basis.append(solution)
    return basis


def _sum(*forms: Form) -> Form:
    out: dict[int, Fraction] = {}
    for form in forms:
        for k, c in form.items():
            out[k] = out.get(k, Fraction(0)) + c
    return {k: c for k, c in out.items() if c}


def _times(form: Form, factor: Fraction) -> Form:
    return {k: c * factor for k, c in form.items()}


class _Lemmas:
    def __init__(self, structure: Structure, equations: list[Form] | None = None) -> None:
        self.structure = structure
        self.equations: list[Form] = [] if equations is None else equations

    def vanish(self, weights: Iterable[Weight]) -> None:
        """These weights must be 0."""
        self.equations += [w.form for w in weights if w.form]

    def _equal(self, a: Form, b: Form) -> None:
        difference = _sum(a, _times(b, Fraction(-1)))
        if difference:
            self.equations.append(difference)

    def __call__(self, line: Line, inputs: list[Weights | None]) -> Weights | None:
        given = [{} if w is None else w for w in inputs]
        rule = {
            "move": self._move, "sum": self._sum_over, "sum of lines": self._alike,
            "product": self._product, "contraction": self._contraction,
            "homogeneous": self._power, "maximum": self._alike,
            "maximum of an axis": self._row, "locally constant": self._order,
            "centring": self._centre, "standardising": self._standardise,
            "rotary": self._rotary, "flow": self._flow,
        }.get(line.law)
        if rule is None:
            for weights in given:
                self.vanish(weights.values())
            return None
        return rule(line, given) or None

    def _moved(self, line: Line, k: int, weights: Weights) -> Weights:
        out: Weights = {}
        for address, weight in weights.items():
            if address == WHOLE:
                out[address] = weight
                continue
            try:
                there = self.structure.move(line, k, address)
                if there is None and line.op == "slice" and len(address) > 2:
                    continue  # another summand was taken
                copies = [self.structure.move(line, k, c) for c in weight.copies]
            except NoLemma:
                there, copies = None, []
            if there is None or None in copies:
                self.vanish([weight])
                continue
            out[there] = Weight(weight.form, tuple(c for c in copies if c is not None))
        return out

    def _move(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        moved = [self._moved(line, k, w) for k, w in enumerate(inputs)]
        if line.op != "concatenate":
            return moved[0]
        out: Weights = {}
        for weights in moved:
            for address, weight in weights.items():
                joined = address != WHOLE and address[0] == line.attrs["axis"]
                if not joined:
                    for other in moved:
                        self._agree(weight, other.get(address))
                out[address] = weight
        return out

    def _agree(self, a: Weight, b: Weight | None) -> None:
        if b is None:
            self.vanish([a])
            return
        self._equal(a.form, b.form)
        if a.copies != b.copies:
            self.vanish([a, b])

    def _off_line(self, line: Line, inputs: Sequence[Weights]) -> list[Weights]:
        """The weights at addresses that mean the same in all inputs; the others vanish."""
        out: list[Weights] = []
        for weights in inputs:
            kept: Weights = {}
            for address, weight in weights.items():
                try:
                    self.structure.require_aligned(line, (address, *weight.copies))
                    kept[address] = weight
                except NoLemma:
                    self.vanish([weight])
            out.append(kept)
        return out

    def _alike(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        a, b = inputs = self._off_line(line, inputs)
        for k in (0, 1):
            if line.law == "sum of lines" and is_zero(self.structure, line.inputs[k]):
                return dict(inputs[1 - k])
        for mine, other in ((a, b), (b, a)):
            for address, weight in mine.items():
                self._agree(weight, other.get(address))
        return {**a, **b}

    def _product(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        a, b = self._off_line(line, inputs)
        out = {**a, **b}
        for address in a.keys() & b.keys():
            out[address] = Weight(_sum(a[address].form, b[address].form), a[address].copies)
            if a[address].copies != b[address].copies:
                self.vanish([a[address], b[address]])
        return out

    def _contraction(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        rank = len(line.shape)
        inner = (rank - 1, rank - 2)
        left, right = (
            {x[1:]: w for x, w in weights.items() if x and x[0] == own}
            for weights, own in zip(inputs, inner, strict=True)
        )
        if not self.structure.contracts_alike(line):
            self.vanish([*left.values(), *right.values()])
            left = right = {}
        for place in left.keys() | right.keys():
            a, b = left.get(place), right.get(place)
            if a is None or b is None:
                self.vanish([w for w in (a, b) if w is not None])
                continue
            self.equations.append(_sum(a.form, b.form))
            if not side_by_side(a.copies, b.copies, inner):
                self.vanish([a, b])
        out: Weights = {}
        for k, weights in enumerate(inputs):
            for address, weight in weights.items():
                if address != WHOLE and address[0] == inner[k]:
                    continue
                if any(c[0] == inner[k] for c in weight.copies):
                    self.vanish([weight])  # copies are summed
                    continue
                try:
                    batch = [x for x in (address, *weight.copies) if x and x[0] < rank - 2]
                    self.structure.require_aligned(line, batch)
                except NoLemma:
                    self.vanish([weight])
                    continue
                if address in out:
                    both = out[address]
                    if both.copies != weight.copies:
                        self.vanish([both, weight])
                    weight = Weight(_sum(both.form, weight.form), weight.copies)
                out[address] = weight
        return out

    def _sum_over(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        return self._moved(line, 0, self._without(inputs[0], line.attrs["axes"]))

    def _without(self, weights: Weights, axes: Sequence[int]) -> Weights:
        """The weights off some axes, their copies too; those on them vanish."""
        on = {
            x for x, w in weights.items()
            if any(a[0] in axes for a in (x, *w.copies) if a != WHOLE)
        }
        self.vanish(weights[x] for x in on)
        return {x: w for x, w in weights.items() if x not in on}

    def _power(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        op = self.structure.network.nodes[line.node].op
        degree = Fraction(line.attrs["exponent"]) if line.op == "power" else (
            Fraction(1) if op is None else op.degree)
        return {x: Weight(_times(w.form, degree), w.copies) for x, w in inputs[0].items()}

    def _row(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        last = len(self.structure.network.nodes[line.inputs[0]].shape) - 1
        return self._without(inputs[0], (last,))

    def _order(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        if line.op != "step":
            last = len(self.structure.network.nodes[line.inputs[0]].shape) - 1
            self._without(inputs[0], (last,))
        return {}

    def _centre(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        return self._without(inputs[0], line.attrs["axes"])

    def _standardise(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        rest = self._without(inputs[0], line.attrs["axes"])
        if line.attrs["eps"] != 0:
            self.vanish(rest.values())
        return {}

    def _rotary(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        return self._moved(line, 0, self._without(inputs[0], (max(line.attrs["to"]),)))

    def _flow(self, line: Line, inputs: Sequence[Weights]) -> Weights:
        field = self.structure.field(line)
        inner = _Lemmas(field, self.equations)
        start = start_of_field(line, field, [w or None for w in inputs])
        _, ends = sweep(field, start, inner)
        velocity = ends.get(field.network.outputs[0], {})
        for mine, other in ((velocity, inputs[0]), (inputs[0], velocity)):
            for address, weight in mine.items():
                self._agree(weight, other.get(address))
        return dict(inputs[0])
