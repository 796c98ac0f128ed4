"""BEFORE and AFTER, held against the names, shapes and kinds of a module's tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from symgauge.errors import BadInputError
from symgauge.weights.action import Array
from symgauge.weights.checkpoint import Checkpoint, has_no_number
from symgauge.weights.running import Running, alike
from symgauge.weights.spilled import Stored

#: Relative errors up to which a fitted element reproduces an entry or a row of a dtype.
TOLERANCE = {
    torch.float64: 1e-11, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 1.6e-2,
}


class Pair:
    """Both checkpoints, held against the names of the module."""

    def __init__(self, program: Running, before: Checkpoint, after: Checkpoint) -> None:
        self.before, self.after, self.tied = before, after, program.tied
        shapes = {n: tuple(t.shape) for n, t in program.tensors.items()}
        kinds = {n: t.is_floating_point() for n, t in program.tensors.items()}
        for which, c in (("BEFORE", before), ("AFTER", after)):
            _require(which, c, shapes, kinds, self.tied)
        self.names = [n for n in shapes if n not in self.tied]
        self.floating = [n for n in self.names if kinds[n]]
        #: By which of its names each holds a tensor: of a tied one each may have saved another.
        self._names = tuple(
            {n: next(m for m in (n, *(k for k, v in self.tied.items() if v == n))
                     if m in c.shapes) for n in self.names} for c in (before, after))
        self.untied = []
        for name, first in self.tied.items():
            if _apart(before, name, first):
                raise BadInputError(
                    f"BEFORE gives {name} and {first} different values, and they are one tensor in "
                    "TARGET: untie them there, or save one")
            if _apart(after, name, first):
                self.untied.append((name, first))
        here, there = self._names
        self.changed = [n for n in self.names if not same(before, here[n], after, there[n])]
        for which, c, names in (("BEFORE", before, here), ("AFTER", after, there)):
            for n in self.changed:
                if has_no_number(c.tensor(names[n])):
                    raise BadInputError(
                        f"{which} ({c.path}) holds an entry of {names[n]} that is infinite or no "
                        "number: with it the module is no function to be compared")
        self.extra = [
            {"tensor": n, "where": where, "same": alike}
            for n, where, alike in _extra(before, after, set(shapes))]
        self.dtypes = {
            n: max((before.dtypes[here[n]], after.dtypes[there[n]]), key=epsilon)
            for n in self.names}

    def value(self, which: Checkpoint, name: str) -> Tensor:
        """A tensor of one of the two, by its name in the module."""
        return which.tensor(self._names[which is self.after][name])

    def arrays(self, which: Checkpoint, names: Sequence[str], wide: bool) -> Mapping[str, Array]:
        """Tensors as arrays of numpy, in float64; where they are many each is read when asked for,
        in float32 where it is stored narrower.
        """
        def read(name: str) -> Array:
            value = self.value(which, name)
            kept = wide or value.dtype == torch.float64
            found: Array = value.to(torch.float64 if kept else torch.float32).numpy()
            return found

        return {n: read(n) for n in names} if wide else Stored(list(names), read)


def epsilon(dtype: torch.dtype) -> float:
    """The distance of 1 from the next number; 0 of integers."""
    return torch.finfo(dtype).eps if dtype.is_floating_point else 0.0


def tiny(dtype: torch.dtype) -> float:
    """The number below which the numbers of a float are equally spaced."""
    return torch.finfo(dtype).tiny


def same(one: Checkpoint, name: str, two: Checkpoint, other: str) -> bool:
    a, b = one.tensor(name), two.tensor(other)
    if a.dtype != b.dtype:
        a, b = a.double(), b.double()
    return alike(a, b)


def _apart(c: Checkpoint, name: str, other: str) -> bool:
    return name in c.shapes and other in c.shapes and not same(c, name, c, other)


def _require(
    which: str, c: Checkpoint, shapes: Mapping[str, tuple[int, ...]], kinds: Mapping[str, bool],
    tied: Mapping[str, str],
) -> None:
    for name, shape in shapes.items():
        if name not in c.shapes:
            other = {k for k, v in {**tied, **{v: v for v in tied.values()}}.items()
                     if v == tied.get(name, name)}
            if other & set(c.shapes):
                continue
            raise BadInputError(f"{which} ({c.path}) has no tensor named {name!r}")
        if c.shapes[name] != shape:
            raise BadInputError(
                f"{which} ({c.path}) holds {name} of shape {list(c.shapes[name])}, and TARGET's "
                f"has {list(shape)}; give its sizes with --set")
        if c.dtypes[name].is_floating_point != kinds[name]:
            held = str(c.dtypes[name]).removeprefix("torch.")
            raise BadInputError(
                f"{which} ({c.path}) holds {name} as {held}, and TARGET's holds "
                f"{'floating-point numbers' if kinds[name] else 'integers'}")


def _extra(
    before: Checkpoint, after: Checkpoint, names: set[str]
) -> list[tuple[str, str, bool]]:
    found = []
    for name in sorted((set(before.shapes) | set(after.shapes)) - names):
        there = [w for w, c in (("BEFORE", before), ("AFTER", after)) if name in c.shapes]
        alike = len(there) == 2 and before.shapes[name] == after.shapes[name] and same(
            before, name, after, name)
        found.append((name, " and ".join(there), alike))
    return found
