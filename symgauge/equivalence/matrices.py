r"""An equivalence algebra in matrices: :math:`\xi = A x + c` and :math:`\delta W = A W - W A`.

The proved elements are components; a form in matrices is fitted to them: rational numbers u with
delta T = sum u M over all elements at once, M from the list of `_terms_of`. What fits is an
identity between the two, checked coefficient by coefficient; where nothing fits there is no form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from symgauge.exact.rational_matrix import matrix, reduced
from symgauge.lie.fields import Monomial
from symgauge.report.action import coefficient, plus

#: A polynomial vector: (entry, power of t, monomial in theta), and its coefficient.
Key = tuple[int, int, Monomial]
Values = dict[Key, Fraction]


@dataclass(frozen=True)
class Element:
    """xi = A x + c with A and c polynomials in t (first axis), tau likewise; and delta theta."""

    a: np.ndarray
    c: np.ndarray
    tau: tuple[Fraction, ...]
    theta: Values


@dataclass(frozen=True)
class Term:
    """A term M of a form, in LaTeX, and what it is for each element."""

    latex: str
    values: tuple[Values, ...]


def element_of(
    xi: Sequence[tuple[int, Monomial, Fraction]],
    moved: Sequence[Sequence[tuple[int, Monomial, Fraction]]], n: int,
) -> Element | None:
    """The element in matrices; None where xi is of a higher degree, or tau depends on x."""
    top = 1 + max((e for _, m, _ in xi for j, e in m if j == 0), default=0)
    a, c = np.zeros((top, n, n), dtype=object), np.zeros((top, n), dtype=object)
    tau = [Fraction(0)] * top
    for k, m, value in xi:
        power = sum(e for j, e in m if j == 0)
        rest = [(j, e) for j, e in m if j]
        if len(rest) > 1 or any(e != 1 for _, e in rest) or (rest and not k):
            return None
        if not k:
            tau[power] += value
        elif rest:
            a[power, k - 1, rest[0][0] - 1] += value
        else:
            c[power, k - 1] += value
    theta = {(k, power, m): v for power, part in enumerate(moved) for k, m, v in part}
    return Element(a, c, tuple(tau), theta)


def placed(shapes: Iterable[tuple[str, Sequence[int]]]) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Where each parameter starts among all entries, and its shape."""
    found, start = {}, 0
    for name, shape in shapes:
        found[name] = (start, tuple(shape))
        start += prod(shape)
    return found


def aligned(elements: Sequence[Element]) -> list[Element]:
    """All with as many powers of t."""
    top = max((len(e.tau) for e in elements), default=0)
    out = []
    for e in elements:
        more = top - len(e.tau)
        a, c = (np.concatenate([x, np.zeros((more, *x.shape[1:]), dtype=object)])
                for x in (e.a, e.c))
        out.append(Element(a, c, (*e.tau, *[Fraction(0)] * more), e.theta))
    return out


def lifts(
    elements: Sequence[Element], still: Sequence[Values],
    tensors: Mapping[str, tuple[int, tuple[int, ...]]],
) -> list[list[Fraction]] | None:
    """For each element how much of each `still` makes every tensor's motion one in matrices.

    `still` are motions of theta that keep v: delta theta is known up to them. None where no
    combination has a form of the list.
    """
    names = {name: name for name in tensors}
    columns = [t.values for name in tensors for t in _terms_of(name, tensors, elements, names)]
    own = len(columns)
    columns += [
        tuple({k: -v for k, v in moved.items()} if n == e else {} for n in range(len(elements)))
        for e in range(len(elements)) for moved in still]
    found = _solved([e.theta for e in elements], columns)
    if found is None:
        return None
    width = len(still)
    return [found[own + e * width:own + (e + 1) * width] for e in range(len(elements))]


def form_of(
    name: str, tensors: Mapping[str, tuple[int, tuple[int, ...]]], elements: Sequence[Element],
    symbol: Mapping[str, str],
) -> str | None:
    """delta T in matrices, in LaTeX; None where no form of the list is that of every element.

    `tensors` are the parameters: where each starts, and its shape.
    """
    start, shape = tensors[name]
    size = int(np.prod(shape, dtype=int))
    wanted = [
        {key: v for key, v in e.theta.items() if start <= key[0] < start + size} for e in elements]
    terms = list(_terms_of(name, tensors, elements, symbol))
    found = _solved(wanted, [t.values for t in terms])
    if found is None:
        return None
    text = ""
    for u, term in zip(found, terms, strict=True):
        if u:
            part = coefficient(u, term.latex)
            text = plus(text, part) if text else part
    return text or "0"


