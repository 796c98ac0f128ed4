"""What converses ask of the sweep that applies them: the ledger, what lines are, what holds."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Integer, expand

from symgauge.converse.bound import Bound, Matrices
from symgauge.facts.chain import BIAS, biases, is_own
from symgauge.facts.ends import TOKENS
from symgauge.facts.ledger import Ledger
from symgauge.sums.sizes import Condition, Size
from symgauge.program.moves import Address
from symgauge.program.network import Network
from symgauge.spaces.structure import Structure
from symgauge.sums.affine import Affine, Bias, Reader, Term, Weight
from symgauge.sums.cut import Cut
from symgauge.sums.bases import Base, Bases, Gated, Mixing, Norm, Source, Units
from symgauge.sums.routed import Routed
from symgauge.sums.rows import Rows
from symgauge.sums.stop import Stop

WALLS = "walls behind walls: each would have to bend at each"


class Context:
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
        #: The matrix that reads the stream out, and its bias.
        self.head: int | None = None
        self.head_bias: int | None = None
        #: Whether a constant is added to what is read out.
        self.head_biased = False
        self.tied_gain = self.tied_centred = self.tied_bias = False
        #: Where one row alone of the stream is read, above its attentions.
        self.cut: Cut | None = None
        #: Whether an attention lets a row of parameters see the others.
        self.mixed = False
        self._walls: int | None = None
        #: The sum of which experts are swept, each of which reads inputs alone.
        self.beside: int | None = None
        self._below: dict[int, int] = {}

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

    def varies(self, argument: Affine) -> None:
        """What a line is made of is no constant: no norm below is one of too few entries.

        z over its root mean square is 1 or -1 for one entry, z - mean(z) so for two.
        """
        stack, met = list(argument.terms), set[tuple[int, tuple[Address, ...]]]()
        while stack:
            t = stack.pop()
            base = self.base(t)
            if (t.base, t.feats) in met:
                continue
            met.add((t.base, t.feats))
            if isinstance(base, Norm) and base.eps == 0:
                self.ledger.asks(3 if base.centred else 2, self.ledger.sizes.of(t.base, t.feats),
                                 "a norm of fewer entries is constant")
            if isinstance(base, (Norm, Units)):
                stack += base.argument.terms
            elif isinstance(base, Gated):
                stack += [*base.gate.terms, *base.up.terms]
            elif isinstance(base, Mixing):
                stack += base.value.terms
            elif isinstance(base, Routed):
                stack += [t for a in base.arguments for t in a.terms]

    def walls(self, node: int) -> None:
        """Note a line with walls. Raises Stop where another has them, but for experts of one sum.
        """
        place = node if self.beside is None else self.beside
        if self._walls is not None and self._walls != place:
            raise Stop(node, "kinked units", WALLS)
        self._walls = place

    def spans(self, z: Affine, size: Size) -> None:
        """The stream spans: its start is a generic map of at least as many free inputs (C-SPAN)."""
        for t in z.terms:
            base = self.base(t)
            if isinstance(base, Rows) and not t.factors:
                self.spans(base.free, size)
                return
            if isinstance(base, Source):
                if not t.factors:
                    return
                if len(t.factors) == 1 and isinstance(t.factors[0], Weight):
                    w = t.factors[0]
                    if not base.leaf.classes:
                        self.ledger.asks(
                            size, self.ledger.sizes.of(w.node, w.ins), "the stream spans")
                    return
        raise Stop(z.node, "stream", "the stream does not begin with an input")

    def one_row_leaf(self, z: Affine) -> None:
        """Raise Stop where the rows of the stream are more than positions."""
        for t in z.terms:
            if isinstance(self.base(t), (Source, Rows)):
                rows = [a for a in self.structure.top(t.base) if a not in t.feats]
                if len(rows) == 1:
                    return
        raise Stop(z.node, "attention", "the rows are no plain list of tokens")

    def read_out(self, u: Weight, own: Sequence[Bias]) -> None:
        """Note the head, the first matrix that is met, and its bias."""
        if self.head is None:
            self.head, self.head_bias = u.node, own[0].node if own else None

    def descend(self, goals: Sequence[Affine], ones: bool = False) -> None:
        """All of these do not vary (`ones`: but for a multiple of 1)."""
        raise NotImplementedError

    def vocabulary(self, source: Source, term: Term) -> None:
        """Record V >= T (P' + 1)."""
        ledger, sizes = self.ledger, self.ledger.sizes
        rows = [a for a in self.structure.top(term.base) if a not in term.feats]
        if len(rows) != 1:
            raise Stop(term.base, TOKENS.name, "one token alone")
        w = term.factors[0]
        assert isinstance(w, Weight)
        # d + 1 columns of the head tell all that the argument needs: the others follow
        d = sizes.of(w.node, w.outs)
        kept = d + 1 if self.head is not None else Integer(0)
        others = (d if self.head_bias is None else d + 1) * kept + sum(
            (sizes.parameter(i) for i in self.structure.network.parameter_nodes
             if i in self.structure.lines and i not in (w.node, self.head, self.head_bias)),
            Integer(0))
        needed = Condition(
            expand(sizes.of(term.base, rows) * (others + 1) + kept),
            sizes.of(term.base, term.feats), "fresh tokens are generic points")
        ledger.steps[-1].conditions.append(needed)
        if not needed.holds(sizes):
            self.outside.append(needed)

    def tied_matrix(self, bound: Bound, d: Size) -> None:
        """The stream's matrix where one table embeds and reads out."""
        ledger = self.ledger
        if self.tied_gain:
            ledger.words("the last gain's entries are distinct up to sign")
            if self.tied_centred:
                ledger.asks(4, d, "no rotation that fixes 1 is undone by a last gain")
            if bound.scale:
                ledger.free("the scale of the stream against the last gain", Integer(1))
        elif self.tied_centred:
            raise Stop(ledger.steps[-1].line, "head behind a norm", "a tied head without a gain")
        elif bound.matrix is Matrices.ROTATIONS:
            ledger.free("so of the stream", d * (d - 1) / 2)

    def has_tokens(self) -> bool:
        """Whether an input that is read is tokens."""
        leaves = (self.reader.views.input(i) for i in self.structure.network.input_nodes
                  if i in self.structure.lines)
        return any(leaf is not None and leaf.classes > 0 for leaf in leaves)

    def no_tokens(self, node: int) -> None:
        """Raise Stop where tokens enter: nothing splits in points."""
        if self.has_tokens():
            raise Stop(node, TOKENS.name, "tokens that enter no residual stream")

    def biases_of(
        self, goal: Affine, out: Size, ones: bool, others: Sequence[tuple[Size, Size]] = ()
    ) -> None:
        ledger = self.ledger
        ledger.step(BIAS, goal.node)
        if goal.node in self.constant_goals:
            # a bias that no equation determines
            if not all(map(is_own, goal.biases)):
                raise Stop(goal.node, BIAS.name, "a bias of exponents runs through a map")
            ledger.settle(b.piece for b in goal.biases)
            for b in goal.biases:
                ledger.free("biases of exponents", ledger.sizes.of(b.node, b.feats))
            for n, _ in others:
                ledger.free("values' biases before exponents", n)
            return
        biases(ledger, goal.biases, out, ones, others, frozenset(
            f.node for t in goal.terms for f in t.factors))
