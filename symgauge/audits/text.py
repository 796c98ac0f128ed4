"""An audit in words: rows of a table beside its paragraph."""

from __future__ import annotations

from symgauge.audits.answer import Audit


def rows(result: Audit) -> list[tuple[str, str, str]]:
    """What is wrong, what moved by which family, what is left out."""
    out = [("at fault", b.tensor, f"{b.slice}: {b.reason}" if b.slice else b.reason)
           for b in result.blame]
    blamed = {b.tensor for b in result.blame}
    out += [("not moved, in no element", n, "") for n in result.unchanged if n not in blamed]
    out += [("moved, in no family", n, "") for n in result.outside if n not in blamed]
    return out + element_rows(result) + extra_rows(result)


def extra_rows(result: Audit) -> list[tuple[str, str, str]]:
    """What TARGET does not read."""
    return [
        ("extra", e["tensor"], f"in {e['where']}, {'the same' if e['same'] else 'not the same'}")
        for e in result.extra]


def element_rows(result: Audit) -> list[tuple[str, str, str]]:
    """The families that moved, and the permutations and signs."""
    return [
        (kind, ", ".join(entry["tensors"]), f"{entry['label']} ({entry['status']})")
        for kind, entries in (("family", result.families), ("discrete", result.discrete))
        for entry in entries]
