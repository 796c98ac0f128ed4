"""Where weight decay comes to rest on an orbit, and which elements optimisers do not see.

A matrix g that acts by g on some tensors and by g^-T on others, stacked as Q and K: |Q g|^2 +
|K g^-T|^2 is least exactly where the two have one Gram matrix, and what keeps it there is O(n)
(proofs/c10_balance.py; full column rank). Positive numbers c with |c w|^2 + |a / c|^2: where |w| =
|a|. Nothing is said of elements that act otherwise (through slices, with other weights, by
shifts).

Orthogonal elements carry trajectories of SGD to trajectories, signed permutations those of Adam and
AdamW too, shifts by constants those of both without weight decay (proofs/c11_optimisers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symgauge.families.kinds import kind_of
from symgauge.plain import PlainFamily, PlainMove


#: What a move moves.
Named = Callable[[Any], str]


def plain_name(move: PlainMove) -> str:
    """The whole parameter."""
    return str(move["parameter"])


@dataclass(frozen=True)
class Balance:
    """Of one family; each "" where nothing is proved.

    `least`: where |theta|^2 is least on an orbit. `sgd`: the part that carries trajectories of SGD;
    of matrices, what keeps |theta|^2 least. `adam`: the part that carries those of Adam and AdamW.
    """

    least: str
    sgd: str
    adam: str


def balance_of(
    family: PlainFamily, shapes: Mapping[str, Sequence[int]], named: Named = plain_name
) -> Balance | None:
    """What is proved of a family (its plain data); None where that is nothing.

    `named` tells the tensor of a move, which may be a block of one.

    >>> at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}
    >>> moves = [{"parameter": "q", "form": "g", "at": at},
    ...          {"parameter": "k", "form": "g^-T", "at": at}]
    >>> element = {"kind": "gl", "copies": [], "size": 2}
    >>> balance_of({"element": element, "action": moves}, {"q": [2, 3], "k": [2, 3]})
    Balance(least='q q^T = k k^T', sgd='O(2)', adam='Z_2^2 |x S_2')
    """
    moves = family.get("action") or ()
    if not moves or family.get("via"):
        return None
    kind, element = kind_of(family["element"]), family["element"]
    forms = {m["form"] for m in moves}
    n, copies = element["size"], element.get("copies") or ()
    power = _power(copies)
    if kind.is_matrix and forms <= {"g", "g^-T"}:
        if kind.contains_scalars and len(forms) == 2 and not kind.commutes_with_turns:
            return Balance(_gram(moves, shapes, named), f"O({n}){power}", _signed(n, power))
        if kind.orthogonal:
            return Balance("", str(family.get("group") or ""), "")
    if kind.is_scaling and forms == {"s^k"} and not any(m.get("offset") for m in moves):
        weights = {Fraction(m["weight"]) for m in moves}
        if weights == {Fraction(1), Fraction(-1)}:
            return Balance(_norms(moves, named), "", "")
    return None


def balance_rows(
    families: Sequence[PlainFamily], shapes: Mapping[str, Sequence[int]],
    named: Named = plain_name,
) -> list[tuple[int, Balance]]:
    """What is proved, by the numbers of the families."""
    found = ((k, balance_of(f, shapes, named)) for k, f in enumerate(families))
    return [(k, b) for k, b in found if b is not None]


#: What the columns say.
SAID = (
    "Least norm: where the norm of theta is least on an orbit (stacked matrices of full column "
    "rank). SGD, Adam: elements that carry the trajectories of SGD (orthogonal; with momentum and "
    "weight decay), of Adam and AdamW (signed permutations), to such; shifts carry both without "
    "weight decay")


def _power(copies: Sequence[int]) -> str:
    total = 1
    for n in copies:
        total *= n
    return f"^{total}" if total > 1 else ""


def _signed(n: int, power: str) -> str:
    if n == 1:
        return f"Z_2{power}"
    name = f"Z_2^{n} |x S_{n}"
    return f"({name}){power}" if power else name


def _gram(
    moves: Sequence[PlainMove], shapes: Mapping[str, Sequence[int]], named: Named
) -> str:
    """W_Q W_Q^T + b_Q b_Q^T = W_K W_K^T + b_K b_K^T."""
    sides: dict[str, list[str]] = {"g": [], "g^-T": []}
    for m in moves:
        at = m.get("at")
        name, columns = named(m), at is not None and at["axis"] > 0
        if len(shapes.get(m["parameter"], ())) > 2:
            return ""
        sides[m["form"]].append(f"{name}^T {name}" if columns else f"{name} {name}^T")
    return " = ".join(" + ".join(terms) for terms in sides.values())


def _norms(moves: Sequence[PlainMove], named: Named) -> str:
    """|w|^2 = |a|^2."""
    plus, minus = ([f"|{named(m)}|^2" for m in moves if (Fraction(m["weight"]) > 0) is sign]
                   for sign in (True, False))
    return f"{' + '.join(plus)} = {' + '.join(minus)}"
