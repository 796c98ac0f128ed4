"""Averages of tokens: sum_s p_ts v_s W_O, p the softmax of q_t . k_s."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from sympy import Integer, expand

from symgauge.sums.affine import Affine, Factors, Weight
from symgauge.sums.bases import Mixing, Side
from symgauge.facts.fact import AX, Fact
from symgauge.facts.chain import is_full, is_own
from symgauge.sums.sizes import Size
from symgauge.sums.stop import Stop
from symgauge.program.array import Array
from symgauge.spaces.rotary import Regions


from symgauge.facts.asked import Asked

SOFTMAX = Fact(
    "attention", "p_s^2: D_s w_s N_h = 0; p_s: w_s dN_h = 0: dN_h = 0 and D_s = 0, head by head",
    "a row sees two tokens; each head has a parameter of its own (C-PRIV)",
    "proofs/k5_attention.py", (AX,))
ENTRYWISE = Fact(
    "attention without a normaliser", "each score is seen itself: d(q_t . k_s) = 0, dN_h = 0",
    "each head has a parameter of its own (C-PRIV)", "proofs/k5_attention.py", (AX,))
ROTARY = Fact(
    "rotary scores", "dW_Q = W_Q a, a in the commutant of the rotations between two pairs seen",
    "d_k <= d (with b_Q and distinct angles d + 1); two pairs of positions with other offsets are "
    "seen", "proofs/k9_rotary.py", (AX,))
NORMED = Fact(
    "normed scores", "dW_Q = W_Q O_q, dW_K = W_K O_k, O_q Gam - Gam O_k + dGam = 0",
    "2 <= d_k <= d, no biases, gains distinct", "proofs/k9_rotary.py", (AX,))


@dataclass(frozen=True)
class Heads:
    """Sizes of an attention."""

    groups: Size
    repeats: Size
    key: Size
    value: Size


@dataclass(frozen=True)
class Read:
    """A factor of heads as read: the base, the matrix before the heads, and what precedes it."""

    affine: Affine
    base: int
    feats: tuple[tuple[int, ...], ...]
    before: Factors
    weight: Weight
    biased: bool


def read(affine: Affine, wanted: Size, sweep: Asked) -> Read:
    """One line times matrices, with a bias behind them or none. Raises Stop otherwise."""
    sizes = sweep.ledger.sizes
    if len(affine.terms) != 1 or affine.repeated:
        affine_terms = "several lines" if len(affine.terms) != 1 else "a repeated line"
        raise Stop(affine.node, SOFTMAX.name, f"heads of {affine_terms}")
    (t,) = affine.terms
    if not t.factors or not isinstance(t.factors[-1], Weight):
        raise Stop(affine.node, SOFTMAX.name, "heads without a matrix of their own")
    weight = t.factors[-1]
    if sizes.value(sizes.of(weight.node, weight.outs)) != sizes.value(wanted):
        raise Stop(affine.node, SOFTMAX.name, "heads of another number")
    own = [b for b in affine.biases if not b.factors]
    return Read(affine, t.base, t.feats, t.factors[:-1], weight, any(is_full(b) for b in own))


def heads_of(sweep: Asked, base: Mixing) -> Heads:
    """The sizes of heads."""
    sizes, soft = sweep.ledger.sizes, base.node
    return Heads(
        sizes.of(soft, base.groups), sizes.of(soft, base.repeats),
        sizes.of(base.query.line, base.query.entries),
        sizes.of(soft, base.feats))


def pattern(sweep: Asked, base: Mixing) -> list[tuple[int, int]]:
    """The pairs (row, column) that are seen, of the first head."""
    if base.seen is None:
        return [(t, s) for t in range(base.rows) for s in range(base.columns)]
    seen = base.seen.reshape(-1, *base.seen.shape[-2:])
    return [(int(t), int(s)) for t, s in zip(*(seen != 0).all(0).nonzero(), strict=True)]


def sees_two(sweep: Asked, base: Mixing) -> None:
    """Raise Stop where no row sees two tokens."""
    pairs = pattern(sweep, base)
    rows = [t for t, _ in pairs]
    if not any(rows.count(t) > 1 for t in set(rows)):
        raise Stop(base.node, SOFTMAX.name, "no row sees two tokens: what the scores are is unseen")
    sweep.ledger.words("a row sees two tokens")


def scores(
    sweep: Asked, base: Mixing, heads: Heads, query: tuple[Size, bool], key: tuple[Size, bool]
) -> None:
    """What is left free of queries and keys: (features that they read, biased)."""
    ledger = sweep.ledger
    g, m, dk = heads.groups, heads.repeats, heads.key
    if base.query.normed is not None or base.key.normed is not None:
        _normed(sweep, base, heads, query, key)
        return
    if base.query.turned is not None or base.key.turned is not None:
        ledger.step(ROTARY, base.scores)
        # one key fewer than entries of a head is enough where queries have a bias
        wide = int(query[1] and not ledger.holds(dk, key[0]))
        ledger.asks(dk, query[0] + wide, "queries fill the head")
        ledger.asks(dk, key[0] + wide, "keys fill the head")
        rest, turns = _beside(sweep, base), _commutant(sweep, base)
        if wide and expand(turns + rest - dk) != 0:
            raise Stop(base.scores, ROTARY.name, "equal frequencies, and keys that do not fill a "
                       "head")
        ledger.free("commutants of rotations", g * turns)
        ledger.free("gl of entries that are not turned", g * rest**2)
        if key[1] and _still(sweep, base):
            raise Stop(base.scores, ROTARY.name, "a key bias on pairs that are not turned")
        if key[1]:
            ledger.free("key biases that are not turned", g * rest)
        return
    rows = query[0] + int(query[1])
    if base.entrywise:
        ledger.free("gl of queries and keys", g * ledger.pair(m * rows, key[0] + int(key[1]), dk))
        return
    ledger.free("gl of queries and keys", g * ledger.pair(m * rows, key[0], dk))
    if key[1]:
        ledger.free("key biases", g * dk)


def values(
    sweep: Asked, base: Mixing, heads: Heads, given: tuple[Size, bool], out: Size,
    into_scores: bool = False,
) -> tuple[Size, Size] | None:
    """What is left free of values and outputs; (dimension, rank) of their bias as a constant."""
    ledger = sweep.ledger
    g, m, dv = heads.groups, heads.repeats, heads.value
    rows = given[0] + int(given[1]) if base.entrywise else given[0]
    ledger.free("gl of values and outputs", g * ledger.pair(rows, m * out, dv))
    if not given[1] or base.entrywise:
        return None
    return g * dv, ledger.smallest((g * dv, out), "the values' biases as one constant")


def _normed(
    sweep: Asked, base: Mixing, heads: Heads, query: tuple[Size, bool], key: tuple[Size, bool]
) -> None:
    ledger, q, k = sweep.ledger, base.query, base.key
    ledger.step(NORMED, base.scores)
    if q.normed is None or k.normed is None or query[1] or key[1]:
        raise Stop(base.scores, NORMED.name, "one side alone is normed, or has a bias")
    if base.entrywise:
        raise Stop(base.scores, NORMED.name, "scores without a normaliser")
    if q.beside is not None or k.beside is not None:
        raise Stop(base.scores, NORMED.name, "entries that are not turned, under a norm")
    g, m, dk = heads.groups, heads.repeats, heads.key
    ledger.asks(2, dk, "a norm of two entries")
    ledger.asks(dk, query[0], "queries fill the head")
    ledger.asks(dk, key[0], "keys fill the head")
    gains = (*q.gains, *k.gains)
    if len(q.gains) > 1 or len(k.gains) > 1:
        raise Stop(base.scores, NORMED.name, "several gains on one side")
    sizes = [ledger.sizes.of(x.node, x.at) for x in gains]
    if any(expand(n - dk) != 0 for n in sizes):
        raise Stop(base.scores, NORMED.name, "gains of single heads")
    ledger.settle(x.piece for x in gains)
    turned = q.turned is not None or k.turned is not None
    if turned:
        pairs = _commutant(sweep, base)
        if sweep.ledger.sizes.value(pairs) != sweep.ledger.sizes.value(dk):
            raise Stop(base.scores, NORMED.name, "equal frequencies under a norm")
    if not gains:
        ledger.free("rotations of heads", g * (dk / 2 if turned else dk * (dk - 1) / 2))
    elif len(gains) == 2 and q.gains and k.gains:
        # under rotary scores a gain of pairs alone commutes
        ledger.free("gains against gains", dk / 2 if turned else dk)
    elif turned and gains:
        raise Stop(base.scores, NORMED.name, "a gain on one side alone")
    if q.normed.eps == 0:
        ledger.free("scales of queries", g * m)
    if k.normed.eps == 0:
        ledger.free("scales of keys", g)


def _beside(sweep: Asked, base: Mixing) -> Size:
    """The number of entries of a head that are not turned, the same for queries and keys."""
    sides = base.query.beside, base.key.beside
    found = {None if s is None else (s.last, sweep.ledger.sizes.of(*s.rest)) for s in sides}
    if len(found) > 1:
        raise Stop(base.scores, ROTARY.name, "other entries of queries than of keys are turned")
    (one,) = found
    return Integer(0) if one is None else one[1]


def unseen(sweep: Asked, base: Mixing) -> Size:
    """The entries of all keys to which a constant may be added: those that are not turned.

    Raises Stop where pairs that have a table do not turn, and the keys' constant is a norm's bias.
    """
    if base.key.turned is None or base.entrywise:
        return Integer(0)
    affine = base.key.affine
    if any(b.factors for b in affine.biases) and not any(map(is_own, affine.biases)) and _still(
            sweep, base):
        raise Stop(base.scores, ROTARY.name, "a norm's bias reaches pairs that are not turned")
    return sweep.ledger.sizes.of(base.node, base.groups) * _beside(sweep, base)


def _commutant(sweep: Asked, base: Mixing) -> Size:
    """dim of the matrices that commute with the rotation by the difference of two offsets.

    Of the entries that are turned; no other commutes with these, as no pair of them stays.
    """
    q, k = base.query, base.key
    if q.turned is None or k.turned is None:
        raise Stop(base.scores, ROTARY.name, "queries or keys alone are turned")
    phases = [_phases(sweep, base, side) for side in (q, k)]
    if len(phases[0][0]) < base.rows or len(phases[1][0]) < base.columns:
        raise Stop(base.scores, ROTARY.name, "the rotation is the same at several positions")
    seen = pattern(sweep, base)
    rows = Counter(t for t, _ in seen)
    # of a row that sees one token alone the scores are unseen
    pairs = [(t, s) for t, s in seen if t != s and rows[t] > 1]
    best: Size | None = None
    for i, (t, s) in enumerate(pairs[:8]):
        for u, v in pairs[i + 1:8]:
            turns = [phases[0][p][t] - phases[1][p][s] - phases[0][p][u] + phases[1][p][v]
                     for p in range(len(phases[0]))]
            if base.query.beside is not None and 0 in turns:
                continue
            found = _of_angles(turns)
            if best is None or found < best:
                best = found
    if best is None:
        raise Stop(base.scores, ROTARY.name, "two pairs of positions with other offsets must be "
                   "seen (three tokens)")
    sweep.ledger.words("two pairs of positions with other offsets are seen")
    n = len(phases[0]) * 2
    turned = sweep.ledger.sizes.of(q.line, q.entries) - _beside(sweep, base)
    if sweep.ledger.sizes.value(turned) != n:
        raise Stop(base.scores, ROTARY.name, "entries of a head that no table is known of")
    if best == n:
        sweep.ledger.words("frequencies are distinct up to sign, none is 0")
        return turned
    return Integer(best)


def _still(sweep: Asked, base: Mixing) -> bool:
    """Whether no row sees two tokens at which some pair of entries is turned differently."""
    seen = pattern(sweep, base)
    return any(
        all(turn[s] == turn[u] for t, s in seen for v, u in seen if t == v)
        for turn in _phases(sweep, base, base.key))


def _of_angles(turns: list[Fraction]) -> int:
    """dim of the commutant of rotations of planes by rational angles: 2 m^2 for m equal ones.

    Cosines of two rational angles differ but for the sign, and none but 0 is a multiple of pi.
    """
    classes: dict[Fraction, int] = {}
    for r in turns:
        classes[abs(r)] = classes.get(abs(r), 0) + 1
    return sum((2 * m)**2 if r == 0 else 2 * m**2 for r, m in classes.items())


def _phases(sweep: Asked, base: Mixing, side: Side) -> list[list[Fraction]]:
    """The angle by which each pair is turned at each position. Raises Stop where none is known."""
    structure = sweep.structure
    end = side.turned
    assert end is not None
    line = structure.lines[end]
    regions = Regions(structure.network, structure.fixed)
    turn = regions.turn(line.inputs[0], end)
    if turn is None:
        raise Stop(end, ROTARY.name, "the rotation is not known")
    shape = line.shape
    # tables that vary along heads are no tables of positions, even where there are as many
    rank = len(structure.network.nodes[base.scores].shape)
    there = _legs(sweep, base.scores, rank - (1 if side is base.key else 2))
    positions = [a for a in range(len(shape)) if _legs(sweep, end, a) == there]
    cos, sin = (_by_position(end, table, shape, side.along, positions)
                for table in (turn.straight, turn.crossed))
    cos, sin = np.broadcast_arrays(cos, sin)
    n = cos.shape[-1]
    if turn.pairs == "halves" and len(side.along) != 1 or len(shape) - 1 not in side.along:
        raise Stop(end, ROTARY.name, "pairs that are split over axes")
    first = range(n // 2) if turn.pairs == "halves" else range(0, n, 2)
    values = regions.numbers.values
    return [[_angle(end, values[int(cos[t, p])], values[int(sin[t, p])])
             for t in range(len(cos))] for p in first]


def _legs(sweep: Asked, node: int, axis: int) -> list[int]:
    """The legs of an axis."""
    structure = sweep.structure
    return [structure.legs.find(leg)[0] for leg, _ in structure.leaves(node, axis)]


def _by_position(
    end: int, table: Array, shape: tuple[int, ...], along: tuple[int, ...], positions: list[int]
) -> Array:
    """A table of rotations as (positions, entries), entries along these axes, the last one first
    to vary: the same along all other axes. Raises Stop where another than `positions` tells.
    """
    table = np.broadcast_to(table, shape)
    others = [a for a in range(table.ndim) if a not in along]
    varies = [a for a in others if (table != np.take(table, [0], axis=a)).any()]
    if len(varies) > 1 or any(a not in positions for a in varies):
        raise Stop(end, ROTARY.name, "heads are turned differently")
    alike = [a for a in others if a not in varies]
    found: Array = np.transpose(table, (*alike, *varies, *along))
    entries = int(np.prod([shape[a] for a in along]))
    rows = shape[varies[0]] if varies else 1
    whole: Array = found.reshape(-1, rows, entries)[0]
    return whole


def _angle(
    end: int, cos: tuple[Fraction, tuple[str, ...]], sin: tuple[Fraction, tuple[str, ...]]
) -> Fraction:
    """r, where the two numbers are cos r and sin r (or - sin r) of a rational r."""
    if cos[0] == 1 and not cos[1] and sin[0] == 0:
        return Fraction(0)
    (one, names), (sign, others) = cos, sin
    if one == 1 and abs(sign) == 1 and len(names) == len(others) == 1:
        function, _, r = names[0].partition(" ")
        other, _, again = others[0].partition(" ")
        if (function, other) == ("cos", "sin") and r == again:
            return Fraction(r) * (1 if sign > 0 else -1)
    raise Stop(end, ROTARY.name, "a rotation that is not by a rational angle")
