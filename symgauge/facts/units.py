"""Sums over units, sum_i act(u_i) v_i and sum_i act(g_i) u_i v_i, split by independent atoms."""

from __future__ import annotations

from collections.abc import Callable

from symgauge.sums.affine import Affine, Weight
from symgauge.sums.bases import Gated, Source, Units
from symgauge.facts.fact import AX, Fact
from symgauge.facts.chain import is_full
from symgauge.sums.sizes import Size
from symgauge.sums.stop import Stop

from symgauge.facts.asked import Asked

REACHED = "every wall is reached"
SMOOTH = Fact(
    "units", "sum_i act(u_i) dv_i + act'(u_i) du_i v_i in the lower field: du_i = 0, dv_i = 0 "
    "(behind a skip dv_i = v_i A)", "each u_i has a parameter of its own (C-PRIV)",
    "proofs/k1_splitting.py, k3_one_layer.py, k4_deep.py", (AX,))
EXPONENTIAL = Fact(
    "exponential units", "E_i (dv_i + du_i v_i) = 0: du_i is a constant, which a bias absorbs",
    "each u_i has a parameter of its own (C-PRIV)", "proofs/k3_one_layer.py, k4_deep.py", (AX,))
KINKED = Fact(
    "kinked units", "the jump at u_i = 0: u_i dv_i + du_i v_i = 0: du_i = -c_i u_i",
    "every wall u_i = 0 is reached, nothing below has walls", "proofs/k3_one_layer.py")
POWER = Fact(
    "powers", "monomials u_i^(p-1) u_j of coordinates u: du_i = c_i u_i (p >= 3, or p = 2 and two "
    "outputs; so(h) besides for p = 2 and one output)", "h <= d: the u_i are coordinates",
    "proofs/k3_one_layer.py")
GATED = Fact(
    "gated units", "dg_i = 0, u_i dv_i + du_i v_i = 0: du_i = -c_i u_i",
    "each g_i has a parameter of its own (C-PRIV)", "proofs/k3_one_layer.py", (AX,))
KINKED_GATE = Fact(
    "gated units with walls",
    "the jump at g_i = 0, g_i and u_i coprime: two scalings for each unit",
    "every wall g_i = 0 is reached, nothing below has walls", "proofs/k3_one_layer.py")
BILINEAR = Fact(
    "products of coordinates", "monomials g_i u_j of coordinates: two scalings for each unit (one "
    "output: what keeps the form, h (2 h - 1), besides h scalings)", "2 h <= d, or h <= both "
    "inputs' sizes", "proofs/k11_powers.py")


def units(sweep: Asked, base: Units, out: Size, alone: bool) -> list[Affine]:
    """What is left free of units, and the arguments that do not vary (up to that)."""
    ledger = sweep.ledger
    h = ledger.sizes.of(base.node, base.feats)
    known: dict[str, Callable[[], None]] = {
        "smooth": lambda: _smooth(sweep, base),
        "exponential": lambda: _exponential(sweep, base, h),
        "kinked": lambda: _kinked(sweep, base, h),
        "power": lambda: _power(sweep, base, h, out, alone),
    }
    if base.converse not in known:
        raise Stop(base.node, base.converse, "no converse is stated for units with this function")
    known[base.converse]()
    return [base.argument]


def _smooth(sweep: Asked, base: Units) -> None:
    sweep.ledger.step(SMOOTH, base.node)
    private(sweep, base.argument)


def _exponential(sweep: Asked, base: Units, h: Size) -> None:
    sweep.ledger.step(EXPONENTIAL, base.node)
    private(sweep, base.argument)
    # du = c is absorbed by biases, which no equation determines then
    sweep.constant_goals.add(base.argument.node)
    biases = base.argument.biases
    if biases and not any(is_full(b) for b in biases):
        raise Stop(base.node, EXPONENTIAL.name, "a bias of exponents runs through a matrix")


def _kinked(sweep: Asked, base: Units, h: Size) -> None:
    sweep.ledger.step(KINKED, base.node)
    sweep.walls(base.node)
    _reached(sweep, base.argument)
    sweep.ledger.free("scalings of units", h)


def _power(sweep: Asked, base: Units, h: Size, out: Size, alone: bool) -> None:
    ledger, p = sweep.ledger, base.attrs["exponent"]
    ledger.step(POWER, base.node)
    if not alone:
        raise Stop(base.node, POWER.name, "powers beside other terms")
    ledger.asks(h, _coordinates(sweep, base.argument), "the arguments are coordinates")
    if p == 2 and not ledger.holds(2, out):
        ledger.asks(out, 1, "one output")
        ledger.free("so(h)", h * (h - 1) / 2)
    elif p == 2:
        ledger.asks(2, out, "two outputs tell the units apart")
    ledger.free("scalings of units", h)


