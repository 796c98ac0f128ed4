"""Invariants and conservation laws of a record, in words."""

from __future__ import annotations

from symgauge.report.wording import Data


def invariants_text(derivation: Data) -> str:
    """How many functions are proved invariant, and whether they are complete; "" where not told."""
    found = derivation.get("invariants")
    if found is None:
        return ""
    if found.get("reason"):
        return str(found["reason"])
    entries = sum(f["entries"] for f in found["formulas"])
    text = f"{entries} functions proved invariant, {found['independent']} of them independent"
    if found["complete"]:
        under = ", if the hypotheses hold" if derivation["certificate"]["hypotheses"] else ""
        return f"{text}, which is rank J: complete near a generic point{under}"
    return f"{text}; not complete"


def laws_text(derivation: Data) -> str:
    """How many laws gradient flow has, and what keeps its trajectories; "" where not told."""
    found = derivation.get("laws")
    if found is None:
        return ""
    kept, certificate = found["rotations"], derivation.get("certificate") or {}
    nodes = (certificate.get("network") or {}).get("nodes") or ()
    beside = ", beside those of generators that move values of parameters, which are not looked at"
    carried = "no rotation" if not kept else f"a group of rotations of dimension {kept}"
    return (
        f"{found['count']} independent laws of gradient flow"
        f"{beside if any('of' in node for node in nodes) else ''} (steps of size h drift by O(h); "
        f"nothing is claimed of Adam); {carried} among the generators carries trajectories of SGD "
        "to such"
    )


def law_rows(derivation: Data) -> list[tuple[str, int, str]]:
    """Formula, count, and what weight decay makes of each kind of law."""
    found = derivation.get("laws") or {"laws": ()}
    return [
        (law["formula"], law["count"],
         _decay(law.get("decay")))
        for law in found["laws"]
    ]


def _decay(rate: int | None) -> str:
    return "no one factor" if rate is None else f"exp(-{'' if rate == 1 else f'{rate} '}lambda t)"


def invariant_rows(derivation: Data) -> list[tuple[str, int]]:
    """Formula and number of entries of each kind of invariant."""
    found = derivation.get("invariants") or {"formulas": ()}
    return [(f["formula"], f["entries"]) for f in found["formulas"]]
