"""Attention whose weights are the scores: sum_s (q_t . k_s) v_s W_O."""

from __future__ import annotations

from sympy import Integer

from symgauge.facts.asked import Asked
from symgauge.facts.attention import heads_of, read, sees_two
from symgauge.facts.fact import Fact
from symgauge.sums.affine import Affine, Weight
from symgauge.sums.bases import Mixing, Source
from symgauge.sums.stop import Stop

LINEAR = Fact(
    "linear attention", "x_t M u^T u N, M = W_Q W_K^T, N = W_V W_O: dM u^T is a multiple of M u^T, "
    "so dM = c M, dN = -c N", "one head, no biases, a row sees another token",
    "proofs/k19_linear_attention.py")


def linear(sweep: Asked, goal: Affine, base: Mixing) -> None:
    """Settle the four matrices of one head that reads one input. Raises Stop elsewhere."""
    ledger, (t,) = sweep.ledger, goal.terms
    ledger.step(LINEAR, base.node)

    def needs(holds: bool, reason: str) -> None:
        if not holds:
            raise Stop(base.node, LINEAR.name, reason)

    heads = heads_of(sweep, base)
    needs(ledger.sizes.value(heads.groups * heads.repeats) == 1, "several heads")
    needs(base.seen is None and base.rows == base.columns, "a mask")
    sides = (base.query, base.key)
    needs(all(s.turned is None and s.normed is None for s in sides), "turned or normed scores")
    needs(len(t.factors) == 1 and isinstance(t.factors[0], Weight) and not (
        goal.biases or goal.repeated or goal.node in sweep.constant_goals),
        "other maps or biases behind the head")
    sees_two(sweep, base)
    found = [read(a, n, sweep) for a, n in (
        (base.query.affine, heads.key), (base.key.affine, heads.key), (base.value, heads.value))]
    sources = [sweep.base(r.affine.terms[0]) for r in found]
    needs(len({r.base for r in found}) == 1 and all(isinstance(s, Source) for s in sources)
          and not any(r.before or r.affine.biases or r.affine.constant for r in found),
          "heads that read something else than one input, or have biases")
    rows = [a for a in sweep.structure.top(found[0].base) if a not in found[0].feats]
    needs(len(rows) == 1, "the rows are no plain list of tokens")
    last = t.factors[0]
    ledger.settle((*(r.weight.piece for r in found), last.piece))
    d, out = (ledger.sizes.of(w.node, x) for w, x in (
        (found[0].weight, found[0].weight.ins), (last, getattr(last, "outs", ()))))
    ledger.free("gl of queries and keys", ledger.pair(d, d, heads.key))
    ledger.free("gl of values and outputs", ledger.pair(d, out, heads.value))
    ledger.free("scores against values", Integer(1))
