"""What a reading of a network computes once for all proofs."""

import pytest

from symgauge.capture import capture
from symgauge.derivation.full import statements
from symgauge.derivers.structural import find
from symgauge.formulas import reading
from symgauge.formulas.heads import Heads
from symgauge.formulas.roles import Roles
from symgauge.spaces.structure import Structure
from symgauge.zoo import gpt2_like


def test_roles_are_found_once_for_the_families_of_a_slice(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Structure] = []

    def counted(structure: Structure, layered: bool = True) -> Roles:
        asked.append(structure)
        return Roles(structure, layered)

    monkeypatch.setattr(reading, "Roles", counted)
    module, args = gpt2_like.factory()
    network = capture(module, args).network
    families = statements(find(network))
    read = reading.Reading(network, families)
    before = len(asked)
    proofs = [read.proof(k) for k in range(len(families))]
    behind = asked[before:]
    assert sum(proof is not None for proof in proofs) > len(behind) > 0
    assert len(set(map(id, behind))) == len(behind)


def test_the_axes_of_a_line_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module, args = gpt2_like.factory()
    heads = Heads(Structure(capture(module, args).network))
    lines = list(heads.structure.lines)
    found = [(heads.axes_of_copies(i), heads.matrix_axes(i)) for i in lines]
    monkeypatch.setattr(Structure, "leaves", None)  # nothing is looked up again
    assert [(heads.axes_of_copies(i), heads.matrix_axes(i)) for i in lines] == found
    assert any(alone for copied, _ in found for _, alone in copied)
