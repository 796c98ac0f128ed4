"""Finite group actions on parameters held as numpy arrays (weights of a safetensors file).

A matrix element is g = L S R, with L and R products of two Householder reflections (so det > 0)
and S diagonal in [2^-1/2, 2^1/2]: condition number at most 2, and no inverse is computed.
Rotations are L alone, and shifts at most as large as what they shift. A centred element is
g = 1 + u 1^T with |u| sqrt(n) at most 1/2, so 1^T u at least -1/2, and its inverse is of that form.
A family with slices ("via") acts where their parameters are 1 or 0: the state is brought there,
moved, and brought back; the element of each slice is read from its parameter, which stays as it is.
A gain w + u is scaled by w -> s^k (w + u) - u, with the move's offset u.
Everything is computed in float64 and rounded once to the array's own dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgauge.errors import BadInputError
from symgauge.families.serial import family_of
from symgauge.proof.finite_actions import no_action

Array = NDArray[Any]
Real = NDArray[np.float64]
Family = Mapping[str, Any]

REFLECTIONS = 2


@dataclass(frozen=True)
class FamilyElement:
    """The element of one family: g = L S R (left, scale, right), or numbers s and a shift c.

    `left` and `right` are unit vectors, copies + [m, n], reflected in the order of m; `scale` and
    `shift` are copies + [n], and shift = log(scale) in a diagonal family; `line` is the u of a
    centred g = 1 + u 1^T, copies + [n]. `size` says which of the statement's two actions it is for;
    `inverted` that the moves go in reverse.
    """

    family: int
    size: str
    left: Real
    right: Real
    scale: Real
    shift: Real
    inverted: bool = False
    line: Real | None = None

    def matrix(self) -> Real:
        """g, of shape copies + [n, n] (diagonal families: diag(s))."""
        n = self.scale.shape[-1]
        identity = np.zeros((*self.scale.shape, n)) + np.eye(n)
        return np.swapaxes(self.act("g", identity), -1, -2)

    def act(self, form: str, rows: Real) -> Real:
        """g, g^-T or g^-1 on every row (copies + [rows, n])."""
        if self.line is not None:
            u = self.line[..., None, :]
            total: Real = rows.sum(axis=-1, keepdims=True)
            inverse: Real = u / (1 + u.sum(axis=-1, keepdims=True))
            if form == "g^-T":
                return rows - rows @ np.swapaxes(inverse, -1, -2)
            return rows + total * u if form == "g" else rows - total * inverse
        scale = self.scale[..., None, :]
        if form == "g^-1":
            turned = _reflected(rows, self.left[..., ::-1, :]) / scale
            return _reflected(turned, self.right[..., ::-1, :])
        rows = _reflected(rows, self.right)
        return _reflected(rows * scale if form == "g" else rows / scale, self.left)

    def inverse(self) -> FamilyElement:
        """g^-1 = R^T S^-1 L^T; 1/s; -c; 1 - u 1^T / (1 + 1^T u)."""
        u = self.line
        return replace(
            self,
            line=None if u is None else -u / (1 + u.sum(axis=-1, keepdims=True)),
            left=self.right[..., ::-1, :],
            right=self.left[..., ::-1, :],
            scale=1 / self.scale,
            shift=-self.shift,
            inverted=not self.inverted,
        )


Element = tuple[FamilyElement, ...]


def sample(
    families: Sequence[Family],
    shapes: Mapping[str, Sequence[int]],
    seed: int,
    scales: Mapping[str, float] | None = None,
) -> Element:
    """A random element of every family that has a finite action fitting these shapes.

    `scales` gives the size of each tensor's entries (their root mean square): a translation is
    drawn at the scale of the first tensor that it shifts, 1 where it is not given.

    The full sizes are taken where they fit the shapes, else the small ones; a family without a
    statement at that size is left out. Raises BadInputError where neither fits, and where the moves
    of a family, one after the other, are no group action.
    """
    size = _fitting_size(families, shapes)
    rng = np.random.default_rng(seed)
    found = []
    for index, family in enumerate(families):
        entry = _at_size(family, size)
        if entry is None or entry["element"]["kind"] == "other":
            continue
        _require_action(entry, shapes)
        shifted = [m["parameter"] for m in entry["action"] if m["form"] == "+c"]
        unit = (scales or {}).get(shifted[0], 1.0) if shifted else 1.0
        found.append(_random(index, size, entry["element"], unit or 1.0, rng))
    return tuple(found)


def _require_action(entry: Family, shapes: Mapping[str, Sequence[int]]) -> None:
    try:
        reason = no_action(family_of(entry), shapes)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        reason = f"it is malformed ({error!r:.80})"
    if reason:
        names = ", ".join(str(m.get("parameter"))[:40] for m in entry["action"][:3])
        raise BadInputError(
            f"the family on {names} is no finite group action: {reason}; derive again")


def inverse(element: Element) -> Element:
    """The element that undoes this one: the inverses, in reverse order."""
    return tuple(part.inverse() for part in reversed(element))


def apply(
    families: Sequence[Family], element: Element, state: Mapping[str, Array]
) -> dict[str, Array]:
    """The state with the element applied: touched arrays are new, all keep their dtype.

    Families act in the element's order, the moves of each in the statement's order. Raises
    BadInputError, before anything moves, where a tensor that moves or is read is missing or holds
    no floating-point numbers (the integers of a quantised weight are not its entries).
    """
    # in float64 until the end, so that several families round once
    touched: dict[str, Real] = {}

    def current(name: str) -> Real:
        if name not in touched:
            if name not in state:
                raise BadInputError(f"the weights have no tensor named {name!r}")
            _require_floating(name, state[name])
            touched[name] = np.array(state[name], dtype=np.float64)
        return touched[name]

    moved = set()

    def act(moves: Sequence[Mapping[str, Any]], part: FamilyElement) -> None:
        for move in moves:
            source = current(move["source"]) if "source" in move else None
            moved.add(move["parameter"])
            _move(current(move["parameter"]), source, move, part)

    for part in element:
        entry = _at_size(families[part.family], part.size)
        if entry is None:
            raise BadInputError(f"family {part.family} has no action at the {part.size} sizes")
        back = [_onto(through, current, act) for through in entry.get("via", ())]
        act(entry["action"][::-1] if part.inverted else entry["action"], part)
        for moves, own in reversed(back):
            act(moves, own)
    return {
        name: touched[name].astype(array.dtype) if name in moved else array
        for name, array in state.items()
    }


def _require_floating(name: str, array: Array) -> None:
    kind = array.dtype
    # numpy does not count bfloat16 and its like among its own
    if np.issubdtype(kind, np.floating) or kind.name.startswith(("bfloat", "float")):
        return
    raise BadInputError(
        f"{name} holds {kind.name} entries, and the symmetry moves it: give floating-point weights "
        "(a quantised model is moved before it is quantised)")


def _onto(
    through: Mapping[str, Any],
    current: Callable[[str], Real],
    act: Callable[[Sequence[Mapping[str, Any]], FamilyElement], None],
) -> tuple[list[Mapping[str, Any]], FamilyElement]:
    """Bring the state onto one slice; the moves and the element that bring it back.

    The slice's own parameter is not touched: nothing on the slice reads it.
    """
    moves = [m for m in through["action"] if m["parameter"] != through["parameter"]]
    own = _element_in(through, current(through["parameter"]))
    act([_inverse_move(m) for m in reversed(moves)], own)
    return moves, own


def _element_in(through: Mapping[str, Any], tensor: Real) -> FamilyElement:
    """The element of a slice's family, read from its parameter: s^k = T, or k c = T."""
    name, element = through["parameter"], through["element"]
    (own,) = (m for m in through["action"] if m["parameter"] == name)
    weight, at = Fraction(own["weight"]), own.get("at")
    shape = [*element["copies"], element["size"]]
    if at is not None:
        copies, along = _places(at)
        tensor = _block(tensor, at)
        rest = [k for k in range(tensor.ndim) if k not in copies + along]
        tensor = tensor.transpose(copies + along + rest)
    if math.prod(shape) != tensor.size:
        raise BadInputError(f"{name} has {tensor.size} entries, its slice {math.prod(shape)}")
    value = tensor.reshape(shape)
    none = np.zeros((*shape[:-1], 0, shape[-1]))
    if element["kind"] == "translation":
        shift = value / float(weight)
        return FamilyElement(0, "", none, none, np.ones_like(shift), shift)
    if not value.all():
        raise BadInputError(
            f"{name} has an entry that is 0: symmetries that act through it are defined only "
            "where it has none"
        )
    return FamilyElement(0, "", none, none, value ** float(weight), np.zeros_like(value))


