"""A flow as its program: the velocity, and the derivatives of that, in any number system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from symgauge.domains.evaluate import pulled, tangents, values
from symgauge.program.array import Array
from symgauge.program.domain import Domain
from symgauge.program.network import Network


@dataclass(frozen=True)
class Flow:
    """The flow from t0 to t1 of a program with the inputs t and x.

    The op's inputs are x(t0) and the values of the program's parameters, in their order.
    """

    field: Network
    t0: Fraction
    t1: Fraction

    @property
    def duration(self) -> Fraction:
        """t1 - t0."""
        return self.t1 - self.t0

    def lines(self, domain: Domain, t: Array, x: Array, parameters: Sequence[Array]) -> list[Array]:
        """Every line of the field's program."""
        named = {p.name: v for p, v in zip(self.field.parameters, parameters, strict=True)}
        return values(self.field, domain, named, {"t": t, "x": x})

    @property
    def reads_time(self) -> bool:
        """Whether a line reads the time, or v is the time itself."""
        names = [x.name for x in self.field.inputs]
        if "t" not in names:
            return False
        clock = self.field.input_nodes[names.index("t")]
        return clock == self.output or any(clock in n.inputs for n in self.field.nodes)

    def places(self) -> tuple[int, list[int]]:
        """The lines of x and of the parameters."""
        names = [x.name for x in self.field.inputs]
        return self.field.input_nodes[names.index("x")], list(self.field.parameter_nodes)

    @property
    def output(self) -> int:
        """The line of v."""
        return self.field.outputs[0]

    def velocity(self, domain: Domain, t: Array, x: Array, parameters: Sequence[Array]) -> Array:
        """v(t, x)."""
        return self.lines(domain, t, x, parameters)[self.output]

    def pull(
        self, domain: Domain, lines: Sequence[Array], ct: Array
    ) -> tuple[Array | None, list[Array | None]]:
        """The adjoint of the derivative of v, along x and along the parameters."""
        found = pulled(self.field, domain, lines, [ct])
        place, own = self.places()
        return found.get(place), [found.get(i) for i in own]

    def push(
        self, domain: Domain, lines: Sequence[Array], dx: Array | None,
        moved: Sequence[Array | None],
    ) -> Array | None:
        """The derivative of v along dx and the parameters' variations."""
        place, own = self.places()
        seeds = {place: dx} if dx is not None else {}
        seeds |= {i: m for i, m in zip(own, moved, strict=True) if m is not None}
        return tangents(self.field, domain, lines, seeds)[self.output]
