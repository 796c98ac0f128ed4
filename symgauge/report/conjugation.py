r"""A family on slices, written there and back: :math:`W \mapsto W \Gamma g^{-1} \Gamma^{-1}`.

:math:`\Gamma = \operatorname{diag}(T)` for the parameter T that is 1 on a slice. A tensor whose way
to the slice has no short formula is written as it moves on the slice.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from symgauge.families.kinds import kind_of
from symgauge.families.part import parts_meet, shape_of
from symgauge.plain import PlainFamily, PlainMove, PlainSlice
from symgauge.report.names import indexed, raised
from symgauge.report.action import (
    Group, Line, Shapes, Tensor, along, by_tensor, changes, coefficient, line_of, own_move,
    place_of, plus, slices, summed, tensor_of,
)

Symbols = Mapping[str, str]


def conjugated_lines(family: PlainFamily, shapes: Shapes, symbol: Symbols) -> list[Line]:
    r"""A line for each tensor that moves on the slices, then for each that only follows.

    >>> at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}
    >>> gain = {"parameter": "g", "element": {"kind": "diagonal", "copies": [], "size": 2},
    ...         "action": [{"parameter": "g", "form": "s^k", "weight": "1", "at": at},
    ...                    {"parameter": "w", "form": "s^k", "weight": "-1",
    ...                     "at": at | {"axis": 1}}]}
    >>> moves = [{"parameter": "w", "form": "g^-T", "at": at | {"axis": 1}}]
    >>> element = {"kind": "so", "copies": [], "size": 2}
    >>> (line,) = conjugated_lines({"element": element, "action": moves, "via": [gain]},
    ...                            {"w": [3, 2], "g": [2]}, {"w": "W", "g": r"\gamma"})
    >>> print(line.finite)
    W \mapsto W\,\Gamma\,g^{\top}\,\Gamma^{-1}
    """
    found = []
    moves = [_summed_off_slices(move, family) for move in family["action"]]
    for group in by_tensor({**family, "action": moves}, shapes, symbol):
        line = line_of(group, family["element"], shapes, symbol)
        if _ways(family, group):
            short = _between(family, group, shapes, symbol)
            line = short or line._replace(place=line.place + r"\text{, on the slice}")
        found.append(line)
    moved = {move["parameter"] for move in family["action"]}
    follow: dict[str, list[tuple[PlainMove, PlainSlice]]] = {}
    for through in slices(family):
        for move in through["action"]:
            if move["form"] == "+Tc" and move["source"] in moved:
                follow.setdefault(move["parameter"], []).append((move, through))
    for name, ways in follow.items():
        if name not in moved:
            found.append(_follower(family, ways, shapes, symbol))
    return found


def slice_sentence(
    family: PlainFamily, symbol: Symbols,
    once: Callable[[list[str]], list[str]] = list,
) -> str:
    """On which slices the family acts (LaTeX, to follow the sentence of the element).

    `once` makes one formula of those that differ in the numbers of layers.
    """
    if not slices(family):
        return ""
    held = [
        rf"${_gain(t, symbol)} = \mathbf{{{int(kind_of(t['element']).is_scaling)}}}$"
        for t in slices(family)
    ]
    words = [
        rf"${_gamma(t, symbol)} = \operatorname{{diag}}({_gain(t, symbol)})$"
        for t in slices(family) if _gamma(t, symbol) and own_move(t).get("at") is not None
    ]
    if any(move["form"] == "+Tc" for t in slices(family) for move in t["action"]):
        words.append("a prime for the image")
    using = f"; with {', '.join(once(words))}" if words else ""
    return f", on the slice {', '.join(once(held))} and conjugated back{using}"


def _gamma(through: PlainSlice, symbol: Symbols) -> str:
    """The letter for the scaling of a slice, with the indices of its gain; "" for a shift."""
    if not kind_of(through["element"]).is_scaling:
        return ""
    own = symbol[str(own_move(through)["parameter"])]
    letter, *rest = re.split(r"(?=[_^])", own, maxsplit=1)
    return r"\Gamma" + ("" if letter == r"\gamma" else f"_{{{letter}}}" if not rest else "") + (
        rest[0] if rest else "")


def _gain(through: PlainSlice, symbol: Symbols) -> str:
    """What is 1 or 0 on a slice: its parameter T, or T + u 1."""
    own = own_move(through)
    u, name = Fraction(own.get("offset", "0")), symbol[str(own["parameter"])]
    return plus(name, coefficient(u, r"\mathbf{1}")) if u else name


def _summed_off_slices(move: PlainMove, family: PlainFamily) -> PlainMove:
    """A sum of what one slice alone divides, by all of its gain, as the sum of the quotients."""
    if "sum_of" not in move or "sum_over" in move:
        return move
    ways = [(m, t) for t in slices(family) for m in t["action"]
            if m["parameter"] == move["sum_of"]]
    if len(ways) != 1:
        return move
    (m, t), = ways
    at, element = m.get("at"), t["element"]
    whole = at is not None and at["sizes"] == [element["size"]] and not element["copies"]
    own = own_move(t)
    power = Fraction(m.get("weight", "1")) * Fraction(own.get("weight", "1"))
    if whole and m["form"] == "s^k" and "offset" not in m and "offset" not in own and power == 1:
        return {**move, "sum_over": t["parameter"]}
    return move


def _ways(family: PlainFamily, group: Group) -> list[tuple[PlainMove, PlainSlice]]:
    """The moves of the slices on a tensor or on what its moves read, outermost first."""
    read = [(move["parameter"], move.get("part")) for _, move in group]
    read += [(move["source"], move.get("source_part")) for _, move in group if "source" in move]
    read += [(name, None) for _, move in group for name in summed(move)]
    # a sum over a slice's gain is said off that slice
    off = {move.get("sum_over") for _, move in group}
    return [(m, t) for t in slices(family) if t["parameter"] not in off for m in t["action"] if any(
        m["parameter"] == name and parts_meet(m.get("part"), part) for name, part in read)]


def _between(family: PlainFamily, group: Group, shapes: Shapes, symbol: Symbols) -> Line | None:
    """The moves of one tensor between the scalings of its slices; None where that is not short."""
    ways, first = _ways(family, group), group[0][0]
    if not all(_scales(way, move, shapes) for way, _ in ways for _, move in group):
        return None
    plain = first._replace(symbol="@", copies=False)

    def scaled(body: str, way: PlainMove, through: PlainSlice, sign: int) -> str:
        power = sign * Fraction(way["weight"]) * Fraction(own_move(through)["weight"])
        exponent = "" if power == 1 else f"^{{{power}}}"
        at = way.get("at")
        if at is None:
            gain = _gain(through, symbol)
            return _filled(f"{f'({gain})' if ' ' in gain else gain}{exponent}\\,@", body)
        diagonal = raised(_gamma(through, symbol), exponent) if exponent else (
            _gamma(through, symbol))
        axis = plain._replace(axis=at["axis"])
        return _filled(along(axis, diagonal, diagonal, "@"), body)

    inside = first.slice
    for way, through in ways:
        inside = scaled(inside, way, through, -1)
    # there and back cancel on what is only added to
    added = all(move["form"] == "+c" for _, move in group)
    finite, delta, places = "" if added else inside, "", []
    for tensor, move in group:
        image, small, _ = changes(move, plain._replace(axis=tensor.axis), None, family["element"])
        small = _filled(small, inside)
        finite = _filled(image, finite)
        delta = plus(delta, small) if delta else small
        places.append(place_of(tensor, move.get("at")))
    if added:
        finite = finite.removeprefix(" + ").replace(" - ", "-", finite.startswith(" - "))
    for way, through in reversed(ways):
        finite, delta = (scaled(body, way, through, 1) for body in (finite, delta))
    name = first.slice
    finite = plus(name, finite) if added else finite
    place = r"\text{, }".join(dict.fromkeys(places))
    return Line(rf"{name} \mapsto {finite}", rf"\delta {name} = {delta}", place)


def _scales(way: PlainMove, move: PlainMove, shapes: Shapes) -> bool:
    """Whether a slice's move is a diagonal matrix, or a number, on the tensor that `move` moves."""
    at, mine, shape = way.get("at"), move.get("at"), shapes.get(str(way["parameter"]))
    if way["form"] != "s^k" or "source" in move or summed(move) or shape is None:
        return False
    if way.get("part") != move.get("part"):
        return False
    shape = shape_of(shape, way.get("part"))
    if at is None:
        return True
    if any(isinstance(k, list) for k in at["per"]):
        return False
    if mine is not None and mine["axis"] == at["axis"]:
        return not at["per"] and all(at[k] == mine[k] for k in ("start", "sizes", "along")) and (
            at.get("periods") == mine.get("periods"))
    return list(at["sizes"]) == [shape[int(at["axis"])]]


