"""Streams whose norms stand behind the skips, z -> N(z + block(z)) G + b, down to the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Integer

from symgauge.converse.bound import Bound, Matrices
from symgauge.converse.context import Context
from symgauge.facts import attention
from symgauge.facts.chain import chain, is_own
from symgauge.facts.stream import POST_NORM
from symgauge.converse.part import Part, part_of
from symgauge.sums.sizes import Size
from symgauge.converse.start import start
from symgauge.converse.stream import Stream
from symgauge.sums.affine import Affine, Bias, Factors, Gain, Term, Weight
from symgauge.sums.bases import Gated, Mixing, Norm, Source, Units
from symgauge.sums.rows import Rows
from symgauge.sums.stop import Stop


def is_post(sweep: Context, y: Affine) -> bool:
    """Whether a block and a norm that it is made of are added."""
    if len(y.terms) != 2:
        return False
    return any(isinstance(sweep.base(skip), Norm) and sweep.below(top.base) >> skip.base & 1
               and all(isinstance(f, Gain) for f in skip.factors)
               for skip, top in (y.terms, y.terms[::-1]))


class PostNorm(Stream):
    """The sweep from a norm that is read out down to the start."""

    def __init__(self, sweep: Context, width: Size, norm: Norm) -> None:
        super().__init__(sweep, width)
        self.norm, self.centred = norm, norm.centred
        self.seen = width - 1 if norm.centred else width

    def run(self, turns: bool) -> None:
        """dN = N A above, A skew or 0 (`turns`): what the blocks leave free.

        Two gains have no rotation in common but 0 (one, where the norm takes no mean off).
        """
        sweep, ledger, gains = self.sweep, self.ledger, 0
        if sweep.cut is not None:
            raise sweep.cut.stop
        self.first = self._first(self.norm.argument)
        y, norm = self.norm.argument, self.norm
        while True:
            ledger.step(POST_NORM, y.node)
            self._needs(norm.eps != 0 and norm.centred == self.centred, y,
                        "norms of two kinds, or without epsilon")
            ledger.asks(3 if self.centred else 2, self.width, "a norm of two entries")
            if len(y.terms) == 1:
                self._embedded(y)
                break
            skip = self._level(y)
            below = sweep.base(skip)
            if isinstance(below, Source):
                break
            assert isinstance(below, Norm)
            gains += len(skip.factors)
            y, norm = below.argument, below
            ledger.commit(self.width**2 + 2 * self.width)
        if turns:
            ledger.step(POST_NORM, y.node)
            self._needs(gains >= 1 + self.centred, y, "a rotation that one gain undoes")
            if self.centred:
                ledger.asks(4, self.width, "no rotation is undone by two gains")
            ledger.words("the gains of different norms have no rotation in common")

    def _needs(self, holds: bool, y: Affine, reason: str) -> None:
        if not holds:
            raise Stop(y.node, POST_NORM.name, reason)

    def _split(self, y: Affine) -> tuple[Term, Term]:
        """What passes beside the block, and the block."""
        self._needs(len(y.terms) == 2 and not y.repeated, y, "not one block behind a skip")
        one, two = y.terms
        return (one, two) if self.sweep.below(two.base) >> one.base & 1 else (two, one)

    def _first(self, y: Affine) -> Affine:
        """The line that the stream begins with. It spans where free inputs do."""
        sweep = self.sweep
        while len(y.terms) > 1:
            skip, _ = self._split(y)
            base = sweep.base(skip)
            self._needs(not isinstance(base, Rows), y, "a row of parameters")
            if not isinstance(base, Norm):
                y = replace(y, terms=(skip,))
                break
            y = base.argument
        sweep.spans(y, self.width)
        return y

    def _level(self, y: Affine) -> Term:
        """y = z + block(z) + b, z = n G + beta: what the block leaves free; z as a term."""
        sweep, ledger = self.sweep, self.ledger
        skip, top = self._split(y)
        below, part = sweep.base(skip), part_of(sweep, top)
        base = part.base
        self._needs(part.norm is None and (
            base.converse == "smooth" if isinstance(base, (Units, Gated)) else True), y,
            "a block of walls or powers, or a norm of what it adds")
        if isinstance(base, Mixing):
            heads = attention.heads_of(sweep, base)
            ledger.asks(heads.value + 1, self.seen, "the values of a head do not span")
        self.skip = skip
        chain(ledger, top.factors, self.centred)
        constants = self._part(part, self.first, self.seen, True)
        ledger.step(POST_NORM, y.node)
        passed = self._passed(part, y)
        if isinstance(below, Source):
            self._inputs(y, skip, below)
        else:
            self._needs(len(skip.factors) < 2, y, "several gains of a norm")
            ledger.settle(f.piece for f in skip.factors)
        self._constant(y, passed, constants)
        return skip

    def _read(
        self, affine: Affine, rest: Sequence[Term]
    ) -> tuple[Norm | None, tuple[Bias, ...], Factors]:
        """How a value reads what passes beside its block: its biases and the maps."""
        self._needs(not affine.repeated, affine, "a repeated line")
        suffix = self._suffix(affine, [self.skip])
        n = len(suffix)
        return None, tuple(replace(b, factors=b.factors[:-n]) for b in affine.biases
                           if b.factors[-n:] == suffix), suffix

    def _passed(self, part: Part, y: Affine) -> set[Bias]:
        """Settle what reads the stream; the biases of the stream itself.

        A reader's own bias undoes what is added to these. What passes a norm that centres lies in
        a plane n 1 = 0: of each reader's column a multiple of 1 / gain is unseen.
        """
        ledger, found = self.ledger, set[frozenset[Bias]]()
        for affine, loose in part.readings:
            _, stream, factors = self._read(affine, ())
            own = [b for b in affine.biases if is_own(b)]
            w = factors[0]
            self._needs(len(factors) == 1 and len(own) < 2 and len(own) + len(stream) == len(
                affine.biases), affine, "other maps or biases than one of a reader")
            assert isinstance(w, Weight)
            self._needs(bool(own) or loose or not stream, affine,
                        "a reader without a bias below a norm with one")
            found.add(frozenset(stream))
            ledger.settle((w.piece, *(b.piece for b in own)))
            if self.centred and isinstance(self.sweep.base(self.skip), Norm):
                ledger.free("what reads 1", ledger.sizes.of(w.node, w.outs))
        self._needs(len(found) == 1, y, "readers of different lines")
        return set(next(iter(found)))

    def _inputs(self, y: Affine, skip: Term, source: Source) -> None:
        """The block reads what the stream begins with: dz = c + (z h + k) 1 where norms centre."""
        ledger = self.ledger
        self._needs(not source.leaf.classes, y, "tokens that pass no norm before the first block")
        if skip.factors:
            (w, *more) = skip.factors
            self._needs(not more and isinstance(w, Weight), y, "the stream begins behind maps")
            ledger.settle((w.piece,))
            if self.centred:
                ledger.free("writers of 1", self.width)

    def _constant(
        self, y: Affine, passed: set[Bias], constants: Sequence[tuple[Size, Size]]
    ) -> None:
        """The biases of stream and block, and of values, undo each other (centred: but for 1)."""
        ledger = self.ledger
        self._needs(passed <= set(y.biases) and len(y.biases) < len(passed) + 2
                    and len(passed) < 2 and all(map(is_own, y.biases)), y,
                    "several biases of a block, or behind maps")
        ledger.settle(b.piece for b in y.biases)
        total = sum((ledger.sizes.of(b.node, b.feats) for b in y.biases), Integer(0))
        total += sum((n for n, _ in constants), Integer(0))
        if y.biases:
            ledger.free("biases", total - self.seen)
        else:
            ledger.free("biases", total - sum((rank for _, rank in constants), Integer(0)))

    def _embedded(self, y: Affine) -> None:
        """A norm of what the stream begins with: dN = N A + c, and E + P varies in summands."""
        (t,) = y.terms
        source = self.sweep.base(t)
        self._needs(isinstance(source, Source), y, "the stream begins with no input")
        assert isinstance(source, Source)
        self._needs(not source.leaf.classes or any(b.rows and not b.one_row for b in y.biases), y,
                    "tokens without positions")
        start(self.sweep, self.width, y, Bound(
            Matrices.ZERO, ones="free" if self.centred else ""), True)
