"""Matrix expressions of symbolic size: combinations of words in letters and their inverses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError

KINDS = ("general", "symmetric", "skew", "diagonal", "ones")


@dataclass(frozen=True)
class Letter:
    """A matrix symbol; `kind` is one of KINDS and is used in rewriting and in sampling."""

    name: str
    rows: Any
    columns: Any
    kind: str
    latex: str


@dataclass(frozen=True)
class Factor:
    """A letter, its transpose, its inverse or both."""

    letter: Letter
    transposed: bool = False
    inverted: bool = False

    @property
    def latex(self) -> str:
        power = ("-" if self.inverted else "") + (r"\top" if self.transposed else "")
        if self.inverted and not self.transposed:
            power = "-1"
        return f"{self.letter.latex}^{{{power}}}" if power else self.letter.latex


Word = tuple[Factor, ...]
Terms = dict[Word, Any]


def collect(pairs: Iterable[tuple[Word, Any]]) -> Terms:
    out: Terms = {}
    for word, c in pairs:
        out[word] = sympy.expand(out.get(word, 0) + c)
    return {word: c for word, c in out.items() if c != 0}


#: How tightly an expression binds as it is written: W, W X, 2 W, W + X.
_ATOM, _PRODUCT, _SCALED, _SUM = range(4)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix expression: words with coefficients, its shape, and how it was written.

    `A @ B`, `A + B`, `A - B`, `c * A`, `A.T` and `A.inv` build it; shapes are checked.

    >>> n, d = sizes("n d")
    >>> x, g = matrix("X", n, d), matrix("g", d, d)
    >>> print((x @ g @ (x @ g.inv.T).T).latex)
    X g (X g^{-\\top})^{\\top}
    """

    terms: Terms
    rows: Any
    columns: Any
    latex: str
    level: int

    def __add__(self, other: Matrix) -> Matrix:
        return self._sum(other, 1, f"{self.latex} + {other.latex}")

    def __sub__(self, other: Matrix) -> Matrix:
        return self._sum(other, -1, f"{self.latex} - {other._inside(_SCALED)}")

    def _sum(self, other: Matrix, sign: int, latex: str) -> Matrix:
        if (self.rows, self.columns) != (other.rows, other.columns):
            raise BadInputError(
                f"cannot add {self.latex} ({self._shape()}) and {other.latex} ({other._shape()})"
            )
        terms = [*self.terms.items(), *((w, sign * c) for w, c in other.terms.items())]
        return Matrix(collect(terms), self.rows, self.columns, latex, _SUM)

    def __neg__(self) -> Matrix:
        return (-1) * self

    def __rmul__(self, scalar: Any) -> Matrix:
        c = sympy.sympify(scalar)
        shown = "-" if c == -1 else sympy.latex(c) + r"\,"
        if isinstance(c, sympy.Add):
            shown = rf"({sympy.latex(c)})\,"
        terms = collect((w, c * k) for w, k in self.terms.items())
        level = _SUM if shown.startswith("-") else _SCALED
        return Matrix(terms, self.rows, self.columns, shown + self._inside(_PRODUCT), level)

    def __matmul__(self, other: Matrix) -> Matrix:
        if self.columns != other.rows:
            raise BadInputError(
                f"cannot multiply {self.latex} ({self._shape()}) by {other.latex} "
                f"({other._shape()}): {self.columns} is not {other.rows}"
            )
        terms = collect(
            (a + b, c * d) for a, c in self.terms.items() for b, d in other.terms.items()
        )
        latex = f"{self._inside(_PRODUCT)} {other._inside(_PRODUCT)}"
        return Matrix(terms, self.rows, other.columns, latex, _PRODUCT)

    def _inside(self, level: int) -> str:
        """The LaTeX, in parentheses where it binds less than `level`."""
        return f"({self.latex})" if self.level > level else self.latex

    def _shape(self) -> str:
        return f"{self.rows} x {self.columns}"

    @property
    def T(self) -> Matrix:
        """The transpose."""
        terms = collect(transposed_word(word, c) for word, c in self.terms.items())
        latex = rf"{self._inside(_ATOM)}^{{\top}}"
        if self.level == _ATOM and len(terms) == 1:
            factor = self._factor()
            if factor is not None:
                latex = Factor(factor.letter, not factor.transposed, factor.inverted).latex
        return Matrix(terms, self.columns, self.rows, latex, _ATOM)

    @property
    def inv(self) -> Matrix:
        """The inverse of one word of square letters, which are then taken to be invertible."""
        if len(self.terms) != 1 or self.rows != self.columns:
            raise BadInputError(f"cannot invert {self.latex}: it is not one word of square letters")
        ((word, c),) = self.terms.items()
        if any(f.letter.rows != f.letter.columns for f in word):
            raise BadInputError(f"cannot invert {self.latex}: a factor is not square")
        inverse = tuple(Factor(f.letter, f.transposed, not f.inverted) for f in reversed(word))
        factor = self._factor()
        latex = f"{self._inside(_ATOM)}^{{-1}}"
        if factor is not None:
            latex = Factor(factor.letter, factor.transposed, not factor.inverted).latex
        return Matrix({inverse: 1 / c}, self.columns, self.rows, latex, _ATOM)

    def _factor(self) -> Factor | None:
        """The one factor that this is, if it is one."""
        if self.level != _ATOM or len(self.terms) != 1:
            return None
        ((word, c),) = self.terms.items()
        return word[0] if len(word) == 1 and c == 1 else None

    @property
    def letter(self) -> Letter:
        """The letter that this is; BadInputError for anything else."""
        factor = self._factor()
        if factor is None or factor.transposed or factor.inverted:
            raise BadInputError(f"{self.latex} is not a letter")
        return factor.letter


