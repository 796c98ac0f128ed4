r"""The value of a printed formula: a reader of the LaTeX that `symgauge.formulas` writes.

Written anew: it knows nothing of programs. Symbols are looked up in a table of arrays; an index h
picks a head. Vectors are columns, and are added to every row of a matrix, as the documents say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_TOKEN = re.compile(
    r"\s*(\\textstyle\\sum_h|\\operatorname\{[A-Za-z\\_]+\}|\\mathbf\{1\}|\\tfrac|\\sqrt"
    r"|\\odot|\\,|\\top"
    r"|\\mathrm|\\times|\\quad|\\log|\\[A-Za-z]+|\d+(?:\.\d+)?|[A-Za-z]|[-+=(){}^_,;:|\[\]'/])")


#: Functions of entries that LaTeX has commands for.
_PLAIN = {r"\tanh": np.tanh, r"\exp": np.exp, r"\sin": np.sin, r"\cos": np.cos}


@dataclass(frozen=True)
class Ones:
    """A vector of ones of whatever length is needed; `row` where it is transposed."""

    row: bool = False


@dataclass(frozen=True)
class Row:
    """A vector, transposed."""

    entries: np.ndarray


@dataclass(frozen=True)
class Outer:
    """column row, where one of them may be ones."""

    column: Any
    row: Any

    def added(self, other: np.ndarray) -> np.ndarray:
        left = 1.0 if isinstance(self.column, Ones) else self.column.reshape(
            -1, *(1,) * max(1, other.ndim - 2))
        right = 1.0 if isinstance(self.row, Ones) else self.row
        return other + left * right


class Formula:
    """Evaluates formulas with one table of symbols."""

    def __init__(self, table: Callable[[str, int | None], Any], heads: int,
                 functions: Mapping[str, Callable[..., np.ndarray]]) -> None:
        self.table, self.heads, self.functions = table, heads, functions

    def value(self, text: str, head: int | None = None) -> Any:
        self._tokens, self._at, self._head = _TOKEN.findall(text), 0, head
        assert "".join(self._tokens) == re.sub(r"\s", "", text), text
        found = self._sum()
        assert self._at == len(self._tokens), (text, self._tokens[self._at:])
        return found.entries if isinstance(found, Row) else found

    # -- grammar ---------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        assert not wanted or token == wanted, (wanted, token)
        self._at += 1
        return token

    def _sum(self) -> Any:
        sign = -1.0 if self._peek() == "-" and self._take() else 1.0
        total = _times(sign, self._entrywise())
        while self._peek() in ("+", "-"):
            sign = 1.0 if self._take() == "+" else -1.0
            total = _plus(total, _times(sign, self._entrywise()))
        return total

    def _entrywise(self) -> Any:
        left = self._product()
        while self._peek() == r"\odot":
            self._take()
            right = self._product()
            left = left.added(0 * right) if isinstance(left, Outer) else left
            left = left * (right.added(0 * left) if isinstance(right, Outer) else right)
        return left

    def _product(self) -> Any:
        if self._peek() == r"\textstyle\sum_h":
            self._take()
            return self._over_heads(self._product)
        factors = [self._factor()]
        if self._peek() == r"\ast":
            return self._convolution(factors[0])
        if self._peek() == "/":
            self._take()
            return factors[0] / self._factor()
        while self._peek() == r"\," and self._tokens[self._at + 1] != ";":
            self._take()
            factors.append(self._factor())
        found = factors[-1]
        for factor in reversed(factors[:-1]):
            found = _matmul(factor, found)
        return found

    def _convolution(self, kernel: np.ndarray) -> np.ndarray:
        """Of a kernel with a batch: below the sign stands what is not as usual."""
        self._take()
        said = ""
        if self._peek() == "_":
            self._take()
            said = self._group()
        numbers = {
            word: [int(n) for n in found.split("x")]
            for word, found in re.findall(r"(stride|padding|dilation)(\d+(?:x\d+)*)", said)}
        d = kernel.ndim - 2
        found = torch.convolution(
            torch.tensor(self._factor()), torch.tensor(kernel), None,
            *(found if len(found) == d else found * d for found in (
                numbers.get("stride", [1]), numbers.get("padding", [0]),
                numbers.get("dilation", [1]))), False, [0] * d, 1)
        return found.numpy()

    def _over_heads(self, read: Callable[[], Any], joined: bool = False) -> Any:
        start, outer, parts = self._at, self._head, []
        for h in range(self.heads):
            self._at, self._head = start, h
            parts.append(read())
        self._head = outer
        return np.concatenate(parts, -1) if joined else sum(parts[1:], parts[0])

    def _factor(self) -> Any:
        value = self._atom()
        while self._peek() in ("^", "["):
            value = self._part(value) if self._take() == "[" else _raised(value, self._group())
        return value

    def _part(self, value: np.ndarray) -> np.ndarray:
        """Entry a, or a{:}b, or a{:}b{:}step, of the last axis that is named; all of those before.
        """
        text = ""
        while (token := self._take()) != "]":
            text += token
        *before, last = re.sub(r"[{}]|\\,", "", text).split(",")
        assert set(before) <= {":"}, text
        places = [int(number) for number in last.split(":")]
        taken = slice(*places) if len(places) > 1 else places[0]
        return value[(*(slice(None),) * len(before), taken)]

    def _joined(self) -> np.ndarray:
        """[a, b], side by side, or [a ; b], below each other."""
        found, below = [self._sum()], False
        while (token := self._take()) != "]":
            below = below or token == ";"
            if token != r"\,":
                assert token in ",;", token
                self._take(r"\,")
                found.append(self._sum())
        if below:
            return np.concatenate([np.atleast_2d(x) for x in found])
        return np.concatenate([np.atleast_1d(x) for x in found], -1)

    def _group(self) -> str:
        """The text of a group in braces."""
        self._take("{")
        depth, text = 1, ""
        while depth:
            token = self._take()
            depth += {"{": 1, "}": -1}.get(token, 0)
            text += token if depth else ""
        return text

    def _atom(self) -> Any:
        token = self._take()
        if token in "({":
            if token == "{" and self._peek() == r"\textstyle\sum_h":
                self._take()
                self._take("}")
                return self._over_heads(self._product)
            inside = self._sum()
            self._take(")" if token == "(" else "}")
            return inside
        if token[0].isdigit():
            return float(token)
        if token == r"\tfrac":
            top, bottom = float(self._group()), self._group()
            root = re.fullmatch(r"\\sqrt\{(\d+)\}", bottom)
            return top / (float(root[1]) ** 0.5 if root else float(bottom))
        if token == r"\mathbf{1}":
            return Ones()
        if token == r"\log":
            self._take(r"\,") if self._peek() == r"\," else None
            return np.log(self._atom())
        if token == "[":
            return self._joined()
        if token == "|":
            inside = self._sum()
            self._take("|")
            return abs(inside)
        if token in _PLAIN:
            (inside,) = self._arguments()
            return _PLAIN[token](inside)
        if token == r"\max":
            found = self._arguments()
            return np.maximum(*found) if len(found) == 2 else found[0].max(-1)
        if token == r"\sigma":
            (inside,) = self._arguments()
            return 1 / (1 + np.exp(-inside))
        if token == r"\textstyle":
            self._take(r"\sum")
            (inside,) = self._arguments()
            return np.sum(inside)
        if token == r"\sqrt":
            self._take("{")
            inside = self._sum()
            self._take("}")
            return np.sqrt(inside)
        if token.startswith(r"\operatorname"):
            return self._function(token[len(r"\operatorname{"):-1])
        return self._symbol(token)

    def _arguments(self) -> list[Any]:
        """What stands in brackets, with commas between."""
        self._take("(")
        found = [self._sum()]
        while self._peek() == ",":
            self._take()
            found.append(self._sum())
        self._take(")")
        return [_dense(x) for x in found]

    def _function(self, name: str) -> Any:
        if name == "concat":
            self._take("_")
            self._take("h")
            self._take("(")
            found = self._over_heads(self._sum, joined=True)
            self._take(")")
            return found
        if name in ("reshape", "rep", "sum", "tile", "each"):
            self._take("_")
            numbers = [int(n) for n in re.findall(r"\d+", self._group())]
            (inside,) = self._arguments()
            return {"reshape": np.reshape, "rep": np.expand_dims, "sum": np.sum,
                    "tile": np.tile, "each": lambda x, n: np.repeat(x, n[0], -1)}[name](
                inside, tuple(numbers))
        if name == "matmul":
            return np.matmul(*self._arguments())
        if name == "gelu" and self._peek() == "_":
            self._take()
            assert self._group() == r"\tanh"
            name = r"gelu_\tanh"
        said = self._said() if self._peek() == "_" and self._take() else {}
        self._take("(")
        inside = self._sum()
        self._take(")")
        return np.diag(inside) if name == "diag" else self.functions[name](inside, **said)

    def _said(self) -> dict[str, float]:
        r"""{\beta=2, \mathrm{slope}=...} below the name of a function."""
        pairs = [part.split("=") for part in self._group().split(",")]
        return {
            re.sub(r"\\mathrm|[{}\\]", "", name): Formula(
                self.table, self.heads, self.functions).value(number)
            for name, number in pairs}

    def _symbol(self, letter: str) -> Any:
        name, head = letter, None
        if self._peek() == "_":
            self._take()
            inside = self._group() if self._peek() == "{" else self._take()
            parts = inside.split(",")
            if parts[-1] == "h":
                head, parts = self._head, parts[:-1]
                assert head is not None
            name += f"_{{{','.join(parts)}}}" if parts else ""
        if self._peek() == "^" and self._tokens[self._at + 1:self._at + 3] == ["{", "("]:
            self._take()
            name += f"^{{{self._group()}}}"
        return self.table(name, head)


def _dense(value: Any) -> Any:
    """column row as an array that broadcasts along ones."""
    return value.added(np.zeros((1, 1))) if isinstance(value, Outer) else value


def _times(sign: float, value: Any) -> Any:
    if sign == 1:
        return value
    if isinstance(value, Outer):
        return Outer(Ones(), -value.row) if isinstance(value.column, Ones) else Outer(
            -value.column, value.row)
    return -value


def _plus(left: Any, right: Any) -> Any:
    if isinstance(right, Outer):
        assert not isinstance(left, Outer)
        return right.added(left)
    if isinstance(right, Ones):
        return left + 1.0
    if isinstance(left, Row):
        return left.entries + right
    return left + right


def _matmul(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        if isinstance(right, Outer) and isinstance(right.column, Ones) and isinstance(
                right.row, Ones):
            return left
        if isinstance(right, Outer):
            return Outer(left * right.column, right.row) if not isinstance(
                right.column, Ones) else Outer(right.column, left * right.row)
        if isinstance(right, Row):
            return Row(left * right.entries)
        return left if isinstance(right, Ones) else left * right
    if isinstance(right, Outer):
        if isinstance(left, Ones):
            raise AssertionError("a product of two columns")
        column = left.sum(1) if isinstance(right.column, Ones) else left @ right.column
        return Outer(column, right.row)
    if isinstance(left, Row) and isinstance(right, np.ndarray):
        return Row(left.entries @ right) if right.ndim == 2 else float(left.entries @ right)
    if isinstance(left, Ones) and left.row:
        return Row(right.sum(0))
    if isinstance(left, Ones) and isinstance(right, Ones):
        return Outer(left, right)
    if isinstance(right, Row):
        dense = isinstance(left, np.ndarray)
        return np.outer(left, right.entries) if dense else Outer(left, right.entries)
    if isinstance(right, Ones) and right.row:
        # of a row, transposed
        return Outer(left.entries if isinstance(left, Row) else left, right)
    if isinstance(right, Ones):
        return Outer(left, right) if left.ndim == 1 else left.sum(1)
    if isinstance(left, Outer):
        row = right.sum(0) if isinstance(left.row, Ones) else left.row @ right
        return Outer(left.column, row)
    return left @ right


def _raised(value: Any, power: str) -> Any:
    if power == r"\top":
        if isinstance(value, Ones):
            return Ones(not value.row)
        if isinstance(value, Outer):
            return Outer(value.row, value.column)
        return Row(value) if value.ndim == 1 else np.swapaxes(value, -1, -2)
    if power in ("-1", r"-\top"):
        if np.ndim(value) == 0:
            return 1 / value
        inverse = np.linalg.inv(value)
        return inverse if power == "-1" else inverse.T
    exponent = float(eval(power.removeprefix(r"\odot"), {"__builtins__": {}}))  # noqa: S307
    if power.startswith(r"\odot") or np.ndim(value) < 2:
        return value ** exponent
    assert exponent == int(exponent), "a root of a matrix"
    return np.linalg.matrix_power(value, int(exponent))
