"""Partial derivatives of undefined functions at any point: composition and the chain rule.

SymPy has no symbol for "the partial derivative of psi by its first argument, at (t, phi(t, x))":
its own substitution writes Derivative(psi(t, phi(t, x)), t), which it then reads as the total
derivative. `Jet` is that symbol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.core.function import AppliedUndef
from sympy.core.symbol import Str

from symgauge.errors import BadInputError


class Jet(sympy.Expr):  # type: ignore[misc]
    r"""(d^orders f)(point): a partial derivative of an undefined function, at a point.

    `arguments` names the slots of f and `orders` counts the derivatives by each. It differentiates
    by the chain rule. At a point of distinct symbols it is SymPy's own Derivative.

    >>> t, x, y = sympy.symbols("t x y")
    >>> phi = sympy.Function("phi")(t, x)
    >>> composed = at(sympy.Function("psi")(t, y), {y: phi})
    >>> composed.diff(x)
    Derivative(phi(t, x), x)*Jet(psi, (t, y), (0, 1), (t, phi(t, x)))
    >>> composed.subs(phi, x)
    psi(t, x)
    """

    is_commutative = True

    def __new__(cls, name: Any, arguments: Any, orders: Any, point: Any) -> Any:
        name = name if isinstance(name, Str) else Str(str(name))
        arguments = sympy.Tuple(*(a if isinstance(a, Str) else Str(str(a)) for a in arguments))
        orders, point = sympy.Tuple(*orders), sympy.Tuple(*point)
        if all(isinstance(p, sympy.Symbol) for p in point) and len(set(point)) == len(point):
            f = sympy.Function(name.name)(*point)
            counts = [(p, k) for p, k in zip(point, orders, strict=True) if k]
            return sympy.Derivative(f, *counts) if counts else f
        return super().__new__(cls, name, arguments, orders, point)

    @property
    def free_symbols(self) -> set[Any]:
        """Those of the point."""
        found: set[Any] = self.args[3].free_symbols
        return found

    def _eval_derivative(self, s: Any) -> Any:
        name, arguments, orders, point = self.args
        total = sympy.Integer(0)
        for i, p in enumerate(point):
            if (rate := p.diff(s)) != 0:
                raised = [k + int(i == j) for j, k in enumerate(orders)]
                total += Jet(name, arguments, raised, point) * rate
        return total

    def _sympystr(self, printer: Any) -> str:
        return f"Jet({', '.join(printer._print(a) for a in self.args)})"

    def _latex(self, printer: Any) -> str:
        name, arguments, orders, point = self.args
        head: str = printer._print(sympy.Symbol(name.name))
        by = "".join(
            rf"\partial_{{{printer._print(sympy.Symbol(a.name))}}}" * int(k)
            for a, k in zip(arguments, orders, strict=True)
        )
        where = ", ".join(printer._print(p) for p in point)
        return rf"{rf'({by} {head})' if by else head}({where})"


#: Expressions with bound symbols, which a replacement would capture.
_BINDING = (sympy.Derivative, sympy.Subs, sympy.Lambda, ExprWithLimits, sympy.Limit)


def jets_of(e: Any) -> dict[Any, tuple[Any, tuple[int, ...]]]:
    """Each maximal jet at plain symbols that occurs in `e`, with its function and its orders.

    Raises BadInputError for an undefined function of anything but distinct symbols, and for
    derivatives, integrals or substitutions that are not carried out.
    """
    found: dict[Any, tuple[Any, tuple[int, ...]]] = {}
    for node in sympy.preorder_traversal(sympy.sympify(e), keys=None):
        f = node.expr if isinstance(node, sympy.Derivative) else node
        if isinstance(node, _BINDING) and not isinstance(f, AppliedUndef):
            raise BadInputError(f"{str(node)[:100]} is not carried out: call doit() first")
        if not isinstance(f, AppliedUndef):
            continue
        if not all(isinstance(a, sympy.Symbol) for a in f.args) or len(set(f.args)) < len(f.args):
            raise BadInputError(
                f"{f} is an undefined function of other than distinct symbols: write it in the "
                "plain coordinates, and compose with flows.at"
            )
        counts = dict(node.variable_count) if isinstance(node, sympy.Derivative) else {}
        if set(counts) <= set(f.args):
            found[node] = (f, tuple(int(counts.get(a, 0)) for a in f.args))
    return found


def at(e: Any, images: Mapping[sympy.Symbol, sympy.Expr]) -> Any:
    """`e` with its symbols replaced by their images, all at once: e o phi.

    Undefined functions and their partial derivatives become jets at the image. Jets that are
    already at a point have their point replaced.

    >>> t, x = sympy.symbols("t x")
    >>> f = sympy.Function("f")(x)
    >>> at(x * f.diff(x), {x: t**2})
    t**2*Jet(f, (x,), (1,), (t**2,))
    """
    images = {k: sympy.sympify(v) for k, v in images.items()}
    replaced: dict[Any, Any] = dict(images)
    for node, (f, orders) in jets_of(e).items():
        point = [images.get(a, a) for a in f.args]
        replaced[node] = Jet(f.func.__name__, f.args, orders, point)
    return sympy.sympify(e).xreplace(replaced)


def prolong(e: Any, directions: Mapping[AppliedUndef, sympy.Expr]) -> Any:
    """The variational derivative of `e`: d/d eps at 0 of e[f + eps h], for each f: h.

    `directions` maps undefined functions f(t, x) to their variations h(t, x); a derivative of f
    varies by the same derivative of h. This is the prolongation of the evolutionary field.

    >>> x = sympy.Symbol("x")
    >>> f, h = sympy.Function("f")(x), sympy.Function("h")(x)
    >>> prolong(f * f.diff(x), {f: h})
    f(x)*Derivative(h(x), x) + h(x)*Derivative(f(x), x)
    """
    e = sympy.sympify(e)
    total = sympy.Integer(0)
    names = {node: sympy.Dummy() for node in _varied(e, directions)}
    inner = e.xreplace(names)
    for node, name in names.items():
        slope = inner.diff(name)
        if slope != 0:
            back = {v: k for k, v in names.items()}
            total += slope.xreplace(back) * _variation(node, directions)
    return total


def _varied(e: Any, directions: Mapping[AppliedUndef, sympy.Expr]) -> Sequence[Any]:
    varied = {f.func.__name__: f for f in directions}
    for node, (f, _) in jets_of(e).items():
        if varied.get(f.func.__name__, f) != f:
            raise BadInputError(f"{f} varies as {varied[f.func.__name__]}, in other coordinates")
    plain = [node for node, (f, _) in jets_of(e).items() if f in directions]
    moved = [j for j in e.atoms(Jet) if j.args[0].name in varied]
    return [*plain, *moved]


def _variation(node: Any, directions: Mapping[AppliedUndef, sympy.Expr]) -> Any:
    if isinstance(node, Jet):
        name, _, orders, point = node.args
        f = next(f for f in directions if f.func.__name__ == name.name)
        h = directions[f].diff(*((a, int(k)) for a, k in zip(f.args, orders, strict=True) if k)) \
            if any(orders) else directions[f]
        return at(h, dict(zip(f.args, point, strict=True)))
    if isinstance(node, sympy.Derivative):
        return sympy.sympify(directions[node.expr]).diff(*node.variable_count)
    return directions[node]
