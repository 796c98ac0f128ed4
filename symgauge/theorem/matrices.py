"""Identities between matrices of symbolic size, decided in a ring of non-commuting words.

A matrix expression is a combination of words in letters, their transposes and inverses. The only
rewriting is g g^-1 = 1, the sorting of diagonal letters, (A B)^T = B^T A^T when a word is made,
and the rules that a step states. If left - right rewrites to 0 the identity holds at every size.
If it does not, exact integer matrices decide: a difference that is not 0 refutes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.theorem.scalars import decide_zero
from symgauge.theorem.theorem import Decision, Step
from symgauge.verdict import Verdict

#: Rewritings that one step may use.
BUDGET = 20_000
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


def _collect(pairs: Iterable[tuple[Word, Any]]) -> Terms:
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
        return Matrix(_collect(terms), self.rows, self.columns, latex, _SUM)

    def __neg__(self) -> Matrix:
        return (-1) * self

    def __rmul__(self, scalar: Any) -> Matrix:
        c = sympy.sympify(scalar)
        shown = "-" if c == -1 else sympy.latex(c) + r"\,"
        if isinstance(c, sympy.Add):
            shown = rf"({sympy.latex(c)})\,"
        terms = _collect((w, c * k) for w, k in self.terms.items())
        level = _SUM if shown.startswith("-") else _SCALED
        return Matrix(terms, self.rows, self.columns, shown + self._inside(_PRODUCT), level)

    def __matmul__(self, other: Matrix) -> Matrix:
        if self.columns != other.rows:
            raise BadInputError(
                f"cannot multiply {self.latex} ({self._shape()}) by {other.latex} "
                f"({other._shape()}): {self.columns} is not {other.rows}"
            )
        terms = _collect(
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
        terms = _collect(_transposed(word, c) for word, c in self.terms.items())
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


def _transposed(word: Word, c: Any) -> tuple[Word, Any]:
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
    return Matrix(_collect(pairs), expression.rows, expression.columns, shown, _PRODUCT)


# -- rewriting -----------------------------------------------------------------------------------


class _TooLong(Exception):
    pass


class Rewriting:
    """Words to normal form by the built-in rules and by `rules`, pairs (word, its value)."""

    def __init__(self, rules: Sequence[tuple[Matrix, Matrix]]) -> None:
        self._rules: list[tuple[Word, Terms]] = []
        self._left = BUDGET
        for left, right in rules:
            if len(left.terms) != 1 or next(iter(left.terms.values())) != 1:
                raise BadInputError(f"the left side of a rule is one word, not {left.latex}")
            if (left.rows, left.columns) != (right.rows, right.columns):
                raise BadInputError(f"a rule keeps the shape: {left.latex} -> {right.latex}")
            for a, b in ((left, right), (left.T, right.T)):
                ((word, c),) = a.terms.items()
                self._rules.append((word, {w: k / c for w, k in b.terms.items()}))

    def once(self, word: Word, sort: bool = True) -> Terms | None:
        """The word rewritten at one place, or None; `sort`: diagonal neighbours by name."""
        self._left -= 1
        if self._left < 0:
            raise _TooLong
        for i, (f, g) in enumerate(zip(word, word[1:])):
            same = f.letter == g.letter and f.transposed == g.transposed
            if same and f.inverted != g.inverted:
                return {word[:i] + word[i + 2:]: sympy.Integer(1)}
            diagonal = f.letter.kind == g.letter.kind == "diagonal"
            if sort and diagonal and f.letter.name > g.letter.name:
                return {word[:i] + (g, f) + word[i + 2:]: sympy.Integer(1)}
        for left, right in self._rules:
            for i in range(len(word) - len(left) + 1):
                if word[i:i + len(left)] == left:
                    head, tail = word[:i], word[i + len(left):]
                    return {head + middle + tail: k for middle, k in right.items()}
        return None

    def normal(self, terms: Terms) -> Terms:
        """The terms rewritten until no rule applies."""
        todo, done = dict(terms), []
        while todo:
            word, c = todo.popitem()
            rewritten = self.once(word)
            if rewritten is None:
                done.append((word, c))
            else:
                # merged at once, so that words that cancel are not rewritten apart
                todo = _collect([*todo.items(), *((w, c * k) for w, k in rewritten.items())])
        return _collect(done)

    def traces(self, terms: Terms) -> Terms:
        """The traces of the terms, rewritten; the empty word stands for the number 1."""
        todo, done = dict(terms), []
        while todo:
            word, c = todo.popitem()
            turn, rewritten = word, self.once(word)
            for i in range(1, len(word)):
                if rewritten is None:
                    # sorting a turned word would turn it for ever
                    turn = word[i:] + word[:i]
                    rewritten = self.once(turn, sort=False)
            if rewritten is None:
                done.append(_least(word, c))
                continue
            size = turn[0].letter.columns if turn[0].transposed else turn[0].letter.rows
            found = ((w, c * k * (1 if w else size)) for w, k in rewritten.items())
            todo = _collect([*todo.items(), *found])
        return _collect(done)


def _key(word: Word) -> list[tuple[str, bool, bool]]:
    return [(f.letter.name, f.transposed, f.inverted) for f in word]


def _least(word: Word, c: Any) -> tuple[Word, Any]:
    """tr(A B) = tr(B A) and tr(A^T) = tr(A): the first of all turns in lexical order."""
    turned, k = _transposed(word, c)
    candidates = [(w[i:] + w[:i], x) for w, x in ((word, c), (turned, k))
                  for i in range(max(len(w), 1))]
    least = min(candidates, key=lambda pair: _key(pair[0]))
    # tr(skew) = -tr(skew) = 0
    opposite = any(w == least[0] and x != least[1] for w, x in candidates)
    return (least[0], sympy.Integer(0)) if opposite else least


# -- exact values --------------------------------------------------------------------------------


def evaluate(expression: Matrix, at: Mapping[Letter, Any], symbols: Mapping[Any, Any]) -> Any:
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


def _letters(expressions: Iterable[Matrix]) -> list[Letter]:
    found = {f.letter for e in expressions for word in e.terms for f in word}
    return sorted(found, key=lambda letter: letter.name)


def _refutation(
    left: Matrix, right: Matrix, rules: Sequence[tuple[Matrix, Matrix]], trace: bool
) -> str:
    """Small integer matrices, obeying the rules, where the sides differ; "" where none is found."""
    expressions = [left, right, *(side for rule in rules for side in rule)]
    letters = _letters(expressions)
    shaped: list[Matrix | Letter] = [*letters, left, right]
    symbols = sorted(
        {s for x in shaped for n in (x.rows, x.columns) for s in n.free_symbols}, key=str
    )
    inverted = {f.letter for e in expressions for w in e.terms for f in w if f.inverted}
    scalars = sorted(
        {s for e in (left, right) for c in e.terms.values() for s in c.free_symbols} - set(symbols),
        key=str,
    )
    for seed in range(12):
        draw = random.Random(seed)
        size = {s: 2 + (i + seed) % 2 for i, s in enumerate(symbols)}
        at = {x: _drawn(x, size, draw) for x in letters}
        if any(at[x].det() == 0 for x in inverted):
            continue
        drawn = {s: sympy.Rational(draw.randint(1, 9), draw.randint(1, 3)) for s in scalars}
        values = {**size, **drawn}
        if any(v != 0 for a, b in rules for v in evaluate(a - b, at, values)):
            continue
        a, b = evaluate(left, at, values), evaluate(right, at, values)
        differences = [a.trace() - b.trace()] if trace else list(a - b)
        value = next((v for v in differences if v != 0), None)
        if value is not None:
            shown = ", ".join(f"{s} = {n}" for s, n in size.items())
            return f"left - right has the entry {value} at integer matrices with {shown}"
    return ""


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


def _obeys(letter: Letter, value: Any) -> bool:
    """Whether the value is of the letter's kind."""
    if letter.kind == "ones":
        return all(e == 1 for e in value)
    if letter.kind == "diagonal":
        return bool(value.is_diagonal())
    sign = {"symmetric": 1, "skew": -1}.get(letter.kind)
    return sign is None or value.T == sign * value


