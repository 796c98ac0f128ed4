"""One walk down one program, from its output to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgauge.steps.averages import Average
from symgauge.steps.bases import Free, Gate, Norm, Unit
from symgauge.steps.chains import chain
from symgauge.steps.experts import Experts
from symgauge.steps.heads import alone
from symgauge.steps.listed import Listed, listed_sum
from symgauge.steps.norm_heads import norm
from symgauge.steps.reading import Form
from symgauge.steps.step import Book, number
from symgauge.steps.streams import spans, stream
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk


class WholeWalk(Walk):
    """All steps of one program."""

    def run(self) -> Book:
        """All steps. Raises Unread."""
        network = self.reader.network
        if any(x.classes for x in network.inputs):
            raise Unread("tokens")
        if len(network.outputs) != 1:
            raise Unread("several outputs")
        (out,) = network.outputs
        self.book.step("outputs", out)
        node, ones = self.reader.node(out), False
        if node.op is not None and node.op.law == "normaliser" and len(node.inputs) == 1:
            if node.attrs["axis"] != len(node.shape) - 1:
                raise Unread("probabilities along another axis")
            ones, out = True, node.inputs[0]
        form = self.reader.read(out)
        if ones:
            self.book.at_most(number(2), self.book.width(form.axis))
        self.down([form], ones)
        return self.book

    def down(self, forms: Sequence[Form], ones: bool) -> None:
        """None of these varies (`ones`: but for a multiple of 1 in each row)."""
        if len(forms) == 1 and len(forms[0].terms) > 1:
            mixture = listed_sum(self.reader, forms[0])
            if mixture is None:
                stream(self, forms[0], ones)
            else:
                self.side_by_side(forms, mixture, ones)
            return
        if any(len(f.terms) != 1 for f in forms):
            raise Unread("several readers of a sum")
        bases = {f.terms[0].base for f in forms}
        if len(bases) == 1:
            self.one(forms, ones)
            return
        for f in forms:
            if not isinstance(self.bases.of(f.terms[0]), Free):
                raise Unread("readers of several lines")
            self.one([f], ones)

    def one(self, forms: Sequence[Form], ones: bool) -> None:
        """Readers of one line."""
        base = self.bases.of(forms[0].terms[0])
        if isinstance(base, Free):
            self.maps(forms, ones)
        elif isinstance(base, (Unit, Gate)):
            self.units(forms, base, ones)
        elif isinstance(base, Experts):
            self.mixture(forms, base, ones)
        elif isinstance(base, Listed):
            self.side_by_side(forms, base, ones)
        elif isinstance(base, Norm):
            norm(self, forms, base, ones)
        elif isinstance(base, Average):
            alone(self, forms, base, ones)
        else:
            raise Unread("readers of a row of parameters beside free ones")

    def units(self, forms: Sequence[Form], base: Unit | Gate, ones: bool) -> None:
        """sum_i act(u_i) v_i does not vary."""
        self.maps(forms, ones)
        alone = len(forms) == 1 and not ones
        if isinstance(base, Unit):
            if base.kind == "power":
                self.tell_apart(forms[0], base)
            self.unit(base, forms, alone)
            self.down([base.argument], False)
            return
        if base.kind:
            self.gate(base)
        else:
            self.tell_apart(forms[0], base)
            self.bilinear(base, forms, alone)
        self.down([base.gate, base.up], False)

    def mixture(self, forms: Sequence[Form], base: Experts, ones: bool) -> None:
        """sum_e p_e E_e does not vary, and no stream passes by."""
        if len(forms) != 1 or forms[0].node in self.shifted:
            raise Unread("several readers of experts, or exponents of them")
        (form,) = forms
        maps = (base.matrix, *form.terms[0].maps)
        self.book.step("chain", form.node)
        chain(self.book, maps, ones)
        self.bias(replace(form, terms=(replace(form.terms[0], maps=maps),)), ones)
        if len(base.router.terms) != 1 or not base.router.terms[0].maps:
            raise Unread("a router that is no matrix of one line")
        (t,) = base.router.terms
        depth = self.book.width(next(m for m in t.maps if not m.diagonal).ins)
        read = self.bases.of(t)
        if isinstance(read, Norm):
            spans(self, read.argument.terms, depth)
        self.experts(base, depth)
        self.down([*base.arguments, base.router], False)

    def side_by_side(self, forms: Sequence[Form], base: Listed, ones: bool) -> None:
        """None of the experts varies, as none has walls or parameters of another."""
        (form, *others) = forms
        if others or ones or form.node in self.shifted or form.terms[0].maps or form.biases:
            raise Unread("maps or biases behind experts of a list")
        for e in base.experts:
            unit = self.bases.of(e.terms[0]) if len(e.terms) == 1 else None
            if not isinstance(unit, Unit) or not all(
                    isinstance(self.bases.of(t), Free) for t in unit.argument.terms):
                raise Unread("experts of a list that are no units of inputs")
        self.listed(base)
        self.beside = base.node
        for e in base.experts:
            self.down([e], False)
        self.beside = None
        self.down([base.router], base.normalised)
