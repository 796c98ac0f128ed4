"""What reads a norm: gains, biases and matrices behind it; a norm between two linear maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Integer

from symgauge.sums.affine import Bias, Factors, Gain, Weight
from symgauge.sums.bases import Norm
from symgauge.facts.fact import Fact
from symgauge.facts.chain import is_full
from symgauge.sums.sizes import Size
from symgauge.sums.stop import Stop


from symgauge.facts.asked import Asked

READ = Fact(
    "readers of a norm", "u = N(z) B + b, du = 0, dz = z A + c, z spans, B not 0: db = 0, c = 0, "
    "dB = -A B, A in so(d) (epsilon 0: + R); centred: z modulo 1, A in so(d - 1)",
    "z spans", "proofs/k7_residual.py")
BETWEEN = Fact(
    "a norm between linear maps", "2 Q (x dA) = (x A)(x dS x^T), A = W_0 G W_1, S = W_0 W_0^T, "
    "Q = |z|^2 + d epsilon", "free inputs", "proofs/k6_norms.py")


@dataclass(frozen=True)
class Reading:
    """One matrix behind a norm: what stands between, whether its value has a bias.

    `loose`: a constant added to its value is seen by nothing (keys under a softmax); `unseen`: to
    so many of its entries (keys that a rotary table leaves alone).
    """

    factors: Factors
    bias: bool
    biases: tuple[Bias, ...]
    loose: bool = False
    unseen: Size = 0

    @property
    def gains(self) -> tuple[Gain, ...]:
        """The gains before the first matrix."""
        out: list[Gain] = []
        for f in self.factors:
            if isinstance(f, Weight):
                break
            out.append(f)
        return tuple(out)

    @property
    def weight(self) -> Weight | None:
        """The matrix that reads."""
        return next((f for f in self.factors if isinstance(f, Weight)), None)


def reading(
    affine_biases: Sequence[Bias], factors: Factors, loose: bool = False, unseen: Size = 0
) -> Reading:
    """The reading of a value with these factors and biases."""
    own = any(is_full(b) and not b.factors for b in affine_biases)
    return Reading(factors, own, tuple(affine_biases), loose, unseen)


def read_all(sweep: Asked, norm: Norm, readings: Sequence[Reading]) -> None:
    """Free what the readers of one norm leave free, their values being determined.

    Each is gain, matrix, bias; the norm's own bias runs through all matrices.
    """
    ledger = sweep.ledger
    ledger.step(READ, norm.node)
    gains = {r.gains for r in readings}
    if len(gains) != 1 or any(r.weight is None for r in readings):
        raise Stop(norm.node, READ.name, "readers with different gains, or without a matrix")
    (shared,) = gains
    weights = [r.weight for r in readings]
    if any(len(r.factors) != len(shared) + 1 for r in readings):
        raise Stop(norm.node, READ.name, "several matrices behind a norm")
    ledger.settle(g.piece for g in shared)
    for g in shared:
        ledger.free("a gain against its readers", ledger.sizes.of(g.node, g.at))
    inner: set[Bias] = set()
    for r in readings:
        mine = [b for b in r.biases if b.factors]
        if any(b.factors[-1] != r.weight or b.rows for b in mine):
            raise Stop(norm.node, READ.name, "a bias that is no bias of the norm")
        inner |= {replace(b, factors=b.factors[:-1]) for b in mine}
        own = [b for b in r.biases if not b.factors]
        if len(own) > 1:
            raise Stop(norm.node, READ.name, "two biases of one reader")
        ledger.settle(b.piece for b in own)
    _norm_bias(sweep, norm, readings, inner)
    for w in weights:
        assert w is not None
        ledger.settle((w.piece,))
        if norm.centred:
            ledger.free("what reads 1", ledger.sizes.of(w.node, w.outs))


def _norm_bias(
    sweep: Asked, norm: Norm, readings: Sequence[Reading], inner: set[Bias]
) -> None:
    """The bias of the norm: each reader's own bias undoes it; without, it stays or 1 does."""
    ledger = sweep.ledger
    if not inner:
        return
    if len(inner) > 1:
        raise Stop(norm.node, READ.name, "several biases of one norm")
    (bias,) = inner
    if any(bias not in {replace(b, factors=b.factors[:-1]) for b in r.biases
                        if b.factors} for r in readings):
        raise Stop(norm.node, READ.name, "a bias of the norm that some readers leave out")
    if bias.factors:
        raise Stop(norm.node, READ.name, "a gain on the norm's bias")
    ledger.settle((bias.piece,))
    open_ = [r for r in readings if not r.bias and not r.loose]
    d = ledger.sizes.of(bias.node, bias.feats)
    if not open_:
        ledger.free("the norm's bias", d)
        return
    widths = sum((ledger.sizes.of(r.weight.node, r.weight.outs) - r.unseen
                  for r in open_ if r.weight), Integer(0))
    # d(beta W) = 0 for these; what reads 1 (centred) makes up for any change of beta
    ledger.free("the norm's bias", d - (
        widths if norm.centred else ledger.smallest((widths, d), "readers without a bias")))


def between(sweep: Asked, norm: Norm, readings: Sequence[Reading]) -> None:
    """(N(x W_0 + b_0) G) W_1 + b_1 with free inputs: all of it, W_0 and b_0 included."""
    ledger = sweep.ledger
    ledger.step(BETWEEN, norm.node)
    argument = norm.argument
    (t,) = argument.terms
    if len(t.factors) != 1 or not isinstance(t.factors[0], Weight) or argument.repeated:
        raise Stop(norm.node, BETWEEN.name, "a norm of something else than one matrix")
    if argument.constant:
        raise Stop(norm.node, BETWEEN.name, "a constant is added before the norm")
    own = argument.biases
    if len(own) > 1 or any(not is_full(b) or b.factors for b in own):
        raise Stop(norm.node, BETWEEN.name, "more than one bias before the norm")
    w0 = t.factors[0]
    assert isinstance(w0, Weight)
    m, d = ledger.sizes.of(w0.node, w0.ins), ledger.sizes.of(w0.node, w0.outs)
    weights = [r.weight for r in readings]
    o = sum((ledger.sizes.of(w.node, w.outs) for w in weights if w), Integer(0))
    rows = m + 1 if own else m
    seen = d - 1 if norm.centred else d
    ledger.asks(2, seen, "a norm of two entries")
    k = ledger.smallest((rows, seen), "the rank of the matrix before the norm")
    read_all(sweep, norm, readings)
    ledger.step(BETWEEN, norm.node)
    ledger.settle((w0.piece, *(b.piece for b in own)))
    ledger.free("rotations before the norm", _rotations(ledger.sizes.value(rows),
                ledger.sizes.value(seen), rows, seen))
    ledger.free("readers of what is not reached", o * (seen - k))
    if norm.centred:
        ledger.free("writers of 1", rows)
    scale = norm.eps == 0 or bool(own) and ledger.holds(rows, seen)
    if norm.eps != 0 and own:
        ledger.asks(*((rows, seen) if scale else (seen + 1, rows)), "a scale through the norm")
    if scale:
        ledger.free("the scale before the norm", Integer(1))


def _rotations(m: int, d: int, rows: Size, seen: Size) -> Size:
    """dim of {W Omega}: d (d - 1) / 2 for m >= d, else d m - m (m + 1) / 2.

    Proved in proofs/k2_matrix_equations.py.
    """
    return seen * (seen - 1) / 2 if m >= d else seen * rows - rows * (rows + 1) / 2
