r"""A family's finite action and its generator: :math:`W \mapsto g W`, :math:`\delta W = a W`.

Read from the family's moves (the plain data that was checked), never from a label. Families with
slices are written in `conjugation`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Literal, NamedTuple

from symgauge.families.kinds import kind_of
from symgauge.families.part import shape_of
from symgauge.plain import PlainElement, PlainFamily, PlainMove, PlainPlace, PlainSlice
from symgauge.typesetting.escape import escape
from symgauge.report.names import Block, indexed, raised

Key = Literal["parameter", "source"]
Shapes = Mapping[str, Sequence[int]]


class Line(NamedTuple):
    """One tensor's row of the action; all three are LaTeX mathematics."""

    finite: str
    infinitesimal: str
    place: str


class Tensor(NamedTuple):
    """A parameter or a block of it, where the element's index sits on it, and its symbol."""

    name: str
    symbol: str
    dimensions: int
    axis: int
    copies: bool

    @property
    def slice(self) -> str:
        return indexed(self.symbol, "h") if self.copies else self.symbol


#: Moves on one tensor.
Group = list[tuple[Tensor, PlainMove]]


def slices(family: PlainFamily) -> Sequence[PlainSlice]:
    """The families by which slices are reached on which this one acts, outermost first."""
    return family.get("via") or ()


def own_move(through: PlainSlice) -> PlainMove:
    """How a slice's family moves the slice's own parameter."""
    name = through["parameter"]
    return next(move for move in through["action"] if move["parameter"] == name)


def tensor_name(move: PlainMove, shapes: Shapes, key: Key = "parameter") -> str:
    """The parameter that a move acts on, or the block of it (as `names.Block` writes it)."""
    name, at = str(move[key]), move.get("at")
    shape = shapes.get(name)
    part = move.get("part") if key == "parameter" else move.get("source_part")
    if part is not None:
        name, shape = str(Block(name, *part)), None if shape is None else shape_of(shape, part)
    if at is None or (key == "parameter" and move["form"] == "+Tc"):
        return name
    start, axis, length = int(at["start"]), int(at["axis"]), prod(at["sizes"])
    if "periods" in at:
        count, period, *begin = at["periods"]
        stop = start + prod(at["sizes"][count:])
        return str(Block(name, axis, start, stop, period, sum(begin)))
    whole = start + length if shape is None else shape[axis]
    return name if (start, length) == (0, whole) else str(Block(name, axis, start, start + length))


def tensor_names(families: Sequence[PlainFamily], shapes: Shapes) -> Iterator[str]:
    """Every parameter and block that the families' formulas speak of."""
    for family in families:
        for move in (m for part in (family, *slices(family)) for m in part.get("action") or ()):
            yield tensor_name(move, shapes)
            if "source" in move:
                yield tensor_name(move, shapes, "source")
            yield from summed(move)


def summed(move: PlainMove) -> list[str]:
    """The parameters of whose entries a move takes the sum."""
    return [n for n in (move.get("sum_of"), move.get("sum_over")) if n is not None]


def tensor_of(
    move: PlainMove, shapes: Shapes, symbol: Mapping[str, str], key: Key = "parameter"
) -> Tensor:
    name, at = tensor_name(move, shapes, key), move.get("at")
    if key == "parameter" and move["form"] == "+Tc":
        at = None  # a place in the source
    axis = 0 if at is None else at["axis"]
    # without its shape a tensor is written in the general form, which needs no number of axes
    dimensions = len(shapes[str(move[key])]) if str(move[key]) in shapes else axis + 3
    return Tensor(name, symbol[name], dimensions, axis, at is not None and bool(at["per"]))


def coefficient(weight: Fraction, body: str) -> str:
    """`weight body` with its sign, the coefficient 1 left out."""
    sign, size = "-" if weight < 0 else "", abs(weight)
    if size == 1:
        return f"{sign}{body}"
    number = str(size)
    if size.denominator != 1:
        number = rf"\tfrac{{{size.numerator}}}{{{size.denominator}}}"
    return f"{sign}{number}\\,{body}"


