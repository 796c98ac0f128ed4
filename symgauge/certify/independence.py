"""Hypotheses behind residues: transcendental values and roots as independent quantities.

exp, log: values of a_1, ..., a_n (and of log b_i) are algebraically independent over the field
of the arguments if no integer combination sum m_j a_j + sum n_i log b_i is constant (Ax, On
Schanuel's conjectures, Ann. Math. 93 (1971)), level by level of nesting. Tested by differentials:
the columns D a_j and (D b_i)/b_i over fresh points have full column rank mod p. For values that
depend on an input the direction D moves inputs alone, so that the values at different inputs and
one theta are independent together; values of parameters alone are tested along parameters.

Square roots: signs may be chosen freely if no product of distinct radicands is a square (Kummer),
level by level; tested by quadratic characters, which must be independent over GF(2), together
with the constant where radicands depend on an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.exact.linear_algebra import rank, rank_gf2
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.network.domains.residues import ResidueDomain
from symgauge.network.evaluate import tangents, values
from symgauge.network.points import residue_inputs
from symgauge.network.program import Network
from symgauge.network.sampling import (
    RootPlan, branch_patterns, draw_theta, root_plan, settle_roots,
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


@dataclass
class _Points:
    """Values and two tangents of every line at fresh points."""

    lines: list[Array]
    along_inputs: list[Array | None]
    along_parameters: list[Array | None]
    domain: ResidueDomain


def _evaluate(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    tokens: Mapping[str, Array] | None = None, seed: int | None = None,
) -> _Points:
    """Fresh points with a direction each; the same thetas and directions for the same seed."""
    own = rng if seed is None else np.random.default_rng(seed)
    salt = int(own.integers(1 << 62))
    theta = {p.name: field.random(own, (batch, *p.shape)) for p in network.parameters}
    seeds_t = {
        i: field.random(own, (batch, *network.nodes[i].shape)) for i in network.parameter_nodes
    }
    inputs = residue_inputs(network, field, rng, batch)
    for name, value in (tokens or {}).items():
        inputs[name] = np.broadcast_to(value, inputs[name].shape)
    patterns = branch_patterns(network, {}, rng, batch)
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
    tokens: Mapping[str, Array] | None = None,
) -> Assumptions:
    """Tests every assumption that the residues of this network rest on.

    `tokens` are the token inputs that the rank was found with.
    """
    network = network.lowered
    shown: list[str] = []
    missing: list[str] = []
    kinds = {n.op.name for n in network.nodes if n.op is not None}
    if kinds & {"exp", "log", "erf", "sin", "cos"}:
        _transcendental(network, field, rng, tokens or {}, shown, missing)
    if "rsqrt" in kinds:
        if root_plan(network, field, True).twisted:
            missing.append(
                "what holds with y^2 v = -1 in place of the square roots that are missing modulo "
                "p holds with the square roots"
            )
        else:
            _roots(network, field, rng, shown, missing)
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
    network: Network, field: PrimeField, rng: np.random.Generator, tokens: Mapping[str, Array],
    shown: list[str], missing: list[str],
) -> None:
    # one theta is looked at with many token inputs: the values on all of them together
    count = max((len(v) for v in tokens.values()), default=1)
    sequences = [{name: v[k:k + 1] for name, v in tokens.items()} for k in range(count)]
    columns, erfs, _ = _joint(network, field, rng, 8, sequences[:FEW])
    if len(columns) <= MAX_COLUMNS and count > FEW:
        columns, erfs, _ = _joint(network, field, rng, 8, sequences)
    n = len(columns)
    if n > MAX_COLUMNS:
        full = 0
    else:
        columns, erfs, good = _joint(network, field, rng, 2 * n + 4 * SPARE, sequences)
        moved = [dx[good].any() for _, dx, _ in columns]
        inside = [dx[good] for (_, dx, _), m in zip(columns, moved, strict=True) if m]
        fixed = [dt[good] for (_, _, dt), m in zip(columns, moved, strict=True) if not m]
        full = sum(
            rank(np.stack(part, axis=1), field.p) for part in (inside, fixed) if part
        )
    # how many arguments coincide depends on the sequences drawn: no number is claimed then
    several = len(sequences) > 1
    values_text = "exponential and logarithm values"
    if n > MAX_COLUMNS:
        missing.append(f"the {values_text} are independent (too many to test)")
    elif full < n:
        count = "" if several else f": {full} of {n}"
        missing.append(
            f"the {values_text} are independent (the rank of their arguments' differentials "
            f"falls short{count})"
        )
    else:
        count = f"on {len(sequences)} token sequences" if several else f"{n} of {n}"
        shown.append(f"independence of {values_text}: proved ({count})")
    if erfs:
        missing.append(
            "the values of erf are independent over the exponentials (their arguments are distinct "
            "up to sign: seen)"
        )


def _joint(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    sequences: Sequence[Mapping[str, Array]],
) -> tuple[list[_Column], int, npt.NDArray[np.bool_]]:
    """Distinct arguments over all token sequences at the same thetas, and the valid points."""
    seed = int(rng.integers(1 << 62))
    table: dict[bytes, _Column] = {}
    erfs = 0
    good = np.ones(batch, dtype=bool)
    for tokens in sequences:
        points = _evaluate(network, field, rng, batch, tokens, seed)
        columns, count = _columns(network, points, field)
        for column in columns:
            if field.neg(column[0]).tobytes() not in table:
                table.setdefault(column[0].tobytes(), column)
        erfs = max(erfs, count)
        good &= points.domain.valid
    return list(table.values()), erfs, good


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
    network: Network, field: PrimeField, rng: np.random.Generator, shown: list[str],
    missing: list[str],
) -> None:
    levels = _levels(network)
    total, ok = 0, True
    for level in sorted(set(levels.values())):
        sites = [i for i, lv in levels.items() if lv == level]
        earlier = [i for i, lv in levels.items() if lv < level]
        n, full = _level_rank(network, field, rng, sites, earlier)
        total += n
        ok = ok and full
    text = f"no product of distinct radicands among {total} is a square"
    if ok:
        shown.append(f"{text}: proved by quadratic characters")
    else:
        missing.append(text)


def _level_rank(
    network: Network, field: PrimeField, rng: np.random.Generator, sites: Sequence[int],
    earlier: Sequence[int],
) -> tuple[int, bool]:
    """Number of distinct radicands of one level, and whether their characters are independent.

    theta is one point for all rows where radicands depend on an input: then the constant is
    one more column.
    """
    theta, salt = draw_theta(network, field, rng)
    parts: list[list[Array]] = [[], []]
    wanted, tried, batch = 1, 0, 256
    plans = [
        _restricted(network, root_plan(network, field, free), earlier) for free in (False, True)
    ]
    while tried < MAX_ROOT_ROWS and min(sum(len(b) for b in part) for part in parts) < wanted:
        for held, plan, part in zip((theta, {}), plans, parts, strict=True):
            found, good = _radicands(
                network, field, rng, salt, batch, held, plan, sites, earlier)
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
    theta: Mapping[str, Array], plan: RootPlan, sites: Sequence[int], earlier: Sequence[int],
) -> tuple[Array, Array]:
    """Residues of the radicands, and the rows at which all earlier roots exist."""
    parameters = dict(theta) or {
        p.name: field.random(rng, (batch, *p.shape)) for p in network.parameters
    }
    inputs = residue_inputs(network, field, rng, batch)
    patterns = branch_patterns(network, {}, rng, batch)
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
