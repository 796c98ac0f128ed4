"""Whether several groups of permutations reach different axes: then each acts for itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from symgauge.families.family import Move
from symgauge.families.part import Part, parts_meet

#: A part of a tensor, and a range of one of its axes.
Reach = tuple[Part, int, int, int]


def apart(groups: Sequence[Sequence[Move]]) -> bool:
    """Whether no two of the groups that make these moves reach the same range of an axis.

    An index along such a range is then changed by one group alone, and by nothing else than the
    indices that this group reaches: the groups commute, only 1 is in one and in the others
    together, and the order of them together is the product of theirs. Of rows and columns of one
    matrix this is so; of two factors of one axis, each put in order for each index of the other,
    it is not: those of a 2 x 2 grid have 2!^2 elements each, and make all 4! permutations.
    """
    met = defaultdict[str, list[tuple[int, Reach]]](list)
    for k, moves in enumerate(groups):
        for m in moves:
            met[m.parameter] += ((k, reach) for reach in _reaches(m))
    return not any(
        i != k and _meet(one, two)
        for reaches in met.values() for (i, one), (k, two) in combinations(reaches, 2))


def _reaches(m: Move) -> Iterator[Reach]:
    """The ranges that number what a move puts in order: along it, and its copies on other axes."""
    if m.at is None:
        return
    cut, begin, _ = m.part or (None, 0, 0)
    shift = begin if cut == m.at.axis else 0
    start, stop = m.at.extent
    yield m.part, m.at.axis, start + shift, stop + shift
    for axis, size in (k for k in m.at.per if not isinstance(k, int)):
        shift = begin if cut == axis else 0
        yield m.part, axis, shift, size + shift


def _meet(one: Reach, two: Reach) -> bool:
    (part, axis, start, stop), (other, along, begin, end) = one, two
    together = axis == along and parts_meet(part, other) and start < end and begin < stop
    return together or _leaves(one, other) or _leaves(two, part)


def _leaves(reach: Reach, part: Part) -> bool:
    """Whether entries of a part may go out of it, or others come in."""
    _, axis, start, stop = reach
    return bool(part) and axis == part[0] and start < part[2] and part[1] < stop and not (
        part[1] <= start and stop <= part[2])
