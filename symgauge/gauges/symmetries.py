"""The families that move the weights of a TARGET, at the sizes of those weights, and its stream.

Families are derived from the program's legs, each proved; permutations of an index space are
candidates, which whoever takes one holds against the function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from symgauge.capture import Target, build_without_weights
from symgauge.derivation.full import FullDerivation, statements
from symgauge.derivers.element import Found
from symgauge.derivers.fixing import norm_biases
from symgauge.derivers.stage import Stage
from symgauge.derivers.structural import find
from symgauge.errors import BadInputError, SymgaugeError
from symgauge.families.family import Family
from symgauge.families.serial import plain_family
from symgauge.plain import PlainFamily
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network
from symgauge.spaces.follow import follow
from symgauge.spaces.roles import NamedLeg, named_legs
from symgauge.weights.action import touched
from symgauge.weights.checkpoint import Checkpoint, has_no_number
from symgauge.weights.moving import Record
from symgauge.weights.statement import Group, Held, group_of, permutations, program_of

#: What the legs are called along which a residual sum runs (`spaces.roles`).
STREAM = "stream"


@dataclass(frozen=True)
class Families:
    """The families of a program and the candidates of permutations, in one list."""

    #: The proved families.
    families: tuple[Group, ...]
    #: Permutations of an index space: candidates.
    orders: tuple[Group, ...]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Families, then permutations: by their numbers in `plain`."""
        return (*self.families, *self.orders)

    @cached_property
    def plain(self) -> tuple[PlainFamily, ...]:
        """All of them as a group element has them."""
        return tuple(_plain(g) for g in self.groups)


@dataclass(frozen=True)
class Symmetries(Families):
    """The families of a program, those that use up a gain or a norm's bias first."""

    network: Network
    found: Found

    @property
    def tensors(self) -> tuple[Parameter, ...]:
        """The tensors that the program reads."""
        return tuple(self.network.parameters)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """How many axes each tensor has."""
        return {p.name: len(p.shape) for p in self.network.parameters}

    @cached_property
    def slices(self) -> Mapping[str, int]:
        """Gains and norms' biases that a family uses up, with its number."""
        return {through.parameter: k for k, (_, through) in enumerate(self.found.slices)}

    @cached_property
    def legs(self) -> list[NamedLeg]:
        """The legs with their names."""
        return named_legs(self.network)

    @cached_property
    def stream(self) -> Mapping[tuple[str, int], bool]:
        """Axes of parameters along the stream; whether it is written there, or read.

        A parameter is contracted with the stream where its leg has the other parity than values.
        """
        legs, places, axes = follow(self.network)
        named = {leg for leg, own in zip(places, self.legs, strict=True) if own["name"] == STREAM}
        data: list[bool] = []
        signs: Counter[tuple[int, int]] = Counter()
        for node, own_axes in zip(self.network.nodes, axes, strict=True):
            data.append(isinstance(node.leaf, Input) or any(data[i] for i in node.inputs))
            if data[-1]:
                signs.update(ref for axis in own_axes for ref in legs.leaves(axis))
        return {
            (p.parameter, p.axis): signs[leg, p.parity] >= signs[leg, -p.parity]
            for leg in named for p in places[leg]}


def read_twice(symmetries: Symmetries) -> str:
    """Words for the tensors along the stream that several lines of the program take."""
    network = symmetries.network
    uses = Counter(i for node in network.nodes for i in node.inputs)
    names = [p.name for i, p in zip(network.parameter_nodes, network.parameters, strict=True)
             if uses[i] > 1 and any(name == p.name for name, _ in symmetries.stream)]
    return f"; {', '.join(names)} is read at several lines (tied)" if names else ""


def gains_and_biases(symmetries: Symmetries) -> dict[str, str]:
    """Parameters that multiply entry by entry, and biases of norms, with what they are."""
    structure = symmetries.found.structure
    found = {structure.names[i]: "a gain" for i in sorted(Stage(structure).gains)}
    return found | {structure.names[i]: "the bias of a norm" for i in norm_biases(structure)}


def _plain(group: Group) -> PlainFamily:
    if group.kind is None:
        return {
            "element": {"kind": "permutation", "copies": [], "size": group.size},
            "action": [m.plain() for m in group.moves], "via": [], "label": group.label,
            "group": f"S_{group.size}"}
    family = Family(group.kind, group.copies, group.size, group.moves, (), group.via)
    said = group.kind.group(group.size, len(group.copies), True)
    return {**plain_family(family), "label": group.label, "group": said}