def sizes(names: str) -> tuple[Any, ...]:
    """Symbols for sizes, as in sympy.symbols."""
    return tuple(sympy.symbols(names.split(), integer=True, positive=True))


def matrix(name: str, rows: Any, columns: Any, kind: str = "general", latex: str = "") -> Matrix:
    """A letter: any matrix of this shape; kind "ones" is the matrix of ones."""
    if kind not in KINDS:
        raise BadInputError(f"{name}: there is no kind {kind!r}; known are {', '.join(KINDS)}")
    rows, columns = sympy.sympify(rows), sympy.sympify(columns)
    if kind not in ("general", "ones") and rows != columns:
        raise BadInputError(f"{name} is {kind}, so it must be square, not {rows} x {columns}")
    letter = Letter(name, rows, columns, kind, latex or sympy.latex(sympy.Symbol(name)))
    return Matrix({(Factor(letter),): sympy.Integer(1)}, rows, columns, letter.latex, _ATOM)


def identity(n: Any) -> Matrix:
    """The unit matrix."""
    n = sympy.sympify(n)
    return Matrix({(): sympy.Integer(1)}, n, n, "1", _ATOM)


def zero(rows: Any, columns: Any) -> Matrix:
    """The zero matrix."""
    return Matrix({}, sympy.sympify(rows), sympy.sympify(columns), "0", _ATOM)


def transposed_word(word: Word, c: Any) -> tuple[Word, Any]:
    out, sign = [], 1
    for f in reversed(word):
        if f.letter.kind == "skew":
            sign = -sign
            out.append(f)
        elif f.letter.kind in ("symmetric", "diagonal"):
            out.append(f)
        else:
            out.append(Factor(f.letter, not f.transposed, f.inverted))
    return tuple(out), sign * c


def derivative(expression: Matrix, velocities: Mapping[Matrix, Matrix], latex: str = "") -> Matrix:
    """d/dt by Leibniz' rule; d(g^-1) = -g^-1 (dg) g^-1; letters not named are constants.

    >>> from symgauge.theorem import MatrixIdentity
    >>> (n,) = sizes("n")
    >>> u, v = matrix("U", n, n), matrix("V", n, n)
    >>> step = MatrixIdentity("", derivative(u.inv, {u: v}), -(u.inv @ v @ u.inv))
    >>> step.decide().verdict
    <Verdict.PROVED: 'PROVED'>
    """
    speed = {x.letter: v for x, v in velocities.items()}
    for x, v in velocities.items():
        if (x.rows, x.columns) != (v.rows, v.columns):
            raise BadInputError(f"the derivative of {x.latex} has another shape: {v.latex}")
    pairs: list[tuple[Word, Any]] = []
    for word, c in expression.terms.items():
        for i, f in enumerate(word):
            if f.letter not in speed:
                continue
            v = speed[f.letter].T if f.transposed else speed[f.letter]
            for middle, k in v.terms.items():
                if f.inverted:
                    middle, k = (f, *middle, f), -k
                pairs.append((word[:i] + middle + word[i + 1:], c * k))
    shown = latex or rf"\frac{{d}}{{dt}} {expression._inside(_ATOM)}"
    return Matrix(collect(pairs), expression.rows, expression.columns, shown, _PRODUCT)
