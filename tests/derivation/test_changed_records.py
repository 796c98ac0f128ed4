"""derivation.json and full.json, one leaf changed at a time, with digests that fit.

Whatever `verify` accepts afterwards must be true, or be named in what it leaves open. Judges: a
listed element or planted failure that is among the true ones; the exact rows of the Jacobian of a
program that was changed.
"""

import base64
import copy
import io
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from structural_referee import FIELD, paired
from torch import Tensor, nn

import symgauge
from symgauge import BadInputError, Derivation, SymgaugeError, Verdict, Verification, zoo
from symgauge.capture import Target, capture, load_target
from symgauge.derivation.again import same_program
from symgauge.derivation.derive import derive_target
from symgauge.derivation.full import FullDerivation, derive_full
from symgauge.statements.rewritings import SPLIT
from symgauge.derivation.seal import edited, sealed
from symgauge.derivers.structural import find, instantiate
from symgauge.ops import all_ops
from symgauge.points.draw import Draw
from symgauge.points.reads import readable_network
from symgauge.points.rows import jacobian_rows
from symgauge.program.outline import from_outline, outline, outline_digest
from symgauge.program.serial import digest_of, network_to_json
from symgauge.report.table import print_verification
from places import TARGETS

Data = dict[str, Any]
Path_ = tuple[Any, ...]


class Positions(nn.Module):
    """sum_k a_k exp(E[t] + P[i]): the exponential of a sum, rewritten before it is derived."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(3, 2), nn.Embedding(2, 2)
        self.read = nn.Linear(2, 1, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        value: Tensor = self.read(torch.exp(self.tokens(tokens) + self.places.weight))
        return value


class TanhOfPositions(Positions):
    """sum_k a_k tanh(E[t] + P[i])."""

    def forward(self, tokens: Tensor) -> Tensor:
        value: Tensor = self.read(torch.tanh(self.tokens(tokens) + self.places.weight))
        return value


class Gain(nn.Module):
    """W' (g W x): the change of basis acts through the slice g = 1."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
        self.gain = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.last(self.gain * self.first(x))
        return value


TOKENS = torch.zeros(1, 2, dtype=torch.long)


def small_target(name: str, **sizes: Any) -> Target:
    return load_target(name, zoo.load, {key: str(value) for key, value in sizes.items()})


#: Small records: a cell, heads, an implicit rest with a note, slices, no target.
DERIVED: dict[str, Callable[[], Derivation]] = {
    "mlp": lambda: derive_target(small_target(
        "mlp", in_features=2, hidden_features=2, out_features=1)),
    "attention": lambda: derive_target(small_target(
        "attention", embed_dim=2, num_heads=1, tokens=2)),
    "bilinear": lambda: derive_target(small_target(
        "glu", in_features=2, hidden_features=2, out_features=1, activation="identity")),
    "gain": lambda: symgauge.derive(Gain(), (torch.ones(1, 2),), name="gain"),
    "positions": lambda: symgauge.derive(Positions(), (TOKENS,), name="positions"),
}
FULL: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2_lm", {"n_embd": 4, "n_head": 2, "n_layer": 1, "n_inner": 3, "vocab_size": 7}),
    "llama": ("llama_lm", {"hidden_size": 4, "num_heads": 2, "num_layers": 1, "vocab_size": 5}),
}


def full_target(name: str) -> tuple[Target, Target]:
    """The target at its sizes, and at the small ones."""
    text, sizes = FULL[name]
    small = load_target(f"{TARGETS / text}.py:factory", zoo.load, {})
    return small.at(sizes), small


@cache
def record(name: str) -> Derivation | FullDerivation:
    found = DERIVED[name]() if name in DERIVED else derive_full(*full_target(name))
    return type(found).from_json(found.to_json())


# -- changes -------------------------------------------------------------------------------------

OTHERS = {
    "g": "g^-T", "g^-T": "g", "s^k": "+c", "+c": "s^k", "gl": "so", "so": "gl", "so1": "gl",
    "diagonal": "translation", "translation": "diagonal", "complex": "gl", "centred": "gl",
    "PROVED": "UNKNOWN", "UNKNOWN": "PROVED", "proved": "no", "no": "proved",
    "conjectured": "proved", "checked": "proved", "logits": "probabilities",
    "sign": "omitted", "omitted": "sign", "transpose": "larger", "larger": "transpose",
}


