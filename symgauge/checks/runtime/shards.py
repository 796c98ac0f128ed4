"""A model beyond one device: each process has a shard of every parameter, as torch's own DTensor.

torchrun starts the processes, which run the same checks on the same draws. A parameter is sharded
along its first axis. A function of torch that is given one gets the whole tensor, gathered for that
call alone, so any module runs as it is.

An element acts on the shards where they lie if its move leaves the first axis alone: each shard is
then a batch of what the move acts on. Else the tensor is sharded along another axis first and
brought back after; one that has no other is gathered, moved in every process, and each keeps its
own part. One tensor at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils.weak import WeakIdKeyDictionary

from symgauge.checks.runtime.elements import Element, Generator
from symgauge.checks.runtime.layout import Built, Piece, sum_of_squares
from symgauge.checks.runtime.model import leaves
from symgauge.checks.runtime.moves import (
    add_variation, moved_by, no_tangent, read_by, relative,
)
from symgauge.checks.runtime.pieces import cuts
from symgauge.checks.runtime.record import BadInput
from symgauge.checks.runtime.whole import (
    Axis, Gathered, Whole, axes_apart, placement, sharded_along,
)
from symgauge.plain import PlainMove

# what a move did with the shards
IN_PLACE, ALONG_ANOTHER, GATHERED = "on the shards", "along another axis", "gathered"


class Shards:
    """Every parameter is sharded over the processes of torch.distributed, which has been set up."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        import torch.distributed as dist
        from torch.distributed.device_mesh import init_device_mesh

        self.device, self.dtype = device, dtype
        self.dist: Any = dist
        self.processes, self.rank = dist.get_world_size(), dist.get_rank()
        self.mesh = init_device_mesh(device.type, (self.processes,))
        self.mode = Whole()
        self.done: Counter[str] = Counter()

    # -- the model --------------------------------------------------------------------------------

    def built(self, make: Callable[[], Built], seed: int) -> Built:
        """What `make` makes, its trainable parameters in shards that are not filled yet.

        Each is let go of as soon as the module has it; where numbers of the module depend on
        their values, all are made first. Raises BadInput where the processes made other numbers.
        """
        made = self._made(make, seed, unfilled)
        if made is None:
            made = self._made(make, seed, contextlib.nullcontext)
            assert made is not None
        self._require_agreement(made)
        self._shard(made[0])
        return made

    def _made(
        self, make: Callable[[], Built], seed: int,
        around: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> Built | None:
        """None where without the values of the trainable parameters it cannot be made."""
        torch.manual_seed(seed)
        random.seed(seed)
        if around is contextlib.nullcontext:
            return make()
        try:
            with around():
                made = make()
        except (RuntimeError, BadInput):
            return None
        return None if any(t.is_meta for t in _as_made(made)) else made

    def _require_agreement(self, made: Built) -> None:
        digest = hashlib.sha256()
        for tensor in _as_made(made):
            entries = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(bytes(entries.untyped_storage())[entries.storage_offset():][
                : entries.numel()])
        shapes = {name: tuple(p.shape) for name, p in made[0].named_parameters()}
        digest.update(repr(shapes).encode("utf-8", "surrogatepass"))
        found: list[Any] = [None] * self.processes
        self.dist.all_gather_object(found, digest.hexdigest())
        if len(set(found)) > 1:
            raise BadInput(
                "the factory made other inputs, buffers or shapes in another process: let it draw "
                "them from a generator with a seed")

    def _shard(self, module: torch.nn.Module) -> None:
        """Every parameter becomes a shard, frozen ones with their values; buffers stay whole."""
        made: dict[int, torch.nn.Parameter] = {}
        for part in module.modules():
            for name, parameter in list(part._parameters.items()):
                if parameter is not None:
                    if id(parameter) not in made:
                        made[id(parameter)] = self._sharded(parameter)
                    setattr(part, name, made[id(parameter)])
            for name, buffer in list(part._buffers.items()):
                if buffer is not None:
                    kind = self.dtype if buffer.is_floating_point() else None
                    setattr(part, name, buffer.to(device=self.device, dtype=kind))

    def _sharded(self, parameter: Tensor) -> torch.nn.Parameter:
        from torch.distributed.tensor import empty

        shape = tuple(parameter.shape)
        axis: Axis = 0 if shape and shape[0] >= self.processes else None
        kind = self.dtype if parameter.is_floating_point() else parameter.dtype
        shard = empty(shape, dtype=kind, device_mesh=self.mesh, placements=[placement(axis)])
        if not parameter.requires_grad:
            self.fill(shard, parameter.detach())
        return torch.nn.Parameter(shard, requires_grad=parameter.requires_grad)

    # -- tensors ----------------------------------------------------------------------------------

    def held(self, parameter: Tensor) -> Tensor:
        """A parameter as it is held here, to be changed in place."""
        return parameter

    def whole(self, parameters: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The same parameters, gathered as they are read."""
        return Gathered(parameters)

    def local(self, tensor: Any) -> Tensor:
        """Of a held tensor, what this process has."""
        shard: Tensor = tensor.to_local()
        return shard

    def gathered(self, tensor: Any) -> Tensor:
        """Of a held tensor, all."""
        full: Tensor = tensor.full_tensor()
        return full

    def _rows(self, tensor: Any) -> tuple[int, int] | None:
        """First and last (exclusive) index of the first axis here; None where all are."""
        if sharded_along(tensor) is None:
            return None
        count = -(-tensor.shape[0] // self.processes)
        first, last = (min(tensor.shape[0], k * count) for k in (self.rank, self.rank + 1))
        return first, last

    def pieces(self, tensor: Tensor) -> Iterator[Piece]:
        """The pieces of the whole tensor, one after the other, and what is here of each."""
        rows, here = self._rows(tensor), self.local(tensor)
        for cut in cuts(tensor):
            axis, start, length = cut or (0, 0, tensor.shape[0] if tensor.ndim else 1)
            shape = list(tensor.shape)
            if cut is not None:
                shape[axis] = length
            at = (slice(None),) * axis + (slice(start, start + length),) if tensor.ndim else ()
            mine: tuple[slice, ...] = ()
            if rows is not None and axis == 0:
                first, last = (min(max(k, start), start + length) for k in rows)
                at, mine = (slice(first - rows[0], last - rows[0]),), (
                    slice(first - start, last - start),)
            elif rows is not None:
                mine = (slice(*rows),)
            yield Piece(tuple(shape), here[at], mine, at)

    def fill(self, tensor: Tensor, value: Tensor) -> None:
        """Sets a tensor to what every process has whole."""
        rows = self._rows(tensor)
        self.local(tensor).copy_(value if rows is None else value[slice(*rows)])

    def squares(self, tensor: Tensor) -> float:
        """The sum of the squares of all entries."""
        found = sum_of_squares(part.view for part in self.pieces(tensor))
        return found if sharded_along(tensor) is None else self._sums([found])[0]

    def _sums(self, numbers: Sequence[float]) -> list[float]:
        """Over all processes."""
        total = torch.tensor(list(numbers), dtype=torch.float64, device=self.device)
        self.dist.all_reduce(total)
        return [float(x) for x in total]

    def anywhere(self, found: bool) -> bool:
        """Whether it is so in some process."""
        return self._sums([float(found)])[0] > 0

    def read(self, tensor: Tensor) -> Tensor:
        """An output, which may be a parameter: whole."""
        return self.mode.gathered(tensor) if isinstance(tensor, self.mode.kind) else tensor

    def agreed(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The outputs of the first process, which all judge alike."""
        found = []
        for output in outputs:
            output = output.detach().contiguous()
            self.dist.broadcast(output, 0)
            found.append(output)
        return tuple(found)

    # -- moves ------------------------------------------------------------------------------------

    def _axes(self, move: PlainMove, tensors: Mapping[str, Tensor]) -> dict[str, Axis]:
        """Along which axis each tensor of a move is sharded while it acts."""
        names = list(dict.fromkeys((move["parameter"], *read_by(move))))
        shapes = {name: tuple(tensors[name].shape) for name in names}
        free = [
            pair for pair in axes_apart(move, shapes)
            if all(shapes[name][k] >= self.processes for name, k in pair.items())
        ]
        now = {name: sharded_along(tensors[name]) for name in names}
        if not free or now[move["parameter"]] is None:
            return dict.fromkeys(names)
        stays = [pair for pair in free if all(now[name] == k for name, k in pair.items())]
        best = stays[0] if stays else max(
            free, key=lambda pair: shapes[move["parameter"]][pair[move["parameter"]]])
        return {name: best.get(name) for name in names}

    def _opened(self, tensor: Any, axis: Axis) -> Tensor:
        """What is here of the tensor while it is sharded along this axis; its own shard if it is.
        """
        if sharded_along(tensor) == axis:
            return self.local(tensor)
        moved: Tensor = tensor.redistribute(self.mesh, [placement(axis)]).to_local()
        return moved.clone()

    def _closed(self, tensor: Any, axis: Axis, here: Tensor) -> None:
        """Brings the tensor back to how it is sharded."""
        if axis is None:
            self.fill(tensor, here)
        elif sharded_along(tensor) != axis:
            moved = self.mode.kind.from_local(
                here.contiguous(), self.mesh, [placement(axis)],
                shape=tensor.shape, stride=tensor.stride())
            back = moved.redistribute(self.mesh, tensor.placements)
            self.local(tensor).copy_(back.to_local())

    def apply(
        self, parameters: Mapping[str, Tensor], move: PlainMove, element: Element,
        measured: bool = True,
    ) -> float:
        """One move of the whole tensor, each process on its part of it; what `apply_move` returns.
        """
        name = move["parameter"]
        axes = self._axes(move, parameters)
        here = {n: self._opened(parameters[n], axis) for n, axis in axes.items()}
        self._count(parameters[name], axes[name])
        size, change = moved_by(here, move, element, measured)
        self._closed(parameters[name], axes[name], here[name])
        if measured and axes[name] is not None:
            size, change = self._sums([size, change])
        return relative(size, change)

    def _count(self, tensor: Any, axis: Axis) -> None:
        kept = sharded_along(tensor) == axis
        self.done[IN_PLACE if kept else GATHERED if axis is None else ALONG_ANOTHER] += 1

    def vary(
        self, tangents: dict[str, Tensor], parameters: Mapping[str, Tensor], move: PlainMove,
        generator: Generator,
    ) -> None:
        """Adds the derivative of one move of the whole tensor to the tangents, which are shards."""
        name = move["parameter"]
        if name not in tangents:
            tangents[name] = no_tangent(parameters[name])
        axes = self._axes(move, parameters)
        here = {n: self._opened(parameters[n], axis) for n, axis in axes.items()}
        there = {name: self._opened(tangents[name], axes[name])}
        add_variation(there, here, move, generator)
        self._closed(tangents[name], axes[name], there[name])

    # -- passes -----------------------------------------------------------------------------------

    def running(self) -> contextlib.AbstractContextManager[Any]:
        """What a forward pass runs in."""
        return self.mode

    @contextlib.contextmanager
    def carrying(self, parameters: Sequence[Tensor], tangents: Sequence[Tensor]) -> Iterator[None]:
        """The parameters carry tangents, in a level of forward derivatives."""
        self.mode.tangents = {id(p): tangent for p, tangent in zip(parameters, tangents)}
        try:
            yield
        finally:
            self.mode.tangents = {}

    @contextlib.contextmanager
    def leaves(self, parameters: Sequence[Any]) -> Iterator[list[Tensor]]:
        """Whole tensors that the passes made here read the parameters from."""
        whole = [p.full_tensor().detach().requires_grad_(True) for p in parameters]
        self.mode.leaves = {id(p): leaf for p, leaf in zip(parameters, whole)}
        try:
            yield whole
        finally:
            self.mode.leaves = {}

    def facts(self) -> dict[str, Any]:
        """What a record says of it: how moves met the shards, in all."""
        return {"processes": self.processes, "moves": dict(sorted(self.done.items()))}


def _as_made(made: Built) -> Iterator[Tensor]:
    """What stays as the factory made it: buffers, frozen parameters, inputs that are no floats."""
    module, args, kwargs = made
    yield from module.buffers()
    yield from (p for p in module.parameters() if not p.requires_grad)
    yield from (leaf for _, leaf in leaves([args, kwargs])
                if isinstance(leaf, Tensor) and not leaf.is_floating_point())


@contextlib.contextmanager
def unfilled() -> Iterator[None]:
    """Trainable parameters lose their entries as a module gets them; ties stay ties."""
    known: Any = WeakIdKeyDictionary()

    def without_entries(module: Any, name: str, parameter: Any) -> Any:
        if parameter is None or parameter.is_meta or not parameter.requires_grad:
            return None
        if parameter not in known:
            known[parameter] = torch.nn.Parameter(torch.empty_like(parameter, device="meta"))
        return known[parameter]

    handle = register_module_parameter_registration_hook(without_entries)
    try:
        yield
    finally:
        handle.remove()
