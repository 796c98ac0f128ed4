"""The outputs of BEFORE, of AFTER and of mixtures, and what rounding does to each entry of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from symgauge.weights.action import Array
from symgauge.weights.checkpoint import Checkpoint
from symgauge.audits.differences import Entries, Outputs, change, largest, rounding, smoothed
from symgauge.weights.inputs import Inputs
from symgauge.weights.pair import Pair, epsilon
from symgauge.weights.running import LARGE, Running

#: Inputs that are run of a small program and of a large one; rounded states for a floor.
DRAWS, FEW_DRAWS = 8, 1
NOISES, FEW_NOISES = 8, 3
#: Entries that are rounded at once.
PIECE = 2**20


class Runs:
    """A program that is run with the weights of a pair."""

    def __init__(self, program: Running, weights: Pair) -> None:
        self.program, self.weights = program, weights
        self._holds: Checkpoint | None = None
        #: How many rounded states a floor is the largest of.
        self.noises = FEW_NOISES if program.large else NOISES

    def hold(self, which: Checkpoint) -> None:
        """Make the program hold one of the two."""
        if self._holds is not which:
            self._put(which, self.weights.names)
            self._holds = which

    def release(self) -> None:
        """Let go of the pages of files that runs have read: the program holds none of them."""
        if self._holds is not None and self.program.as_stored:
            self._put(self._holds, self.weights.names)

    def _put(self, which: Checkpoint, names: Sequence[str]) -> None:
        self.program.put(lambda n: self.weights.value(which, n), names)

    def of(self, which: Checkpoint, inputs: Sequence[Inputs]) -> Outputs:
        """The outputs of one of the two."""
        self.hold(which)
        return self.program.outputs(inputs)

    def with_values(
        self, which: Checkpoint, values: Mapping[str, Tensor], inputs: Sequence[Inputs]
    ) -> Outputs:
        """The outputs of one of the two with these values in place of its own."""
        self.hold(which)
        self.program.put(values, list(values))
        found = self.program.outputs(inputs)
        self._put(which, list(values))
        return found

    def floor(
        self, which: Checkpoint, base: Outputs, inputs: Sequence[Inputs],
        units: Mapping[str, Tensor | float], count: int,
    ) -> Entries:
        """What half a unit of these tensors does to each entry of the outputs: the most of `count`.

        `units` are relative to the entries of each, one number or one for each entry; `base` are
        the outputs without.
        """
        self.hold(which)
        shaken = largest(self._shaken(which, base, inputs, units, count))
        return largest([smoothed(shaken), rounding(base)])

    def half_floor(
        self, which: Checkpoint, base: Outputs, inputs: Sequence[Inputs],
        sizes: Mapping[str, Array] | None = None,
    ) -> Entries:
        """The floor of one of the two, all of it rounded, where the other's is looked at too.

        `sizes` are those of what entries were added up from, where they are larger.
        """
        units = self.as_run()
        for name, size in (sizes or {}).items():
            value = self.weights.value(which, name).double().abs()
            grown = torch.as_tensor(size).view(value.shape) / value
            # noise is relative: an entry of 0 has none
            units[name] = units[name] * grown.nan_to_num(1.0, 1.0).clamp(1.0, 1e30)
        return self.floor(which, base, inputs, units, max(1, self.noises // 2))

    def _shaken(
        self, which: Checkpoint, base: Outputs, inputs: Sequence[Inputs],
        units: Mapping[str, Tensor | float], count: int,
    ) -> Iterator[Entries]:
        generator = torch.Generator().manual_seed(1)
        for _ in range(count):
            self.release()
            self.program.put(lambda n: self._noisy(n, units, generator), list(units))
            yield change(base, self.program.outputs(inputs))
            self._put(which, list(units))

    def _noisy(
        self, name: str, units: Mapping[str, Tensor | float], generator: torch.Generator
    ) -> Tensor:
        """A tensor rounded at random, in float64, or where there are too many in float32."""
        value, unit = self.program.tensors[name].detach().contiguous(), units[name]
        many = sum(self.program.tensors[n].numel() for n in units) > LARGE
        if many and self.program.as_stored and value.dtype != torch.float64:
            noisy, unit = value.to(torch.float32, copy=True), unit + epsilon(torch.float32)
        else:
            noisy = value.to(torch.float64, copy=True)
        each = torch.as_tensor(unit, dtype=noisy.dtype).reshape(-1).expand(noisy.numel())
        for piece, most in zip(noisy.view(-1).split(PIECE), each.split(PIECE), strict=True):
            noise = torch.rand(piece.shape, generator=generator, dtype=piece.dtype)
            piece.mul_(noise.sub_(0.5).mul_(most).add_(1))
        return noisy

    def units(
        self, names: Sequence[str], at_least: float = 0.0
    ) -> dict[str, Tensor | float]:
        """The rounding of tensors as they are stored, or a coarser one."""
        return {n: max(epsilon(self.weights.dtypes[n]), at_least) for n in names}

    def as_run(self) -> dict[str, Tensor | float]:
        """The rounding of all tensors, or of the narrowest float that the program rounds to."""
        inner = max((epsilon(d) for d in self.program.casts), default=0.0)
        return self.units(self.weights.floating, inner)

    def float64_floor(
        self, which: Checkpoint, base: Outputs, inputs: Sequence[Inputs], floor: Entries
    ) -> Entries:
        """What the rounding of float64 does to each entry: no comparison here can be finer.

        Of a large program by proportion to `floor`, that of its tensors as they are stored.
        """
        unit, floating = torch.finfo(torch.float64).eps, self.weights.floating
        if self.program.as_stored:
            finest = min(epsilon(self.weights.dtypes[n]) for n in floating)
            return [x * (unit / finest) for x in floor]
        return self.floor(which, base, inputs, dict.fromkeys(floating, unit), self.noises)
