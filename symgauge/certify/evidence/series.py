"""rank J >= r along a curve of power series in e: no value is taken as independent of another.

Some parameters are multiplied by e. At e = 0 the argument of every exponential, logarithm, error
function, sine and cosine is then a known rational number, whatever the other parameters and the
inputs are, so its value is known as well: a rational number, or made of one transcendental number
(e^(1/n) by Hermite and Lindemann, log v of a rational v by Lindemann, sqrt(pi) by Lindemann), for
which a random residue may stand. Minors of J along the curve are power series whose coefficients
are rational functions of that number, of the free parameters and inputs, and of the square roots
at e = 0. A minor that is not 0 over GF(p)((e)) at one point is not 0, and J has this rank at
generic parameters.

Roots at e = 0: the sign of a root is free where no product of distinct radicands is a square.
Stage by stage one slice of the parameters or inputs is drawn anew; radicands of earlier stages do
not move with it, and those that do have quadratic characters which are independent over GF(2)
along it, together with the constant: then they and all before are independent (a product that is
a square times a constant has a constant character).

The residue field is drawn as well: a program cannot be made for one prime.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.certify.duration import LINEAR
from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.known import KnownDomain, arguments_of, inverse_root
from symgauge.domains.leading import LeadingDomain
from symgauge.domains.residues import ResidueDomain
from symgauge.domains.series import SeriesDomain
from symgauge.domains.signs import analytic_everywhere, may_be_negative
from symgauge.errors import BadInputError, InconsistentError, SizeError
from symgauge.exact.linear_algebra import rank_gf2, series_ranks
from symgauge.exact.prime_field import PrimeField, is_prime
from symgauge.points.cells import branch_patterns
from symgauge.points.inputs import has_tokens, residue_inputs
from symgauge.points.rows import CHUNK_ENTRIES, SPARE
from symgauge.points.tokens import draw_tokens
from symgauge.program.array import Array
from symgauge.program.lower import has_op, is_piecewise, lower
from symgauge.program.network import Network
from symgauge.program.op import Structural

#: Orders that are tried one after the other; no higher one is accepted.
ORDERS = (6, 12, 24)
#: Entries of the coefficients of all rows at most (2 GB of float64).
MAX_ENTRIES = 1 << 28
#: Rows that are drawn for each that is taken, where there are pieces.
SHARE = 4
#: Functions whose arguments must be known at e = 0; those whose argument must be 0.
FUNCTIONS = ("exp", "log", "erf", "sin", "cos")
ODD = ("erf", "sin", "cos")
#: Those whose values at rational constants are powers of one number, for each kind of number.
POWERS = ("exp", "sin", "cos")
#: Fields tried for one in which constants have exponentials.
MAX_FIELDS = 1000
#: Draws of a slice beyond the number of radicands; draws at most.
DRAWS, MAX_DRAWS = 40, 1 << 14
#: Rows among which slices are looked for that reach a radicand.
FEW = 8

#: Arguments, and the residues of the function's values there.
Tables = Mapping[str, Mapping[int, int]]


def no_curve(reason: str) -> BadInputError:
    """The refusal: why power series do not reach a network."""
    return BadInputError(
        f"power series do not reach this network: {reason}; certify it without --series"
    )


@dataclass(frozen=True)
class Curve:
    """theta(e): the parameters that are multiplied by e, and the order of the series."""

    scaled: tuple[str, ...]
    order: int

    def shown(self, rank: int) -> str:
        """The statement, as claims carry it."""
        return (
            f"rank J >= {rank}: along power series in e from theta0 ({len(self.scaled)} parameters "
            f"are 0 there), modulo e^{self.order}, no value taken as independent"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"scaled": list(self.scaled), "order": self.order}

    @staticmethod
    def from_json(data: Any, network: Network) -> Curve:
        """The curve in plain data. Raises BadInputError where it is none of this network."""
        names = [p.name for p in network.parameters]
        try:
            scaled, order = tuple(data["scaled"]), data["order"]
            if set(data) != {"scaled", "order"}:
                raise ValueError("its keys are not those of a curve")
            if list(scaled) != [n for n in names if n in scaled]:
                raise ValueError("it does not name parameters, in their order")
            if type(order) is not int or not 1 <= order <= ORDERS[-1]:
                raise ValueError(f"the order is {order!r:.20}")
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"the curve is malformed: {error}") from error
        return Curve(scaled, order)


# -- what is known at e = 0 ----------------------------------------------------------------------


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
        roots = {field.residue(v): field.residue(_known_root(v)) for v in self.roots}
        sizes = len(exps), len(logs), len(roots)
        if sizes != (len(self.exps | {0}), len(self.logs), len(self.roots)):
            raise ZeroDivisionError("two constants have the same residue")
        return {"exp": exps, "log": logs, "rsqrt": roots}


def _known_root(v: Fraction) -> Fraction:
    found = inverse_root(v)
    assert found is not None
    return found


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
    found: dict[str, set[Fraction]] = {"exp": set(), "log": set(), "rsqrt": set()}
    kinds: set[str] = set()
    logarithms: set[Fraction] = set()
    linear = _read_linearly(network)
    powers = False
    for i, node in enumerate(lower(network).nodes):
        name = "" if node.op is None else node.op.name
        if name not in FUNCTIONS and name != "rsqrt":
            continue
        kinds.add(name)
        constant = arguments_of(lower(network)).get(i)
        if constant is not None and name in POWERS:
            powers = powers or any(constant.table)
            continue
        arguments = set(lines[node.inputs[0]].reshape(-1).tolist())
        if name == "rsqrt":
            known = {v for v in arguments if v is not None}
            if any(inverse_root(v) is None for v in known):
                raise no_curve("a constant under a root is no square of a rational number")
        elif None in arguments or name in ODD and arguments - {0}:
            raise no_curve(
                f"no parameters are found at whose zeros the arguments of {name} are known numbers")
        else:
            known = arguments
        if name == "log" and any(v <= 0 for v in known):
            raise no_curve("a logarithm of a number that is not positive")
        if name not in ODD:
            found[name] |= known
        if name == "log" and not linear[i]:
            logarithms |= known
    numbers = [f"log {v}" for v in sorted(logarithms - {1})]
    numbers += ["e"] * bool(powers or found["exp"] - {0}) + ["pi"] * ("erf" in kinds)
    if len(numbers) > 1:
        raise no_curve(
            f"{' and '.join(numbers[:3])} stand at its start, of which algebraic independence is "
            "not known")
    return Start(*(frozenset(found[k]) for k in ("exp", "log", "rsqrt")))


def _read_linearly(network: Network) -> list[bool]:
    """Which lines reach the outputs by linear ops alone: no derivative depends on their values."""
    nodes = lower(network).nodes
    linear = [True] * len(nodes)
    for i in range(len(nodes) - 1, -1, -1):
        op = nodes[i].op
        moves = op is not None and (op.name in LINEAR or isinstance(op, Structural))
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


# -- points --------------------------------------------------------------------------------------


def random_field() -> PrimeField:
    """GF(p) for a random prime p = 3 mod 4 of 26 bits, from the system's randomness."""
    while True:
        n = (1 << 25) + 4 * secrets.randbelow(1 << 23) + 3
        if is_prime(n):
            return PrimeField(n)


