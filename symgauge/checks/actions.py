"""Finite elements of the derived group on parameters of any library, and their products.

The moves are those of a generated check (`runtime.moves`), which knows both numpy and torch. All is
computed in float64 where a tensor lies, and rounded once to its own type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from symgauge.checks.runtime.elements import Array, Element, beside, library, random_element
from symgauge.checks.runtime.moves import (
    apply_move, divides_by_zero, element_in, moves_back, moves_onto, read_by, scales_from_zero,
)
from symgauge.checks.runtime.pieces import wide
from symgauge.errors import BadInputError
from symgauge.families.kinds import kind_of, with_parts
from symgauge.families.part import shape_of
from symgauge.families.serial import family_of
from symgauge.proof.finite_actions import no_action
from symgauge.plain import PlainFamily, PlainMove, PlainSlice

Shapes = Mapping[str, Sequence[int]]
#: Of a gain that is brought to 1, or divided by.
NO_ACTION = (
    "has an entry that is 0: symmetries that act through it are defined only where it has none")


class NumpyNumbers:
    """Random numbers that elements are drawn from."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def normal(self, shape: Sequence[int]) -> NDArray[np.float64]:
        return self._rng.standard_normal(shape)

    def away_from_zero(
        self, shape: Sequence[int], least: float, most: float
    ) -> NDArray[np.float64]:
        size: NDArray[np.float64] = self._rng.uniform(least, most, shape) * self._rng.choice(
            [-1.0, 1.0], shape)
        return size


@dataclass(frozen=True)
class Part:
    """An element of one family; `size` says which of its two actions, "small" or "full"."""

    family: int
    size: str
    element: Element

    def inverse(self) -> Part:
        """The element's inverse: the moves of a family commute."""
        return replace(self, element=self.element.inverse())


Parts = tuple[Part, ...]


def sample(
    families: Sequence[PlainFamily],
    shapes: Shapes,
    seed: int,
    scale_of: Callable[[str], float] | None = None,
) -> Parts:
    """A random element of every family that has a finite action fitting these shapes.

    `scale_of` gives the size of a tensor's entries (their root mean square): a translation is
    drawn at the scale of the first tensor that it shifts, 1 where it is not given.

    The full sizes are taken where they fit the shapes, else the small ones; a family without a
    statement at that size is left out. Raises BadInputError where neither fits, and where the moves
    of a family, one after the other, are no group action.
    """
    size = _fitting_size(families, shapes)
    numbers = NumpyNumbers(np.random.default_rng(seed))
    found = []
    for index, family in enumerate(families):
        entry = at_size(family, size)
        if entry is None or not kind_of(entry["element"]).is_finite:
            continue
        require_action(entry, shapes)
        element = random_element(with_parts(entry["element"]), _unit(entry, scale_of), numbers)
        found.append(Part(index, size, element))
    return tuple(found)


def _unit(entry: PlainFamily, scale_of: Callable[[str], float] | None) -> float:
    """The scale at which a family's element is drawn."""
    if kind_of(entry["element"]).fixes_sums_of_0:
        # a sum is at most n^1/2 times the norm: a tensor moves by at most half of itself
        return float(entry["element"]["size"] ** -0.5)
    shifted = [m["parameter"] for m in entry["action"] if m["form"] == "+c"]
    return (scale_of(shifted[0]) if scale_of and shifted else 1.0) or 1.0


def require_action(entry: PlainFamily, shapes: Shapes) -> None:
    """Raises BadInputError where a family's moves are no group action at these shapes."""
    try:
        reason = no_action(family_of(entry), shapes)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        reason = f"it is malformed ({error!r:.80})"
    if reason:
        names = ", ".join(str(m.get("parameter"))[:40] for m in entry["action"][:3])
        raise BadInputError(
            f"the family on {names} is no finite group action: {reason}; derive again")


def product(first: Parts, then: Parts) -> Parts:
    """One after the other, as maps; neighbours of one family become one element.

    That is their law of composition: through slices, too, whose parameters neither of them moves.
    """
    found = list(first)
    for part in then:
        if found and (found[-1].family, found[-1].size) == (part.family, part.size):
            found[-1] = replace(part, element=part.element @ found[-1].element)
        else:
            found.append(part)
    return tuple(found)


def inverse(parts: Parts) -> Parts:
    """What undoes these: the inverses, in reverse order."""
    return tuple(part.inverse() for part in reversed(parts))