def _terms_of(
    name: str, tensors: Mapping[str, tuple[int, tuple[int, ...]]], elements: Sequence[Element],
    symbol: Mapping[str, str],
) -> Iterator[Term]:
    """A T, T A, c, W c, their transposes and derivatives by t, as far as the shapes fit."""
    start, shape = tensors[name]
    index = start + np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    n, own = elements[0].a.shape[1], symbol[name]
    if len(shape) == 2:
        yield from _of_matrix(own, index, elements)
    if shape == (n,):
        yield from _of_vector(own, index, elements)
    for other, (at, there) in tensors.items():
        if len(shape) == 1 and there == (*shape, n) and other != name:
            yield _applied(rf"{symbol[other]}\,c", index, at, there, elements)
    yield Term(rf"\dot\tau\,{own}", tuple(
        {(int(k), p, ((int(k), 1),)): v for k in index.reshape(-1)
         for p, v in enumerate(_rate(np.array(e.tau, dtype=object))) if v} for e in elements))


def _of_matrix(own: str, index: np.ndarray, elements: Sequence[Element]) -> Iterator[Term]:
    """A W, W A, their transposes, and A itself with its derivative."""
    values = [e.a for e in elements]
    n = values[0].shape[1]
    if index.shape[0] == n:
        yield _linear(rf"A\,{own}", index, values, 0)
        yield _linear(rf"A^{{\top}}\,{own}", index, _transposed(values), 0)
    if index.shape[1] == n:
        yield _linear(rf"{own}\,A", index, _transposed(values), 1)
        yield _linear(rf"{own}\,A^{{\top}}", index, values, 1)
    if index.shape == (n, n):
        yield _constant(r"\dot A", index, [_rate(a) for a in values])
        yield _constant("A", index, values)


def _of_vector(own: str, index: np.ndarray, elements: Sequence[Element]) -> Iterator[Term]:
    """A b, c and the diagonal of A, with their derivatives."""
    values = [e.a for e in elements]
    yield _linear(rf"A\,{own}", index, values, 0)
    yield _linear(rf"A^{{\top}}\,{own}", index, _transposed(values), 0)
    yield _constant("c", index, [e.c for e in elements])
    yield _constant(r"\dot c", index, [_rate(e.c) for e in elements])
    diagonals = [np.stack([np.diag(m) for m in a]) for a in values]
    yield _constant(r"\operatorname{diag} A", index, diagonals)
    yield _constant(r"\operatorname{diag} \dot A", index, [_rate(d) for d in diagonals])


def _rate(a: np.ndarray) -> np.ndarray:
    """The derivative by t of a polynomial, its coefficients along the first axis."""
    out = np.zeros_like(a)
    for power in range(1, len(a)):
        out[power - 1] = a[power] * power
    return out


def _transposed(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.swapaxes(a, 1, 2) for a in values]


def _linear(
    latex: str, index: np.ndarray, values: Sequence[np.ndarray], axis: int
) -> Term:
    """sum_j M_ij T_..j.. along an axis."""
    rows = np.moveaxis(index, axis, 0)
    rows = rows.reshape(len(rows), -1)
    out = []
    for a in values:
        made: Values = {}
        for p, i, j in np.argwhere(a != 0):
            for k, m in zip(rows[i], rows[j], strict=True):
                made[int(k), int(p), ((int(m), 1),)] = a[p, i, j]
        out.append(made)
    return Term(latex, tuple(out))


def _constant(latex: str, index: np.ndarray, values: Sequence[np.ndarray]) -> Term:
    """M itself, of the tensor's shape."""
    flat = index.reshape(-1)
    return Term(latex, tuple(
        {(int(k), p, ()): v for p, part in enumerate(a)
         for k, v in zip(flat, part.reshape(-1), strict=True) if v} for a in values))


def _applied(
    latex: str, index: np.ndarray, at: int, shape: tuple[int, ...], elements: Sequence[Element]
) -> Term:
    """W c."""
    out = []
    for e in elements:
        made: Values = {}
        for p, j in np.argwhere(e.c != 0):
            for i, k in enumerate(index):
                made[int(k), int(p), ((at + i * shape[1] + int(j), 1),)] = e.c[p, j]
        out.append(made)
    return Term(latex, tuple(out))


def _solved(
    wanted: Sequence[Values], columns: Sequence[Sequence[Values]]
) -> list[Fraction] | None:
    """Numbers u with sum u M = wanted for every element, M what a column is for each; or None.

    Where several are right, later columns have 0.
    """
    rows: dict[tuple[Fraction, ...], None] = {}
    for n, values in enumerate(wanted):
        keys = dict.fromkeys([*values, *(k for c in columns for k in c[n])])
        for key in keys:
            zero = Fraction(0)
            rows[(*(Fraction(c[n].get(key, zero)) for c in columns),
                  Fraction(values.get(key, zero)))] = None
    form, pivots = reduced(matrix(list(rows), len(columns) + 1))
    if len(columns) in pivots:
        return None
    out = [Fraction(0)] * len(columns)
    for column, row in zip(pivots, form.table(), strict=True):
        out[column] = Fraction(int(row[-1].p), int(row[-1].q))
    return out