def _filled(pattern: str, body: str) -> str:
    """The pattern with `@` replaced: a sum in brackets, a sign in front of all."""
    plain = body  # without what stands in brackets
    for _ in range(body.count("(")):
        plain = re.sub(r"\([^()]*\)", "", plain)
    if (" + " in plain or " - " in plain) and not pattern.startswith("@ "):
        body = f"({body})"
    sign, body = ("-", body[1:]) if body.startswith("-") else ("", body)
    return sign + pattern.replace("@", body)


def _follower(
    family: PlainFamily, ways: Sequence[tuple[PlainMove, PlainSlice]], shapes: Shapes,
    symbol: Symbols,
) -> Line:
    """b -> b + (W' - W) T: what only the way to the slice and back moves."""
    name = tensor_of(ways[0][0], shapes, symbol).slice
    finite, delta = name, ""
    for move, through in ways:
        if not _unmoved(family, through, move):
            place = r"\text{on the way back}"
            image = raised(name, "'")
            return Line(rf"{name} \mapsto {image}", rf"\delta {name} = \dots", place)
        source = tensor_of(move, shapes, symbol, "source")
        held = _gain(through, symbol)
        held = f"({held})" if "offset" in own_move(through) else held
        weight = Fraction(move["weight"]) / Fraction(own_move(through)["weight"])
        image = source._replace(symbol=raised(source.symbol, "'")).slice
        finite = plus(finite, coefficient(weight, _product(
            source, f"({image} - {source.slice})", held)))
        small = coefficient(weight, _product(source, rf"\delta {source.slice}", held))
        delta = plus(delta, small) if delta else small
    place = r"\text{all entries}"
    return Line(rf"{name} \mapsto {finite}", rf"\delta {name} = {delta}", place)


