"""Finite group elements, drawn at random, and their in-place action on parameters.

A matrix element is g = L S R, with L and R products of two Householder reflections (so det > 0)
and S diagonal in [2^-1/2, 2^1/2]: g^-T = L S^-1 R and g^-1 = R^T S^-1 L^T need no inversion. The
condition number is at most 2; with 4, rounding alone reached 10 floors once in 400 float64 runs.
Rotations are L alone, and shifts at most as large as what they shift, for the same reason; a
centred element is g = 1 + u 1^T with |u| at most 1/2 and 1^T u >= 0, and smaller for a bias with a
large sum, which moves by u times its sum.
A gain w + u is scaled by w -> s^k (w + u) - u, with the move's offset u.
Every move is computed in float64 and rounded once, a piece of its tensor at a time: beside the
parameters no copy of a whole tensor is in memory.

A family with slices ("via") acts where their parameters are 1 or 0: all parameters are brought
there in place, moved, and brought back. The element of a slice is read from its parameter, which
is not touched: nothing on the slice reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

REFLECTIONS = 2
LEAST_MOVE = 1e-3  # a group element that changes a tensor by less tests nothing

MATRIX_FORMS = ("g", "g^-T", "g^-1")

# entries of a tensor taken at once: what the caches of a processor hold, what fills a GPU
PIECE = {"cpu": 2**18, "cuda": 2**24}

Move = Mapping[str, Any]
Parameters = Mapping[str, Tensor]
Cut = tuple[int, int, int]  # axis, start, length


def cuts(tensor: Tensor, whole: Sequence[int] = ()) -> Iterator[Cut | None]:
    """The pieces of a tensor, along the first axis that makes them small and is none of `whole`."""
    most = PIECE.get(tensor.device.type, PIECE["cpu"])
    free = [k for k in range(tensor.ndim) if k not in whole]
    if tensor.numel() <= most or not free:
        yield None
        return
    fine = [k for k in free if tensor.numel() // tensor.shape[k] <= most]
    axis = fine[0] if fine else max(free, key=lambda k: int(tensor.shape[k]))
    extent = tensor.shape[axis]
    step = max(1, most * extent // tensor.numel())
    for start in range(0, extent, step):
        yield axis, start, min(step, extent - start)


def piece(tensor: Tensor, cut: Cut | None) -> Tensor:
    """The view of one piece; what broadcasts along the axis of the cut is kept whole."""
    if cut is None or tensor.ndim <= cut[0] or tensor.shape[cut[0]] == 1:
        return tensor
    return tensor.narrow(*cut)


def block(tensor: Tensor, at: Mapping[str, Any]) -> Tensor:
    """The view of a location: slice [start : start + prod(sizes)] of an axis, split into sizes."""
    axis, sizes = at["axis"] % tensor.ndim, list(at["sizes"])
    view: Tensor = tensor.narrow(axis, at["start"], math.prod(sizes)).unflatten(axis, sizes)
    return view


def places(at: Mapping[str, Any], ndim: int) -> tuple[list[int], list[int]]:
    """The axes of the block that carry the copies, and those that carry the element's index."""
    axis = at["axis"] % ndim
    along = at["along"] if isinstance(at["along"], list) else [at["along"]]
    return [axis + j for j in at["per"]], [axis + j for j in along]


def spread(vector: Tensor, at: Mapping[str, Any] | None, ndim: int) -> Tensor:
    """An element's vector (copies + [n]) in the shape that broadcasts against the block."""
    if at is None:
        return vector.reshape(())
    copies, along = places(at, ndim)
    axes = copies + along
    shape = [1] * (ndim - 1 + len(at["sizes"]))
    for axis, size in zip(axes, vector.shape):
        shape[axis] = size
    return vector.permute([axes.index(axis) for axis in sorted(axes)]).reshape(shape)


def contracted(source: Tensor, at: Mapping[str, Any], vector: Tensor) -> Tensor:
    """The source with its axis contracted against the vector, summed over all copies."""
    axis, sizes = at["axis"] % source.ndim, list(at["sizes"])
    # factors that carry no index of the element see the same vector
    full = spread(vector, at, source.ndim)
    factors = full.shape[axis : axis + len(sizes)]
    weights = full.reshape(factors).expand(sizes).reshape(-1)
    rows = source.narrow(axis, at["start"], weights.numel())
    product: Tensor = weights.new_empty([n for k, n in enumerate(rows.shape) if k != axis])
    for cut in cuts(rows, [axis]):
        part = torch.tensordot(piece(rows, cut).to(torch.float64), weights, dims=([axis], [0]))
        if cut is not None and cut[0] > axis:
            cut = (cut[0] - 1, *cut[1:])
        piece(product, cut).copy_(part)
    return product


