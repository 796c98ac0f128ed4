"""The flow of a generator that has no known form, in closed form where it is plain.

Where X_k = w_k theta_k + h_k(theta), with numbers w_k and h_k of coordinates that X does not move,

    theta_k(t) = e^(w_k t) (theta_k + h_k / w_k) - h_k / w_k,    theta_k + t h_k for w_k = 0

solves d theta / dt = X(theta): h_k stays, and what is left is one linear equation. It is defined
for all t, so that the real numbers act. (h_k may divide by what does not move.) Of any other field
nothing is said but the generator itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from symgauge.derivers.exact import Proved
from symgauge.families.kinds.other import NONE
from symgauge.lie.fields import Monomial, VectorField
from symgauge.program.network import Network
from symgauge.proof.finite_actions import FiniteActions
from symgauge.statements.formulas import letter

#: Lines of one generator that are printed.
MOST = 64
#: The letters of the axes of a tensor, in their order.
AXES = "ijklmn"

#: A monomial with its coefficient: the factors as (tensor, index, exponent), the letter of an axis
#: in an index for every place along it.
Index = tuple[int | str, ...]
Term = tuple[Fraction, tuple[tuple[str, Index, int], ...]]
#: Where entries move, and the terms by which.
Entry = tuple[str, Index, tuple[Term, ...]]


@dataclass(frozen=True)
class Flow:
    """The weights w_k of the coordinates that move, and the terms of h_k."""

    weights: Mapping[int, Fraction]
    held: Mapping[int, Mapping[Monomial, Fraction]]


def flow_of(x: VectorField) -> Flow | None:
    """The flow of a field in closed form; None where it is not of that kind.

    >>> one, two = Fraction(1), Fraction(2)
    >>> flow_of(VectorField.build([(0, one)], [(0, 0, two)]))
    Flow(weights={0: Fraction(2, 1)}, held={0: {(): Fraction(1, 1)}})
    >>> flow_of(VectorField.build([], [(0, 1, one), (1, 0, one)])) is None
    True
    """
    weights: dict[int, Fraction] = {}
    held: dict[int, dict[Monomial, Fraction]] = {}
    for k in x.support:
        weights[k], held[k] = Fraction(0), {}
    for (k, m), c in x.terms.items():
        if m == ((k, 1),):
            weights[k] = c
        elif x.support.isdisjoint(j for j, _ in m):
            held[k][m] = c
        else:
            return None
    return Flow(weights, held)


def flows(proved: Proved, network: Network) -> list[str]:
    """A line for each tensor of each generator: its flow in closed form, else the generator.

    With s = e^t where something is scaled, in units in which the first weight is 1.
    """
    family = proved.family
    found = [flow_of(x) for x in family.fields]
    jumps = FiniteActions(network).jump_on_the_way(
        replace(family, all_sizes=False), proved.proofs)
    shapes = {p.name: p.shape for p in network.parameters}
    several = len(found) > 1
    lines: list[str] = []
    if jumps is None and all(found):
        lines.append(_ranges(shapes, found))
        for n, flow in enumerate(found):
            assert flow is not None
            lines += _finite(network, flow, shapes, f"_{n}" if several else "")
        return lines
    for n, x in enumerate(family.fields):
        epsilon = f"{letter('t', shapes)}{f'_{n}' if several else ''}"
        entries = _entries(network, {
            k: {m: Fraction(c) for m, c in terms} for k, terms in x.components.items()})
        lines += _cut([
            f"delta {_named(name, index)} = {_sum(terms, epsilon)}"
            for name, index, terms in entries])
    return [NONE, *lines]


def _ranges(shapes: Mapping[str, tuple[int, ...]], found: Sequence[Flow | None]) -> str:
    """Over what the numbers of the flows range."""
    scales = [f is not None and any(f.weights.values()) for f in found]
    parts = []
    for wanted, kind, where in (("s", True, " > 0"), ("t", False, " in R")):
        numbers = [n for n, s in enumerate(scales) if s is kind]
        if numbers:
            own = [f"{letter(wanted, shapes)}_{n}" for n in numbers] if len(found) > 1 else [
                letter(wanted, shapes)]
            parts.append((", ".join(own[:2] + ["..."] * (len(own) > 3) + own[2:][-1:])) + where)
    return f"for {', '.join(parts)}"


def _finite(
    network: Network, flow: Flow, shapes: Mapping[str, tuple[int, ...]], number: str
) -> list[str]:
    """The flow of one generator, by the letter s (or t, where nothing is scaled)."""
    unit = next((w for k, w in sorted(flow.weights.items()) if w), Fraction(0))
    s = letter("s" if unit else "t", shapes) + number
    lines = []
    groups: dict[Fraction, dict[int, Mapping[Monomial, Fraction]]] = {}
    for k, w in flow.weights.items():
        groups.setdefault(w, {})[k] = flow.held[k]
    for w, held in groups.items():
        for name, index, terms in _entries(network, held):
            own = _named(name, index)
            if not w:
                step = f"log {s}" if unit else s
                scaled = tuple((c / unit if unit else c, m) for c, m in terms)
                lines.append(f"{own} -> {own} {_signed(_sum(scaled, step))}")
                continue
            power = w / unit
            factor = s if power == 1 else (
                f"{s}^{power}" if power.denominator == 1 else f"{s}^({power})")
            u = network.added.get(name, Fraction(0))
            rest = (*((c / w, m) for c, m in terms), *(((u, ()),) if u else ()))
            lines.append(f"{own} -> {factor} {own}" if not rest else (
                f"{own} -> {factor} ({own} {_signed(_sum(rest))}) "
                f"{_signed(_sum(tuple((-c, m) for c, m in rest)))}"))
    return _cut(lines)


def _cut(lines: Sequence[str]) -> list[str]:
    left = len(lines) - MOST
    more = [f"and {left} lines more, as the certificate's vector says"] if left > 0 else []
    return [*lines[:MOST], *more]


# -- in words -------------------------------------------------------------------------------------


def _named(name: str, index: Index) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _sum(terms: Sequence[Term], factor: str = "") -> str:
    """A sum of monomials, each times the factor."""
    out = ""
    for c, m in terms:
        above = [_power(_named(n, i), e) for n, i, e in m if e > 0]
        below = [_power(_named(n, i), -e) for n, i, e in m if e < 0]
        body = " ".join([*([factor] if factor else []), *above])
        size = str(abs(c)) if abs(c) != 1 or not body else ""
        body = " ".join(filter(None, (size, body)))
        body = f"{body} / {' / '.join(below)}" if below else body
        sign = "-" if c < 0 else "+"
        out += f" {sign} {body}" if out else f"{'-' if c < 0 else ''}{body}"
    return out


def _power(name: str, e: int) -> str:
    return name if e == 1 else f"{name}^{e}"


def _signed(text: str) -> str:
    """To be added: with its sign in front."""
    return f"- {text[1:]}" if text.startswith("-") else f"+ {text}"


def _entries(
    network: Network, held: Mapping[int, Mapping[Monomial, Fraction]]
) -> list[Entry]:
    """What moves, tensor by tensor; entries alike along an axis are one with its letter."""
    where = _Where(network)
    by_tensor: dict[str, dict[Index, tuple[Term, ...]]] = {}
    for k, terms in sorted(held.items()):
        name, index = where(k)
        mine = tuple(
            (c, tuple((*where.read(j), e) for j, e in m)) for m, c in sorted(terms.items()))
        by_tensor.setdefault(name, {})[index] = mine
    out: list[Entry] = []
    for name, entries in by_tensor.items():
        shape = where.shapes[name]
        for axis in reversed(range(len(shape))):
            if axis < len(AXES):
                entries = _along(entries, axis, shape[axis])
        out += [(name, index, terms) for index, terms in entries.items()]
    return out


class _Where:
    """The tensor and the index of a coordinate."""

    def __init__(self, network: Network) -> None:
        self.shapes = {p.name: tuple(p.shape) for p in network.parameters}
        self._added = network.added
        self._starts = [(network.offsets[p.name], p.name) for p in network.parameters if p.size]

    def __call__(self, k: int) -> tuple[str, Index]:
        start, name = max(s for s in self._starts if s[0] <= k)
        index = np.unravel_index(k - start, self.shapes[name]) if self.shapes[name] else ()
        return name, tuple(int(i) for i in index)

    def read(self, k: int) -> tuple[str, Index]:
        """The same of what is read there: "(u + T)" for T where coordinates are that."""
        name, index = self(k)
        u = self._added.get(name)
        return (f"({u} + {name})" if u else name), index


def _along(
    entries: Mapping[Index, tuple[Term, ...]], axis: int, size: int
) -> dict[Index, tuple[Term, ...]]:
    """The entries with the letter of an axis where all along it move alike."""
    out: dict[Index, tuple[Term, ...]] = {}
    lines: dict[Index, dict[int, tuple[Term, ...]]] = {}
    for index, terms in entries.items():
        place = index[axis]
        assert isinstance(place, int)
        lines.setdefault((*index[:axis], "", *index[axis + 1:]), {})[place] = terms
    for line, found in lines.items():
        shown = _common(found, AXES[axis]) if len(found) == size > 1 else None
        if shown is not None:
            out[(*line[:axis], AXES[axis], *line[axis + 1:])] = shown
            continue
        for place, terms in found.items():
            out[(*line[:axis], place, *line[axis + 1:])] = terms
    return out


def _common(found: Mapping[int, tuple[Term, ...]], name: str) -> tuple[Term, ...] | None:
    """The terms at every place of a line, the place written as a letter; None where they differ."""
    first, second = found[0], found[1]
    if len(first) != len(second):
        return None
    pattern = []
    for (c, m), (_, n) in zip(first, second, strict=True):
        if len(m) != len(n):
            return None
        pattern.append((c, tuple(
            (a, tuple(_varied(i, j, name) for i, j in zip(p, q, strict=False)), e)
            for (a, p, e), (_, q, _) in zip(m, n, strict=True))))
    for place, terms in found.items():
        filled = tuple(
            (c, tuple((a, tuple(place if i == name else i for i in p), e) for a, p, e in m))
            for c, m in pattern)
        if filled != terms:
            return None
    return tuple(pattern)


def _varied(i: int | str, j: int | str, name: str) -> int | str:
    """The letter where an index is the place."""
    return name if (i, j) == (0, 1) else i
