"""The kinds of element, one a file: a file NAME here is the kind that records call NAME."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from symgauge.errors import BadInputError
from symgauge.families.kind import Kind, MatrixKind
from symgauge.plain import PlainElement


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by its name."""
    found = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return {module.KIND.name: module.KIND for module in found}


def kind_of(element: Mapping[str, object]) -> Kind:
    """The kind of an element in plain data. Raises BadInputError where there is none."""
    name = element.get("kind")
    try:
        return kind_named(name)
    except ValueError as error:
        raise BadInputError(f"there is no {error}; derive again") from error


def kind_named(name: object) -> Kind:
    """The kind of that name. Raises ValueError where there is none."""
    found = kinds().get(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"kind of element {name!r:.40}")
    return found


def kinds_on_legs(n: int) -> list[MatrixKind]:
    """The kinds of matrices of size n that are looked for on legs, the largest groups first."""
    found = [
        k for k in kinds().values() if isinstance(k, MatrixKind)
        and k.on_legs and k.size in (None, n) and k.dimension(n)
    ]
    return sorted(found, key=lambda k: -k.dimension(n))


def with_parts(element: PlainElement) -> PlainElement:
    """An element in plain data, with the names of the parts that it is drawn from."""
    kind = kind_of(element)
    return {**element, "parts": list(kind.parts), "algebra_parts": list(kind.algebra_parts)}
