"""The model at one point: parameters, inputs, outputs, and the noise floor there."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from symgauge.checks.runtime.device import Widened, peak_memory
from symgauge.checks.runtime.layout import OneDevice
from symgauge.checks.runtime.model import Checkpoint, build, draw, floats, mode_of, redrawn, select
from symgauge.checks.runtime.pieces import cuts, piece
from symgauge.checks.runtime.record import BadInput, seeded
from symgauge.checks.runtime.rows import Change, largest
from symgauge.checks.runtime.shards import Shards
from symgauge.checks.runtime.subject import CheckRecord, SizeName

# a row that cannot fail is drawn again, with inputs of these sizes; the first is no redraw
INPUT_SCALES = (1.0, 1.0, 3.0, 10.0, 1.0)
# the draws off the point: its weights, moved by so much of their size; signs flip in the large ones
OFF = len(INPUT_SCALES)
OFF_SIZES = (0.25, *15 * (4.0,))
STRIDE = 1_000_003  # between the seeds of two draws
TANGENT_BYTES = 2**30  # of one J X; a large model may take a quarter of its own size


def several_processes() -> bool:
    """Whether this process is one of several that check one model."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class Point:
    """One model with one set of parameters in memory, and what it returns there."""

    def __init__(
        self,
        record: CheckRecord,
        size: SizeName,
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
        checkpoint: str | None,
    ) -> None:
        self.record, self.size, self.seed = record, size, seed
        self.memory_before = peak_memory(device)
        self.dtype, self.device = dtype, device
        sizes = record["sizes"][size]
        if sizes is None:
            raise BadInput(f"the target gives no {size} sizes")
        self.layout = (Shards if several_processes() else OneDevice)(device, dtype)
        self.module, *self.example = self.layout.built(
            lambda: build(record["target"], sizes, size), seed)
        self.mode = mode_of(self.module)
        self._find_parameters()
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint)
        self.passes = self.extra = 0
        self.at = 0
        self.points: dict[int, dict[str, Any]] = {}
        self.unit = self.floor = self.floor_measured = math.nan
        self.base: tuple[Tensor, ...] = ()
        self.scales: list[float] = []
        self.floors: list[float] = []
        self.outputs: list[str] = []
        self.outputs_left_out: list[str] = []
        self._draw_inputs()
        self.restore(self.free)

    def _find_parameters(self) -> None:
        """Trainable parameters are free; others and buffers stay what the factory made them."""
        every = dict(self.module.named_parameters(remove_duplicate=False))
        names: dict[int, list[str]] = {}
        for name, parameter in every.items():
            names.setdefault(id(parameter), []).append(name)
        self.names = {name: names[id(parameter)] for name, parameter in every.items()}
        self.free = [name for name, p in self.module.named_parameters() if p.requires_grad]
        # no graph is recorded, and in-place actions are allowed
        self.module.requires_grad_(False)
        # as they are held here, to be changed; whole, to be read; and without their entries
        self.parameters = {name: self.layout.held(p) for name, p in every.items()}
        self.values = self.layout.whole(self.parameters)
        self.shapes = {
            name: torch.empty(tuple(p.shape), dtype=p.dtype, device="meta")
            for name, p in self.parameters.items()
        }
        # a pass in training mode may write into its statistics
        training = any(part.training for part in self.module.modules())
        named = self.module.named_buffers() if training else ()
        self.buffers = {name: (buffer, buffer.clone()) for name, buffer in named}

    @contextlib.contextmanager
    def extra_passes(self) -> Iterator[None]:
        """The passes made here are for a control or another draw: counted apart."""
        before, extra = self.passes, self.extra
        try:
            yield
        finally:
            self.extra = extra + self.passes - before

    @property
    def seed_here(self) -> int:
        """The seed of this draw."""
        return self.seed + self.at * STRIDE

    def redraws(self, number: int) -> bool:
        """Whether this draw has parameters or inputs of its own, and not only elements."""
        return self.checkpoint is None or number >= OFF or bool(floats(self.example))

    @contextlib.contextmanager
    def at_draw(self, number: int) -> Iterator[None]:
        """Parameters, inputs and elements of another draw; its base and floor measured once.

        Raises BadInput where the output is not finite there.
        """
        before = self.at
        try:
            self._go(number)
            yield
        finally:
            self._go(before)

    def _go(self, number: int) -> None:
        if number == self.at:
            return
        if self.scales:  # measured
            held = ("base", "scales", "floors", "floor", "floor_measured")
            self.points[self.at] = {name: getattr(self, name) for name in held}
        other = self.redraws(number) or self.redraws(self.at)
        self.at = number
        if other:
            self._draw_inputs()
            self.restore(self.free)
        known = self.points.get(number if self.redraws(number) else 0)
        if known is None:
            self.scales = []
            with self.extra_passes():
                self.measure_floor()
        else:
            self.__dict__.update(known)

    def _draw_inputs(self) -> None:
        scale = 1.0 if self.at >= OFF else INPUT_SCALES[self.at]
        drawn = (self.seed_here, self.device, self.dtype, scale)
        self.args = redrawn(self.example[0], "args", *drawn)
        self.kwargs = redrawn(self.example[1], "kwargs", *drawn)

    def restore(self, names: list[str]) -> None:
        """Sets the named parameters back to their values, exactly: drawn or read again."""
        for first in dict.fromkeys(self.names[name][0] for name in names):
            parameter = self.parameters[first]
            if self.checkpoint is None:
                draw(first, parameter, self.seed_here, self.layout.pieces(parameter))
            else:
                stored = self.checkpoint.read(self.names[first], parameter)
                self.layout.fill(parameter, stored)
            if self.at >= OFF:
                self._move_off(first, parameter)

    def _move_off(self, name: str, parameter: Tensor) -> None:
        rng = seeded(self.device, self.seed_here, "off " + name)
        size = OFF_SIZES[self.at - OFF] * (self._rms(name) or 1.0)
        for part in self.layout.pieces(parameter):
            noise = torch.randn(part.shape, generator=rng, device=self.device)
            part.view.add_(part.mine(noise).mul_(size).to(self.dtype))

    def scale_of(self, name: str) -> float:
        """The root mean square of a parameter's entries; of one that is zero, the typical one."""
        return self._rms(name) or self.typical

    def _rms(self, name: str) -> float:
        tensor = self.parameters[name]
        return math.sqrt(self.layout.squares(tensor) / max(1, tensor.numel()))

    @property
    def count(self) -> int:
        """The number of trainable parameters."""
        return sum(self.parameters[name].numel() for name in self.free)

    @property
    def typical(self) -> float:
        """The median over the parameters of the root mean square, zeros left out; else 1."""
        found = [size for name in self.free if (size := self._rms(name))]
        return statistics.median(found) if found else 1.0

    def clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """What passes run in: exact casts, and whole parameters."""
        exact = Widened() if self.dtype == torch.float64 else contextlib.nullcontext()
        with exact, self.layout.running():
            yield

    def output(self) -> tuple[Tensor, ...]:
        """One forward pass, counted."""
        self.passes += 1
        with torch.no_grad(), self.running():
            value = self.module(*self.args, **self.kwargs)
        for buffer, held in self.buffers.values():
            buffer.copy_(held)
        chosen, self.outputs_left_out = select(value, self.record)
        self.outputs = [name for name, _ in chosen]
        return self.layout.agreed([self.layout.read(tensor) for _, tensor in chosen])

    def measure_floor(self) -> float:
        """Passes 1 and 2: the output, and its change when every parameter moves by one ulp."""
        start = self.clock()
        self.base = self.output()
        middle = self.clock()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.base):
            raise BadInput("the module's output is not finite at this point: try another --seed")
        # an output that is zero has no scale: it is compared as it is
        self.scales = [float(y.abs().max()) or 1.0 for y in self.base]
        self.nudge("floor ")
        moved = self.clock()
        changes = self.sizes(self.output(), self.base)
        # the first pass also pays for what is set up once
        if not self.at:
            self.unit = min(middle - start, self.clock() - moved)
        self.restore(self.free)
        # the output itself is only known to one unit in its last place
        self.floors = [max(change, torch.finfo(self.dtype).eps) for change in changes]
        self.floor_measured, self.floor = largest(changes), largest(self.floors)
        return self.floor

    def nudge(self, kind: str) -> None:
        """Moves every free parameter by one unit in the last place, zeros at their tensor's scale.
        """
        epsilon = torch.finfo(self.dtype).eps
        typical = self.typical
        for name in self.free:
            parameter = self.parameters[name]
            scale = self._rms(name) or typical
            rng = seeded(self.device, self.seed_here, kind + name)
            for part in self.layout.pieces(parameter):
                shape, kind8 = part.shape, torch.int8
                bits = torch.randint(2, shape, generator=rng, device=self.device, dtype=kind8)
                size = part.view.abs().clamp_(min=scale).mul_(epsilon)
                part.view.add_(size.mul_((2 * part.mine(bits) - 1).to(self.dtype)))

    def sizes(self, output: Sequence[Tensor], base: Sequence[Tensor]) -> list[float]:
        """max |y' - y| / max |y| of each output."""
        found = []
        for new, old, scale in zip(output, base, self.scales):
            pairs = ((piece(new, c).to(torch.float64), piece(old, c)) for c in cuts(old))
            found.append(float(torch.stack([(a - b).abs().max() for a, b in pairs]).max()) / scale)
        return found

    def worst(self, sizes: Sequence[float], noise: Sequence[float] = ()) -> Change:
        """The size that is the most floors, each output's against its own floor."""
        floors = [max(pair) for pair in zip(self.floors, noise)] if noise else self.floors
        ratios = [size / floor for size, floor in zip(sizes, floors)]
        place = next((i for i, r in enumerate(ratios) if math.isnan(r)), None)
        place = ratios.index(max(ratios)) if place is None else place
        return Change(sizes[place], ratios[place])

    def residual(self, output: tuple[Tensor, ...]) -> Change:
        """How far the output is from the base."""
        changed = [float((a != b).double().mean()) for a, b in zip(output, self.base)]
        return self.worst(self.sizes(output, self.base))._replace(changed=largest(changed))

    def bytes_to_spare(self) -> int:
        """What may be held beside the model."""
        return max(TANGENT_BYTES, self.parameter_bytes() // 4)

    def parameter_bytes(self) -> int:
        """Bytes of all parameters, each counted once."""
        own = {id(p): p.numel() * p.element_size() for p in self.module.parameters()}
        return sum(own.values())
