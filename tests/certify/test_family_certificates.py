"""Certificates whose generators are proved by the intertwiners of their families.

They are written where proofs line by line would take minutes; here the threshold is lowered. The
same networks have certificates over polynomials: both must claim the same. Every number of a
family is tampered with: what verify accepts afterwards must be true by exact rows of the Jacobian.
"""

import copy
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from known_networks import NETWORKS
from structural_referee import FIELD, paired
from torch import Tensor, nn

import symgauge
from symgauge import Derivation, Verdict, verify, zoo
from symgauge.capture import capture
from symgauge.checks import propose_planted, wrong_family
from symgauge.derivation.seal import sealed
from symgauge.derivers import exact
from symgauge.derivers.structural import find, instantiate
from symgauge.families.coordinates import Coordinates
from symgauge.families.serial import family_of, plain_family
from symgauge.nn import OdeFlow
from symgauge.points.draw import Draw
from symgauge.points.rows import jacobian_rows
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import METHOD, FamilyProver

Data = dict[str, Any]

#: Changes tried of one kind.
EACH = 2
TARGETS = {
    "attention": ("attention", {"embed_dim": 2, "num_heads": 2, "tokens": 2}),
    "llama_like": ("llama_like", {
        "hidden_size": 3, "num_heads": 1, "num_kv_heads": 1, "head_dim": 2,
        "intermediate_size": 2, "vocab_size": 4, "tokens": 2, "num_layers": 1}),
    "mlp": ("mlp", {"in_features": 2, "hidden_features": 2, "out_features": 1}),
}


@cache
def _derived(name: str, threshold: int) -> Derivation:
    before = exact.LINE_BY_LINE
    exact.LINE_BY_LINE = threshold
    try:
        architecture, sizes = TARGETS[name]
        return symgauge.derive(*zoo.load(architecture).factory(**sizes), name=name)
    finally:
        exact.LINE_BY_LINE = before


def together(name: str) -> Derivation:
    return _derived(name, 0)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name == "llama_like" else name
    for name in TARGETS])
def test_both_proofs_support_the_same_claim(name: str) -> None:
    families, lines = together(name), _derived(name, 10**9)
    assert "families" not in lines.data["certificate"]
    stated = families.data["certificate"]["families"]
    numbers = sorted(k for entry in stated for k in entry["generators"])
    assert numbers and families.orbit_dimension == lines.orbit_dimension
    for key in ("rank", "redundancy", "closed", "verdict", "scope", "algebra"):
        assert families.data[key] == lines.data[key], key
    result = families.verify()
    assert result.verdict is lines.verify().verdict is not Verdict.REFUTED
    assert f"{len(numbers)} of them by intertwiners" in result.reasons[0]
    assert any(g.proof.method == METHOD for g in families.generators)
    again = Derivation.from_json(families.to_json())
    assert again.verify() == result
    assert "intertwiners," in again.to_latex(appendix=True)


# -- tampering -----------------------------------------------------------------------------------