def plus(left: str, right: str) -> str:
    return f"{left} - {right[1:]}" if right.startswith("-") else f"{left} + {right}"


def along(tensor: Tensor, matrix: str, transposed: str, body: str) -> str:
    """`matrix` applied to the tensor's axis: on the left of rows, on the right of columns."""
    if tensor.axis == 0 and tensor.dimensions <= 2:
        return f"{matrix}\\,{body}"
    if tensor.axis == 1 and tensor.dimensions == 2:
        return f"{body}\\,{transposed}"
    return rf"{body} \times_{{{tensor.axis}}} {matrix}"


def total_of(move: PlainMove, symbol: Mapping[str, str]) -> str | None:
    """The sum that what a move adds is multiplied by: 1^T b, or 1^T (b / g); None: it is by none.
    """
    if "sum_of" not in move:
        return None
    of = symbol[move["sum_of"]]
    if "sum_over" in move:
        of = f"({of} / {symbol[move['sum_over']]})"
    return rf"(\mathbf{{1}}^{{\top}} {of})"


def place_of(tensor: Tensor, at: PlainPlace | None) -> str:
    if at is None:
        return r"\text{all entries}"
    axis = {(1, 0): "entries", (2, 0): "rows", (2, 1): "columns"}.get(
        (tensor.dimensions, tensor.axis), f"axis {tensor.axis}"
    )
    sizes, per = list(at["sizes"]), at.get("per", ())
    along = at["along"]
    assert isinstance(along, int)  # of a right family
    index, beside = ["r"] * len(sizes), ""
    index[along] = "i"
    for number, factor in enumerate(per, 1):
        letter = "h" if len(per) == 1 else f"h_{number}"
        if isinstance(factor, int):
            index[factor] = letter
        else:  # all of another axis
            beside += rf"\text{{, axis {factor[0]} }}({letter}) \in {factor[1]}"
    if len(sizes) == 1:
        return rf"\text{{{axis}}}{beside}"
    shape = r" \times ".join(map(str, sizes))
    return rf"\text{{{axis} }}({','.join(index)}) \in {shape}{beside}"


class Letters(NamedTuple):
    """How the element is written: group and algebra letter, each with its index h where copied."""

    group: str
    algebra: str

    @classmethod
    def of(cls, element: PlainElement) -> "Letters":
        h = "_h" if element.get("copies") else ""
        group, algebra = kind_of(element).letters
        return cls(group + h, algebra + h)


def changes(
    move: PlainMove, tensor: Tensor, source: Tensor | None, element: PlainElement,
    total: str | None = None,
) -> tuple[str, str, bool]:
    """(finite image of `@`, infinitesimal term, whether the finite image is a sum).

    `total`: the sum that what is added is multiplied by.
    """
    kind, (group, algebra) = kind_of(element), Letters.of(element)
    form, weight, name = move["form"], Fraction(move.get("weight", "1")), tensor.slice
    if form in ("g", "g^-T"):
        if form == "g" or kind.orthogonal:
            finite = along(tensor, group, rf"{group}^{{\top}}", "@")
            return finite, along(tensor, algebra, rf"{algebra}^{{\top}}", name), False
        finite = along(tensor, rf"{group}^{{-\top}}", f"{group}^{{-1}}", "@")
        if tensor.dimensions > 2:
            return finite, "-" + along(tensor, rf"{algebra}^{{\top}}", "", name), False
        return finite, "-" + along(tensor, rf"{algebra}^{{\top}}", algebra, name), False
    if form == "s^k":
        return _scaling(move, tensor, group, algebra)
    shift = _added(move, tensor, source, (
        rf"\log {group}" if kind.is_scaling else group, algebra))
    if total is not None:
        shift = [rf"{total}\,{v}" for v in shift]
    return plus("@", coefficient(weight, shift[0])), coefficient(weight, shift[1]), True


