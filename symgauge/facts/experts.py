"""Mixtures of experts: sum_e p_e E_e, the weights p of a router, some experts chosen."""

from __future__ import annotations

from sympy import Integer

from symgauge.facts.asked import Asked
from symgauge.facts.fact import AX, Fact
from symgauge.facts.units import private, varies
from symgauge.facts.ledger import Ledger
from symgauge.sums.sizes import Size
from symgauge.sums.affine import Weight
from symgauge.sums.listed import Listed
from symgauge.sums.routed import Routed
from symgauge.sums.stop import Stop

EXPERTS = Fact(
    "experts", "sum_e p_e E_e, sum p = 1: p_e^2: D_e (E_e - E_0) = 0, the logits vary alike "
    "(sigmoids: D_e = 0); p_e: dE_e = E_e A for every expert that is chosen",
    "each expert is chosen by some inputs together with others; each logit and each unit has a "
    "parameter of its own (C-PRIV)", "proofs/k16_experts.py", (AX,))


def experts(sweep: Asked, base: Routed, depth: Size) -> Size:
    """Free what a router and the units of its experts leave free; how many units there are.

    `depth`: the dimension of what the router reads. Matrices and biases are settled elsewhere.
    """
    ledger = sweep.ledger
    ledger.step(EXPERTS, base.node)
    each = ledger.sizes.of(base.matrix.node, base.copies)
    if base.shared and base.chosen < 2:
        raise Stop(base.node, EXPERTS.name, "one expert is chosen, and its weight is 1")
    if base.converse != "smooth":
        raise Stop(base.node, EXPERTS.name, "experts of units with walls, or of no known function")
    router = [f for t in base.router.terms for f in t.factors if isinstance(f, Weight)]
    if len(base.router.terms) != 1 or len(router) != 1 or base.router.repeated:
        raise Stop(base.node, EXPERTS.name, "a router that is no matrix of one line")
    private(sweep, base.router)
    private(sweep, base.gate)
    ledger.asks(each - 1, depth, "every choice of experts is met")
    _chosen(ledger, base.shared)
    units = each * ledger.sizes.of(base.matrix.node, base.hidden)
    if base.up is not None:
        varies(sweep, base.up)
        ledger.free("scalings of units", units)
    if differences(base):
        ledger.free("a common vector of the router", depth)
        ledger.free("a common bias of the router", Integer(sum(
            not b.factors for b in base.router.biases)))
    return units


def listed(sweep: Asked, base: Listed, walls: bool) -> None:
    """A mixture of experts that are lines of their own, alone: none varies, nor do the logits.

    `walls`: whether some have walls.
    """
    ledger = sweep.ledger
    ledger.step(EXPERTS, base.node)
    if base.shared and base.chosen < 2:
        raise Stop(base.node, EXPERTS.name, "one expert is chosen, and its weight is 1")
    router = [f for t in base.router.terms for f in t.factors if isinstance(f, Weight)]
    if len(base.router.terms) != 1 or len(router) != 1 or base.router.repeated:
        raise Stop(base.node, EXPERTS.name, "a router that is no matrix of one line")
    private(sweep, base.router)
    if base.chosen == len(base.experts):
        return
    (w,) = router
    # a list has as many at all sizes
    ledger.asks(Integer(len(base.experts) - 1), ledger.sizes.of(w.node, w.ins),
                "every choice of experts is met")
    _chosen(ledger, base.shared)
    if walls:
        ledger.words("every wall is reached where its expert is chosen")


def _chosen(ledger: Ledger, shared: bool) -> None:
    ledger.words("each expert is chosen by some inputs (of tokens by as many fresh ones)" + (
        ", those chosen together connect all" if shared else ""))


def differences(base: Routed | Listed) -> bool:
    """Whether the differences of logits alone are seen."""
    return base.gates == "softmax"
