"""Every example in a docstring holds: all modules are visited, there is no list to keep."""

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import symgauge

MODULES = ["symgauge"] + [
    module.name
    for module in pkgutil.walk_packages(symgauge.__path__, "symgauge.")
    if not module.name.endswith(".__main__")
]

#: Of a model that is too large for an exact derivation: no example takes seconds alone.
WITHOUT = ("ModelDerivation",)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("name", [
    n for n in symgauge.__all__ if n not in WITHOUT and callable(value := getattr(symgauge, n))
    and not (inspect.isclass(value) and issubclass(value, Exception))])
def test_every_public_function_and_class_has_an_example(name: str) -> None:
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(getattr(symgauge, name)) or "")
    assert any(e.want for e in examples), f"symgauge.{name} shows no example with its result"


def test_the_examples_are_found() -> None:
    assert doctest.testmod(import_module("symgauge.verdict")).attempted >= 3
