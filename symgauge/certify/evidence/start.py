"""What is known at the start of a curve, at e = 0 (see `series`)."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, islice
from typing import Any

import numpy as np

from symgauge.domains.evaluate import values
from symgauge.domains.known import KnownDomain, arguments_of, inverse_root
from symgauge.domains.residues import ResidueDomain
from symgauge.domains.signs import analytic_everywhere, may_be_negative
from symgauge.errors import BadInputError
from symgauge.exact.linear_algebra import rank_gf2
from symgauge.exact.prime_field import PrimeField, is_prime
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network

#: Functions whose arguments must be known at e = 0; those whose argument must be 0.
FUNCTIONS = ("exp", "log", "erf", "sin", "cos", "atan")
ODD = ("erf", "sin", "cos", "atan")
#: Those whose values at rational constants are powers of one number, for each kind of number.
POWERS = ("exp", "sin", "cos")
#: Fields tried for one in which constants have exponentials; twice as many for each root.
MAX_FIELDS = 1000
#: Primes beyond the number of constants under roots whose characters tell these apart.
CHARACTERS = 24
#: Arguments, and the residues of the function's values there.
Tables = Mapping[str, Mapping[int, int]]


def no_curve(reason: str) -> BadInputError:
    """The refusal: why power series do not reach a network."""
    return BadInputError(
        f"power series do not reach this network: {reason}; certify it without --series"
    )


@dataclass(frozen=True)
class Start:
    """The known arguments of functions at e = 0, and the known radicands."""

    exps: frozenset[Fraction]
    logs: frozenset[Fraction]
    roots: frozenset[Fraction]

    def tables(self, field: PrimeField, salt: int) -> Tables:
        """Residues of the values: those of the functions of constants."""
        known = ResidueDomain(field, salt, 1)
        exps = {field.residue(c): known.at_rational("exp", c) for c in self.exps}
        exps[0] = 1  # erf has exp(0) in its slope
        logs = {field.residue(v): known.at_rational("log", v) for v in self.logs}
        roots = {field.residue(v): _residue_of_root(v, field) for v in self.roots}
        sizes = len(exps), len(logs), len(roots)
        if sizes != (len(self.exps | {0}), len(self.logs), len(self.roots)):
            raise ZeroDivisionError("two constants have the same residue")
        return {"exp": exps, "log": logs, "rsqrt": roots}


def _residue_of_root(v: Fraction, field: PrimeField) -> int:
    """v**(-1/2) in a field that has it: of either sign where no rational number is it."""
    found = inverse_root(v)
    if found is not None:
        return field.residue(found)
    root = int(field.inverse(field.sqrt(np.array([float(field.residue(v))])))[0])
    if root * root * field.residue(v) % field.p != 1:
        raise ZeroDivisionError(f"no root of {v}")
    return root


def _without_root(roots: Iterable[Fraction]) -> list[Fraction]:
    """Those of which no rational number is the root."""
    return [v for v in sorted(roots) if inverse_root(v) is None]


def _independent(radicands: Sequence[Fraction]) -> bool:
    """Whether no product of some of them is a square.

    Such a product would be a square modulo every prime: their quadratic characters tell.
    """
    some = (PrimeField(n) for n in count((1 << 25) + 3, 4) if is_prime(n))
    bits = [
        field.character(np.array([float(field.residue(v)) for v in radicands])) == -1.0
        for field in islice(some, CHARACTERS + len(radicands))]
    return not radicands or rank_gf2(np.array(bits)) == len(radicands)


def known_lines(network: Network, scaled: Sequence[str] | frozenset[str]) -> list[Array]:
    """What is known of every line of the lowered program where these parameters are 0."""
    lowered, domain = lower(network), KnownDomain()
    theta = {
        p.name: domain.zeros((1, *p.shape)) if p.name in scaled else domain.unknown((1, *p.shape))
        for p in lowered.parameters
    }
    return values(
        lowered, domain, theta, {x.name: domain.unknown((1, *x.shape)) for x in lowered.inputs})


def start_of(network: Network, lines: Sequence[Array]) -> Start:
    """What the functions and roots start from. Raises BadInputError where it is not known."""
    program, linear = lower(network), _read_linearly(network)
    found: dict[str, set[Fraction]] = defaultdict(set)
    bent: dict[str, set[Fraction]] = defaultdict(set)  # at lines that something bends behind
    powers = False
    for i, node in enumerate(program.nodes):
        known = _KNOWN.get(node.op_name)
        if known is None:
            continue
        constant = arguments_of(program).get(i)
        if constant is not None and node.op_name in POWERS:
            powers = powers or any(constant.table)
            continue
        arguments = known(node.op_name, set(lines[node.inputs[0]].reshape(-1).tolist()))
        found[node.op_name] |= arguments
        bent[node.op_name] |= set() if linear[i] else arguments
    if not _independent(_without_root(found["rsqrt"])):
        raise no_curve("a product of constants under roots is not shown to be no square")
    numbers = [f"log {v}" for v in sorted(bent["log"] - {1})]
    numbers += ["e"] * bool(powers or found["exp"] - {0}) + ["pi"] * ("erf" in found)
    if len(numbers) > 1:
        raise no_curve(
            f"{' and '.join(numbers[:3])} stand at its start, of which algebraic independence is "
            "not known")
    return Start(*(frozenset(found[k]) for k in ("exp", "log", "rsqrt")))


def _numbers(name: str, arguments: set[Any]) -> set[Fraction]:
    """The arguments, all of which are known."""
    if None in arguments:
        raise no_curve(
            f"no parameters are found at whose zeros the arguments of {name} are known numbers")
    return arguments


def _positive(name: str, arguments: set[Any]) -> set[Fraction]:
    """The same for a logarithm."""
    if any(v <= 0 for v in _numbers(name, arguments)):
        raise no_curve("a logarithm of a number that is not positive")
    return arguments


def _zero(name: str, arguments: set[Any]) -> set[Fraction]:
    """The same for a function whose value is known at 0 alone."""
    return _numbers(name, {None} if arguments - {0} else arguments)


def _with_roots(name: str, arguments: set[Any]) -> set[Fraction]:
    """The radicands that are known, each positive; the others are drawn until they have roots."""
    known = arguments - {None}
    if any(v <= 0 for v in known):
        raise no_curve("a constant under a root is not positive")
    return known


#: What is known of the arguments of a function at the start, or the refusal.
_KNOWN = {
    "exp": _numbers, "log": _positive, "erf": _zero, "sin": _zero, "cos": _zero, "atan": _zero,
    "rsqrt": _with_roots,
}


def _read_linearly(network: Network) -> list[bool]:
    """Which lines reach the outputs by linear ops alone: no derivative depends on their values."""
    nodes = lower(network).nodes
    linear = [True] * len(nodes)
    for i in range(len(nodes) - 1, -1, -1):
        op = nodes[i].op
        moves = op is not None and op.linear
        for j in nodes[i].inputs:
            linear[j] = linear[j] and moves and linear[i]
    return linear


def require_reached(network: Network, scaled: Sequence[str]) -> None:
    """Raise BadInputError where series prove nothing: flows, roots that may have no sign there."""
    if network.has_flows:
        raise no_curve("it has flows of vector fields (ode_flow)")
    if analytic_everywhere(network):
        return
    if is_piecewise(network):
        raise no_curve("it has branches, and a root or logarithm of what may be 0 or negative")
    if may_be_negative(network, scaled):
        raise no_curve("a root of what may be negative")


def random_field() -> PrimeField:
    """GF(p) for a random prime p = 3 mod 4 of 26 bits, from the system's randomness."""
    while True:
        n = (1 << 25) + 4 * secrets.randbelow(1 << 23) + 3
        if is_prime(n):
            return PrimeField(n)


def field_for(network: Network, scaled: Sequence[str] | frozenset[str]) -> PrimeField:
    """A random field in which e has the powers that stand at the start of a curve, and roots are.

    Raises BadInputError where what stands there is not known.
    """
    start = start_of(network, known_lines(network, scaled))
    below = {c.denominator for c in start.exps}
    below |= {r.denominator for a in arguments_of(lower(network)).values() for r in a.table}
    without = _without_root(start.roots)
    for _ in range(MAX_FIELDS << min(len(without), 8)):
        field = random_field()
        try:
            for d in below:
                field.exponential(Fraction(1, d), 2)
                field.turned(Fraction(1, d), 2)
            for v in without:
                _residue_of_root(v, field)
        except ZeroDivisionError:
            continue
        return field
    raise no_curve("constants of which no random field has the exponentials and roots")
