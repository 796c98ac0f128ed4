"""How the moves of a family change parameters in place, and their derivatives.

Said once for arrays of numpy and of torch. A gain w + u is scaled by w -> s^k (w + u) - u, with the
move's offset u. Every move is computed in float64 and rounded once, a piece of its tensor at a
time: beside the parameters no copy of a whole tensor is in memory.

A family with slices ("via") acts where their parameters are 1 or 0: all parameters are brought
there in place, moved, and brought back. The element of a slice is read from its parameter, which
is not touched: nothing on the slice reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Literal

from symgauge.checks.runtime.elements import Array, Element, Generator, library
from symgauge.checks.runtime.pieces import cuts, narrowed, piece, reordered, wide
from symgauge.plain import PlainFamily, PlainMove, PlainPlace, PlainSlice

LEAST_MOVE = 1e-3  # a group element that changes a tensor by less tests nothing

MATRIX_FORMS = ("g", "g^-T", "g^-1")

Parameters = Mapping[str, Array]
#: Applies a move in place.
Act = Callable[[PlainMove, Element], object]


# -- where -----------------------------------------------------------------------------------------


def part_of(
    parameters: Parameters, move: PlainMove, key: Literal["parameter", "source"] = "parameter"
) -> Array:
    """What a move changes, or reads: a parameter, or the view of a part of it.

    Raises ValueError where it has no such part.
    """
    array = parameters[move[key]]
    part = move.get("part") if key == "parameter" else move.get("source_part")
    if part is None:
        return array
    axis, start, stop = part
    if stop > array.shape[axis]:
        raise ValueError(f"axis {axis} has {array.shape[axis]} entries")
    return narrowed(array, axis, start, stop - start)


def block(array: Array, at: PlainPlace) -> Array:
    """The view of a location: slice [start : start + prod(sizes)] of an axis, split into sizes.

    With periods [k, n, s] the axis from s (or 0) on is periods of n entries, which the first k
    sizes number, and the slice is of each. Raises ValueError or IndexError where the array has no
    such slice.
    """
    axis, sizes = at["axis"], list(at["sizes"])
    if "periods" in at:
        count, period, *begin = at["periods"]
        inner, total = math.prod(sizes[count:]), math.prod(sizes[:count]) * period
        if at["start"] + inner > period or sum(begin) + total > array.shape[axis]:
            raise ValueError(f"a period has {period} entries")
        array = narrowed(array, axis, sum(begin), total)
        whole = array.reshape(
            *array.shape[:axis], *sizes[:count], period, *array.shape[axis + 1 :])
        part = narrowed(whole, axis + count, at["start"], inner)
        return part.reshape(*array.shape[:axis], *sizes, *array.shape[axis + 1 :])
    if at["start"] + math.prod(sizes) > array.shape[axis]:
        raise ValueError(f"axis {axis} has {array.shape[axis]} entries")
    part = narrowed(array, axis, at["start"], math.prod(sizes))
    return part.reshape(*part.shape[:axis], *sizes, *part.shape[axis + 1 :])


def located(move: PlainMove) -> PlainPlace:
    """The location of a move that needs one."""
    at = move["at"]
    assert at is not None
    return at


def places(at: PlainPlace) -> tuple[list[int], list[int]]:
    """The axes of the block that carry the copies, and those that carry the element's index."""
    along = at["along"] if isinstance(at["along"], list) else [at["along"]]
    axis, more = at["axis"], len(at["sizes"]) - 1
    # a copy is numbered by a factor of the axis, or by all of another axis: [axis, size]
    copies = [
        (j[0] + more if j[0] > axis else j[0]) if isinstance(j, list) else axis + j
        for j in at["per"]
    ]
    return copies, [axis + j for j in along]


def spread(vector: Array, at: PlainPlace | None, ndim: int) -> Array:
    """An element's vector (copies + [n]) in the shape that broadcasts against the block."""
    if at is None:
        return vector.reshape(())
    copies, along = places(at)
    axes = copies + along
    shape = [1] * (ndim - 1 + len(at["sizes"]))
    for axis, size in zip(axes, vector.shape):
        shape[axis] = size
    return reordered(vector, [axes.index(axis) for axis in sorted(axes)]).reshape(shape)


def contracted(source: Array, at: PlainPlace, vector: Array) -> Array:
    """The source with its axis contracted against the vector, summed over all copies."""
    xp, axis, sizes = library(source), at["axis"], list(at["sizes"])
    # factors that carry no index of the element see the same vector
    full = spread(vector, at, source.ndim)
    factors = full.shape[axis : axis + len(sizes)]
    weights = xp.broadcast_to(full.reshape(factors), tuple(sizes)).reshape(-1)
    rows = narrowed(source, axis, at["start"], weights.shape[0])
    shape = [n for k, n in enumerate(rows.shape) if k != axis]
    product = xp.empty(shape, dtype=xp.float64, device=source.device)
    for cut in cuts(rows, [axis]):
        part = xp.tensordot(wide(piece(rows, cut)), weights, ([axis], [0]))
        if cut is not None and cut[0] > axis:
            cut = (cut[0] - 1, *cut[1:])
        piece(product, cut)[...] = part
    return product


