"""Programs that take the place of a captured one: what they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable

from symgauge.identities.in_values import in_values
from symgauge.identities.written_out import fewer_values, written_out
from symgauge.points.rounded_roots import with_rounded_roots
from symgauge.program.network import Network
from symgauge.program.recentred import recentred
from symgauge.program.serial import digest_of

#: What is rewritten after the capture, and what is said of it.
SPLIT = "functions of sums and products are written out: an identity"
#: What is put in the place of roots, and what is said of it.
ROOTS = "roots of constants are the nearest floats; with the roots themselves J has the same rank"
#: What the coordinates are, and what is said of them.
VALUES = "coordinates are values of parameters that functions alone read, as their names say"

Rewriting = tuple[Callable[[Network], Network], str]
#: What is tried where the program as it is leaves directions without a generator.
WHERE_SOME_ARE_LEFT: tuple[Rewriting, ...] = (
    (with_rounded_roots, ROOTS), (fewer_values, SPLIT), (in_values, VALUES))
#: Rewritings that are tried, one after another.
REWRITINGS = 4


def same_program(carried: Network, captured: Network) -> str | None:
    """How a program that is captured is the one that is carried; None where it is another.

    They are the same, or the same once the captured one is rewritten as `derive_network` may
    rewrite it: by identities, in other coordinates, or with floats for roots.
    """
    wanted = digest_of(carried)
    seen: dict[str, tuple[Network, str]] = {
        digest_of(captured): (captured, "the network is that of the module")}
    newest = dict(seen)
    for _ in range(REWRITINGS):
        found: dict[str, tuple[Network, str]] = {}
        for network, said in newest.values():
            for rewrite, note in (
                    (with_rounded_roots, ROOTS), (written_out, SPLIT), (in_values, VALUES)):
                other = rewrite(network)
                if other is network:
                    continue
                other = recentred(other).network
                found.setdefault(digest_of(other), (
                    other, said if note in said else f"{said}; {note}"))
        newest = {key: value for key, value in found.items() if key not in seen}
        seen |= newest
        if wanted in seen or not newest:
            break
    return seen[wanted][1] if wanted in seen else None
