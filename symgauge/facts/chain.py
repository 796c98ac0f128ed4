"""Products of matrices, gains and biases: base F with every row of F determined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sympy import Integer

from symgauge.sums.affine import Bias, Factor, Gain, Weight
from symgauge.facts.fact import Fact
from symgauge.facts.ledger import Ledger
from symgauge.sums.sizes import Size
from symgauge.sums.stop import Stop

CHAIN = Fact(
    "chain", "d(W_1 ... W_k) = 0 leaves r (n_0 + n_k - r) of the coordinates determined, r the "
    "smallest width; a gain beside a matrix is free",
    "base features without linear relation; generic matrices",
    "proofs/k2_matrix_equations.py, k3_one_layer.py")
BIAS = Fact(
    "bias", "d(sum_j b_j F_j) = 0 determines one bias from the others", "", "linear algebra")


def chain(ledger: Ledger, factors: Sequence[Factor], ones: bool = False) -> None:
    """Free what a product of factors leaves free, its value being determined.

    `ones`: determined up to a multiple of 1 for each row (what follows does not see 1).
    """
    weights = [f for f in factors if isinstance(f, Weight)]
    gains = [f for f in factors if isinstance(f, Gain)]
    ledger.settle(f.piece for f in factors)
    for gain in gains if weights else gains[1:]:
        ledger.free("a gain against a matrix", ledger.sizes.of(gain.node, gain.at))
    if not weights:
        if ones:
            raise Stop(ledger.steps[-1].line, CHAIN.name, "no matrix stands before the outputs")
        return
    widths = [ledger.sizes.of(weights[0].node, weights[0].ins)]
    widths += [ledger.sizes.of(w.node, w.outs) for w in weights]
    if ones:
        ledger.free("multiples of 1 in each row", widths[-2])
        widths[-1] = widths[-1] - 1
    if len(weights) > 1:
        r = ledger.smallest(widths, "the rank of a product of generic matrices")
        inner = sum((a * b for a, b in zip(widths, widths[1:])), Integer(0))
        ledger.free("between matrices", inner - r * (widths[0] + widths[-1] - r))


def width(ledger: Ledger, factors: Sequence[Factor], start: Size) -> Size:
    """The number of features behind some factors."""
    for f in reversed(factors):
        if isinstance(f, Weight):
            return ledger.sizes.of(f.node, f.outs)
    return start


def is_full(bias: Bias) -> bool:
    """Whether a bias reaches every feature: gains alone follow."""
    return not bias.rows and not any(isinstance(f, Weight) for f in bias.factors)


def is_own(bias: Bias) -> bool:
    """Whether a bias is added last of all: nothing is behind it."""
    return is_full(bias) and not bias.factors


def biases(
    ledger: Ledger, given: Iterable[Bias], out: Size, ones: bool = False,
    others: Iterable[tuple[Size, Size]] = (), settled: frozenset[int] = frozenset(),
) -> bool:
    """Free what sum_j b_j F_j = a given constant leaves free; whether a bias reaches every feature.

    `others`: (dimension, rank) of further constants (the values' biases behind averages).
    Factors in `settled` are those of terms.
    """
    given = list(given)
    for b in given:
        if b.rows:
            raise Stop(b.node, BIAS.name, "a table of positions is added away from the inputs")
    extra = [f for b in given for f in b.factors if f.node not in settled]
    if any(isinstance(f, Weight) for f in extra):
        raise Stop(extra[0].node, BIAS.name, "a bias runs through a matrix that no term has")
    chain_gains(ledger, extra)
    ledger.settle(b.piece for b in given)
    total = sum((ledger.sizes.of(b.node, b.feats) for b in given), Integer(0))
    total += sum((n for n, _ in others), Integer(0))
    if total == 0:
        return False
    seen = out - 1 if ones else out
    full = any(is_full(b) for b in given)
    if full:
        ledger.free("biases", total - seen)
        return True
    ranks = [r for _, r in others]
    for b in given:
        weights = [f for f in b.factors if isinstance(f, Weight)]
        ranks.append(ledger.smallest(
            (ledger.sizes.of(b.node, b.feats), *(ledger.sizes.of(w.node, w.outs) for w in weights)),
            "the rank of the matrices behind a bias"))
    rank = max(ranks, key=ledger.sizes.value)
    if ones:
        rank = ledger.smallest((rank, seen), "a bias before outputs that do not see 1")
    ledger.free("biases", total - rank)
    return False


def chain_gains(ledger: Ledger, gains: Iterable[Factor]) -> None:
    """Gains that biases alone run through: each against its bias."""
    for g in dict.fromkeys(gains):
        assert isinstance(g, Gain)
        ledger.settle((g.piece,))
        ledger.free("a gain against a bias", ledger.sizes.of(g.node, g.at))
