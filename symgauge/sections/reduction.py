"""Parameters without their gauge directions: entries that may be fixed, and why none is lost.

The entries are a coordinate cross-section of the orbits (`section`); where no finite action brings
the rest to values, entries stay at those that they have. Of a certified derivation it is proved
exactly that no free direction is left (`transversal`); at full sizes it is said of the families.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch

from symgauge.derivation.derivation import Derivation
from symgauge.derivation.element import GroupElement, to_numpy
from symgauge.derivation.full import FullDerivation
from symgauge.derivation.module import ModelDerivation
from symgauge.derivers.stage import Stage
from symgauge.errors import BadInputError
from symgauge.gauges.gauge import Gauge, HeldWalk
from symgauge.sections.pinned import pin
from symgauge.gauges.recipe import Outcome
from symgauge.sections.section import Fixing, Index, section_of
from symgauge.gauges.symmetries import families_of
from symgauge.sections.transversal import Exact
from symgauge.spaces.structure import Structure
from symgauge.verdict import Verdict
from symgauge.weights.action import Array
from symgauge.weights.checkpoint import Checkpoint, held as as_checkpoint
from symgauge.weights.moving import Record, Settled, Weights

State = Mapping[str, torch.Tensor]
#: A number that is nearer to the value of its entry is that value, up to rounding.
ROUNDING = 1e-6
PRESENT = "its present value"


@dataclass(frozen=True)
class Fixed:
    """One entry that is fixed: at a value (or at minus that, where signs stay), or as it is."""

    tensor: str
    index: tuple[int, ...]
    value: float | None


@dataclass(frozen=True)
class Entries:
    """Entries of a tensor that are fixed together, flat, and at which values; None: as they are."""

    tensor: str
    entries: Index
    values: Array | None
    #: The values in words, and the label of the family that brings them there.
    words: str
    family: str | None


@dataclass(frozen=True)
class Brought:
    """Weights on the section: the element that led there, and the entries that are fixed.

    `left` are families that do not reach it from these weights, with the reason; their entries
    are free.
    """

    element: GroupElement
    settled: Settled
    left: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many entries are fixed."""
        return sum(len(entries) for entries, _ in self.settled.values())


