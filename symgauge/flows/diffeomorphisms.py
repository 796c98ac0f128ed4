"""Diffeomorphisms of spacetime, and how they push a neural ODE forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.flows.fields import VectorField
from symgauge.flows.jets import at


@dataclass(frozen=True)
class Diffeomorphism:
    """(t, x) -> image, time first; `inverse`, where known, in the same symbols.

    Raises BadInputError where the lengths differ, or where inverse o image is not seen to be the
    identity (by cancellation in the field of rational functions).
    """

    coordinates: tuple[Any, ...]
    image: tuple[Any, ...]
    inverse: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.image) != len(self.coordinates):
            raise BadInputError(
                f"{len(self.coordinates)} coordinates have {len(self.image)} images; time is the "
                "first of both"
            )
        object.__setattr__(self, "image", tuple(map(sympy.sympify, self.image)))
        for c, back in zip(self.coordinates, self.inverse or (), strict=False):
            found = self.at(back)
            if sympy.cancel(sympy.expand(found - c)) != 0:
                raise BadInputError(
                    f"the inverse takes the image of {c} to {str(found)[:100]}: give an inverse "
                    f"that returns {c}"
                )

    @property
    def keeps_time(self) -> bool:
        """Whether the image of t is t."""
        return bool(self.image[0] == self.coordinates[0])

    def require_identity_at(self, *times: Any) -> None:
        """Raise BadInputError unless the map is seen to be the identity on these time slices."""
        for time in times:
            slice_of_time = {self.coordinates[0]: sympy.sympify(time)}
            for c, e in zip(self.coordinates, self.image, strict=True):
                found, wanted = at(e, slice_of_time), at(c, slice_of_time)
                if sympy.cancel(sympy.expand(found - wanted)) != 0:
                    raise BadInputError(
                        f"at {self.coordinates[0]} = {time} the image of {c} is "
                        f"{str(found)[:100]}: a gauge transformation is the identity at both ends"
                    )

    def at(self, e: Any) -> Any:
        """e o Phi, an expression in (t, x) of one in the image's coordinates."""
        return at(e, dict(zip(self.coordinates, self.image, strict=True)))

    def then(self, other: Diffeomorphism) -> Diffeomorphism:
        """other o self, with its inverse where both have one in closed form."""
        if self.coordinates != other.coordinates:
            raise BadInputError("the two diffeomorphisms are written in different coordinates")
        inverse: tuple[Any, ...] | None
        try:
            inverse = tuple(map(other.inverted().at, self.inverted().image))
        except BadInputError:
            inverse = None
        return Diffeomorphism(self.coordinates, tuple(map(self.at, other.image)), inverse)

    def inverted(self) -> Diffeomorphism:
        """The inverse: as given, or solved for one coordinate after the other.

        Raises BadInputError where no image is affine in the one coordinate that is still unknown.
        """
        back = self.inverse or _solved(self.coordinates, self.image)
        return Diffeomorphism(self.coordinates, back, self.image)


def _solved(coordinates: Sequence[Any], image: Sequence[Any]) -> tuple[Any, ...]:
    """x of y = image(x), as expressions that again use the names of the coordinates for y."""
    values = {c: sympy.Dummy(c.name, **c.assumptions0) for c in coordinates}
    equations = [(e, values[c]) for c, e in zip(coordinates, image, strict=True)]
    known: dict[sympy.Symbol, sympy.Expr] = {}
    while len(known) < len(coordinates):
        for e, value in equations:
            rest = sympy.expand(e.xreplace(known))
            unknown = [c for c in coordinates if c not in known and rest.has(c)]
            slope = rest.diff(unknown[0]) if len(unknown) == 1 else sympy.Integer(0)
            if slope == 0 or slope.has(unknown[0]):
                continue
            known[unknown[0]] = (value - rest.xreplace({unknown[0]: 0})) / slope
            break
        else:
            linear = _linear(coordinates, equations, known)
            if linear is None:
                raise BadInputError(
                    f"the map to ({', '.join(map(str, image))[:120]}) cannot be inverted here: "
                    "no image is affine in one unknown coordinate; give `inverse`"
                )
            known.update(linear)
    names = {d: c for c, d in values.items()}
    return tuple(known[c].xreplace(names) for c in coordinates)


def _linear(
    coordinates: Sequence[sympy.Symbol], equations: Sequence[tuple[sympy.Expr, sympy.Symbol]],
    known: Mapping[sympy.Symbol, sympy.Expr],
) -> dict[sympy.Symbol, sympy.Expr] | None:
    """What is left, where it is affine in all unknown coordinates together."""
    unknown = [c for c in coordinates if c not in known]
    rows = [(sympy.expand(e.xreplace(known)), value) for e, value in equations]
    rows = [(e, value) for e, value in rows if any(e.has(c) for c in unknown)]
    matrix = sympy.Matrix([[e.diff(c) for c in unknown] for e, _ in rows])
    if len(rows) != len(unknown) or any(matrix.has(c) for c in unknown) or matrix.det() == 0:
        return None
    zero = dict.fromkeys(unknown, 0)
    right = sympy.Matrix([value - e.xreplace(zero) for e, value in rows])
    return dict(zip(unknown, matrix.LUsolve(right), strict=True))


def _checked(phi: Diffeomorphism, f: VectorField) -> None:
    if phi.coordinates[1:] != f.coordinates:
        raise BadInputError("the diffeomorphism lives on (t, x), time first, and f on that x")


def pushforward_at_image(phi: Diffeomorphism, f: VectorField) -> VectorField:
    """f'(T, X) as a function of (t, x): D_f X^i / D_f T, with D_f = d_t + f.grad.

    For T = t it is d_t phi + (D phi) f. Raises BadInputError where D_f T is identically 0.
    """
    _checked(phi, f)
    time, *_ = phi.coordinates
    rate, *rates = (sympy.diff(e, time) + f.along(e) for e in phi.image)
    if rate == 0:
        raise BadInputError("D_f T is 0: the image of a solution is no graph over the new time")
    return VectorField(f.coordinates, tuple(r / rate for r in rates))


def pushforward(phi: Diffeomorphism, f: VectorField) -> VectorField:
    """f'(t, y), in the coordinates' own names: dx/dt = f(t, x) becomes dy/dt = f'(t, y).

    Raises BadInputError where phi has no inverse in closed form.

    >>> t, x = sympy.symbols("t x")
    >>> pushforward(Diffeomorphism((t, x), (t, x + t**2)), VectorField((x,), (x,))).components
    (-t**2 + 2*t + x,)
    """
    back = phi.inverted()
    return pushforward_at_image(phi, f).map(back.at)


def pushforward_along(phi: Diffeomorphism, v: VectorField) -> VectorField:
    """(Phi_* v)^mu o Phi = v.grad Phi^mu, for a field v on spacetime, as a function of (t, x)."""
    if phi.coordinates != v.coordinates:
        raise BadInputError("v lives on (t, x), the coordinates of the diffeomorphism")
    return VectorField(v.coordinates, tuple(map(v.along, phi.image)))
