"""Slices whose families are proved on the program itself: the same proofs, and a wrong one none."""

from dataclasses import replace

import pytest
from made import Made
from torch import nn, zeros

import symgauge
from symgauge import Verdict, verify, zoo
from symgauge.capture import capture
from symgauge.certify.certificate import Certificate
from symgauge.certify.confirm import confirm
from symgauge.derivers.structural import find
from symgauge.points import rank
from symgauge.program.serial import canonical_digest
from symgauge.proof.intertwiners.proof import FamilyProver

SIZES = {
    "hidden_size": 4, "num_heads": 1, "num_kv_heads": 1, "head_dim": 2, "intermediate_size": 2,
    "vocab_size": 5, "tokens": 2, "num_layers": 2,
}


def test_all_at_once_proves_what_one_by_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    module, args = zoo.load("llama_like").factory(**SIZES)
    network = capture(module, args).network
    found = find(network)
    via = tuple(t for _, t in found.slices)
    families = [replace(s.family, via=via) for s in found.families]
    quick = FamilyProver(network)
    proofs = [quick.prove(f) for f in families]
    assert all(p.verdict is Verdict.PROVED for p in proofs) and len(quick._slices) == 2
    monkeypatch.setattr(FamilyProver, "_at_once", lambda self, via: None)
    slow = FamilyProver(network)
    assert [slow.prove(f) for f in families] == proofs and len(slow._slices) == len(via) + 1


def test_a_wrong_slice_among_them_proves_nothing() -> None:
    module, args = zoo.load("llama_like").factory(**SIZES)
    network = capture(module, args).network
    found = find(network)
    via = [t for _, t in found.slices]
    wrong = replace(via[0], moves=tuple(
        replace(m, weight=-m.weight) if m.parameter == via[0].moves[-1].parameter else m
        for m in via[0].moves))
    assert wrong != via[0]
    for family in (s.family for s in found.families):
        assert FamilyProver(network).prove(replace(family, via=tuple(via))).verdict is (
            Verdict.PROVED)
        false = replace(family, via=(wrong, *via[1:]))
        assert FamilyProver(network).prove(false).verdict is Verdict.UNKNOWN


def test_a_wrong_generator_of_a_deep_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By verify and by the kernel, where ranks are found modulo the smaller prime."""
    monkeypatch.setattr(rank, "LARGE", 10)
    parts = {f"{name}{k}": nn.Linear(*sizes, bias=False) for k in range(4) for name, sizes in (
        ("g", (3, 2)), ("u", (3, 2)), ("d", (2, 3)))}

    def function(m: Made, x: object) -> object:
        for k in range(4):
            g, u, d = (getattr(m, f"{name}{k}") for name in "gud")
            x = x + d(g(x) * u(x))
        return x

    found = symgauge.derive(Made(function, **parts), (zeros(1, 3),))
    assert found.closed and found.verify().verdict is Verdict.PROVED
    assert found.confirm().verdict == "CONFIRMED"
    data = dict(found.certificate.to_json())
    generator = data["generators"][-1]
    k, j, c = generator["linear"][0]
    data["generators"] = [*data["generators"][:-1], {
        **generator, "linear": [[k, j, f"-{c}".replace("--", "")], *generator["linear"][1:]]}]
    data["digest"] = canonical_digest({k: v for k, v in data.items() if k != "digest"})
    assert verify(data).verdict is Verdict.REFUTED
    assert confirm(Certificate(data)).verdict == "REFUTED"
