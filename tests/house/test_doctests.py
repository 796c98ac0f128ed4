"""Every example in a docstring holds: all modules are visited, there is no list to keep."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import symgauge

MODULES = ["symgauge"] + [
    module.name
    for module in pkgutil.walk_packages(symgauge.__path__, "symgauge.")
    if not module.name.endswith(".__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_the_examples_are_found() -> None:
    assert doctest.testmod(import_module("symgauge.verdict")).attempted >= 3
