"""Wrong symmetries, made from right ones: what a generated check plants, to be seen to reject it.

A wrong family is a family like any other (element and moves), so whatever tests a right one tests
it too. One may happen to be a symmetry all the same (a key bias left out of a head's change of
basis): a proposal is to be tested at small sizes, exactly, before it is planted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from symgauge.families.kinds import kind_of
from symgauge.families.kinds.gl import GL

Family = Mapping[str, Any]
Moves = list[dict[str, Any]]

# kind -> what a reader is told
KINDS = {
    "sign": "wrong sign",
    "transpose": "no transpose",
    "larger": "larger group",
    "omitted": "move left out",
    "slice": "not on the slice",
    "order": "scaled and then shifted, for a gain with an offset",
}


def propose_planted(families: Sequence[Family]) -> list[dict[str, Any]]:
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


def wrong_family(family: Family, kind: str) -> dict[str, Any] | None:
    """The element and moves of the wrong symmetry of this kind, or None where it has none.

    Beyond the statement's own forms it may use "g^-1", and in a larger group a location whose
    `along` is a list: the factors that the enlarged index runs over, row-major. "same_generator"
    says that only its finite action is wrong.
    """
    element, moves = dict(family["element"]), [dict(move) for move in family["action"]]
    via = list(family.get("via", ()))
    if not kind_of(element).is_finite:
        return None
    if kind == "slice":
        # the moves of the slice, on the whole space
        return {"element": element, "action": moves, "via": []} if via else None
    if kind == "order":
        return _in_order(element, moves, via)
    wrong = _MISTAKES[kind](element, moves) if len(moves) > 1 else None
    return None if wrong is None else {**wrong, "via": via}


def _sign(element: dict[str, Any], moves: Moves) -> dict[str, Any] | None:
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


def _transpose(element: dict[str, Any], moves: Moves) -> dict[str, Any] | None:
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


def _larger(element: dict[str, Any], moves: Moves) -> dict[str, Any] | None:
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
                "periods" in m["at"] or isinstance(k, list)
                for m in moves for k in m["at"]["per"]):
            return None
        for move in moves:
            move["at"] = _joined(move["at"])
        size, copies = size * prod(copies), []
    elif size < 2:
        return None
    return {"element": {"kind": GL.name, "copies": copies, "size": size}, "action": moves}


def _joined(at: Mapping[str, Any]) -> dict[str, Any]:
    """The location with the copies' factors and the element's own joined to one index."""
    sizes, factors = list(at["sizes"]), [*at["per"], at["along"]]
    first, last = factors[0], factors[-1]
    if factors == list(range(first, last + 1)):
        sizes[first : last + 1] = [prod(sizes[first : last + 1])]
        return {**at, "sizes": sizes, "along": first, "per": []}
    return {**at, "along": factors, "per": []}


def _omitted(element: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """The first move left out."""
    return {"element": element, "action": moves[1:]}


def _in_order(element: dict[str, Any], moves: Moves, via: list[Any]) -> dict[str, Any] | None:
    """s^k w and then + k u log s, in place of s^k (w + u) - u: the same generator."""
    wrong: Moves = []
    for move in moves:
        offset = Fraction(move.pop("offset", 0))
        wrong.append(move)
        if offset:
            weight = str(Fraction(move["weight"]) * offset)
            wrong.append({**move, "form": "+c", "weight": weight})
    if len(wrong) == len(moves):
        return None
    return {"element": element, "action": wrong, "via": via, "same_generator": True}


_MISTAKES: dict[str, Callable[[dict[str, Any], Moves], dict[str, Any] | None]] = {
    "sign": _sign,
    "transpose": _transpose,
    "larger": _larger,
    "omitted": _omitted,
}
