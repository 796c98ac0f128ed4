"""The named recipes, one a file: a file here is a recipe, there is no list."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.enumerated import classes_of
from symgauge.gauges.recipe import Recipe


@cache
def all_recipes() -> Mapping[str, Recipe]:
    """Every recipe by name: each class with a `name` that a file of this folder defines."""
    found = classes_of(__name__, __path__, Recipe)  # type: ignore[type-abstract]
    return MappingProxyType({name: kind() for name, kind in found.items()})
