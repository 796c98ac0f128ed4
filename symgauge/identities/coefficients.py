"""Lines as sums of functions of the inputs, with coefficients that parameters alone make.

Of outputs f(x; theta) = sum of phi_i(theta) m_i(x), J is the Jacobian of phi with m(x) before it,
so that its rank is never larger than the number of different phi_i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.exact.polynomial import Monomial, Polynomial, SizeLimit, ratio, scale
from symgauge.program.kept import kept
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network

#: Products of monomials that the outputs may take, and parameters above which nothing is asked.
PRODUCTS, LARGEST = 200_000, 1000
#: By function of the inputs, a monomial in symbols: its coefficient.
Parts = dict[Monomial, Polynomial]


@kept
def coefficients(network: Network) -> int | None:
    """How many different coefficients there are, multiples and added numbers not counted.

    None where an output is no such sum, or a long one, and for programs with branches: what leaves
    coefficients as they are may cross a jump of theirs.
    """
    if network.has_flows or is_piecewise(network) or network.num_coordinates > LARGEST:
        return None
    lowered = lower(network)
    lines = PolynomialLines(lowered, PRODUCTS)
    try:
        found = parts_of(lines, [p for i in lowered.outputs for p in lines.entries(i)])
    except (SizeLimit, ZeroDivisionError):
        return None
    return None if found is None else len(set(_different(lines, found)))


def parts_of(lines: PolynomialLines, entries: Sequence[Polynomial]) -> list[Parts] | None:
    """The coefficients of each entry; None where a function of inputs and parameters is in one."""
    sides, found = _Sides(lines), list[Parts]()
    for entry in entries:
        parts: Parts = {}
        for m, c in entry.items():
            of_inputs = tuple(x for x in m if sides.reads_inputs(x))
            if any(sides.reads_parameters(x) for x in of_inputs):
                return None
            parts.setdefault(of_inputs, {})[tuple(x for x in m if not sides.reads_inputs(x))] = c
        found.append(parts)
    return found


def _different(lines: PolynomialLines, found: Sequence[Parts]) -> Iterator[frozenset[object]]:
    """Each coefficient less what is added to it, over that of one of its terms."""
    sides = _Sides(lines)
    for parts in found:
        for part in parts.values():
            moved = {m: c for m, c in part.items() if any(map(sides.reads_parameters, m))}
            if moved:
                yield frozenset(scale(moved, ratio(1, moved[max(moved)])).items())


class _Sides:
    """What symbols of a ring are made of: of inputs, of parameters, of both."""

    def __init__(self, lines: PolynomialLines) -> None:
        self._lines, self._arguments = lines, lines.ring.arguments()
        self._known: dict[int, tuple[bool, bool]] = {}

    def reads_inputs(self, symbol: int) -> bool:
        """Whether an input is in it."""
        return self._of(symbol)[0]

    def reads_parameters(self, symbol: int) -> bool:
        """Whether a parameter is in it."""
        return self._of(symbol)[1]

    def _of(self, symbol: int) -> tuple[bool, bool]:
        if symbol not in self._known:
            inputs, parameters = symbol in self._lines.inputs, symbol in self._lines.parameters
            for x in () if inputs or parameters else self._arguments[symbol]:
                more = self._of(x)
                inputs, parameters = inputs or more[0], parameters or more[1]
            self._known[symbol] = inputs, parameters
        return self._known[symbol]
