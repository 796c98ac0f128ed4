"""verify() accepts what is true of the program that a certificate carries, and nothing else.

Every field of small certificates is tampered with. Without a new digest everything is rejected.
With the digest made anew, PROVED may be answered only where the claim still holds: a referee
decides, which reads the plain data with torch and shares no line with symgauge. It runs the
program in float64 (at the cell's own point where there is one), takes the Jacobian by autograd
over many inputs, and compares the claimed numbers with numerical ranks. A renamed parameter, an
output listed twice, another order of the generators: such changes leave the claim true.
"""

import copy
import json
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from certificate_referee import numerical_rank, run
from certify_command import TwoScales
from torch import Tensor

import symgauge
from symgauge import (
    BadInputError, Certificate, Derivation, InconsistentError, Verdict, Verification, verify, zoo,
)
from symgauge.capture import capture
from symgauge.certify.claim import claim_of
from symgauge.certify.evidence.balls import Minor, determinant
from symgauge.certify.evidence.kind import Question
from symgauge.certify.evidence.residues import assumptions
from symgauge.cli.main import main
from symgauge.derivation.seal import sealed
from symgauge.exact.linear_algebra import nullspace, rank, rational_array
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rows import jacobian_rows
from symgauge.points.tokens import draw_tokens

Data = dict[str, Any]

#: Small networks: transcendental, piecewise, softmax; "two_scales" rests on a hypothesis, unless
#: its rank is that of a minor in real balls.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "silu": ("glu", {"in_features": 1, "hidden_features": 2, "out_features": 1}),
    "relu": ("mlp", {"in_features": 2, "hidden_features": 2, "out_features": 1}),
    "softmax": ("attention", {"embed_dim": 2, "num_heads": 1, "tokens": 2}),
    "erf": ("mlp", {"in_features": 1, "hidden_features": 2, "out_features": 1,
                    "activation": "gelu"}),
    "two_scales": ("", {}),
    "two_scales, balls": ("", {}),
    "relu, balls": ("", {}),
}
#: Changes tried of one kind (the same place but for positions in lists, the same change).
EACH = 2


@cache
def derivation(name: str) -> Derivation:
    base, comma, _ = name.partition(", balls")
    if comma:
        return derivation(base).certified_in_balls()[0]
    architecture, sizes = NETWORKS[name]
    if not architecture:
        # its hypothesis stays
        with patch("symgauge.derivation.derive.all_evidence", dict):
            return symgauge.derive(TwoScales(), (torch.ones(1, 1),), name=name)
    return symgauge.derive(*zoo.load(architecture).factory(**sizes), name=name)


def certificate(name: str) -> Data:
    found: Data = copy.deepcopy(derivation(name).data["certificate"])
    return found


# -- the referee ---------------------------------------------------------------------------------

