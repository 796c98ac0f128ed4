"""Values end to end along an axis: a direct sum."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Law
from symgauge.laws.shifting import Shifted, Shifting, added, free
from symgauge.laws.turning import Mark, Turned, Turning, marks_of
from symgauge.laws.weighing import WHOLE, Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.facts import is_zero
from symgauge.spaces.line import Line, NoLemma


class Join(Law):
    """On the joined axis each piece varies by itself, on the others all alike but those that are 0.
    """

    name = "join"
    words = (
        "goes with the entries, on other axes all pieces alike but those that are 0",
        "goes with the entries, on other axes all pieces alike but those that are 0",
        "goes with the entries",
    )
    forgets = "another part is taken"
    silent = True
    multilinear = True

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        out: dict[Address, Mark] = {}
        # g 0 = 0
        pieces = [turning.moved(line, k, marks_of(t)) for k, t in enumerate(inputs)
                  if not is_zero(turning.structure, line.inputs[k])]
        for moved in pieces:
            for address, mark in moved.items():
                alone = address[0] == line.attrs["axis"]
                if out.setdefault(address, mark) != mark or not (
                        alone or all(address in piece for piece in pieces)):
                    raise NoLemma("joined values turn differently")
        return Turned(out)

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        pieces = [weighing.moved(line, k, w) for k, w in enumerate(inputs)
                  if not is_zero(weighing.structure, line.inputs[k])]
        out: Weights = {}
        for weights in pieces:
            for address, weight in weights.items():
                if address == WHOLE or address[0] != line.attrs["axis"]:
                    for other in pieces:
                        weighing.agree(weight, other.get(address))
                out[address] = weight
        return out

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        out, axis = Shifted(), line.attrs["axis"]
        for k, given in enumerate(inputs):
            if given is None:
                continue
            moved = shifting.moved(line, k, given)
            # 0 on the other pieces: not constant along the joined axis, unless a part says so
            inside = all(any(a[0] == axis for a in t.carried) for t in moved.terms)
            if moved.varying is not None or not inside:
                moved = free(moved.carried | {(axis, 0)})
            out = added(out, moved)
        return out

    def samples(self) -> Iterator[Call]:
        yield Call("concatenate", ((2, 3), (2, 4)), {"axis": 1})
