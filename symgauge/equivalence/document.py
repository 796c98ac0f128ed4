"""The document of an equivalence algebra: its elements in matrices, or by components."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from symgauge.equivalence.matrices import Element, aligned, element_of, form_of, placed
from symgauge.equivalence.record import EquivalenceRecord, Terms
from symgauge.lie.fields import Monomial
from symgauge.report.action import coefficient, plus, structure
from symgauge.report.article import display, longtable, whole
from symgauge.typesetting.escape import escape, verbatim
from symgauge.report.names import symbols

#: Elements that are written by components, and entries of a matrix that is written out.
MOST, LARGEST = 24, 6


def document(found: EquivalenceRecord, version: str, fragment: bool = False) -> str:
    """A complete article, or its body alone."""
    body = _result(found) + _elements(found) + _evidence(found)
    return whole(f"Equivalence algebra of {verbatim(found.name)}", version, body, fragment)


def _result(found: EquivalenceRecord) -> str:
    bound = f"dimension {found.dimension}" if found.closed else (
        f"dimension at least {found.proved} and at most {found.dimension}")
    claim = (
        f"The vector fields $\\xi$ that keep the family of $v$, with parameters that move along, "
        f"form the Lie algebra {_name(found.algebra)}, of {bound}")
    extra = [
        text for count, text in (
            (found.gauge, f"{found.gauge} directions of the parameters keep $v$ and are divided "
                          "out"),
            (found.trivial, f"{found.trivial} motions along the worldlines are divided out"),
            (found.isotropy, f"{found.isotropy} elements keep $v$ as it is, at one $\\theta$"),
        ) if count]
    text = "\\section{The result}\n"
    proved = found.verdict.value == "PROVED"
    said = f"{claim}. " + "".join(f"{x[:1].upper() + x[1:]}. " for x in extra)
    text += (f"\\begin{{theorem}}\\normalfont {said}\n\\end{{theorem}}\n" if proved
             else f"\\noindent {said}\n")
    verdict = found.verdict.value.lower()
    return text + f"Scope: {escape(found.scope)}. Verdict: \\textsc{{{verdict}}}.\n"


def _name(algebra: str) -> str:
    """The name of the algebra; what is no name stays words."""
    head, mark, rest = algebra.partition(" (")
    more = escape(mark + rest) if mark and not rest.startswith("R") else ""
    return structure(head if more else algebra) + more


def _elements(found: EquivalenceRecord) -> str:
    if not found.generators:
        return "\\section{The elements}\nNo element is proved.\n"
    tensors = placed((tensor.name, tensor.shape) for tensor in found.tensors or ())
    symbol = symbols(tensors, {n: s for n, (_, s) in tensors.items()})
    made = [element_of(_read(g.vector.xi), [_read(p) for p in g.vector.parameters], found.state)
            for g in found.generators]
    elements = aligned([e for e in made if e is not None])
    forms = {}
    if len(elements) == len(made) and tensors:
        forms = {n: form_of(n, tensors, elements, symbol) for n in tensors}
    if not forms or None in forms.values():
        return _components(found, tensors, symbol)
    return _in_matrices(found, tensors, symbol, elements, {n: str(f) for n, f in forms.items()})


def _in_matrices(
    found: EquivalenceRecord, tensors: Mapping[str, tuple[int, tuple[int, ...]]],
    symbol: Mapping[str, str], elements: Sequence[Element], forms: Mapping[str, str],
) -> str:
    moves = any(e.c.any() for e in elements)
    turns = any(e.a.any() for e in elements)
    changes = any(any(e.tau) for e in elements)
    xi = " + ".join((["A\\,x"] if turns else []) + (["c"] if moves else [])) or "0"
    rows = [[r"\xi", f"= {xi}"]] + ([[r"\tau", r"= \tau(t)"]] if changes else [])
    rows += [[rf"\delta {symbol[n]}", f"= {form}"] for n, form in forms.items() if form != "0"]
    text = "\\section{The elements}\nWith\n" + _ranges(elements, found.state) + (
        "the state moves by $\\xi$ and the parameters by\n") + display(rows)
    text += "A dot is the derivative by $t$. " if any("dot" in f for f in forms.values()) else ""
    still = [f"${symbol[n]}$" for n, form in forms.items() if form == "0"]
    if still:
        text += f"{', '.join(still)} {'stay' if len(still) > 1 else 'stays'}. "
    text += "Then\n\\begin{equation*}\n" + _equation(found) + "\n\\end{equation*}\n"
    table = [[f"${symbol[n]}$", verbatim(n), f"${' times '.join(map(str, s)) or 1}$".replace(
        " times ", r" \times ")] for n, (_, s) in tensors.items()]
    return text + longtable((0.16, 0.5, 0.26), ["symbol", "tensor", "shape"], table)


def _equation(found: EquivalenceRecord) -> str:
    if found.time_change:
        return (r"\partial_\theta v \cdot \delta\theta = D\xi - v\,D\tau - \tau\,\partial_t v - "
                r"\xi\cdot\nabla v, \qquad D = \partial_t + v\cdot\nabla")
    return (r"\partial_\theta v \cdot \delta\theta = \partial_t \xi + v\cdot\nabla \xi - "
            r"\xi\cdot\nabla v")


def _ranges(elements: Sequence[Element], n: int) -> str:
    """Over what A, c and tau range: all of it, or the span, written with one number for each."""
    changes = any(any(e.tau) for e in elements)
    whole = "" if changes else _arbitrary(elements, n)
    if whole:
        return whole
    count = len(elements)
    letters = [rf"\varepsilon_{{{k}}}" for k in range(1, count + 1)]
    parts = []
    if any(e.a.any() for e in elements):
        parts.append(_matrix(elements, letters, n))
    if any(e.c.any() for e in elements):
        column = r" \\ ".join(_entry([e.c[:, i] for e in elements], letters) for i in range(n))
        parts.append(rf"$c = \begin{{pmatrix}}{column}\end{{pmatrix}}$")
    if changes:
        total = _entry([np.array(e.tau, dtype=object) for e in elements], letters)
        parts.append(rf"$\tau = {total}$")
    listed = [*letters[:1], *([r"\dots"] if count > 2 else []), *letters[1:][-1:]]
    return f"{', '.join(parts)} for all numbers ${', '.join(listed)}$,\n"


def _arbitrary(elements: Sequence[Element], n: int) -> str:
    """Over what A and c range where it is all matrices, or the diagonal ones; "" elsewhere."""
    top = len(elements[0].tau)
    flat = [np.concatenate([e.a.reshape(-1), e.c.reshape(-1)]) for e in elements]
    used = {int(k) for row in flat for k in np.flatnonzero(row)}
    if len(used) != len(elements):
        return ""
    square, shift = set(range(top * n * n)), {top * n * n + k for k in range(top * n)}
    diagonal = {p * n * n + i * (n + 1) for p in range(top) for i in range(n)}
    poly = f", polynomials in $t$ of degree {top - 1}" if top > 1 else ""
    matrix = rf"A \in \mathbb{{R}}^{{{n} \times {n}}}"
    for matrices, words in ((square, matrix), (diagonal, rf"{matrix} \text{{ diagonal}}"),
                            (set[int](), "")):
        for vectors, more in ((shift, rf"c \in \mathbb{{R}}^{{{n}}}"), (set[int](), "")):
            if used == matrices | vectors:
                return f"${', '.join(filter(None, (words, more)))}$ arbitrary{poly},\n"
    return ""


def _matrix(elements: Sequence[Element], letters: Sequence[str], n: int) -> str:
    """A, its entries linear in the numbers."""
    if n > LARGEST:
        return f"$A$ in a space of dimension {len(elements)}"
    rows = [" & ".join(_entry([e.a[:, i, j] for e in elements], letters) for j in range(n))
            for i in range(n)]
    return r"$A = \begin{pmatrix}" + r" \\ ".join(rows) + r"\end{pmatrix}$"


def _entry(values: Sequence[np.ndarray], letters: Sequence[str]) -> str:
    text = ""
    for value, letter in zip(values, letters, strict=True):
        for power, number in enumerate(value):
            if number:
                t = "" if not power else "t\\," if power == 1 else f"t^{{{power}}}\\,"
                part = coefficient(Fraction(number), t + letter)
                text = plus(text, part) if text else part
    return text or "0"


def _read(terms: Terms) -> list[tuple[int, Monomial, Fraction]]:
    return [(k, tuple((j, e) for j, e in m), Fraction(c)) for k, m, c in terms]


# -- by components -------------------------------------------------------------------------------


def _components(
    found: EquivalenceRecord, tensors: Mapping[str, tuple[int, tuple[int, ...]]],
    symbol: Mapping[str, str],
) -> str:
    space = ["t", *(_letter(n) for n in found.states or [
        f"x{k}" for k in range(1, found.state + 1)])]
    theta = [
        _at(symbol[name], index) for name, (_, shape) in tensors.items()
        for index in np.ndindex(*shape)
    ] or [rf"\theta_{{{k}}}" for k in range(found.parameters)]
    rows = []
    for g in found.generators[:MOST]:
        rows.append([r"\xi", f"= {_field(_read(g.vector.xi), space)}"])
        moved = [(k, (((-1, a),) if a else ()) + m, c)
                 for a, part in enumerate(g.vector.parameters) for k, m, c in _read(part)]
        for k in dict.fromkeys(k for k, _, _ in sorted(moved)):
            mine = [(m, c) for j, m, c in moved if j == k]
            text = ""
            for m, c in mine:
                part = coefficient(c, _monomial(m, ["t", *theta], 1) or "1")
                text = plus(text, part) if text else part
            rows.append([rf"\qquad \delta {theta[k]}", f"= {text}"])
    text = "\\section{The elements}\nThe proved elements, by components.\n" + display(rows)
    more = len(found.generators) - MOST
    return text + (f"and {more} more (in the record).\n" if more > 0 else "")


def _at(symbol: str, index: Sequence[int]) -> str:
    """An entry of a tensor."""
    return f"({symbol})_{{{','.join(map(str, index))}}}" if len(index) else symbol


def _field(terms: Sequence[tuple[int, Monomial, Fraction]], names: Sequence[str]) -> str:
    text = ""
    for k, m, c in terms:
        part = coefficient(c, " ".join(filter(None, (
            _monomial(m, names, 0), rf"\partial_{{{names[k]}}}"))))
        text = plus(text, part) if text else part
    return text or "0"


def _monomial(m: Monomial, names: Sequence[str], offset: int) -> str:
    return r"\,".join(
        names[j + offset] + (f"^{{{e}}}" if e != 1 else "") for j, e in m)


def _letter(name: str) -> str:
    """x1 as x_1; a longer name upright."""
    found = re.fullmatch(r"([A-Za-z])_?(\d*)", name)
    if found is None:
        return rf"\mathrm{{{escape(name)}}}"
    return f"{found[1]}_{{{found[2]}}}" if found[2] else found[1]


def _evidence(found: EquivalenceRecord) -> str:
    text = "\\section{What it rests on}\n"
    text += (
        "Each element is an identity in $t$, $x$ and $\\theta$, decided exactly. The dimension is "
        "bounded from above by ranks at exact random points"
        + (", and the proved elements reach it.\n" if found.closed else
           ", which the proved elements do not reach.\n"))
    for title, items in (("Shown", found.shown), ("Assumed", found.hypotheses),
                         ("Notes", found.notes)):
        if items:
            text += f"{title}: {escape('; '.join(items))}.\n\n"
    return text
