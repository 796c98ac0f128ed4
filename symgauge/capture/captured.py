"""torch.export (non-strict, decomposed) to a Network; fidelity checked against the module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from symgauge.capture.about import about
from symgauge.capture.borrowed import Watch, borrowed, wide_example
from symgauge.capture.exported import exported
from symgauge.capture.fidelity import check_fidelity
from symgauge.capture.given import given
from symgauge.capture.leaves import Reading
from symgauge.capture.module import (
    check_deterministic, check_example, check_parameters, check_values,
)
from symgauge.capture.outputs import Chosen
from symgauge.capture.reader import Reader, VectorField, field_program
from symgauge.capture.skeleton import fake_in_double
from symgauge.capture.statistics import free, statistics_of
from symgauge.capture.tokens import Narrower
from symgauge.errors import BadInputError, CaptureError, SymgaugeError
from symgauge.nn.ode_flow import OdeFlow, numbered_flows
from symgauge.nn.odeint import odeint_as_flows
from symgauge.program.network import Network
from symgauge.program.outline import UNCOMPARED
from symgauge.program.serial import digest_of


@dataclass(frozen=True)
class Captured:
    """A network and what was read off the module."""

    network: Network
    chosen: Chosen
    #: What a statement about the network is about, in sentences.
    about: tuple[str, ...] = ()
    #: Parameters that are read through variables which hold them.
    through_closures: tuple[str, ...] = ()
    #: The program with running statistics among its parameters, and their names, where asked for.
    freed: tuple[Network, list[str]] | None = None

    @property
    def output_names(self) -> tuple[str, ...]:
        """The outputs that are looked at."""
        return tuple(x.name for x in self.chosen.outputs)

    @property
    def facts(self) -> dict[str, Any]:
        """What the record of a derivation says of it."""
        return {
            "about": list(self.about),
            "outputs": [[x.index, x.name] for x in self.chosen.outputs],
            "outputs_left_out": list(self.chosen.left_out),
        }


def capture(
    module: torch.nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    output: str | int | None = None,
    observable: str = "logits",
    check: bool = True,
    meta: bool = False,
) -> Captured:
    """The network that a module computes on inputs of the example's shapes.

    Parameters that require grad are the coordinates; other parameters and buffers are constants.
    Floating inputs are indeterminates; integers that pick rows of a table range over them, other
    integer and Boolean inputs are held at the example. All floating outputs jointly, of a
    transformers output its logits; `output` picks one by name or index;
    `observable="probabilities"` appends log_softmax.

    With `meta` the module is read for its shapes alone, at any size: its parameters need no
    values and are replaced by fake ones in place, constants without values stand in the network
    by name, and the module is not run. The network is then NOT compared with it: there is
    nothing to compare them at.

    Raises UnsupportedOpError for an op without a rule, CaptureError for a module that cannot be
    read exactly (a branch on data, randomness, NaN, complex or quantised parameters).
    """
    args, kwargs = given(module, args, kwargs, observable)
    check_parameters(module)
    if meta:
        return _of_shapes(module, args, kwargs, Reading(output, observable), [])
    check_values(module, args, kwargs)
    args, kwargs = wide_example(args, kwargs)
    check_example(args, kwargs)
    with borrowed(module) as memory, odeint_as_flows() as calls:
        with calls.record():
            check_deterministic(module, args, kwargs, Watch(module, memory))
        with numbered_flows(module, calls.flows) as flows, calls.replayed():
            program = exported(module, args, kwargs)
        network, reader = _read(module, program, Reading(output, observable, flows))
        if check:
            check_fidelity(module, network, args, kwargs, reader)
        said = about(module, reader) if check else (*about(module, reader), UNCOMPARED)
        return Captured(network, reader.chosen, said, tuple(sorted(reader.leaves.through_closures)))


def capture_with_statistics(
    module: torch.nn.Module, args: Any, kwargs: Any, output: str | int | None, observable: str
) -> Captured:
    """`capture` of shapes alone, and the program with its running statistics as parameters.

    Both are read from one export.
    """
    check_parameters(module)
    reading = Reading(output, observable)
    return _of_shapes(module, tuple(args), kwargs, reading, statistics_of(module))


def _of_shapes(
    module: torch.nn.Module, args: Any, kwargs: Any, reading: Reading, statistics: list[str]
) -> Captured:
    module, args, kwargs = fake_in_double(module, args, kwargs)
    check_example(args, kwargs)
    with numbered_flows(module) as flows:
        program = exported(module, args, kwargs)
    reading = replace(reading, flows=flows)
    network, reader = _read(module, program, reading)
    said = (*about(module, reader), UNCOMPARED)
    freed = _freed(module, program, reading, statistics) if statistics else None
    return Captured(network, reader.chosen, said, freed=freed)


def _read(
    module: torch.nn.Module, program: Any, reading: Reading
) -> tuple[Network, Reader]:
    """The exported program as a network, token ids ranging as far as every table allows.

    Where what is done with them is not understood they are held at the example.
    """
    while True:
        reader = Reader(module, program, reading)
        try:
            return reader.read(), reader
        except Narrower as found:
            reading = replace(reading, limits={**reading.limits, found.name: found.classes})
        except BadInputError:
            if reading.hold_tokens or not reader.leaves.token_places:
                raise
            reading = replace(reading, hold_tokens=True)


def _freed(
    module: torch.nn.Module, program: Any, reading: Reading, names: list[str]
) -> tuple[Network, list[str]] | None:
    """The exported program with these buffers among its parameters, which they become.

    None where the module writes into buffers, or it cannot be read so.
    """
    if any(s.kind.name != "USER_OUTPUT" for s in program.graph_signature.output_specs):
        return None
    free(module, names)
    try:
        return _read(module, program, reading)[0], names
    except SymgaugeError:
        return None


def capture_field(module: torch.nn.Module, args: Sequence[Any]) -> Network:
    """The program of a vector field, with the inputs t and x.

    `module` is v(t, x) or v(x), the last of `args` an example of x; or a module with one OdeFlow
    in it, whose field is taken, and `args` are the module's.

    Raises what `capture` raises, and CaptureError where flows have several fields.
    """
    if any(isinstance(part, OdeFlow) for part in module.modules()):
        network = capture(module, args).network
        fields = {
            digest_of(field): field for n in network.nodes
            if (field := n.body) is not None
        }
        if len(fields) != 1:
            raise CaptureError(f"the module has flows of {len(fields)} vector fields; give one")
        return fields.popitem()[1]
    check_parameters(module)
    args, _ = wide_example(tuple(args), {})
    if not args or not isinstance(args[-1], torch.Tensor):
        raise CaptureError("the last argument of a vector field is a tensor, its state")
    check_example(args, {})
    flow = OdeFlow(module)
    with borrowed(flow) as memory:
        start = torch.tensor(flow.t0, dtype=torch.float64)
        check_deterministic(VectorField(flow), (start, args[-1]), {}, Watch(flow, memory))
        return field_program(flow, tuple(args[-1].shape), flow)[0]