def acted(view: Array, at: PlainPlace, by: Element | Generator, form: str) -> Array:
    """`by` on the rows of the block, in the block's shape, float64."""
    copies, along = places(at)
    order = copies + [k for k in range(view.ndim) if k not in copies + along] + along
    permuted = reordered(view, order)
    heads = permuted.shape[: len(copies)]
    size = math.prod(permuted.shape[permuted.ndim - len(along) :])
    rows = wide(permuted.reshape(*heads, -1, size), copy=True)
    inverse = [order.index(k) for k in range(view.ndim)]
    return reordered(by.act(form, rows).reshape(permuted.shape), inverse)


# -- a move ----------------------------------------------------------------------------------------


def read_by(move: PlainMove) -> list[str]:
    """The parameters that decide what a move adds."""
    found = (move.get("source"), move.get("sum_of"), move.get("sum_over"))
    return [name for name in found if name is not None]


def sum_for(parameters: Parameters, move: PlainMove) -> Array:
    """The sum of entries that a move multiplies what it adds by; 1 where it names none."""
    if "sum_of" not in move:
        return 1.0
    entries = wide(parameters[move["sum_of"]])
    if "sum_over" in move:
        entries = entries / wide(parameters[move["sum_over"]])
    return entries.sum()


def varied(parameters: Parameters, move: PlainMove, by: Element | Generator) -> Array:
    """What the move multiplies by or adds, broadcast against what it touches; None for a matrix."""
    form, at = move["form"], move.get("at")
    if form in MATRIX_FORMS:
        return None
    weight, ndim = float(Fraction(move["weight"])), parameters[move["parameter"]].ndim
    if isinstance(by, Element):
        vector = by.scale if form == "s^k" else by.shift
    else:
        vector = by.t
    if form == "+Tc":
        assert at is not None
        added = contracted(part_of(parameters, move, "source"), at, vector) * weight
        return added * sum_for(parameters, move)
    if form == "+c/T":  # the divisor has the last axes
        divisor = wide(part_of(parameters, move, "source")) + offset(move)
        c = spread(vector, at, ndim)
        # as many axes: pieces are cut along one
        c = c.reshape((1,) * (ndim - c.ndim) + tuple(c.shape))
        return c * weight / divisor.reshape((1,) * (c.ndim - divisor.ndim) + tuple(divisor.shape))
    if form == "s^k" and isinstance(by, Element):
        return spread(vector, at, ndim) ** weight
    return spread(vector, at, ndim) * weight * sum_for(parameters, move)


def offset(move: PlainMove) -> float:
    """The u of u + w: of what is scaled, divided by, or brought to 0."""
    return float(Fraction(move.get("offset", "0")))


def touched_view(array: Array, move: PlainMove) -> tuple[Array, list[int]]:
    """What a move changes of its tensor, and the axes of it that must stay whole."""
    form, at = move["form"], move.get("at")
    if at is None or form == "+Tc":
        return array, []
    copies, along = places(at)
    return block(array, at), copies + along if form in MATRIX_FORMS else []


def moved_by(
    parameters: Parameters, move: PlainMove, element: Element, measured: bool = True
) -> tuple[float, float]:
    """Applies one move in place; the sums of squares of what it touched and of the change.

    A family's moves are applied in order, each to what the ones before left. What is not
    `measured` costs less and returns zeros.
    """
    view, whole = touched_view(part_of(parameters, move), move)
    vector = varied(parameters, move, element)
    size = change = 0.0
    for cut in cuts(view, whole):
        part = piece(view, cut)
        old = wide(part)
        if vector is None:
            new = acted(part, located(move), element, move["form"])
        elif move["form"] == "s^k":
            u = offset(move)
            new = (old + u) * piece(vector, cut) - u
        else:
            new = old + piece(vector, cut)
        if measured:
            norm = library(old).linalg.vector_norm
            size, change = size + norm(old) ** 2, change + norm(new - old) ** 2
        part[...] = new
    return float(size), float(change)


def relative(size: float, change: float) -> float:
    """The relative change, of two sums of squares; inf where what was touched is zero."""
    return math.sqrt(change) / math.sqrt(size) if size else math.inf


def apply_move(
    parameters: Parameters, move: PlainMove, element: Element, measured: bool = True
) -> float:
    """Applies one move in place; the relative change of what it touched (inf: it was zero)."""
    return relative(*moved_by(parameters, move, element, measured))


def traffic(parameters: Parameters, move: PlainMove) -> int:
    """Bytes that a move reads and writes: its block twice, and a source once."""
    view, _ = touched_view(part_of(parameters, move), move)
    count: int = 2 * math.prod(view.shape) * view.itemsize
    if move["form"] == "+Tc":
        source = block(part_of(parameters, move, "source"), located(move))
        count += math.prod(source.shape) * source.itemsize
    return count


