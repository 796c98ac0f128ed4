"""An equivalence algebra decided anew: its elements proved, its bound at points drawn here.

Nothing of the record is believed but the program. The prover and the arithmetic are those of what
found it: an edited or false record is refuted, an error in that code is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

import numpy as np

from symgauge.certify.verification import MALFORMED, Verification, rejected
from symgauge.equivalence.algebra import EquivalenceAlgebra, assembled
from symgauge.equivalence.find import find_equivalences
from symgauge.equivalence.named import Equivalence, is_proved
from symgauge.equivalence.record import Terms
from symgauge.equivalence.system import Ansatz, System
from symgauge.errors import SymgaugeError
from symgauge.exact.rational import rational
from symgauge.lie.fields import VectorField, independent
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.ops import all_ops
from symgauge.points.reads import readable_network
from symgauge.proof.prover import Prover
from symgauge.verdict import Verdict

#: What a record says that its program does not decide.
SAID = {
    "name": "what the field is called", "notes": "what the search met",
    "seed": "how it was found; nothing is read from it",
    "seconds": "how it was found; nothing is read from it",
}


def verified(record: EquivalenceAlgebra) -> Verification:
    """Each element proved anew, and the bound taken at other points, from the program.

    REFUTED with reasons where an element is none or a fact is another one; UNKNOWN where the
    claim is open, or the record has no program. Never raises on a false record.
    """
    if record.program is None:
        return Verification(
            Verdict.UNKNOWN, ("the record carries no program: find it again",), (), "nothing")
    try:
        return _verified(record)
    except (SymgaugeError, *MALFORMED) as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        return rejected(f"malformed: {text}")


def _verified(record: EquivalenceAlgebra) -> Verification:
    assert record.program is not None
    network = readable_network(record.program, all_ops())
    ansatz = Ansatz(record.degree, record.time_degree, record.time_change, record.moving)
    system = System(network, ansatz, np.random.default_rng(secrets.randbits(64)))
    elements = [
        Equivalence(_field(g.vector.xi), tuple(map(_field, g.vector.parameters)))
        for g in record.generators]
    wrong = list(_wrong(system, elements))
    if wrong:
        return rejected(*wrong)
    found = find_equivalences(network, ansatz, secrets.randbits(32), given=elements)
    again = assembled(found, record.name, record.states or (), secrets.randbits(32))
    mine, other = record.plain(), again.plain()
    differ = [
        f"the record says {key} = {mine.get(key)!r:.120}; found {other.get(key)!r:.120}"
        for key in sorted({*mine, *other}) if key not in SAID and mine.get(key) != other.get(key)]
    if differ:
        return rejected(*differ)
    reasons = (
        f"{len(elements)} elements proved", *again.shown,
        f"at most {again.dimension} at a generic theta")
    return Verification(
        again.verdict, reasons, again.hypotheses, again.scope,
        tuple(f"{key}: {why}" for key, why in SAID.items()))


def _wrong(system: System, elements: Sequence[Equivalence]) -> Iterator[str]:
    """What is no element of the ansatz, or not proved, or a combination of others."""
    monomials, prover = set(system.monomials), Prover(system.network)
    for i, element in enumerate(elements):
        fields = element.dtheta
        inside = all(k in system.directions and m in monomials for k, m in element.xi.terms)
        affine = len(fields) == system.powers and all(
            f.is_affine and all(0 <= k < system.total for k in (*f.support, *f.reads))
            for f in fields)
        if not (element.xi and inside and affine):
            yield f"element {i} is not of the form that was looked for"
        elif not is_proved(system, prover, element):
            yield f"element {i} is not proved"
    kept = independent([e.xi for e in elements], PrimeField(next(primes())))
    if len(kept) < len(elements):
        yield f"{len(elements) - len(kept)} elements are combinations of others"


def _field(terms: Terms) -> VectorField:
    return VectorField.collect(
        (k, tuple((j, e) for j, e in m), rational(c)) for k, m, c in terms)
