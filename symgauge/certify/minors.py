"""Fields by minors: all that leaves the outputs' coefficients as they are.

Where f(x; theta) is a sum of phi_i(theta) m_i(x) with N coefficients phi_i, each N + 1 coordinates
k_0, ..., k_N make a field X with X_(k_j) = (-1)^j times the minor of d phi without the column k_j.
X phi_i is the determinant of d phi at these columns with its row i written twice: 0, so that
X f = 0 for all parameters and inputs. Where rank J = N the minors of order N are not all 0, and
these fields span the kernel of J: P - N directions, whose components may be too long to write.
Where something else says that rank d phi is no larger than r, minors of order r do the same. Where
it says so of J alone, r rows of J at fixed inputs take the place of d phi: the other rows are sums
of these at generic parameters.
"""

from __future__ import annotations

from symgauge.determining.secants import terms_of
from symgauge.identities.coefficients import coefficients
from symgauge.program.network import Network

#: Said where another program bounds the rank.
RELAXED = (
    "with any coefficients in line {line} of the lowered program, a sum of functions of the "
    "inputs, the outputs have the rank {rank} too, and a certificate of their own: J has no larger "
    "rank, and minors of order {rank} of its rows at fixed inputs are the components of fields "
    "that span its kernel")
#: Said where flattenings bound the rank.
SECANT = (
    "the outputs' coefficients are a sum of {terms} pure tensors, the derivatives of which have no "
    "more than {rank} dimensions, by their flattenings: J has no larger rank, and minors of order "
    "{rank} of the coefficients' derivatives are the components of fields that span its kernel")


def spanned_by_minors(network: Network, jacobian_rank: int) -> str:
    """What is shown where fields by minors span the kernel of J, which has this rank; else empty.
    """
    number = coefficients(network)
    if number is None:
        return ""
    if number > jacobian_rank:
        terms = terms_of(network, jacobian_rank)
        return "" if terms is None else SECANT.format(terms=terms, rank=jacobian_rank)
    if number < jacobian_rank:
        return ""
    made = "one coefficient that the parameters make" if number == 1 else (
        f"{number} coefficients that the parameters make, which are independent")
    return (f"outputs are sums of functions of the inputs with {made}: J has no larger rank, and "
            f"minors of order {number} of the coefficients' derivatives are the components of "
            "fields that span its kernel")