def reflected(rows: Tensor, vectors: Tensor) -> Tensor:
    """Every row r <- r - 2 (r.v) v, for the unit vectors v in order, in place."""
    for v in vectors.unbind(-2):
        rows.sub_(2 * (rows @ v.unsqueeze(-1)) * v.unsqueeze(-2))
    return rows


@dataclass(frozen=True)
class Element:
    """A finite group element: g = L S R, or positive numbers s, a shift c, or g = 1 + u 1^T."""

    left: Tensor | None
    right: Tensor | None
    scale: Tensor | None
    shift: Tensor | None
    line: Tensor | None = None  # u

    def act(self, form: str, rows: Tensor) -> Tensor:
        """g, g^-T or g^-1 on every row (copies + [rows, n])."""
        if self.line is not None:
            u = self.line.unsqueeze(-2)
            if form == "g":
                return rows.add_(rows.sum(-1, keepdim=True) * u)
            u = u / (1 + u.sum(-1, keepdim=True))
            if form == "g^-T":
                return rows.sub_(rows @ u.mT)
            return rows.sub_(rows.sum(-1, keepdim=True) * u)
        assert self.left is not None and self.right is not None and self.scale is not None
        scale = self.scale.unsqueeze(-2)
        if form == "g^-1":
            return reflected(reflected(rows, self.left.flip(-2)).div_(scale), self.right.flip(-2))
        rows = reflected(rows, self.right)
        rows = rows.mul_(scale) if form == "g" else rows.div_(scale)
        return reflected(rows, self.left)


@dataclass(frozen=True)
class Generator:
    """The derivative of an element at the identity: the matrix u^T v + diag(t), or a vector t."""

    u: Tensor | None
    v: Tensor | None
    t: Tensor

    def act(self, form: str, rows: Tensor) -> Tensor:
        """xi, -xi^T or -xi on every row: the derivatives of g, g^-T and g^-1."""
        assert self.u is not None and self.v is not None
        u, v = (self.v, self.u) if form == "g^-T" else (self.u, self.v)
        sign = 1.0 if form == "g" else -1.0
        return (rows @ v.mT @ u + rows * self.t.unsqueeze(-2)).mul_(sign)


def away_from_zero(shape: list[int], least: float, most: float, rng: torch.Generator) -> Tensor:
    """Uniform in [-most, -least] and [least, most]: the identity is never drawn by accident."""
    options: dict[str, Any] = {"generator": rng, "device": rng.device, "dtype": torch.float64}
    size = least + (most - least) * torch.rand(shape, **options)
    return torch.where(torch.rand(shape, **options) < 0.5, -size, size)


def normal(shape: list[int], rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=rng.device, dtype=torch.float64)


def without_mean(vectors: Tensor) -> Tensor:
    """Orthogonal to the vector of ones: what is made of these fixes it (so1)."""
    return vectors - vectors.mean(-1, keepdim=True)


def random_element(element: Mapping[str, Any], unit: float, rng: torch.Generator) -> Element:
    """A random element of one family; `unit` is the scale of a translation, or of a centred u."""
    kind, size = element["kind"], element["size"]
    copies = list(element["copies"])
    if kind == "translation":
        return Element(None, None, None, unit * away_from_zero([*copies, size], 0.25, 1.0, rng))
    shift = away_from_zero([*copies, size], math.log(2) / 4, math.log(2), rng)
    if kind == "diagonal":
        return Element(None, None, shift.exp(), shift)
    if kind == "centred":
        u = unit / math.sqrt(size) * away_from_zero([*copies, size], 1 / 8, 1 / 2, rng)
        u = torch.where(u.sum(-1, keepdim=True) < 0, -u, u)
        return Element(None, None, None, None, u)
    left, right = (normal([*copies, REFLECTIONS, size], rng) for _ in range(2))
    if kind == "so1":
        left, right = without_mean(left), without_mean(right)
    elif kind == "complex":
        shift = shift[..., :1].expand_as(shift)
    left, right = (v / v.norm(dim=-1, keepdim=True) for v in (left, right))
    if kind in ("so", "so1"):
        return Element(left, right[..., :0, :], torch.ones_like(shift), None)
    return Element(left, right, (shift / 2).exp(), None)


