"""TARGET: a zoo name, package.module:factory, or path/to/file.py:factory."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from symgauge.errors import SizeError, TargetError, first_line
from symgauge.plain import Sizes

#: Names of the size of a vocabulary and of a depth in factories.
VOCABULARY = r"vocab(ulary)?(_size)?|n_vocab|num_(tokens|embeddings)"
LAYERS = r"(num_|n_)?(hidden_)?(layers?|blocks?)|depth"


@dataclass(frozen=True)
class Target:
    """A factory and what stands beside it."""

    name: str
    text: str
    factory: Callable[..., Any]
    #: Sizes in use: the factory's defaults with those that were set.
    sizes: Sizes
    full: Sizes | None
    #: Source of a single file, or None for an import.
    source: str | None
    module: str
    attribute: str
    #: FULL as it is written; `full` has the sizes in use beside it.
    written: Sizes | None = None
    #: The sizes that were set.
    given: tuple[str, ...] = ()
    #: Full sizes at which the families of small ones are not restated.
    published: Sizes | None = None
    #: What a derivation may look at larger ("vocabulary", "layers"), and the size's name.
    growing: tuple[tuple[str, str], ...] = ()

    @property
    def chose(self) -> bool:
        """Whether its sizes are the factory's own, and not small ones that nobody asked for."""
        return self.published is None

    @property
    def full_sizes(self) -> dict[str, Any]:
        """The full sizes with those that were set; without any the sizes in use."""
        sizes = self.published or self.full or self.sizes
        return {**sizes, **{n: self.sizes[n] for n in self.given}}

    def at(self, sizes: Sizes) -> Target:
        """The same target at these sizes, as derivation.json holds them (tuples as lists).

        Raises SizeError where the factory has no such size.
        """
        chosen = dict(self.sizes)
        for name, value in sizes.items():
            if name not in chosen:
                raise SizeError(_no_size(self.text, name, chosen))
            chosen[name] = tuple(value) if isinstance(value, list) and isinstance(
                chosen[name], tuple) else value
        full = self.full if self.full is None or self.written is None else _full(
            chosen, self.written, self.factory)
        return replace(self, sizes=chosen, full=full)

    def build(
        self, sizes: Sizes | None = None
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """(module, args, kwargs) at the given sizes.

        Raises TargetError where the factory fails or returns something else.
        """
        chosen = dict(self.sizes if sizes is None else sizes)
        try:
            made = self.factory(**chosen)
        except (Exception, SystemExit) as error:
            raise TargetError(f"{self.text}: the factory failed with {_line(error)}") from error
        ok = (
            isinstance(made, tuple) and len(made) in (2, 3)
            and isinstance(made[0], torch.nn.Module) and isinstance(made[1], (tuple, list))
            and (len(made) == 2 or isinstance(made[2], Mapping))
        )
        if not ok:
            raise TargetError(
                f"{self.text}: the factory returned {_describe(made)}; "
                "it must return (module, args) or (module, args, kwargs)"
            )
        return made[0], tuple(made[1]), dict(made[2]) if len(made) == 3 else {}


def _full(sizes: Sizes, full: Sizes, factory: Callable[..., Any]) -> dict[str, Any]:
    """The full sizes; one that was set to 1 stays 1: without that axis it is another structure.

    Set is what is not the default: a record has the sizes alone.
    """
    defaults = {n: p.default for n, p in inspect.signature(factory).parameters.items()}
    ones = {n: 1 for n, v in sizes.items() if type(v) is int and v == 1 and defaults.get(n) != 1}
    return {**sizes, **full, **ones}


def _line(error: BaseException) -> str:
    """The error's name and first line."""
    name = type(error).__name__
    return f"{name}: {first_line(error)}" if str(error).strip() else name


def _no_size(text: str, name: str, sizes: Iterable[str]) -> str:
    return f"{text} has no size {name!r}; it has: {', '.join(sizes) or 'none'}"


def _describe(made: Any) -> str:
    if isinstance(made, tuple):
        return "(" + ", ".join(type(x).__name__ for x in made) + ")"
    return f"a {type(made).__name__}"


def load_target(
    text: str, zoo: Callable[[str], ModuleType], settings: Mapping[str, str] | None = None
) -> Target:
    """The target that the text names. `zoo` loads an architecture by name.

    Raises TargetError where there is no such file, module or factory; SizeError for a size that
    the factory does not take.
    """
    place, colon, attribute = text.rpartition(":")
    if not colon:
        place, attribute = text, "factory"
        module = zoo(text)
        source: str | None = inspect.getsource(module)
    elif place.endswith(".py"):
        module, source = _load_file(Path(place), text)
    else:
        module, source = _import(place, text), None
    return resolve_target(text, module, attribute, source, settings or {})


def load_function(text: str) -> Callable[..., Any]:
    """The function at path/to/file.py:name. Raises TargetError where there is none."""
    place, _, attribute = text.rpartition(":")
    if not place.endswith(".py"):
        raise TargetError(f"{text}: write path/to/file.py:function")
    function = getattr(_load_file(Path(place), text)[0], attribute, None)
    if not callable(function):
        raise TargetError(f"{text}: there is no function {attribute!r} in {place}")
    found: Callable[..., Any] = function
    return found


def resolve_target(
    text: str, module: ModuleType, attribute: str, source: str | None, settings: Mapping[str, str]
) -> Target:
    """The target of a loaded module."""
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise TargetError(f"{text}: there is no function {attribute!r} in {module.__name__}")
    try:
        arguments = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        raise TargetError(f"{text}: {attribute!r} is no Python function") from error
    sizes: dict[str, Any] = {}
    for name, p in arguments.items():
        if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            continue
        if p.default is p.empty:
            raise TargetError(f"{text}: argument {name!r} of the factory has no default")
        sizes[name] = p.default
    full = getattr(module, "FULL", None)
    if full is not None and not isinstance(full, Mapping):
        raise TargetError(f"{text}: FULL is a {type(full).__name__}; it must be a dict of sizes")
    _check_plain(text, {**sizes, **(full or {})})
    for name, value in settings.items():
        if name not in sizes:
            raise SizeError(_no_size(text, name, sizes))
        sizes[name] = _parse(name, value, sizes[name])
    odd = [k for k in full or () if k not in arguments]
    if odd and attribute == "factory":
        raise TargetError(f"{text}: FULL has a size {odd[0]!r}, which the factory does not take")
    # with several factories in one file, FULL goes with those that take its sizes
    merged = None if full is None or odd else _full(sizes, full, factory)
    place = text.rpartition(":")[0] or text
    stem = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    name = stem if attribute == "factory" else attribute
    return Target(
        name, text, factory, sizes, merged, source, module.__name__, attribute,
        None if odd else full, tuple(settings), growing=tuple(_growing(sizes)))


def _growing(sizes: Sizes) -> Iterator[tuple[str, str]]:
    """The sizes of a vocabulary and of a depth, by the names that people give them."""
    for what, name in (("vocabulary", VOCABULARY), ("layers", LAYERS)):
        for size, value in sizes.items():
            if re.fullmatch(name, size) and isinstance(value, int):
                yield what, size


def _check_plain(text: str, sizes: Mapping[str, object]) -> None:
    """Sizes are written into derivation.json and into the generated check."""
    for name, value in sizes.items():
        parts = value if isinstance(value, (tuple, list)) else [value]
        if not all(x is None or isinstance(x, (bool, int, float, str)) for x in parts):
            raise TargetError(
                f"{text}: size {name!r} is a {type(value).__name__}; sizes are numbers, strings, "
                "None, or tuples of them"
            )


def _parse(name: str, value: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float):
            return float(value)
        if default is None:
            return _untyped(value)
        if isinstance(default, (tuple, list)):
            return type(default)(int(v) for v in value.split(",") if v.strip())
    except (ValueError, KeyError):
        kind = type(default).__name__
        raise SizeError(f"size {name}={value!r} is not of the default's type {kind}") from None
    return value


def _untyped(value: str) -> Any:
    """What the text says where no default gives a type: the string "False" would be true."""
    words = {"none": None, "true": True, "false": False}
    if value.lower() in words:
        return words[value.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


def _load_file(path: Path, text: str) -> tuple[ModuleType, str]:
    if not path.is_file():
        raise TargetError(f"{text}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"symgauge_target_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{text}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        source = path.read_text(encoding="utf-8")
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise TargetError(f"{text}: {path} fails with {_line(error)}") from error
    return module, source


def _import(name: str, text: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise TargetError(f"{text}: cannot import {name!r} ({_line(error)})") from error
