"""Polynomials and inequalities in letters, as a record prints them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from symgauge.steps.unread import Unread

Letters = Mapping[str, int]
OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.Pow: lambda a, b: a ** int(b)}


@lru_cache(maxsize=4096)
def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise Unread(f"{text!r:.60} is no polynomial") from error


def value(text: str, values: Letters) -> Fraction:
    """A polynomial at these values. Raises Unread."""
    return _value(_tree(text), values)


def _value(tree: ast.expr, values: Letters) -> Fraction:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int):
        return Fraction(tree.value)
    if isinstance(tree, ast.Name) and tree.id in values:
        return Fraction(values[tree.id])
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_value(tree.operand, values)
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATIONS:
        left, right = _value(tree.left, values), _value(tree.right, values)
        if isinstance(tree.op, ast.Div) and not right or isinstance(
                tree.op, ast.Pow) and not 0 <= right <= 9:
            raise Unread(f"{ast.unparse(tree)!r:.60} is no polynomial")
        return OPERATIONS[type(tree.op)](left, right)
    raise Unread(f"{ast.unparse(tree)!r:.60} is no polynomial")


def inequalities(texts: Sequence[str]) -> list[str]:
    """Those of some conditions that are inequalities, each once."""
    return list(dict.fromkeys(t for t in texts if " <= " in t))


def words(texts: Sequence[str]) -> list[str]:
    """The others."""
    return [t for t in texts if " <= " not in t]


def sides(text: str, values: Letters) -> tuple[Fraction, Fraction]:
    """Both sides of an inequality."""
    less, _, more = text.partition(" <= ")
    return value(less, values), value(more, values)


def holds(text: str, values: Letters) -> bool:
    """Whether an inequality does."""
    less, more = sides(text, values)
    return less <= more
