"""The converse sweep: from the outputs down, how every line may vary where the output does not.

Each fact is an implication, so the variations of the parameters that leave the output as it is are
determined by what the steps leave free and by the parameters that no step has settled: an upper
bound on the dimension of the redundancy at a very generic point, under the side conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Add, Integer, expand

from symgauge.converse.context import Context
from symgauge.facts.chain import BIAS, CHAIN, chain, width
from symgauge.facts.ends import OUTPUTS, TABLE
from symgauge.facts.experts import EXPERTS, differences, experts, listed
from symgauge.facts.stream import HEAD
from symgauge.facts.units import EXPONENTIAL, gated, units
from symgauge.converse.heads import alone, norm, plain_head
from symgauge.converse.bound import Bound
from symgauge.facts.ledger import Ledger, Step
from symgauge.converse.outputs import beside_a_norm, untold
from symgauge.sums.sizes import Condition, Size
from symgauge.converse.stream import Stream
from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.program.recentred import recentred
from symgauge.spaces.structure import Structure
from symgauge.sums.affine import Affine, Factors, Weight
from symgauge.sums.bases import Gated, Mixing, Norm, Source, Units
from symgauge.sums.cut import cut_of
from symgauge.sums.listed import Listed, ListedReader
from symgauge.sums.routed import Routed
from symgauge.sums.rows import Rows
from symgauge.sums.sorted_rows import in_order
from symgauge.sums.stop import Stop

#: Facts that hold of points as of free inputs.
AT_POINTS = (OUTPUTS.name, CHAIN.name, BIAS.name, TABLE.name)
UNMET = "parameters that no step has met"


@dataclass(frozen=True)
class Outcome:
    """What a sweep found.

    `free`: the bound, a polynomial in sizes: what the steps left free and the parameters that none
    settled. `stop`: where it ended, or None. `outside`: side conditions that these sizes miss.
    """

    structure: Structure
    free: Size
    bound: int
    steps: tuple[Step, ...]
    unsettled: tuple[int, ...]
    stop: Stop | None
    outside: tuple[Condition, ...]
    ledger: Ledger

    @property
    def applies(self) -> bool:
        """Whether the bound holds at the sizes of this program."""
        return not self.outside


def sweep(network: Network) -> Outcome:
    """The upper bound on the redundancy of a network, and the steps to it."""
    # a parameter that is read in parts is these parts, w' = 1 + w is as good as w: the same
    # redundancy
    return Sweep(recentred(parted(in_order(network), rest=True).network).network).run()


class Sweep(Context):
    """One run over one program."""

    def run(self) -> Outcome:
        """Sweep down until every parameter is settled or a line has no converse."""
        stop: Stop | None = None
        self.ledger.step(OUTPUTS, self.structure.network.outputs[0])
        try:
            self._outputs()
            self.ledger.commit()
        except Stop as found:
            stop = found
            self.ledger.roll_back()
            if self.has_tokens() and any(s.fact not in AT_POINTS for s in self.ledger.steps):
                # what splits in free inputs holds of tokens only where the stream begins with them
                self.ledger.forget()
        left = self.ledger.unsettled()
        if stop is None and left:
            stop = Stop(left[0], "leaf", UNMET)
        sizes = self.ledger.sizes
        rest = [sizes.parameter(i) for i in left]
        free = expand(Add(self.ledger.total, *rest, self.ledger.open))
        every = Add(*(sizes.parameter(i) for i in self.structure.network.parameter_nodes))
        if stop is not None and sizes.value(free) > sizes.value(every):
            # what is left open of a stream may be more than the parameters that make it
            self.ledger.forget()
            left, free = self.ledger.unsettled(), expand(every)
        return Outcome(
            self.structure, free, sizes.value(free), tuple(self.ledger.steps), tuple(left), stop,
            tuple(self.outside), self.ledger)

    # -- from the outputs down ---------------------------------------------------------------------

    def _outputs(self) -> None:
        structure = self.structure
        self.cut = cut_of(structure)
        self.reader.whole = frozenset((*structure.network.outputs, *(
            () if self.cut is None else (self.cut.source,))))
        outs = beside_a_norm(self, untold(structure.network))
        if len(outs) != 1:
            raise Stop(outs[0], "outputs", "several outputs")
        (out,) = outs
        line = structure.lines.get(out)
        if line is None:
            raise Stop(out, "outputs", "the output depends on no parameter")
        feats = self.reader.last_axis(out)
        if line.law == "normaliser" and len(line.inputs) == 1 and line.op is not None:
            if line.attrs["axis"] != len(line.shape) - 1:
                raise Stop(out, line.law, "probabilities along another axis")
            self.probabilities = True
            self.ledger.asks(2, self.ledger.sizes.of(out, feats), "probabilities of one class")
            out = line.inputs[0]
        goal = self.reader.read(out, feats)
        self.descend([goal], self.probabilities)
        if self.cut is not None:
            raise self.cut.stop

    def descend(self, goals: Sequence[Affine], ones: bool = False) -> None:
        """All of these do not vary (`ones`: but for a multiple of 1)."""
        for goal in goals:
            if goal.repeated:
                raise Stop(goal.node, CHAIN.name, "features that are repeated")
        keys = {tuple((t.base, t.feats) for t in g.terms) for g in goals}
        if len(goals) == 1 and len(goals[0].terms) > 1:
            mixture = ListedReader(self.reader).of_terms(goals[0])
            if mixture is not None:
                self._listed(goals, mixture, ones)
            else:
                self._sum(goals[0], ones)
            return
        if len(keys) > 1:
            self._several(goals, ones)
            return
        if any(len(g.terms) != 1 for g in goals):
            raise Stop(goals[0].node, CHAIN.name, "several readers of a sum of lines")
        self._one_base(goals, ones)

    def _several(self, goals: Sequence[Affine], ones: bool) -> None:
        """Goals on different inputs."""
        if not all(len(g.terms) == 1 and isinstance(self.base(g.terms[0]), Source) for g in goals):
            raise Stop(goals[0].node, CHAIN.name, "readers of different lines")
        for goal in goals:
            self._one_base([goal], ones)

    def _one_base(self, goals: Sequence[Affine], ones: bool) -> None:
        term = goals[0].terms[0]
        base = self.base(term)
        if isinstance(base, Source):
            self._source(goals, base, ones)
        elif isinstance(base, (Units, Gated)):
            self._units(goals, base, ones)
        elif isinstance(base, Routed):
            self._experts(goals, base, ones)
        elif isinstance(base, Listed):
            self._listed(goals, base, ones)
        elif isinstance(base, Rows):
            raise Stop(base.node, CHAIN.name, "readers of a row of parameters beside free ones")
        elif isinstance(base, Mixing):
            if self.cut is not None:
                raise self.cut.stop
            alone(self, goals, base, ones)
        else:
            norm(self, goals, base, ones)

    def _maps(self, goals: Sequence[Affine], ones: bool) -> Size:
        """Chains and biases of goals on one base; the number of features of all."""
        ledger, total = self.ledger, Integer(0)
        seen = [f for g in goals for f in g.terms[0].factors]
        if len(set(seen)) < len(seen):
            raise Stop(goals[0].node, CHAIN.name, "readers share a map")
        for goal in goals:
            (t,) = goal.terms
            start = ledger.sizes.of(t.base, t.feats)
            ledger.step(CHAIN, goal.node)
            chain(ledger, t.factors, ones)
            out = width(ledger, t.factors, start)
            total += out
            self.biases_of(goal, out, ones)
        return total

    def _source(self, goals: Sequence[Affine], base: Source, ones: bool) -> None:
        if self._table(goals, base, ones):
            return
        if base.leaf.classes and any(g.biases for g in goals):
            raise Stop(goals[0].node, CHAIN.name, "a bias beside tokens, whose rows sum to 1")
        self._maps(goals, ones)

    def _table(self, goals: Sequence[Affine], base: Source, ones: bool) -> bool:
        """x E E^T, a table read out by itself: d(E E^T) = 0, dE = E Omega."""
        factors = goals[0].terms[0].factors
        if len(goals) != 1 or ones or goals[0].biases or len(factors) != 2 or not all(
                isinstance(f, Weight) for f in factors):
            return False
        first, last = factors
        assert isinstance(first, Weight) and isinstance(last, Weight)
        if first.node != last.node or first.ins != last.outs or first.outs != last.ins:
            return False
        ledger = self.ledger
        ledger.step(TABLE, goals[0].node)
        v = ledger.sizes.of(first.node, first.ins)
        d = ledger.sizes.of(first.node, first.outs)
        ledger.settle((first.piece,), shared=2)
        ledger.asks(d, v, "the table spans")
        ledger.free("rotations of the table", d * (d - 1) / 2)
        return True

    def _units(self, goals: Sequence[Affine], base: Units | Gated, ones: bool) -> None:
        self.no_tokens(base.node)
        arguments = [base.argument] if isinstance(base, Units) else [base.gate, base.up]
        if any(a.repeated for a in arguments):
            raise Stop(base.node, CHAIN.name, "units that are repeated")
        out = self._maps(goals, ones)
        if base.converse in ("", "power") and self.ledger.holds(2, out):
            # two outputs tell units apart, where no map between has one column
            for f in goals[0].terms[0].factors:
                if isinstance(f, Weight):
                    self.ledger.asks(
                        2, self.ledger.sizes.of(f.node, f.outs), "two outputs tell the units apart")
        alone = len(goals) == 1 and not ones
        found = units(self, base, out, alone) if isinstance(base, Units) else gated(
            self, base, out, alone)
        self.ledger.commit()
        self.descend(found)

    def _experts(self, goals: Sequence[Affine], base: Routed, ones: bool) -> None:
        """A mixture of experts that no stream passes by."""
        self.no_tokens(base.node)
        if len(goals) != 1 or goals[0].node in self.constant_goals or any(
                a.repeated for a in (*base.arguments, base.router)):
            raise Stop(base.node, EXPERTS.name, "several readers of experts, or exponents")
        (goal,), (t,) = goals, goals[0].terms
        maps = (base.matrix, *t.factors)
        self.ledger.step(CHAIN, goal.node)
        chain(self.ledger, maps, ones)
        self.biases_of(goal, width(self.ledger, maps, Integer(1)), ones)
        (w,) = [f for f in base.router.terms[0].factors if isinstance(f, Weight)][:1] or (None,)
        if w is None:
            raise Stop(base.node, EXPERTS.name, "a router that is no matrix of one line")
        depth, read = self.ledger.sizes.of(w.node, w.ins), self.base(base.router.terms[0])
        if isinstance(read, Norm):
            # a norm of a narrow map turns into fewer directions than it has entries
            self.spans(read.argument, depth)
        experts(self, base, depth)
        self.ledger.commit()
        self.descend([*base.arguments, base.router])

    def _listed(self, goals: Sequence[Affine], base: Listed, ones: bool) -> None:
        """Experts of free inputs that are lines of their own, and nothing else."""
        self.no_tokens(base.node)
        (goal, *others) = goals
        if others or ones or goal.terms[0].factors or goal.biases or (
                goal.node in self.constant_goals):
            raise Stop(base.node, EXPERTS.name, "maps or biases behind experts of a list")
        below = [self.base(t) for e in base.experts for t in e.terms]
        if not all(isinstance(b, Units) and len(e.terms) == 1 and all(isinstance(
                self.base(t), Source) for t in b.argument.terms)
                for b, e in zip(below, base.experts)):
            raise Stop(base.node, EXPERTS.name, "experts of a list that are no units of inputs")
        own = {f.node for t in base.router.terms for f in t.factors}
        if any(f.node in own for b in below if isinstance(b, Units)
               for t in b.argument.terms for f in t.factors):
            # exp(r) is beside other functions of the same r
            raise Stop(base.node, EXPERTS.name, "logits that experts read")
        listed(self, base, any(isinstance(b, Units) and b.converse != "smooth" for b in below))
        self.beside = base.node
        for expert in base.experts:
            self.descend([expert])
        self.beside = None
        self.descend([base.router], differences(base))

    def _sum(self, goal: Affine, ones: bool) -> None:
        """A sum of several lines: a stream, read by a matrix or as it is, or units side by side."""
        if goal.node in self.constant_goals:
            raise Stop(goal.node, EXPONENTIAL.name, "exponents that are a stream")
        shared = _common(goal)
        if shared:
            plain_head(self, goal, shared, ones)
            return
        if ones:
            raise Stop(goal.node, HEAD.name, "probabilities of a stream without a matrix")
        self.no_tokens(goal.node)
        Stream(self, self._features(goal)).down(goal, Bound())

    def _features(self, goal: Affine) -> Size:
        (t, *_) = goal.terms
        return width(self.ledger, t.factors, self.ledger.sizes.of(t.base, t.feats))


def _common(goal: Affine) -> Factors:
    """The maps from the last matrix on that all terms have in common, or none."""
    first = goal.terms[0].factors
    n = 0
    while all(len(t.factors) > n and t.factors[-1 - n] == first[-1 - n] for t in goal.terms
              if len(first) > n) and n < len(first):
        n += 1
    found = first[len(first) - n:]
    return found if any(isinstance(f, Weight) for f in found) else ()