def apply(
    families: Sequence[PlainFamily], parts: Parts, state: Mapping[str, Array],
    names: Collection[str] | None = None,
) -> dict[str, Array]:
    """The state with the parts applied: touched tensors are new, all keep type and device.

    With `names` those tensors alone: the state needs no more than `reads` says. Raises
    BadInputError, before anything moves, where a tensor that moves or is read is missing or holds
    no floating-point numbers (the integers of a quantised weight are not its entries).
    """
    needed = None if names is None else reads(families, parts, names)
    # in float64 until the end, so that several families round once
    touched: dict[str, Array] = {}

    def current(name: str) -> Array:
        if name not in touched:
            if name not in state:
                raise BadInputError(f"the weights have no tensor named {name!r}")
            _require_floating(name, state[name])
            touched[name] = wide(state[name], copy=True)
        return touched[name]

    moved = set()

    def act(moves: Sequence[PlainMove], element: Element) -> None:
        for move in moves:
            name = move["parameter"]
            if needed is not None and name not in needed:
                continue
            target = current(name)
            here = {n: beside(current(n), target) for n in read_by(move)} | {name: target}
            if (zero := divides_by_zero(move, here)) is not None:
                raise BadInputError(f"{zero} {NO_ACTION}")
            apply_move(here, move, beside(element, target), measured=False)
            moved.add(name)

    for part in parts:
        entry = _entry(families, part)
        if needed is None or needed & set(targets(entry)):
            with_slices = [_onto(through, current, act) for through in entry.get("via", ())]
            act(entry["action"], part.element)
            for moves, own in reversed(with_slices):
                act(moves, own)
    return {
        name: library(touched[name]).asarray(touched[name], dtype=state[name].dtype)
        if name in moved else state[name]
        for name in (state if names is None else names)
    }


def reads(families: Sequence[PlainFamily], parts: Parts, names: Collection[str]) -> set[str]:
    """The tensors whose values decide what these become: themselves, sources, those of slices."""
    found = set(names)
    pairs = [pair for part in parts for pair in _read_by(_entry(families, part))]
    while True:
        more = {source for target, source in pairs if target in found} - found
        if not more:
            return found
        found |= more


def _read_by(entry: PlainFamily) -> Iterator[tuple[str, str]]:
    """Which parameters are read where which is moved."""
    held = [t["parameter"] for t in entry.get("via", ())]
    for move in _moves(entry):
        yield from ((move["parameter"], name) for name in (*held, *read_by(move)))


def _moves(entry: PlainFamily) -> Iterator[PlainMove]:
    """The moves of a family, those to its slices and back included."""
    yield from entry["action"]
    for through in entry.get("via", ()):
        yield from moves_back(through)


def targets(entry: PlainFamily) -> Iterator[str]:
    """The tensors that a family moves, those to its slices and back included."""
    yield from (move["parameter"] for move in _moves(entry))


def _require_floating(name: str, array: Array) -> None:
    kind = str(array.dtype).removeprefix("torch.")
    # numpy does not count bfloat16 and its like among its own
    if not kind.startswith(("bfloat", "float")):
        raise BadInputError(
            f"{name} holds {kind} entries, and the symmetry moves it: give floating-point weights "
            "(a quantised model is moved before it is quantised)")


def _onto(
    through: PlainSlice,
    current: Callable[[str], Array],
    act: Callable[[Sequence[PlainMove], Element], None],
) -> tuple[Sequence[PlainMove], Element]:
    """Bring the state onto one slice; the moves and the element that bring it back."""
    name, element = through["parameter"], through["element"]
    here = {name: current(name)}
    count, size = prod(here[name].shape), prod([*element["copies"], element["size"]])
    if count != size:
        raise BadInputError(f"{name} has {count} entries, its slice {size}")
    if scales_from_zero(through, here):
        raise BadInputError(
            f"{name} {NO_ACTION}"
        )
    own = element_in(through, here)
    act(moves_onto(through), own)
    return moves_back(through), own


def apply_family(family: PlainFamily, state: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """A random element of one family, right or wrong, applied to the state."""
    numbers = NumpyNumbers(np.random.default_rng(seed))
    element = random_element(with_parts(family["element"]), 1.0, numbers)
    return apply([family], (Part(0, "small", element),), state)


def at_size(family: PlainFamily, size: str) -> PlainFamily | None:
    """The statement at one of its sizes, None where there is none."""
    return family if size == "small" else family.get("full")


def _entry(families: Sequence[PlainFamily], part: Part) -> PlainFamily:
    entry = at_size(families[part.family], part.size)
    if entry is None:
        raise BadInputError(f"family {part.family} has no action at the {part.size} sizes")
    return entry


def _fits(entry: PlainFamily | None, shapes: Shapes) -> bool:
    """Whether every location lies inside its tensor."""
    if entry is None or not kind_of(entry["element"]).is_finite:
        return True
    moves = [*entry["action"], *(m for t in entry.get("via", ()) for m in t["action"])]
    for move in moves:
        read, at = move["form"] == "+Tc", move.get("at")
        name = move["source"] if read else move["parameter"]
        if not shapes.keys() >= {move["parameter"], *read_by(move)}:
            return False
        if at is not None:
            part = move.get("source_part") if read else move.get("part")
            axis, shape = at["axis"], shape_of(shapes[name], part)
            if axis >= len(shape) or at["start"] + prod(at["sizes"]) > shape[axis]:
                return False
    return True


def _fitting_size(families: Sequence[PlainFamily], shapes: Shapes) -> str:
    full = [family.get("full") for family in families]
    if any(full) and all(_fits(entry, shapes) for entry in full):
        return "full"
    if all(_fits(family, shapes) for family in families):
        return "small"
    raise BadInputError("the weights fit neither the small nor the full sizes of this derivation")
