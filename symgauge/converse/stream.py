"""Residual streams: blocks behind a skip, from the line that is read out down to the start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sympy import Integer

from symgauge.sums.affine import Affine, Bias, Factors, Term, Weight
from symgauge.sums.bases import Base, Gated, Mixing, Norm, Source, Units
from symgauge.converse.bound import Bound, Matrices
from symgauge.facts import attention
from symgauge.facts.chain import BIAS, chain, chain_gains, is_full, is_own
from symgauge.converse.context import Context
from symgauge.converse.cut_rows import seen_by_last
from symgauge.converse.row_of_parameters import beside_parameters
from symgauge.facts.experts import EXPERTS, differences, experts
from symgauge.facts.stream import HEAD_NORM, KINKED_BELOW, PLAIN, SKIP
from symgauge.facts.norms import READ, Reading, read_all, reading
from symgauge.facts.units import gated, units
from symgauge.converse.part import Part, behind_norm, part_of
from symgauge.sums.sizes import Size
from symgauge.converse.start import count_shift, start
from symgauge.sums.routed import Routed
from symgauge.sums.rows import Rows
from symgauge.sums.stop import Stop


class Stream:
    """The sweep down one residual stream."""

    def __init__(self, sweep: Context, width: Size) -> None:
        self.sweep = sweep
        self.ledger = sweep.ledger
        self.width, self.mixes = width, False  # whether the lowest block so far has an attention

    def down(self, y: Affine, bound: Bound) -> None:
        """From a line of the stream to its start."""
        while True:
            tops, rest = self._parts(y)
            if not tops:
                break
            y, bound = self._block(y, tops, rest, bound)
            self.ledger.commit(self.width**2 + self.width)
        if self.sweep.cut is not None:
            raise self.sweep.cut.stop
        start(self.sweep, self.width, y, bound, self.mixes)

    # -- blocks ----------------------------------------------------------------------------------

    def _parts(self, y: Affine) -> tuple[list[Term], list[Term]]:
        """The terms that no other term's base is made of, and the rest; none at the start."""
        sweep = self.sweep
        moving = [t for t in y.terms if not isinstance(sweep.base(t), (Source, Rows))]
        below = 0
        for t in moving:
            below |= sweep.below(t.base)
        tops = [t for t in moving if not below >> t.base & 1]
        return tops, [t for t in y.terms if t not in tops]

    def _block(
        self, y: Affine, tops: list[Term], rest: list[Term], bound: Bound
    ) -> tuple[Affine, Bound]:
        sweep, ledger = self.sweep, self.ledger
        if y.repeated:
            raise Stop(y.node, SKIP.name, "a repeated line")
        parts = [part_of(sweep, t) for t in tops]
        self.mixes = any(isinstance(p.base, Mixing) for p in parts)
        if not rest:
            raise Stop(y.node, SKIP.name, "nothing passes beside the block")
        raw = self._raw(rest)
        z = self._below(y, parts, rest)
        parts = self._rows(parts, z, bound)
        seen = self.width - 1 if bound.ones == "free" else self.width
        parts = beside_parameters(sweep, parts, z, seen, bound)
        ones = bound.ones == "free"
        smooth: list[Size] = []
        constants: list[tuple[Size, Size]] = []
        for part in parts:
            bound = behind_norm(sweep, part, len(parts) == 1, self.width, bound)
            ledger.step(SKIP, part.base.node)
            maps = part.term.factors
            if isinstance(part.base, Routed):
                maps = (part.base.matrix, *maps)
                smooth.append(ledger.sizes.of(part.base.matrix.node, part.base.hidden))
            chain(ledger, maps, ones)
            if isinstance(part.base, (Units, Gated)) and part.base.converse == "smooth":
                smooth.append(ledger.sizes.of(part.base.node, part.base.feats))
            constants += self._part(part, z, seen, raw)
        if bound.projective:
            bound = self._no_field(y, parts, smooth, bound, seen)
        bound, full = self._biases(y, z, bound, seen, constants)
        if raw:
            bound = replace(bound, matrix=Matrices.ZERO, scale=False)
        bound = self._passed_on(parts, z, full, seen, bound)
        parts = [self._loosened(part, full) for part in parts]
        return z, self._readers(parts, z, bound, raw)

    def _rows(self, parts: list[Part], z: Affine, bound: Bound) -> list[Part]:
        """The parts as one row sees them, where it alone is read; below an attention all are."""
        if self.sweep.cut is None or not self.mixes:
            return parts
        found = seen_by_last(self.sweep, self.sweep.cut, parts, z, self.width, bound.ones)
        self.sweep.cut = None
        return found

    def _no_field(
        self, y: Affine, parts: Sequence[Part], smooth: Sequence[Size], bound: Bound, seen: Size
    ) -> Bound:
        """Units exclude the projective fields that a norm before the head lets stand."""
        ledger = self.ledger
        if not smooth:
            self._walls(y, parts, bound, seen)
        elif bound.scale and not ledger.holds(3, self.width):
            ledger.asks(2, smooth[0], "one unit excludes no field of a plane")
        elif bound.scale:
            ledger.asks(3, self.width, "one unit excludes no field of a plane")
        return replace(bound, projective=False)

    def _walls(self, y: Affine, parts: Sequence[Part], bound: Bound, seen: Size) -> None:
        """The jump of a block of units with walls alone, which reads its stream through a norm."""
        units = [p.base for p in parts if isinstance(p.base, Units)]
        if bound.scale or len(parts) != 1 or not units or not isinstance(
                self.sweep.base(units[0].argument.terms[0]), Norm):
            raise Stop(y.node, HEAD_NORM.name, "no smooth units below the last norm")
        self.ledger.step(KINKED_BELOW, y.node)
        self.ledger.asks(3, seen, "the stream has two dimensions across a unit's row")

    def _passed_on(
        self, parts: Sequence[Part], z: Affine, full: bool, seen: Size, bound: Bound
    ) -> Bound:
        """What the bias of a norm adds to averages, which no bias of the block undoes.

        It is 0, where the averages do not span: but for a multiple of 1 where they just do, which
        no norm that centres sees in the stream below.
        """
        ledger, spanned = self.ledger, Integer(0)
        for part in parts:
            base = part.base
            if full or not isinstance(base, Mixing) or base.entrywise:
                continue
            value, _ = part.readings[2]
            if any(map(is_own, value.biases)) or not any(b.factors for b in value.biases):
                continue
            ledger.step(attention.SOFTMAX, base.node)
            if bound.shift:
                raise Stop(base.node, BIAS.name, "a norm's bias stands against a shift")
            heads = attention.heads_of(self.sweep, base)
            spanned += heads.groups * heads.value
            ledger.asks(spanned, seen, "what a norm's bias adds to values is seen")
            norm, _, _ = self._read(value, z.terms)
            if norm is None or not norm.centred or bound.ones == "free":
                continue
            if ledger.holds(spanned + 1, seen):
                ledger.asks(spanned, seen - 1, "what a norm's bias adds to values is no 1")
                continue
            ledger.asks(seen, spanned, "what a norm's bias adds to values may be 1")
            count_shift(ledger, self.width, bound)
            bound = replace(bound, ones="constant")
        return bound

    def _loosened(self, part: Part, full: bool) -> Part:
        """A constant added to values adds one to the averages: a bias of the block undoes it."""
        base = part.base
        if not isinstance(base, Mixing) or base.entrywise:
            return part
        query, key, (value, _) = part.readings
        return replace(part, readings=(query, key, (value, full)))

    def _raw(self, rest: Sequence[Term]) -> bool:
        """Whether the stream is an input as it is: it does not vary."""
        found = [self.sweep.base(t) if not t.factors else None for t in rest]
        return len(found) == 1 and isinstance(found[0], Source)

    def _below(self, y: Affine, parts: Sequence[Part], rest: list[Term]) -> Affine:
        """The stream that the parts read: the terms that are left, with its own biases."""
        found: set[frozenset[Bias]] = set()
        for part in parts:
            for affine, _ in part.readings:
                found.add(frozenset(self._read(affine, rest)[1]))
        if len(found) != 1:
            raise Stop(y.node, SKIP.name, "parts of a block read different lines")
        (biases,) = found
        if not biases <= set(y.biases):
            raise Stop(y.node, SKIP.name, "a bias is read that is not added to the stream")
        kept = tuple(b for b in y.biases if b in biases)
        return Affine(y.node, y.feats, tuple(rest), kept, constant=y.constant)

    def _read(
        self, affine: Affine, rest: Sequence[Term]
    ) -> tuple[Norm | None, tuple[Bias, ...], Factors]:
        """How a value reads the stream: the norm between, the stream's biases, the maps."""
        sweep = self.sweep
        if affine.repeated:
            raise Stop(affine.node, SKIP.name, "a repeated line")
        if len(affine.terms) == 1:
            base = sweep.base(affine.terms[0])
            if isinstance(base, Norm):
                if set(base.argument.terms) != set(rest) or len(base.argument.terms) != len(rest):
                    raise Stop(affine.node, SKIP.name, "a norm of another line than the stream")
                if base.argument.repeated:
                    raise Stop(affine.node, SKIP.name, "a repeated line")
                return base, base.argument.biases, affine.terms[0].factors
        suffix = self._suffix(affine, rest)
        n = len(suffix)
        stream = tuple(
            replace(b, factors=b.factors[:-n]) for b in affine.biases
            if len(b.factors) >= n and b.factors[-n:] == suffix)
        return None, stream, suffix

    def _suffix(self, affine: Affine, rest: Sequence[Term]) -> Factors:
        """The maps behind the stream, the same for all of its terms."""
        wanted = {(t.base, t.feats, t.scale): t.factors for t in rest}
        found: set[Factors] = set()
        for t in affine.terms:
            inner = wanted.get((t.base, t.feats, t.scale))
            if inner is None or t.factors[:len(inner)] != inner:
                raise Stop(affine.node, SKIP.name, "a block reads another line than the stream")
            found.add(t.factors[len(inner):])
        if len(found) != 1 or len(affine.terms) != len(rest) or not any(
                isinstance(f, Weight) for f in next(iter(found))):
            raise Stop(affine.node, SKIP.name, "a block reads another line than the stream")
        return next(iter(found))

    def _part(
        self, part: Part, z: Affine, seen: Size, raw: bool
    ) -> list[tuple[Size, Size]]:
        """Free what one part leaves free; the constants that it adds."""
        sweep, base = self.sweep, part.base
        if isinstance(base, Units):
            if base.converse not in ("smooth", "kinked"):
                raise Stop(base.node, SKIP.name, f"{base.converse} units behind a skip")
            units(sweep, base, self.width, False)
            return []
        if isinstance(base, Gated):
            if base.converse not in ("smooth", "kinked"):
                raise Stop(base.node, SKIP.name, "products behind a skip")
            gated(sweep, base, self.width, False)
            return []
        if isinstance(base, Routed):
            self._experts(base, z, raw)
            return []
        assert isinstance(base, Mixing)
        return self._attention(part, base, z, seen, raw)

    def _experts(self, base: Routed, z: Affine, raw: bool) -> None:
        norms = [self._read(a, z.terms)[0] for a in (*base.arguments, base.router)]
        if not raw and None in norms:
            raise Stop(base.node, EXPERTS.name, "experts read the stream without a norm")
        (depth,) = self._depths([base.router])  # the experts may have another norm
        experts(self.sweep, base, depth)

    def _depths(self, read: Iterable[Affine]) -> list[Size]:
        """The dimension of what each reads: one less where its norm centres."""
        bases = [self.sweep.base(a.terms[0]) if len(a.terms) == 1 else None for a in read]
        return [self.width - 1 if isinstance(b, Norm) and b.centred else self.width for b in bases]

    def _attention(
        self, part: Part, base: Mixing, z: Affine, seen: Size, raw: bool
    ) -> list[tuple[Size, Size]]:
        sweep, ledger = self.sweep, self.ledger
        weights = [f for f in part.term.factors if isinstance(f, Weight)]
        if len(weights) != 1 or not isinstance(part.term.factors[0], Weight):
            raise Stop(base.node, attention.SOFTMAX.name, "heads without one output matrix")
        heads = attention.heads_of(sweep, base)
        self.sweep.one_row_leaf(z)
        step = attention.ENTRYWISE if base.entrywise else attention.SOFTMAX
        ledger.step(step, base.node)
        attention.sees_two(sweep, base)
        biased = []
        for (affine, _), heads_size in zip(part.readings, (
                heads.groups * heads.repeats * heads.key, heads.groups * heads.key,
                heads.groups * heads.value), strict=True):
            norm, _, factors = self._read(affine, z.terms)
            if norm is None and not raw:
                raise Stop(base.node, step.name, "attention reads the stream without a norm")
            if not any(isinstance(f, Weight) for f in factors) or ledger.sizes.value(
                    ledger.sizes.of(factors[-1].node, getattr(factors[-1], "outs", ()))
                    ) != ledger.sizes.value(heads_size):
                raise Stop(base.node, step.name, "heads of another number")
            biased.append(any(map(is_own, affine.biases)))
        query, key, value = zip(self._depths(a for a, _ in part.readings), biased, strict=True)
        attention.scores(sweep, base, heads, query, key)
        constant = attention.values(sweep, base, heads, value, seen)
        return [] if constant is None else [constant]

    def _biases(
        self, y: Affine, z: Affine, bound: Bound, seen: Size, constants: list[tuple[Size, Size]]
    ) -> tuple[Bound, bool]:
        """The block's own biases: dz = z A + c', c' as they let it; whether one is full."""
        ledger = self.ledger
        own = [b for b in y.biases if b not in z.biases]
        ledger.step(BIAS, y.node)
        if any(b.rows for b in own):
            raise Stop(y.node, BIAS.name, "a table of positions is added away from the inputs")
        extra = [f for b in own for f in b.factors if f.piece not in ledger.settled]
        if any(isinstance(f, Weight) for f in extra):
            raise Stop(own[0].node, BIAS.name, "a bias runs through a matrix that no term has")
        chain_gains(ledger, extra)
        ledger.settle(b.piece for b in own)
        total = sum((ledger.sizes.of(b.node, b.feats) for b in own), Integer(0))
        total += sum((n for n, _ in constants), Integer(0))
        if any(is_full(b) for b in own):
            ledger.free("biases", total - seen)
            count_shift(ledger, self.width, bound)
            return replace(bound, shift=True), True
        if total != 0:
            ranks = [r for _, r in constants]
            if not ranks or any(b.factors and not is_full(b) for b in own):
                raise Stop(y.node, BIAS.name, "a bias runs through matrices")
            rank = max(ranks, key=ledger.sizes.value)
            ledger.free("biases", total - rank)
            # what they can add is undone by no constant of the stream once a norm reads it
            if bound.shift or bound.ones == "constant":
                raise Stop(y.node, BIAS.name, "the values' biases stand against a shift")
            return replace(bound, shift=True), False
        return bound, False

    # -- readers ---------------------------------------------------------------------------------

    def _readers(self, parts: Sequence[Part], z: Affine, bound: Bound, raw: bool) -> Bound:
        """What the readers of the stream determine, and how it may still vary."""
        groups: dict[tuple[Norm, Factors], list[Reading]] = {}
        plain: list[Reading] = []
        for part in parts:
            for k, (affine, loose) in enumerate(part.readings):
                unseen = self._unseen(part.base, k)
                norm, stream, factors = self._read(affine, z.terms)
                n = len(factors)
                own = affine.biases if norm is not None else tuple(
                    b for b in affine.biases
                    if not (len(b.factors) >= n and b.factors[-n:] == factors))
                if norm is None:
                    plain.append(reading(own, factors, loose))
                else:
                    # one norm may stand before several gains: each group by itself
                    one = reading(own, factors, loose, unseen)
                    groups.setdefault((norm, one.gains), []).append(one)
        if not raw:
            self.sweep.spans(z, self.width)
        for (norm, _), readings in groups.items():
            read_all(self.sweep, norm, readings)
            bound = self._normed(norm, bound)
        if plain:
            bound = self._plain(z, plain, bound, raw)
        return replace(bound, shift=False) if raw else bound

    def _unseen(self, base: Base, k: int) -> Size:
        """Constants that may be added to what a base reads k-th: of logits a common one."""
        if isinstance(base, Routed):
            return Integer(k == len(base.arguments) and differences(base))
        return attention.unseen(self.sweep, base) if isinstance(
            base, Mixing) and k == 1 else Integer(0)

    def _normed(self, norm: Norm, bound: Bound) -> Bound:
        self.ledger.asks(3 if norm.centred else 2, self.width, "a norm of two entries")
        if norm.centred:
            if bound.matrix is Matrices.ALL or (
                    bound.matrix is Matrices.ROTATIONS and not bound.ones):
                raise Stop(norm.node, READ.name, "a norm that centres below one that sees 1")
            if bound.ones != "free" and (bound.shift or bound.ones == "constant"):
                return replace(bound, shift=False, ones="constant")
            return replace(bound, shift=False, scale=bound.scale and norm.eps == 0)
        if bound.ones:
            raise Stop(norm.node, READ.name, "a norm that sees 1 below one that centres")
        if bound.matrix is Matrices.ALL:
            return replace(
                bound, matrix=Matrices.ROTATIONS, scale=norm.eps == 0, shift=False)
        return replace(bound, shift=False, scale=bound.scale and norm.eps == 0)

    def _plain(
        self, z: Affine, readings: Sequence[Reading], bound: Bound, raw: bool
    ) -> Bound:
        ledger = self.ledger
        ledger.step(PLAIN, z.node)
        if bound.ones == "free":
            raise Stop(z.node, PLAIN.name, "a reader that sees 1 below a norm that centres")
        for r in readings:
            chain(ledger, r.factors)
            own = [b for b in r.biases if not b.factors]
            if any(b.factors for b in r.biases) or len(own) > 1:
                raise Stop(z.node, PLAIN.name, "several biases of one reader")
            ledger.settle(b.piece for b in own)
        open_ = [r for r in readings if not r.bias and not r.loose]
        if raw or not open_ or not (bound.shift or bound.ones):
            return bound
        widths = [ledger.sizes.of(r.weight.node, r.weight.outs) for r in open_ if r.weight]
        ledger.asks(self.width, sum(widths, Integer(0)), "readers without a bias see every shift")
        return replace(bound, shift=False, ones="")
