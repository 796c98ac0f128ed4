"""The check of a certificate: every field annihilates f, and the two ranks add up."""

from __future__ import annotations

import secrets
from fractions import Fraction
from math import comb, log2, prod

import numpy as np

from .dual import Dual
from .intervals import EPS, Intervals, up
from .reading import NotRead, read, whole
from .residues import Free, random_prime, residue
from .sizes import Size, Sizes

#: Points of a batch, and the bound at which no more primes are drawn.
POINTS, WANTED = 8, -80.0
#: Primes between 2^30 and 2^31 (there are 50,697,537).
PRIMES = 5.0e7
#: Sizes of the parameters at the real points at which rank J is looked for (0: by their width).
TRIALS = (0, 0.3, 0.2, 0.3, 0.5, 0.2, 0.3)
#: Entries of all lines, derivatives and inputs together, above which a program is not read.
WORK = 5e8
#: Inputs of a batch; batches without a larger rank after which another point is taken.
BATCH, IDLE = 32, 6


def evaluate(cert, domain, leaves):
    """Values of the outputs, lines dropped after their last use."""
    use: dict[int, int] = {}
    for i, x in enumerate(cert.lines):
        for j in x.inputs:
            use[j] = i
    held, out = {}, {}
    for i, x in enumerate(cert.lines[:1 + max(cert.outputs)]):
        if x.kind == "constant":
            held[i] = domain.constant(x.table, x.index)
        elif x.kind == "op":
            held[i] = x.apply(domain, *(held[j] for j in x.inputs))
        else:
            held[i] = leaves[x.name]
        if domain.shape(held[i])[1:] != x.shape:
            raise NotRead(f"line {i} has not the shape {x.shape}")
        if i in cert.outputs:
            out[i] = held[i]
        for j in {*x.inputs, i}:
            if use.get(j, i) == i:
                held.pop(j, None)
    return [out[i] for i in cert.outputs]


def split(cert, flat):
    """A flat vector of parameters, axes in front, as one array for each tensor."""
    out, start = {}, 0
    for x in cert.parameters:
        stop = start + prod(x.shape)
        out[x.name] = flat[..., start:stop].reshape(*flat.shape[:-1], *x.shape)
        start = stop
    return out


# -- every field annihilates f ------------------------------------------------------------------


def field_at(cert, terms, theta, p):
    """The components of a polynomial field at points: theta has shape (points, size)."""
    out = np.zeros_like(theta)
    for k, monomial, c in terms:
        value = np.full(len(theta), residue(c, p))
        for j, e in monomial:
            if e < 0 and not theta[:, j].all():
                raise ZeroDivisionError("a power of 0")
            value = value * np.array([pow(int(t), e, p) for t in theta[:, j]]) % p
        out[:, k] = (out[:, k] + value) % p
    return out


def inputs_free(cert, rng, p, points):
    """Indeterminates; in place of one-hot rows, any with sum 1."""
    out = {}
    for x in cert.given:
        value = rng.integers(0, p, (points, *x.shape))
        if x.classes:
            value[..., -1] = (1 - value[..., :-1].sum(axis=-1)) % p
        out[x.name] = value
    return out


def _size_of(fields):
    """Of all components: degree, degree of a common denominator, log2 of the coefficients."""
    terms = [t for field in fields for t in field]
    top = max([sum(abs(e) for _, e in m) for _, m, _ in terms] + [1])
    # negative powers: the product of all that stand in a denominator
    negative = [(j, e) for _, m, _ in terms for j, e in m if e < 0]
    below = sum(max(-e for i, e in negative if i == j) for j in {j for j, _ in negative})
    high = sum(log2(c) for c in {c.denominator for _, _, c in terms})
    high += max([log2(max(abs(c.numerator), 1)) for _, _, c in terms] + [0.0])
    return top, below, high + log2(1 + max([len(field) for field in fields] + [0]))


