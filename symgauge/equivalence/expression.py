"""A vector field given by SymPy expressions, as a program with the inputs t and x."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.ops import all_ops, by_overload
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network
from symgauge.program.writer import Value

#: SymPy's functions of one argument that torch has under the same name.
FUNCTIONS = ("exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "erf")


def field_of_expressions(
    v: Sequence[sympy.Expr], state: Sequence[sympy.Symbol], time: sympy.Symbol | None = None
) -> Network:
    """The program of v(t, x): one expression a component; other symbols are scalar parameters.

    Raises BadInputError where an expression has no op, or lengths differ.
    """
    if len(v) != len(state) or not v:
        raise BadInputError(
            f"{len(v)} components of a vector field for {len(state)} state symbols; give one each"
        )
    own = [*state, *([] if time is None else [time])]
    if not all(isinstance(s, sympy.Symbol) for s in own):
        raise BadInputError("the state and the time are sympy.Symbol objects: state=(x,), time=t")
    free = set().union(*(sympy.sympify(e).free_symbols for e in v)) - set(own)
    names = [s.name for s in (*own, *free)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadInputError(
            f"two symbols of the vector field have the name {twice[0]} (one of the state or the "
            "time twice, or one name with two assumptions): give each a name of its own"
        )
    build = Builder(all_ops())
    known: dict[sympy.Symbol, Value] = {}
    for s in sorted(free, key=lambda s: str(s.name)):
        known[s] = build.leaf(Parameter(s.name, ()))
    clock = build.leaf(Input("t", ()))
    if time is not None:
        known[time] = clock
    x = build.leaf(Input("x", (len(state),)))
    for i, s in enumerate(state):
        known[s] = build.reshape(build.slice(x, 0, i, i + 1), ())
    parts = [build.reshape(_value(build, sympy.sympify(e), known), (1,)) for e in v]
    whole = parts[0] if len(parts) == 1 else build.apply("concatenate", *parts, axis=0)
    return build.network([whole])


def _value(build: Builder, e: Any, known: dict[Any, Value]) -> Value:
    if e in known:
        return known[e]
    if isinstance(e, sympy.Rational):
        return build.full(Fraction(int(e.p), int(e.q)), ())
    if isinstance(e, (sympy.Add, sympy.Mul)):
        parts = [_value(build, a, known) for a in e.args]
        total = parts[0]
        for part in parts[1:]:
            total = build.add(total, part) if isinstance(e, sympy.Add) else build.mul(total, part)
        return total
    if isinstance(e, sympy.exp):
        return build.apply("exp", _value(build, e.args[0], known))
    if isinstance(e, sympy.Pow):
        return _power(build, _value(build, e.base, known), e.exp, e)
    if isinstance(e, (sympy.Float, sympy.NumberSymbol)):
        raise BadInputError(
            f"the vector field holds the number {str(e)[:40]}; write an exact one, "
            "sympy.Rational(1, 2), or a symbol"
        )
    name = type(e).__name__
    if isinstance(e, sympy.Function) and name in FUNCTIONS:
        overload = f"{name}.default"
        made: Value = by_overload()[overload].capture(
            build, overload, _value(build, e.args[0], known))
        return made
    raise BadInputError(
        f"the vector field holds {str(e)[:80]}, which has no op; write it with +, *, integer "
        f"powers, sqrt and {', '.join(FUNCTIONS)}"
    )


def _power(build: Builder, base: Value, exponent: Any, whole: Any) -> Value:
    twice = 2 * exponent
    if not isinstance(twice, sympy.Integer):
        raise BadInputError(f"the vector field holds {str(whole)[:80]}: a power that is no half "
                            "integer has no op")
    k = abs(int(twice))
    if k % 2:
        # a^(k/2) = a^((k+1)/2) a^(-1/2)
        value = build.apply("rsqrt", base)
        if exponent < 0:
            return _times(build, value, build.reciprocal(base), (k - 1) // 2)
        return _times(build, value, base, (k + 1) // 2)
    return _times(build, None, base if exponent > 0 else build.reciprocal(base), k // 2)


def _times(build: Builder, first: Value | None, base: Value, k: int) -> Value:
    total = first
    for _ in range(k):
        total = base if total is None else build.mul(total, base)
    assert total is not None
    return total
