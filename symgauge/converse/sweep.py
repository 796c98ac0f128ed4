"""The converse sweep: from the outputs down, how every line may vary where the output does not.

Each fact is an implication, so the variations of the parameters that leave the output as it is are
determined by what the steps leave free and by the parameters that no step has settled: an upper
bound on the dimension of the redundancy at a very generic point, under the side conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Integer, expand

from symgauge.converse.affine import Affine, Reader, Term, Weight
from symgauge.converse.bases import Base, Bases, Gated, Mixing, Norm, Source, Units
from symgauge.converse.bound import Bound
from symgauge.converse.fact import Fact
from symgauge.converse.facts import attention
from symgauge.converse.facts.chain import BIAS, CHAIN, biases, chain, is_full, width
from symgauge.converse.facts.norms import between, read_all, reading
from symgauge.converse.facts.stream import HEAD, HEAD_NORM, TOKENS, Stream
from symgauge.converse.facts.units import gated, units
from symgauge.converse.ledger import Ledger, Step
from symgauge.converse.sizes import Condition, Size
from symgauge.converse.stop import Stop
from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.program.recentred import recentred
from symgauge.spaces.structure import Structure

OUTPUTS = Fact("outputs", "the output does not vary", "", "")
TABLE = Fact(
    "table", "d(E E^T) = 0: dE = E Omega, Omega in so(d)", "d <= V", "CONVERSE 0: L2")
UNMET = "parameters that no step has met"
WALLS = "walls behind walls: each would have to bend at each"


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
    return Sweep(recentred(parted(network).network).network).run()


class Sweep:
    """One run over one program."""

    def __init__(self, network: Network) -> None:
        self.structure = Structure(network)
        self.reader = Reader(self.structure)
        self.bases = Bases(self.reader)
        self.ledger = Ledger(self.structure)
        #: Arguments that may vary by a constant, which a bias absorbs.
        self.constant_goals: set[int] = set()
        self.outside: list[Condition] = []
        self.probabilities = False
        self.tied: int | None = None
        #: The matrix that reads the stream out.
        self.head: int | None = None
        self._tied_gain = self._tied_centred = False
        self._walls: int | None = None
        self._below: dict[int, int] = {}

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
        left = self.ledger.unsettled()
        if stop is None and left:
            stop = Stop(left[0], "leaf", UNMET)
        sizes = self.ledger.sizes
        rest = sum((sizes.parameter(i) for i in left), Integer(0))
        free = expand(self.ledger.total + rest + self.ledger.open)
        return Outcome(
            self.structure, free, sizes.value(free), tuple(self.ledger.steps), tuple(left), stop,
            tuple(self.outside), self.ledger)

    # -- what facts ask --------------------------------------------------------------------------

    def base(self, term: Term) -> Base:
        """What a term's base is."""
        return self.bases.of(term.base, term.feats)

    def below(self, node: int) -> int:
        """The lines that a line is made of, as bits."""
        if node not in self._below:
            for i, line in self.structure.lines.items():
                if i not in self._below:
                    bits = 0
                    for j in line.inputs:
                        bits |= self._below.get(j, 0) | 1 << j
                    self._below[i] = bits
        return self._below[node]

    def walls(self, node: int) -> None:
        """Note a line with walls. Raises Stop where another has them."""
        if self._walls is not None and self._walls != node:
            raise Stop(node, "kinked units", WALLS)
        self._walls = node

    def spans(self, z: Affine, size: Size) -> None:
        """The stream spans: its start is a generic map of at least as many free inputs (C-SPAN)."""
        for t in z.terms:
            base = self.base(t)
            if isinstance(base, Source):
                if not t.factors:
                    return
                if len(t.factors) == 1 and isinstance(t.factors[0], Weight):
                    (w,) = t.factors
                    if not base.leaf.classes:
                        self.ledger.asks(self.ledger.sizes.of(w.node, w.ins) * 0 + size,
                                         self.ledger.sizes.of(w.node, w.ins), "the stream spans")
                    return
        raise Stop(z.node, "stream", "the stream does not begin with an input")

    def one_row_leaf(self, z: Affine) -> None:
        """Raise Stop where the rows of the stream are more than positions."""
        for t in z.terms:
            if isinstance(self.base(t), Source):
                rows = [a for a in self.structure.top(t.base) if a not in t.feats]
                if len(rows) == 1:
                    return
        raise Stop(z.node, "attention", "the rows are no plain list of tokens")

    def vocabulary(self, source: Source, term: Term) -> None:
        """Record V >= T (P' + 1), all attention causal."""
        ledger, sizes = self.ledger, self.ledger.sizes
        rows = [a for a in self.structure.top(term.base) if a not in term.feats]
        if len(rows) != 1:
            raise Stop(term.base, TOKENS.name, "one token alone")
        for line in self.structure.lines.values():
            if line.law == "normaliser" and line.op is not None and line.op.exponentiates:
                self._causal(line.node)
        (w,) = term.factors
        # d + 1 columns of the head tell all that the argument needs: the others follow
        d = sizes.of(w.node, w.outs)
        kept = d + 1 if self.head is not None else Integer(0)
        others = d * kept + sum(
            (sizes.parameter(i) for i in self.structure.network.parameter_nodes
             if i in self.structure.lines and i not in (w.node, self.head)), Integer(0))
        needed = Condition(
            expand(sizes.of(term.base, rows) * (others + 1) + kept),
            sizes.of(term.base, term.feats), "fresh tokens are generic points")
        ledger.steps[-1].conditions.append(needed)
        if not needed.holds(sizes):
            self.outside.append(needed)

    def _causal(self, node: int) -> None:
        from symgauge.program.constant import Constant

        inputs = self.structure.lines[node].inputs
        leaf = self.structure.network.nodes[inputs[1]].leaf if len(inputs) > 1 else None
        if isinstance(leaf, Constant) and not leaf.unknown:
            seen = leaf.floats().reshape(-1, *leaf.index.shape[-2:])
            if not (seen[:, 0, 1:] != 0).any():
                return
        raise Stop(node, TOKENS.name, "tokens under attention that is not causal")

    def tied_matrix(self, bound: Bound, d: Size) -> None:
        """The stream's matrix where one table embeds and reads out."""
        ledger = self.ledger
        if self._tied_gain:
            ledger.words("the last gain's entries are distinct up to sign")
            if self._tied_centred:
                ledger.asks(4, d, "no rotation that fixes 1 is undone by a last gain")
            if bound.scale:
                ledger.free("the scale of the stream against the last gain", Integer(1))
        elif self._tied_centred:
            raise Stop(ledger.steps[-1].line, HEAD_NORM.name, "a tied head without a gain")
        else:
            ledger.free("so of the stream", d * (d - 1) / 2)

    # -- from the outputs down ---------------------------------------------------------------------

    def _outputs(self) -> None:
        structure = self.structure
        if len(structure.network.outputs) != 1:
            raise Stop(structure.network.outputs[0], "outputs", "several outputs")
        (out,) = structure.network.outputs
        line = structure.lines.get(out)
        if line is None:
            raise Stop(out, "outputs", "the output depends on no parameter")
        feats = self.reader.last_axis(out)
        if line.law == "normaliser" and len(line.inputs) == 1 and line.op is not None:
            if line.attrs["axis"] != len(line.shape) - 1:
                raise Stop(out, line.law, "probabilities along another axis")
            self.probabilities = True
            out = line.inputs[0]
        goal = self.reader.read(out, feats)
        self._check_tokens()
        self.descend([goal], self.probabilities)

    def _check_tokens(self) -> None:
        """Tokens: their facts are conditional on the vocabulary, so the stream alone has them."""

    def descend(self, goals: Sequence[Affine], ones: bool = False) -> None:
        """All of these do not vary (`ones`: but for a multiple of 1)."""
        for goal in goals:
            if goal.repeated:
                raise Stop(goal.node, CHAIN.name, "features that are repeated")
        keys = {tuple((t.base, t.feats) for t in g.terms) for g in goals}
        if len(goals) == 1 and len(goals[0].terms) > 1:
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
        elif isinstance(base, Mixing):
            self._attention(goals, base, ones)
        else:
            self._norm(goals, base, ones)

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
            self._biases_of(goal, out, ones)
        return total

    def _biases_of(
        self, goal: Affine, out: Size, ones: bool, others: Sequence[tuple[Size, Size]] = ()
    ) -> None:
        ledger = self.ledger
        ledger.step(BIAS, goal.node)
        if goal.node in self.constant_goals:
            # a bias that no equation determines
            own = [b for b in goal.biases]
            if not all(is_full(b) and not b.factors for b in own):
                raise Stop(goal.node, BIAS.name, "a bias of exponents runs through a map")
            ledger.settle(b.piece for b in own)
            for b in own:
                ledger.free("biases of exponents", ledger.sizes.of(b.node, b.feats))
            return
        biases(ledger, goal.biases, out, ones, others, frozenset(
            f.node for t in goal.terms for f in t.factors))

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
        self._no_tokens(base.node)
        out = self._maps(goals, ones)
        alone = len(goals) == 1 and not ones
        found = units(self, base, out, alone) if isinstance(base, Units) else gated(
            self, base, out, alone)
        self.ledger.commit()
        self.descend(found)

    def _no_tokens(self, node: int) -> None:
        """Raise Stop where tokens enter: nothing splits in points."""
        for i in self.structure.network.input_nodes:
            leaf = self.reader.views.input(i)
            if leaf is not None and leaf.classes and i in self.structure.lines:
                raise Stop(node, TOKENS.name, "tokens that enter no residual stream")

    def _sum(self, goal: Affine, ones: bool) -> None:
        """A sum of several lines: a stream, read by a matrix or as it is, or units side by side."""
        ledger = self.ledger
        shared = _common(goal)
        if shared and not ones or shared:
            self._plain_head(goal, shared, ones)
            return
        if ones:
            raise Stop(goal.node, HEAD.name, "probabilities of a stream without a matrix")
        self._no_tokens(goal.node)
        Stream(self, self._features(goal)).down(goal, Bound())
        del ledger

    def _features(self, goal: Affine) -> Size:
        (t, *_) = goal.terms
        return width(self.ledger, t.factors, self.ledger.sizes.of(t.base, t.feats))

    def _plain_head(self, goal: Affine, shared: tuple[object, ...], ones: bool) -> None:
        """z U + b of a stream z."""
        ledger, n = self.ledger, len(shared)
        factors = goal.terms[0].factors[-n:]
        if len(factors) != 1 or not isinstance(factors[0], Weight):
            raise Stop(goal.node, HEAD.name, "a head of several maps")
        (u,) = factors
        own = [b for b in goal.biases if b.factors[-n:] != factors]
        inner = tuple(replace_bias(b, n) for b in goal.biases if b.factors[-n:] == factors)
        ledger.step(HEAD, goal.node)
        self.head = u.node
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
        ledger.commit(d * d + d)
        z = Affine(goal.node, goal.feats, tuple(
            Term(t.base, t.feats, t.factors[:-n]) for t in goal.terms), inner,
            constant=goal.constant)
        Stream(self, d).down(z, Bound("gl", shift=bool(own)))

    # -- attention and norms that no stream passes by ------------------------------------------------

    def _attention(self, goals: Sequence[Affine], base: Mixing, ones: bool) -> None:
        if len(goals) != 1 or ones:
            raise Stop(base.node, attention.SOFTMAX.name, "several readers of an attention")
        self._no_tokens(base.node)
        ledger = self.ledger
        (goal,) = goals
        (t,) = goal.terms
        if not t.factors or sum(isinstance(f, Weight) for f in t.factors) != 1 or not isinstance(
                t.factors[0], Weight):
            raise Stop(base.node, attention.SOFTMAX.name, "heads without one output matrix")
        fact = attention.ENTRYWISE if base.entrywise else attention.SOFTMAX
        ledger.step(fact, base.node)
        attention.sees_two(self, base)
        heads = attention.heads_of(self, base)
        g, m = heads.groups, heads.repeats
        query = attention.read(base.query.affine, g * m * heads.key, self)
        key = attention.read(base.key.affine, g * heads.key, self)
        value = attention.read(base.value, g * heads.value, self)
        depth = self._latents(base, heads, (query, key, value))
        attention.scores(self, base, heads, (depth[0], query.biased), (depth[1], key.biased))
        constant = attention.values(
            self, base, heads, (depth[2], value.biased),
            ledger.sizes.of(t.factors[0].node, t.factors[0].outs))
        for r in (query, key, value):
            own = [b for b in r.affine.biases]
            if any(b.factors or b.rows for b in own) or len(own) > 1:
                raise Stop(base.node, fact.name, "several biases of heads")
            ledger.settle((r.weight.piece, *(b.piece for b in own)))
        chain(ledger, t.factors)
        self._biases_of(goal, width(ledger, t.factors, Integer(1)), False,
                        [] if constant is None else [constant])

    def _latents(
        self, base: Mixing, heads: attention.Heads, reads: Sequence[attention.Read]
    ) -> list[Size]:
        """Maps that heads share or queries have before their own: latents, on which gl acts."""
        ledger = self.ledger
        depth: list[Size] = []
        done: set[int] = set()
        for r in reads:
            source = self.base(Term(r.base, r.feats, ()))
            if not isinstance(source, Source):
                raise Stop(base.node, attention.SOFTMAX.name, "heads read no free input")
            rows = [a for a in self.structure.top(r.base) if a not in r.feats]
            if len(rows) != 1:
                raise Stop(base.node, attention.SOFTMAX.name, "rows are no plain list of tokens")
            size = ledger.sizes.of(r.weight.node, r.weight.ins)
            depth.append(size)
            if not r.before:
                continue
            if len(r.before) != 1 or not isinstance(r.before[0], Weight) or r.affine.biases:
                raise Stop(base.node, attention.SOFTMAX.name, "heads behind several maps")
            (w,) = r.before
            self._latent(w, size, [x for x in reads if x.before == r.before], heads, done)
        return depth

    def _latent(
        self, w: Weight, size: Size, readers: Sequence[attention.Read], heads: attention.Heads,
        done: set[int],
    ) -> None:
        ledger = self.ledger
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

    def _norm(self, goals: Sequence[Affine], base: Norm, ones: bool) -> None:
        """Readers of a norm: of an input, of a linear map of one, or a head on a stream."""
        argument = base.argument
        if argument.repeated:
            raise Stop(base.node, HEAD_NORM.name, "features that are repeated")
        if len(argument.terms) == 1 and isinstance(self.base(argument.terms[0]), Source):
            self._norm_of_input(goals, base, ones)
            return
        if len(goals) != 1:
            raise Stop(base.node, HEAD_NORM.name, "several readers of a norm of a stream")
        self._norm_head(goals[0], base, ones)

    def _norm_of_input(self, goals: Sequence[Affine], base: Norm, ones: bool) -> None:
        self._no_tokens(base.node)
        if ones:
            raise Stop(base.node, HEAD_NORM.name, "probabilities of a norm of an input")
        readings = [reading(g.biases, g.terms[0].factors) for g in goals]
        (t,) = base.argument.terms
        source = self.base(t)
        if not t.factors:
            if base.argument.biases:
                raise Stop(base.node, HEAD_NORM.name, "an input with a bias, and no matrix")
            self.ledger.asks(3 if base.centred else 2, self.ledger.sizes.of(t.base, t.feats),
                             "a norm of two entries")
            read_all(self, base, readings)
        else:
            between(self, base, readings)
        del source

    def _norm_head(self, goal: Affine, base: Norm, ones: bool) -> None:
        """N(z) G U + b of a stream z."""
        ledger = self.ledger
        (t,) = goal.terms
        weights = [f for f in t.factors if isinstance(f, Weight)]
        if len(weights) != 1 or t.factors[-1] != weights[0]:
            raise Stop(goal.node, HEAD_NORM.name, "a head of several maps")
        (u,) = weights
        ledger.step(HEAD_NORM, goal.node)
        self.head = u.node
        d, o = ledger.sizes.of(u.node, u.ins), ledger.sizes.of(u.node, u.outs)
        ledger.asks(d, o - 1 if ones else o, "the head sees the stream")
        own = [b for b in goal.biases if not b.factors]
        if len(own) > 1 or any(not is_full(b) for b in own):
            raise Stop(goal.node, HEAD_NORM.name, "several biases of a head")
        if ledger.uses[u.node] == 2:
            self._tied_head(goal, base, u)
        else:
            read_all(self, base, [reading(goal.biases, t.factors)])
            ledger.step(HEAD_NORM, goal.node)
            if ones:
                ledger.free("multiples of 1 in each row", d)
                if own:
                    ledger.free("biases", Integer(1))
        ledger.asks(3 if base.centred else 2, d, "a norm of two entries")
        ledger.commit(d * d + d)
        Stream(self, d).down(base.argument, Bound(
            "so", scale=base.eps == 0, ones="free" if base.centred else "", projective=True))

    def _tied_head(self, goal: Affine, base: Norm, u: Weight) -> None:
        """A head that is the table of tokens too."""
        ledger = self.ledger
        (t,) = goal.terms
        gains = t.factors[:-1]
        source = next((x for x in base.argument.terms if isinstance(self.base(x), Source)), None)
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
        self.tied = u.node
        self._tied_gain, self._tied_centred = bool(gains), base.centred


def replace_bias(bias: object, n: int) -> object:
    """The bias without its last n maps."""
    from symgauge.converse.affine import Bias

    assert isinstance(bias, Bias)
    return Bias(bias.node, bias.feats, bias.rows, bias.factors[:-n])


def _common(goal: Affine) -> tuple[object, ...]:
    """The maps from the last matrix on that all terms have in common, or none."""
    first = goal.terms[0].factors
    n = 0
    while all(len(t.factors) > n and t.factors[-1 - n] == first[-1 - n] for t in goal.terms
              if len(first) > n) and n < len(first):
        n += 1
    found = first[len(first) - n:]
    return found if any(isinstance(f, Weight) for f in found) else ()
