"""An audit in words: one paragraph, then rows of a table."""

from __future__ import annotations

from symgauge.audits.answer import Audit


def paragraph(result: Audit) -> str:
    """The verdict, its ground, what was measured, and the change that would have been right."""
    said = [
        f"{result.verdict}: {result.ground}. {result.moved} of {result.tensors} tensors moved; "
        f"drift {result.drift:.2g}, floor {result.floor:.2g} (of the largest entry of an output's "
        "channel)."]
    for blame in result.blame[:3]:
        where = f" ({blame.slice})" if blame.slice else ""
        said.append(f"{blame.tensor}{where}: {blame.reason}.")
    extra = [e["tensor"] for e in result.extra if not e["same"]]
    if extra:
        said.append(
            f"Not read by TARGET, and not the same in both: {', '.join(extra[:3])}.")
    return " ".join(said)


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
