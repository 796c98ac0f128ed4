"""What null directions without a generator are, where a theorem says it.

The sums of s powers of degree d > 2 of linear forms in v variables have the dimension that counting
gives, but for four (d, v, s), where it is less by 1: J. Alexander and A. Hirschowitz, Polynomial
interpolation in several variables, J. Algebraic Geom. 4 (1995).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import comb

from symgauge.identities.coefficients import LARGEST, PRODUCTS
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.exact.polynomial import Polynomial, SizeLimit
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: Degree, variables and number of the powers whose sums have a smaller dimension, that being it.
DEFECTIVE = {(4, 3, 5): 14, (4, 4, 9): 34, (4, 5, 14): 69, (3, 5, 7): 34}


def named(network: Network, rank: int) -> str:
    """What the null directions without a generator are, where J has this rank; else empty."""
    if network.has_flows or network.num_coordinates > LARGEST:
        return ""
    powers = _power_sum(lower(network))
    if powers is not None and DEFECTIVE.get(powers) == rank:
        d, v, s = powers
        return (f"sums of {s} powers of degree {d} of linear forms in {v} variables have dimension "
                f"{rank}, 1 less than counting gives, {min(s * v, comb(v + d - 1, d))} "
                "(Alexander and Hirschowitz)")
    return ""


def _power_sum(lowered: Network) -> tuple[int, int, int] | None:
    """Degree, variables and number of the terms of sum c_k l_k^d with free c and l, one output.

    With biases in l_k there is one more variable, the number 1.
    """
    lines = PolynomialLines(lowered, PRODUCTS)
    found = [i for i, n in enumerate(lowered.nodes) if n.op is not None and n.attrs.get(
        "exponent", 0) > 2 and n.op.law == "homogeneous" and lowered.reached[i]]
    if len(found) != 1:
        return None
    (line,) = found
    try:
        forms = lines.entries(lowered.nodes[line].inputs[0])
        units = lines.replaced(line)
        outputs = [p for i in lowered.outputs for p in lines.entries(i)]
    except (SizeLimit, ZeroDivisionError):
        return None
    used: list[int] = []
    of_forms = {frozenset(_free(p, lines.inputs, lines, used)) for p in forms}
    of_outputs = [set(_free(p, units, lines, used)) for p in outputs]
    (variables,) = of_forms if len(of_forms) == 1 else [{None}]
    # a bias of the output is no power, or a fixed one
    if None in variables or of_outputs != [{(u,) for u in units}] or len(used) > len(set(used)):
        return None
    return int(lowered.nodes[line].attrs["exponent"]), len(variables), len(units)


def _free(
    p: Polynomial, variables: Iterable[int], lines: PolynomialLines, used: list[int]
) -> list[tuple[int, ...] | None]:
    """The variables that a sum of different parameters times one or none each has, () for none.

    None is among them where it is no such sum. `used` takes the parameters.
    """
    found: list[tuple[int, ...] | None] = []
    chosen = set(variables)
    for m, c in p.items():
        rest = [x for x in m if x not in chosen]
        single = c == 1 and len(rest) == 1 and rest[0] in lines.parameters and len(m) <= 2
        found.append(tuple(x for x in m if x in chosen) if single else None)
        used += rest
    return found
