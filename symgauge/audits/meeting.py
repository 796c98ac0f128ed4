"""Which entries of tensors the inputs meet: what no input reads is not judged by outputs.

An entry is met where the derivative of the outputs by it is not lost in rounding. That asks nothing
of how the program reads a tensor: a row of a table that no id picks, a unit that is never
active, a factor that is 0 are not met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from symgauge.audits.differences import ROUNDING, distance
from symgauge.weights.inputs import Inputs
from symgauge.weights.running import Running

#: Inputs that are tried for entries that none has met: of a small program, and of a large one.
TRIED, FEW_TRIED = 256, 8
#: The same where no input is of integers.
AT_RANDOM = 32
#: How many are run before it is asked again what is left.
AT_ONCE = 8
#: A row may be picked by an id to which something is added.
SHIFTS = 5
#: Where there is no derivative: by how much of the tensor's size an entry is changed, what change
#: of an output shows it, and how many entries are tried.
STEP, SHOWN, STEPPED = 0.1, 1e-9, 256


class Meeting:
    """The entries that are to be met, less those that were."""

    def __init__(self, program: Running, entries: Mapping[str, Tensor]) -> None:
        self.program = program
        self.left = {n: mask.clone() for n, mask in entries.items() if bool(mask.any())}
        #: Tensors by which an op has no derivative: running statistics, for one.
        self._without: set[str] = set()

    def meet(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Those of the inputs that meet an entry which none before did."""
        return [x for x in inputs if self.left and self._one(x)]

    def seek(self) -> list[Inputs]:
        """More inputs that meet what is left: ids of the rows that are left, or a little less."""
        few = FEW_TRIED if self.program.large else AT_RANDOM
        most = TRIED if self.program.draws.counts and not self.program.large else few
        found: list[Inputs] = []
        for turn in range(most // AT_ONCE):
            if not self.left:
                break
            less = turn % SHIFTS
            first = [row - less for row in self._rows() if row >= less]
            found += self.meet(self.program.draws.draw(AT_ONCE, turn + 1, first))
        return found

    def forget(self, name: str, entries: Tensor) -> None:
        """These entries need not be met."""
        if name in self.left:
            self.left[name] &= ~entries
            if not self.left[name].any():
                del self.left[name]

    def words(self) -> list[str]:
        """What is left, in words."""
        out = []
        for name, mask in self.left.items():
            rows = mask.reshape(len(mask), -1).any(1).nonzero()[:, 0].tolist() if mask.ndim else []
            out.append(name + (f" (rows {rows[0]}-{rows[-1]})" if mask.ndim > 1 else (
                f" (entries {rows[0]}-{rows[-1]})" if rows else "")))
        return out

    def _rows(self) -> list[int]:
        """The indices, along any axis, of entries that are left."""
        found: dict[int, None] = {}
        for mask in self.left.values():
            for axis in range(mask.ndim):
                others = [k for k in range(mask.ndim) if k != axis]
                along = mask.sum(others) if others else mask
                found.update(dict.fromkeys(along.nonzero()[:, 0].tolist()))
        return list(found)

    def _one(self, inputs: Inputs) -> bool:
        """Whether an input meets any of what is left; that is struck off."""
        names = [n for n in self.left if self.program.tensors[n].is_floating_point()]
        gradients = self._gradients(names, inputs)
        met = False
        for name, gradient in gradients.items():
            tensor = self.program.tensors[name].detach()
            scale = float(tensor.abs().max()) if tensor.numel() else 0.0
            seen = self.left[name] & (gradient.abs() * (scale or 1.0) > ROUNDING)
            met = met or bool(seen.any())
            self.forget(name, seen)
        return met

    def _gradients(self, names: Sequence[str], inputs: Inputs) -> dict[str, Tensor]:
        """The derivatives of a combination of the outputs; differences where an op has none."""
        found = self._derivatives([n for n in names if n not in self._without], inputs)
        if found is None and not self.program.large:
            self._without |= {n for n in names if self._derivatives([n], inputs) is None}
            found = self._derivatives([n for n in names if n not in self._without], inputs)
        return {**(found or {}), **{
            n: self._differences(n, inputs) for n in names if n in self._without}}

    def _differences(self, name: str, inputs: Inputs) -> Tensor:
        """1 for each of the entries that are left at which a change of it is seen, else 0."""
        tensor, found = self.program.tensors[name], torch.zeros(self.left[name].shape)
        stored, size = tensor.data, float(tensor.abs().max()) or 1.0
        base = self.program.outputs([inputs])
        for at in self.left[name].nonzero()[:STEPPED].tolist():
            tensor.data = stored.clone()
            tensor.data[tuple(at)] += STEP * size
            found[tuple(at)] = distance(base, self.program.outputs([inputs])) > SHOWN
        tensor.data = stored
        return found

    def _derivatives(self, names: Sequence[str], inputs: Inputs) -> dict[str, Tensor] | None:
        """The derivatives of a random combination of the outputs, each in units of its own size.

        None where an op has no derivative by one of the tensors.
        """
        tensors = [self.program.tensors[n] for n in names]
        stored = [t.data for t in tensors]
        generator = torch.Generator().manual_seed(5)
        try:
            for t in tensors:  # a derivative has the dtype of its tensor
                t.data = t.data.double()
                t.requires_grad_(True)
            with torch.enable_grad(), self.program.arithmetic():
                total = torch.zeros((), dtype=torch.float64)
                for x in self.program.returned(inputs):
                    finite = torch.where(x.isfinite(), x, 0.0).double()
                    factors = 0.5 + torch.rand(x.shape, generator=generator, dtype=torch.float64)
                    sizes = finite.detach().abs().clamp_min(1e-300)
                    total = total + (factors * finite / sizes).sum()
                if not total.requires_grad:
                    return {}
                found = torch.autograd.grad(total, tensors, allow_unused=True)
        except RuntimeError:
            return None
        finally:
            for t, value in zip(tensors, stored, strict=True):
                t.requires_grad_(False)
                t.data = value
        return {n: g.nan_to_num(0.0, 0.0, 0.0) for n, g in zip(names, found, strict=True)
                if g is not None}