def _inverse_move(move: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**move, "weight": str(-Fraction(move["weight"]))}


def apply_family(family: Family, state: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """A random element of one family, right or wrong, applied to the state."""
    part = _random(0, "small", family["element"], 1.0, np.random.default_rng(seed))
    return apply([family], (part,), state)


def _random(
    family: int, size: str, element: Mapping[str, Any], unit: float, rng: np.random.Generator
) -> FamilyElement:
    kind, copies, n = element["kind"], list(element["copies"]), element["size"]
    none = np.zeros((*copies, 0, n))
    if kind == "translation":
        shift = unit * _away_from_zero([*copies, n], 0.25, 1.0, rng)
        return FamilyElement(family, size, none, none, np.ones_like(shift), shift)
    shift = _away_from_zero([*copies, n], math.log(2) / 4, math.log(2), rng)
    if kind == "diagonal":
        return FamilyElement(family, size, none, none, np.exp(shift), shift)
    if kind == "centred":
        u = _away_from_zero([*copies, n], 1 / 8, 1 / 2, rng) / n
        return FamilyElement(family, size, none, none, np.ones_like(u), np.zeros_like(u), line=u)
    left, right = (rng.standard_normal((*copies, REFLECTIONS, n)) for _ in range(2))
    if kind == "so1":  # reflections that fix the vector of ones
        left, right = (v - v.mean(axis=-1, keepdims=True) for v in (left, right))
    elif kind == "complex":  # a rotation of the plane times one number
        shift = shift[..., :1] + np.zeros(n)
    left, right = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (left, right))
    if kind in ("so", "so1"):
        right, scale = right[..., :0, :], np.ones_like(shift)
    else:
        scale = np.exp(shift / 2)
    return FamilyElement(family, size, left, right, scale, np.zeros_like(shift))


