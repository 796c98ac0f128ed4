r"""The lines of a program as formulas: ``Y = \operatorname{concat}_h(A_h V_h) W_O^\top + b_O``.

An interpreter of programs in LaTeX, by the laws of the lines. Views are not written (a reshape, a
repeated axis) but where their reader needs their sizes; an axis of copies that products run over,
such as heads, is written as an index h. A line that several others read, or that is long, has a
letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from symgauge.formulas.constants import Constants
from symgauge.formulas.convolutions import Convolutions
from symgauge.formulas.heads import Heads, Part
from symgauge.formulas.layers import Layers, layered
from symgauge.formulas.letters import Letters, numbered
from symgauge.formulas.products import Products
from symgauge.formulas.roles import VIEWS, Roles
from symgauge.formulas.signs import BELOW, LN, RMS, notes_on
from symgauge.formulas.terms import (
    ATOM, PRODUCT, SUM, NoFormula, Term, entrywise, product, reshaped, sliced, total,
)
from symgauge.ops.amax import Amax
from symgauge.ops.power import Power
from symgauge.ops.softmax import Softmax
from symgauge.ops.take import Take
from symgauge.program.leaf import Input, Parameter
from symgauge.report.names import Block, indexed
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Typeset:
    """Formulas of one program."""

    def __init__(
        self, structure: Structure, roles: Roles, symbols: Mapping[str, str],
        names: Mapping[int, str] | None = None,
    ) -> None:
        """`names`: the letters of lines, where they are known."""
        self.structure, self.roles, self.symbols = structure, roles, symbols
        self.nodes, self.lines = structure.network.nodes, structure.lines
        self.heads, self.convolutions = Heads(structure), Convolutions(roles)
        self._letters = Letters(structure, roles, self.convolutions, self.heads)
        #: What is written for a named line, or a parameter, instead of its symbol.
        self.instead: dict[int | str, Term] = {}
        #: Whether values with heads side by side are written as the part of one head.
        self.one_head = False
        self.names = dict(names or {})
        self.constants, self.products = Constants(self.nodes), Products(self)
        self._blocks: dict[str, list[Block]] = {}
        for name in symbols:
            block = Block.parse(name)
            if block is not None:
                self._blocks.setdefault(block.parameter, []).append(block)
        if names is None:
            self._name_lines()

    # -- the network -----------------------------------------------------------------------------

    @cached_property
    def formulas(self) -> list[tuple[int, str, str]]:
        """(line, symbol, formula) of every line that has a letter, in order."""
        out = []
        for i in self.names:
            out.append((i, self.symbol(i), self.definition(i).text))
            out += self._field(i)
        return out

    def _field(self, i: int) -> list[tuple[int, str, str]]:
        """The vector field of a flow: what its state's velocity is."""
        if i not in self.lines or self.nodes[i].body is None:
            return []
        field = self.structure.field(self.lines[i])
        given = dict(zip(field.names.values(), self.lines[i].inputs[1:], strict=True))
        inside = Typeset(
            field, Roles(field), {name: self.term(j).text for name, j in given.items()})
        # a product is no letter that an index could be set to
        inside.instead.update({
            name: self.term(j) for name, j in given.items()
            if not isinstance(self.nodes[j].leaf, Parameter)})
        (velocity,) = (field.network.outputs)
        (end,) = inside._letters.ends
        inside.names.pop(end, None)
        rows = [(i, left, right) for _, left, right in inside.formulas]
        return [*rows, (i, r"\dot{x}", inside.term(velocity).text)]

    def symbol(self, i: int) -> str:
        """The letter of a line, with h where it is one head's."""
        own = self.names[i]
        return indexed(own, "h") if self.heads.has_head(i) or (
            self.one_head and self.heads.joins_heads(i)) else own

    def is_packed(self, i: int) -> bool:
        """Whether a line is written in its parts alone: queries, keys and values side by side."""
        return bool(self._letters.in_parts(i))

    def is_unwritten(self, i: int) -> bool:
        """Whether a line is part of a norm or of a convolution, and not written."""
        return i in self._letters.unwritten

    def notes(self) -> list[str]:
        """What the signs mean that the formulas use."""
        said = notes_on(" ".join(f for _, _, f in self.formulas))
        if self.heads.shares():
            said.append(r"what several heads share is named by $h$ as the group of head $h$")
        if self.heads.batch:
            said.append("the index of a batch is not written")
        return said

    # -- letters ---------------------------------------------------------------------------------

    def _name_lines(self) -> None:
        letters: dict[int, str] = {}
        for i, line in self.lines.items():
            if line.op is None or line.law in VIEWS and i not in self._letters.ends:
                continue
            if self._letters.needed(i, letters, lambda: self.definition(i).text):
                letters[i] = self._letters.letter(i, letters)
                self.names[i] = letters[i]  # so that later lines are measured with it
        self.names = self._numbered(letters)
        self.layers = self._layers(letters)

    def _numbered(self, letters: Mapping[int, str]) -> dict[int, str]:
        """With numbers behind those of the inputs."""
        inputs = [self._input(i).text for i in self.structure.network.input_nodes]
        return numbered(letters, Counter(name[0] for name in inputs if "_" in name))

    def _layers(self, letters: Mapping[int, str]) -> Layers | None:
        """The run of formulas that repeats; its lines get the numbers of their layers."""
        order = list(letters)
        self.names = {i: f"@{k}@" for k, i in enumerate(order)}
        texts = [self.definition(i).text for i in order]
        self.names = self._numbered(letters)
        found = layered([letters[i] for i in order], texts)
        if found is None:
            return None
        inside = order[found.start:][:found.period * len(found.labels)]
        own = self._numbered({i: letters[i] for i in inside[:found.period]})
        self.names |= self._numbered({i: a for i, a in letters.items() if i not in set(inside)})
        for k, i in enumerate(inside):
            label = found.labels[k // found.period]
            self.names[i] = f"{own[inside[k % found.period]]}^{{({label})}}"
        return found

    # -- formulas --------------------------------------------------------------------------------

    def term(self, i: int, part: Part | None = None) -> Term:
        """A line as a reader of others writes it: its letter, or its formula."""
        if i in self.instead:
            return self.instead[i] if part is None else self._sliced(i, self.instead[i], part)
        if i in self.names and part is None:
            return Term(self.symbol(i))
        return self.definition(i, part)

    def definition(self, i: int, part: Part | None = None) -> Term:
        """What a line is, or a part of it."""
        leaf = self.nodes[i].leaf
        if isinstance(leaf, Parameter):
            return self._parameter(i, leaf.name, part)
        if i not in self.lines or leaf is not None:
            given = self.constants.term(i) if i not in self.lines else self._input(i)
            return given if part is None else self._sliced(i, given, part)
        line = self.lines[i]
        if part is not None and line.law not in (*VIEWS, "sum of lines", "contraction"):
            return self._sliced(i, self.term(i), part)
        rule = self._rules.get(line.law)
        if rule is not None:
            return rule(line, part)
        assert line.op is not None
        if isinstance(line.op, Amax):
            return self._normaliser(line, part)
        # the mask of a softmax is not written
        shown = line.inputs[:1] if isinstance(line.op, Softmax) else line.inputs
        inner = [self._beside_rows(j, self.term(j)) for j in shown]
        held = ATOM if isinstance(line.op, Take) else SUM  # places stand behind what is held
        found = line.op.latex(*(term.within(held) for term in inner), **line.attrs)
        if isinstance(line.op, Power) and len(self.heads.matrix_axes(line.node)) > 1:
            found = re.sub(r"\^\{([^{}]*)\}$", r"^{\\odot \1}", found)  # no power of a matrix
        return Term(found, ATOM if found.endswith((")", "}")) else PRODUCT)

    def _input(self, i: int) -> Term:
        leaf, inputs = self.nodes[i].leaf, self.structure.network.input_nodes
        letter = "x" if len(self.heads.matrix_axes(i)) < 2 else "X"
        letter = "T" if isinstance(leaf, Input) and leaf.classes else letter
        return Term(letter if len(inputs) == 1 else indexed(letter, str(inputs.index(i) + 1)))

    @cached_property
    def _rules(self) -> dict[str, Callable[[Line, Part | None], Term]]:
        return {
            "reshape": self._view, "repetition": self._view, "permutation": self._permutation,
            "contraction": self.products.contraction, "sum of lines": self._sum,
            "product": self._product, "multiple": self._multiple, "part": self._part,
            "standardising": lambda line, part: self._along(line, lambda x: f"{LN}({x})"),
            "rotary": self._rotary, "join": self._join,
            "sum": self._summed, "normaliser": self._normaliser,
            "centring": lambda line, part: self._along(
                line, lambda x: rf"\operatorname{{C}}({x})"),
        }

    def _sliced(self, i: int, whole: Term, part: Part, step: int = 1) -> Term:
        """A part of a line as arrays are sliced, of the axes that a formula shows."""
        axis, start, stop = part
        before = sum(a < axis for a in self.heads.matrix_axes(i))
        return sliced(whole, before, start, stop, step)

    def _parameter(self, i: int, name: str, part: Part | None) -> Term:
        blocks = {str(b): b for b in self._blocks.get(name, ())}
        if part is None:
            if name not in self.instead and any(key in self.instead for key in blocks):
                raise NoFormula(name)  # parts of it vary, and it is written whole
            return self._shown(i, name)
        axis, start, stop = part
        for key, block in blocks.items():
            if (block.start, block.stop) == (start, stop) and not block.period and (
                    block.axis == axis or len(self.nodes[i].shape) == 1) and (
                    key in self.instead or name not in self.instead):
                return self._shown(i, key)
        if any(key in self.instead for key in blocks):
            raise NoFormula(name)
        return self._sliced(i, self._shown(i, name), part)

    def _shown(self, i: int, key: str) -> Term:
        """A parameter, or a block of one, by its letter; u + w where the line is that."""
        leaf, own = self.nodes[i].leaf, self._letter(i, key)
        if not isinstance(leaf, Parameter) or not leaf.added:
            return own
        sign = "+" if leaf.added > 0 else "-"
        return Term(f"{own.within(SUM)} {sign} {abs(leaf.added)}", SUM)

    def _letter(self, i: int, key: str) -> Term:
        if key in self.instead:
            return self.instead[key]
        symbol = self.symbols.get(key, key)
        of_head = self.one_head and self.heads.stands_on(i)
        return Term(indexed(symbol, "h") if of_head or self.heads.has_head(i) else symbol)

    def _view(self, line: Line, part: Part | None) -> Term:
        j = line.inputs[0]
        inside = None if part is None else self.heads.same_axis(j, line.node, part)
        if part is not None and inside is None and not self.heads.repeats(j, line, part[0]):
            return self._sliced(line.node, self.term(line.node), part)
        copied = self.heads.copied(line) if line.law == "reshape" and part is None else None
        if copied is not None and j not in self.instead:
            name, count, i = copied
            return Term(rf"\operatorname{{{name}}}_{{{count}}}({self.term(i).text})")
        if j not in self.names and j not in self.instead and self.heads.has_joined_rows(line):
            return Term("[" + BELOW.join(
                self.term(k).text for k in self.lines[j].inputs) + "]")
        found = self.term(j, inside)
        if self.heads.has_head(line.node) and not self.heads.has_head(j) and not self.one_head:
            if self.heads.joins_heads(j) and self.roles.base(j) not in self.names and (
                    j in self.lines and not self.roles.parameter(j)):
                return Term(f"[{found.text}]_{{h}}")
            if self.heads.joins_heads(j):
                return Term(indexed(found.text, "h"))
        heads, i = self.heads, line.node
        if heads.has_head(j) and not heads.has_head(i) and heads.joins_heads(i):
            return found if self.one_head else Term(rf"\operatorname{{concat}}_h({found.text})")
        return found

    def _permutation(self, line: Line, part: Part | None) -> Term:
        convolution = self.convolutions.found.get(line.node)
        if convolution is not None and part is None:
            return self.term(convolution.product)
        dims, j = line.attrs["dims"], line.inputs[0]
        inside = None if part is None else (int(dims[part[0]]), part[1], part[2])
        found, order = self.term(j, inside), self.heads.order(line)
        shown = sorted(order)
        # a part of length 1 has one axis less
        gone = inside[0] if inside is not None and inside[2] - inside[1] == 1 else None
        order = [d for d in order if d != gone]
        if order == sorted(order):
            return found
        if part is None:
            found = self._as_shown(j, found)
        if order[:-2] + order[:-3:-1] == sorted(order):
            return found.transposed
        places = "".join(str(shown.index(d) + 1) for d in order)
        return Term(rf"\operatorname{{perm}}_{{{places}}}({found.text})")

    def _as_shown(self, j: int, term: Term) -> Term:
        """A view with the sizes that it shows, where what it views is written with others."""
        shown = [self.nodes[j].shape[a] for a in self.heads.matrix_axes(j)]
        return reshaped(term, shown) if self.heads.has_other_rows(j, True) else term

    def _sum(self, line: Line, part: Part | None) -> Term:
        kept = [j for j in line.inputs if not self.structure.zero[j]]
        return total([self._beside_rows(j, self.term(j, part)) for j in kept] or [Term("0")])

    def _beside_rows(self, j: int, term: Term) -> Term:
        """A vector that a sum or a product takes along the rows of a matrix, not along each row."""
        if self.roles.law(j) != "repetition":
            return term
        shape = self.nodes[self.lines[j].inputs[0]].shape
        shown = self.heads.matrix_axes(j)
        along = [a for a in shown if a < len(shape) and shape[a] > 1]
        fresh = [k for k, a in enumerate(shown) if a < len(shape) and shape[a] == 1]
        if len(along) > 1 and len(shape) == len(self.nodes[j].shape) and fresh and (
                shown[max(fresh)] > along[0]):
            return Term(rf"\operatorname{{rep}}_{{{','.join(map(str, fresh))}}}({term.text})")
        if len(shape) != len(self.nodes[j].shape) or len(along) != 1 or along == shown[-1:]:
            return term
        if len(shown) > 2:
            behind = ",".join(str(k + 1) for k in range(len(shown) - 1 - shown.index(along[0])))
            return Term(rf"\operatorname{{rep}}_{{{behind}}}({term.text})")
        term = term.transposed if self.products.is_row(j) else term
        ones = r"\mathbf{1}^{\top}" if len(shown) == 2 else r"\mathbf{1}"
        return Term(rf"{term.within(PRODUCT)}\,{ones}", PRODUCT)

    def _product(self, line: Line, part: Part | None) -> Term:
        x = self.roles.is_rms(line.node)
        if x is not None:
            return Term(f"{RMS}({self.term(x).text})")
        left, right = line.inputs
        terms = [self._beside_rows(j, self.term(j)) for j in (left, right)]
        return entrywise(*terms)

    def _multiple(self, line: Line, part: Part | None) -> Term:
        inner = self._beside_rows(line.inputs[0], self.term(line.inputs[0]))
        return replace(inner, factor=inner.factor * line.attrs["factor"])

    def _part(self, line: Line, part: Part | None) -> Term:
        source, axis = line.inputs[0], line.attrs["axis"]
        if line.attrs["step"] != 1:
            start, stop, step = (line.attrs[key] for key in ("start", "stop", "step"))
            return self._sliced(source, self.term(source), (axis, start, stop), step)
        return self.term(source, (axis, line.attrs["start"], line.attrs["stop"]))

    def _normaliser(self, line: Line, part: Part | None) -> Term:
        assert line.op is not None
        op = line.op
        return self._along(line, lambda x: op.latex(x, **line.attrs))

    def _along(self, line: Line, written: Callable[[str], str]) -> Term:
        """What works along each row; of columns the transpose; else with the numbers of axes."""
        j, attrs = line.inputs[0], line.attrs
        inner, shown = self.term(j), self.heads.matrix_axes(j)
        last = len(self.nodes[j].shape) - 1
        axes = attrs["axes"] if "axes" in attrs else (attrs.get("axis", last),)
        over = [a for a in axes if self.nodes[j].shape[a] > 1]
        if over != shown[-1:] or self.heads.has_other_rows(j, False):
            inner = self._as_shown(j, inner)
        if not over or over == shown[-1:]:
            return Term(written(inner.text))
        if over == shown[:1] and len(shown) == 2:
            return Term(written(inner.transposed.text)).transposed
        places = self.heads.places(j, over)
        return Term(re.sub(
            r"^(\\operatorname\{\w+\})", rf"\1_{{{places}}}", written(inner.text)))

    def _rotary(self, line: Line, part: Part | None) -> Term:
        return Term(rf"\operatorname{{R}}({self.term(line.inputs[0]).text})")

    def _join(self, line: Line, part: Part | None) -> Term:
        shown = self.heads.matrix_axes(line.node)
        sign = r",\, " if not shown or line.attrs["axis"] == shown[-1] else BELOW
        return Term("[" + sign.join(self.term(j).text for j in line.inputs) + "]")

    def _summed(self, line: Line, part: Part | None) -> Term:
        """A sum of rows, of columns, of all entries; else along axes by their numbers."""
        j, axes = line.inputs[0], line.attrs["axes"]
        shown, inner = self.heads.matrix_axes(j), self.term(line.inputs[0])
        over = [a for a in axes if self.nodes[j].shape[a] > 1]
        if not over:
            return inner
        inner = self._as_shown(j, inner)
        if over == shown[:1] and len(shown) == 2:
            return product(Term(r"\mathbf{1}^{\top}"), inner)
        if over == shown[1:] and len(shown) == 2:
            return product(inner, Term(r"\mathbf{1}"))
        if over == shown:
            return Term(rf"\textstyle\sum({inner.text})", PRODUCT)
        return Term(rf"\operatorname{{sum}}_{{{self.heads.places(j, over)}}}({inner.text})")
