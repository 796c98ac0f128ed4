"""Hypotheses behind residues: transcendental values and roots as independent quantities.

exp, log: values of a_1, ..., a_n (and of log b_i) are algebraically independent over the field
of the arguments if no integer combination sum m_j a_j + sum n_i log b_i is constant (Ax, On
Schanuel's conjectures, Ann. Math. 93 (1971)), level by level of nesting. Tested by differentials:
the columns D a_j and (D b_i)/b_i over fresh points have full column rank mod p. A value is named
by its function and argument: exp q and log q are two. For values that
depend on an input the direction D moves inputs alone, so that the values at different inputs and
one theta are independent together; values of parameters alone are tested along parameters.

sin, cos: (cos c, sin c) is exp(i c), one more exponential. As a, b and c are real, a combination
sum m_j a_j + sum n_i log b_i + i sum k_l c_l is constant only if both parts are: the columns D c_l
are tested apart, also where exp c stands beside sin c.

Functions of constants have no differentials. exp, sin and cos of rationals have no relations but
those of powers, which the residues keep (`network.domains.residues`); so have square roots. Of
logarithms of several primes, of these beside e, of erf at constants and of functions of such
values nothing is known: a hypothesis.

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

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.known import arguments_of, nested_functions
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.linear_algebra import rank, rank_gf2
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.exact.rational import factors
from symgauge.points.cells import PATTERNS, branch_patterns, branches_below, cell_patterns
from symgauge.points.inputs import residue_inputs
from symgauge.points.rank import draw_theta
from symgauge.points.roots import RootPlan, root_plan, settle_roots
from symgauge.points.rows import FUNCTIONS
from symgauge.program.lower import germ_of
from symgauge.program.network import Network
from symgauge.program.op import Primitive

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
    network = germ_of(network)
    shown: list[str] = []
    missing: list[str] = []
    kinds = {n.op.name for n in network.nodes if n.op is not None}
    pi = False
    if kinds & set(FUNCTIONS):
        # what comes after the last argument may have roots and divisions that are none here
        last = max(i for i, n in enumerate(network.nodes) if n.op and n.op.name in FUNCTIONS)
        head = Network(network.nodes[:last + 1], (last,), network.ops)
        spots = _spots(network, tokens or {}, cell or {}, FUNCTIONS)
        branches = sum(isinstance(n.op, Primitive) and n.op.branches for n in head.nodes)
        spots = [replace(s, patterns=s.patterns and s.patterns[:branches]) for s in spots]
        pi = _transcendental(head, field, rng, spots, bool(tokens), shown, missing)
    _constants(network, pi, shown, missing)
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


@dataclass(frozen=True)
class _Columns:
    """What values of functions depend on at the points, by a key that names function and argument.

    Each column is an argument's residues and its differentials along inputs and parameters:
    D a for exp a and for the point (cos a, sin a), D b / b for log b.
    """

    #: Exponentials and logarithms, whose arguments are tested together.
    powers: dict[tuple[str, bytes], tuple[Array, Array, Array]]
    #: Points of the circle, exp(i a): independent of all exp a and log b, and tested apart.
    circle: dict[tuple[str, bytes], tuple[Array, Array, Array]]
    #: Arguments of erf up to sign, and how many exponents -z^2 of theirs exp is taken of as well.
    erfs: set[bytes]
    shared: bool


def _columns(network: Network, points: _Points, field: PrimeField) -> _Columns:
    """The distinct arguments of functions, those of exp, erf and the circle up to sign."""
    batch = len(points.domain.valid)
    powers: dict[tuple[str, bytes], tuple[Array, Array, Array]] = {}
    circle: dict[tuple[str, bytes], tuple[Array, Array, Array]] = {}
    erfs: set[bytes] = set()
    shared = False

    def flat(a: Array | None, like: Array) -> Array:
        shape = (batch, *like.shape[1:])
        full = np.zeros(shape) if a is None else np.broadcast_to(a, shape)
        return full.reshape(batch, -1)

    def key(function: str, column: Array) -> tuple[str, bytes]:
        # exp(-a) = 1 / exp(a), and so on: of a and -a, the one whose first residue is the smaller
        if function != "log" and 2 * column[np.argmax(column != 0.0)] > field.p:
            column = field.neg(column)
        return function, np.ascontiguousarray(column).tobytes()

    def put(function: str, a: Array, dx: Array, dt: Array) -> None:
        table = circle if function == "circle" else powers
        for j in range(a.shape[1]):
            # values at 0, and log 1, are exact
            if (a[:, j] != (1.0 if function == "log" else 0.0)).any():
                table.setdefault(key(function, a[:, j]), (a[:, j], dx[:, j], dt[:, j]))

    exponents: set[tuple[str, bytes]] = set()
    for i, node in enumerate(network.nodes):
        if node.op is None or node.op.name not in FUNCTIONS or network.is_constant[i]:
            continue
        j = node.inputs[0]
        value = points.lines[j]
        a = flat(value, value)
        dx, dt = flat(points.along_inputs[j], value), flat(points.along_parameters[j], value)
        if node.op.name == "log":
            inverse = field.inverse(a)
            put("log", a, field.mul(dx, inverse), field.mul(dt, inverse))
        elif node.op.name == "erf":
            erfs |= {key("erf", c)[1] for c in a.T if c.any()}
            two, square = field.neg(field.add(a, a)), field.neg(field.mul(a, a))
            exponents |= {key("exp", c) for c in square.T if c.any()}
            put("exp", square, field.mul(two, dx), field.mul(two, dt))
        else:
            put("exp" if node.op.name == "exp" else "circle", a, dx, dt)
    for i, node in enumerate(network.nodes):
        explicit = node.op is not None and node.op.name == "exp" and not network.is_constant[i]
        if exponents and explicit and not shared:
            value = points.lines[node.inputs[0]]
            shared = any(key("exp", c) in exponents for c in flat(value, value).T)
    return _Columns(powers, circle, erfs, shared)


def _transcendental(
    network: Network, field: PrimeField, rng: np.random.Generator, spots: Sequence[_Spot],
    tokens: bool, shown: list[str], missing: list[str],
) -> bool:
    """Whether pi is among the numbers that the residues stand for (see `_constants`)."""
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


def _constants(
    network: Network, pi: bool, shown: list[str], missing: list[str]
) -> None:
    """What is assumed of functions of constants, and of pi.

    sqrt(pi) stands in the derivative of erf z alone, beside exp(-z^2). Where exp(-z^2) stands
    nowhere else, their product is one independent value, and nothing is assumed.
    """
    numbers: set[str] = {"pi"} if pi else set()
    for i, argument in arguments_of(network).items():
        name = network.nodes[i].label
        if name == "log":
            numbers |= {f"log {q}" for r in argument.table if r > 0 for q in factors(r)}
        elif name == "erf" and any(argument.table):
            missing.append("the values of erf at constants are independent of all others")
        elif name != "rsqrt" and any(argument.table):
            numbers.add("e")
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
    spots: Sequence[_Spot],
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
    for spot in spots:
        points = _evaluate(network, field, rng, batch, spot, seed)
        columns = _columns(network, points, field)
        here = points.domain.valid
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
        erfs, shared = erfs or bool(columns.erfs), shared or columns.shared
        good &= here
    for kept in fixed:
        if kept and full:
            part = np.stack([dt[good] for dt in kept.values()], axis=1)
            full = rank(part, field.p) == len(kept)
    return _Test(most + sum(len(kept) for kept in fixed), full, least, erfs, shared)


def _levels(network: Network) -> dict[int, int]:
    """Nesting depth of every root: 0 for radicands without roots."""
    depth: list[int] = []
    found: dict[int, int] = {}
    for i, node in enumerate(network.nodes):
        below = max((depth[j] for j in node.inputs), default=0)
        if node.op is not None and node.op.name == "rsqrt" and not network.is_constant[i]:
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
