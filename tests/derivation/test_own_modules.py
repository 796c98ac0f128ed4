"""Modules of one's own at their own sizes, and whether other weights are the same function."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import symgauge
from symgauge.cli.main import main
from symgauge.derivation.full import FullDerivation
from symgauge.checks.refuted import COMBINED, REFUTABLE
from symgauge.errors import BadInputError, SizeError
from symgauge.families.coordinates import Coordinates
from symgauge.statements.statement import plain_fields


def wide(width: int = 512) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 8)), (
        torch.zeros(1, 64),)


def test_a_module_at_its_own_sizes() -> None:
    module, args = wide()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    found = symgauge.derive_full(module, args)
    assert (found.dimension, found.parameters) == (512, 37384)
    assert repr(found) == "FullDerivation(Sequential: P=37384, dimension=512, PROVED)"
    assert [d.order for d in found.discrete or ()] and found.planted
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())
    again = FullDerivation.from_json(found.to_json())
    assert again.verify().verdict is symgauge.Verdict.PROVED
    with pytest.raises(BadInputError, match="a check rebuilds the module"):
        again.check_text()


def test_a_sentence_says_what_to_do_with_a_large_module() -> None:
    with pytest.raises(SizeError, match=re.escape("symgauge.derive_full")):
        symgauge.derive(*wide(4096))


def test_a_large_factory_without_full_sizes(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    with open("own.py", "w", encoding="utf-8") as file:
        file.write(
            "import torch\nfrom torch import nn\n"
            "def factory(width=256):\n"
            "    return nn.Sequential(nn.Linear(300, width), nn.ReLU(), nn.Linear(width, width),\n"
            "                         nn.ReLU(), nn.Linear(width, 2)), (torch.zeros(1, 300),)\n")
    assert main(["derive", "own.py:factory", "--full", "--fragment", "--out", "x", "--json"]) == 0
    found = FullDerivation.from_json(open("x/full.json", encoding="utf-8").read())
    assert found.parameters > REFUTABLE and not found.planted and found.dimension == 512
    assert "No failure is planted" in found.check_text()
    assert found.verify().verdict is symgauge.Verdict.PROVED


def test_a_few_fields_of_many() -> None:
    network = symgauge.derive_full(*wide(300)).programs()[0]
    at = {"axis": 1, "start": 0, "sizes": [300], "along": 0, "per": []}
    moves = [{"parameter": "2.weight", "form": "g^-T", "at": at}]
    entry = {"element": {"kind": "gl", "copies": [], "size": 300}, "action": moves, "via": []}
    some = plain_fields(Coordinates(network), entry, COMBINED)
    assert some is not None and COMBINED <= len(some) < 2 * COMBINED
    alone = [f for f in some if all(m == ((k, 1),) for k, m in f.numbers)]
    assert len(alone) < len(some) / 2  # E_ij with i and j apart are among them, not scalings alone


def test_an_audit_of_a_module() -> None:
    module, args = wide(6)
    state = module.state_dict()
    twice = {n: 2 * t if n.startswith("0.") else t for n, t in state.items()}
    wrong = symgauge.audit(module, args, twice)
    assert wrong.verdict == "DIFFERENT" and "2.weight" in str(wrong)
    right = symgauge.audit(module, args, {**twice, "2.weight": state["2.weight"] / 2})
    assert right.verdict == "EQUIVALENT" and right.families
    assert repr(right).startswith("Audit(EQUIVALENT: ")
    assert symgauge.audit(module, args, state, twice).verdict == "DIFFERENT"
    with pytest.raises(BadInputError):
        symgauge.audit(module, args, {"0.weight": state["0.weight"]})


def test_a_loaded_model_needs_no_example() -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_layer=1, n_embd=8, n_head=2, vocab_size=11, bos_token_id=0, eos_token_id=0)).eval()
    state = model.state_dict()
    name = "transformer.h.0.mlp.c_fc.bias"
    assert symgauge.audit(model, (), {**state, name: state[name] + 1}).verdict == "DIFFERENT"
    assert symgauge.derive_full(model).verdict is symgauge.Verdict.PROVED
    after, change = symgauge.canonicalise(model, ())
    assert set(after) == set(state) and change.is_same


SMALL, ARGS = wide(3)
VERBS: dict[str, Callable[..., Any]] = {
    "audit": lambda module, args, **more: symgauge.audit(
        module, args, SMALL.state_dict(), **more),
    "derive": symgauge.derive,
    "derive_full": symgauge.derive_full,
    "recipe": lambda *given, **more: symgauge.recipe("equalise", *given, **more),
    "canonicalise": symgauge.canonicalise,
    "align": lambda module, args, **more: symgauge.align(
        module, args, SMALL.state_dict(), **more),
}


@pytest.mark.parametrize("name", VERBS)
def test_what_is_no_module_no_example_or_no_observable(name: str) -> None:
    verb = VERBS[name]
    for args, said in (
            (torch.ones(2, 64), "args is a tensor; give a tuple of the module's inputs, (x,)"),
            (None, "args is None; give a tuple"), (3, "args is of type int; give a tuple"),
            ("x", "args is of type str; give"), ({"x": ARGS[0]}, "args is of type dict; give")):
        with pytest.raises(BadInputError, match=re.escape(said)):
            verb(SMALL, args)
    for module, said in (
            (3, "found int"), (None, "found NoneType"), (nn.ReLU, "found the class ReLU")):
        with pytest.raises(BadInputError, match=f"expected a torch.nn.Module, {said}; give"):
            verb(module, ARGS)
    with pytest.raises(BadInputError, match="kwargs is of type int; give a dict"):
        verb(SMALL, ARGS, kwargs=3)
    with pytest.raises(BadInputError, match="no observable 'logit'; give one of logits, prob"):
        verb(SMALL, ARGS, observable="logit")


def test_what_is_no_state_dict() -> None:
    state = SMALL.state_dict()
    states: list[tuple[Any, str]] = [
        (None, "is None; give a state dict"), (SMALL, "is of type Sequential; give a state dict"),
        ({**state, "0.bias": torch.empty(3, device="meta")}, "0.bias on the meta device"),
        ({**state, "0.bias": torch.ones(3).to_sparse()}, "0.bias as a sparse tensor; make it"),
        ({**state, "0.bias": 3}, "0.bias as int"), ({**state, 3: state["0.bias"]}, "the key 3"),
    ]
    for wrong, said in states:
        with pytest.raises(BadInputError, match=f"^after .*{said}"):
            symgauge.audit(SMALL, ARGS, wrong)
        with pytest.raises(BadInputError, match=f"^the goal .*{said}"):
            symgauge.align(SMALL, ARGS, wrong)
        if wrong is None:
            continue  # the module's own
        with pytest.raises(BadInputError, match=f"^before .*{said}"):
            symgauge.audit(SMALL, ARGS, state, wrong)
        with pytest.raises(BadInputError, match=f"^the state .*{said}"):
            symgauge.canonicalise(SMALL, ARGS, wrong)


class _Picked(nn.Module):
    """Rows of a table that ids select, by index_select or as an embedding."""

    def __init__(self, selects: bool) -> None:
        super().__init__()
        self.table, self.out = nn.Parameter(torch.randn(5, 2)), nn.Linear(2, 2)
        self.selects = selects

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        rows = self.table.index_select(0, ids.view(-1)) if self.selects else self.table[
            ids.view(-1)]
        out: torch.Tensor = self.out(rows.view(*ids.shape, 2))
        return out


def test_rows_that_ids_select() -> None:
    ids = (torch.tensor([[0, 3, 4]]),)
    one, other = (symgauge.derive(_Picked(selects), ids).claim for selects in (True, False))
    assert one == other and (one.redundancy, one.unexplained) == (6, 0)
