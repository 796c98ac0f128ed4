"""x(t1), where dx/dt = v(t, x; theta) and x(t0) = x: the flow of a vector field.

Its intertwiner: where x moves by xi(x) = L x + c and the parameters by d theta, the value moves
by xi(x(t1)) if D_x v . xi + D_theta v . d theta = L v, for then xi along the trajectory solves
the equation of variation, and that has one solution (Picard and Lindelof; v locally Lipschitz).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symgauge.domains.flow import method
from symgauge.domains.velocity import Flow
from symgauge.points.reads import readable_network
from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.op import Primitive
from symgauge.spaces.follow import follow_lines


class OdeFlow(Primitive):
    """The flow from t0 to t1; `field` is the program of v as JSON text.

    The program's inputs are t and x. The op's inputs are x at t0, then the values of the
    program's parameters in their order.
    """

    name = "ode_flow"
    law = "flow"
    rational_attrs = ("t0", "t1")

    def body(self, **attrs: Any) -> Network:
        """The program of v. Raises BadInputError or ValueError where it is none."""
        return _field(attrs["field"])

    def _flow(self, attrs: Any) -> Flow:
        return Flow(lower(_field(attrs["field"])), attrs["t0"], attrs["t1"])

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        field = _field(attrs["field"])
        (state,) = (x.shape for x in field.inputs if x.name == "x")
        wanted = [state, *(p.shape for p in field.parameters)]
        if list(shapes) != wanted or field.nodes[field.outputs[0]].shape != state:
            raise ValueError(f"ode_flow: shapes {shapes} for a field on {wanted}")
        if set(attrs) != {"field", "t0", "t1"} or attrs["t0"] == attrs["t1"]:
            raise ValueError("ode_flow: two different times and a field")
        return state

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return method(domain).value(self._flow(attrs), xs)

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        return method(domain).tangent(self._flow(attrs), xs, y, dxs)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return method(domain).cotangent(self._flow(attrs), xs, y, ct)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        """A velocity has the legs of its state, and so has the end."""
        field = _field(attrs["field"])
        given = {i: inputs[1 + k] for k, i in enumerate(field.parameter_nodes)}
        for i, x in zip(field.input_nodes, field.inputs, strict=True):
            given[i] = inputs[0] if x.name == "x" else []
        axes = follow_lines(legs, field, given)
        for a, b in zip(axes[field.outputs[0]], inputs[0], strict=True):
            legs.unify(a, b)
        return inputs[0]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        rest = ", ".join(inputs[1:])
        return (
            rf"\phi_{{{attrs['t0']},{attrs['t1']}}}({inputs[0]}"
            + (rf";\, {rest})" if rest else ")")
        )


@lru_cache(maxsize=256)
def _field(text: str) -> Network:
    from symgauge.ops import all_ops

    field = readable_network(json.loads(text), all_ops())
    names = [x.name for x in field.inputs]
    if names.count("x") != 1 or set(names) - {"t", "x"} or len(set(names)) != len(names):
        raise ValueError(f"a vector field has the inputs t and x, not {names}")
    if any(x.classes or (x.name == "t" and x.shape) for x in field.inputs):
        raise ValueError("a vector field acts on real states, and its time is a number")
    if len(field.outputs) != 1 or field.held:
        raise ValueError("a vector field has one output, and holds nothing")
    if field.has_flows:
        raise ValueError("a vector field with a flow inside")
    return field