def _added(
    move: PlainMove, tensor: Tensor, source: Tensor | None, shift: Sequence[str]
) -> Sequence[str]:
    """What a move adds, for each of some ways to write c."""
    if move["form"] == "+c":
        ones = tensor.dimensions > 1 or move.get("at") is None
        if ones and tensor.dimensions == 2 and move.get("at") is not None:
            pattern = r"\mathbf{{1}}\,{}^{{\top}}" if tensor.axis else r"{}\,\mathbf{{1}}^{{\top}}"
            bracket = [f"({v})" if v.startswith("\\") else v for v in shift]
            return [pattern.format(v) for v in bracket]
        return [rf"{v}\,\mathbf{{1}}" for v in shift] if ones else shift
    assert source is not None
    if move["form"] == "+c/T":
        return _divided(move, tensor, source, shift)
    total = r"\textstyle\sum_h " if source.copies else ""
    if source.dimensions != 2:
        return [rf"{total}{source.slice} \times_{{{source.axis}}} {v}" for v in shift]
    body = source.slice if source.axis else raised(source.slice, r"^{\top}")
    return [rf"{total}{body}\,{v}" for v in shift]


def _divided(
    move: PlainMove, tensor: Tensor, source: Tensor, shift: Sequence[str]
) -> Sequence[str]:
    """c over T, or over T + u 1."""
    u, gain = Fraction(move.get("offset", "0")), source.symbol
    if u:
        one = r"\mathbf{1}"
        gain = f"({plus(gain, coefficient(u, one))})"
    over = rf"(\mathbf{{1}} / {gain})^{{\top}}"
    column = "" if move.get("at") is not None else r"\,\mathbf{1}"
    if tensor.dimensions != 2:
        return [rf"{v} / {gain}" for v in shift]
    return [rf"{v}{column}\,{over}" for v in shift]


def _scaling(
    move: PlainMove, tensor: Tensor, group: str, algebra: str
) -> tuple[str, str, bool]:
    """s^k W, or s^k (W + u 1) - u 1 for a gain W + u 1, every entry with the same offset."""
    weight, u = Fraction(move["weight"]), Fraction(move.get("offset", "0"))
    body, varied, back = "@", tensor.slice, ""
    if u:
        ones, back = coefficient(u, r"\mathbf{1}"), coefficient(-u, r"\mathbf{1}")
        body, varied = f"({plus(body, ones)})", f"({plus(varied, ones)})"
    power = "" if weight == 1 else f"^{{{weight}}}"
    if move.get("at") is None:
        finite, small = f"{group}{power}\\,{body}", f"{algebra}\\,{varied}"
    else:
        left, right = (rf"\operatorname{{diag}}({v})" for v in (group, algebra))
        finite = along(tensor, left + power, left + power, body)
        small = along(tensor, right, right, varied)
    return plus(finite, back) if back else finite, coefficient(weight, small), bool(back)


def by_tensor(family: PlainFamily, shapes: Shapes, symbol: Mapping[str, str]) -> list[Group]:
    """The family's moves, those of one tensor together, in their order."""
    groups: dict[tuple[str, int | None], Group] = {}
    for move in family.get("action") or ():
        tensor = tensor_of(move, shapes, symbol)
        # slices along different axes are different tensors, written on lines of their own
        key = (tensor.name, tensor.axis if tensor.copies else None)
        groups.setdefault(key, []).append((tensor, move))
    return list(groups.values())


def lines(family: PlainFamily, shapes: Shapes, symbol: Mapping[str, str]) -> list[Line]:
    r"""The family's action, one line per tensor, in the order of its moves.

    >>> at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}
    >>> lines({"element": {"kind": "gl", "copies": [], "size": 2},
    ...        "action": [{"parameter": "q", "form": "g", "at": at}]}, {"q": [2, 3]}, {"q": "W"})
    [Line(finite='W \\mapsto g\\,W', infinitesimal='\\delta W = a\\,W', place='\\text{rows}')]
    """
    element, groups = family["element"], by_tensor(family, shapes, symbol)
    return [line_of(group, element, shapes, symbol) for group in groups]


