"""Identities between commuting expressions, decided in a polynomial ring over QQ.

Every subexpression that is not a sum, a product, an integer power or a rational number becomes an
indeterminate: undefined functions, their derivatives, exp(z). What relates two indeterminates
(exp(2 z) = exp(z)^2, a root's square) is kept; what is forgotten can only turn a true identity
into UNKNOWN. Nothing is simplified, nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.polys.matrices import DomainMatrix
from sympy.polys.polyerrors import CoercionFailed, GeneratorsError
from sympy.printing.latex import LatexPrinter

from symgauge.flows.jets import Jet
from symgauge.theorem.theorem import Decision, Step
from symgauge.verdict import Verdict

#: Any SymPy expression, or an array of them (a Matrix or nested sequences).
Expressions = Any


def entries(value: Expressions) -> list[Any]:
    """The expressions of an array, row by row."""
    if isinstance(value, sympy.MatrixExpr):
        value = value.as_explicit()
    if isinstance(value, (sympy.MatrixBase, list, tuple)):
        return [entry for part in value for entry in entries(part)]
    return [sympy.sympify(value)]


class _Indeterminates:
    """The rational expression in indeterminates that a SymPy expression is."""

    def __init__(self) -> None:
        self.names: dict[Any, Any] = {}
        self.relations: list[Any] = []
        #: False once two indeterminates may hang together in a way that is not in `relations`.
        self.independent = True

    def _name(self, key: Any) -> Any:
        if key not in self.names:
            self.names[key] = sympy.Dummy(f"u{len(self.names)}")
        return self.names[key]

    def read(self, e: Any) -> Any:
        """`e` with its transcendental parts named."""
        if isinstance(e, sympy.Rational):
            return e
        if isinstance(e, (sympy.Add, sympy.Mul)):
            return e.func(*(self.read(a) for a in e.args))
        if isinstance(e, sympy.Symbol):
            return self._name(e)
        if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer):
            return self.read(e.base) ** e.exp
        if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Rational):
            return self._root(e.base, e.exp)
        if isinstance(e, (sympy.exp, sympy.Pow)):
            return self._power(e.base, e.exp)
        if isinstance(e, (AppliedUndef, sympy.Derivative, Jet)):
            return self._jet(e)
        self.independent = False
        return self._name(e)

    def _root(self, base: Any, exponent: Any) -> Any:
        new = (root := sympy.Pow(base, sympy.Rational(1, exponent.q))) not in self.names
        name = self._name(root)
        if new:
            # a root has further relations only where a radicand has roots of its own
            self.independent = False
            self.relations.append(name**exponent.q - self.read(base))
        return name**exponent.p

    def _power(self, base: Any, exponent: Any) -> Any:
        """base^(a + 2 b) = base^a (base^b)^2, with one indeterminate per monomial."""
        # e is no indeterminate of its own; of any other base nothing is known
        self.independent &= bool(base == sympy.E)
        out = sympy.Integer(1)
        for term in sympy.Add.make_args(sympy.expand(exponent)):
            c, rest = term.as_coeff_Mul()
            if not isinstance(c, sympy.Rational):
                c, rest = sympy.Integer(1), term
            self.independent &= bool(rest != 1)
            if rest == 1 and base != sympy.E:
                out *= self.read(sympy.Pow(base, c))
            else:
                out *= self._name(sympy.Pow(base, rest / c.q)) ** c.p
        return out

    def _jet(self, e: Any) -> Any:
        """An undefined function of plain variables or at one point, or a partial derivative."""
        function, point = _function(e)
        plain = all(isinstance(a, sympy.Symbol) for a in point)
        if function is None or not (plain or isinstance(e, Jet)):
            self.independent = False
        return self._name(e)

    def free(self) -> bool:
        """Whether the indeterminates take independent values, so that only 0 vanishes."""
        if not self.independent or self.relations:
            return False
        keys = list(self.names)
        exponents = [k.exp for k in keys if isinstance(k, sympy.exp)]
        if len(set(exponents)) != len(exponents) or set(exponents) & set(keys):
            return False
        if not all(isinstance(z, sympy.Symbol) for z in exponents):
            return False
        functions: dict[Any, Any] = {}
        for k in keys:
            f, point = _function(k)
            # f(x) and f(y) may coincide: only one argument list per function
            if f is not None and functions.setdefault(f, point) != point:
                return False
        return True

    def text(self, e: Any) -> str:
        shown = str(sympy.sympify(e).xreplace({v: k for k, v in self.names.items()}))
        return shown if len(shown) <= 200 else shown[:200] + " ..."


def _function(e: Any) -> tuple[Any, tuple[Any, ...]]:
    """The name of the undefined function that `e` is a jet of, and where; (None, ()) for others."""
    if isinstance(e, Jet):
        return e.args[0].name, tuple(e.args[3])
    f = e.expr if isinstance(e, sympy.Derivative) else e
    return (f.func.__name__, f.args) if isinstance(f, AppliedUndef) else (None, ())


def decide_zero(
    expressions: Sequence[Any], relations: Sequence[Any] = ()
) -> Decision:
    """Whether all `expressions` vanish wherever the `relations` (expressions = 0) hold.

    PROVED: each numerator is 0 in QQ[indeterminates], or in the ideal of the relations. REFUTED:
    a numerator is not the zero polynomial, and its indeterminates take independent values.

    >>> x, y = sympy.symbols("x y")
    >>> decide_zero([(x + y)**2 - x**2 - 2*x*y - y**2]).verdict
    <Verdict.PROVED: 'PROVED'>
    >>> decide_zero([x**2 - x]).verdict, decide_zero([x**2 - x], [x*(x - 1)]).verdict
    (<Verdict.REFUTED: 'REFUTED'>, <Verdict.PROVED: 'PROVED'>)
    """
    reader = _Indeterminates()
    try:
        read = [reader.read(_done(e)) for e in expressions]
        given = [reader.read(_done(e)) for e in relations] + reader.relations
        names = list(reader.names.values())
        if not names:
            left = next((e for e in read if e != 0), None)
            return _answer(left is None, True, f"left - right = {left}")
        field = sympy.QQ.frac_field(*names)
        elements = [field.from_sympy(e) for e in read]
        numerators = [e.numer for e in elements]
        basis = None
        if given:
            ideal = [field.from_sympy(e).numer.as_expr() for e in given]
            basis = sympy.groebner(ideal, *names, order="grevlex", domain=sympy.QQ)
            if basis.contains(sympy.Integer(1)):
                return Decision(Verdict.UNKNOWN, "the relations contradict each other")
            if any(basis.contains(e.denom.as_expr()) for e in elements):
                return Decision(Verdict.UNKNOWN, "a denominator vanishes on the relations")
    except ZeroDivisionError:
        return Decision(Verdict.UNKNOWN, "a denominator is identically 0")
    except (CoercionFailed, GeneratorsError, NotImplementedError) as error:
        return Decision(Verdict.UNKNOWN, f"not a rational expression: {error}")
    for numerator in numerators:
        if not numerator:
            continue
        rest = numerator.as_expr()
        if basis is not None:
            rest = basis.reduce(rest)[1]
        if rest != 0:
            exact = basis is None and reader.free()
            return _answer(False, exact, f"left - right has numerator {reader.text(rest)}")
    count = len(numerators)
    return Decision(Verdict.PROVED, f"{count} identities" if count > 1 else "")


def _done(e: Any) -> Any:
    """`e` with what is left to do done; jets alone, the common case, have nothing left."""
    e = sympy.sympify(e)
    parts = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Rational, sympy.Symbol, Jet)
    jets = (AppliedUndef, sympy.Derivative)
    todo = [e]
    while todo:
        node = todo.pop()
        point = _function(node)[1] if isinstance(node, jets) else ()
        if point and all(isinstance(a, sympy.Symbol) for a in point):
            continue
        if not isinstance(node, parts):
            return e.doit()
        todo += [] if isinstance(node, Jet) else node.args
    return e


def _answer(holds: bool, exact: bool, evidence: str) -> Decision:
    if holds:
        return Decision(Verdict.PROVED)
    return Decision(Verdict.REFUTED if exact else Verdict.UNKNOWN, evidence)


def _equations(left: Expressions, right: Expressions, symbol: str) -> str:
    """The display; with `symbol`, the name of a large array, or above 400 characters, a count."""
    shown = f"{printed(left)} = {printed(right)}"
    if not symbol and len(shown) <= 400:
        return shown
    pairs = list(zip(entries(left), entries(right), strict=True))
    if symbol:
        same = len({*entries(right)}) == 1
        what = rf"{symbol} = {printed(entries(right)[0])}" if same else symbol
        return rf"{what}\qquad \text{{({len(pairs)} entries)}}"
    names = sorted({s.name for pair in pairs for e in pair for s in e.free_symbols})
    latex = ", ".join(sympy.latex(sympy.Symbol(n)) for n in names[:6])
    more = r", \ldots" if len(names) > 6 else ""
    return rf"\text{{{len(pairs)} entries in }} {latex}{more}"


class _Printer(LatexPrinter):  # type: ignore[misc]
    """LaTeX with f for f(t, x) and its derivatives as d_t f, where f has one argument list."""

    def __init__(self, short: set[Any]) -> None:
        super().__init__()
        self._short = short

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        if expr.func.__name__ not in self._short:
            shown: str = super()._print_Function(expr, exp)
            return shown
        shown = self._print(sympy.Symbol(expr.func.__name__))
        return f"{shown}^{{{exp}}}" if exp else str(shown)

    def _print_Derivative(self, expr: Any) -> str:
        if expr.expr.func.__name__ not in self._short:
            shown: str = super()._print_Derivative(expr)
            return shown
        by = "".join(
            rf"\partial_{{{self._print(x)}}}" * int(k) for x, k in expr.variable_count
        )
        return rf"{by} {self._print(expr.expr)}"


def printed(value: Any) -> str:
    """LaTeX, with undefined functions in short where nothing is lost."""
    where: dict[Any, set[Any]] = {}
    for e in entries(value):
        for f in e.atoms(AppliedUndef):
            where.setdefault(f.func.__name__, set()).add(f.args)
    short = {
        f for f, lists in where.items()
        if len(lists) == 1 and all(isinstance(a, sympy.Symbol) for a in next(iter(lists)))
    }
    if isinstance(value, (tuple, list)) and len(value) == 1:
        (value,) = value
    text: str = _Printer(short).doprint(value)
    return text


def _pairs(left: Expressions, right: Expressions) -> list[Any]:
    ls, rs = entries(left), entries(right)
    if len(rs) == 1 and len(ls) > 1:
        rs = rs * len(ls)
    return [a - b for a, b in zip(ls, rs, strict=True)]


@dataclass(frozen=True)
class PolynomialIdentity(Step):
    """left = right, entry by entry, wherever the relations (expressions = 0) hold.

    A `right` of one entry is meant for every entry of `left`. `symbol` names a large `left`.
    """

    name: str
    left: Expressions
    right: Expressions
    relations: tuple[Any, ...] = ()
    symbol: str = ""
    note: str = ""
    scope: str = ""
    must_fail: bool = False

    method = "polynomial identity over QQ"

    def decide(self) -> Decision:
        return decide_zero(_pairs(self.left, self.right), self.relations)

    def formulas(self) -> Sequence[str]:
        right = self.right
        if len(entries(self.left)) != len(entries(right)):
            right = [right] * len(entries(self.left))
        where = ", ".join(f"{printed(r)} = 0" for r in self.relations)
        extra = [rf"\text{{where }} {where}"] if where else []
        return [_equations(self.left, right, self.symbol), *extra]


@dataclass(frozen=True)
class Counterexample(Step):
    """left = right is false: at one exact point the two sides differ."""

    name: str
    left: Expressions
    right: Expressions
    at: Mapping[Any, Any]
    note: str = ""
    scope: str = ""
    must_fail: bool = True

    method = "exact counterexample"

    def _value(self) -> Any:
        """The first difference that is not 0 at the point."""
        point = {k: sympy.sympify(v) for k, v in self.at.items()}
        values = [
            sympy.sympify(e).subs(point, simultaneous=True).doit()
            for e in _pairs(self.left, self.right)
        ]
        return next((v for v in values if v != 0), sympy.Integer(0))

    def decide(self) -> Decision:
        value = self._value()
        if not isinstance(value, sympy.Rational):
            return Decision(Verdict.UNKNOWN, f"left - right = {value}, no exact rational")
        found = Verdict.REFUTED if value == 0 else Verdict.PROVED
        where = " at the point" if self.at else ""
        return Decision(found, f"left - right = {value}{where}")

    def formulas(self) -> Sequence[str]:
        point = ", ".join(f"{printed(k)} = {printed(sympy.sympify(v))}" for k, v in self.at.items())
        left, right = printed(self.left), printed(self.right)
        return [rf"{left} \ne {right}", *([rf"\text{{at }} {point}"] if point else [])]


@dataclass(frozen=True)
class ExactRank(Step):
    """rank M = equals, for a matrix of rationals."""

    name: str
    matrix: Any
    equals: int
    symbol: str = "M"
    note: str = ""
    scope: str = ""
    must_fail: bool = False

    method = "rank over QQ"

    def decide(self) -> Decision:
        if any(not isinstance(e, sympy.Rational) for e in entries(self.matrix)):
            return Decision(Verdict.UNKNOWN, "the matrix has entries that are not rational")
        domain = DomainMatrix.from_Matrix(sympy.Matrix(self.matrix)).convert_to(sympy.QQ)
        rank = domain.rank()
        verdict = Verdict.PROVED if rank == self.equals else Verdict.REFUTED
        return Decision(verdict, f"the rank is {rank}")

    def formulas(self) -> Sequence[str]:
        rows, columns = self.matrix.shape
        shown = rf"\operatorname{{rank}} {self.symbol} = {self.equals}"
        if rows * columns <= 12:
            return [rf"{shown},\qquad {self.symbol} = {printed(self.matrix)}"]
        return [rf"{shown},\qquad {self.symbol} \in \mathbb{{Q}}^{{{rows} \times {columns}}}"]
