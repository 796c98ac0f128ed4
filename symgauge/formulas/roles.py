r"""Symbols of parameters by what they do in the program: W_Q, b_K, gamma, beta.

A role is read off the ops: what a softmax normalises is a product of queries and keys, what it is
multiplied with are values; what multiplies a normalised line is a gain. No architecture is known by
name, and no claim rests on these symbols: they are for people. What has no role keeps a symbol made
of its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from symgauge.formulas.layers import layer_numbers
from symgauge.program.leaf import Input, Parameter
from symgauge.report.names import Block, indexed, symbols
from symgauge.spaces.structure import Structure

#: Laws of lines that only show entries in another shape.
VIEWS = ("reshape", "repetition", "permutation")
#: Laws of what may stand between a projection and a softmax: a turn, a factor, a normalisation.
_BETWEEN = (*VIEWS, "multiple", "rotary", "standardising")


class Roles:
    """What lines and parameters do in one program."""

    def __init__(self, structure: Structure, layered: bool = True) -> None:
        """`layered`: whether the numbers in names are those of layers, which are counted apart."""
        self.layered = layered
        self.structure, self.nodes = structure, structure.network.nodes
        self.lines = structure.lines
        #: Lines that are queries, keys, values, attention weights, by their letters.
        self.letters: dict[int, str] = {}
        #: Parameters, or blocks of one, with the letters of their symbols.
        self.symbols: dict[str, str] = {}
        for i, line in self.lines.items():
            if line.op is not None and line.op.exponentiates:
                self._attention(i)
        for i, line in self.lines.items():
            if line.law in ("standardising", "centring") or self.is_rms(i) is not None:
                self._affine(i)
        self._tables()
        self._maps()

    def law(self, i: int) -> str:
        """The law of a line; "" of a constant."""
        return self.lines[i].law if i in self.lines else ""

    def base(self, i: int, laws: tuple[str, ...] = VIEWS) -> int:
        """The line behind views of it."""
        while self.law(i) in laws:
            i = self.lines[i].inputs[0]
        return i

    def summands(self, i: int) -> Iterator[int]:
        """What a line adds, but for constants."""
        if self.law(i) != "sum of lines":
            yield i
            return
        for j in self.lines[i].inputs:
            if j in self.lines:
                yield from self.summands(self.base(j))

    def users(self, i: int) -> Iterator[int]:
        """The lines that read a line or a view of it."""
        for u in self.structure.users.get(i, ()):
            if self.law(u) in VIEWS:
                yield from self.users(u)
            else:
                yield u

    def parameter(self, i: int) -> str:
        """The name of the parameter that a line shows; "" where it shows none."""
        leaf = self.nodes[self.base(i)].leaf
        return leaf.name if isinstance(leaf, Parameter) else ""

    def is_rms(self, i: int) -> int | None:
        """x where the line is x (mean of x^2 + epsilon)^(-1/2) over the last axis; else None."""
        if self.law(i) != "product" or len(self.lines[i].inputs) != 2:
            return None
        for x, other in (self.lines[i].inputs, self.lines[i].inputs[::-1]):
            found = self.base(other)
            for law in ("homogeneous", "sum of lines", "multiple", "sum", "homogeneous"):
                if self.law(found) != law or law == "sum" and not self._sums_rows(found):
                    break
                left = [j for j in self.lines[found].inputs if j in self.lines]
                if len(left) != 1:
                    break
                found = self.base(left[0])
            else:
                if found == self.base(x):
                    return x
        return None

    def _sums_rows(self, i: int) -> bool:
        """Whether a sum is along the last axis."""
        line = self.lines[i]
        rank = len(self.nodes[line.inputs[0]].shape)
        return tuple(line.attrs["axes"]) == (rank - 1,)

    # -- rules -----------------------------------------------------------------------------------

    def _attention(self, softmax: int) -> None:
        scores = self.base(self.lines[softmax].inputs[0], _BETWEEN)
        while self.law(scores) == "sum of lines":
            inner = [j for j in self.lines[scores].inputs if j in self.lines]
            if len(inner) != 1:
                return
            scores = self.base(inner[0], _BETWEEN)
        if self.law(scores) != "contraction":
            return
        read = [u for u in self.users(softmax) if self.law(u) == "contraction"]
        pair = [self._projection(j) for j in self.lines[scores].inputs]
        if len(read) != 1 or None in pair:
            return
        other = [j for j in self.lines[read[0]].inputs if self.base(j) != softmax]
        values = self._projection(other[0]) if other else None
        self.letters[softmax] = "A"
        for letter, line in zip("QKV", (*pair, values)):
            if line is not None:
                self.letters[line] = letter
                self._affine_map(line, letter)
        for u in self.users(read[0]):
            if self.law(u) == "contraction":
                self._weight(u, "O")
                for w in self.users(u):
                    if self.law(w) == "sum of lines":
                        self._bias(w, "O")

    def _projection(self, i: int) -> int | None:
        """The projection behind a turn, a factor, a normalisation, a gain."""
        i = self.base(i, _BETWEEN)
        while self.law(i) == "product":
            normed = self.is_rms(i)
            left = [j for j in self.lines[i].inputs if not self.parameter(j)]
            if normed is None and len(left) != 1:
                return None
            i = self.base(left[0] if normed is None else normed, _BETWEEN)
        return i if self.law(i) in ("contraction", "sum of lines", "part") else None

    def _affine_map(self, i: int, letter: str) -> None:
        """The symbols of W and b where a line is x W^T + b, or a part of one."""
        if self.law(i) == "part":
            line = self.lines[i]
            start, stop = line.attrs["start"], line.attrs["stop"]
            for j in self.summands(self.base(line.inputs[0])):
                if self.law(j) == "contraction":
                    weight = self.lines[j].inputs[1]
                    if self.parameter(weight):
                        block = Block(self.parameter(weight), self.column_axis(weight), start, stop)
                        self.symbols.setdefault(str(block), f"W_{{{letter}}}")
                        self._packed(self.parameter(weight), "W", letter)
                elif self.parameter(j):
                    self._packed(self.parameter(j), "b", letter)
                    self.symbols.setdefault(
                        str(Block(self.parameter(j), 0, start, stop)), f"b_{{{letter}}}")
            return
        for j in self.summands(i):
            if self.law(j) == "contraction":
                self._weight(j, letter)
            elif self.parameter(j):
                self.symbols.setdefault(self.parameter(j), f"b_{{{letter}}}")

    def _packed(self, name: str, symbol: str, letter: str) -> None:
        """W_{QKV} for a parameter whose parts are W_Q, W_K, W_V."""
        before = self.symbols.get(name, f"{symbol}_{{}}")[3:-1]
        self.symbols[name] = f"{symbol}_{{{before}{letter if letter not in before else ''}}}"

    def column_axis(self, i: int) -> int:
        """Which axis of a parameter the last axis of a view of it is: 0 where it is transposed."""
        turned = False
        while self.law(i) in VIEWS:
            dims = self.lines[i].attrs.get("dims", ())
            turned ^= list(dims) != sorted(dims)
            i = self.lines[i].inputs[0]
        return 0 if turned else len(self.nodes[i].shape) - 1

    def _weight(self, i: int, letter: str) -> None:
        names = [self.parameter(j) for j in self.lines[i].inputs]
        for name in filter(None, names):
            self.symbols.setdefault(name, f"W_{{{letter}}}")

    def _bias(self, i: int, letter: str) -> None:
        for j in self.summands(i):
            if self.parameter(j):
                self.symbols.setdefault(self.parameter(j), f"b_{{{letter}}}")

    def _affine(self, i: int) -> None:
        """gamma and beta behind a normalised line."""
        for u in self.users(i):
            names = [self.parameter(j) for j in self.lines[u].inputs]
            if self.law(u) == "product" and any(names):
                self.symbols.setdefault(next(filter(None, names)), r"\gamma")
                for w in self.users(u):
                    if self.law(w) == "sum of lines":
                        shift = [self.parameter(j) for j in self.lines[w].inputs]
                        for name in filter(None, shift):
                            self.symbols.setdefault(name, r"\beta")

    def _tables(self) -> None:
        """E for a table read by tokens, P for what is added to it."""
        for i, line in self.lines.items():
            table = self.parameter(line.inputs[1]) if line.law == "contraction" else ""
            if table and self.reads_tokens(i):
                self.symbols.setdefault(table, "E")
                for u in self.users(i):
                    if self.law(u) == "sum of lines":
                        for name in (self.parameter(j) for j in self.lines[u].inputs):
                            if name:
                                self.symbols.setdefault(name, "P")

    def reads_tokens(self, i: int) -> bool:
        """Whether a contraction takes rows of a table by tokens."""
        leaf = self.nodes[self.base(self.lines[i].inputs[0])].leaf
        return isinstance(leaf, Input) and bool(leaf.classes)

    def _maps(self) -> None:
        """Other linear maps: gate, up and down around a product of two, else W_1, W_2, ..."""
        for i, line in self.lines.items():
            if line.law == "product" and self.is_rms(i) is None:
                self._gate(i)
        plain = self._plain_maps()
        if any(leaf.classes for leaf in self.structure.network.inputs):
            for i in {self.base(i) for i in self.structure.network.outputs} & set(plain):
                # what reads the last line into a vocabulary
                self._affine_names(i, plain.pop(i), "U")
        shown = filter(None, (
            self.parameter(j) for line in self.lines.values() for j in line.inputs))
        layers = layer_numbers(dict.fromkeys(shown)) if self.layered else {}
        groups: dict[str, dict[str, int]] = {}
        for i, name in plain.items():
            groups.setdefault(layers.get(name, ""), {}).setdefault(name, i)
        for group in groups.values():
            for k, (name, i) in enumerate(group.items(), 1):
                self._affine_names(i, name, str(k) if len(group) > 1 else "")

    def _plain_maps(self) -> dict[int, str]:
        """Products with one parameter that has no symbol yet, and its name."""
        out = {}
        for i, line in self.lines.items():
            names = [n for n in map(self.parameter, line.inputs) if n]
            if line.law == "contraction" and len(names) == 1 and names[0] not in self.symbols:
                out[i] = names[0]
        return out

    def _gate(self, i: int) -> None:
        pair = [self.base(j) for j in self.lines[i].inputs]
        maps = [j for j in pair if self._map(j) is not None]
        bent = [j for j in pair if j not in maps and self.law(j) not in ("product", "")]
        inner = [self.base(j) for b in bent for j in self.lines[b].inputs if j in self.lines]
        gates = [j for j in inner if self._map(j) is not None]
        if len(maps) != 1 or not gates:
            return
        for line, word in ((gates[0], "gate"), (maps[0], "up")):
            found = self._map(line)
            assert found is not None
            self._affine_names(found[0], found[1], rf"\mathrm{{{word}}}")
        for u in self.users(i):
            found = self._map(u)
            if found is not None:
                self._affine_names(found[0], found[1], r"\mathrm{down}")

    def _map(self, i: int) -> tuple[int, str] | None:
        """The contraction with a parameter that a line is, or is but for a shift, and its name."""
        for j in self.summands(i):
            if self.law(j) == "contraction":
                names = [n for n in map(self.parameter, self.lines[j].inputs) if n]
                if len(names) == 1 and not self.reads_tokens(j):
                    return j, names[0]
        return None

    def _affine_names(self, i: int, name: str, subscript: str) -> None:
        under = f"_{{{subscript}}}" if subscript else ""
        if name in self.symbols:
            return
        self.symbols[name] = f"W{under}"
        for u in self.users(i):
            if self.law(u) == "sum of lines":
                for own in map(self.parameter, self.lines[u].inputs):
                    if own:
                        self.symbols.setdefault(own, f"b{under}")


#: Letters of lines, inputs, indices, tables of constants, and elements of groups and algebras.
TAKEN = frozenset("ACHKNQTVXYacfghlmrstuxz")


def apart(symbol: str) -> str:
    r"""The symbol of a parameter whose letter the formulas use for something else.

    >>> apart("X"), apart("c_{1}"), apart("w")
    ('\\theta_{\\mathrm{X}}', '\\theta_{\\mathrm{c},1}', 'w')
    """
    letter = re.match(r"[A-Za-z]", symbol)
    if letter is None or letter[0] not in TAKEN:
        return symbol
    under, after = rf"\mathrm{{{letter[0]}}}", symbol[1:]
    if after.startswith("_{"):
        return rf"\theta_{{{under},{after[2:]}"
    return rf"\theta_{{{under}}}{after}"


def symbols_of(
    structure: Structure, names: list[str], shapes: Mapping[str, tuple[int, ...]],
    roles: Roles | None = None,
) -> dict[str, str]:
    """One symbol for each parameter and block: by role, else by name; layers in superscripts."""
    roles = Roles(structure) if roles is None else roles
    blocks = {n: Block.parse(n) for n in (*names, *roles.symbols)}
    owner = {n: (b.parameter if b else n) for n, b in blocks.items()}
    numbers = layer_numbers(shapes) if roles.layered else {}
    plain = symbols(names, shapes)
    found: dict[str, str] = {}
    taken: dict[str, int] = {}
    wanted: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys((*names, *roles.symbols)):
        layer = numbers.get(owner[name], "")
        symbol = roles.symbols.get(name) or apart(_of_layer(name, plain, numbers, shapes))
        wanted.setdefault((symbol, layer), []).append(name)
    for (symbol, layer), alike in wanted.items():
        distinct = list(dict.fromkeys(alike))
        for k, name in enumerate(distinct, 1):
            text = indexed(symbol, str(k)) if len(distinct) > 1 else symbol
            text += f"^{{({layer})}}" if layer else ""
            while text in taken:
                taken[text] += 1
                text = indexed(text, str(taken[text]))
            taken[text] = 1
            found[name] = text
    return found


def _of_layer(
    name: str, plain: Mapping[str, str], numbers: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
) -> str:
    """The symbol by name, the layer's number taken out of it: it stands in the superscript."""
    block = Block.parse(name)
    owner = block.parameter if block else name
    if owner not in numbers:
        return plain.get(name) or symbols([name], shapes)[name]
    return symbols([name], shapes)[name]
