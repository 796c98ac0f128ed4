"""Where the tensors of a model lie: whole, on one device (`shards` has the other way)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from symgauge.checks.runtime.elements import Element, Generator
from symgauge.checks.runtime.moves import add_variation, apply_move
from symgauge.checks.runtime.pieces import cuts, piece
from symgauge.plain import PlainMove

Built = tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]


class Piece(NamedTuple):
    """A piece of a tensor, of this shape in the whole; the view of what is here, and its place.

    `rows` are those of the piece that are here, `at` is where they lie in the tensor that is here.
    """

    shape: tuple[int, ...]
    view: Tensor
    rows: tuple[slice, ...] = ()
    at: tuple[slice, ...] = ()

    def mine(self, value: Tensor) -> Tensor:
        """Of a value of the piece's shape, what is here."""
        return value[self.rows]


class OneDevice:
    """Every tensor is whole, and this process has the only one."""

    processes = 1

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype

    def built(self, make: Callable[[], Built], seed: int) -> Built:
        """What `make` makes, on the device."""
        made = make()
        made[0].to(device=self.device, dtype=self.dtype)
        return made

    def held(self, parameter: Tensor) -> Tensor:
        """A parameter as it is held here, to be changed in place."""
        return parameter.data

    def whole(self, parameters: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The same parameters, to be read."""
        return parameters

    def local(self, tensor: Tensor) -> Tensor:
        """Of a held tensor, what this process has."""
        return tensor

    def gathered(self, tensor: Tensor) -> Tensor:
        """Of a held tensor, all."""
        return tensor

    def pieces(self, tensor: Tensor) -> Iterator[Piece]:
        """The pieces of a tensor, one after the other."""
        for cut in cuts(tensor):
            part = piece(tensor, cut)
            at = () if cut is None else (slice(None),) * cut[0] + (slice(cut[1], sum(cut[1:])),)
            yield Piece(tuple(part.shape), part, (), at)

    def fill(self, tensor: Tensor, value: Tensor) -> None:
        """Sets a tensor."""
        tensor.copy_(value)

    def squares(self, tensor: Tensor) -> float:
        """The sum of the squares of all entries."""
        return sum_of_squares(piece(tensor, cut) for cut in cuts(tensor))

    def anywhere(self, found: bool) -> bool:
        """Whether it is so in some process."""
        return found

    def read(self, tensor: Tensor) -> Tensor:
        """An output, which may be a parameter: whole."""
        return tensor

    def agreed(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The outputs that all processes judge."""
        return tuple(outputs)

    def apply(
        self, parameters: Mapping[str, Tensor], move: PlainMove, element: Element,
        measured: bool = True,
    ) -> float:
        """`apply_move`."""
        return apply_move(parameters, move, element, measured)

    def vary(
        self, tangents: dict[str, Tensor], parameters: Mapping[str, Tensor], move: PlainMove,
        generator: Generator,
    ) -> None:
        """`add_variation`."""
        add_variation(tangents, parameters, move, generator)

    def running(self) -> contextlib.AbstractContextManager[Any]:
        """What a forward pass runs in."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def carrying(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> Iterator[None]:
        """The parameters carry tangents; inside a level of forward derivatives, which ends it."""
        for parameter, tangent in zip(parameters, tangents):
            parameter.copy_(forward_ad.make_dual(parameter.data, tangent))
        yield

    @contextlib.contextmanager
    def leaves(self, parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """Tensors that the passes made here read the parameters from, to be differentiated by."""
        try:
            yield [parameter.requires_grad_(True) for parameter in parameters]
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False)

    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        return {"processes": 1}


def sum_of_squares(parts: Iterator[Tensor]) -> float:
    """In float64, of all entries of some tensors."""
    total = None
    for part in parts:
        norm = torch.linalg.vector_norm(part, dtype=torch.float64) ** 2
        total = norm if total is None else total + norm
    return 0.0 if total is None else float(total)
