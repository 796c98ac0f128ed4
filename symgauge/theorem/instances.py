"""Exact integer matrices for the letters of an identity, which may refute it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import sympy

from symgauge.errors import BadInputError
from symgauge.theorem.words import Letter, Matrix

Values: TypeAlias = Mapping[sympy.Symbol, sympy.Rational | int]


def evaluate(expression: Matrix, at: Mapping[Letter, sympy.Matrix], symbols: Values) -> Any:
    """The SymPy matrix of rationals that the expression is at exact matrices and `symbols`.

    Sizes are read off the matrices, and need not be among the symbols.
    """
    size = dict(symbols)
    for letter, value in at.items():
        for n, found in zip((letter.rows, letter.columns), value.shape, strict=True):
            wanted = size.setdefault(n, found) if isinstance(n, sympy.Symbol) else n
            if wanted != found:
                raise BadInputError(
                    f"{letter.name} is {letter.rows} x {letter.columns}; its value has "
                    f"{found} where {n} is {wanted}"
                )
    rows = int(expression.rows.subs(size))
    total = sympy.zeros(rows, int(expression.columns.subs(size)))
    for word, c in expression.terms.items():
        product = sympy.eye(rows)
        for f in word:
            value = at[f.letter].inv() if f.inverted else at[f.letter]
            product = product * (value.T if f.transposed else value)
        total += sympy.sympify(c).subs(size, simultaneous=True) * product
    return total


def letters_of(expressions: Iterable[Matrix]) -> list[Letter]:
    found = {f.letter for e in expressions for word in e.terms for f in word}
    return sorted(found, key=lambda letter: letter.name)


def refutation(
    left: Matrix, right: Matrix, rules: Sequence[tuple[Matrix, Matrix]], trace: bool
) -> str:
    """Small integer matrices, obeying the rules, where the sides differ; "" where none is found."""
    expressions = [left, right, *(side for rule in rules for side in rule)]
    letters = letters_of(expressions)
    shaped: list[Matrix | Letter] = [*letters, left, right]
    symbols = sorted(
        {s for x in shaped for n in (x.rows, x.columns) for s in n.free_symbols}, key=str
    )
    scalars = sorted(
        {s for e in (left, right) for c in e.terms.values() for s in c.free_symbols} - set(symbols),
        key=str,
    )
    for seed in range(12):
        draw = random.Random(seed)
        size = {s: 2 + (i + seed) % 2 for i, s in enumerate(symbols)}
        at = {x: _drawn(x, size, draw) for x in letters}
        values = {**size, **{
            s: sympy.Rational(draw.randint(1, 9), draw.randint(1, 3)) for s in scalars}}
        if not _obey(expressions, rules, at, values):
            continue
        a, b = evaluate(left, at, values), evaluate(right, at, values)
        differences = [a.trace() - b.trace()] if trace else list(a - b)
        value = next((v for v in differences if v != 0), None)
        if value is not None:
            shown = ", ".join(f"{s} = {n}" for s, n in size.items())
            return f"left - right has the entry {value} at integer matrices with {shown}"
    return ""


def _obey(
    expressions: Sequence[Matrix], rules: Sequence[tuple[Matrix, Matrix]],
    at: Mapping[Letter, sympy.Matrix], values: Values,
) -> bool:
    """Whether the letters that are inverted have inverses there, and the rules hold."""
    inverted = {f.letter for e in expressions for word in e.terms for f in word if f.inverted}
    return all(at[x].det() != 0 for x in inverted) and not any(
        v != 0 for a, b in rules for v in evaluate(a - b, at, values))


def _drawn(letter: Letter, size: Mapping[Any, int], draw: random.Random) -> Any:
    rows, columns = (int(n.subs(size)) for n in (letter.rows, letter.columns))
    if letter.kind == "ones":
        return sympy.ones(rows, columns)
    m = sympy.Matrix(rows, columns, lambda i, j: draw.choice((-3, -2, -1, 1, 2, 3)))
    if letter.kind == "symmetric":
        return m + m.T
    if letter.kind == "skew":
        return m - m.T
    if letter.kind == "diagonal":
        return sympy.diag(*(m[i, i] for i in range(rows)))
    return m


def obeys(letter: Letter, value: Any) -> bool:
    """Whether the value is of the letter's kind."""
    if letter.kind == "ones":
        return all(e == 1 for e in value)
    if letter.kind == "diagonal":
        return bool(value.is_diagonal())
    sign = {"symmetric": 1, "skew": -1}.get(letter.kind)
    return sign is None or value.T == sign * value


def exact_value(m: Any) -> str:
    """LaTeX of a matrix of numbers, of its one entry where there is one."""
    text: str = sympy.latex(m[0]) if m.shape == (1, 1) else sympy.latex(m, mat_delim="(")
    return text
