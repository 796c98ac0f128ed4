"""The one-parameter flow exp(s X) of a field: in closed form where one is known, or as a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.flows.fields import VectorField
from symgauge.flows.jets import at

#: A Lie series that has not ended after so many terms is not taken for one that ends.
TERMS = 24
#: Nor is one with a coefficient of more terms than this.
LONGEST = 400


@dataclass(frozen=True)
class FlowMap:
    """x -> components, at the parameter s; exact where `order` is None, else up to O(s^(order+1)).

    The closed form holds on the largest interval of s around 0 where no denominator vanishes.
    """

    parameter: Any
    coordinates: tuple[Any, ...]
    components: tuple[Any, ...]
    order: int | None = None

    def at(self, s: Any) -> tuple[Any, ...]:
        """The components at another value of the parameter."""
        return tuple(at(c, {self.parameter: s}) for c in self.components)

    def of(self, point: tuple[Any, ...]) -> tuple[Any, ...]:
        """The image of a point, given as expressions."""
        images = dict(zip(self.coordinates, point, strict=True))
        return tuple(at(c, images) for c in self.components)


def flow(field: VectorField, parameter: Any) -> FlowMap:
    """exp(s X): the solution of dx/ds = X(x), x(0) = x, in closed form.

    Two kinds of field have one here: those whose Lie series ends (nilpotent: shears, shifts), and
    projective ones, X^i = b^i + (A x)^i - x^i (c.x + d), which are linear in n + 1 homogeneous
    coordinates; affine fields are those with c = d = 0. Raises BadInputError for any other.
    Parameters are taken as real, and such that no denominator of the result vanishes.

    >>> x, s = sympy.symbols("x s")
    >>> flow(VectorField((x,), (x**2,)), s).components
    (-x/(s*x - 1),)
    """
    if any(parameter in c.free_symbols for c in (*field.components, *field.coordinates)):
        raise BadInputError(
            f"the field depends on the parameter {parameter}: take another name, and add the time "
            "as a coordinate with component 1"
        )
    found = _nilpotent(field, parameter) or _projective(field, parameter)
    if found is None:
        shown = ", ".join(map(str, field.components))[:120]
        raise BadInputError(
            f"no closed form is known for the flow of ({shown}): it is neither projective "
            "(affine included), with an exponential that is found, nor has it a Lie series that "
            "ends; use lie_series to a stated order"
        )
    return FlowMap(parameter, field.coordinates, found)


def lie_series(field: VectorField, parameter: Any, order: int) -> FlowMap:
    """sum_{k <= order} s^k X^k x / k!, the flow up to O(s^(order+1)).

    >>> x, s = sympy.symbols("x s")
    >>> lie_series(VectorField((x,), (sympy.sin(x),)), s, 2).components
    (s**2*sin(x)*cos(x)/2 + s*sin(x) + x,)
    """
    if order < 0:
        raise BadInputError(f"the order of a Lie series is at least 0, not {order}")
    components = []
    for x in field.coordinates:
        term, total = x, x
        for k in range(1, order + 1):
            term = field.along(term) / k
            total += parameter**k * term
        components.append(total)
    return FlowMap(parameter, field.coordinates, tuple(components), order)


def _nilpotent(field: VectorField, s: Any) -> tuple[Any, ...] | None:
    """The Lie series, where it ends; polynomial fields alone."""
    x = field.coordinates
    if not all(c.is_polynomial(*x) for c in field.components):
        return None
    # a locally nilpotent derivation has divergence 0
    divergence = sum(c.diff(y) for c, y in zip(field.components, x, strict=True))
    if sympy.expand(divergence) != 0:
        return None
    degree = max(sympy.Poly(c, *x).total_degree() for c in field.components)
    components = []
    for y in x:
        term, total = y, y
        for k in range(1, TERMS):
            term = sympy.expand(field.along(term) / k)
            if term == 0:
                break
            # long or of high degree: given up, which refuses and claims nothing
            long = len(sympy.Add.make_args(term)) > LONGEST
            if long or sympy.Poly(term, *x).total_degree() > TERMS * max(degree, 1) // 2:
                return None
            total += s**k * term
        else:
            return None
        components.append(total)
    return tuple(components)


def _projective(field: VectorField, s: Any) -> tuple[Any, ...] | None:
    """x = X / w, where (X, w) moves linearly: dX = A X + b w, dw = c.X + d w."""
    x, n = field.coordinates, len(field.coordinates)
    if not all(c.is_polynomial(*x) for c in field.components):
        return None
    # real symbols: the real form of the exponential of a matrix with complex eigenvalues
    real = {v: sympy.Dummy(v.name, real=True) for c in field.components for v in c.free_symbols}
    real.update({v: sympy.Dummy(v.name, real=True) for v in (*x, s) if v not in real})
    xs = [real[v] for v in x]
    components = [sympy.Poly(c.xreplace(real), *xs) for c in field.components]
    generator = sympy.zeros(n + 1, n + 1)
    first = components[0]
    for j in range(n):
        mixed = xs[0] * xs[j]
        generator[n, j] = -first.coeff_monomial(mixed)
    covector = sympy.Add(*(generator[n, j] * xs[j] for j in range(n)))
    for i, p in enumerate(components):
        rest = sympy.Poly(p.as_expr() + xs[i] * covector, *xs)
        if rest.total_degree() > 1:
            return None
        generator[i, n] = rest.coeff_monomial(1)
        for j in range(n):
            generator[i, j] = rest.coeff_monomial(xs[j])
    moved = _exponential(generator, real[s])
    if moved is None:
        return None
    *top, bottom = moved * sympy.Matrix([*xs, 1])
    back = {v: k for k, v in real.items()}
    return tuple(sympy.cancel(e / bottom).xreplace(back) for e in top)


def _exponential(generator: Any, s: Any) -> Any:
    """exp(s M), checked by its own equation; None where its closed form is not seen to obey it."""
    if generator.is_diagonal():
        return sympy.diag(*(sympy.exp(s * e) for e in generator.diagonal()))
    try:
        value = (s * generator).exp()
    except (NotImplementedError, ValueError):
        return None
    value = value.applyfunc(lambda e: sympy.expand(sympy.expand_complex(e)))
    equation = value.diff(s) - generator * value
    start = value.subs(s, 0) - sympy.eye(generator.rows)
    if any(sympy.cancel(sympy.expand(e)) != 0 for e in (*equation, *start)):
        return None
    return value