def _away_from_zero(shape: list[int], least: float, most: float, rng: np.random.Generator) -> Real:
    """Uniform in [-most, -least] and [least, most]: the identity is never drawn by accident."""
    size: Real = rng.uniform(least, most, shape) * rng.choice([-1.0, 1.0], shape)
    return size


def _reflected(rows: Real, vectors: Real) -> Real:
    """Every row r <- r - 2 (r.v) v, for the unit vectors v in order."""
    for k in range(vectors.shape[-2]):
        v = vectors[..., k, :]
        rows = rows - 2 * (rows @ v[..., :, None]) * v[..., None, :]
    return rows


def _at_size(family: Family, size: str) -> Mapping[str, Any] | None:
    return family if size == "small" else family.get("full")


def _fits(entry: Mapping[str, Any] | None, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether every location lies inside its tensor."""
    if entry is None or entry["element"]["kind"] == "other":
        return True
    moves = [*entry["action"], *(m for t in entry.get("via", ()) for m in t["action"])]
    for move in moves:
        name, at = move.get("source", move["parameter"]), move.get("at")
        if name not in shapes or move["parameter"] not in shapes:
            return False
        if at is not None:
            axis, shape = at["axis"], shapes[name]
            if axis >= len(shape) or at["start"] + math.prod(at["sizes"]) > shape[axis]:
                return False
    return True


def _fitting_size(families: Sequence[Family], shapes: Mapping[str, Sequence[int]]) -> str:
    full = [family.get("full") for family in families]
    if any(full) and all(_fits(entry, shapes) for entry in full):
        return "full"
    if all(_fits(family, shapes) for family in families):
        return "small"
    raise BadInputError("the weights fit neither the small nor the full sizes of this derivation")


def _block(array: Real, at: Mapping[str, Any]) -> Real:
    """The view of a location: slice [start : start + prod(sizes)] of an axis, split into sizes."""
    axis, sizes = at["axis"], list(at["sizes"])
    where = (slice(None),) * axis + (slice(at["start"], at["start"] + math.prod(sizes)),)
    part: Real = array[where]
    return part.reshape(*part.shape[:axis], *sizes, *part.shape[axis + 1 :])


def _places(at: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The axes of the block that carry the copies, and those that carry the element's index."""
    along = at["along"] if isinstance(at["along"], list) else [at["along"]]
    return [at["axis"] + j for j in at["per"]], [at["axis"] + j for j in along]


def _spread(vector: Real, at: Mapping[str, Any] | None, ndim: int) -> Real:
    """An element's vector (copies + [n]) in the shape that broadcasts against the block."""
    if at is None:
        return vector.reshape(())
    copies, along = _places(at)
    axes = copies + along
    shape = [1] * (ndim - 1 + len(at["sizes"]))
    for axis, size in zip(axes, vector.shape):
        shape[axis] = size
    ordered: Real = vector.transpose([axes.index(axis) for axis in sorted(axes)])
    return ordered.reshape(shape)


def _turned(view: Real, at: Mapping[str, Any], part: FamilyElement, form: str) -> Real:
    """g, g^-T or g^-1 on the element's index of the block."""
    copies, along = _places(at)
    order = copies + [k for k in range(view.ndim) if k not in copies + along] + along
    permuted = view.transpose(order)
    size = math.prod(permuted.shape[permuted.ndim - len(along) :])
    rows = permuted.reshape(*permuted.shape[: len(copies)], -1, size)
    turned = part.act(form, rows).reshape(permuted.shape)
    back: Real = turned.transpose([order.index(k) for k in range(view.ndim)])
    return back


def _move(target: Real, source: Real | None, move: Mapping[str, Any], part: FamilyElement) -> None:
    """One move, in place."""
    form, at = move["form"], move.get("at")
    if form == "+Tc":
        assert source is not None and at is not None
        axes = tuple(range(at["axis"], at["axis"] + len(at["sizes"])))
        products = _block(source, at) * _spread(part.shift, at, source.ndim)
        target += float(Fraction(move["weight"])) * products.sum(axis=axes)
        return
    view = target if at is None else _block(target, at)
    if form == "s^k":
        offset = float(Fraction(move.get("offset", "0")))
        scale = _spread(part.scale, at, target.ndim) ** float(Fraction(move["weight"]))
        view[...] = (view + offset) * scale - offset
    elif form == "+c":
        view += float(Fraction(move["weight"])) * _spread(part.shift, at, target.ndim)
    else:
        assert at is not None
        view[...] = _turned(view, at, part, form)
