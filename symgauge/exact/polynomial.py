"""Sparse polynomials over QQ in named symbols, with the relations that a proof may use.

A polynomial is a dict from monomials to coefficients; a monomial is a sorted tuple of symbol
numbers with repetition. Relations: H H = H for a step, R d = 1 for a reciprocal of d,
Q Q d = 1 for an inverse square root, s s = 1 - c c for a sine and a cosine; for the entries of
a selection, H H' = 0 in one row or column, and rows sum to 1. Rewriting with them is sound: a
normal form 0 proves that the polynomial vanishes; one that is not 0 decides nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple, TypeAlias

Number: TypeAlias = int | Fraction
Monomial: TypeAlias = tuple[int, ...]
Polynomial: TypeAlias = dict[Monomial, Number]

ZERO: Polynomial = {}

#: Kind, rows, columns and arguments of a selection; one of its rows or columns.
_Selection: TypeAlias = tuple[str, int, int, tuple[frozenset[tuple[Monomial, Number]], ...]]
_Place: TypeAlias = tuple[_Selection, str, int]


def ratio(a: Number, b: Number) -> Number:
    """a / b, an int where it is one."""
    q = Fraction(a) / b
    return q.numerator if q.denominator == 1 else q


class SizeLimit(Exception):
    """A polynomial or the work on it grew past its bound: the proof stays undecided."""


def constant(value: Number) -> Polynomial:
    """A constant polynomial."""
    return {(): value} if value else {}


def add(a: Polynomial, b: Polynomial) -> Polynomial:
    """a + b."""
    if len(a) < len(b):
        a, b = b, a
    out = dict(a)
    for m, c in b.items():
        s = out.get(m, 0) + c
        if s:
            out[m] = s
        else:
            del out[m]
    return out


def scale(a: Polynomial, c: Number) -> Polynomial:
    """c a."""
    return {m: v * c for m, v in a.items()} if c else {}


def _cleared(a: Polynomial) -> tuple[dict[Monomial, int], int]:
    """The polynomial times the common denominator of its coefficients, and that."""
    whole = lcm(*(c.denominator for c in a.values()))
    return {m: int(c * whole) for m, c in a.items()}, whole


class _Inverse(NamedTuple):
    """R with R**order * argument = 1, and that as a rule: what is written for the leading term.

    Leading is R**order times the argument's largest monomial; what stands for it is smaller.
    """

    order: int
    argument: Polynomial
    leading: Monomial
    instead: Polynomial


class Ring:
    """Symbols, their relations, and arithmetic modulo them.

    `budget` bounds the number of monomial products; SizeLimit is raised beyond it.
    """

    def __init__(self, budget: int = 20_000_000) -> None:
        self.names: list[str] = []
        self._steps: set[int] = set()
        self._inverses: dict[int, _Inverse] = {}
        self._known: dict[tuple[str, frozenset[tuple[Monomial, Number]]], int] = {}
        self._special: set[int] = set()
        self._cosines: dict[int, int] = {}
        self._places: dict[int, tuple[_Place, _Place]] = {}
        self._selections: dict[_Selection, list[list[Polynomial]]] = {}
        self.budget = budget

    def symbol(self, name: str) -> int:
        """A new free symbol."""
        self.names.append(name)
        return len(self.names) - 1

    def function(self, kind: str, argument: Polynomial) -> int:
        """The symbol of a function value, the same for equal arguments."""
        key = (kind, frozenset(argument.items()))
        known = self._known.get(key)
        if known is None:
            known = self.symbol(f"{kind}{len(self.names)}")
            self._known[key] = known
            if kind == "step":
                self._steps.add(known)
                self._special.add(known)
        return known

    def arguments(self) -> dict[int, set[int]]:
        """By symbol of a function value, or of an entry of a selection: those it is made of."""
        found: dict[int, set[int]] = {}
        for (_, argument), symbol in self._known.items():
            found[symbol] = {x for m, _ in argument for x in m}
        for symbol, (((_, _, _, arguments), _, _), _) in self._places.items():
            found[symbol] = {x for argument in arguments for m, _ in argument for x in m}
        return found

    def circle(self, argument: Polynomial) -> tuple[int, int]:
        """The symbols of the cosine and the sine of one argument."""
        cosine, sine = self.function("cos", argument), self.function("sin", argument)
        self._cosines[sine] = cosine
        self._special.add(sine)
        return cosine, sine

    def selection(
        self, kind: str, arguments: Sequence[Polynomial], rows: int, columns: int
    ) -> list[list[Polynomial]]:
        """Locally constant rows with a single 1 each, in different columns; else 0.

        The same for equal arguments. The last column is 1 minus the others.
        """
        key = (kind, rows, columns, tuple(frozenset(x.items()) for x in arguments))
        known = self._selections.get(key)
        if known is None:
            known = []
            for i in range(rows):
                symbols = [self.symbol(f"{kind}{len(self.names)}") for _ in range(columns - 1)]
                for j, x in enumerate(symbols):
                    self._places[x] = ((key, "row", i), (key, "column", j))
                self._steps.update(symbols)
                self._special.update(symbols)
                last: Polynomial = {(): 1, **{(x,): -1 for x in symbols}}
                entries: list[Polynomial] = [{(x,): 1} for x in symbols]
                known.append([*entries, last])
            self._selections[key] = known
        return known

    def inverse(self, argument: Polynomial, order: int) -> Polynomial:
        """R with R**order * argument = 1: reciprocal (1) or inverse square root (2)."""
        if not argument:
            raise ZeroDivisionError("the reciprocal of 0")
        if order == 1 and set(argument) == {()}:
            return {(): ratio(1, argument[()])}
        if order == 1 and len(argument) == 1:
            ((monomial, c),) = argument.items()
            if len(monomial) == 1 and monomial[0] in self._inverses:
                # 1/R for a reciprocal R = 1/d is d itself
                known = self._inverses[monomial[0]]
                if known.order == 1:
                    return scale(known.argument, ratio(1, c))
        name = "inverse" if order == 1 else "root"
        symbol = self.function(name, argument)
        if symbol not in self._inverses:
            lead, powers = max(argument, key=lambda m: (len(m), m)), (symbol,) * order
            value = argument[lead]
            instead = {powers + m: ratio(-c, value) for m, c in argument.items() if m != lead}
            self._inverses[symbol] = _Inverse(
                order, argument, powers + lead, {(): ratio(1, value), **instead})
            self._special.add(symbol)
        return {(symbol,): 1}

    def cases(self, a: Polynomial) -> list[tuple[Polynomial, Polynomial]]:
        """What selections make of a: products of their entries, each with a's value where it is 1.

        A function of a is the sum of these products times its values. [(1, a)] without selections,
        and where a holds other symbols with relations: its values might divide 0.
        """
        held = {x for m in a for x in m}
        row = next((self._places[x][0] for x in held if x in self._places), None)
        if row is None or not held & self._special <= self._places.keys():
            return [(constant(1), a)]
        (key, _, i), found = row, list[tuple[Polynomial, Polynomial]]()
        of_row = {x for x in held if self._places.get(x, (None,))[0] == row}
        for entry in self._selections[key][i]:
            self.budget -= len(a)
            if self.budget < 0:
                raise SizeLimit("the proof has more cases than its bound")
            value = self.sum(
                {tuple(x for x in m if x not in of_row): c} for m, c in a.items()
                if all((x,) in entry and len(entry) == 1 for x in m if x in of_row))
            found += [(self.mul(entry, other), v) for other, v in self.cases(value)]
        return found

    def mul(self, a: Polynomial, b: Polynomial) -> Polynomial:
        """a b in normal form."""
        if not a or not b:
            return {}
        self.budget -= len(a) * len(b)
        if self.budget < 0:
            raise SizeLimit("the proof needs more polynomial products than its bound")
        # products of integers: a fraction is made once for each term of the result
        left, over = _cleared(a)
        right, under = (left, over) if a is b else _cleared(b)
        found: dict[Monomial, int] = {}
        terms = list(right.items())
        for k, (m, c) in enumerate(left.items()):
            # of a square, each mixed product once
            start, twice = (k + 1, 2) if a is b else (0, 1)
            if a is b:
                key = tuple(sorted(m + m))
                found[key] = found.get(key, 0) + c * c
            for n, d in terms[start:]:
                key = tuple(sorted(m + n)) if m and n else m + n
                found[key] = found.get(key, 0) + twice * c * d
        whole = over * under
        out: Polynomial = {
            key: Fraction(c, whole) if c % whole else c // whole for key, c in found.items() if c
        }
        special = self._special
        reducible = bool(special) and any(not special.isdisjoint(key) for key in out)
        return self.normal(out) if reducible else out

    def normal(self, a: Polynomial) -> Polynomial:
        """The normal form modulo the relations."""
        done: Polynomial = {}
        todo = dict(a)
        while todo:
            monomial, c = todo.popitem()
            replaced = self._rewrite(monomial)
            if replaced is None:
                s = done.get(monomial, 0) + c
                if s:
                    done[monomial] = s
                else:
                    done.pop(monomial, None)
                continue
            self.budget -= len(replaced)
            if self.budget < 0:
                raise SizeLimit("the proof needs more polynomial products than its bound")
            for m, d in replaced.items():
                s = todo.get(m, 0) + c * d
                if s:
                    todo[m] = s
                else:
                    todo.pop(m, None)
        return done

    def _rewrite(self, monomial: Monomial) -> Polynomial | None:
        """One rewriting step of a monomial, or None where none applies."""
        special = self._special
        previous = -1
        taken: dict[object, int] = {}
        for x in monomial:
            if x not in special or x == previous:
                continue
            previous = x
            if x in self._cosines:
                left = _without(monomial, (x, x))
                if left is None:
                    continue
                cosine = self._cosines[x]
                return {left: 1, tuple(sorted((*left, cosine, cosine))): -1}
            if x in self._steps:
                # two entries of one row or one column of a selection are never both 1
                if any(taken.setdefault(place, x) != x for place in self._places.get(x, ())):
                    return {}
                if monomial.count(x) > 1:
                    kept = [y for y in monomial if y != x]
                    return {tuple(sorted([*kept, x])): 1}
                continue
            known = self._inverses[x]
            left = _without(monomial, known.leading)
            if left is None:
                continue
            return {tuple(sorted(left + m)): c for m, c in known.instead.items()}
        return None

    def vanishes(self, a: Polynomial) -> bool:
        """Whether a is 0 once its denominators are cleared: d a = 0 says a = R d a = 0.

        False decides nothing.
        """
        while a:
            last = max((x for m in a for x in m if self._is_reciprocal(x)), default=None)
            if last is None:
                return False
            # later reciprocals are of polynomials in earlier symbols
            a = self._without_reciprocal(a, last)
        return True

    def _without_reciprocal(self, a: Polynomial, symbol: int) -> Polynomial:
        """d^k a, where a has the degree k in the reciprocal of d."""
        divisor = self._inverses[symbol].argument
        parts: dict[int, Polynomial] = {}
        for m, c in a.items():
            parts.setdefault(m.count(symbol), {})[tuple(x for x in m if x != symbol)] = c
        highest = max(parts)
        return self.sum(
            self.mul(part, self.power(divisor, highest - k)) for k, part in parts.items())

    def _is_reciprocal(self, symbol: int) -> bool:
        return symbol in self._inverses and self._inverses[symbol].order == 1

    def sum(self, terms: Iterable[Polynomial]) -> Polynomial:
        """A sum of many polynomials."""
        out: Polynomial = {}
        for term in terms:
            for m, c in term.items():
                s = out.get(m, 0) + c
                if s:
                    out[m] = s
                else:
                    del out[m]
        return out

    def power(self, a: Polynomial, k: int) -> Polynomial:
        """a**k."""
        out = a if k else constant(1)
        for _ in range(k - 1):
            out = self.mul(out, a)
        return out

    def text(self, a: Polynomial, limit: int = 6) -> str:
        """A short text for messages."""
        items = sorted(a.items())[:limit]
        parts = [
            "*".join([str(c), *(self.names[x] for x in m)]) for m, c in items
        ]
        more = f" + ... ({len(a)} terms)" if len(a) > limit else ""
        return " + ".join(parts) + more if parts else "0"


def _without(monomial: Monomial, factors: Monomial) -> Monomial | None:
    """The monomial divided by the factors, or None where they do not divide it."""
    left = list(monomial)
    for x in factors:
        if x not in left:
            return None
        left.remove(x)
    return tuple(left)


def substitute(a: Polynomial, image: Callable[[int], Polynomial | None], ring: Ring) -> Polynomial:
    """a with each symbol replaced by its image (None keeps it)."""
    terms: list[Polynomial] = []
    for m, c in a.items():
        term = constant(c)
        for x in m:
            value = image(x)
            term = ring.mul(term, {(x,): 1} if value is None else value)
        terms.append(term)
    return ring.sum(terms)