def refuse(data: Data) -> list[str]:
    """What a certificate that was PROVED claims wrongly."""
    generator = torch.Generator().manual_seed(1)
    network = data["network"]
    shapes = {n["parameter"]: n["shape"] for n in network["nodes"] if "parameter" in n}
    wanted = {n["input"]: n["shape"] for n in network["nodes"] if "input" in n}
    total = sum(map(math.prod, shapes.values()))

    def normal(shape: list[int]) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    theta = {name: normal(shape) for name, shape in shapes.items()}
    wrong = refuse_minor(data, shapes) if "balls" in data else []
    for name, values in data["cell"].items():
        point = [float.fromhex(v) for v in values]
        theta[name] = torch.tensor(point, dtype=torch.float64).reshape(shapes[name])
    rows = []
    while len(rows) < 12 or sum(map(len, rows)) < 8 * total:
        inputs = {name: normal(shape) for name, shape in wanted.items()}
        block = torch.func.jacrev(lambda th, x=inputs: run(network, th, x))(theta)
        rows.append(torch.cat([block[name].reshape(-1, math.prod(shapes[name]))
                               for name in shapes], dim=1))
    jacobian = torch.cat(rows)
    read = jacobian.abs().amax(0) > 0
    flat = torch.cat([theta[name].flatten() for name in shapes])
    fields = torch.zeros(len(data["generators"]), total, dtype=torch.float64)
    for i, entry in enumerate(data["generators"]):
        assert set(entry) <= {"shift", "linear", "higher"} and not entry.get("higher")
        for k, c in entry["shift"]:
            fields[i, k] += float(Fraction(c))
        for k, j, c in entry["linear"]:
            fields[i, k] += float(Fraction(c)) * flat[j]
    if fields.numel() and (jacobian @ fields.T).abs().max() > 1e-9 * jacobian.abs().max():
        wrong.append("a generator moves the function")
    count, r, orbit = int(read.sum()), numerical_rank(jacobian), numerical_rank(fields[:, read])
    facts = {
        "parameters": count, "unread": total - count, "rank": r, "redundancy": count - r,
        "orbit_dimension": orbit, "unexplained": count - r - orbit, "closed": True,
        "inconsistent": False, "hypotheses": [], "verdict": "PROVED", "schema":
        "symgauge-certificate/1",
    }
    wrong += [f"{key} is {data[key]!r}, not {fact!r}" for key, fact in facts.items()
              if json.dumps(data[key]) != json.dumps(fact)]
    place = "on the cell of theta0" if data["cell"] else "at generic parameters"
    # of these networks one has a number that is no short decimal: 1 / sqrt(2)
    numbers = [v for n in data["network"]["nodes"] for v in n.get("constant", ())]
    numbers += [v for n in data["network"]["nodes"] for k, v in n.get("attrs", {}).items()
                if k == "factor"]
    dyadic = any(Fraction(v).denominator > 1 << 40 for v in numbers)
    floats = "; constants are the floats' exact values" if dyadic else ""
    if data["scope"] != f"complete {place}, at the sizes of the program{floats}":
        wrong.append(f"scope {data['scope']!r}")
    if sorted({*data["proofs"]}) != [*range(len(data["tables"]))]:
        wrong.append("a proof table of no generator")
    known = {"schema", "network", "generators", "tables", "proofs", "cell", "shown", "scope",
             "digest", "balls", *facts}
    return wrong + [f"{key} means nothing" for key in sorted(set(data) - known)]


def refuse_minor(data: Data, shapes: dict[str, list[int]]) -> list[str]:
    """What a minor claims wrongly: its determinant by autograd in float64, at its own point."""
    minor = data["balls"]
    wanted = {n["input"]: n["shape"] for n in data["network"]["nodes"] if "input" in n}

    def read(point: dict[str, list[str]], like: dict[str, list[int]]) -> dict[str, Tensor]:
        return {
            name: torch.tensor([float(Fraction(v)) for v in point[name]]).double().reshape(shape)
            for name, shape in like.items()
        }

    theta = read(minor["theta"], shapes)
    rows = []
    for i, entry in minor["rows"]:
        inputs = read(minor["inputs"][i], wanted)
        block = torch.func.jacrev(lambda th, x=inputs: run(data["network"], th, x))(theta)
        row = torch.cat([block[name].reshape(-1, math.prod(shapes[name])) for name in shapes], 1)
        rows.append(row[entry][minor["columns"]])
    found = float(torch.linalg.det(torch.stack(rows)))
    wrong = []
    if len(rows) != data["rank"]:
        wrong.append(f"a minor of {len(rows)} rows")
    if not math.isclose(found, float(minor["determinant"]), rel_tol=0.01):
        wrong.append(f"the minor is {found}, not {minor['determinant']}")
    if minor["bits"] not in (192, 384, 768, 1536, 3072):
        wrong.append(f"{minor['bits']} bits")
    return wrong


# -- tampering -----------------------------------------------------------------------------------

Change = tuple[tuple[Any, ...], str, Any]


def leaf_changes(value: Any) -> Iterator[Any]:
    """Other values in the place of one value."""
    if isinstance(value, bool):
        yield from (not value, int(value), None)
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 0, -3, 10**9, 10**30, value + 0.5, str(value), None,
                    True, [value])
    elif isinstance(value, str):
        yield from (value + "x", "", None, 0, value + " ", value.upper(), [value], "1e999999999")
        if any(c.isdigit() for c in value):
            yield from ("2", "-1", "1/0", "nan", "3/7", "9" * 5000)
    else:
        yield from (0, "", [])


