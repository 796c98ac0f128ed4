"""Hypotheses behind residues: transcendental values and roots as independent quantities.

exp, log: values of a_1, ..., a_n (and of log b_i) are algebraically independent over the field
of the arguments if no integer combination sum m_j a_j + sum n_i log b_i is constant (Ax, On
Schanuel's conjectures, Ann. Math. 93 (1971)), level by level of nesting. Tested by differentials:
the columns D a_j and (D b_i)/b_i over fresh points have full column rank mod p. For values that
depend on an input the direction D moves inputs alone, so that the values at different inputs and
one theta are independent together; values of parameters alone are tested along parameters.

erf: values at arguments z_i that are distinct up to sign are independent over the exponentials,
these being independent with those of -z_i^2 among them (proofs/l1_erf.py).

Square roots: signs may be chosen freely if no product of distinct radicands is a square (Kummer),
level by level; tested by quadratic characters, which must be independent over GF(2), together
with the constant where radicands depend on an input.

Where an argument or a radicand depends on branches, both are tested pattern by pattern, at inputs
of the cell: exp(relu u) exp(relu v) = exp(u + v) holds where both units are on, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from symgauge.exact.linear_algebra import rank, rank_gf2
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.network.domains.residues import ResidueDomain
from symgauge.network.evaluate import tangents, values
from symgauge.network.op import Primitive
from symgauge.network.points import residue_inputs
from symgauge.network.program import Network
from symgauge.network.sampling import (
    FUNCTIONS, PATTERNS, RootPlan, branch_patterns, branches_below, cell_patterns, draw_theta,
    root_plan, settle_roots,
)

#: Points beyond the number of columns.
SPARE = 8
#: Rows drawn at most in search of enough points at which the earlier roots exist.
MAX_ROOT_ROWS = 1 << 13
#: Arguments that are tested together at most; above, their independence stays a hypothesis.
MAX_COLUMNS = 800
#: Token inputs on which arguments are counted first.
FEW = 12


@dataclass(frozen=True)
class Assumptions:
    """What the residues assume: statements shown, and hypotheses that are not."""

    shown: tuple[str, ...]
    hypotheses: tuple[str, ...]


@dataclass(frozen=True)
class _Spot:
    """Token inputs and the branches taken there, batch of one; what is free is drawn anew."""

    tokens: Mapping[str, Array]
    #: None where no value in question depends on a branch: any branches will do.
    patterns: Sequence[Array] | None

    def branches(self, network: Network, rng: np.random.Generator, batch: int) -> list[Array]:
        """The branches at `batch` points, the same at all of them unless they do not matter."""
        if self.patterns is None:
            return branch_patterns(network, {}, rng, batch)
        return [np.broadcast_to(b, (batch, *b.shape[1:])) for b in self.patterns]


def _spots(
    network: Network, tokens: Mapping[str, Array], cell: Mapping[str, Array], kinds: Sequence[str],
) -> list[_Spot]:
    """The token inputs, and on piecewise networks the branches that values of these ops see."""
    count = max((len(v) for v in tokens.values()), default=1)
    seen = branches_below(network, kinds)
    if not any(seen):
        return [_Spot({n: v[k:k + 1] for n, v in tokens.items()}, None) for k in range(count)]
    patterns, decided = cell_patterns(network, cell, tokens)
    spots: dict[bytes, _Spot] = {}
    for k in decided:
        chosen = [b[k:k + 1] for b in patterns]
        spot = _Spot({n: v[k:k + 1] for n, v in tokens.items()}, chosen)
        parts = [*spot.tokens.values()]
        parts += [b for b, below in zip(chosen, seen, strict=True) if below]
        spots.setdefault(b"".join(np.ascontiguousarray(a).tobytes() for a in parts), spot)
    return list(spots.values())


@dataclass
class _Points:
    """Values and two tangents of every line at fresh points."""

    lines: list[Array]
    along_inputs: list[Array | None]
    along_parameters: list[Array | None]
    domain: ResidueDomain


def _evaluate(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spot: _Spot, seed: int | None = None,
) -> _Points:
    """Fresh points with a direction each; the same thetas and directions for the same seed."""
    own = rng if seed is None else np.random.default_rng(seed)
    salt = int(own.integers(1 << 62))
    theta = {p.name: field.random(own, (batch, *p.shape)) for p in network.parameters}
    seeds_t = {
        i: field.random(own, (batch, *network.nodes[i].shape)) for i in network.parameter_nodes
    }
    inputs = residue_inputs(network, field, rng, batch)
    for name, value in spot.tokens.items():
        inputs[name] = np.broadcast_to(value, inputs[name].shape)
    patterns = spot.branches(network, rng, batch)
    plan = root_plan(network, field, True)
    settle_roots(network, field, rng, salt, plan, theta, inputs, patterns)
    domain = ResidueDomain(field, salt, batch, patterns, plan.twisted)
    lines = values(network, domain, theta, inputs)
    seeds_x = {
        i: field.random(rng, (batch, *network.nodes[i].shape))
        for i, x in zip(network.input_nodes, network.inputs, strict=True) if not x.classes
    }
    return _Points(
        lines, tangents(network, domain, lines, seeds_x),
        tangents(network, domain, lines, seeds_t), domain,
    )


def assumptions(
    network: Network, field: PrimeField, rng: np.random.Generator,
    tokens: Mapping[str, Array] | None = None, cell: Mapping[str, Array] | None = None,
) -> Assumptions:
    """Tests every assumption that the residues of this network rest on.

    `tokens` are the token inputs that the rank was found with, `cell` the shadow point whose cell
    it is the rank of.
    """
    network = network.germ
    shown: list[str] = []
    missing: list[str] = []
    kinds = {n.op.name for n in network.nodes if n.op is not None}
    if kinds & set(FUNCTIONS):
        # what comes after the last argument may have roots and divisions that are none here
        last = max(i for i, n in enumerate(network.nodes) if n.op and n.op.name in FUNCTIONS)
        head = Network(network.nodes[:last + 1], (last,), network.ops)
        spots = _spots(network, tokens or {}, cell or {}, FUNCTIONS)
        branches = sum(isinstance(n.op, Primitive) and n.op.branches for n in head.nodes)
        spots = [replace(s, patterns=s.patterns and s.patterns[:branches]) for s in spots]
        _transcendental(head, field, rng, spots, bool(tokens), shown, missing)
    if "rsqrt" in kinds:
        if root_plan(network, field, True).twisted:
            missing.append(
                "what holds with y^2 v = -1 in place of the square roots that are missing modulo "
                "p holds with the square roots"
            )
        else:
            spots = _spots(network, {}, cell or {}, ("rsqrt",))
            _roots(network, field, rng, spots, shown, missing)
    return Assumptions(tuple(shown), tuple(missing))


#: An argument's residues at the points, and its differentials along inputs and parameters.
_Column = tuple[Array, Array, Array]


def _columns(
    network: Network, points: _Points, field: PrimeField
) -> tuple[list[tuple[Array, Array, Array]], int]:
    """Distinct (value, differential along x, along theta) of exp and log arguments.

    exp arguments are distinct up to sign; log ones carry D b / b. Also the number of distinct
    erf arguments.
    """
    exps: dict[bytes, tuple[Array, Array, Array]] = {}
    logs: dict[bytes, tuple[Array, Array, Array]] = {}
    erfs: set[bytes] = set()
    batch = len(points.domain.valid)

    def flat(a: Array | None, like: Array) -> Array:
        shape = (batch, *like.shape[1:])
        full = np.zeros(shape) if a is None else np.broadcast_to(a, shape)
        return full.reshape(batch, -1)

    def put(table: dict[bytes, tuple[Array, Array, Array]], a: Array, dx: Array, dt: Array,
            up_to_sign: bool) -> None:
        for j in range(a.shape[1]):
            column = np.ascontiguousarray(a[:, j])
            if up_to_sign and not column.any():
                continue
            key = column.tobytes()
            if up_to_sign and field.neg(column).tobytes() in table:
                continue
            table.setdefault(key, (column, dx[:, j], dt[:, j]))

    for i, node in enumerate(network.nodes):
        if node.op is None or node.op.name not in ("exp", "log", "erf", "sin", "cos"):
            continue
        j = node.inputs[0]
        value = points.lines[j]
        a = flat(value, value)
        dx, dt = flat(points.along_inputs[j], value), flat(points.along_parameters[j], value)
        if node.op.name in ("exp", "sin", "cos"):
            # sin and cos of a are one point of the circle, as exp(i a) is
            put(exps, a, dx, dt, True)
        elif node.op.name == "log":
            inverse = field.inverse(a)
            put(logs, a, field.mul(dx, inverse), field.mul(dt, inverse), False)
        else:
            for k in range(a.shape[1]):
                low = np.minimum(a[:, k], field.neg(a[:, k]))
                if low.any():
                    erfs.add(low.tobytes())
            two = field.neg(field.add(a, a))
            square = field.neg(field.mul(a, a))
            put(exps, square, field.mul(two, dx), field.mul(two, dt), True)
    return [*exps.values(), *logs.values()], len(erfs)


def _transcendental(
    network: Network, field: PrimeField, rng: np.random.Generator, spots: Sequence[_Spot],
    tokens: bool, shown: list[str], missing: list[str],
) -> None:
    # one theta is looked at with many inputs: the values on all of them together
    n, full, erfs, _ = _tested(network, field, rng, 8, spots[:FEW])
    if n <= MAX_COLUMNS and len(spots) > FEW:
        n, full, erfs, _ = _tested(network, field, rng, 8, spots)
    if n <= MAX_COLUMNS:
        batch = 2 * n + 4 * SPARE
        n, full, erfs, least = _tested(network, field, rng, batch, spots)
        if not full and least < n + SPARE:
            # points were lost for want of a root, and nothing was seen
            _, full, _, _ = _tested(network, field, rng, 8 * batch, spots)
    values_text = "exponential and logarithm values"
    branched = any(branches_below(network, FUNCTIONS))
    if n > MAX_COLUMNS:
        missing.append(f"the {values_text} are independent (too many to test)")
    elif not full:
        missing.append(
            f"the {values_text} are independent (the rank of their arguments' differentials "
            "falls short)"
        )
    else:
        # how many arguments coincide depends on what was drawn: no number is claimed then
        tally = f"{n} of {n}"
        if tokens:
            tally = "on the token sequences of the rank"
        elif branched:
            tally = f"on the branches at {PATTERNS} inputs"
        shown.append(f"independence of {values_text}: proved ({tally})")
    # their exponents -z^2 are among the columns: independent, or nothing is known of erf either
    if erfs and full and n <= MAX_COLUMNS:
        shown.append("independence of erf values over the exponentials: proved (proofs/l1_erf.py)")
    elif erfs:
        missing.append("the values of erf are independent over the exponentials")


def _tested(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[_Spot],
) -> tuple[int, bool, int, int]:
    """Number of distinct arguments, whether their differentials are independent, erf arguments,
    and at how few points that was seen.

    Those that move with an input are tested spot by spot, because the inputs of two spots are
    different indeterminates; those of parameters alone over all spots together, at the same
    thetas.
    """
    seed = int(rng.integers(1 << 62))
    fixed: dict[bytes, Array] = {}
    most, erfs, full, least = 0, 0, bool(spots), batch
    good = np.ones(batch, dtype=bool)
    for spot in spots:
        points = _evaluate(network, field, rng, batch, spot, seed)
        columns, count = _columns(network, points, field)
        here = points.domain.valid
        moved = [dx[here] for _, dx, _ in columns if dx[here].any()]
        if moved and full:
            full = rank(np.stack(moved, axis=1), field.p) == len(moved)
        for value, dx, dt in columns:
            if not dx[here].any() and field.neg(value).tobytes() not in fixed:
                fixed.setdefault(value.tobytes(), dt)
        most, erfs = max(most, len(moved)), max(erfs, count)
        least = min(least, int(here.sum()))
        good &= here
    if fixed and full:
        part = np.stack([dt[good] for dt in fixed.values()], axis=1)
        full = rank(part, field.p) == len(fixed)
    return most + len(fixed), full, erfs, least


def _levels(network: Network) -> dict[int, int]:
    """Nesting depth of every root: 0 for radicands without roots."""
    depth: list[int] = []
    found: dict[int, int] = {}
    for i, node in enumerate(network.nodes):
        below = max((depth[j] for j in node.inputs), default=0)
        if node.op is not None and node.op.name == "rsqrt":
            found[i] = below
            below += 1
        depth.append(below)
    return found


def _roots(
    network: Network, field: PrimeField, rng: np.random.Generator, spots: Sequence[_Spot],
    shown: list[str], missing: list[str],
) -> None:
    levels = _levels(network)
    total, ok = 0, bool(spots)
    for spot in spots:
        for level in sorted(set(levels.values())):
            sites = [i for i, lv in levels.items() if lv == level]
            earlier = [i for i, lv in levels.items() if lv < level]
            n, full = _level_rank(network, field, rng, spot, sites, earlier)
            total += n
            ok = ok and full
        if not ok:
            break
    among = f" among {total}"
    if any(branches_below(network, ("rsqrt",))):
        among = f" on the branches at {PATTERNS} inputs"
    text = f"no product of distinct radicands{among} is a square"
    if ok:
        shown.append(f"{text}: proved by quadratic characters")
    else:
        missing.append(text)


def _level_rank(
    network: Network, field: PrimeField, rng: np.random.Generator, spot: _Spot,
    sites: Sequence[int], earlier: Sequence[int],
) -> tuple[int, bool]:
    """Number of distinct radicands of one level, and whether their characters are independent.

    theta is one point for all rows where radicands depend on an input: then the constant is
    one more column.
    """
    theta, salt = draw_theta(network, field, rng)
    parts: list[list[Array]] = [[], []]
    wanted, tried, batch = 1, 0, 256 if spot.patterns is None else 64
    plans = [
        _restricted(network, root_plan(network, field, free), earlier) for free in (False, True)
    ]
    while tried < MAX_ROOT_ROWS and min(sum(len(b) for b in part) for part in parts) < wanted:
        for held, plan, part in zip((theta, {}), plans, parts, strict=True):
            found, good = _radicands(
                network, field, rng, salt, batch, held, plan, spot, sites, earlier)
            part.append(found[good])
            wanted = found.shape[1] + 24
        tried += batch
    fixed, free = parts
    at_theta, anywhere = np.concatenate(fixed), np.concatenate(free)
    if min(len(at_theta), len(anywhere)) < 2:
        return at_theta.shape[1], False
    _, first = np.unique(anywhere, axis=1, return_index=True)
    at_theta, anywhere = at_theta[:, np.sort(first)], anywhere[:, np.sort(first)]
    moved = (at_theta != at_theta[0]).any(axis=0)
    bits_x = field.character(at_theta[:, moved]) == -1.0
    ones = np.ones((len(bits_x), 1), dtype=bool)
    ok_x = rank_gf2(np.concatenate([bits_x, ones], axis=1)) == int(moved.sum()) + 1
    bits_t = field.character(anywhere[:, ~moved]) == -1.0
    ok_t = rank_gf2(bits_t) == int((~moved).sum())
    return anywhere.shape[1], ok_x and ok_t


def _restricted(network: Network, plan: RootPlan, sites: Sequence[int]) -> RootPlan:
    """The plan for the radicands of these sites alone."""
    parts = [
        np.full(prod(node.shape), i in sites) for i, node in enumerate(network.nodes)
        if node.op is not None and node.op.name == "rsqrt"
    ]
    wanted = np.concatenate(parts)
    stages = [(n, axis, k, final & wanted) for n, axis, k, final in plan.stages]
    return RootPlan(tuple(stage for stage in stages if stage[3].any()))


def _radicands(
    network: Network, field: PrimeField, rng: np.random.Generator, salt: int, batch: int,
    theta: Mapping[str, Array], plan: RootPlan, spot: _Spot, sites: Sequence[int],
    earlier: Sequence[int],
) -> tuple[Array, Array]:
    """Residues of the radicands, and the rows at which all earlier roots exist."""
    parameters = dict(theta) or {
        p.name: field.random(rng, (batch, *p.shape)) for p in network.parameters
    }
    inputs = residue_inputs(network, field, rng, batch)
    patterns = spot.branches(network, rng, batch)
    settle_roots(network, field, rng, salt, plan, parameters, inputs, patterns)
    domain = ResidueDomain(field, salt, batch, patterns)
    lines = values(network, domain, parameters, inputs)

    def flat(i: int) -> Array:
        a = lines[network.nodes[i].inputs[0]]
        return np.broadcast_to(a, (batch, *a.shape[1:])).reshape(batch, -1)

    good = np.ones(batch, dtype=bool)
    for i in earlier:
        good &= (field.character(flat(i)) == 1.0).all(axis=1)
    return np.concatenate([flat(i) for i in sites], axis=1), good
