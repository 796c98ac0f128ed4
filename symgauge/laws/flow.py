"""The flow of a vector field v, from x to its end."""

from __future__ import annotations

from symgauge.laws.facts import facts_of
from symgauge.laws.law import Law
from symgauge.laws.shifting import Shifted, Shifting
from symgauge.laws.sweep import shifted, start_of_field, turned, weighed
from symgauge.laws.turning import STILL, Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.spaces.line import Line, NoLemma


class Flow(Law):
    """Where v(g x; g theta) = g v(x; theta) for all x and t, the end turns with the start."""

    name = "flow"
    words = (
        "where the velocity turns with the state", "where the velocity scales with the state",
        "where the velocity does not see it",
    )

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        field = turning.structure.field(line)
        inner = Turning(field, facts_of(field), turning.kind)
        _, ends = turned(inner, start_of_field(line, field, inputs))
        velocity = ends.get(field.network.outputs[0])
        if velocity != inputs[0]:
            raise NoLemma("the velocity of a flow turns differently from its state")
        return velocity or STILL

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        field = weighing.structure.field(line)
        inner = Weighing(field, facts_of(field), weighing.equations)
        _, ends = weighed(inner, start_of_field(line, field, [w or None for w in inputs]))
        weighing.alike(ends.get(field.network.outputs[0], {}), inputs[0])
        return dict(inputs[0])

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        state, *parameters = inputs
        if state is None or any(s is not None for s in parameters):
            raise NoLemma("the parameters of a flow are shifted")
        field = shifting.structure.field(line)
        inner = Shifting(field, facts_of(field), {}, absorbs=False)
        _, ends = shifted(inner, start_of_field(line, field, inputs))
        if ends:
            raise NoLemma("the velocity of a flow varies with a shift of its state")
        return state