def families_of(record: Record, whole: Network | None = None) -> Families:
    """The families of a derivation.json or full.json that act, and the candidates of its legs.

    At the sizes of the record's own program. The candidates are those of `whole`, where it is
    given: the program with running statistics among its parameters, which an order moves with
    the gains and biases beside them.
    """
    network = whole
    if network is None:
        network = record.programs()[0] if isinstance(record, FullDerivation) else record.network()
    families = tuple(
        group_of(e) for e in record.generators if e.element.kind.is_finite)
    return Families(families, tuple(permutations(network, families)))


def require_sizes(record: Record, weights: Checkpoint) -> None:
    """Raises BadInputError where weights are not at the sizes of the record's own program."""
    for t in record.tensors:
        if weights.shapes.get(t.name) != tuple(t.shape):
            raise BadInputError(
                f"permutations are those of the record's own sizes, where {t.name} has shape "
                f"{list(t.shape)}: derive at the sizes of these weights, or with --full")


def whole_program(
    target: Target | Held, observable: str = "logits", output: str | int | None = None
) -> Network:
    """The program, with running statistics among its parameters where it can be read so."""
    try:
        return program_of(target, True, observable, output)[0]
    except SymgaugeError:
        return program_of(target, False, observable, output)[0]


def symmetries_of(
    target: Target | Held, observable: str = "logits", output: str | int | None = None
) -> Symmetries:
    """The families of a target; running statistics that a checkpoint holds are among what moves.

    Raises what `capture` raises where the program cannot be read.
    """
    network = whole_program(target, observable, output)
    found = find(network)
    families = tuple(group_of(e) for e in statements(found) if e.element.kind.is_finite)
    return Symmetries(families, tuple(permutations(network, families)), network, found)


def at_sizes_of(target: Target | Held, weights: Checkpoint) -> Target | Held:
    """The target at those of its sizes, its own or its full ones, whose shapes the weights have.

    No weights are allocated. Raises BadInputError where neither has them.
    """
    if not isinstance(target, Target):
        wrong = _misfit(target.module, weights)
    else:
        wrong = _misfit(build_without_weights(target)[0], weights)
        full = target.at(target.full_sizes)
        if wrong and not _misfit(build_without_weights(full)[0], weights):
            return full
    if wrong:
        raise BadInputError(f"{weights.path} has other weights than TARGET: {wrong}")
    return target


def require_numbers(symmetries: Symmetries, weights: Checkpoint) -> None:
    """Raises BadInputError where a tensor that moves holds integers, or what is no number."""
    for name in dict.fromkeys(
            n for g in (*symmetries.families, *symmetries.orders) for n in touched(g)):
        if name not in weights.shapes:
            continue
        if not weights.dtypes[name].is_floating_point:
            raise BadInputError(
                f"{weights.path} holds {name} as {weights.dtypes[name]}, and the symmetries move "
                "it: give floating-point weights".replace("torch.", ""))
        if has_no_number(weights.tensor(name)):
            raise BadInputError(
                f"{weights.path} holds an entry of {name} that is infinite or no number: there is "
                "no element to be read from it")


def aliases_of(target: Target | Held) -> dict[str, str]:
    """Names that a module has for one tensor (tied), with the first of them."""
    return _aliases(
        build_without_weights(target)[0] if isinstance(target, Target) else target.module)


def _aliases(module: torch.nn.Module) -> dict[str, str]:
    first: dict[int, str] = {}
    return {
        name: other for name, t in module.state_dict(keep_vars=True).items()
        if (other := first.setdefault(id(t), name)) != name}


def _misfit(module: torch.nn.Module, weights: Checkpoint) -> str:
    """Which tensor has another shape, or is missing under all of its names, in words."""
    tied = _aliases(module)
    there = {tied.get(n, n) for n in weights.shapes}
    for name, tensor in module.state_dict().items():
        if not isinstance(tensor, torch.Tensor):
            continue  # an extra state
        if name in weights.shapes and weights.shapes[name] != tuple(tensor.shape):
            return (f"{name} has shape {list(weights.shapes[name])}, and TARGET's "
                    f"{list(tensor.shape)}; give its sizes with --set")
        if tensor.is_floating_point() and tied.get(name, name) not in there:
            return f"there is no tensor named {name!r}"
        if tied.get(name, name) not in weights.shapes and name in weights.shapes:
            return (f"{name} stands there for {tied[name]}, which is one tensor with it: save it "
                    "by that name too")
    return ""
