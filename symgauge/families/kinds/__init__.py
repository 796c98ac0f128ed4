"""The kinds of element, one a file: a file NAME here is the kind that records call NAME.

Of a kind with numbers they call one NAME[numbers]; its file says which there are (`numbered`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from symgauge.errors import BadInputError
from symgauge.families.kind import Kind, MatrixKind
from symgauge.plain import PlainElement


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by its name."""
    return {name: module.KIND for name, module in _modules().items()}


@cache
def _modules() -> Mapping[str, Any]:
    return {m.name: import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)}


def kind_of(element: Mapping[str, object]) -> Kind:
    """The kind of an element in plain data. Raises BadInputError where there is none."""
    name = element.get("kind")
    try:
        return kind_named(name)
    except ValueError as error:
        raise BadInputError(f"there is no {error}; derive again") from error


def kind_named(name: object) -> Kind:
    """The kind of that name. Raises ValueError where there is none."""
    base, bracket, numbers = name.partition("[") if isinstance(name, str) else ("", "", "")
    module = _modules().get(base)
    made = getattr(module, "numbered", None)
    if module is None or bool(bracket) != (made is not None) or bracket and numbers[-1:] != "]":
        raise ValueError(f"kind of element {name!r:.40}")
    found: Kind = module.KIND if made is None else made(numbers[:-1])
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