def _changed(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf below a value, with another value for it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _changed(inner, (*path, key))
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _changed(inner, (*path, k))
        if value:
            yield (*path, "drop"), None
    elif type(value) is int:
        yield path, value + 1
        yield path, value - 1
    elif isinstance(value, str):
        other = {
            "g": "g^-T", "g^-T": "g", "s^k": "+c", "+c": "s^k", "1": "-1", "-1": "1", "gl": "so",
            "so": "gl", "diagonal": "translation", "translation": "diagonal", "complex": "gl",
        }
        yield path, other.get(value, value + "x")


def _with(data: Data, path: tuple[Any, ...], value: Any) -> Data:
    data = copy.deepcopy(data)
    at: Any = data
    for step in path[:-1]:
        at = at[step]
    if path[-1] == "drop":
        at.pop()
    else:
        at[path[-1]] = value
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_no_number_of_a_family_can_be_changed(name: str) -> None:
    """A change makes another family: its fields are not the certificate's, unless it is idle.

    A slice that moves nothing of the family may be left out; the claim is as true as before.
    """
    data = together(name).data["certificate"]
    network = together(name).network()
    seen: dict[tuple[Any, ...], int] = {}
    tried = 0
    for path, value in _changed(data["families"]):
        kind = tuple(step for step in path if isinstance(step, str))
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > EACH:
            continue
        forged = sealed({**data, "families": _with({"x": data["families"]}, ("x", *path), value)[
            "x"]})
        result = verify(forged)
        tried += 1
        if result.verdict is not Verdict.REFUTED:
            assert path[1] == "via" and path[-1] == "drop", (path, value)
            before, after = (family_of(d["families"][path[0]]) for d in (data, forged))
            prover = FamilyProver(network)
            assert prover.fields(before) == prover.fields(after)
    assert tried > 20


def test_a_generator_outside_of_its_family_is_refused() -> None:
    data = copy.deepcopy(together("attention").data["certificate"])
    k = data["families"][0]["generators"][0]
    data["generators"][k]["linear"][0][2] = "2"
    result = verify(sealed(data))
    assert result.verdict is Verdict.REFUTED and "no field of its family" in result.reasons[0] or (
        "no symmetry" in result.reasons[0])


def test_a_generator_in_two_families_is_refused() -> None:
    data = copy.deepcopy(together("attention").data["certificate"])
    data["families"].append(copy.deepcopy(data["families"][0]))
    assert verify(sealed(data)).verdict is Verdict.REFUTED


def test_copies_that_no_place_numbers_are_refused() -> None:
    """One copy is none by its fields, but no array has an axis for it."""
    data = copy.deepcopy(dict(together("attention").data))
    entry = next(g for g in data["generators"] if not g["element"]["copies"])
    entry["element"]["copies"] = [1]
    assert Derivation.from_plain(sealed(data)).verify().verdict is Verdict.REFUTED


# -- the prover on families that are wrong -------------------------------------------------------

#: Known networks of every kind: norms with gains and biases, heads, rotary, convolutions.
ROWS = (
    "att_basic_2h", "ln_aff_linear_bias", "ln_aff_linear_nobias", "lin_rms_gain_lin_eps1e-5",
    "relu_1h_bias", "att_qknorm_gain_eps0", "block_gpt_preln", "llama_tied_gain_eps0",
)


def false_on(network: Network, entry: Data) -> bool:
    """Whether some field of the family in plain data is no symmetry, at exact points."""
    prover = FamilyProver(network)
    fields = prover.fields(family_of(entry, wrong=True))
    assert fields is not None
    rows = jacobian_rows(Draw(network, FIELD, np.random.default_rng(1)), 6)
    return bool(paired(fields, rows, network).any())


@pytest.mark.parametrize("name", [n for n in ROWS if n in NETWORKS])
def test_wrong_families_are_not_proved(name: str) -> None:
    module, args = NETWORKS[name]()
    network = capture(module, args).network
    prover = FamilyProver(network)
    entries = []
    for family in instantiate(find(network)):
        proof = prover.prove(family)
        assert proof.verdict is Verdict.PROVED and proof.lines
        assert prover.fields(family) == family.fields
        entries.append({"label": "", **plain_family(family)})
    for proposal in propose_planted(entries):
        wrong = wrong_family(entries[proposal["family"]], proposal["kind"])
        assert wrong is not None
        verdict = prover.prove(family_of(wrong, wrong=True)).verdict
        assert verdict is Verdict.UNKNOWN or not false_on(network, wrong), proposal


class GainBeforeRelu(nn.Module):
    """relu(g z) W: a scaling of g > 0 alone; g = -1 is another network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3, bias=False)
        self.gain = nn.Parameter(torch.ones(3))
        self.last = nn.Linear(3, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.last(torch.relu(self.gain * self.first(x)))
        return value


def test_a_slice_that_is_reached_from_one_side_alone_is_refused() -> None:
    network = capture(GainBeforeRelu(), (torch.ones(2, 2),)).network
    at = {"axis": 0, "start": 0, "sizes": [3], "along": 0, "per": []}
    scaling = [
        {"parameter": "gain", "form": "s^k", "weight": "1", "at": at},
        {"parameter": "last.weight", "form": "s^k", "weight": "-1", "at": {**at, "axis": 1}},
    ]
    moved = [
        {"parameter": "first.weight", "form": "s^k", "weight": "1", "at": at},
        {"parameter": "last.weight", "form": "s^k", "weight": "-1", "at": {**at, "axis": 1}},
    ]
    element = {"kind": "diagonal", "copies": [], "size": 3}
    entry = {"element": element, "action": moved, "via": [
        {"parameter": "gain", "element": element, "action": scaling}]}
    proof = FamilyProver(network).prove(family_of(entry))
    assert proof.verdict is Verdict.UNKNOWN and "one side" in proof.residual
    assert FamilyProver(network).prove(
        family_of({**entry, "via": []})).verdict is Verdict.PROVED


class RootOfASquare(nn.Module):
    """x -> (sqrt(g^2) w + b) x: |g| w is w on the slice g = 1 for g > 0 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.weight, self.bias = (nn.Parameter(torch.ones(2)) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return (torch.sqrt(self.gain * self.gain) * self.weight + self.bias) * x


@pytest.mark.parametrize("flows", [False, True])
def test_a_slice_through_a_root_is_refused(flows: bool) -> None:
    module = OdeFlow(RootOfASquare()) if flows else RootOfASquare()
    network = capture(module, (torch.ones(1, 2),)).network
    gain, weight, bias = (p.name for p in network.parameters)
    at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}

    def moves(form: str, *names: str) -> list[Data]:
        return [
            {"parameter": name, "form": form, "weight": w, "at": at}
            for name, w in zip(names, ("1", "-1"), strict=True)
        ]

    through = {
        "parameter": gain, "element": {"kind": "diagonal", "copies": [], "size": 2},
        "action": moves("s^k", gain, weight),
    }
    family = family_of({
        "element": {"kind": "translation", "copies": [], "size": 2},
        "action": moves("+c", weight, bias), "via": [through],
    })
    assert FamilyProver(network).prove(family).verdict is Verdict.UNKNOWN


def test_moves_that_name_nothing_are_refused() -> None:
    network = capture(GainBeforeRelu(), (torch.ones(2, 2),)).network
    at = {"axis": 0, "start": 0, "sizes": [3], "along": 0, "per": []}
    prover = FamilyProver(network)
    for name, place in (("nothing", at), ("gain", {**at, "start": 1}), ("gain", {**at, "axis": 1}),
                        ("gain", {**at, "sizes": [4]})):
        entry = {
            "element": {"kind": "diagonal", "copies": [], "size": place["sizes"][0]}, "via": [],
            "action": [{"parameter": name, "form": "s^k", "weight": "1", "at": place}],
        }
        assert prover.prove(family_of(entry)).verdict is Verdict.UNKNOWN


def test_places_are_those_of_coordinates() -> None:
    """The fields of a family are made from its moves alone, which the certificate carries."""
    data = together("attention").data["certificate"]
    network = capture(*zoo.load("attention").factory(**TARGETS["attention"][1])).network
    entry = data["families"][0]
    family = family_of(entry)
    assert plain_family(family) == {k: entry[k] for k in ("element", "action", "via")}
    fields = Coordinates(network).fields(
        family.kind, 2 if family.copies else 1, family.size, family.moves)
    assert all(isinstance(c, Fraction) for f in fields for c in f.terms.values())
