"""Letters for the sizes of legs: d for a stream, V for a vocabulary, one for each role and size."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sympy import Symbol, expand, sstr

from symgauge.sums.sizes import Size, Sizes
from symgauge.spaces.roles import named_legs
from symgauge.statements.dimension import LETTERS


class Names:
    """The letters of one program's legs; legs of one role and one size share a letter."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.meanings: dict[str, str] = {}
        self._places: dict[str, set[str]] = {}
        self._roles = _roles(sizes)
        self._given: dict[tuple[str, int], Any] = {}

    def text(self, size: Size) -> str:
        """A polynomial in letters."""
        size = expand(size)
        letters = {s: self._letter(s) for s in sorted(
            size.free_symbols, key=lambda s: self.sizes.legs.get(s, 0))}
        return str(sstr(expand(size.xreplace(letters))))

    def _letter(self, symbol: Any) -> Any:
        n = self.sizes.value(symbol)
        role = self._roles.get(self.sizes.legs[symbol], "leg")
        letter = next((x for word, x in LETTERS if role.startswith(word)), "n")
        known = self._given.get((letter, n))
        if known is not None:
            self._place(str(known), symbol)
        else:
            taken = sum(x == letter for x, _ in self._given)
            name = f"{letter}{taken + 1}" if taken else letter
            self._given[letter, n] = Symbol(name, positive=True, integer=True)
            self.meanings[name] = f"{n} ({role})"
            self._place(name, symbol)
        return self._given[letter, n]

    def _place(self, letter: str, symbol: Any) -> None:
        self._places.setdefault(letter, set()).update(self._met.get(self.sizes.legs[symbol], ()))

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """Where each letter's legs meet parameters: "W 0.1" is the second leg of axis 0 of W."""
        return {letter: tuple(sorted(found)) for letter, found in self._places.items()}

    @cached_property
    def _met(self) -> dict[int, list[str]]:
        """The places of each leg."""
        structure, out = self.sizes.structure, dict[int, list[str]]()
        for i, name in structure.names.items():
            for address, (leg, _) in structure.addresses(i) if i in structure.lines else ():
                out.setdefault(structure.legs.find(leg)[0], []).append(
                    f"{name} {'.'.join(map(str, address))}")
        return out


def _roles(sizes: Sizes) -> dict[int, str]:
    """The role of each leg that meets a parameter, by its place."""
    structure = sizes.structure
    places = {
        (t["parameter"], t["axis"], t["start"], tuple(t["sizes"]), t["along"]): leg["name"]
        for leg in named_legs(structure.network) for t in leg["touches"]}
    out: dict[int, str] = {}
    for i, name in structure.names.items():
        if i not in structure.lines:
            continue
        for address, (leg, _) in structure.addresses(i):
            place = structure.range_of(i, address)
            if place is not None and not place.periods:
                role = places.get((name, address[0], place.start, place.sizes, place.along))
                if role is not None:
                    out[structure.legs.find(leg)[0]] = role
    return out