# -- steps ---------------------------------------------------------------------------------------

Rules = tuple[tuple[Matrix, Matrix], ...]


def _decide(left: Matrix, right: Matrix, rules: Rules, trace: bool) -> Decision:
    try:
        rewriting = Rewriting(rules)
        if trace:
            rest = rewriting.traces(_collect([*_traced(left, 1), *_traced(right, -1)]))
        else:
            rest = rewriting.normal((left - right).terms)
    except _TooLong:
        return Decision(Verdict.UNKNOWN, f"the rewriting did not end within {BUDGET} steps")
    if all(decide_zero([c]).verdict is Verdict.PROVED for c in rest.values()):
        return Decision(Verdict.PROVED)
    found = _refutation(left, right, rules, trace)
    if found:
        return Decision(Verdict.REFUTED, found)
    words = " + ".join(f"({c}) {' '.join(f.latex for f in w)}" for w, c in rest.items())
    return Decision(Verdict.UNKNOWN, f"left - right rewrites to {words[:200]}")


def _traced(expression: Matrix, sign: int) -> list[tuple[Word, Any]]:
    """sign tr(expression), its unit matrix counted as the size."""
    if expression.rows != expression.columns:
        raise BadInputError(f"{expression.latex} is not square, it has no trace")
    n = expression.rows
    return [(w, sign * c * (1 if w else n)) for w, c in expression.terms.items()]