def line_of(
    group: Group,
    element: PlainElement,
    shapes: Shapes,
    symbol: Mapping[str, str],
) -> Line:
    """The moves of one tensor, applied in their order; their infinitesimal parts add."""
    name = body = group[0][0].slice
    delta, places, sum_so_far = "", [], False
    for tensor, move in group:
        source = tensor_of(move, shapes, symbol, "source") if "source" in move else None
        total = total_of(move, symbol)
        finite, small, is_sum = changes(move, tensor, source, element, total)
        body = finite.replace("@", f"({body})" if sum_so_far and not is_sum else body)
        delta = plus(delta, small) if delta else small
        places.append(place_of(tensor, None if source else move.get("at")))
        sum_so_far = sum_so_far or is_sum
    place = r"\text{, }".join(dict.fromkeys(places))
    return Line(rf"{name} \mapsto {body}", rf"\delta {name} = {delta}", place)


def element_sentence(family: PlainFamily) -> str:
    """Which element acts, and over what it ranges (LaTeX, a sentence without its full stop)."""
    element = family["element"]
    kind, copies = kind_of(element), prod(element.get("copies") or ())
    letters, size = Letters.of(element), element["size"]
    index = "_h" if element.get("copies") else ""
    text = f"For {kind.ranges(letters.group, size, index, str(family.get('group', '')))}"
    if index:
        last = {1: "1", 2: "1, 2"}.get(copies, rf"1, \dots, {copies}")
        text += rf", one for each $h \in \{{{last}\}}$"
    return text + kind.exponent(letters.group, letters.algebra, size, index)


#: The parts of the name of a group or algebra, and what each is in LaTeX.
_TOKEN = re.compile(
    r" *(?:(?P<named>[A-Za-z]+\d*[*+]?)\((?P<of>\d+(?:,\d+)?(?:,[RCH])?)\)"
    r"|(?P<finite>[SZ]_\d+)|(?P<plus> \+ |\+)|(?P<semi>\|x)|(?P<power>\^(?:\d+|\(\d+\))\*?)"
    r"|(?P<reals>R(?:_>0|_\+)?(?![A-Za-z(]))|(?P<bracket>[()])|(?P<number>\d+(?= ?[A-Za-z(]))) *")


def structure(name: str) -> str:
    r"""The name of a group or algebra as mathematics where it has the usual form.

    >>> print(structure("gl(2,R)^2 + R^3"), structure("GL(2)^2"))
    $\mathfrak{gl}(2,\mathbb{R})^{2} \oplus \mathbb{R}^{3}$ $\mathrm{GL}(2)^{2}$
    >>> print(structure("so(3) |x R^3"))
    $\mathfrak{so}(3) \ltimes \mathbb{R}^{3}$
    """
    at, out = 0, ""
    while at < len(str(name)):
        found = _TOKEN.match(str(name), at)
        if found is None:
            return escape(name)
        at = found.end()
        out += _latex_of(found)
    return f"${out}$" if out else escape(name)


def _latex_of(token: re.Match[str]) -> str:
    """One part of the name of a group or algebra."""
    kind, text = str(token.lastgroup), token[0].strip()
    if kind == "of":
        letters, of = token["named"], re.sub("[RCH]", r"\\mathbb{\g<0>}", token["of"])
        connected = "^{+}" if letters.endswith("+") else "^{*}" if letters.endswith("*") else ""
        font = r"\mathfrak" if letters.islower() else r"\mathrm"
        return rf"{font}{{{letters.rstrip('+*')}}}{connected}({of})"
    if kind == "finite":  # a permutation group, or the integers mod n
        return rf"\math{'bb' if text[0] == 'Z' else 'rm'}{{{text[0]}}}_{{{text[2:]}}}"
    if kind == "reals":
        return r"\mathbb{R}" + ("_{>0}" if text != "R" else "")
    if kind == "power":
        return f"^{{{re.sub('[()^]', '', text)}}}"
    return {"plus": r" \oplus ", "semi": r" \ltimes ", "number": rf"{text}\,",
            "bracket": text}[kind]