def changes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[Change]:
    """Every tampering with one place: its path, its kind, and the data with it."""
    if isinstance(value, dict):
        yield path, "key added", {**value, "extra": 1}
        yield path, "list for mapping", sorted(value)
        for key, inner in value.items():
            yield path, f"{key} removed", {k: v for k, v in value.items() if k != key}
            for where, kind, changed in changes(inner, (*path, key)):
                yield where, kind, {**value, key: changed}
    elif isinstance(value, list):
        yield path, "nothing for list", None
        yield path, "mapping for list", {"0": value}
        yield path, "entry added", [*value, 0]
        if value:
            yield path, "emptied", []
        for i, inner in enumerate(value):
            yield path, "entry removed", value[:i] + value[i + 1:]
            yield path, "entry doubled", value[:i + 1] + value[i:]
            if i:
                swapped = [*value[:i - 1], value[i], value[i - 1], *value[i + 1:]]
                yield path, "entries swapped", swapped
            for where, kind, changed in changes(inner, (*path, i)):
                yield where, kind, [*value[:i], changed, *value[i + 1:]]
    else:
        for k, changed in enumerate(leaf_changes(value)):
            yield path, f"leaf {k}", changed


def op_changes(data: Data) -> Iterator[Change]:
    """Other ops with the same shapes: mostly another function, sometimes the same claim."""
    for i, node in enumerate(data["network"]["nodes"]):
        for op in ("add", "mul", "silu", "relu", "tanh", "sigmoid"):
            arity = 2 if op in ("add", "mul") else 1
            if len(node.get("inputs", ())) == arity and node.get("op") not in (op, "matmul"):
                changed = copy.deepcopy(data)
                changed["network"]["nodes"][i] |= {"op": op, "attrs": {}}
                yield ("network", "nodes", i), f"op {op}", changed


def tampered(data: Data) -> Iterator[Change]:
    rest = {key: value for key, value in data.items() if key != "digest"}
    original = json.dumps(rest, sort_keys=True)
    for path, kind, changed in [*changes(rest), *op_changes(rest)]:
        if json.dumps(changed, sort_keys=True) != original:
            yield path, kind, changed


