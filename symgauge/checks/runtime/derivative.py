"""J X of tangents at a point: forward mode, or two reverse passes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

from symgauge.checks.runtime.device import quiet
from symgauge.checks.runtime.model import select
from symgauge.checks.runtime.point import Point
from symgauge.checks.runtime.rows import SYMMETRY_FLOORS, Change, largest

NEAR_FLOORS = 100.0  # up to here the floor itself is measured again,
NEAR_SAMPLES = 4  # so many times
JVP_PASSES = 3


class Derivative:
    """The derivative of the outputs at a point."""

    def __init__(self, point: Point) -> None:
        self.point = point
        with quiet():  # torch loads its derivative formulas once: not on the clock
            one = torch.ones(1, 1)
            torch.func.jvp(lambda w: torch.nn.functional.linear(one, w, one[0]), (one,), (one,))

    def product(
        self, tangents: dict[str, Tensor], again: bool = False
    ) -> tuple[Change | None, str]:
        """J X of the tangents, scaled, and how it was made; None, and why there is none."""
        largest_part = largest(
            math.sqrt(self.point.layout.squares(tangent))
            / (self.point.scale_of(name) * math.sqrt(tangent.numel()))
            for name, tangent in tangents.items()
        ) or 1.0
        names = list(tangents)
        vectors = tuple(tangents.pop(n).div_(largest_part).to(self.point.dtype) for n in names)
        values, note = self.jvp(names, vectors)
        self.point.passes += JVP_PASSES
        if values is None:
            return None, note
        sizes = [float(v.abs().max()) / scale for v, scale in zip(values, self.point.scales)]
        change = self.point.worst(sizes)
        if again and SYMMETRY_FLOORS < change.floors <= NEAR_FLOORS:
            noise = [0.0] * len(values)
            with self.point.extra_passes():
                for number in range(NEAR_SAMPLES):  # the same X, every parameter off by one ulp
                    self.point.nudge(f"floor of a derivative {number} ")
                    there, _ = self.jvp(names, vectors)
                    self.point.passes += JVP_PASSES
                    self.point.restore(self.point.free)
                    off = [float((a - b).abs().max()) for a, b in zip(there or values, values)]
                    noise = [max(n, x / s) for n, x, s in zip(noise, off, self.point.scales)]
            change = self.point.worst(sizes, noise)
        return change, note

    def jvp(
        self, names: list[str], vectors: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...] | None, str]:
        """Forward mode; two reverse passes where an op has no forward derivative.

        The parameters themselves carry the tangents: a function may read them by another way
        than their names in the module.
        """
        own = dict(self.point.module.named_parameters(remove_duplicate=False))
        free, layout = [own[name] for name in names], self.point.layout
        with self.point.running(), quiet():
            try:
                with torch.no_grad(), forward_ad.dual_level(), layout.carrying(free, vectors):
                    pairs = [forward_ad.unpack_dual(tensor) for tensor in self.values()]
                    found = tuple(
                        torch.zeros_like(primal) if tangent is None else tangent.clone()
                        for primal, tangent in pairs
                    )
                    return layout.agreed(found), ""
            except (NotImplementedError, RuntimeError):
                pass
            try:
                with layout.leaves(free) as differentiated:
                    whole = [layout.gathered(vector) for vector in vectors]
                    found = self.by_two_reverse_passes(differentiated, whole)
                return layout.agreed(found), "double backward: an op has no forward derivative"
            except (NotImplementedError, RuntimeError) as error:
                print(f"no derivative: {error}", file=sys.stderr)
                return None, "an op has no derivative"

    def values(self) -> tuple[Tensor, ...]:
        """The outputs; what the pass writes into statistics goes to copies of them."""
        held = {name: buffer.clone() for name, (_, buffer) in self.point.buffers.items()}
        point = self.point
        value = torch.func.functional_call(point.module, held, point.args, point.kwargs)
        return tuple(
            point.layout.read(tensor) for _, tensor in select(value, point.record)[0])

    def by_two_reverse_passes(
        self, free: Sequence[Tensor], vectors: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """J X, as the derivative of v -> (J^T v) X."""
        values = self.values()
        weights = [torch.ones_like(value, requires_grad=True) for value in values]
        moving = [(y, v) for y, v in zip(values, weights) if y.requires_grad]
        if not moving:
            return tuple(torch.zeros_like(v) for v in weights)
        ys, vs = zip(*moving)
        rows = torch.autograd.grad(ys, free, vs, create_graph=True, allow_unused=True)
        pairs = [(g, x) for g, x in zip(rows, vectors) if g is not None and g.requires_grad]
        if not pairs:
            return tuple(torch.zeros_like(v) for v in weights)
        found = torch.autograd.grad(
            [g for g, _ in pairs], weights, [x for _, x in pairs], allow_unused=True)
        return tuple(
            torch.zeros_like(v) if d is None else d for d, v in zip(found, weights))