def random_generator(element: Mapping[str, Any], unit: float, rng: torch.Generator) -> Generator:
    """A random element of the family's Lie algebra, for so and so1 antisymmetric."""
    kind, size = element["kind"], element["size"]
    copies = list(element["copies"])
    shift = away_from_zero([*copies, size], 0.25, 1.75, rng)
    if kind in ("translation", "diagonal"):
        return Generator(None, None, unit * shift if kind == "translation" else shift)
    if kind == "centred":
        u = shift.unsqueeze(-2) / size
        return Generator(u, torch.ones_like(u), torch.zeros_like(shift))
    if kind in ("so", "so1", "complex"):
        # planes orthogonal to each other: of a sum of others little but rounding may be left
        planes = min(REFLECTIONS, (size - (kind == "so1")) // 2)
        drawn = normal([*copies, 2 * planes, size], rng)
        if kind == "so1":
            # after it once more: of almost parallel vectors rounding leaves a mean
            frame = without_mean(torch.linalg.qr(without_mean(drawn).mT)[0].mT)
        else:
            frame = torch.linalg.qr(drawn.mT)[0].mT
        speed = away_from_zero([*copies, planes, 1], 0.25, 1.75, rng)
        u, v = frame[..., :planes, :] * speed, frame[..., planes:, :]
        shift = shift[..., :1].expand_as(shift) if kind == "complex" else torch.zeros_like(shift)
        return Generator(torch.cat([u, -v], -2), torch.cat([v, u], -2), shift)
    u, v = (normal([*copies, REFLECTIONS, size], rng) / math.sqrt(size) for _ in range(2))
    return Generator(u, v, shift)


def acted(
    view: Tensor, at: Mapping[str, Any], ndim: int, by: Element | Generator, form: str
) -> Tensor:
    """`by` on the rows of the block, in the block's shape, float64."""
    copies, along = places(at, ndim)
    order = copies + [k for k in range(view.ndim) if k not in copies + along] + along
    permuted = view.permute(order)
    heads = permuted.shape[: len(copies)]
    size = math.prod(permuted.shape[permuted.ndim - len(along) :])
    rows = permuted.reshape(*heads, -1, size).to(torch.float64, copy=True)
    inverse = [order.index(k) for k in range(view.ndim)]
    return by.act(form, rows).reshape(permuted.shape).permute(inverse)


def varied(parameters: Parameters, move: Move, by: Element | Generator) -> Tensor | None:
    """What the move multiplies by or adds, broadcast against what it touches; None for a matrix."""
    form, at = move["form"], move.get("at")
    if form in MATRIX_FORMS:
        return None
    weight, ndim = float(Fraction(move["weight"])), parameters[move["parameter"]].ndim
    if isinstance(by, Element):
        vector = by.scale if form == "s^k" else by.shift
    else:
        vector = by.t
    assert vector is not None
    if form == "+Tc":
        assert at is not None
        return contracted(parameters[move["source"]], at, vector) * weight
    if form == "s^k" and isinstance(by, Element):
        return spread(vector, at, ndim) ** weight
    return spread(vector, at, ndim) * weight


def offset(move: Move) -> float:
    """The u of s^k (w + u) - u."""
    return float(Fraction(move.get("offset", "0")))


def touched_view(tensor: Tensor, move: Move) -> tuple[Tensor, list[int]]:
    """What a move changes of its tensor, and the axes of it that must stay whole."""
    form, at = move["form"], move.get("at")
    if at is None or form == "+Tc":
        return tensor, []
    copies, along = places(at, tensor.ndim)
    return block(tensor, at), copies + along if form in MATRIX_FORMS else []


def apply_move(
    parameters: Parameters, move: Move, element: Element, measured: bool = True
) -> float:
    """Applies one move in place; the relative change of what it touched (inf if that was zero).

    A family's moves are applied in order, each to what the ones before left. What is not
    `measured` costs less and returns inf.
    """
    tensor, form = parameters[move["parameter"]], move["form"]
    view, whole = touched_view(tensor, move)
    vector = varied(parameters, move, element)
    sums = torch.zeros(2, dtype=torch.float64, device=tensor.device)
    for cut in cuts(view, whole):
        old = piece(view, cut)
        if vector is None:
            new = acted(old, move["at"], tensor.ndim, element, form)
        else:
            other = piece(vector, cut)
            wide = old.to(torch.float64)
            u = offset(move)
            new = (wide + u) * other - u if form == "s^k" else wide + other
        if measured:
            pair = (old.to(torch.float64), new - old)
            sums += torch.stack([torch.linalg.vector_norm(part) ** 2 for part in pair])
        old.copy_(new)
    size, change = (math.sqrt(x) for x in sums.tolist())
    return change / size if size else math.inf


def traffic(parameters: Parameters, move: Move) -> int:
    """Bytes that a move reads and writes: its block twice, and a source once."""
    view, _ = touched_view(parameters[move["parameter"]], move)
    count = 2 * view.numel() * view.element_size()
    if move["form"] == "+Tc":
        source = block(parameters[move["source"]], move["at"])
        count += source.numel() * source.element_size()
    return count


def add_variation(
    tangents: dict[str, Tensor], parameters: Parameters, move: Move, generator: Generator
) -> None:
    """Adds the derivative of one move at the identity to the tangents."""
    name, form = move["parameter"], move["form"]
    tensor = parameters[name]
    if name not in tangents:
        tangents[name] = no_tangent(tensor)
    view, whole = touched_view(tensor, move)
    target, _ = touched_view(tangents[name], move)
    vector = varied(parameters, move, generator)
    for cut in cuts(view, whole):
        if vector is None:
            change = acted(piece(view, cut), move["at"], tensor.ndim, generator, form)
        else:
            change = piece(vector, cut)
            if form == "s^k":
                change = (piece(view, cut).to(torch.float64) + offset(move)) * change
        piece(target, cut).add_(change)


def no_tangent(parameter: Tensor) -> Tensor:
    """A zero tangent: at least single precision, since several moves are summed in it."""
    wide = torch.float64 if parameter.dtype == torch.float64 else torch.float32
    return torch.zeros_like(parameter, dtype=wide)


def inverse_move(move: Move) -> Move:
    """The move of a slice's family that undoes this one."""
    return {**move, "weight": str(-Fraction(move["weight"]))}


def own_move(through: Mapping[str, Any]) -> Move:
    """How a slice's family moves the slice's own parameter."""
    moves: list[Move] = [m for m in through["action"] if m["parameter"] == through["parameter"]]
    return moves[0]


def entries(through: Mapping[str, Any], parameters: Parameters) -> Tensor:
    """The entries of a slice's own parameter, in the shape of the element: copies + [n]."""
    own, element = own_move(through), through["element"]
    tensor, at = parameters[own["parameter"]], own.get("at")
    if at is not None:
        copies, along = places(at, tensor.ndim)
        tensor = block(tensor, at)
        order = copies + along
        tensor = tensor.permute(order + [k for k in range(tensor.ndim) if k not in order])
    return tensor.reshape([*element["copies"], element["size"]]).to(torch.float64, copy=True)


def element_in(through: Mapping[str, Any], parameters: Parameters) -> Element:
    """The element of a slice's family at this point: s^k = T with k = +-1, or k c = T."""
    weight, value = float(Fraction(own_move(through)["weight"])), entries(through, parameters)
    if through["element"]["kind"] == "translation":
        return Element(None, None, None, value / weight)
    return Element(None, None, value**weight, None)


def moves_back(through: Mapping[str, Any]) -> list[Move]:
    """The moves that bring all but the slice's own parameter back from the slice."""
    return [m for m in through["action"] if m["parameter"] != through["parameter"]]


def onto_slices(parameters: Parameters, family: Mapping[str, Any]) -> list[Element]:
    """Brings the parameters onto the family's slices, in place; the elements that lead back."""
    elements = []
    for through in family.get("via", ()):
        element = element_in(through, parameters)
        for move in reversed(moves_back(through)):
            apply_move(parameters, inverse_move(move), element, measured=False)
        elements.append(element)
    return elements


def off_slices(parameters: Parameters, family: Mapping[str, Any], elements: list[Element]) -> None:
    """Brings the parameters back from the family's slices, in place."""
    for through, element in reversed(list(zip(family.get("via", ()), elements))):
        for move in moves_back(through):
            apply_move(parameters, move, element, measured=False)


def carry_back(
    tangents: dict[str, Tensor],
    parameters: Parameters,
    family: Mapping[str, Any],
    elements: list[Element],
) -> None:
    """The tangents at the slices become those where the parameters came from, in place."""
    for through, element in reversed(list(zip(family.get("via", ()), elements))):
        for move in moves_back(through):
            name, weight = move["parameter"], float(Fraction(move["weight"]))
            if move["form"] == "s^k" and name in tangents:
                apply_move(tangents, move, element, measured=False)
            elif move["form"] == "+Tc" and move["source"] in tangents:
                assert element.shift is not None
                if name not in tangents:
                    tangents[name] = no_tangent(parameters[name])
                added = contracted(tangents[move["source"]], move["at"], element.shift)
                tangents[name].add_(added, alpha=weight)