def _unmoved(family: PlainFamily, through: PlainSlice, move: PlainMove) -> bool:
    """Whether the slices outside of this one leave what is contracted as it is.

    They move neither factor, or scale the source by s^-k and the slice's own parameter by s^k
    along the contracted axis.
    """
    every = list(slices(family))
    for outer in every[: every.index(through)]:
        moved = {m["parameter"] for m in outer["action"]}
        if move["parameter"] in moved:
            return False
        both = [[m for m in outer["action"] if m["parameter"] == name]
                for name in (move["source"], through["parameter"])]
        if both == [[], []]:
            continue
        if [len(found) for found in both] != [1, 1]:
            return False
        (source,), (own,) = both
        at, place, there = source.get("at"), move.get("at"), own.get("at")
        if at is None or place is None or there is None or any(
                m["form"] != "s^k" or m.get("offset") for m in (source, own)):
            return False
        alike = at["axis"] == place["axis"] and all(
            at[k] == there[k] for k in ("start", "sizes", "along", "per")) and not at["per"]
        if not alike or Fraction(source["weight"]) != -Fraction(own["weight"]):
            return False
    return True


def _product(source: Tensor, body: str, held: str) -> str:
    """A tensor contracted with the values of a slice's parameter, over all copies."""
    total = r"\textstyle\sum_h " if source.copies else ""
    held = indexed(held, "h") if source.copies else held
    if source.dimensions != 2:
        return rf"{total}{body} \times_{{{source.axis}}} {held}"
    if source.axis == 0:
        body = body + r"^{\top}" if body.endswith(")") else raised(body, r"^{\top}")
    return rf"{total}{body}\,{held}"
