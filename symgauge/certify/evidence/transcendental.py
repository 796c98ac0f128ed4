"""Whether the values of exp, log, erf, sin, cos and atan are independent (see `residues`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from symgauge.domains.known import arguments_of, nested_functions
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.exact.rational import factors
from symgauge.points.cells import PATTERNS, branches_below
from symgauge.points.rows import FUNCTIONS
from symgauge.points.spots import Points, Spot, points_at
from symgauge.program.constant import Constant
from symgauge.program.network import Network

#: Points beyond the number of columns.
SPARE = 8
#: Token inputs on which arguments are counted first.
FEW = 12
#: Arguments that are tested together at most; above, their independence stays a hypothesis.
MAX_COLUMNS = 800


#: An argument's residues and its differentials along inputs and parameters.
_Column = tuple[Array, Array, Array]


class _Columns:
    """What values of functions depend on at the points, by a key that names function and argument.

    Each column is an argument's residues and its differentials along inputs and parameters:
    D a for exp a and for the point (cos a, sin a), D b / b for log b. Arguments of exp, erf and
    the circle are the same up to sign.
    """

    def __init__(self, network: Network, points: Points, field: PrimeField) -> None:
        self.field = field
        #: Exponentials and logarithms, whose arguments are tested together.
        self.powers: dict[tuple[str, bytes], _Column] = {}
        #: Points of the circle, exp(i a): independent of all exp a and log b, and tested apart.
        self.circle: dict[tuple[str, bytes], _Column] = {}
        #: Whether there are arguments of erf that are not 0.
        self.erfs = False
        #: The exponents -z^2 of erf z, and those that exp is taken of.
        self._squares: set[tuple[str, bytes]] = set()
        self._exponents: set[tuple[str, bytes]] = set()
        batch = len(points.valid)

        def flat(a: Array | None, like: Array) -> Array:
            shape = (batch, *like.shape[1:])
            full = np.zeros(shape) if a is None else np.broadcast_to(a, shape)
            return full.reshape(batch, -1)

        for i, node in enumerate(network.nodes):
            rule = _RULES.get(node.op_name)
            if rule is not None and not network.is_constant[i]:
                j = node.inputs[0]
                like = points.lines[j]
                lines = (like, points.along_inputs[j], points.along_parameters[j])
                rule(self, *(flat(x, like) for x in lines))

    @property
    def shared(self) -> bool:
        """Whether exp is taken of an exponent -z^2 of erf z as well."""
        return bool(self._squares & self._exponents)

    def exp(self, a: Array, dx: Array, dt: Array) -> None:
        """exp(-a) = 1 / exp(a), and exp 0 = 1."""
        self._exponents |= {self._key("exp", c) for c in a.T}
        self._put(self.powers, "exp", a, dx, dt)

    def log(self, a: Array, dx: Array, dt: Array) -> None:
        """log 1 = 0."""
        inverse = self.field.inverse(a)
        self._put(self.powers, "log", a, self.field.mul(dx, inverse), self.field.mul(dt, inverse))

    def erf(self, a: Array, dx: Array, dt: Array) -> None:
        """erf is odd, and has exp(-a^2) in its derivative."""
        field = self.field
        two, square = field.neg(field.add(a, a)), field.neg(field.mul(a, a))
        self.erfs = self.erfs or bool(a.any())
        self._squares |= {self._key("exp", c) for c in square.T if c.any()}
        self._put(self.powers, "exp", square, field.mul(two, dx), field.mul(two, dt))

    def turn(self, a: Array, dx: Array, dt: Array) -> None:
        """(cos a, sin a)."""
        self._put(self.circle, "circle", a, dx, dt)

    def arc(self, a: Array, dx: Array, dt: Array) -> None:
        """2 i atan a is the logarithm of (1 + i a) / (1 - i a): D a / (1 + a^2), beside angles."""
        field = self.field
        slope = field.inverse(field.add(field.mul(a, a), np.ones_like(a)))
        self._put(self.circle, "atan", a, field.mul(dx, slope), field.mul(dt, slope))

    def _key(self, function: str, column: Array) -> tuple[str, bytes]:
        # of a and -a, the one whose first residue is the smaller
        if function != "log" and 2 * column[np.argmax(column != 0.0)] > self.field.p:
            column = self.field.neg(column)
        return function, np.ascontiguousarray(column).tobytes()

    def _put(
        self, table: dict[tuple[str, bytes], _Column], function: str, a: Array, dx: Array, dt: Array
    ) -> None:
        for j in range(a.shape[1]):
            # values at 0, and log 1, are exact
            if (a[:, j] != (1.0 if function == "log" else 0.0)).any():
                table.setdefault(self._key(function, a[:, j]), (a[:, j], dx[:, j], dt[:, j]))


#: What each function adds.
_RULES = {
    "exp": _Columns.exp, "log": _Columns.log, "erf": _Columns.erf, "sin": _Columns.turn,
    "cos": _Columns.turn, "atan": _Columns.arc,
}


def about_functions(
    network: Network, field: PrimeField, rng: np.random.Generator, spots: Sequence[Spot],
    tokens: bool, shown: list[str], missing: list[str],
) -> bool:
    """Whether pi is among the numbers that the residues stand for (see `constants`)."""
    # one theta is looked at with many inputs: the values on all of them together
    found = _tested(network, field, rng, 8, spots[:FEW])
    if found.count <= MAX_COLUMNS and len(spots) > FEW:
        found = _tested(network, field, rng, 8, spots)
    if found.count <= MAX_COLUMNS:
        batch = 2 * found.count + 4 * SPARE
        found = _tested(network, field, rng, batch, spots)
        if not found.full and found.least < found.count + SPARE:
            # points were lost for want of a root, and nothing was seen
            full = _tested(network, field, rng, 8 * batch, spots).full
            found = replace(found, full=full)
    n = found.count
    values_text = "exponential and logarithm values"
    branched = any(branches_below(network, FUNCTIONS))
    if n > MAX_COLUMNS:
        missing.append(f"the {values_text} are independent (too many to test)")
    elif not found.full:
        missing.append(
            f"the {values_text} are independent (the rank of their arguments' differentials "
            "falls short)"
        )
    elif n:
        # how many arguments coincide depends on what was drawn: no number is claimed then
        tally = f"{n} of {n}"
        if tokens:
            tally = "on the token sequences of the rank"
        elif branched:
            tally = f"on the branches at {PATTERNS} inputs"
        shown.append(f"independence of {values_text}: proved ({tally})")
    # their exponents -z^2 are among the columns: independent, or nothing is known of erf either
    if found.erfs and found.full and n <= MAX_COLUMNS:
        shown.append("independence of erf values over the exponentials: proved (proofs/l1_erf.py)")
    elif found.erfs:
        missing.append("the values of erf are independent over the exponentials")
    return found.shared


def _primes_in(argument: Constant) -> set[str]:
    return {f"log {q}" for r in argument.table if r > 0 for q in factors(r)}


def _powers_of_e(argument: Constant) -> set[str]:
    return {"e"} if any(argument.table) else set()


#: The numbers of which values of functions at rational numbers are powers, or combinations.
_NUMBERS = {
    "log": _primes_in, "exp": _powers_of_e, "sin": _powers_of_e, "cos": _powers_of_e,
}


def about_constants(
    network: Network, pi: bool, shown: list[str], missing: list[str]
) -> None:
    """What is assumed of functions of constants, and of pi.

    sqrt(pi) stands in the derivative of erf z alone, beside exp(-z^2). Where exp(-z^2) stands
    nowhere else, their product is one independent value, and nothing is assumed.
    """
    numbers: set[str] = {"pi"} if pi else set()
    for i, argument in arguments_of(network).items():
        stands_for = _NUMBERS.get(network.nodes[i].op_name)
        if stands_for is not None:
            numbers |= stands_for(argument)
        elif any(argument.table) and i not in network.root_lines:
            name = network.nodes[i].op_name
            missing.append(f"the values of {name} at constants are independent of all others")
    nested = nested_functions(network)
    if nested:
        missing.append(
            f"values of {', '.join(nested)} at constants that are not rational are "
            "independent of all others"
        )
    if len(numbers) > 1:
        names = sorted(numbers)
        missing.append(f"{', '.join(names[:-1])} and {names[-1]} are algebraically independent")
    elif "e" in numbers:
        shown.append(
            "exponentials, sines and cosines of constants: no relations but those of powers "
            "(Lindemann and Weierstrass)"
        )


@dataclass(frozen=True)
class _Test:
    """Number of distinct arguments, whether their differentials are independent, the points.

    Also whether there are values of erf, and whether exp is taken of an exponent -z^2 of theirs.
    """

    count: int
    full: bool
    least: int
    erfs: bool
    shared: bool


def _tested(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[Spot],
) -> _Test:
    """The test at fresh points.

    Arguments that move with an input are tested spot by spot, because the inputs of two spots are
    different indeterminates; those of parameters alone over all spots together, at the same
    thetas.
    """
    seed = int(rng.integers(1 << 62))
    fixed: list[dict[tuple[str, bytes], Array]] = [{}, {}]
    most, full, least, erfs, shared = 0, bool(spots), batch, False, False
    good = np.ones(batch, dtype=bool)
    # of erf it is asked more than how many arguments there are
    counts_alone = all(_RULES.get(node.op_name) is not _Columns.erf for node in network.nodes)
    for points in points_at(network, field, rng, batch, spots, seed):
        columns = _Columns(network, points, field)
        here = points.valid
        count = 0
        for table, kept in zip((columns.powers, columns.circle), fixed, strict=True):
            moved = [dx[here] for _, dx, _ in table.values() if dx[here].any()]
            count += len(moved)
            if moved and full:
                full = rank(np.stack(moved, axis=1), field.p) == len(moved)
            for name, (_, dx, dt) in table.items():
                if not dx[here].any():
                    kept.setdefault(name, dt)
        most, least = max(most, count), min(least, int(here.sum()))
        erfs, shared = erfs or columns.erfs, shared or columns.shared
        good &= here
        if counts_alone and most + sum(map(len, fixed)) > MAX_COLUMNS:
            break  # too many, whatever comes
    for kept in fixed:
        if kept and full:
            part = np.stack([dt[good] for dt in kept.values()], axis=1)
            full = rank(part, field.p) == len(kept)
    return _Test(most + sum(len(kept) for kept in fixed), full, least, erfs, shared)