def add_variation(
    tangents: dict[str, Array], parameters: Parameters, move: PlainMove, generator: Generator
) -> None:
    """Adds the derivative of one move at the identity to the tangents."""
    name, form = move["parameter"], move["form"]
    if name not in tangents:
        tangents[name] = no_tangent(parameters[name])
    view, whole = touched_view(part_of(parameters, move), move)
    target, _ = touched_view(part_of(tangents, move), move)
    vector = varied(parameters, move, generator)
    for cut in cuts(view, whole):
        if vector is None:
            change = acted(piece(view, cut), located(move), generator, form)
        else:
            change = piece(vector, cut)
            if form == "s^k":
                change = (wide(piece(view, cut)) + offset(move)) * change
        part = piece(target, cut)
        part += change


def no_tangent(parameter: Array) -> Array:
    """A zero tangent: at least single precision, since several moves are summed in it."""
    xp = library(parameter)
    kind = xp.float64 if parameter.dtype == xp.float64 else xp.float32
    return xp.zeros_like(parameter, dtype=kind)


# -- slices ----------------------------------------------------------------------------------------


def inverse_move(move: PlainMove) -> PlainMove:
    """The move of a slice's family that undoes this one."""
    return {**move, "weight": str(-Fraction(move["weight"]))}


def own_move(through: PlainSlice) -> PlainMove:
    """How a slice's family moves the slice's own parameter."""
    own = through["parameter"]
    return [m for m in through["action"] if m["parameter"] == own][0]


def entries(through: PlainSlice, parameters: Parameters) -> Array:
    """The entries w + u of a slice's own parameter, in the shape of the element: copies + [n]."""
    own, element = own_move(through), through["element"]
    array, at = part_of(parameters, own), own.get("at")
    if at is not None:
        copies, along = places(at)
        array = block(array, at)
        order = copies + along
        array = reordered(array, order + [k for k in range(array.ndim) if k not in order])
    values = wide(array.reshape([*element["copies"], element["size"]]), copy=True)
    return values + offset(own)


def scales_from_zero(through: PlainSlice, parameters: Parameters) -> bool:
    """Whether a slice is reached by a scaling from a parameter with an entry of 0: from nowhere."""
    return own_move(through)["form"] == "s^k" and not bool(entries(through, parameters).all())


def divides_by_zero(move: PlainMove, parameters: Parameters) -> str | None:
    """The parameter with an entry of 0 that a move divides by: it is no action there."""
    if move["form"] == "+c/T" and not bool(
            (wide(part_of(parameters, move, "source")) + offset(move)).all()):
        return move["source"]
    if "sum_over" in move and not bool(parameters[move["sum_over"]].all()):
        return move["sum_over"]
    return None


def element_in(through: PlainSlice, parameters: Parameters) -> Element:
    """The element of a slice's family at this point: s^k = T with k = +-1, or k c = T."""
    own, value = own_move(through), entries(through, parameters)
    weight = float(Fraction(own["weight"]))
    if own["form"] == "s^k":
        return Element((), value**weight)
    return Element((), None, value / weight)


def moves_back(through: PlainSlice) -> list[PlainMove]:
    """The moves that bring all but the slice's own parameter back from the slice."""
    return [m for m in through["action"] if m["parameter"] != through["parameter"]]


def moves_onto(through: PlainSlice) -> list[PlainMove]:
    """The moves that bring all but the slice's own parameter onto the slice."""
    return [inverse_move(m) for m in reversed(moves_back(through))]


def onto_slices(parameters: Parameters, family: PlainFamily, act: Act) -> list[Element]:
    """Brings the parameters onto the family's slices, by `act`; the elements that lead back."""
    elements = []
    for through in family.get("via", ()):
        element = element_in(through, parameters)
        for move in moves_onto(through):
            act(move, element)
        elements.append(element)
    return elements


def off_slices(family: PlainFamily, elements: list[Element], act: Act) -> None:
    """Brings the parameters back from the family's slices, by `act`."""
    for move, element in steps_back(family, elements):
        act(move, element)


def steps_back(
    family: PlainFamily, elements: list[Element]
) -> Iterator[tuple[PlainMove, Element]]:
    """The moves that lead back from the family's slices, in order."""
    for through, element in reversed(list(zip(family.get("via", ()), elements))):
        for move in moves_back(through):
            yield move, element


def carry_back(
    tangents: dict[str, Array],
    parameters: Parameters,
    family: PlainFamily,
    elements: list[Element],
    act: Act,
) -> None:
    """The tangents at the slices become those where the parameters came from, by `act` on them."""
    for move, element in steps_back(family, elements):
        name = move["parameter"]
        if move["form"] == "s^k" and name in tangents:
            act({**move, "offset": "0"}, element)
        elif move["form"] == "+Tc" and move["source"] in tangents:
            if name not in tangents:
                tangents[name] = no_tangent(parameters[name])
            act(move, element)
