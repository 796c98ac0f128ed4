"""The widths of axes: which are one and the same, and how heads split one."""

from __future__ import annotations

from collections.abc import Mapping

from symgauge.steps.unread import Unread

#: An axis: of a parameter (node, axis), of an input or of what else a line begins with.
Axis = tuple[int, int]
#: Values of the axes that nothing splits.
At = Mapping[Axis, int]


class Widths:
    """Axes that meet are one; an axis of heads is a product of others.

    A width of 1 is none: it is 1 at all sizes.
    """

    def __init__(self) -> None:
        self._above: dict[Axis, Axis] = {}
        self._values: dict[Axis, int] = {}
        self._parts: dict[Axis, tuple[Axis, ...]] = {}
        self._made = 0

    def new(self, axis: Axis, value: int) -> Axis:
        """An axis of this width."""
        self._above.setdefault(axis, axis)
        if self._values.setdefault(axis, value) != value:
            raise Unread(f"axis {axis} has two widths")
        return axis

    def fresh(self, value: int) -> Axis:
        """An axis that is no parameter's."""
        self._made += 1
        return self.new((-1, self._made), value)

    def root(self, axis: Axis) -> Axis:
        """The axis that stands for all that are one with it."""
        while self._above[axis] != axis:
            axis = self._above[axis]
        return axis

    def meet(self, one: Axis, two: Axis) -> None:
        """They are one axis. Raises Unread where their widths differ, or both are split."""
        one, two = self.root(one), self.root(two)
        if one == two:
            return
        if self._values[one] != self._values[two]:
            raise Unread("axes of two widths meet")
        parts = [p for x in (one, two) if (p := self._parts.get(x))]
        if len(parts) == 2:
            if len(parts[0]) != len(parts[1]):
                raise Unread("an axis is split twice")
            for a, b in zip(*parts, strict=True):
                self.meet(a, b)
        self._above[two] = one
        if parts:
            self._parts[one] = parts[0]

    def split(self, axis: Axis, parts: tuple[Axis, ...]) -> None:
        """An axis is a product of these."""
        whole = self.fresh(self.now(axis))
        self._parts[whole] = parts
        if self.value(whole, self.here()) != self.now(axis):
            raise Unread("parts of an axis that are not all of it")
        self.meet(whole, axis)

    def now(self, axis: Axis) -> int:
        """The width in the program."""
        return self._values[self.root(axis)]

    def here(self) -> dict[Axis, int]:
        """The program's widths, of axes that nothing splits."""
        return {a: v for a, v in self._values.items()
                if self._above[a] == a and a not in self._parts}

    def value(self, axis: Axis, at: At) -> int:
        """A width, where the axes that nothing splits have these."""
        axis = self.root(axis)
        if axis in self._parts:
            total = 1
            for part in self._parts[axis]:
                total *= self.value(part, at)
            return total
        return at[axis]

    def places(self, names: Mapping[int, str]) -> dict[str, Axis]:
        """Where the axes that nothing splits, wider than 1, meet parameters: "W 0.1"."""
        out: dict[str, Axis] = {}
        for axis in self._above:
            if axis[0] not in names:
                continue
            root = self.root(axis)
            parts = [p for p in self._flat(root) if self._values[p] > 1]
            for k, part in enumerate(parts):
                out[f"{names[axis[0]]} {axis[1]}.{k}"] = part
        return out

    def _flat(self, axis: Axis) -> list[Axis]:
        axis = self.root(axis)
        if axis not in self._parts:
            return [axis]
        return [a for p in self._parts[axis] for a in self._flat(p)]
