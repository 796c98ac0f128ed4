"""Entries that are fixed: as many as the orbits' dimensions, reached, and with nothing lost."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from orbits import CHANGES, generic, target
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

import symgauge
from symgauge import BadInputError, Derivation, Verdict
from symgauge.cli.main import main
from symgauge.derivation.full import derive_full
from symgauge.derivation.module import ModelDerivation
from symgauge.derivers.structural import find, instantiate
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.hf.target import load_hf
from symgauge.sections.reduction import Reduction, reduce
from symgauge.sections.section import _Choosing
from symgauge.sections.transversal import Exact


class Tied(nn.Module):
    """One tensor by two names: a table, and the matrix before the ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.first = nn.Embedding(3, 4), nn.Linear(4, 3)
        self.first.weight = self.table.weight
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(x))) + self.table.weight.sum() ** 2


class Power(nn.Module):
    """(a^40 + b^40 + a) c d x: what trades a for b has no generator of a low degree."""

    def __init__(self) -> None:
        super().__init__()
        for name in "abcd":
            self.register_parameter(name, nn.Parameter(torch.rand(()) + 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return (self.a**40 + self.b**40 + self.a) * self.c * self.d * x


MODULES = {
    "relu": lambda: (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), (3,)),
    "wide linear": lambda: (nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), (3,)),
    "norm": lambda: (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 3)), (3,)),
    "none": lambda: (nn.Linear(3, 2), (3,)),
    "power": lambda: (Power(), (2,)),
}


@cache
def derived(name: str) -> Derivation:
    module, shape = MODULES[name]()
    return symgauge.derive(module, (torch.randn(shape),))


@cache
def attention() -> Derivation:
    return symgauge.derive_target(target("attention"))


def fresh(name: str) -> nn.Module:
    """The module in float64, at generic weights: the same ones every time."""
    torch.manual_seed(0)
    module, _ = MODULES[name]()
    module.load_state_dict(generic(module))
    return module


# -- what is chosen --------------------------------------------------------------------------------


@pytest.mark.parametrize("name, as_they_are", [
    ("relu", 0), ("wide linear", 2), ("norm", 0), ("none", 0), ("attention", 0)])
def test_as_many_entries_are_fixed_as_are_redundant(name: str, as_they_are: int) -> None:
    record = attention() if name == "attention" else derived(name)
    found = symgauge.reduce(record)
    listed = list(found.fixed)
    assert found.verdict is Verdict.PROVED
    assert found.count == len({(f.tensor, f.index) for f in listed}) == record.redundancy
    assert found.free_count == found.jacobian == record.rank
    assert sum(f.value is None for f in listed) == as_they_are
    assert {f.value for f in listed} <= {0.0, 1.0, None}


def test_other_entries_are_refused_exactly() -> None:
    """Planted: an entry that no family tells from another that is fixed."""
    record = derived("relu")
    found, exact = reduce(record), Exact(record)
    first = {k: Fraction(1) for k in found._coordinates(found.fixings[0])}
    assert len(exact.independent(first, first).coordinates) == 4
    # two weights that one hidden unit scales, and none of another
    network = record.network()
    start = network.offsets["0.weight"]
    wrong = {start + k: Fraction(1) for k in (0, 1, 3, 6)}
    assert len(exact.independent(wrong, wrong).coordinates) == 3
    assert exact.free_rank(wrong, wrong) == record.rank - 1


def test_what_has_no_generator_is_said_to_stay() -> None:
    found = reduce(derived("power"))
    assert found.verdict is Verdict.UNKNOWN and found.count == 1
    assert found.jacobian == found.free_count - derived("power").claim.by_minors == 1
    assert "2 further directions have no generator in a family" in found.statement


def test_without_redundancy_nothing_is_fixed() -> None:
    found = reduce(derived("none"))
    assert found.count == 0 and "no entry" in found.statement.lower()
    module = fresh("none")
    assert found.parametrize(module).count == 0 and not parametrize.is_parametrized(module)


def test_what_is_no_derivation_gets_a_sentence() -> None:
    module: Any = nn.Linear(3, 2)
    with pytest.raises(BadInputError, match="a Linear is no derivation"):
        symgauge.reduce(module)


# -- by the families: is the matrix of derivatives of full rank, exactly? --------------------------


