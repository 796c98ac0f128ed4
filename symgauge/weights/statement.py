"""What may move: the groups of a program, each with the places of the tensors that it moves.

The only reader of a derivation's statement in this room. Proved families come from the derivation;
permutations of an index space from its legs, and those are candidates: what is fitted of them is
held against the function.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import torch

from symgauge.capture import Target, build_without_weights, capture
from symgauge.capture.statistics import free_statistics
from symgauge.derivation.full import COMPARED, statements
from symgauge.derivation.module import derive
from symgauge.derivers.structural import find
from symgauge.errors import SymgaugeError
from symgauge.families.family import Move, Place, Through
from symgauge.families.kind import Kind
from symgauge.families.statement import FamilyStatement, FullStatement
from symgauge.hf.model import with_example
from symgauge.points.unread import NO_PATH, ZERO, unread_tensors
from symgauge.program.legs import Location
from symgauge.program.network import Network
from symgauge.spaces.follow import follow

#: Parameters up to which the exact derivation is asked, which finds families that no leg shows.
EXACT = 100
#: Parameters up to which it is asked of each coordinate whether an output depends on it.
COUNTED = 2_000_000
#: Indices above which permutations of a leg are not looked for.
MOST_PERMUTED = 16384
Entry: TypeAlias = FamilyStatement | FullStatement


def span(at: Place | Location) -> tuple[int, int, int]:
    """Axis, first index and the one after the last."""
    first, last = at.extent if isinstance(at, Place) else (at.start, at.start + prod(at.sizes))
    return at.axis, first, last


@dataclass(frozen=True)
class Group:
    """A family of symmetries: one element of its kind for each copy."""

    label: str
    #: None: the group permutes an index.
    kind: Kind | None
    copies: tuple[int, ...]
    size: int
    moves: tuple[Move, ...]
    via: tuple[Through, ...] = ()
    proved: bool = True
    #: Of scalings: whether s is kept positive (a sign was tried, and changes the function).
    positive: bool = False
    #: Of a permutation: the groups it may be undone by at a place, by the number of its move.
    modulo: Mapping[int, tuple[Kind, int]] = field(default_factory=dict)
    #: Moves at whose places shifts act too, on the slices `near`: they are fitted up to these.
    shifted: frozenset[int] = frozenset()
    near: tuple[Through, ...] = ()

    @property
    def tensors(self) -> tuple[str, ...]:
        """What it moves, in order."""
        return tuple(dict.fromkeys(m.parameter for m in self.moves))


@dataclass(frozen=True)
class Statement:
    """The groups of a program, and why there are none where it could not be read."""

    groups: tuple[Group, ...]
    unread: str = ""
    network: Network | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """What the program that was read has for parameters."""
        return frozenset(p.name for p in self.network.parameters) if self.network else frozenset()

    @cached_property
    def idle(self) -> frozenset[str]:
        """Parameters without a path to an output, or behind a zero, as a whole.

        By the program, in which all but the parameters is held.
        """
        if self.network is None or self.network.num_coordinates > COUNTED:
            return frozenset()
        none: dict[str, int] = {}
        for entry in unread_tensors(self.network):
            if entry["reason"] in (NO_PATH, ZERO):
                none[entry["tensor"]] = none.get(entry["tensor"], 0) + entry["count"]
        return frozenset(p.name for p in self.network.parameters if none.get(p.name) == p.size)


@dataclass(frozen=True)
class Held:
    """A module with its example in place of a TARGET."""

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @classmethod
    def of(
        cls, module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any] | None,
        observable: str = "logits",
    ) -> Held:
        """With inputs made from its configuration where a loaded transformers model has none.

        Raises BadInputError where one of the four is of another kind.
        """
        args, kwargs, _ = with_example(module, args, kwargs, observable)
        return cls(module, args, kwargs)

    def build(self) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """A copy of the module, and the example."""
        return copy.deepcopy(self.module), self.args, dict(self.kwargs)


def statement_of(
    target: Target | Held, observable: str = "logits", output: str | int | None = None
) -> Statement:
    """The groups of a target at its sizes; statistics that have to follow are among what moves."""
    reason = ""
    for with_statistics in (True, False):
        try:
            network, entries = _read(target, with_statistics, observable, output)
        except SymgaugeError as error:
            reason = str(error)
            continue
        families = [group_of(e) for e in entries if e.element.kind.is_finite]
        # orders first: what moves along an index is read off it once it is in its place
        groups = (*permutations(network, families), *families)
        return Statement(tuple(_up_to_shifts(g, families) for g in groups), network=network)
    return Statement((), reason)


def _read(
    target: Target | Held, with_statistics: bool, observable: str, output: str | int | None
) -> tuple[Network, Sequence[Entry]]:
    network, built, moved = program_of(target, with_statistics, observable, output)
    if network.num_coordinates <= EXACT and not moved:
        # without gradients statistics may be parameters
        with torch.no_grad():
            found = derive(*built, observable=observable, output=output)
        if all(e.element.kind.is_finite for e in found.generators):
            return network, found.generators
    return network, statements(find(network))


def program_of(
    target: Target | Held, with_statistics: bool, observable: str, output: str | int | None
) -> tuple[Network, tuple[Any, Any, Any], int]:
    """The program, what was built for it, and how many statistics count among its parameters.

    Above COMPARED parameters no weights are allocated. Raises what `capture` raises.
    """
    module, args, kwargs = (
        target.build() if isinstance(target, Held) else build_without_weights(target))
    meta = sum(p.numel() for p in module.parameters()) > COMPARED
    if not meta:
        module, args, kwargs = target.build()
    moved = len(free_statistics(module)) if with_statistics else 0
    with torch.no_grad():
        network = capture(
            module, args, kwargs, observable=observable, output=output, meta=meta, check=False,
        ).network
    return network, (module, args, kwargs), moved


def group_of(entry: Entry) -> Group:
    """The family of an entry, with its moves."""
    family = entry.family()
    return Group(
        entry.label, family.kind, family.copies, family.size, family.moves, family.via)


# -- permutations ----------------------------------------------------------------------------------


def permutations(network: Network, families: Sequence[Group]) -> list[Group]:
    """Candidates: a group for each leg inside the network that no matrix family turns as a whole.

    Which of them leave the function as it is, is for the caller to look at.
    """
    legs, places, axes = follow(network)
    turned = {
        (m.parameter, *span(m.at), m.at.along) for f in families
        if f.kind and f.kind.covers_discrete and not f.kind.commutes_with_turns
        for m in f.moves if m.at is not None and not m.part
    }
    outside = {
        leg for node in (*network.input_nodes, *network.outputs) for axis in axes[node]
        for leg, _ in legs.leaves(axis)
    }
    found = []
    for leg, where in places.items():
        where = [p for p in where if p.factors.count(leg) == 1]
        n = legs.leg_size(leg)
        inside = where and leg not in outside and 1 < n <= MOST_PERMUTED
        if not inside or any(
                (p.parameter, *span(p), p.along) in turned for p in where):
            continue
        moves = tuple(
            Move(p.parameter, "g", Place(p.axis, p.start, p.sizes, p.along)) for p in where)
        modulo = {i: m for i, p in enumerate(where) if (m := _modulo(p, families)) is not None}
        names = ", ".join(dict.fromkeys(p.parameter for p in where))
        found.append(Group(
            f"permutation of the {n} indices shared by {names}", None, (), n, moves,
            proved=False, modulo=modulo))
    return found


def _up_to_shifts(group: Group, families: Sequence[Group]) -> Group:
    """The group with the moves at whose places a family of shifts acts along the same index."""
    if group.kind and (not group.kind.covers_discrete or group.kind.fixes_ones):
        return group
    shifts = [
        (m.parameter, span(m.at), m.at.sizes, m.at.along, m.at.per, f.via) for f in families
        if f.kind and f.kind.is_shift
        for m in f.moves if m.form == "+c" and m.at is not None and not m.part]
    found, near = set(), {}
    for k, m in enumerate(group.moves):
        for tensor, where, sizes, along, per, via in shifts:
            # numbers along the index, or along another for each of its values
            ours = (along,) if group.kind else (along, *per)
            if m.at is not None and (m.parameter, span(m.at)) == (tensor, where) and (
                    m.at.sizes == sizes and m.at.along in ours):
                found.add(k)
                near.update({t.parameter: t for t in via})
    return replace(group, shifted=frozenset(found), near=group.via or tuple(near.values()))


def _modulo(place: Location, families: Sequence[Group]) -> tuple[Kind, int] | None:
    """The family whose copies the leg numbers there, or that scales along it."""
    for f in families:
        for m in f.moves:
            if m.at is None or m.part or m.parameter != place.parameter or (
                    span(m.at) != span(place)) or (
                    f.kind is None or m.at.sizes != place.sizes or isinstance(m.at.along, tuple)):
                continue
            if place.along in m.at.per if f.kind.is_matrix else (
                    f.kind.is_scaling and m.at.along == place.along):
                return f.kind, m.at.along
    return None
