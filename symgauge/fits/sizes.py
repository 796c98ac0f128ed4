"""Sizes of a TARGET that may be varied, and what each choice builds.

A size that has to stay a multiple of another (embed_dim of num_heads) is varied as their quotient.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgauge.errors import SizeError, SymgaugeError

if TYPE_CHECKING:
    from symgauge.capture.target import Target

#: How many values a size is tried at, and how far above the first.
VALUES, REACH = 5, 8
#: Steps of a size that does not take all values: a head whose entries are turned in pairs.
STEPS = range(2, 5)


@dataclass(frozen=True)
class Size:
    """One variable: a size of the factory, or its quotient by another one."""

    name: str
    over: str | None
    #: Values that build where the other sizes are those of TARGET, ascending.
    values: tuple[int, ...]

    @property
    def label(self) -> str:
        """The size, or "a/b"."""
        return self.name if self.over is None else f"({self.name}/{self.over})"


def chosen(sizes: Sequence[Size], at: Sequence[int]) -> dict[str, int]:
    """The factory's sizes at values of the variables."""
    plain = {s.name: v for s, v in zip(sizes, at, strict=True) if s.over is None}
    return plain | {
        s.name: v * plain[s.over] for s, v in zip(sizes, at, strict=True) if s.over is not None}


def at_sizes(sizes: Sequence[Size], there: Mapping[str, object]) -> tuple[int, ...]:
    """The values of the variables at given sizes of the factory: `chosen` the other way.

    Raises SizeError where one of them is no natural number, or no multiple of what it is over.
    """
    def natural(name: str) -> int:
        value = there[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SizeError(f"{name} is {value!r} there; give it a number: --at {name}=N")
        return value

    for s in sizes:
        if s.over is not None and natural(s.name) % natural(s.over):
            raise SizeError(f"{s.name} = {there[s.name]} is no multiple of "
                            f"{s.over} = {there[s.over]}, as it is wherever the fit looked")
    return tuple(natural(s.name) // (1 if s.over is None else natural(s.over)) for s in sizes)


def parameters(target: Target, sizes: Mapping[str, int]) -> int | None:
    """The number of parameters at these sizes; None where the module is not built or does not run.

    It is run as it would be derived, in float64.
    """
    from symgauge.capture.borrowed import borrowed, wide_example
    from symgauge.capture.module import runs

    with contextlib.suppress(SymgaugeError):
        module, args, kwargs = target.at(sizes).build()
        with borrowed(module):
            if runs(module, *wide_example(args, kwargs)):
                return int(sum(p.numel() for p in module.parameters() if p.requires_grad))
    return None


def varied(target: Target, names: Sequence[str] = ()) -> tuple[list[Size], list[str]]:
    """The variables, and in a sentence each why other integer sizes stay as they are.

    `names`: these alone (all integer sizes).
    """
    here = {
        n: v for n, v in target.sizes.items()
        if isinstance(v, int) and not isinstance(v, bool) and v > 0}
    wanted = [n for n in here if not names or n in names]
    found = {n: one for n in wanted if (one := _alone(target, n, here[n], {}))}
    for name in wanted:
        if name not in found:
            found |= _quotient(target, name, here, [n for n in wanted if n != name], found)
    for name in wanted:
        if name not in found:
            every = (_alone(target, name, here[name], {}, step) for step in STEPS)
            if (first := next(filter(None, every), None)) is not None:
                found[name] = first
    kept = [f"{n} stays {here[n]}: the factory takes no three values near it"
            for n in wanted if n not in found]
    return [found[n] for n in wanted if n in found], kept


def _alone(
    target: Target, name: str, value: int, along: Mapping[str, int], step: int = 1
) -> Size | None:
    """Values `step` apart, consecutive ones by default, `along` it sizes that stay these multiples.

    A size that builds at some multiples of the step alone is none of these.
    """
    values = [
        v for v in range(value - 2 * step, value + VALUES * step, step) if v >= 1
        and parameters(target, {name: v, **{n: k * v for n, k in along.items()}}) is not None]
    near = [v for v in (value - step, value, value + step) if v >= 1]
    if len(values) < 3 or not set(near) <= set(values):
        return None
    return Size(name, None, tuple(values[:VALUES + 1]))


def _quotient(
    target: Target, name: str, here: Mapping[str, int], others: Sequence[str],
    known: Mapping[str, Size],
) -> dict[str, Size]:
    """name / other for the largest other size whose multiples build, and that one with it."""
    for other in sorted(others, key=lambda n: -here[n]):
        h = here[other]
        if h < 2 or here[name] % h or (other in known and known[other].over is not None):
            continue
        q = here[name] // h
        values = [v for v in range(1, q + REACH)
                  if parameters(target, {name: v * h}) is not None]
        divisor = _alone(target, other, h, {name: q})
        if len(values) >= 3 and q in values and divisor is not None:
            return {other: divisor, name: Size(name, other, tuple(values[:VALUES]))}
    return {}