FULL: list[tuple[str, dict[str, str]]] = [
    ("attention", {}), ("gpt2_like", {"tied": "False"}), ("llama_like", {"num_layers": "1"}),
    ("hf:vit", {}), ("hf:gpt_neox", {}), ("hf:bert", {}), ("hf:t5", {}),
]


def rank_on_section(found: Reduction) -> int:
    """The rank of the families' derivatives of the fixed entries, at a point of the section."""
    (network, _), field = found.record.programs(), PrimeField(next(primes()))
    rng = np.random.default_rng(1)
    theta = field.random(rng, (network.num_coordinates,))
    columns: list[int] = []
    for fixing in found.fixings:
        for name, entries, values in fixing.parts():
            for k, value in zip(entries, values, strict=True):
                # signs that stay may be either
                sign = rng.choice([-1, 1]) if value else 1
                columns.append(int(k) + network.offsets[name])
                theta[columns[-1]] = field.residue(Fraction(int(sign * value)))
    assert len(set(columns)) == len(columns) == found.count
    fields = [f for family in instantiate(find(network)) for f in family.fields]
    point = theta.astype(np.int64).tolist()
    rows = np.zeros((len(fields), network.num_coordinates))
    for row, f in zip(rows, fields, strict=True):
        assert all(e > 0 or point[j] for _, m in f.terms for j, e in m)
        for k, value in f.entries_at(point, field).items():
            row[k] = value
    return rank(np.ascontiguousarray(rows[:, columns]), field.p)


@pytest.mark.parametrize("name, sizes", [
    pytest.param(n, s, id=n, marks=[pytest.mark.slow][k < 2:]) for k, (n, s) in enumerate(FULL)])
def test_the_orbits_of_the_families_cross_the_section(name: str, sizes: dict[str, str]) -> None:
    there = load_hf(name, sizes) if name.startswith("hf:") else target(name, **sizes)
    record = derive_full(there, there)
    found = reduce(record)
    assert not found.without
    assert found.count == rank_on_section(found)
    if record.orbit_dimension is not None:
        assert found.count == record.orbit_dimension and found.verdict is Verdict.PROVED
    assert "nothing says that no other direction" in found.statement.lower()
    # of a model that is too large for a certificate: the same
    both = ModelDerivation(record, derived("none"))
    assert [e.words for e in reduce(both).entries] == [e.words for e in found.entries]


def test_entries_that_other_families_move_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: no family is asked whether it moves what another fixes."""
    def careless(self: Any, rows: Any, *_: Any) -> Any:
        return ~np.isin(rows.entries, self._taken.get(rows.parameter, ()))

    there = target("gpt2_like")
    record, state = derive_full(there, there), generic(there.build()[0])
    assert reduce(record).bring(state).count == reduce(record).count
    monkeypatch.setattr(_Choosing, "_free_entries", careless)
    with pytest.raises(BadInputError, match="away from their values"):
        reduce(record).bring(state)


# -- weights ---------------------------------------------------------------------------------------


def at(state: dict[str, Tensor], found: Reduction) -> list[tuple[float, float | None]]:
    return [(float(state[f.tensor][f.index]), f.value) for f in found.fixed]


def test_two_points_of_an_orbit_come_to_one_point_of_the_section() -> None:
    record = attention()
    found, state = reduce(record), generic(target("attention").build()[0])
    one = found.bring(state).element.apply(state)
    for seed in (1, 2):
        moved = record.sample(seed, state).apply(state)
        two = found.bring(moved).element.apply(moved)
        for name in state:
            torch.testing.assert_close(two[name], one[name])
    assert all(abs(value - wanted) < 1e-12 for value, wanted in at(one, found))
    assert float((one["o.weight"] - state["o.weight"]).abs().max()) > 0.1


def test_signs_stay_and_what_is_0_is_left_free() -> None:
    found = reduce(derived("relu"))
    state = fresh("relu").state_dict()
    state["0.weight"][1, 0] = -2.0
    brought = found.bring(state)
    entries, values = brought.settled["0.weight"]
    assert values.tolist()[1] == -1.0 and set(values) <= {1.0, -1.0}
    assert found.crosses(brought)
    state["0.weight"][2, 0] = 0.0
    brought = found.bring(state)
    assert brought.count == 3 and found.crosses(brought)
    assert "1 of its entries in 0.weight are 0" in brought.left[0]


def test_values_at_which_nothing_crosses_are_seen() -> None:
    """Planted: weights whose fixed entries are 0, where scalings move none of them."""
    found = reduce(derived("relu"))
    brought = found.bring(fresh("relu").state_dict())
    entries, values = brought.settled["0.weight"]
    assert found.crosses(replace(brought, settled={"0.weight": (entries, 0 * values)})) is False


def test_entries_without_a_finite_action_stay_as_they_are() -> None:
    found = reduce(derived("wide linear"))
    module = fresh("wide linear")
    brought = found.parametrize(module)
    name, own = next(iter(found.present.items()))
    after = brought.element.apply(fresh("wide linear").state_dict())[name].reshape(-1)
    for k, value in zip(*brought.settled[name], strict=True):
        if k in own:
            # by two orders of the same products
            assert value == pytest.approx(float(after[int(k)]), rel=1e-12)
            assert value not in (0.0, 1.0)


# -- parametrised ----------------------------------------------------------------------------------


def whole(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module, parametrised or not, by the names that they had."""
    found = {}
    for owner, part in module.named_modules():
        names = [n for n, _ in part.named_parameters(recurse=False)]
        names += list(getattr(part, "parametrizations", {}))
        if type(part).__name__ not in ("ParametrizationList", "ParametrizedPinned"):
            found.update({f"{owner}.{n}".lstrip("."): getattr(part, n) for n in names})
    return found