def other_values(value: Any) -> Iterator[Any]:
    if isinstance(value, bool) or value is None:
        yield from (not value, 1)
    elif isinstance(value, (int, float)):
        yield value + 1
        yield -value
    elif isinstance(value, str):
        yield OTHERS.get(value, value + "x")
        yield value + "x"
        try:
            yield str(-Fraction(value))
        except (ValueError, ZeroDivisionError):
            yield ""


def changes(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every place below a value, with another value for it."""
    if isinstance(value, dict):
        yield (*path, "added"), "colour"
        for key, inner in value.items():
            if path:
                yield path, {k: v for k, v in value.items() if k != key}
            # what a program may say is tried on full.json, and by the tests of certificates
            if path == ("certificate",) and key in ("network", "cell"):
                continue
            yield from changes(inner, (*path, key))
    elif isinstance(value, list):
        yield path, [*value, 0]
        if value:
            yield path, value[:-1]
            yield path, value[1:]
            yield path, value[::-1]
            yield path, [*value, value[0]]
        for k, inner in enumerate(value):
            yield from changes(inner, (*path, k))
    else:
        yield from ((path, other) for other in other_values(value))


def changed(data: Data, path: Path_, value: Any) -> Data:
    """A copy with one value changed and all digests made anew."""
    data = copy.deepcopy(data)
    at: Any = data
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    if isinstance(data.get("certificate"), dict):
        data["certificate"] = sealed(data["certificate"])
    return sealed(data)


def chosen(count: int, seed: int) -> list[tuple[str, Path_, Any]]:
    """Changes of all kinds in turn: the same place but for numbers of entries is one kind."""
    generator = random.Random(seed)
    kinds: dict[Any, list[tuple[str, Path_, Any]]] = defaultdict(list)
    for name in (*DERIVED, *FULL):
        data = {k: v for k, v in record(name).plain().items() if k != "digest"}
        for path, value in changes(data):
            place = tuple(step for step in path if isinstance(step, str))
            kinds[type(record(name)), place].append((name, path, value))
    for found in kinds.values():
        generator.shuffle(found)
    order = list(kinds)
    generator.shuffle(order)
    out: list[tuple[str, Path_, Any]] = []
    while len(out) < count and any(kinds.values()):
        out += [kinds[kind].pop() for kind in order if kinds[kind]]
    return out[:count]


# -- judges --------------------------------------------------------------------------------------


def open_names(result: Verification) -> set[str]:
    return {entry.partition(": ")[0] for entry in result.left_out}


def is_open(path: Path_, result: Verification) -> bool:
    name = "generators.full" if path[0] == "generators" and "full" in path else path[0]
    if path == ("added",):
        name = "added"
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_verification(result, console)
    text = "".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    return name in open_names(result) and f"{name}" in text


def is_true(path: Path_, before: Data, after: Data) -> bool:
    """Whether what was changed is true all the same."""
    key = path[0]
    if key in ("discrete", "planted"):
        said, true = ([json.dumps(e) for e in d[key]] for d in (after, before))
        return len(set(said)) == len(said) and set(said) <= set(true) or (
            key == "planted" and set(said) <= set(true))
    if key == "notes":
        return set(after[key]) <= set(before[key])
    if key in ("program", "small_program"):
        return holds_on_its_program(after, key)
    if key == "certificate":
        # a slice that moves nothing of its family may be left out
        return path[1] == "families" and "via" in path
    return False


def holds_on_its_program(data: Data, key: str) -> bool:
    """Whether every family is a symmetry of the program, by exact rows of its Jacobian."""
    network = FullDerivation.from_plain(data).programs()[key == "small_program"]
    network = readable_network(network_to_json(network), all_ops())
    rows = jacobian_rows(Draw(network, FIELD, np.random.default_rng(1)), 6)
    families = instantiate(find(network))
    said = [g["dimension"] for g in data["small" if key == "small_program" else "generators"]]
    fields = [f for family in families for f in family.fields]
    return len(fields) >= sum(said) and not paired(fields, rows, network).any()


def try_changes(count: int, seed: int) -> None:
    accepted = refused = 0
    for name, path, value in chosen(count, seed):
        before = json.loads(record(name).to_json())
        try:
            after = changed(before, path, value)
            if sealed(before) == after:
                continue
            result = type(record(name)).from_json(json.dumps(after)).verify()
        except SymgaugeError:
            refused += 1
            continue
        if result.verdict is Verdict.REFUTED:
            refused += 1
            continue
        accepted += 1
        assert is_open(path, result) or is_true(path, before, after), (name, path, value)
        # nothing of a capture is decided without one
        assert {"sizes", "observable", "output"} <= open_names(result)
    assert refused > count / 2 and accepted > count / 20, (refused, accepted)


def test_changed_records() -> None:
    try_changes(150, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_changed_records(seed: int) -> None:
    try_changes(250, seed)


class Squares(nn.Module):
    """A (W x)^2, with fields of higher degree."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.last(self.first(x) ** 2)
        return value


@pytest.mark.parametrize("key, value", [("size", 2), ("copies", [1])])
def test_generators_alone_have_no_size_and_no_copies(key: str, value: Any) -> None:
    data = json.loads(symgauge.derive(Squares(), (torch.ones(1, 2),)).to_json())
    at = next(i for i, g in enumerate(data["generators"]) if g["element"]["kind"] == "other")
    forged = Derivation.from_plain(changed(data, ("generators", at, "element", key), value))
    assert forged.verify().verdict is Verdict.REFUTED
    assert Derivation.from_plain(data).verify().verdict is Verdict.PROVED


def test_a_key_that_stands_twice_is_refused() -> None:
    """Readers differ on which of the two counts."""
    found = record(next(iter(DERIVED)))
    text = found.to_json().rstrip().removesuffix("}") + ', "name": "another"}'
    assert json.loads(text)["name"] == "another"
    with pytest.raises(BadInputError, match="'name' stands twice"):
        type(found).from_json(text)


@pytest.mark.parametrize("name", [*DERIVED, *FULL])
def test_records_as_they_are(name: str) -> None:
    found = record(name)
    result = found.verify()
    assert result.verdict is Verdict(found.data["verdict"])
    assert edited(found.data) is None
    decided = set(found.data) - open_names(result)
    assert {"generators", "algebra", "planted", "tensors", "scope", "verdict"} <= decided
    # nothing but a capture says that the program at the small sizes is the same module's
    assert name in DERIVED or "small_program" in open_names(result)
    unsealed = {**found.plain(), "name": "another"}
    assert type(found).from_plain(unsealed).verify().verdict is Verdict.REFUTED


# -- the module captured again -------------------------------------------------------------------


def test_a_capture_decides_what_only_the_module_tells() -> None:
    data = json.loads(record("mlp").to_json())
    target = load_target("mlp", zoo.load, {}).at(data["sizes"])
    result = Derivation.from_plain(data).verify(target)
    assert result.verdict is record("mlp").verdict
    assert open_names(result) == {"cells", "notes", "seed", "versions", "seconds"}
    for key, value in (
        ("observable", "probabilities"), ("output", "nosuch"), ("output", 1),
        ("sizes", {**data["sizes"], next(iter(data["sizes"])): 3}),
        ("full_sizes", {**data["full_sizes"], next(iter(data["sizes"])): 3}),
        ("full_tensors", data["full_tensors"][:-1]),
        ("name", "another"), ("target", "another"), ("factory", None), ("sizes", {}),
        ("full_sizes", {}), ("notes", [SPLIT]), ("notes", ["all is proved"]),
    ):
        try:
            forged = Derivation.from_plain(sealed({**data, key: value}))
            result = forged.verify(target.at(forged.sizes))
        except SymgaugeError:
            continue
        assert result.verdict is Verdict.REFUTED or key in open_names(result), (key, value)
    assert data["generators"][0]["full"] is not None
    forged = Derivation.from_plain(changed(data, ("generators", 0, "full", "element", "size"), 3))
    assert "generators.full" in open_names(forged.verify())
    assert forged.verify(target).verdict is Verdict.REFUTED


def test_sizes_that_were_set_reach_the_full_sizes(tmp_path: Path) -> None:
    """FULL names some sizes; those that were set stand beside them, in a second capture too."""
    path = tmp_path / "own.py"
    path.write_text(
        "import torch\n"
        "def factory(n=2, m=2):\n"
        "    return torch.nn.Sequential(torch.nn.Linear(n, m), torch.nn.Tanh(), "
        "torch.nn.Linear(m, 1)), (torch.ones(1, n),)\n"
        "FULL = {'n': 5}\n")
    text = f"{path}:factory"
    found = derive_target(load_target(text, zoo.load, {"m": "3"}))
    assert found.full_sizes == {"n": 5, "m": 3}
    result = found.verify(load_target(text, zoo.load, {}).at(found.sizes))
    assert open_names(result) == {"cells", "notes", "seed", "versions", "seconds"}


@pytest.mark.parametrize("name", FULL)
def test_a_full_record_against_its_module(name: str) -> None:
    target, small = full_target(name)
    data = json.loads(record(name).to_json())
    result = FullDerivation.from_plain(data).verify(target)
    assert open_names(result) == {"versions", "seconds"}
    for key, value in (
        ("observable", "probabilities"), ("small_sizes", {**data["small_sizes"], "tokens": 2}),
        ("sizes", {}),
    ):
        result = FullDerivation.from_plain(sealed({**data, key: value})).verify(target)
        assert result.verdict is Verdict.REFUTED or key in open_names(result), (key, value)
    assert FullDerivation.from_plain(data).verify(small).verdict is Verdict.REFUTED


@pytest.mark.parametrize("module", [Positions, TanhOfPositions])
def test_programs_are_compared_after_the_same_rewriting(module: type[nn.Module]) -> None:
    torch.manual_seed(0)
    found = symgauge.derive(module(), (TOKENS,))
    again = capture(module(), (TOKENS,)).network
    assert SPLIT in found.notes and digest_of(again) != digest_of(found.network())
    said = same_program(found.network(), again)
    assert said is not None and SPLIT in said
    # what is rewritten is the captured program alone, and the same in both
    assert same_program(again, found.network()) is None
    other = Positions() if module is TanhOfPositions else TanhOfPositions()
    assert same_program(found.network(), capture(other, (TOKENS,)).network) is None


def test_a_rewriting_that_was_none_is_refuted() -> None:
    data = json.loads(record("mlp").to_json())
    target = load_target("mlp", zoo.load, {}).at(data["sizes"])
    forged = Derivation.from_plain(sealed({**data, "notes": [SPLIT]}))
    assert "notes" in open_names(forged.verify())
    assert forged.verify(target).verdict is Verdict.REFUTED


# -- the program that full.json carries ----------------------------------------------------------


@pytest.mark.parametrize("name", FULL)
def test_an_outline_is_the_program(name: str) -> None:
    network, _ = record(name).programs()
    again = from_outline(json.loads(json.dumps(outline(network))), all_ops())
    assert digest_of(again) == digest_of(network)
    assert outline_digest(again) == outline_digest(network)
    # another compressor packs otherwise
    loose = json.loads(json.dumps(outline(network)))
    for entry in loose["nodes"]:
        if entry.get("packed"):
            index = zlib.decompress(base64.b64decode(entry["packed"]))
            entry["packed"] = base64.b64encode(zlib.compress(index, 0)).decode()
    assert outline_digest(from_outline(loose, all_ops())) == outline_digest(network)


def test_an_outline_that_expands_is_not_read() -> None:
    data = json.loads(record("gpt2").to_json())["program"]
    entry = next(n for n in data["nodes"] if "packed" in n and len(n["constant"]) > 1)
    for change in (
        {"packed": "!"}, {"packed": ""}, {"shape": [1 << 40]}, {"shape": [-1]}, {"constant": ["1"]},
        {"unknown": ""}, {"more": 1},
    ):
        nodes = [{**entry, **change} if n is entry else n for n in data["nodes"]]
        with pytest.raises(symgauge.BadInputError):
            from_outline({**data, "nodes": nodes}, all_ops())
    one = next(n for n in data["nodes"] if len(n.get("constant", ())) == 1)
    nodes = [{**one, "constant": []} if n is one else n for n in data["nodes"]]
    with pytest.raises(symgauge.BadInputError):
        from_outline({**data, "nodes": nodes}, all_ops())


@pytest.mark.parametrize(("key", "less"), [
    ("planted", []), ("planted", slice(1, None)), ("discrete", []), ("notes", []),
])
def test_what_is_taken_from_a_list_is_named(key: str, less: Any) -> None:
    """A shorter list is true, but a check without planted failures cannot fail."""
    data = record("mlp").plain()
    shorter = data[key][less] if isinstance(less, slice) else less
    found = Derivation.from_plain(sealed({**data, key: shorter})).verify()
    assert found.verdict is Verdict.PROVED and key in open_names(found)
    if key != "notes":
        assert data[key] and key not in open_names(Derivation.from_plain(data).verify())


def test_planted_failures_that_are_taken_from_full_json_are_named() -> None:
    data = record("llama").data
    assert data["planted"] and "planted" not in open_names(FullDerivation.from_plain(data).verify())
    found = FullDerivation.from_plain(sealed({**data, "planted": []})).verify()
    assert "planted" in open_names(found)
