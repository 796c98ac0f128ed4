"""What reads out: heads on a stream, norms of inputs, attention that no stream passes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Integer

from symgauge.converse.bound import Bound, Matrices
from symgauge.converse.context import Context
from symgauge.facts import attention
from symgauge.facts.chain import chain, is_full, is_own, width
from symgauge.facts.linear_attention import linear
from symgauge.facts.norms import between, read_all, reading
from symgauge.facts.stream import HEAD, HEAD_NORM, NORM_OUT, NORMED_UNITS
from symgauge.facts.units import EXPONENTIAL, units
from symgauge.converse.post_norm import PostNorm, is_post
from symgauge.sums.sizes import Size
from symgauge.converse.stream import Stream
from symgauge.sums.affine import Affine, Factors, Gain, Term, Weight
from symgauge.sums.bases import Mixing, Norm, Source, Units
from symgauge.sums.stop import Stop


def plain_head(sweep: Context, goal: Affine, shared: Factors, ones: bool) -> None:
    """z U + b of a stream z."""
    ledger, n = sweep.ledger, len(shared)
    factors = goal.terms[0].factors[-n:]
    u = factors[0]
    if len(factors) != 1 or not isinstance(u, Weight):
        raise Stop(goal.node, HEAD.name, "a head of several maps")
    own = [b for b in goal.biases if b.factors[-n:] != factors]
    inner = tuple(replace(b, factors=b.factors[:-n]) for b in goal.biases
                  if b.factors[-n:] == factors)
    ledger.step(HEAD, goal.node)
    sweep.read_out(u, own)
    d, o = ledger.sizes.of(u.node, u.ins), ledger.sizes.of(u.node, u.outs)
    ledger.settle((u.piece,))
    ledger.asks(d, o - 1 if ones else o, "the head sees the stream")
    if ones:
        ledger.free("multiples of 1 in each row", d)
    if any(not is_full(b) or b.factors for b in own) or len(own) > 1:
        raise Stop(goal.node, HEAD.name, "several biases of a head")
    ledger.settle(b.piece for b in own)
    if own and ones:
        ledger.free("biases", Integer(1))
    z = Affine(goal.node, goal.feats, tuple(
        replace(t, factors=t.factors[:-n]) for t in goal.terms), inner,
        constant=goal.constant)
    # dU = - A U where z spans: else the head is not settled
    sweep.spans(z, d)
    ledger.commit(d * d + d)
    Stream(sweep, d).down(z, Bound(Matrices.ALL, shift=bool(own)))


def alone(sweep: Context, goals: Sequence[Affine], base: Mixing, ones: bool) -> None:
    """An average of tokens that are free inputs, or latents of them, and a matrix."""
    if len(goals) != 1 or ones:
        raise Stop(base.node, attention.SOFTMAX.name, "several readers of an attention")
    sweep.no_tokens(base.node)
    ledger = sweep.ledger
    (goal,) = goals
    (t,) = goal.terms
    if base.linear:
        linear(sweep, goal, base)
        return
    if not t.factors or sum(isinstance(f, Weight) for f in t.factors) != 1 or not isinstance(
            t.factors[0], Weight):
        raise Stop(base.node, attention.SOFTMAX.name, "heads without one output matrix")
    fact = attention.ENTRYWISE if base.entrywise else attention.SOFTMAX
    ledger.step(fact, base.node)
    attention.sees_two(sweep, base)
    heads = attention.heads_of(sweep, base)
    g, m = heads.groups, heads.repeats
    query = attention.read(base.query.affine, g * m * heads.key, sweep)
    key = attention.read(base.key.affine, g * heads.key, sweep)
    value = attention.read(base.value, g * heads.value, sweep)
    depth = _latents(sweep, base, heads, (query, key, value))
    attention.scores(sweep, base, heads, (depth[0], query.biased), (depth[1], key.biased))
    constant = attention.values(
        sweep, base, heads, (depth[2], value.biased),
        ledger.sizes.of(t.factors[0].node, t.factors[0].outs))
    for r in (query, key, value):
        own = [b for b in r.affine.biases]
        if any(b.factors or b.rows for b in own) or len(own) > 1:
            raise Stop(base.node, fact.name, "several biases of heads")
        ledger.settle((r.weight.piece, *(b.piece for b in own)))
    chain(ledger, t.factors)
    sweep.biases_of(goal, width(ledger, t.factors, Integer(1)), False,
                    [] if constant is None else [constant])


def _latents(
    sweep: Context, base: Mixing, heads: attention.Heads, reads: Sequence[attention.Read]
) -> list[Size]:
    """Maps that heads share or queries have before their own: latents, on which gl acts."""
    ledger = sweep.ledger
    depth: list[Size] = []
    done: set[int] = set()
    for r in reads:
        source = sweep.base(Term(r.base, r.feats, ()))
        if not isinstance(source, Source):
            raise Stop(base.node, attention.SOFTMAX.name, "heads read no free input")
        rows = [a for a in sweep.structure.top(r.base) if a not in r.feats]
        if len(rows) != 1:
            raise Stop(base.node, attention.SOFTMAX.name, "rows are no plain list of tokens")
        size = ledger.sizes.of(r.weight.node, r.weight.ins)
        depth.append(size)
        if not r.before:
            continue
        if len(r.before) != 1 or not isinstance(r.before[0], Weight) or r.affine.biases:
            raise Stop(base.node, attention.SOFTMAX.name, "heads behind several maps")
        _latent(sweep, r.before[0], size, [x for x in reads if x.before == r.before], heads, done)
    return depth


def _latent(
    sweep: Context, w: Weight, size: Size, readers: Sequence[attention.Read],
    heads: attention.Heads, done: set[int],
) -> None:
    ledger = sweep.ledger
    if w.node in done:
        return
    done.add(w.node)
    ledger.settle((w.piece,))
    ledger.asks(size, ledger.sizes.of(w.node, w.ins), "the latent spans")
    outs = sum((ledger.sizes.of(r.weight.node, r.weight.outs) for r in readers), Integer(0))
    ledger.asks(size, outs, "the heads see the latent")
    for n in (heads.key, heads.value):
        ledger.asks(n, size, "the latent fills the heads")
    ledger.free("gl of a latent", size * size)


def norm(sweep: Context, goals: Sequence[Affine], base: Norm, ones: bool) -> None:
    """Readers of a norm: of an input, of a linear map of one, or a head on a stream."""
    argument = base.argument
    if argument.repeated:
        raise Stop(base.node, HEAD_NORM.name, "features that are repeated")
    if len(argument.terms) == 1 and isinstance(sweep.base(argument.terms[0]), Source):
        _norm_of_input(sweep, goals, base, ones)
        return
    if len(goals) != 1:
        raise Stop(base.node, HEAD_NORM.name, "several readers of a norm of a stream")
    if goals[0].node in sweep.constant_goals:
        raise Stop(base.node, EXPONENTIAL.name, "exponents that are a head on a stream")
    if not ones and all(isinstance(f, Gain) for f in goals[0].terms[0].factors):
        _norm_out(sweep, goals[0], base)
        return
    _norm_head(sweep, goals[0], base, ones)


def _norm_of_input(sweep: Context, goals: Sequence[Affine], base: Norm, ones: bool) -> None:
    sweep.no_tokens(base.node)
    if ones:
        raise Stop(base.node, HEAD_NORM.name, "probabilities of a norm of an input")
    readings = [reading(g.biases, g.terms[0].factors) for g in goals]
    (t,) = base.argument.terms
    for b in (b for g in goals if g.node in sweep.constant_goals for b in g.biases):
        if b.factors:
            raise Stop(base.node, EXPONENTIAL.name, "a norm's bias before exponents")
        sweep.ledger.step(EXPONENTIAL, base.node)
        sweep.ledger.free("biases of exponents", sweep.ledger.sizes.of(b.node, b.feats))
    if not t.factors:
        if base.argument.biases:
            raise Stop(base.node, HEAD_NORM.name, "an input with a bias, and no matrix")
        sweep.ledger.asks(3 if base.centred else 2, sweep.ledger.sizes.of(t.base, t.feats),
                          "a norm of two entries")
        read_all(sweep, base, readings)
    else:
        between(sweep, base, readings)


def _norm_out(sweep: Context, goal: Affine, base: Norm) -> None:
    """N(z) G + b of a stream z, as it is: a head with as many outputs, of which a gain varies."""
    ledger = sweep.ledger
    (t,) = goal.terms
    ledger.step(NORM_OUT, goal.node)
    if len(t.factors) > 1 or len(goal.biases) > 1 or not all(map(is_own, goal.biases)):
        raise Stop(goal.node, NORM_OUT.name, "several gains or biases of a norm that is read out")
    d = ledger.sizes.of(t.base, t.feats)
    ledger.settle(f.piece for f in t.factors)
    ledger.settle(b.piece for b in goal.biases)
    ledger.asks(3 if base.centred else 2, d, "a norm of two entries")
    sweep.head_biased = bool(goal.biases)
    if is_post(sweep, base.argument):
        PostNorm(sweep, d, base).run(turns=False)
        return
    sweep.spans(base.argument, d)
    Stream(sweep, d).down(base.argument, Bound(
        Matrices.ZERO, scale=base.eps == 0, ones="free" if base.centred else "", projective=True))


def _norm_head(sweep: Context, goal: Affine, base: Norm, ones: bool) -> None:
    """N(z) G U + b of a stream z."""
    ledger = sweep.ledger
    (t,) = goal.terms
    weights = [f for f in t.factors if isinstance(f, Weight)]
    if len(weights) != 1 or t.factors[-1] != weights[0]:
        raise Stop(goal.node, HEAD_NORM.name, "a head of several maps")
    (u,) = weights
    ledger.step(HEAD_NORM, goal.node)
    own = [b for b in goal.biases if not b.factors]
    sweep.read_out(u, own)
    sweep.head_biased = bool(goal.biases)
    d, o = ledger.sizes.of(u.node, u.ins), ledger.sizes.of(u.node, u.outs)
    ledger.asks(d, o - 1 if ones else o, "the head sees the stream")
    if len(own) > 1 or any(not is_full(b) for b in own):
        raise Stop(goal.node, HEAD_NORM.name, "several biases of a head")
    if len(base.argument.terms) == 1 and not ones:
        _units_head(sweep, goal, base, u)
        return
    if ledger.uses[u.node] == 2:
        _tied_head(sweep, goal, base, u)
    else:
        read_all(sweep, base, [reading(goal.biases, t.factors)])
        ledger.step(HEAD_NORM, goal.node)
        if ones:
            ledger.free("multiples of 1 in each row", d)
            if own:
                ledger.free("biases", Integer(1))
    ledger.asks(3 if base.centred else 2, d, "a norm of two entries")
    if is_post(sweep, base.argument):
        PostNorm(sweep, d, base).run(turns=True)
        return
    sweep.spans(base.argument, d)
    ledger.commit(d * d + d)
    Stream(sweep, d).down(base.argument, Bound(
        Matrices.ROTATIONS, scale=base.eps == 0, ones="free" if base.centred else "",
        projective=True))


def _units_head(sweep: Context, goal: Affine, base: Norm, u: Weight) -> None:
    """N(a) G U + b, a = act(u_i) entry by entry: a does not vary."""
    ledger, argument = sweep.ledger, base.argument
    (t,), (inner,) = goal.terms, argument.terms
    below = sweep.base(inner)
    if not isinstance(below, Units) or below.converse != "smooth" or inner.factors or (
            argument.biases or argument.constant or base.eps == 0):
        raise Stop(goal.node, HEAD_NORM.name, "a norm below a head does not begin with an input")
    ledger.step(NORMED_UNITS, goal.node)
    d = ledger.sizes.of(u.node, u.ins)
    ledger.asks(3 if base.centred else 2, d, "a norm of two entries")
    if ledger.uses[u.node] == 2:
        own = [b for b in goal.biases if is_own(b)]
        shift = [b for b in goal.biases if b not in own]
        if len(t.factors) != 2 or len(shift) > 1 or any(b.factors != (u,) for b in shift):
            raise Stop(goal.node, NORMED_UNITS.name, "a tied head with other maps or biases")
        lines = [sweep.base(x) for x in below.argument.terms]
        if not all(isinstance(x, Norm) and is_post(sweep, x.argument) for x in lines):
            raise Stop(goal.node, NORMED_UNITS.name, "a tied head of units above another stream")
        ledger.settle((u.node,), shared=2)
        ledger.settle((t.factors[0].piece, *(b.piece for b in goal.biases)))
        if own and shift:
            ledger.free("the norm's bias", d)
        sweep.tied, sweep.tied_gain, sweep.tied_centred = u.node, True, base.centred
        sweep.tied_bias = bool(shift) and not own
    else:
        read_all(sweep, base, [reading(goal.biases, t.factors)])
    sweep.descend(units(sweep, below, d, False))


def _tied_head(sweep: Context, goal: Affine, base: Norm, u: Weight) -> None:
    """A head that is the table of tokens too."""
    ledger = sweep.ledger
    (t,) = goal.terms
    gains = t.factors[:-1]
    source = next((x for x in base.argument.terms if isinstance(sweep.base(x), Source)), None)
    if source is None or [f.node for f in source.factors] != [u.node]:
        raise Stop(goal.node, HEAD_NORM.name, "a head's matrix is read elsewhere too")
    inner = [b for b in goal.biases if b.factors]
    if len(inner) < len(goal.biases) or len(gains) > 1:
        raise Stop(goal.node, HEAD_NORM.name, "a tied head with a bias, or several gains")
    if len(inner) > 1 or any(b.factors != (u,) or b.rows for b in inner):
        raise Stop(goal.node, HEAD_NORM.name, "several biases of the last norm")
    ledger.settle((u.node,), shared=2)
    ledger.settle(g.piece for g in gains)
    ledger.settle(b.piece for b in inner)
    sweep.tied = u.node
    sweep.tied_gain, sweep.tied_centred = bool(gains), base.centred
    sweep.tied_bias = bool(inner)