def jacobian(module: nn.Module, width: int) -> Tensor:
    """Rows at many random inputs, by what is trained."""
    torch.manual_seed(3)
    parameters, rows = list(module.parameters()), []
    for _ in range(40):
        for out in module(torch.randn(1, width).double()).reshape(-1):
            grads = torch.autograd.grad(out, parameters, retain_graph=True)
            rows.append(torch.cat([g.reshape(-1) for g in grads]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", ["relu", "norm", "wide linear"])
def test_a_parametrised_model_trains_on_the_section(name: str) -> None:
    record = derived(name)
    found, module, twin = reduce(record), *(fresh(name) for _ in range(2))
    torch.manual_seed(1)
    x, y = torch.randn(20, 3).double(), torch.randn(20, twin(torch.randn(1, 3).double()).numel())
    before = twin(x)
    brought = found.parametrize(module)
    torch.testing.assert_close(module(x), before)
    assert sum(p.numel() for p in module.parameters()) == record.parameters - record.redundancy
    # planted: all of the tensors together are redundant by as much as was fixed. An epsilon of a
    # norm is all that one direction is seen by: its singular value is small, and far from rounding
    for model, null in ((module, 0), (twin, record.redundancy)):
        spectrum = torch.linalg.svdvals(jacobian(model, 3))
        assert int((spectrum < 1e-10 * spectrum[0]).sum()) == null
    # the same path as projecting the gradient of the whole tensors
    twin.load_state_dict({n: t.detach().clone() for n, t in whole(module).items()})
    for model in (module, twin):
        step = torch.optim.SGD(model.parameters(), 1e-2, momentum=0.9)
        for _ in range(5):
            step.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            for tensor, (entries, _) in brought.settled.items() if model is twin else ():
                model.get_parameter(tensor).grad.view(-1)[torch.as_tensor(entries)] = 0
            step.step()
    assert not torch.allclose(module(x), before)
    after, projected = whole(module), whole(twin)
    for tensor in projected:
        torch.testing.assert_close(after[tensor], projected[tensor])
    for tensor, (entries, values) in brought.settled.items():
        assert after[tensor].reshape(-1)[torch.as_tensor(entries)].tolist() == values.tolist()
    # stored without the fixed entries, and read again
    again = fresh(name)
    found.parametrize(again)
    again.load_state_dict(module.state_dict())
    assert torch.equal(again(x), module(x))
    # removed by torch
    outputs = module(x)
    for part in list(module.modules()):
        for tensor in list(getattr(part, "parametrizations", {})):
            parametrize.remove_parametrizations(part, tensor)
    assert torch.equal(module(x), outputs)
    assert {n: p.shape for n, p in module.named_parameters()} == {
        n: p.shape for n, p in twin.named_parameters()}


def test_a_tied_tensor_stays_one() -> None:
    from symgauge.sections.pinned import pin

    module = Tied()
    x = torch.randn(2, 4)
    with torch.no_grad():
        module.table.weight[1, 2] = 1.0
    outputs = module(x)
    pin(module, {"table.weight": (np.array([6]), np.array([1.0]))})
    assert torch.equal(module(x), outputs)
    assert sum(p.numel() for p in module.parameters()) == 12 - 1 + 3 + 8
    torch.optim.SGD(module.parameters(), 0.1).step()
    module(x).sum().backward()
    torch.optim.SGD(module.parameters(), 0.1).step()
    assert torch.equal(module.table.weight, module.first.weight)
    assert float(module.table.weight[1, 2].detach()) == 1.0
    for part in (module.table, module.first):
        parametrize.remove_parametrizations(part, "weight")
    assert module.table.weight is module.first.weight and module.first.weight.shape == (3, 4)
    with pytest.raises(BadInputError, match="no parameter named 'other'"):
        pin(module, {"other": (np.array([0]), np.array([1.0]))})


# -- the command -----------------------------------------------------------------------------------


def test_the_command_prints_writes_and_brings(
    tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    text = f"{CHANGES}:gated_unit"
    record = tmp_path / "derivation.json"
    record.write_text(symgauge.derive_target(target("gated_unit")).to_json())
    state = {n: t.float() for n, t in generic(target("gated_unit").build()[0]).items()}
    save_file(state, tmp_path / "in.safetensors")
    arguments = ["reduce", str(record), str(tmp_path / "in.safetensors")]
    status = main([*arguments, str(tmp_path / "out.safetensors"), "--out", str(tmp_path), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert status == 0 and said == json.loads((tmp_path / "reduction.json").read_text())
    assert said["weights"]["verdict"] == "EQUIVALENT" and said["verdict"] == "PROVED"
    after = load_file(tmp_path / "out.safetensors")
    count = 0
    for name, listed in said["weights"]["entries"].items():
        for part in listed:
            for first, length in part["runs"]:
                own = after[name].reshape(-1)[first:first + length]
                assert own.tolist() == [part["value"]] * length
                count += length
    assert count == said["fixed"] == said["orbit_dimension"] and count > 0
    for width in ("80", "160"):
        monkeypatch.setenv("COLUMNS", width)
        assert main(["reduce", str(record)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= int(width)
        assert "full column rank" in " ".join(" ".join(lines).replace("│", " ").split())
    # by the families at the same sizes
    assert main(["reduce", text, "--full", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["redundancy"] is None


@pytest.mark.parametrize("arguments, words", [
    (["IN"], "IN is given without OUT"),
    (["IN", "OUT"], "no tensor named 'gate.weight'"),
    (["--full"], "belong to a TARGET"),
    (["--set", "width=3"], "belong to a TARGET"),
    (["--out", "IN"], "is a file"),
])
def test_bad_input_gets_a_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: Any
) -> None:
    record = tmp_path / "derivation.json"
    record.write_text(symgauge.derive_target(target("gated_unit")).to_json())
    save_file({"other": torch.ones(2)}, tmp_path / "IN")
    given = [str(tmp_path / a) if a in ("IN", "OUT") else a for a in arguments]
    assert main(["reduce", str(record), *given]) == 3
    said = capsys.readouterr()
    assert words in said.err and not said.out and said.err.count("Traceback") == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["IN", "derivation.json"]


class Numbers(nn.Module):
    """Two numbers of their own that scale one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(-3.0))
        self.W = nn.Parameter(torch.randn(2, 2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.W * self.a * self.b


def test_parameters_without_axes_are_fixed() -> None:
    module = Numbers()
    reduction = reduce(symgauge.derive(module, (torch.randn(1, 2),)))
    assert {(f.tensor, f.index, f.value) for f in reduction.fixed} == {
        ("a", (), 1.0), ("b", (), 1.0)}
    assert reduction.verdict is Verdict.PROVED and reduction.to_json()["fixed"] == 2
    x = torch.randn(3, 2)
    before = module(x)
    reduction.parametrize(module)
    assert torch.allclose(module(x), before) and (
        abs(module.a.item()) == abs(module.b.item()) == 1)
