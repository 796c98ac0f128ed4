"""The zoo: architectures with known gauge algebras, one self-contained file each.

A zoo file imports torch, the standard library and perhaps `symgauge.nn`, and defines `factory`,
`FULL`, `EXPECTED` and `REFERENCE`. Adding the file is all: this room is enumerated, there is no
list to edit.

    >>> {"attention", "glu", "mlp"} <= set(names())
    True
"""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from symgauge.errors import TargetError


def names() -> list[str]:
    """Names of the zoo's architectures, sorted; imports none of them (and so not torch)."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def require(name: str) -> None:
    """Raises TargetError if there is no such architecture; imports none."""
    known = names()
    if name not in known:
        raise TargetError(
            f"no architecture {name!r} in the zoo; it has: {', '.join(known)}. A factory of your "
            "own is named path/to/file.py:factory or package.module:factory"
        )


def load(name: str) -> ModuleType:
    """The module `symgauge.zoo.NAME`, with its `factory`, `FULL`, `EXPECTED` and `REFERENCE`.

    Raises TargetError if there is no such architecture, or if torch is not installed.
    """
    require(name)
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise TargetError(
            f"the zoo's {name!r} needs torch, which is not installed: install symgauge[torch]"
        ) from error


def listing() -> list[dict[str, Any]]:
    """One entry per architecture: name, summary, small sizes, full sizes, known numbers."""
    entries = []
    for name in names():
        module = load(name)
        sizes = {k: p.default for k, p in inspect.signature(module.factory).parameters.items()}
        known: dict[str, Any] = next((e for e in module.EXPECTED if not e["sizes"]), {})
        entries.append({
            "name": name,
            "summary": (module.__doc__ or "").strip().splitlines()[0],
            "sizes": sizes,
            "full": module.FULL,
            "parameters": known.get("parameters"),
            "redundancy": known.get("redundancy"),
            "expected": module.EXPECTED,
            "reference": module.REFERENCE,
        })
    return entries
