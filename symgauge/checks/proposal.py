"""Wrong symmetries, made from right ones: what a generated check plants, to be seen to reject it.

A wrong family is a family like any other (element and moves), so whatever tests a right one tests
it too. One may happen to be a symmetry all the same (a key bias left out of a head's change of
basis): a proposal is to be tested at small sizes, exactly, before it is planted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

from symgauge.checks.runtime.moves import located
from symgauge.families.kinds import kind_of
from symgauge.families.kinds.gl import GL
from symgauge.plain import (
    PlainElement, PlainFamily, PlainMove, PlainPlace, PlainPlanted, PlainSlice,
)

Moves = list[PlainMove]

# kind -> what a reader is told
KINDS = {
    "sign": "wrong sign",
    "transpose": "no transpose",
    "larger": "larger group",
    "omitted": "move left out",
    "slice": "not on the slice",
    "order": "scaled and then shifted, for a gain with an offset",
}


def propose_planted(families: Sequence[PlainFamily]) -> list[PlainPlanted]:
    """Every {"family": index, "label": ..., "kind": ...} that is not trivially a symmetry.

    Families without a finite action, or with a single move and no slice, admit none.

    >>> at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}
    >>> moves = [{"parameter": name, "form": "s^k", "weight": weight, "at": at}
    ...          for name, weight in (("up", "1"), ("down", "-1"))]
    >>> element = {"kind": "diagonal", "copies": [], "size": 2}
    >>> [p["kind"] for p in propose_planted([{"label": "units", "element": element,
    ...                                       "action": moves}])]
    ['sign', 'larger', 'omitted']
    """
    return [
        {"family": index, "label": family["label"], "kind": kind}
        for index, family in enumerate(families)
        for kind in KINDS
        if wrong_family(family, kind) is not None
    ]


def wrong_family(family: PlainFamily, kind: str) -> PlainFamily | None:
    """The element and moves of the wrong symmetry of this kind, or None where it has none.

    Beyond the statement's own forms it may use "g^-1", and in a larger group a location whose
    `along` is a list: the factors that the enlarged index runs over, row-major. "same_generator"
    says that only its finite action is wrong.
    """
    element, moves = family["element"].copy(), [move.copy() for move in family["action"]]
    via = list(family.get("via", ()))
    if not kind_of(element).is_finite:
        return None
    if kind == "slice":
        # the moves of the slice, on the whole space
        wrong: PlainFamily = {"element": element, "action": moves, "via": []}
        return wrong if via else None
    if kind == "order":
        return _in_order(element, moves, via)
    found = _MISTAKES[kind](element, moves) if len(moves) > 1 else None
    if found is not None:
        found["via"] = via
    return found


def _sign(element: PlainElement, moves: Moves) -> PlainFamily | None:
    """g in place of g^-T; s^k, + k c or + k T c with the sign of k flipped."""
    own = kind_of(element)
    if own.orthogonal:
        return None  # g^-T = g
    if own.is_matrix:
        signed = [move for move in moves if move["form"] == "g^-T"]
    else:
        signed = [move for move in moves if Fraction(move["weight"]) < 0]
    if not signed or len(signed) == len(moves):
        signed = moves[-1:]  # flipping all would only invert the element
    for move in signed:
        if move["form"] in ("g", "g^-T"):
            move["form"] = "g" if move["form"] == "g^-T" else "g^-T"
        else:
            move["weight"] = str(-Fraction(move["weight"]))
    return {"element": element, "action": moves}


def _transpose(element: PlainElement, moves: Moves) -> PlainFamily | None:
    """g^-1 in place of g^-T."""
    own = kind_of(element)
    if not own.is_matrix or element["size"] < 2:
        return None
    dual = [move for move in moves if move["form"] == "g^-T"]
    if own.orthogonal or len(dual) == len(moves):
        dual = moves[-1:]
    if not dual:
        return None
    for move in dual:
        move["form"] = "g^-1"
    return {"element": element, "action": moves}


def _larger(element: PlainElement, moves: Moves) -> PlainFamily | None:
    """One GL over all copies for gl, a full GL for a diagonal group or a group of matrices."""
    own, size, copies = kind_of(element), element["size"], list(element["copies"])
    if own.is_shift or any(move.get("at") is None for move in moves):
        return None
    if own.is_scaling:
        forms = {"1": "g", "-1": "g^-T"}
        if any(m["form"] != "s^k" or str(m["weight"]) not in forms or "offset" in m
               for m in moves):
            return None
        for move in moves:
            move["form"] = forms[str(move.pop("weight"))]
    joint = own is GL or (own.is_scaling and size == 1)
    if joint:
        if prod(copies) < 2 or any(
                "periods" in at or isinstance(k, list)
                for at in map(located, moves) for k in at["per"]):
            return None
        for move in moves:
            move["at"] = _joined(located(move))
        size, copies = size * prod(copies), []
    elif size < 2:
        return None
    return {"element": {"kind": GL.name, "copies": copies, "size": size}, "action": moves}


def _joined(at: PlainPlace) -> PlainPlace:
    """The location with the copies' factors and the element's own joined to one index."""
    sizes, last = list(at["sizes"]), at["along"]
    assert isinstance(last, int)  # of a right family
    # copies that another axis numbers are not joined
    factors = [*(k for k in at["per"] if isinstance(k, int)), last]
    first = factors[0]
    if factors == list(range(first, last + 1)):
        count = prod(sizes[first : last + 1])
        sizes[first : last + 1] = [count]
        return {**at, "sizes": sizes, "along": first, "per": []}
    return {**at, "along": factors, "per": []}


def _omitted(element: PlainElement, moves: Moves) -> PlainFamily:
    """The first move left out."""
    return {"element": element, "action": moves[1:]}


def _in_order(element: PlainElement, moves: Moves, via: list[PlainSlice]) -> PlainFamily | None:
    """s^k w and then + k u log s, in place of s^k (w + u) - u: the same generator."""
    wrong: Moves = []
    for move in moves:
        offset = Fraction(move.pop("offset", 0) if move["form"] == "s^k" else 0)
        wrong.append(move)
        if offset:
            weight = str(Fraction(move["weight"]) * offset)
            wrong.append({**move, "form": "+c", "weight": weight})
    if len(wrong) == len(moves):
        return None
    return {"element": element, "action": wrong, "via": via, "same_generator": True}


_MISTAKES: dict[str, Callable[[PlainElement, Moves], PlainFamily | None]] = {
    "sign": _sign,
    "transpose": _transpose,
    "larger": _larger,
    "omitted": _omitted,
}