class Reduction:
    """Entries of the parameters that may be fixed, as many as the orbits have dimensions.

    `fixed` are they; `verdict` and `statement` say what is known of the rest.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
    >>> found = reduce(derive(module, (zeros(1, 2),)))
    >>> [(f.tensor, f.index, f.value) for f in found.fixed][:2]
    [('0.weight', (0, 0), 1.0), ('0.weight', (1, 0), 0.0)]
    >>> moved = found.bring(module.state_dict()).element.apply(module.state_dict())
    >>> [[round(x, 5) + 0.0 for x in row] for row in moved["0.weight"].tolist()]
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, record: Record, seed: int = 0) -> None:
        self.record = record
        network = record.programs()[0] if isinstance(record, FullDerivation) else record.network()
        self._network = network
        self.families = families_of(record)
        self._names = [g.group for g in record.generators if g.element.kind.is_finite]
        self.shapes = {p.name: tuple(p.shape) for p in network.parameters}
        structure = Structure(network)
        gains = frozenset(structure.names[i] for i in Stage(structure).gains)
        found = section_of(self.families.families, self._names, self.shapes, gains)
        self.fixings = list(found.fixings)
        #: By tensor, entries that are fixed as they are.
        self.present: dict[str, Index] = {}
        #: rank J by the free entries at a point of the section, over residues; None: not taken.
        self.jacobian: int | None = None
        self._exact = Exact(record, seed) if isinstance(record, Derivation) else None
        if self._exact is not None:
            self._complete(self._exact)
        without = [k for k in range(len(self.families.families))
                   if all(k != f.family for f in self.fixings)]
        #: Families that bring no entries of their own to values.
        self.without = tuple(self.families.families[k].label for k in without) + tuple(
            g.label for g in record.generators if not g.element.kind.is_finite)

    def _complete(self, exact: Exact) -> None:
        """Entries that are fixed as they are, for directions that no family's own entries tell."""
        order = [int(k) for p in sorted(
            self._network.parameters, key=lambda p: (len(p.shape), self._network.offsets[p.name]))
            for k in range(self._network.offsets[p.name], self._network.offsets[p.name] + p.size)]
        while True:
            values = self._nominal()
            rest = [k for k in order if k not in values]
            found = exact.independent(values, [*values, *rest])
            chosen = set(found.coordinates)
            spare = [f for f in self.fixings if not self._coordinates(f) <= chosen]
            if not spare:
                break
            self.fixings.remove(spare[-1])
        kept = np.array(sorted(chosen - set(values)), dtype=np.int64)
        for p in self._network.parameters:
            start = self._network.offsets[p.name]
            own = kept[(kept >= start) & (kept < start + p.size)] - start
            if len(own):
                self.present[p.name] = own
        self.jacobian = exact.free_rank(values, chosen)

    def _coordinates(self, fixing: Fixing) -> set[int]:
        return {int(k) + self._network.offsets[name]
                for name, entries, _ in fixing.parts() for k in entries}

    def _nominal(self) -> dict[int, Fraction]:
        """The values of the coordinates that families bring somewhere."""
        return {
            int(k) + self._network.offsets[name]: Fraction(float(value))
            for fixing in self.fixings for name, entries, values in fixing.parts()
            for k, value in zip(entries, values, strict=True)}

    # -- what is fixed ---------------------------------------------------------------------------

    @cached_property
    def entries(self) -> tuple[Entries, ...]:
        """The entries that are fixed, family by family."""
        found = [
            Entries(name, entries, values, fixing.form.words,
                    self.families.families[fixing.family].label)
            for fixing in self.fixings for name, entries, values in fixing.parts()]
        found += [Entries(n, e, None, PRESENT, None) for n, e in self.present.items()]
        return tuple(found)

    @property
    def fixed(self) -> Iterator[Fixed]:
        """The entries that are fixed, one by one."""
        for part in self.entries:
            shape = self.shapes[part.tensor]
            where = np.unravel_index(part.entries, shape or (1,))
            indices = np.stack(where, -1)[:, :len(shape)].tolist()
            values = [None] * len(indices) if part.values is None else part.values.tolist()
            for index, value in zip(indices, values, strict=True):
                yield Fixed(part.tensor, tuple(index), value)

    @cached_property
    def count(self) -> int:
        """How many entries are fixed."""
        return sum(len(part.entries) for part in self.entries)

    @property
    def free_count(self) -> int:
        """How many of the entries that an output reads stay free."""
        return self.record.parameters - self.count

    # -- what is known ---------------------------------------------------------------------------

    @property
    def verdict(self) -> Verdict:
        """PROVED where nothing of what is asked is open: see `statement`."""
        record = self.record
        more = isinstance(record, Derivation) and record.claim.by_minors
        same = self.count == record.orbit_dimension and not more
        return record.verdict if same else Verdict.UNKNOWN

    @property
    def statement(self) -> str:
        """What is proved of the entries, and what it rests on."""
        n, free, record = self.count, self.free_count, self.record
        if not n and isinstance(record, Derivation) and record.verdict is Verdict.PROVED:
            return f"no entry is redundant, and none is fixed ({record.scope})"
        crossed = (
            f"{n:,} {'entry is' if n == 1 else 'entries are'} fixed, and the orbits of the proved "
            "families cross the section: the derivatives of these entries along the families have "
            f"rank {n:,}")
        if isinstance(record, FullDerivation):
            whole = record.orbit_dimension
            said = f"as many as the orbits have dimensions ({whole:,})" if whole == n else (
                f"the orbits have at least {n:,} dimensions" if whole is None
                else f"{whole - n:,} of {whole:,} dimensions of the orbits are not fixed")
            return (
                f"{crossed}, by the families and where no pivot is 0; {said}. Nothing says that "
                "no other direction is redundant")
        if n < record.orbit_dimension:
            return (
                f"{crossed}; on the section the orbits have fewer dimensions than elsewhere "
                f"({record.orbit_dimension}), so {record.orbit_dimension - n} are not fixed")
        if left := record.redundancy - record.orbit_dimension:
            return (
                f"{crossed}, all of theirs. At most {left} further directions have no generator in "
                f"a family: they stay among the {free} free entries ({record.scope})")
        said = (
            f"{crossed}. So at a generic point of it the Jacobian by the {free} free entries has "
            f"full column rank: nothing redundant is left ({record.scope}"
            f"{', and at generic values of the entries that stay as they are' * bool(self.present)}"
            ")")
        return said + (
            f"; if the hypotheses hold: {'; '.join(record.hypotheses)}" if record.hypotheses
            else "")

    def to_json(self, every: bool = True) -> dict[str, Any]:
        """The record, as plain data; `every`: each entry too, not their ranges alone."""
        record = self.record
        return {
            "schema": "symgauge-reduction/1", "name": record.name, "target": record.target,
            "sizes": dict(record.sizes), "parameters": record.parameters, "fixed": self.count,
            "free": self.free_count, "orbit_dimension": record.orbit_dimension,
            "redundancy": None if isinstance(record, FullDerivation) else record.redundancy,
            "unexplained": None if isinstance(record, FullDerivation) else record.unexplained,
            "jacobian": self.jacobian, "verdict": self.verdict.value,
            "statement": self.statement, "without": list(self.without),
            "entries": [
                {"tensor": e.tensor, "where": where(e.entries, self.shapes[e.tensor]),
                 "count": len(e.entries), "value": e.words, "family": e.family,
                 **({"values": list(_by_value(e.entries, e.values))} if every else {})}
                for e in self.entries],
        }

    # -- weights ---------------------------------------------------------------------------------

    def bring(self, state: State) -> Brought:
        """The element that brings a state dict to the section, and the entries that are fixed.

        Raises BadInputError where the state has not the sizes of the record.
        """
        return self._brought(Weights(as_checkpoint(state, "the state")))

    def _brought(self, weights: Weights) -> Brought:
        self._require_sizes(weights.checkpoint)
        walk, left, reached = HeldWalk(self.families, weights), [], []
        for fixing in self.fixings:
            group = self.families.families[fixing.family]
            seen = walk.seen(group)
            values = "a gain that it acts through has an entry 0" if seen is None else (
                fixing.element(seen))
            if isinstance(values, str):
                left.append(f"{group.label}: {values}")
                continue
            walk.act(group, values)
            reached.append(fixing)
        pieces: dict[str, list[tuple[Index, Array]]] = {}
        for fixing in reached:
            off = 0.0
            for name, entries, values in fixing.parts():
                here = walk.tensor(name).reshape(-1)[entries]
                stays = fixing.form.stays(here, values)
                if stays.any():
                    left.append(
                        f"{self.families.families[fixing.family].label}: {stays.sum()} of its "
                        f"entries in {name} are 0, and scalings leave them so")
                    here, entries, values = here[~stays], entries[~stays], values[~stays]
                turned = 2 * fixing.form.centre - values
                there = np.where(abs(here - values) <= abs(here - turned), values, turned)
                off = max(off, float(abs(here - there).max(initial=0.0)))
                pieces.setdefault(name, []).append((entries, there))
            if not off < ROUNDING:
                raise BadInputError(
                    f"{self.families.families[fixing.family].label}: its entries end {off:.1e} "
                    "away from their values, as these weights are nearly singular there")
        for name, entries in self.present.items():
            # as they are stored: nothing rounds them
            moved = to_numpy(walk.element.apply(
                {n: weights[n] for n in walk.element.reads([name])}, [name])[name])
            pieces.setdefault(name, []).append(
                (entries, moved.reshape(-1)[entries].astype(np.float64)))
        settled = {
            name: (np.concatenate([e for e, _ in listed]), np.concatenate([v for _, v in listed]))
            for name, listed in pieces.items()}
        return Brought(walk.element, settled, tuple(left))

    def _require_sizes(self, weights: Checkpoint) -> None:
        for name, shape in self.shapes.items():
            if weights.shapes.get(name) != shape:
                has = list(weights.shapes[name]) if name in weights.shapes else "nothing"
                raise BadInputError(
                    f"{weights.path} holds {has} as {name}, and the record has shape "
                    f"{list(shape)}: reduce at the sizes of these weights (--set, or --full)")

    def crosses(self, brought: Brought) -> bool | None:
        """Whether the section through these very values crosses the orbits, decided exactly.

        None at full sizes, where no rank is taken.
        """
        if self._exact is None:
            return None
        values = {
            int(k) + self._network.offsets[name]: Fraction(float(v))
            for name, (entries, at) in brought.settled.items()
            for k, v in zip(entries, at, strict=True)}
        return len(self._exact.independent(values, values).coordinates) == len(values)

    def way(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        """What moves weights in files to the section (see `change`)."""
        brought = self._brought(gauge.weights)
        gauge.element = brought.element
        done, left = [], list(brought.left)
        if brought.count:
            done.append(f"{brought.count} of {self.count} entries have the values that are fixed")
        crosses = self.crosses(brought) if brought.count else None
        if crosses:
            done.append("the orbits cross the section at these very values (exact)")
        elif crosses is not None:
            left.append(
                "at these very values the orbits do not cross the section: redundant directions "
                "are left there")
        return Outcome(done, left, brought.settled)

    def parametrize(self, module: torch.nn.Module) -> Brought:
        """Bring a module to the section, and hold its entries there while it is trained or stored.

        Each tensor with fixed entries gets a parametrisation of torch whose parameter are the free
        ones; `torch.nn.utils.parametrize.remove_parametrizations` undoes that. The function stays
        as it was, up to the rounding of its dtype. Raises BadInputError where the module has not
        the record's parameters.
        """
        brought = self.bring(module.state_dict())
        after = brought.element.apply(module.state_dict())
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(after[name])
        pin(module, brought.settled)
        return brought


def reduce(derivation: Derivation | FullDerivation | ModelDerivation) -> Reduction:
    """Entries of the parameters that may be fixed without a loss, as many as orbits' dimensions.

    Of a `ModelDerivation` those at the model's own sizes, by its families. Raises BadInputError on
    anything but a derivation.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> found = derive(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), (zeros(1, 2),))
    >>> reduce(found).free_count
    7
    """
    record = derivation.full if isinstance(derivation, ModelDerivation) else derivation
    if not isinstance(record, (Derivation, FullDerivation)):
        raise BadInputError(f"a {type(record).__name__} is no derivation: reduce what derive found")
    return Reduction(record)


def settled_json(settled: Settled) -> dict[str, Any]:
    """The entries that are fixed in given weights, by tensor, value by value."""
    return {name: list(_by_value(*pair)) for name, pair in settled.items()}


def _by_value(entries: Index, values: Array | None) -> Iterator[dict[str, Any]]:
    """Each value with its flat entries, as runs [first, how many]."""
    for value in (None,) if values is None else np.unique(values).tolist():
        own = np.sort(entries if value is None else entries[values == value])
        first = np.flatnonzero(np.diff(own, prepend=own[0] - 2) != 1)
        counts = np.diff(first, append=len(own))
        yield {"value": value, "runs": np.stack([own[first], counts], -1).tolist()}


def where(entries: Index, shape: tuple[int, ...]) -> str:
    """Flat entries as ranges of the axes, as [0:4, 2]; how many of those where not all."""
    axes = [np.unique(a) for a in np.unravel_index(entries, shape or (1,))][:len(shape)]
    said = ", ".join(_axis(a) for a in axes)
    whole = prod(len(a) for a in axes) == len(entries) and all(
        int(a[-1]) - int(a[0]) + 1 == len(a) for a in axes)
    return f"[{said}]" if whole else f"[{said}] ({len(entries)} entries)"


def _axis(a: Index) -> str:
    return f"{a[0]}" if len(a) == 1 else f"{a[0]}:{a[-1] + 1}"