def field_for(network: Network, scaled: Sequence[str] | frozenset[str]) -> PrimeField:
    """A random field in which e has the powers that stand at the start of a curve.

    Raises BadInputError where what stands there is not known.
    """
    start = start_of(network, known_lines(network, scaled))
    below = {c.denominator for c in start.exps}
    below |= {r.denominator for a in arguments_of(lower(network)).values() for r in a.table}
    for _ in range(MAX_FIELDS):
        field = random_field()
        try:
            for d in below:
                field.exponential(Fraction(1, d), 2)
                field.turned(Fraction(1, d), 2)
        except ZeroDivisionError:
            continue
        return field
    raise no_curve("constants of which no random field has the exponentials")


@dataclass
class _Point:
    """One theta, and inputs and branches for each row, residues; settled in place."""

    network: Network
    field: PrimeField
    rng: np.random.Generator
    scaled: frozenset[str]
    tables: Tables
    salt: int
    theta: dict[str, Array]
    inputs: dict[str, Array]
    patterns: list[Array]

    def radicands(
        self, rows: npt.NDArray[np.int64], theta: Mapping[str, Array] | None = None,
        inputs: Mapping[str, Array] | None = None, repeated: int = 1,
    ) -> Array:
        """The radicands at e = 0 at these rows, `repeated` times: (repeated * rows, radicands).

        `theta` and `inputs` take the place of some tensors.
        """
        at = np.tile(rows, repeated)
        domain = LeadingDomain(
            self.field, self.salt, len(at), self.tables, [b[at] for b in self.patterns], True)
        leading = {
            n: np.zeros_like(v) if n in self.scaled else v
            for n, v in {**self.theta, **(theta or {})}.items()
        }
        given = {n: v[at] for n, v in self.inputs.items()} | dict(inputs or {})
        values(self._prefix, domain, leading, given)
        return np.concatenate(domain.radicands, axis=1)

    @cached_property
    def _prefix(self) -> Network:
        """The program up to its last root."""
        lowered = lower(self.network)
        last = max(i for i, n in enumerate(lowered.nodes) if n.op and n.op.name == "rsqrt")
        return Network(lowered.nodes[:last + 1], (last,), lowered.ops)

    def settle(self) -> str:
        """Draw parameters and inputs until every radicand is a square: "" or why that fails."""
        if not has_op(self.network, "rsqrt"):
            return ""
        count = len(next(iter(self.inputs.values()))) if self.inputs else 1
        everything = np.arange(count)
        base = self._all(everything)
        free = [x.name for x in lower(self.network).inputs if not x.classes]
        moving = np.zeros(base.shape, dtype=bool)
        if free:
            drawn = {n: self.field.random(self.rng, self.inputs[n].shape) for n in free}
            moving = self._all(everything, drawn) != base
        known = np.isin(base, list(self.tables["rsqrt"]))
        moved = np.asarray(moving.any(axis=0))
        fixed = ~moved & ~known
        if fixed.any():
            reason = self._settle_theta(_covering(base, fixed), moved)
            if reason:
                return reason
        reason = self._settle_inputs(everything, moved) if moved.any() else ""
        # what no stage has tested must not pass by luck
        base = self._all(everything)
        known = np.isin(base, list(self.tables["rsqrt"]))
        if not reason and ((self.field.character(base) != 1.0) & ~known).any():
            return "a root at e = 0 is not found"
        return reason

    def _all(
        self, rows: npt.NDArray[np.int64], inputs: Mapping[str, Array] | None = None
    ) -> Array:
        """`radicands`, a bounded number of rows at a time."""
        entries = sum(prod(n.shape) for n in self._prefix.nodes)
        step = int(max(8, CHUNK_ENTRIES // max(entries, 1)))
        return np.concatenate([
            self.radicands(part, inputs={n: v[part] for n, v in (inputs or {}).items()})
            for part in (rows[k:k + step] for k in range(0, len(rows), step))
        ])

    # -- parameters: what depends on no input, at a few rows that show all radicands -------------

    def _settle_theta(self, rows: npt.NDArray[np.int64], moved: npt.NDArray[np.bool_]) -> str:
        base = self.radicands(rows)
        wanted = ~moved[None] & ~np.isin(base, list(self.tables["rsqrt"]))
        slices = []
        for p in lower(self.network).parameters:
            if p.name in self.scaled or not p.shape:
                continue
            other = {p.name: self.field.random(self.rng, self.theta[p.name].shape)}
            if ((self.radicands(rows, other) != base) & wanted).any():
                slices += [(p.name, k) for k in range(p.shape[0])]

        def drawn(name: str, k: int, count: int) -> Array:
            tensor = np.repeat(self.theta[name], count, axis=0)
            tensor[:, k] = self.field.random(self.rng, tensor[:, k].shape)
            return tensor

        def redrawn(at: tuple[str, int], count: int) -> tuple[Array, Array]:
            tensor = drawn(*at, count)
            theta = {at[0]: np.repeat(tensor, len(rows), axis=0)}
            return tensor, self.radicands(rows, theta, repeated=count)

        reach = [(redrawn(at, 1)[1] != base) & wanted for at in slices]
        stages = _stages(reach, wanted, base)
        if stages is None:
            return "a radicand at e = 0 moves with no row of a parameter"
        settled = np.zeros(base.shape, dtype=bool)
        for k, mine in stages:
            base, good, bits, tried = self.radicands(rows), None, [], 0
            levels = self._levels(base.shape[1])
            places = np.flatnonzero(mine)
            count, due = max(DRAWS + len(places), 64), 0
            while tried < MAX_DRAWS:
                tensors, found = redrawn(slices[k], count)
                found = found.reshape(count, *base.shape)
                if (found != base)[:, settled].any():
                    return "radicands at e = 0 depend on each other in a ring"
                tried += count
                bits.append(found.reshape(count, -1)[:, places])
                square = self.field.character(bits[-1]) == 1.0
                if good is None and square.all(axis=1).any():
                    good = tensors[square.all(axis=1)][:1]
                if good is None or tried < due:
                    continue
                if self._independent(np.concatenate(bits), levels[places % base.shape[1]]):
                    break
                # the test takes all draws: again once there are twice as many
                due = 2 * tried
            else:
                return "a product of radicands at e = 0 is not shown to be no square"
            self.theta[slices[k][0]] = good
            settled |= mine
        return ""

    # -- inputs: row by row, all rows at once -----------------------------------------------------

    def _settle_inputs(
        self, rows: npt.NDArray[np.int64], moved: npt.NDArray[np.bool_]
    ) -> str:
        lowered = lower(self.network)
        few = rows[:FEW]
        base = self.radicands(few)
        slices = [
            (x.name, axis, k) for x in lowered.inputs if not x.classes
            for axis in range(len(x.shape)) for k in range(x.shape[axis])
        ]

        def redrawn(at: tuple[str, int, int], which: npt.NDArray[np.int64]) -> Array:
            tensor = self.inputs[at[0]][which].copy()
            place: Any = (slice(None),) * (at[1] + 1) + (at[2],)
            tensor[place] = self.field.random(self.rng, tensor[place].shape)
            return tensor

        def seen(at: tuple[str, int, int], which: npt.NDArray[np.int64]) -> tuple[Array, Array]:
            tensor = redrawn(at, which)
            return tensor, self._all_with(which, {at[0]: tensor})

        wanted = np.broadcast_to(moved, base.shape)
        reach = [
            np.broadcast_to((seen(at, few)[1] != base).any(axis=0) & moved, base.shape)
            for at in slices
        ]
        stages = _stages([r[:1] for r in reach], wanted[:1], base[:1])
        if stages is None:
            return "a radicand at e = 0 moves with no slice of an input"
        # rows of one kind have the same radicands, as functions of their inputs
        kinds = self._kinds(rows)
        settled = np.zeros(base.shape[1], dtype=bool)
        for k, mine in stages:
            columns = np.flatnonzero(mine[0])
            base, bits = self._all(kinds), []
            levels = self._levels(base.shape[1])[columns]
            pending = np.ones(len(kinds), dtype=bool)
            for tried in range(1, MAX_DRAWS // 32 + 1):
                _, found = seen(slices[k], kinds)
                if (found != base)[:, settled].any():
                    return "radicands at e = 0 depend on each other in a ring"
                bits.append(found[:, columns])
                if tried >= DRAWS + len(columns) and tried % 16 == 0:
                    drawn = np.stack(bits)
                    for i in np.flatnonzero(pending):
                        pending[i] = not self._independent(drawn[:, i], levels)
                if not pending.any():
                    break
            else:
                return "a product of radicands at e = 0 is not shown to be no square"
            wrong = rows
            for _ in range(24 << min(len(columns), 9)):
                found = self._all(wrong)[:, columns]
                wrong = wrong[(self.field.character(found) != 1.0).any(axis=1)]
                if not len(wrong):
                    break
                self.inputs[slices[k][0]][wrong] = redrawn(slices[k], wrong)
            settled[columns] = True
        return ""

    def _all_with(self, rows: npt.NDArray[np.int64], inputs: Mapping[str, Array]) -> Array:
        entries = sum(prod(n.shape) for n in self._prefix.nodes)
        step = int(max(8, CHUNK_ENTRIES // max(entries, 1)))
        return np.concatenate([
            self.radicands(rows[k:k + step], inputs={n: v[k:k + step] for n, v in inputs.items()})
            for k in range(0, len(rows), step)
        ])

    def _kinds(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The first row of each choice of tokens and branches."""
        tokens = [self.inputs[x.name] for x in lower(self.network).inputs if x.classes]
        parts = [a.reshape(len(rows), -1) for a in (*tokens, *self.patterns)]
        if not parts:
            return rows[:1]
        _, first = np.unique(np.concatenate(parts, axis=1), axis=0, return_index=True)
        return np.sort(first)

    def _levels(self, count: int) -> npt.NDArray[np.int64]:
        """Nesting depth of every radicand: 0 for those without roots in them."""
        depth: list[int] = []
        found: list[npt.NDArray[np.int64]] = []
        for node in self._prefix.nodes:
            below = max((depth[j] for j in node.inputs), default=0)
            if node.op is not None and node.op.name == "rsqrt":
                found.append(np.full(prod(node.shape), below))
                below += 1
            depth.append(below)
        return np.concatenate(found)[:count]

    def _independent(self, drawn: Array, levels: npt.NDArray[np.int64]) -> bool:
        """Whether characters along draws, shape (draws, radicands), are independent over GF(2).

        Level by level, at draws where the roots below exist; equal radicands count once.
        """
        _, first = np.unique(drawn, axis=1, return_index=True)
        drawn, levels = drawn[:, first], levels[first]
        square = self.field.character(drawn) == 1.0
        for level in np.unique(levels):
            good = square[:, levels < level].all(axis=1)
            bits = ~square[good][:, levels == level]
            ones = np.ones((len(bits), 1), dtype=bool)
            if rank_gf2(np.concatenate([bits, ones], axis=1)) <= bits.shape[1]:
                return False
        return True


def _covering(base: Array, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """A few rows in which every wanted radicand stands."""
    left = set(np.unique(base[wanted]).tolist())
    chosen = []
    for k, (row, mine) in enumerate(zip(base, wanted, strict=True)):
        new = left & set(row[mine].tolist())
        if new:
            chosen.append(k)
            left -= new
    return np.array(chosen, dtype=np.int64)


def _stages(
    reach: Sequence[npt.NDArray[np.bool_]], wanted: npt.NDArray[np.bool_], base: Array
) -> list[tuple[int, npt.NDArray[np.bool_]]] | None:
    """Slices in the order in which they are drawn, each with the radicands it settles.

    A slice settles those that it reaches and no later one does, as few at once as possible, equal
    ones together. None where some are reached by no slice.
    """
    covered = np.zeros(base.shape, dtype=bool)
    stages: list[tuple[int, npt.NDArray[np.bool_]]] = []
    while (wanted & ~covered).any():
        gains = [
            (len(np.unique(base[r & ~covered & wanted])), k) for k, r in enumerate(reach)
        ]
        gains = [g for g in gains if g[0]]
        if not gains:
            return None
        _, k = min(gains)
        stages.append((k, reach[k] & ~covered & wanted))
        covered |= reach[k]
    return stages[::-1]


# -- the rank ------------------------------------------------------------------------------------


def ranks_along(
    network: Network, curve: Curve, read: npt.NDArray[np.bool_], cell: Mapping[str, Array],
    wanted: int, field: PrimeField, rng: np.random.Generator,
) -> list[int]:
    """Lower bounds on rank J along the curve, by the order that each of them needs less one.

    Rows are those of fresh inputs, a few more than `wanted`; more where tokens or branches make a
    new one rare.
    Raises BadInputError where the curve proves nothing, SizeError where the rows are too many.
    """
    require_reached(network, curve.scaled)
    start = start_of(network, known_lines(network, curve.scaled))
    total = int(read.sum())
    if not total:
        return [0]
    count = SPARE + (4 * total if cell else total if has_tokens(network) else wanted)
    if curve.order * count * total > MAX_ENTRIES:
        raise SizeError(
            f"{count} rows of {total} power series of order {curve.order} are more than "
            f"{MAX_ENTRIES} numbers; make the network smaller with --set, or certify without series"
        )
    lowered = lower(network)
    # a piece that few inputs are in must have its rows
    drawn = count * SHARE if cell else count
    inputs = residue_inputs(lowered, field, rng, drawn)
    for name, listed in draw_tokens(network, rng).items():
        inputs[name] = listed[np.arange(drawn) % len(listed)]
    patterns = _branches(network, cell, rng, drawn, inputs)
    if cell:
        chosen = _from_every_piece(patterns, count)
        inputs = {n: v[chosen] for n, v in inputs.items()}
        patterns = [b[chosen] for b in patterns]
    salt = int(rng.integers(1 << 62))
    point = _Point(
        network, field, rng, frozenset(curve.scaled), start.tables(field, salt), salt,
        {p.name: field.random(rng, (1, *p.shape)) for p in lowered.parameters}, inputs,
        patterns,
    )
    reason = point.settle()
    if reason:
        raise no_curve(reason)
    rows = np.concatenate(list(_rows(point, curve.order, count)), axis=1)
    if rows.shape[1] < wanted:
        raise no_curve("a quotient or a root is undefined at e = 0")
    return series_ranks(rows[:, :, read] if not read.all() else rows, field.p, wanted)


def _branches(
    network: Network, cell: Mapping[str, Array], rng: np.random.Generator, count: int,
    inputs: dict[str, Array],
) -> list[Array]:
    """Branches of the rows, confirmed in balls. Raises BadInputError where balls decide none."""
    try:
        return branch_patterns(network, cell, rng, count, inputs)
    except InconsistentError as error:
        raise no_curve("real balls decide no branches at the shadow point of its cell") from error


def _from_every_piece(patterns: Sequence[Array], count: int) -> npt.NDArray[np.int64]:
    """`count` rows: the first of every piece, then the second of every piece, and so on."""
    joined = np.concatenate([b.reshape(len(b), -1) for b in patterns], axis=1)
    _, piece = np.unique(joined, axis=0, return_inverse=True)
    met: Counter[int] = Counter()
    turn = np.zeros(len(joined), dtype=np.int64)
    for k, mine in enumerate(piece.reshape(-1).tolist()):
        turn[k] = met[mine]
        met[mine] += 1
    return np.sort(np.argsort(turn, kind="stable")[:count])


def _rows(point: _Point, order: int, count: int) -> Iterator[Array]:
    """Rows v^T J as power series, shape (order, rows, coordinates), some at a time."""
    lowered, field = lower(point.network), point.field
    entries = sum(prod(n.shape) for n in lowered.nodes) * order
    step = int(max(8, min(1024, CHUNK_ENTRIES // max(entries, 1))))
    for first in range(0, count, step):
        at = np.arange(first, min(first + step, count))
        batch = len(at)
        leading = LeadingDomain(
            field, point.salt, batch, point.tables, [b[at] for b in point.patterns])
        domain = SeriesDomain(leading, order, batch)

        def lifted(a: Array, batch: int = batch, domain: SeriesDomain = domain) -> Array:
            return domain.lift(np.broadcast_to(a, (batch, *a.shape[1:])))

        theta = {
            n: domain.shifted(lifted(v), 1) if n in point.scaled else lifted(v)
            for n, v in point.theta.items()
        }
        lines = values(lowered, domain, theta, {n: lifted(v[at]) for n, v in point.inputs.items()})
        seeds = [
            lifted(field.random(point.rng, (batch, *lowered.nodes[i].shape)))
            for i in lowered.outputs
        ]
        found = cotangents(lowered, domain, lines, seeds)
        flat = [found[p.name].reshape(order, batch, -1) for p in lowered.parameters]
        yield np.concatenate(flat, axis=2)[:, np.broadcast_to(leading.valid, (batch,))]
