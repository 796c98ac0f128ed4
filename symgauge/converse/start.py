"""Where a residual stream begins: free inputs or tokens through one matrix, tables of positions."""

from __future__ import annotations

from sympy import Integer

from symgauge.converse.bound import Bound, Matrices
from symgauge.converse.context import Context
from symgauge.converse.row_of_parameters import row_of_parameters
from symgauge.facts.ends import TOKENS
from symgauge.facts.stream import HEAD_NORM, START
from symgauge.facts.ledger import Ledger
from symgauge.sums.sizes import Size
from symgauge.sums.affine import Affine, Bias, Term, Weight
from symgauge.sums.bases import Source
from symgauge.sums.rows import Rows
from symgauge.sums.stop import Stop


def start(sweep: Context, width: Size, y: Affine, bound: Bound, mixes: bool) -> None:
    """Settle what the stream begins with. `mixes`: whether the lowest block has an attention."""
    ledger = sweep.ledger
    joined = sweep.base(y.terms[0])
    if isinstance(joined, Rows):
        y = row_of_parameters(sweep, joined, y, width, bound)
    t, source = _input(sweep, y, bound)
    if source.leaf.classes:
        ledger.step(TOKENS, y.node)
        sweep.vocabulary(source, t)
    ledger.step(START, y.node)
    if not t.factors:
        if y.biases:
            raise Stop(y.node, START.name, "an input with a bias, and no matrix")
        return
    w, tables = _maps(sweep, y, t)
    tied = sweep.tied == w.node
    if source.leaf.classes and not (tied or tables or mixes):
        raise Stop(y.node, TOKENS.name, "the lowest block has no attention")
    if not tied:
        ledger.settle((w.piece,))
    ledger.settle(b.piece for b in y.biases)
    _matrix(sweep, width, bound, tied)
    if bound.ones == "free":
        rows = [] if tied else [ledger.sizes.of(w.node, w.ins)]
        rows += [Integer(1) if b.one_row else ledger.sizes.of(b.node, b.rows) for b in y.biases]
        ledger.free("writers of 1", sum(rows, Integer(0)))
    _constants(sweep, width, y, bound, bool(source.leaf.classes), tied)


def _input(sweep: Context, y: Affine, bound: Bound) -> tuple[Term, Source]:
    """The one input of the stream."""
    if bound.projective:
        raise Stop(y.node, HEAD_NORM.name, "no smooth units below the last norm")
    if len(y.terms) != 1 or y.repeated:
        raise Stop(y.node, START.name, "the stream begins with several inputs")
    (t,) = y.terms
    source = sweep.base(t)
    assert isinstance(source, Source)
    return t, source


def _maps(sweep: Context, y: Affine, t: Term) -> tuple[Weight, list[Bias]]:
    """The matrix behind the input, and the table of positions if there is one."""
    if len(t.factors) != 1 or not isinstance(t.factors[0], Weight):
        raise Stop(y.node, START.name, "the stream begins behind several maps")
    tables = [b for b in y.biases if b.rows and not b.one_row]
    every = sum(a not in t.feats for a in sweep.structure.top(t.base))
    if any(b.factors for b in y.biases) or len(tables) > 1 or any(
            len(b.rows) not in (1, every) for b in tables):
        raise Stop(y.node, START.name, "several tables of positions, or one behind a map")
    return t.factors[0], tables


def _constants(
    sweep: Context, width: Size, y: Affine, bound: Bound, tokens: bool, tied: bool
) -> None:
    """Tables and biases undo each other's constants, a table of inputs' rows one of tokens'."""
    ledger = sweep.ledger
    constants = len(y.biases) + (1 if tokens else 0)
    if tied:
        _tied_constants(sweep, width, y, bound)
        return
    if constants:
        seen = width - 1 if bound.ones == "free" else width
        ledger.free("constants against each other", seen * (constants - 1))
        count_shift(ledger, width, bound)


def _tied_constants(sweep: Context, width: Size, y: Affine, bound: Bound) -> None:
    """Constants of a table that reads out too: what the head does not see, undone by positions.

    Probabilities see no constant; logits behind a norm that centres and adds no bias see none
    along 1 / gain.
    """
    ledger = sweep.ledger
    if len(y.biases) > 1:
        if bound.matrix is not Matrices.ZERO or sweep.probabilities:
            raise Stop(y.node, START.name, "several constants beside a tied table")
        ledger.free("constants against each other",
                    (width - 1 if bound.ones == "free" else width) * (len(y.biases) - 1))
    if sweep.probabilities and y.biases:
        ledger.free("a shift of tokens against positions", width)
    elif sweep.probabilities and bound.ones == "free":
        ledger.free("a shift of tokens along 1", Integer(1))
    elif y.biases and sweep.tied_centred and not sweep.tied_bias:
        ledger.free("a shift of tokens against positions, along 1 / gain", Integer(1))


def count_shift(ledger: Ledger, width: Size, bound: Bound) -> None:
    """A constant c of the line above that its readers let stand."""
    if bound.shift:
        ledger.free("a shift of the stream", width)
    elif bound.ones == "constant":
        ledger.free("a multiple of 1", Integer(1))


def _matrix(sweep: Context, d: Size, bound: Bound, tied: bool) -> None:
    ledger = sweep.ledger
    if tied:
        sweep.tied_matrix(bound, d)
        return
    if bound.matrix is Matrices.ALL:
        ledger.free("gl of the stream", d * d)
    elif bound.matrix is Matrices.ROTATIONS and bound.ones:
        ledger.free("so of the stream, 1 fixed", (d - 1) * (d - 2) / 2)
    elif bound.matrix is Matrices.ROTATIONS:
        ledger.free("so of the stream", d * (d - 1) / 2)
    if bound.scale:
        ledger.free("the scale of the stream", Integer(1))