def bound_of(cert):
    """log2 of two probabilities, for one prime and batch: that a field passes which is none, and
    that two given arguments of a function agree which differ.

    A numerator is 0 at a random point with probability degree/p at most (Schwartz, Zippel), at all
    points of the batch; or the prime divides all of its coefficients.
    """
    sizes, leaves = Sizes(), {}
    top, below, high = _size_of(cert.fields)
    atom = sizes.atom(below, high)
    for x in cert.lines:
        leaf = sizes.leaf((1, *x.shape))
        if x.kind == "parameter":
            leaves[x.name] = leaf, Size(top + below, high, {atom: 1}, leaf.like)
        elif x.kind == "input":
            width = log2(1 + x.shape[-1]) if x.classes else 0
            leaves[x.name] = Size(1, width, {}, leaf.like), None
    found = [t for _, t in evaluate(cert, Dual(sizes), leaves) if t is not None]
    degree, height = (float(np.max([1.0, *x])) for x in (
        [t.degree for t in found], [t.height for t in found]))
    passed = POINTS * min(0.0, log2(degree) - 30)
    alike = POINTS * min(0.0, log2(2 * sizes.largest) - 30)
    common = log2((2 * sizes.tallest + 1) / 30 + 1) - log2(PRIMES)
    divides = log2(height / 30 + 1) - log2(PRIMES)
    total, alike = 2.0 ** passed + 2.0 ** divides, 2.0 ** alike + 2.0 ** common
    if not (total < 0.5 and alike < 0.5):
        raise NotRead("polynomials so large that random points say nothing of them")
    return log2(total), log2(alike)


def annihilated(cert, rng, none):
    """Which fields annihilate f, the bound on the error, rank (G + unread), rank G.

    Raises NotRead where random points say nothing of the program.
    """
    (one, alike), bound = bound_of(cert), 0.0
    total, tried, accepted, seen = 0, 0, 0, set()
    passed = np.ones(len(cert.fields) + len(none), dtype=bool)
    read = np.ones(cert.size, dtype=bool)
    read[none] = False
    while bound > WANTED:
        p, tried = random_prime(rng), tried + 1
        if tried > 60:
            raise NotRead("the program is undefined at random points")
        domain = Free(p, rng, POINTS)
        theta = rng.integers(0, p, (POINTS, cert.size))
        try:
            moved = [field_at(cert, t, theta, p) for t in cert.fields]
            moved += [np.eye(cert.size, dtype=np.int64)[[k] * POINTS] for k in none]
            seeds = np.array(moved, dtype=np.int64).reshape(-1, POINTS, cert.size)
            tangents, values = split(cert, seeds), split(cert, theta)
            leaves = {n: (v, tangents[n] if len(seeds) else None) for n, v in values.items()}
            leaves |= {n: (v, None) for n, v in inputs_free(cert, rng, p, POINTS).items()}
            outputs = evaluate(cert, Dual(domain), leaves)
        except ZeroDivisionError:
            continue
        if not np.all(domain.valid):
            continue
        for _, tangent in outputs:
            if tangent is not None:
                passed &= ~tangent.reshape(len(seeds), -1).any(axis=1)
        total = max(total, len(none) + rank_mod(seeds[:len(cert.fields), 0][:, read], p))
        accepted += 1
        seen.add(domain.classes.digest())
        if len(seen) > 1:
            raise NotRead("arguments that agree modulo one prime and not modulo another")
        # points without a value are drawn again: the worst choice among those that were tried
        bound = np.logaddexp2(accepted * one, accepted * alike + 2 * log2(max(domain.arguments, 1)))
        bound += log2(comb(tried, accepted))
    return passed, bound, total, total - len(none)


def rank_mod(a, p):
    """The rank of a matrix of residues."""
    a, done = a % p, 0
    for column in range(a.shape[1]):
        found = np.flatnonzero(a[done:, column])
        if len(found):
            a[[done, done + found[0]]] = a[[done + found[0], done]]
            a[done] = a[done] * pow(int(a[done, column]), -1, p) % p
            a[done + 1:] = (a[done + 1:] - a[done + 1:, column, None] * a[done]) % p
            done += 1
    return done


# -- rank J ---------------------------------------------------------------------------------------


def real_inputs(cert, rng, count):
    """Floats (over three decades where there are branches to take), and random tokens."""
    out = {}
    for x in cert.given:
        if x.classes:
            chosen = rng.integers(0, x.classes, (count, *x.shape[:-1]))
            value = (chosen[..., None] == np.arange(x.classes)).astype(float)
        else:
            size = 10.0 ** rng.integers(-1, 2, (count, *(1,) * len(x.shape)))
            value = rng.normal(size=(count, *x.shape)) * (size if cert.cell else 1.0)
        out[x.name] = value, np.zeros(value.shape)
    return out


def real_point(cert, rng, size=0):
    """The point of the cell, or normal numbers of this size (0: one over the root of the width)."""
    return {x.name: cert.cell[x.name] if cert.cell else rng.normal(size=x.shape) * (
        size or max(prod(x.shape[1:]), 1) ** -0.5) for x in cert.parameters}