def some_of_each_kind(data: Data) -> list[Change]:
    """At most EACH changes of every kind, spread evenly: no place and no change is left out."""
    kinds: dict[Any, list[Change]] = defaultdict(list)
    for change in tampered(data):
        place = tuple("*" if isinstance(step, int) else step for step in change[0])
        if place[:1] == ("cell",) or place[:2] in (("balls", "theta"), ("balls", "inputs")):
            place = place[:2] + ("*",) * (len(place) - 2)
        kinds[place, change[1]].append(change)
    picked = []
    for found in kinds.values():
        n = min(EACH, len(found))
        picked += [found[k * len(found) // n] for k in range(n)]
    return picked


def answer(data: Any) -> Verdict | None:
    """verify's verdict; None where it says that the data is no certificate."""
    try:
        return verify(data).verdict
    except BadInputError:
        return None


@pytest.mark.parametrize("name", NETWORKS)
def test_the_certificates_themselves(name: str) -> None:
    data = certificate(name)
    assert sealed(data) == data
    result = verify(data)
    if name == "two_scales":
        assert result.verdict is Verdict.UNKNOWN and result.hypotheses
    else:
        assert result.verdict is Verdict.PROVED and not result.hypotheses
        assert refuse(data) == []
    assert verify(json.dumps(data)).verdict is result.verdict


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_new_digest_every_change_is_rejected(name: str) -> None:
    data = certificate(name)
    count = 0
    for path, kind, changed in tampered(data):
        if isinstance(changed, dict):
            found = answer({**changed, "digest": data["digest"]})
            assert found in (Verdict.REFUTED, None), (path, kind)
            count += 1
    assert count > 500
    for digest in ("", None, 0, data["digest"][:-1], data["digest"].upper()):
        assert answer({**data, "digest": digest}) is Verdict.REFUTED
    del data["digest"]
    assert answer(data) is Verdict.REFUTED


#: Networks whose claim is PROVED.
CERTAIN = [n for n in NETWORKS if n != "two_scales"]


@pytest.mark.parametrize("name", CERTAIN)
def test_with_a_new_digest_only_true_claims_are_proved(name: str) -> None:
    data = certificate(name)
    proved = 0
    for path, kind, changed in some_of_each_kind(data):
        changed = sealed(changed) if isinstance(changed, dict) else changed
        if answer(changed) is Verdict.PROVED:
            proved += 1
            assert refuse(changed) == [], (path, kind)
    # the referee had something to judge: names, orders, lines that nothing reads
    assert proved > (2 if "balls" in data else 10)


def test_no_number_of_a_minor_can_be_changed() -> None:
    """Point, inputs, rows, columns, bits, determinant: each place, with a digest that fits."""
    data = certificate("two_scales, balls")
    places = set()
    for path, kind, changed in changes(data["balls"]):
        if json.dumps(changed, sort_keys=True) != json.dumps(data["balls"], sort_keys=True):
            places.add(path)
            found = answer(sealed({**data, "balls": changed}))
            # the Jacobian does not depend on the output bias: any other one is as true
            idle = path[:2] == ("theta", "last.bias") and found is Verdict.PROVED
            assert idle or found is Verdict.REFUTED, (path, kind)
    assert len(places) > 60
    without = {key: value for key, value in data.items() if key != "balls"}
    rejected(without, "shown", "hypotheses")


def test_a_minor_of_another_network_is_refused() -> None:
    minor = certificate("two_scales, balls")["balls"]
    rejected({**certificate("relu, balls"), "balls": minor}, "minor")
    # a minor without a claim, beside a claim over residues
    rejected({**certificate("two_scales"), "balls": minor}, "shown")


def test_a_smaller_minor_closes_nothing() -> None:
    """Its determinant is right, its rank is one less: the claim would be a weaker one."""
    data = certificate("relu, balls")
    honest = Certificate(data)
    network = honest.network()
    read = np.ones(network.num_coordinates, dtype=bool)
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    draw = Draw(network, field, rng, cell=honest.cell(network))
    minor = Minor.read(data["balls"], Question(draw, (), read, 0, 0))
    for k in range(minor.rank):
        rows = tuple(row for i, row in enumerate(minor.rows) if i != k)
        used = sorted({i for i, _ in rows})
        smaller = replace(
            minor, rows=tuple((used.index(i), o) for i, o in rows), columns=minor.columns[1:],
            inputs=tuple(minor.inputs[i] for i in used))
        found = determinant(network, smaller)
        if found is not None:
            smaller = replace(smaller, determinant=found)
            rejected({**data, "balls": smaller.plain()}, "rank", "closed")
            return
    raise AssertionError("no smaller minor is shown")


def test_a_minor_that_is_0_is_not_shown() -> None:
    """Two equal rows: the determinant is 0, whatever is stated."""
    data = certificate("two_scales, balls")
    minor = copy.deepcopy(data["balls"])
    minor["inputs"][1] = copy.deepcopy(minor["inputs"][0])
    for stated in (minor["determinant"], "0", "0e-30", "[+/- 1e-50]", "None"):
        rejected({**data, "balls": {**minor, "determinant": stated}}, "minor")


def test_a_hypothesis_cannot_be_tampered_away() -> None:
    """The claim is UNKNOWN, for a hypothesis: no change of a field makes it PROVED."""
    for path, kind, changed in some_of_each_kind(certificate("two_scales")):
        # another op is another network, which may have no hypothesis
        if isinstance(changed, dict) and not kind.startswith("op "):
            assert answer(sealed(changed)) is not Verdict.PROVED, (path, kind)


@pytest.mark.parametrize("data", [
    None, 3, [], "", "{", "[" * 100000, "{}", "null", '{"schema": 1e400}', "1" * 5000,
    {"schema": "symgauge-certificate/1", 3: 4}, {"schema": "symgauge-certificate/1", "x": {1, 2}},
])
def test_what_is_no_certificate(data: Any) -> None:
    assert answer(data) in (None, Verdict.REFUTED)


def test_a_program_too_large_to_evaluate_is_not_evaluated() -> None:
    data = certificate("silu")
    data["network"]["nodes"].append({"parameter": "unused", "shape": [10**9]})
    rejected(data, "entries")


def test_a_renamed_parameter_is_a_true_claim() -> None:
    data = certificate("silu")
    node = next(n for n in data["network"]["nodes"] if "parameter" in n)
    node["parameter"] = "renamed"
    assert verify(sealed(data)).verdict is Verdict.PROVED


# -- false claims, each made consistent with itself ----------------------------------------------


def rejected(data: Data, *words: str) -> None:
    result = verify(sealed(data))
    assert result.verdict is Verdict.REFUTED and result.scope == "nothing"
    text = "; ".join(result.reasons)
    assert all(word in text for word in words), text


@pytest.mark.parametrize("name", ["silu", "softmax"])
def test_an_undersampled_jacobian_with_its_false_generators_is_refused(name: str) -> None:
    """rank + nullity = P holds for any matrix: ranks alone certify nothing."""
    honest = Certificate(certificate(name))
    network = honest.network()
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    theta = {p.name: np.arange(2.0, 2 + p.size).reshape(1, *p.shape) for p in network.parameters}
    rows = jacobian_rows(Draw(network, field, rng, theta), 3).rows
    kernel = rational_array(nullspace(rows, field.p), field.p)
    if kernel is None:
        # residues that are no small fractions are exact numbers all the same
        kernel = np.array([[Fraction(int(v)) for v in row] for row in nullspace(rows, field.p)])
    false = [
        VectorField.build([(k, Fraction(c)) for k, c in enumerate(row) if c], []) for row in kernel
    ]
    total = network.num_coordinates
    small = rank(rows, field.p)
    assert small + len(false) == total > honest.data["rank"] > small
    proofs = [honest.proofs()[0]] * len(false)
    found = assumptions(network, field, rng)
    claim = claim_of(network, small, len(false), found)
    assert claim.verdict is Verdict.PROVED
    forged = Certificate.issue(network, false, proofs, {}, claim).to_json()
    assert forged["digest"] == sealed(forged)["digest"]
    rejected(forged, "is no symmetry")
    # the true generators beside the undersampled rank: a claim that is too weak is no fact either
    generators = honest.generators(network)
    claim = claim_of(network, small, len(generators), found)
    weak = Certificate.issue(network, generators, honest.proofs(), {}, claim).to_json()
    rejected(weak, "rank")


def test_a_false_generator_is_refused() -> None:
    data = certificate("silu")
    data["generators"].append({**data["generators"][0], "linear": [[0, 0, "1"]]})
    data["proofs"].append(0)
    rejected(data, "generator 2 is no symmetry")
    for key, step in (("rank", -1), ("redundancy", 1), ("orbit_dimension", 1)):
        data[key] += step
    rejected(data, "generator 2 is no symmetry")


def test_a_generator_counted_twice_is_refused() -> None:
    data = certificate("silu")
    data["generators"].append(copy.deepcopy(data["generators"][0]))
    data["proofs"].append(data["proofs"][0])
    # the span is the same: true, but for a number that is raised
    assert verify(sealed(data)).verdict is Verdict.PROVED and refuse(sealed(data)) == []
    rejected({**data, "orbit_dimension": 3, "redundancy": 3, "rank": 3})


def test_a_dropped_generator_cannot_look_closed() -> None:
    data = certificate("silu")
    del data["generators"][0], data["proofs"][0]
    rejected(data, "orbit_dimension")
    # unexplained = 0 by a raised rank, by a lowered redundancy, by fewer parameters
    for edit in (
        {"rank": 5, "redundancy": 1},
        {"redundancy": 1},
        {"parameters": 5, "redundancy": 1},
        {"unexplained": 0},
    ):
        rejected({**data, "orbit_dimension": 1, **edit})
    honest = {
        "orbit_dimension": 1, "unexplained": 1, "closed": False, "verdict": "UNKNOWN",
        "scope": "redundancy <= 2 at generic parameters, at the sizes of the program, at most 1 "
                 "unexplained",
    }
    result = verify(sealed({**data, **honest}))
    assert (result.verdict, result.scope) == (Verdict.UNKNOWN, honest["scope"])
    rejected({**data, **honest, "verdict": "PROVED"}, "verdict")
    rejected({**data, **honest, "unexplained": 0, "closed": True}, "unexplained", "closed")


def test_a_larger_rank_than_is_claimed_refutes_no_bound() -> None:
    """What is claimed of an open sandwich is a bound: few points may show less of the rank."""
    data = certificate("relu")
    rank, redundancy = data["rank"], data["redundancy"]
    weaker = {
        "rank": rank - 1, "redundancy": redundancy + 1, "unexplained": 1, "closed": False,
        "verdict": "UNKNOWN",
        "scope": f"redundancy <= {redundancy + 1} on the cell of theta0, at the sizes of the "
                 "program, at most 1 unexplained",
    }
    result = verify(sealed({**data, **weaker}))
    assert (result.verdict, result.scope) == (Verdict.UNKNOWN, weaker["scope"])
    assert f"rank J is at least {rank}: more than is claimed" in result.reasons
    rejected({**data, **weaker, "verdict": "PROVED"}, "verdict")
    rejected({**data, **weaker, "unexplained": 0, "closed": True}, "unexplained", "closed")


def test_hypotheses_cannot_be_left_out() -> None:
    data = certificate("two_scales")
    bare = {**data, "hypotheses": []}
    rejected(bare, "hypotheses")
    whole = "complete at generic parameters, at the sizes of the program"
    rejected({**bare, "verdict": "PROVED"}, "hypotheses", "verdict")
    rejected({**bare, "verdict": "PROVED", "scope": whole}, "hypotheses", "verdict", "scope")
    shown = [*data["shown"], *data["hypotheses"]]
    rejected({**bare, "verdict": "PROVED", "scope": whole, "shown": shown}, "shown")
    rejected({**data, "verdict": "PROVED"}, "verdict")


@pytest.mark.parametrize("scope", [
    "complete at generic parameters, at all sizes",
    "complete everywhere",
    "complete at generic parameters, at the sizes of the program; for every width",
    "",
])
def test_the_scope_cannot_be_enlarged(scope: str) -> None:
    rejected({**certificate("silu"), "scope": scope}, "scope")


def test_the_program_adds_nothing_to_the_scope() -> None:
    """What was held at capture is printed with the scope: no other sentence may stand there."""
    for said in ("for every width", "input x held at the example; for every width", ""):
        data = certificate("silu")
        data["network"]["held"] = [said]
        data["scope"] += f"; {said}"
        rejected(data, "which nothing here supports")


def test_the_verdict_cannot_be_changed() -> None:
    for verdict in ("UNKNOWN", "REFUTED", "proved", None):
        rejected({**certificate("silu"), "verdict": verdict}, "verdict")


def test_proof_tables_belong_to_their_generators() -> None:
    data = certificate("softmax")
    assert len(data["tables"]) > 1
    rejected({**data, "proofs": data["proofs"][::-1]}, "proof table")
    rejected({**data, "tables": [*data["tables"], [[0, "add", "all is proved"]]]})
    data["tables"][0][0][2] = "0, for every width"
    rejected(data, "proof table of generator 0")


def test_the_cell_cannot_be_moved_to_dead_units() -> None:
    data = certificate("relu")
    dead = copy.deepcopy(data)
    # both units are off at every input: the rank on this cell is the output bias's
    dead["cell"]["layers.0.weight"] = [(0.0).hex()] * 4
    dead["cell"]["layers.0.bias"] = [(-1.0).hex()] * 2
    rejected(dead, "rank")
    # always on: the units act linearly, and more is hidden
    linear = copy.deepcopy(dead)
    linear["cell"]["layers.0.bias"] = [(1.0).hex()] * 2
    rejected(linear, "rank")
    # at the boundary of the cells
    boundary = copy.deepcopy(dead)
    boundary["cell"]["layers.0.bias"] = [(0.0).hex()] * 2
    result = verify(sealed(boundary))
    assert result.verdict is Verdict.UNKNOWN and "not decided" in result.reasons[0]
    rejected({**data, "cell": {}}, "cell")
    smooth = certificate("silu")
    smooth["cell"] = {"gate_proj.weight": [(1.0).hex()] * 2}
    rejected(smooth, "cell")
    for odd in ("inf", "nan", "0x1p+5000"):
        broken = copy.deepcopy(data)
        broken["cell"]["layers.1.bias"][0] = odd
        rejected(broken, "cell")


# -- derivation.json -----------------------------------------------------------------------------

#: Facts of derivation.json that its certificate implies.
FACTS = (
    "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained", "closed",
    "generators", "algebra", "shown", "hypotheses", "verdict", "scope", "tensors",
)


@pytest.mark.parametrize("name", ["softmax", "relu", "two_scales, balls"])
def test_facts_beside_the_certificate(name: str) -> None:
    data: Data = derivation(name).data
    assert Derivation.from_plain(data).verify().verdict is Verdict.PROVED
    kinds: dict[Any, list[Change]] = defaultdict(list)
    for change in changes({key: data[key] for key in FACTS}):
        place = tuple("*" if isinstance(step, int) else step for step in change[0])
        kinds[place, change[1]].append(change)
    count = 0
    for (place, kind), found in kinds.items():
        for _, _, changed in found[:1]:
            facts = {**data, **changed} if isinstance(changed, dict) else data
            same = json.dumps(facts, sort_keys=True) == json.dumps(data, sort_keys=True)
            # a fact that is absent is refused where the file is read
            if same or kind in (f"{fact} removed" for fact in FACTS) or not place:
                continue
            assert refused(sealed(facts)), (place, kind)
            count += 1
    assert count > 150


def refused(facts: Data) -> bool:
    """Whether the record is rejected, where it is read (it contradicts itself) or verified."""
    try:
        return Derivation.from_plain(facts).verify().verdict is Verdict.REFUTED
    except (BadInputError, InconsistentError):
        return True


def test_a_statement_at_full_size_keeps_its_form() -> None:
    data: Data = json.loads(derivation("softmax").to_json())
    entry = data["generators"][-1]
    entry["full"] = copy.deepcopy({k: entry[k] for k in ("element", "action", "via")})
    # a statement at full sizes that are not named
    assert Derivation.from_plain(sealed(data)).verify().verdict is Verdict.REFUTED
    data["full_sizes"], data["full_tensors"] = {"tokens": 9}, data["tensors"]
    result = Derivation.from_plain(sealed(data)).verify()
    assert result.verdict is Verdict.PROVED
    assert {"full_sizes", "full_tensors", "generators.full"} <= open_names(result)
    entry["full"]["action"][0]["form"] = "g^-T"
    with pytest.raises(BadInputError, match="not as a"):
        Derivation.from_plain(sealed(data))


def open_names(result: Verification) -> set[str]:
    """The facts that a verification names as left open."""
    return {entry.partition(": ")[0] for entry in result.left_out}


def test_a_file_without_a_fact_is_bad_input() -> None:
    data = json.loads(derivation("relu").to_json())
    for key in data:
        text = json.dumps({k: v for k, v in data.items() if k != key})
        if key in ("invariants", "laws"):  # records from before have none; this one had
            assert Derivation.from_json(text).verify().verdict is Verdict.REFUTED
            continue
        with pytest.raises(BadInputError):
            Derivation.from_json(text)


# -- other networks, and no torch ----------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("derived") / "derivation.json"
    path.write_text(derivation("relu").to_json())
    return path


def test_verify_needs_no_torch(written: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from symgauge.cli.main import main; "
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "verify", str(written), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "PROVED"), done.stderr
    # what verifies a certificate imports nothing that derived it
    program = (
        "import sys, json, symgauge\n"
        f"data = json.load(open({str(written)!r}))\n"
        "print(symgauge.verify(data['certificate']).verdict)\n"
        "print(*(m for m in sys.modules if m.startswith(('torch', 'symgauge.derivers', "
        "'symgauge.capture'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["PROVED"], done.stderr


def test_verify_target_rejects_another_network(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_target(*arguments: str) -> tuple[int, Data]:
        status = main(["verify", str(written), "--json", "--target", *arguments])
        return status, json.loads(capsys.readouterr().out)

    small = ["--set", "in_features=2", "--set", "hidden_features=2", "--set", "out_features=1"]
    status, result = with_target("mlp", *small)
    assert status == 0 and "the network is that of mlp" in result["reasons"]
    for other in (
        ["mlp"],
        ["mlp", *small, "--set", "activation=leaky_relu"],
        ["mlp", *small, "--set", "bias=false"],
        ["glu"],
    ):
        status, result = with_target(*other)
        assert (status, result["verdict"]) == (1, "REFUTED"), other


def test_few_token_inputs_are_all_taken() -> None:
    """Random draws leave one of 16 sequences out now and then, and the rank with it."""
    module = torch.nn.Sequential(torch.nn.Embedding(4, 3), torch.nn.Linear(3, 4, bias=False))
    network = capture(module, (torch.zeros(1, 2, dtype=torch.long),)).network
    (drawn,) = draw_tokens(network, np.random.default_rng(0)).values()
    assert len({tuple(row) for row in drawn.argmax(-1).reshape(len(drawn), -1)}) == 16
