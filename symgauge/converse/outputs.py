"""Several outputs: those that others tell, and readers of a norm that is an output itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgauge.converse.context import Context
from symgauge.facts.chain import is_own
from symgauge.facts.norms import READ
from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network
from symgauge.sums.affine import Affine, Gain, Weight
from symgauge.sums.bases import Norm, Units
from symgauge.sums.stop import Stop


def untold(network: Network) -> list[int]:
    """The outputs without those that the others and the inputs tell, no parameter beside."""
    kept = list(dict.fromkeys(network.outputs))
    for out in network.outputs:
        others = [j for j in kept if j != out]
        if len(others) < len(kept) and _tell(network, others, out):
            kept = others
    return kept


def _tell(network: Network, given: Sequence[int], out: int) -> bool:
    """Whether a line is a function of the given ones and of inputs alone."""
    return bool(given) and not any(
        isinstance(network.nodes[i].leaf, Parameter) for i in lines_below(network, [out], given))


def beside_a_norm(sweep: Context, outs: Sequence[int]) -> list[int]:
    """Without the outputs that are act((N G + b) W + c) where N G + b, a norm, is one itself.

    W and c do not vary, but for a multiple of 1 / G in each column where the norm centres.
    """
    if len(outs) == 1:
        return list(outs)
    read = [sweep.reader.read(i, sweep.reader.last_axis(i)) for i in outs]
    known = [a for a in read if len(a.terms) == 1 and not a.repeated and isinstance(
        sweep.base(a.terms[0]), Norm) and all(isinstance(f, Gain) for f in a.terms[0].factors)]
    if len(known) != 1:
        return list(outs)
    for found in read:
        if found is not known[0]:
            _reads(sweep, _below_units(sweep, found), known[0])
    return [known[0].node]


def _below_units(sweep: Context, found: Affine) -> Affine:
    """The arguments of units that are read out entry by entry."""
    if len(found.terms) == 1 and not (found.terms[0].factors or found.biases):
        base = sweep.base(found.terms[0])
        if isinstance(base, Units) and base.converse == "smooth":
            return base.argument
    return found


def _reads(sweep: Context, found: Affine, line: Affine) -> None:
    """Settle the matrix and the bias of a value that reads a line which does not vary."""
    ledger, (t,) = sweep.ledger, line.terms
    ledger.step(READ, found.node)
    w = found.terms[0].factors[-1] if len(found.terms) == 1 and found.terms[0].factors else None
    own = [b for b in found.biases if is_own(b)]
    passed = [b for b in found.biases if b not in own]
    if not isinstance(w, Weight) or found.repeated or len(own) > 1 or replace(
            t, factors=(*t.factors, w)) != found.terms[0] or set(passed) != {
            replace(b, factors=(*b.factors, w)) for b in line.biases}:
        raise Stop(found.node, "outputs", "an output that reads another line than one that is one")
    if line.biases and not own:
        raise Stop(found.node, "outputs", "an output without a bias beside a norm with one")
    ledger.settle((w.piece, *(b.piece for b in own)))
    base = sweep.base(t)
    if isinstance(base, Norm) and base.centred:
        ledger.free("what reads 1", ledger.sizes.of(w.node, w.outs))