def along(cert, theta, directions, inputs):
    """Derivatives of all outputs, enclosed: (directions, points, entries), and valid points."""
    domain, count = Intervals(), len(next(iter(inputs.values()))[0]) if inputs else 1
    tangents = [split(cert, c[:, None]) for c in directions]
    leaves = {n: ((v[None], np.zeros((1, *v.shape))), (tangents[0][n], tangents[1][n]))
              for n, v in theta.items()}
    leaves |= {n: (v, None) for n, v in inputs.items()}
    found = [t for _, t in evaluate(cert, Dual(domain), leaves) if t is not None]
    if domain.branched != bool(cert.cell):
        raise NotRead("a cell for a program without branches, or none for one with")
    shape = len(directions[0]), count
    parts = [[np.broadcast_to(c, (*shape, *c.shape[2:])).reshape(*shape, -1) for c in t]
             for t in found]
    parts = parts or [[np.zeros((*shape, 0))] * 2]
    return tuple(np.concatenate([p[k] for p in parts], axis=2) for k in (0, 1)), np.broadcast_to(
        domain.valid, (count,))


def rank_shown(m, r, wanted):
    """A rank that every matrix within r of m has, up to `wanted`, and the one that m seems to have.

    U^T A V has no larger rank than A, whatever U and V are; singular vectors make it diagonal but
    for rounding. A matrix whose diagonal entries exceed the sums of the others in their rows is
    not singular (Levy, Desplanques). Rows and columns are scaled by powers of 2: exactly.
    """
    for axis in (1, 0):
        size, noise = (abs(c).max(axis=axis, keepdims=True) for c in (m, r))
        power = np.ldexp(1.0, -np.frexp(np.where(size > 1e3 * noise, size, 1.0))[1])
        m, r = m * power, r * power + 2.0 ** -1073
    u, sizes, v = np.linalg.svd(m, full_matrices=False)
    k = min(wanted, int((sizes > 1e-10 * max(sizes[0], 1e-300)).sum()))
    domain = Intervals()
    left = u[:, :k].T.copy(), np.zeros((k, len(m)))
    b = domain.matmul(domain.matmul(left, (m, r)), (v[:k].T, np.zeros((m.shape[1], k))))
    diagonal = abs(np.diagonal(b[0])) - np.diagonal(b[1])
    others = (abs(b[0]) + b[1]).sum(axis=1) - abs(np.diagonal(b[0])) - np.diagonal(b[1])
    others = up(others + EPS * k * (abs(b[0]) + b[1]).sum(axis=1), 4 * k)
    return k if (diagonal > others).all() else 0, k


def jacobian_rank(cert, rng, wanted):
    """A lower bound on rank J, shown at a real point; `wanted` is the most there can be."""
    best, met, units = 0, False, np.eye(cert.size)
    for size in TRIALS:
        theta, idle, last = real_point(cert, rng, size), 0, -1
        m, r = np.zeros((0, cert.size)), np.zeros((0, cert.size))
        # a little further where the rank is there and its bound is not
        while not (met and best == wanted) and idle < (2 if last == wanted else IDLE) and (
                len(m) < 12 * cert.size + 200):
            (a, b), good = along(cert, theta, (units, 0 * units), real_inputs(cert, rng, BATCH))
            met = met or bool(good.any())
            a, b = (c[:, good].reshape(cert.size, -1).T for c in (a, b))
            good = np.isfinite(a + b).all(axis=1)
            m, r = np.concatenate([m, a[good]]), np.concatenate([r, b[good]])
            shown, seen = rank_shown(m, r, wanted) if m.size and wanted else (0, 0)
            idle = idle + 1 if seen <= last else 0
            last, best = max(last, seen), max(best, shown)
    if not met:
        raise NotRead("no real point is met at which the program has a value and its branches")
    return best


def surely_moves(cert, terms, rng):
    """Whether a field moves an output at a real point."""
    theta = real_point(cert, rng)
    flat = [Fraction(float(v)) for x in cert.parameters for v in theta[x.name].reshape(-1)]
    moved = [Fraction(0)] * cert.size
    for k, m, c in terms:
        moved[k] += c * prod(flat[j] ** e for j, e in m)
    balls = np.array([Intervals().ball(c) for c in moved]).reshape(1, cert.size, 2)
    (m, r), good = along(
        cert, theta, (balls[..., 0], balls[..., 1]), real_inputs(cert, rng, BATCH))
    return bool((abs(m) > r)[:, good].any())


