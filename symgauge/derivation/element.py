"""Finite elements of the derived group, on weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgauge.checks import actions
from symgauge.checks.reordered import reordered
from symgauge.checks.runtime.elements import Element, Matrix
from symgauge.errors import BadInputError
from symgauge.families.kind import Kind
from symgauge.families.kinds import kind_of
from symgauge.families.statement import FullOrder
from symgauge.plain import PlainFamily

#: Entries of which the squares are added at once.
PIECE = 2**20


@dataclass(frozen=True, repr=False)
class GroupElement:
    """A finite element g of the derived group. It acts on state dicts and leaves f unchanged.

    (g @ h).apply(state) is g.apply(h.apply(state)), and g @ g.inverse() the identity, both up to
    rounding. Tensors of torch stay with torch and on their device, arrays with numpy.
    `Derivation.sample` and `Derivation.element` make one.

    >>> from symgauge import derive
    >>> from torch import eye, nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
    >>> found = derive(module, (zeros(1, 2),))
    >>> g = found.element({"change of basis of 0, 1": [[2.0, 1.0], [0.0, 1.0]]})
    >>> moved = g.apply({"0.weight": eye(2), "1.weight": eye(2), "1.bias": zeros(2)})
    >>> moved["0.weight"].tolist()
    [[2.0, 1.0], [0.0, 1.0]]
    >>> (moved["1.weight"] @ moved["0.weight"]).allclose(eye(2))
    True
    >>> g.inverse().apply(moved)["0.weight"].allclose(eye(2))
    True
    """

    families: tuple[PlainFamily, ...]
    parts: actions.Parts = ()

    def __repr__(self) -> str:
        entries = [actions.at_size(self.families[p.family], p.size) for p in self.parts]
        words = [str(e.get("group", e["element"]["kind"])) for e in entries if e is not None]
        more = f", ... ({len(words)} in all)" if len(words) > 4 else ""
        return f"GroupElement({', '.join(words[:4]) or '1'}{more})"

    def apply(
        self, state: Mapping[str, Any], names: Collection[str] | None = None,
        in_place: bool = False,
    ) -> dict[str, Any]:
        """The state with the parameters moved; each tensor keeps its type and device.

        With `names` those tensors alone, for weights that come in parts: the state must then hold
        what `reads(names)` says, as it was before. With `in_place` the tensors given are written
        to, all of them or none. Names of one tensor (tied weights) move alike. Raises BadInputError
        where a tensor that moves or is read is missing or holds no floating-point numbers.
        """
        arrays = {n: _plain(v) for n, v in state.items()}
        found = actions.apply(self.families, self.parts, arrays, names)
        moved = {n: v for n, v in found.items() if v is not arrays[n]}
        # a tied tensor stands in a state dict by each of its names
        here = {_memory(arrays[n]): v for n, v in moved.items()}
        moved |= {n: here[m] for n in found if n not in moved and (m := _memory(arrays[n])) in here}
        if in_place:
            for name in moved:
                _require_writable(name, state[name])
            for name, value in moved.items():
                arrays[name][...] = value
            moved = {}
        return {n: moved.get(n, state[n]) for n in found}

    def reads(self, names: Collection[str]) -> set[str]:
        """The tensors that decide what these become: themselves, and what their moves read."""
        return actions.reads(self.families, self.parts, names)

    def inverse(self) -> GroupElement:
        """The inverse element."""
        return GroupElement(self.families, actions.inverse(self.parts))

    @property
    def identity(self) -> GroupElement:
        """The neutral element of the same group."""
        return GroupElement(self.families)

    def __matmul__(self, other: object) -> GroupElement:
        """The product: this one after the other.

        Raises BadInputError for an element of another derivation, or of other sizes.
        """
        if not isinstance(other, GroupElement):
            return NotImplemented
        # orders of indices stand behind the families, where some are drawn
        every = max(self.families, other.families, key=len)
        if any(every[:len(own)] != own for own in (self.families, other.families)):
            raise BadInputError("these are elements of two derivations: they have no product")
        if len({part.size for part in (*self.parts, *other.parts)}) > 1:
            raise BadInputError("one acts at the small sizes, the other at the full ones")
        return GroupElement(every, actions.product(other.parts, self.parts))


def drawn(
    families: Sequence[PlainFamily], shapes: actions.Shapes, seed: int,
    state: Mapping[str, Any] | None = None, orders: Sequence[FullOrder] = (),
) -> GroupElement:
    """A random element, at the scale of a state's tensors where there is one.

    With orders of indices, of those that move tensors which the state holds.

    Raises BadInputError where a tensor that a scale is read from holds what is no number.
    """
    scale_of = None if state is None else lambda name: _scale(name, state[name])
    parts = actions.sample(families, shapes, seed, scale_of)
    return GroupElement(*reordered(families, parts, orders, state or {}, seed))


def _scale(name: str, value: Any) -> float:
    """The root mean square of a tensor, some of which is in float64 at a time."""
    flat = value.reshape(-1)
    total = sum(
        float((to_numpy(flat[start:start + PIECE]).astype(float) ** 2).sum())
        for start in range(0, len(flat), PIECE))
    if not np.isfinite(total):
        raise BadInputError(no_number(name))
    return float(np.sqrt(total / max(len(flat), 1)))


def no_number(name: str) -> str:
    """The sentence for a tensor that no element moves, or is read from."""
    return (f"{name} holds an entry that is infinite or no number: the symmetries move finite "
            "numbers alone")


def given(
    families: Sequence[PlainFamily], values: Mapping[str, Any], shapes: Mapping[str, actions.Shapes]
) -> GroupElement:
    """The element of these matrices, or vectors s or c, by their family's label.

    Shapes are copies + [n, n] or copies + [n], at the small or the full sizes (`shapes` of each).
    They act in the order of `values`. Raises BadInputError where there is no such family, or the
    value is no element of its group.
    """
    parts = []
    for label, value in values.items():
        index = next((i for i, f in enumerate(families) if label in _labels(f)), None)
        if index is None:
            known = ", ".join(repr(f["label"]) for f in families[:8])
            raise BadInputError(f"there is no family {label!r}; there are {known or 'none'}")
        try:
            array = np.array(to_numpy(value), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadInputError(f"the value for {label!r} is no array of numbers") from error
        parts.append(_part(index, families[index], array, shapes))
    return GroupElement(tuple(families), tuple(parts))


def _labels(family: PlainFamily) -> set[str]:
    """Its labels at the small and the full sizes, which may name other locations."""
    entries = (actions.at_size(family, size) for size in ("small", "full"))
    return {family["label"], *(e["label"] for e in entries if e is not None and "label" in e)}


def _part(
    index: int, family: PlainFamily, array: np.ndarray, shapes: Mapping[str, actions.Shapes]
) -> actions.Part:
    name, wanted = repr(family["label"]), []
    for size in ("small", "full"):
        entry = actions.at_size(family, size)
        if entry is None or size not in shapes:
            continue
        element, group = entry["element"], str(entry.get("group") or family["group"])
        kind = kind_of(element)
        if not kind.is_finite:
            raise BadInputError(f"the family {name} has no finite action")
        shape = [*element["copies"], *[element["size"]] * (2 if kind.is_matrix else 1)]
        if list(array.shape) != shape:
            wanted.append(str(shape))
            continue
        fault = kind.fault(array, group) if np.isfinite(array).all() else "not all are numbers"
        if fault:
            raise BadInputError(f"the value for {name} is not in {group}: {fault}")
        actions.require_action(entry, shapes[size])
        return actions.Part(index, size, _element(array, kind))
    raise BadInputError(
        f"the value for {name} has shape {list(array.shape)}, not "
        f"{' or '.join(dict.fromkeys(wanted))}")


def _element(array: np.ndarray, kind: Kind) -> Element:
    if kind.is_matrix:
        return Element((Matrix(array, np.linalg.inv(array)),))
    return Element((), array, np.log(array)) if kind.is_scaling else Element((), None, array)


def _plain(value: Any) -> Any:
    """The tensor without its graph, or an array: the same entries in memory."""
    return value.detach() if hasattr(value, "detach") else np.asarray(value)


def _memory(value: Any) -> tuple[Any, ...]:
    """Where the entries of a tensor or array lie, and how."""
    if hasattr(value, "data_ptr"):
        return value.data_ptr(), tuple(value.shape), tuple(value.stride()), str(value.device)
    return value.__array_interface__["data"][0], value.shape, value.strides, ""


def _require_writable(name: str, value: Any) -> None:
    """Raises BadInputError where in-place moves would be lost."""
    array = isinstance(value, np.ndarray) and value.flags.writeable
    if not array and not hasattr(value, "detach"):
        raise BadInputError(f"{name} cannot be moved in place: it is no array that can be written")


def to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = value.double() if value.is_floating_point() else value
        return np.asarray(value.numpy())
    return np.asarray(value)
