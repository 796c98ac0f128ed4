"""The converses, a file for what belongs together; `FACTS` are all that they state, by name."""

from __future__ import annotations

import importlib
import pkgutil

from symgauge.facts.fact import Fact


def _stated() -> dict[str, Fact]:
    out: dict[str, Fact] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for item in vars(module).values():
            if isinstance(item, Fact):
                if out.get(item.name, item) != item:
                    raise TypeError(f"two converses are called {item.name!r}")
                out[item.name] = item
    return out


class _Facts(dict[str, Fact]):
    """Read on first use: the files import one another."""

    def __missing__(self, name: str) -> Fact:
        self.update(_stated())
        if name not in self.keys():
            raise KeyError(name)
        return self[name]

    def __contains__(self, name: object) -> bool:
        if not self:
            self.update(_stated())
        return super().__contains__(name)


FACTS: dict[str, Fact] = _Facts()