# -- the answer -----------------------------------------------------------------------------------

CLAIM = ("parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained")


def check(data):
    """The record of a certificate: {verdict, rank_J, rank_G, parameters, error_bound, reasons}."""
    record = {"verdict": "UNKNOWN", "rank_J": None, "rank_G": None, "parameters": None,
              "error_bound": None, "reasons": []}
    try:
        with np.errstate(all="ignore"):
            _check(read(data), record)
    except NotRead as error:
        record["reasons"].append(str(error))
    except Exception as error:  # a crash is never an answer
        record["reasons"].append(f"malformed: {' '.join(str(error).split())[:200]}")
    return record


def _check(cert, record):
    rng = np.random.default_rng(secrets.randbits(128))
    reasons, size = record["reasons"], cert.size
    record["parameters"] = size
    claim = {k: whole(cert.data[k], -size, size + 1) for k in CLAIM}
    claim["by_minors"] = whole(cert.data.get("by_minors", 0), 0, size + 1)
    if "relaxed" in cert.data and not claim["by_minors"]:
        raise NotRead("a program with a free line is given, and nothing by minors")
    none = [whole(k, 0, size) for k in cert.data.get("unread_coordinates", ())]
    if len(set(none)) != len(none) or len(none) != claim["unread"]:
        raise NotRead(f"{len(set(none))} coordinates are named as unread, of {claim['unread']}")
    _small_enough(cert)
    passed, bound, total_g, rank_g = annihilated(cert, rng, none)
    record["error_bound"], record["rank_G"] = f"2^{bound:.1f}", rank_g
    for k in np.flatnonzero(~passed):
        if k >= len(cert.fields):
            reasons.append(f"coordinate {none[k - len(cert.fields)]} is not seen to be unread")
        elif surely_moves(cert, cert.fields[k], rng):
            record["verdict"] = "REFUTED"
            reasons.append(f"field {k} moves an output")
            return
        else:
            reasons.append(f"field {k} is not seen to annihilate f")
    if reasons:
        return
    record["rank_J"] = rank_j = jacobian_rank(cert, rng, size - total_g)
    reasons.append(f"{len(cert.fields)} fields annihilate f, rank G = {rank_g}, rank J >= {rank_j},"
                   f" {len(none)} unread, P = {size}")
    reasons += (wrong := _wrong(claim, size, len(none), rank_g, rank_j))
    said = tuple(cert.data[k] for k in ("closed", "inconsistent", "verdict", "hypotheses"))
    if wrong and (cert.data["closed"] or rank_j <= claim["rank"]):
        record["verdict"] = "REFUTED"
    elif rank_j + total_g < size:
        reasons.append(f"{size - rank_j - total_g} directions are open" + (
            ": fields by minors are not looked at" if claim["by_minors"] else ""))
    elif not wrong and said[2:] == ("PROVED", []) and said[0] is True and said[1] is False:
        record["verdict"] = "CONFIRMED"
        reasons.append("what the texts say of it (scope, held, shown) is not looked at")
    else:
        reasons.append("the numbers are right, and the certificate does not say PROVED")


def _small_enough(cert):
    outputs = sum(prod(cert.lines[i].shape) for i in cert.outputs)
    inputs = max(BATCH, 2 * cert.size // max(outputs, 1))
    entries = sum(prod(x.shape) for x in cert.lines)
    if not cert.size:
        raise NotRead("a program without parameters")
    if cert.size * inputs * entries > WORK or inputs * entries > WORK / 50:
        raise NotRead(
            f"{cert.size} parameters in a program of this size: more than {WORK:.0e} numbers")


def _wrong(claim, size, none, rank_g, rank_j):
    """The numbers of a claim that are not those that were found."""
    true = {"parameters": size - none, "unread": none, "orbit_dimension": rank_g,
            "redundancy": size - none - claim["rank"],
            "unexplained": size - none - claim["rank"] - claim["orbit_dimension"]
            - claim["by_minors"]}
    wrong = [f"the claim says {k} = {claim[k]}; found {v}" for k, v in true.items()
             if claim[k] != v]
    rank, most = claim["rank"], size - none - rank_g
    if claim["by_minors"] > most - rank:
        wrong.append(
            f"the claim says by_minors = {claim['by_minors']}; it is at most {most - rank}")
    return wrong if rank_j <= rank <= most else [
        *wrong, f"the claim says rank = {rank}; it is at least {rank_j} and at most {most}"]
