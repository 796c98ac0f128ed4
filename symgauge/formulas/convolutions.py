"""Convolutions among the lines of a program: a product of a kernel with windows of a line.

A program has them as matrix products with taken entries (`symgauge.ops.convolution`). That the
entries are those of windows is looked up one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from symgauge.formulas.roles import Roles


@dataclass(frozen=True)
class Convolution:
    """y[n, o, i] = sum over c, k of w[o, c, k] x[n, c, stride i + dilation k - padding].

    `kernel`, `source`, `output`: the lines w, x and y; `product` what they are computed by, with
    the lines `inside` it that take windows. The numbers are one for each axis behind the channels.
    """

    kernel: int
    source: int
    product: int
    output: int
    inside: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def sign(self) -> str:
        r"""``\ast``, below it what is not as usual: ``\ast_{\text{stride 2}}``."""
        said = [
            f"{word} {' x '.join(map(str, found if len(set(found)) > 1 else found[:1]))}"
            for word, found, usual in (
                ("stride", self.stride, 1), ("padding", self.padding, 0),
                ("dilation", self.dilation, 1))
            if set(found) != {usual}]
        return r"\ast" + (rf"_{{\text{{{', '.join(said)}}}}}" if said else "")


class Convolutions:
    """Those of one program, of one group of channels each, by the lines of their products."""

    def __init__(self, roles: Roles) -> None:
        self._roles, self._nodes, self._lines = roles, roles.nodes, roles.lines
        self._users = roles.structure.users

    @cached_property
    def found(self) -> dict[int, Convolution]:
        """By the line of the product, and by that of the output."""
        all_ = [c for i, line in self._lines.items() if line.law == "contraction"
                if (c := self._convolution(i)) is not None]
        return {line: c for c in all_ for line in (c.product, c.output)}

    @cached_property
    def inside(self) -> frozenset[int]:
        """Lines that nothing but a convolution reads."""
        lines = {i for c in self.found.values() for i in c.inside}
        read = {*lines, *self.found}
        return frozenset(
            i for i in lines if i not in self._outputs and read.issuperset(self._users.get(i, ())))

    def _convolution(self, i: int) -> Convolution | None:
        left, right = self._lines[i].inputs
        kernel, output = self._roles.base(left, ("reshape",)), self._output(i)
        shape = self._nodes[kernel].shape
        if output is None or len(shape) < 3 or self._nodes[left].shape != (
                shape[0], prod(shape[1:])):
            return None
        best = None
        for source, inside, places in self._sources(right):
            here = self._nodes[source].shape
            if len(here) != len(shape) or here[:2] != (
                    self._nodes[output].shape[0], shape[1]):
                continue
            numbers = _numbers(places, here, shape[2:], self._nodes[output].shape[2:])
            if numbers is not None:
                best = Convolution(kernel, source, i, output, inside, *numbers)
        return best

    def _output(self, i: int) -> int | None:
        """The line (n, o, i...) that alone reads the product, through its view (o, n, i...)."""
        shape = self._nodes[i].shape
        for law in ("reshape", "permutation"):
            users = self._users.get(i, ())
            if len(users) != 1 or self._roles.law(users[0]) != law or i in self._outputs:
                return None
            (i,) = users
        dims = tuple(self._lines[i].attrs["dims"])
        here = self._nodes[i].shape
        return i if dims[:2] == (1, 0) and dims[2:] == tuple(range(2, len(dims))) and len(
            here) > 2 and here[1] == shape[0] else None

    @property
    def _outputs(self) -> tuple[int, ...]:
        return self._roles.structure.network.outputs

    def _sources(self, i: int) -> Iterator[tuple[int, tuple[int, ...], Any]]:
        """Lines that a line takes its entries from, through which, and which: -1 for a 0."""
        steps: list[int] = []
        while i in self._lines:
            line = self._lines[i]
            filled = [j for j in line.inputs if not self._roles.structure.zero[j]]
            if line.law not in ("reshape", "permutation", "selection", "join") or len(filled) != 1:
                return
            steps.append(i)
            (i,) = filled
            yield i, tuple(steps), self._places(i, steps)

    def _places(self, source: int, steps: list[int]) -> Any:
        shape = self._nodes[source].shape
        found = np.arange(prod(shape)).reshape(shape)
        for i in reversed(steps):
            line = self._lines[i]
            if line.law == "reshape":
                found = found.reshape(line.shape)
            elif line.law == "permutation":
                found = found.transpose(line.attrs["dims"])
            elif line.law == "selection":
                found = np.take(found, np.array(line.attrs["index"]), line.attrs["axis"])
            else:
                parts = [found if j == source else np.full(self._nodes[j].shape, -1)
                         for j in line.inputs]
                found = np.concatenate(parts, line.attrs["axis"])
            source = i
        return found


def _numbers(
    places: Any, source: tuple[int, ...], kernel: tuple[int, ...], output: tuple[int, ...]
) -> tuple[tuple[int, ...], ...] | None:
    """Stride, padding and dilation by which `places` are the windows of x; None if none do."""
    n, channels, *size = source
    if places.size != channels * prod(kernel) * n * prod(output):
        return None
    places = places.reshape(channels, *kernel, n, *output)
    first = places[0][(*(slice(None),) * len(kernel), 0)]
    at = np.argwhere(first >= 0)
    if not len(at):
        return None
    entries = np.array(np.unravel_index(first[tuple(at.T)], source)[2:])
    found, d = [], len(kernel)
    for a in range(d):
        k, o = at[:, a], at[:, d + a]
        terms = np.stack([o, k, -np.ones_like(o)], 1)
        stride, dilation, padding = np.rint(np.linalg.lstsq(terms, entries[a], rcond=None)[0])
        # what one place of a kernel or of an output leaves open is as usual
        stride, dilation = stride if output[a] > 1 else 1, dilation if kernel[a] > 1 else 1
        found.append((int(stride), int(padding), int(dilation)))
    grid = np.zeros(places.shape[1:], dtype=int)
    inside = np.ones(grid.shape, dtype=bool)
    for a, (stride, padding, dilation) in enumerate(found):
        axis = (stride * np.arange(output[a]) - padding) + (
            dilation * np.arange(kernel[a])[:, None])
        axis = axis.reshape([
            m if b in (a, d + 1 + a) else 1 for b, m in enumerate(grid.shape)])
        grid = grid * size[a] + axis
        inside &= (axis >= 0) & (axis < size[a])
    row = np.arange(n).reshape(n, *(1,) * d) * channels * prod(size) + grid
    wanted = row + (np.arange(channels) * prod(size)).reshape(-1, *(1,) * grid.ndim)
    if not np.array_equal(np.where(inside, wanted, -1), places):
        return None
    strides, paddings, dilations = zip(*found, strict=True)
    return strides, paddings, dilations