def gated(sweep: Asked, base: Gated, out: Size, alone: bool) -> list[Affine]:
    """The same for gated units."""
    ledger = sweep.ledger
    h = ledger.sizes.of(base.node, base.feats)
    if base.converse == "smooth":
        ledger.step(GATED, base.node)
        private(sweep, base.gate)
        varies(sweep, base.up)
        ledger.free("scalings of units", h)
    elif base.converse == "kinked":
        ledger.step(KINKED_GATE, base.node)
        sweep.walls(base.node)
        _reached(sweep, base.gate)
        private(sweep, base.gate)
        private(sweep, base.up)
        _same_source(sweep, base)
        ledger.free("scalings of gates and of units", 2 * h)
    elif base.converse == "":
        ledger.step(BILINEAR, base.node)
        if not alone:
            raise Stop(base.node, BILINEAR.name, "products beside other terms")
        _bilinear(sweep, base, h, out)
    else:
        raise Stop(base.node, base.converse, "no converse is stated for this gate")
    return [base.gate, base.up]


def _bilinear(sweep: Asked, base: Gated, h: Size, out: Size) -> None:
    ledger = sweep.ledger
    left, right = (_coordinates(sweep, a) for a in (base.gate, base.up))
    gate, up = base.gate.terms[0], base.up.terms[0]
    if gate.base == up.base and gate.feats != up.feats:
        raise Stop(base.node, BILINEAR.name, "factors that read parts of one input")
    if gate.base == up.base:
        ledger.asks(2 * h, left, "the arguments are coordinates")
        if not ledger.holds(2, out):
            ledger.asks(out, 1, "one output")
            if base.gate.biases or base.up.biases:
                raise Stop(base.node, BILINEAR.name, "biases before one output")
            ledger.free("what keeps the form", h * (2 * h - 1))
            ledger.free("scalings of units", h)
            return
    else:
        ledger.asks(h, left, "the arguments are coordinates")
        ledger.asks(h, right, "the arguments are coordinates")
    ledger.asks(2, out, "two outputs tell the units apart")
    ledger.free("scalings of units", 2 * h)


def private(sweep: Asked, argument: Affine) -> None:
    """C-PRIV: each argument is linear in a parameter that is found in no other, nor below."""
    sweep.varies(argument)
    for t in argument.terms:
        if any(isinstance(f, Weight) and sweep.ledger.uses[f.node] == 1 for f in t.factors):
            return
    if len(argument.terms) == 1 and not argument.terms[0].factors and isinstance(
            sweep.base(argument.terms[0]), Source):
        source = sweep.base(argument.terms[0])
        assert isinstance(source, Source)
        if not source.leaf.classes:
            return
    raise Stop(argument.node, SMOOTH.name, "the arguments have no parameter of their own")


def varies(sweep: Asked, argument: Affine) -> None:
    """The other factor is not 0: it has a term with a matrix."""
    if not any(isinstance(f, Weight) for t in argument.terms for f in t.factors):
        raise Stop(argument.node, GATED.name, "the factor of a gate is no linear map of a line")


def _coordinates(sweep: Asked, argument: Affine) -> Size:
    """The number of free inputs of which u = x W + b is a generic map."""
    if len(argument.terms) == 1:
        (t,) = argument.terms
        base = sweep.base(t)
        if isinstance(base, Source) and not base.leaf.classes and sum(
                isinstance(f, Weight) for f in t.factors) == 1:
            return sweep.ledger.sizes.of(t.base, t.feats)
    raise Stop(argument.node, POWER.name, "the arguments are no matrix of the inputs")


def _reached(sweep: Asked, argument: Affine) -> None:
    """Walls differ: arguments with a bias, or of two inputs. Whether all are reached is asked.

    A linear map of free inputs takes all values; what is bounded may miss a wall.
    """
    private(sweep, argument)
    if not all(isinstance(sweep.base(t), Source) for t in argument.terms):
        sweep.ledger.words(REACHED)
    if any(is_full(b) for b in argument.biases):
        return
    t = argument.terms[0]
    base = sweep.base(t)
    if isinstance(base, Source) and base.leaf.classes:
        raise Stop(argument.node, KINKED.name, "walls of tokens")
    sizes = sweep.ledger.sizes
    inner = [sizes.of(f.node, f.outs) for f in t.factors if isinstance(f, Weight)][:-1]
    for n in (sizes.of(t.base, t.feats), *inner):
        sweep.ledger.asks(2, n, "walls through 0 that differ")


def _same_source(sweep: Asked, base: Gated) -> None:
    """Gate and factor are different functions of one line, two wide or with biases."""
    a, b = base.gate.terms, base.up.terms
    if len(a) != 1 or len(b) != 1 or a[0].base != b[0].base:
        return
    if base.gate.biases and base.up.biases:
        return
    sweep.ledger.asks(2, sweep.ledger.sizes.of(a[0].base, a[0].feats), "coprime factors")
