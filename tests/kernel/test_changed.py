"""Certificates that were changed, with digests that fit: none is confirmed unless it is true.

Where CONFIRMED appears a referee decides (`certificate_referee`): the program that the changed
certificate carries, run by torch in float64, its generators and ranks there. Many changes leave a
claim true: names, texts, proof tables, an output listed twice, another order.
"""

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from certificate_referee import untrue
from kernel_certificates import Data, certificate, sealed

from symgauge.kernel.check import CLAIM, check

VERDICTS = {"CONFIRMED", "REFUTED", "UNKNOWN"}
#: All kinds: linear, branches, erf, softmax, norms, roots, tokens, convolution, ranking, evidence.
SMALL = ("silu", "relu", "erf", "lin_1h_wide", "lm_tied_logits", "two_scales, balls")
OTHERS = (
    "att_softmax_1h", "lin_rms_gain_lin_eps0", "ln_aff_linear_bias", "conv1d_relu",
    "moe_top2_renorm", "silu, series", "bn_eval_relu",
)
#: Changes in every run, and in the slow one.
FEW, MANY = 60, 1000

Change = tuple[str, Any]


def leaf(value: Any, rng: random.Random) -> Any:
    """Another value in the place of a number, a text or nothing."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, 0, -1, 7, str(value), None, 10**30))
    if isinstance(value, str):
        near = []
        try:
            exact = Fraction(value)
            near = [str(exact + 1), str(exact - 1), str(-exact), str(2 * exact), "0", "1/3", "1/0"]
        except (ValueError, ZeroDivisionError):
            if value.startswith(("0x", "-0x")):
                x = float.fromhex(value)
                near = [(-x).hex(), (2 * x).hex(), (x + 1).hex(), "0x0p+0", "nan", "inf"]
        ops = ["add", "mul", "relu", "tanh", "sigmoid", "exp", "silu", "softmax", "matmul", "zero"]
        return rng.choice(near or [value + "x", "", *ops, "\ud800", None])
    return rng.choice((0, "0", [], {}))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of the data."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in (value.items() if isinstance(value, dict) else enumerate(value)):
            yield from places(inner, (*path, key))


def edited(data: Data, path: tuple[Any, ...], rng: random.Random) -> Change:
    """One place with something else in it, dropped, doubled or swapped with another."""
    out = copy.deepcopy(data)
    inside: Any = out
    for step in path[:-1]:
        inside = inside[step]
    key = path[-1]
    value = inside[key]
    how = "changed"
    if isinstance(value, list) and value and rng.random() < 0.7:
        i, j = (rng.randrange(len(value)) for _ in range(2))
        how = rng.choice(("dropped", "doubled", "swapped", "emptied"))
        if how == "dropped":
            del value[i]
        elif how == "doubled":
            value.insert(j, copy.deepcopy(value[i]))
        elif how == "swapped":
            value[i], value[j] = value[j], value[i]
        else:
            value.clear()
    elif isinstance(value, dict) and value and rng.random() < 0.7:
        k = rng.choice(sorted(value))
        how = f"without {k}"
        del value[k]
    else:
        inside[key] = leaf(value, rng)
    return f"{path} {how}", out


def any_field(data: Data, rng: random.Random) -> Change:
    """A field at the top, then a place within it: small fields are changed as often as large."""
    rest = {k: v for k, v in data.items() if k != "digest"}
    top = rng.choice(sorted(rest))
    found = list(places(rest[top], (top,)))
    return edited(rest, rng.choice(found), rng)


def consistent(data: Data, rng: random.Random) -> Change:
    """A lie whose numbers agree: fewer or more generators, and the ranks that would follow."""
    out = copy.deepcopy(data)
    step = rng.choice((1, -1))
    if step == 1 and out["generators"]:
        del out["generators"][rng.randrange(len(out["generators"]))]
    else:
        step, size = -1, out["parameters"] + out["unread"]
        k = rng.randrange(size)
        added = rng.choice((
            {"shift": [[k, "1"]], "linear": [], "higher": []},
            {"shift": [], "linear": [[k, k, "1"]], "higher": []},
            {"shift": [], "linear": [], "higher": [[k, [[rng.randrange(size), 2]], "1"]]}))
        out["generators"].append(added)
    out["rank"] += step
    out["redundancy"] -= step
    out["orbit_dimension"] -= step
    return f"a consistent lie, rank {step:+}", out


def unread(data: Data, rng: random.Random) -> Change:
    """A coordinate that is read, named as unread."""
    out = copy.deepcopy(data)
    named = out.setdefault("unread_coordinates", [])
    named.append(rng.randrange(out["parameters"] + out["unread"]))
    out["unread"] += 1
    out["parameters"] -= 1
    change = rng.choice(("rank", "redundancy"))
    out[change] -= 1
    if change == "redundancy":
        out["orbit_dimension"] -= 1
    return f"unread coordinate {named[-1]}", out


def another_program(data: Data, rng: random.Random) -> Change:
    """Another op, input, attribute or constant in one line."""
    out = copy.deepcopy(data)
    nodes = out["network"]["nodes"]
    i = rng.randrange(len(nodes))
    node = nodes[i]
    if "op" in node and node["inputs"]:
        how = rng.choice(("input", "op", "attribute"))
        if how == "input":
            node["inputs"][rng.randrange(len(node["inputs"]))] = rng.randrange(i)
        elif how == "op" or not node["attrs"]:
            node["op"], node["attrs"] = rng.choice((
                ("relu", {}), ("tanh", {}), ("exp", {}), ("erf", {}), ("sigmoid", {}),
                ("add", {}), ("mul", {}), ("maximum", {}), ("scale", {"factor": "3"}),
                ("power", {"exponent": 2}), ("rsqrt", {}), ("log", {}), ("floor", {}),
                ("softmax", {"axis": 0}), ("ranking", {"count": 1})))
        else:
            key = rng.choice(sorted(node["attrs"]))
            node["attrs"][key] = leaf(node["attrs"][key], rng)
        return f"line {i} has another {how}", out
    if "constant" in node and node["constant"]:
        k = rng.randrange(len(node["constant"]))
        node["constant"][k] = leaf(node["constant"][k], rng)
        return f"line {i} has another constant", out
    out["network"]["outputs"] = [rng.randrange(len(nodes))]
    return f"line {out['network']['outputs']} is the output", out


CHANGES: tuple[Callable[[Data, random.Random], Change], ...] = (
    any_field, any_field, consistent, unread, another_program, another_program)


def run_through(names: tuple[str, ...], count: int) -> Counter[str]:
    """Changes of these certificates in turn; how often each verdict came."""
    found: Counter[str] = Counter()
    for k in range(count):
        rng, name = random.Random(k), names[k % len(names)]
        said, changed = rng.choice(CHANGES)(certificate(name), rng)
        changed = sealed(changed)
        record = check(json.loads(json.dumps(changed)))
        assert record["verdict"] in VERDICTS
        found[record["verdict"]] += 1
        if record["verdict"] == "CONFIRMED":
            wrong = untrue(changed)
            assert not wrong, (k, name, said, wrong)
            assert (changed["closed"], changed["hypotheses"]) == (True, [])
            assert changed["verdict"] == "PROVED"
    return found


def test_some_changes() -> None:
    found = run_through(SMALL, FEW)
    # the referee had something to judge, and so had the kernel
    assert set(found) == VERDICTS


@pytest.mark.slow
def test_many_changes() -> None:
    found = run_through(SMALL + OTHERS, MANY)
    assert set(found) == VERDICTS and sum(found.values()) == MANY
    print(dict(found))


@pytest.mark.parametrize("name", SMALL)
def test_no_number_of_the_claim_can_be_changed(name: str) -> None:
    data = certificate(name)
    assert check(data)["verdict"] == "CONFIRMED" and untrue(data) == []
    for key in CLAIM:
        for step in (1, -1):
            record = check(sealed({**data, key: data[key] + step}))
            assert record["verdict"] != "CONFIRMED", (key, step)
    for key, other in (("closed", False), ("inconsistent", True), ("verdict", "UNKNOWN"),
                       ("hypotheses", ["x"]), ("schema", "symgauge-certificate/2")):
        assert check(sealed({**data, key: other}))["verdict"] == "UNKNOWN", key
    assert check({**data, "rank": data["rank"] + 1})["reasons"] == [
        "the data was edited after its digest was made"]


@pytest.mark.parametrize("data", [None, [], {}, 0, "x", {"certificate": {}}, {"certificate": 3}])
def test_no_certificate(data: Any) -> None:
    assert check(data)["verdict"] == "UNKNOWN"


def test_the_referee_sees_lies() -> None:
    """Planted failures: each kind of lie, as the referee sees it."""
    data = certificate("silu")
    rng = random.Random(0)
    for lie in (consistent, unread):
        said, changed = lie(data, rng)
        assert untrue(changed), said
    data["network"]["nodes"] = [
        {**n, "op": "tanh"} if n.get("op") == "silu" else n for n in data["network"]["nodes"]]
    # tanh is odd, which moves no number: this one is true
    assert untrue(data) == []
    data["generators"][0]["linear"][0][2] = "2"
    assert untrue(data)
