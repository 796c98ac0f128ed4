"""Null directions that are polynomial in values of parameters, exp(c) or tan(c/2): explained."""

import json
from typing import Any

import pytest
from hidden_networks import NETWORKS, TABLE
from known_networks import TRAPS

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.certify.certificate import Certificate
from symgauge.statements.rewritings import VALUES, same_program
from symgauge.certify.verification import Verification, verify
from symgauge.derivation import derive
from symgauge.derivation.derivation import Derivation
from symgauge.errors import BadInputError
from symgauge.kernel.check import check
from symgauge.program.serial import canonical_digest
from symgauge.report.invariants import laws_text

#: The redundancy, by float singular values of four draws, and the coordinates that are values.
QUICK = {
    "values sigmoid-gain": (3, "sigmoid(c)"), "values mixed-by-softmax": (11, "exp(s)"),
    "identity shifted-waves": (4, "tan(1/2 c), tan(1/2 d)"),
}
#: Others, which take some seconds each.
OTHERS = {
    "exp_token_plus_position": 6, "identity product-of-sums": 8, "values summed-exponentials": 8,
    "values phases": 6, "values von-mises": 4, "values softplus-gain": 3, "values tanh-gain": 3,
    "values two-gains": 4, "values log-scale": 3, "values cumulative": 3, "values log-sum-exp": 4,
    "values mixed-by-gate": 6, "values gated-exponential": 4, "values decays": 2,
}


def derived(name: str) -> Derivation:
    module, args = {**NETWORKS, **TRAPS}[name]()
    return symgauge.derive(module, args)


@pytest.mark.parametrize("name", QUICK)
def test_they_are_explained(name: str) -> None:
    found, (redundancy, names) = derived(name), QUICK[name]
    assert (found.redundancy, found.unexplained) == (redundancy, 0)
    assert found.verdict is Verdict.PROVED
    assert VALUES in found.notes and found.claim.scope.split("; ")[-1].startswith(
        f"coordinates are {names} in place of ")
    assert found.verify().verdict is Verdict.PROVED
    assert check(dict(found.data["certificate"]))["verdict"] == "CONFIRMED"
    network = found.network()
    module, args = NETWORKS[name]()
    again = capture(module, args).network
    said = same_program(network, again)
    assert said is not None and VALUES in said and same_program(again, network) is None
    # exp(c) is no tensor of the module: nothing acts on it, no law of its gradient flow is said
    moved = [f for f in found.families if any("(" in name for name in f.tensors)]
    assert moved and all(f.group and not f.family().kind.is_finite for f in moved)
    assert not any("(" in law.formula for law in found.laws.laws)
    assert "values of parameters, which are not looked at" in laws_text(found.data)
    with pytest.raises(BadInputError, match="is no tensor of the weights but values of"):
        found.sample(0, module.state_dict())
    assert not any("sign" in d.label or "s = -1" in d.label for d in found.discrete)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_others_are_explained(name: str) -> None:
    found = derived(name)
    assert (found.redundancy, found.unexplained) == (OTHERS[name], 0)
    assert found.verify().verdict is Verdict.PROVED


def test_every_one_of_the_kind_is_tested() -> None:
    assert {n for n in TABLE if n.startswith("values")} <= {*QUICK, *OTHERS}


def test_in_other_coordinates_they_are_by_minors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derive, "WHERE_SOME_ARE_LEFT", ())
    found = derived("values mixed-by-softmax")
    assert (found.redundancy - found.orbit_dimension, found.claim.by_minors) == (10, 10)
    assert "s" in {t.name for t in found.tensors} and VALUES not in found.notes


def test_a_program_states_what_its_coordinates_are() -> None:
    data = json.loads(json.dumps(derived("values mixed-by-softmax").data["certificate"]))
    assert _again(data).verdict is Verdict.PROVED
    network = data["network"]
    unsaid = {**network, "held": []}
    untold = {**network, "nodes": [
        {k: v for k, v in node.items() if k != "of"} for node in network["nodes"]]}
    for other, why in ((unsaid, "does not state"), (untold, "nothing here supports")):
        found = _again({**data, "network": other})
        assert found.verdict is Verdict.REFUTED and why in found.reasons[0]


def _again(data: dict[str, Any]) -> Verification:
    rest = {k: v for k, v in data.items() if k != "digest"}
    return verify(Certificate({**rest, "digest": canonical_digest(rest)}))