def _display(left: str, right: str, relation: str, rules: Rules, used: Sequence[Matrix]) -> list[
        str]:
    """The equation, and below it the rules and the kinds of letters that rewriting may use."""
    parts = [f"{a.latex} = {b.latex}" for a, b in rules]
    letters = _letters([*used, *(side for rule in rules for side in rule)])
    for kind in KINDS[1:]:
        names = [x.latex for x in letters if x.kind == kind]
        word = "all ones" if kind == "ones" else kind
        parts += [rf"{', '.join(names)} \text{{ {word}}}"] if names else []
    where = [r"\text{where } " + r",\quad ".join(parts)] if parts else []
    return [f"{left} {relation} {right}", *where]


@dataclass(frozen=True)
class MatrixIdentity(Step):
    """left = right for matrices of every size, given the rules."""

    name: str
    left: Matrix
    right: Matrix
    rules: Rules = ()
    note: str = ""
    scope: str = "all sizes"
    must_fail: bool = False

    method = "non-commuting matrix identity"

    def decide(self) -> Decision:
        return _decide(self.left, self.right, self.rules, trace=False)

    def formulas(self) -> Sequence[str]:
        return _display(
            self.left.latex, self.right.latex, "=", self.rules, (self.left, self.right)
        )


@dataclass(frozen=True)
class TraceIdentity(Step):
    """tr(left) = tr(right) for matrices of every size, given the rules."""

    name: str
    left: Matrix
    right: Matrix
    rules: Rules = ()
    note: str = ""
    scope: str = "all sizes"
    must_fail: bool = False

    method = "non-commuting trace identity"

    def decide(self) -> Decision:
        return _decide(self.left, self.right, self.rules, trace=True)

    def formulas(self) -> Sequence[str]:
        left, right = (rf"\operatorname{{tr}}({e.latex})" for e in (self.left, self.right))
        return _display(left, right, "=", self.rules, (self.left, self.right))


@dataclass(frozen=True)
class MatrixCounterexample(Step):
    """left = right is false: it fails at exact matrices, so it is no identity of all sizes."""

    name: str
    left: Matrix
    right: Matrix
    at: Mapping[Matrix, Any]
    note: str = ""
    scope: str = ""
    must_fail: bool = True

    method = "exact counterexample"

    def decide(self) -> Decision:
        at = {x.letter: sympy.Matrix(value) for x, value in self.at.items()}
        for x, value in at.items():
            if not _obeys(x, value):
                raise BadInputError(f"{self.name}: the value of {x.name} is not {x.kind}")
        missing = [x.name for x in _letters([self.left, self.right]) if x not in at]
        if missing:
            raise BadInputError(f"{self.name}: no value is given for {', '.join(missing)}")
        difference = evaluate(self.left - self.right, at, {})
        values = [v for v in difference if v != 0]
        if not values:
            return Decision(Verdict.REFUTED, "left - right = 0 at these matrices")
        if not isinstance(values[0], sympy.Rational):
            return Decision(Verdict.UNKNOWN, f"left - right has the entry {values[0]}")
        return Decision(Verdict.PROVED, f"left - right has the entry {values[0]} there")

    def formulas(self) -> Sequence[str]:
        point = r",\ ".join(
            f"{x.latex} = {_value(sympy.Matrix(value))}" for x, value in self.at.items()
        )
        return [rf"{self.left.latex} \ne {self.right.latex}", rf"\text{{at }} {point}"]


def _value(m: Any) -> str:
    """LaTeX of a matrix of numbers, of its one entry where there is one."""
    text: str = sympy.latex(m[0]) if m.shape == (1, 1) else sympy.latex(m, mat_delim="(")
    return text
