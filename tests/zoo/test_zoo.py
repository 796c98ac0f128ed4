"""Every zoo file keeps its contract, and its EXPECTED numbers hold.

They are met twice: by the deriver, and by a float64 Jacobian that knows nothing of symgauge. The
quick architectures do so in every run, the others in the slow one.
"""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from singular_values import FloatRank, float_rank

import symgauge
from symgauge import Verdict, zoo
from places import ROOT


#: Derived in more than two seconds at their small sizes.
SLOW = {"decoder_block", "encoder_block", "gpt2_like", "llama_like", "rotary_attention"}
#: Their Jacobians take seconds in floats too.
SLOW_JACOBIANS = {"gpt2_like", "llama_like"}
#: Of the others the first entry alone is derived in every run: there are many.
QUICK_ENTRIES = 1
KEYS = {"sizes", "parameters", "redundancy", "algebra", "orbit_dimension"}
#: The largest full size.
MAX_PARAMETERS = 150_000_000


def trainable(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def without_frozen(module: torch.nn.Module) -> torch.nn.Module:
    """The module with its frozen parameters as buffers: they are constants of the function."""
    for part in module.modules():
        for name, value in list(part.named_parameters(recurse=False)):
            if not value.requires_grad:
                delattr(part, name)
                part.register_buffer(name, value.detach())
    return module


def vocabulary(module: torch.nn.Module) -> int:
    """Rows of the first embedding, which the tokens pick from; 0 without one."""
    found = (part for part in module.modules() if isinstance(part, torch.nn.Embedding))
    first = next(found, None)
    return 0 if first is None else first.num_embeddings


def piecewise(name: str, sizes: dict[str, Any]) -> bool:
    """Whether the rank depends on the cell: several draws are needed to meet the largest."""
    factory = inspect.signature(zoo.load(name).factory).parameters
    branches = {"activation": ("relu", "leaky_relu"), "kind": ("relu",), "top_k": (1, 2)}
    chosen = {key: sizes.get(key, p.default) for key, p in factory.items()}
    return any(chosen.get(key) in values for key, values in branches.items())


def deep(sizes: dict[str, Any]) -> bool:
    """Whether the network is a deep piecewise one: few draws lie in a cell of the largest rank."""
    return bool(sizes.get("num_hidden_layers", 1) > 1)


def entries(slow: set[str], quick: int | None) -> Iterator[Any]:
    """The EXPECTED entries as parameters of a test; slow by name, or after the quick ones."""
    for name in zoo.names():
        for place, entry in enumerate(zoo.load(name).EXPECTED):
            sizes = ",".join(f"{key}={value}" for key, value in entry["sizes"].items())
            late = name in slow or deep(entry["sizes"]) or (quick is not None and place >= quick)
            marks = [pytest.mark.slow] if late else []
            yield pytest.param(name, entry, id=f"{name}({sizes})", marks=marks)


def referee(name: str, sizes: dict[str, Any]) -> FloatRank:
    module, args = zoo.load(name).factory(**sizes)
    draws = 80 if deep(sizes) else 10 if piecewise(name, sizes) else 2
    return float_rank(without_frozen(module), args, draws, vocabulary(module))


def check_derivation(name: str, entry: dict[str, Any]) -> None:
    module, args = zoo.load(name).factory(**entry["sizes"])
    derived = symgauge.derive(module, args, name=name)
    assert (derived.parameters, derived.redundancy) == (entry["parameters"], entry["redundancy"])
    assert derived.verdict is not Verdict.REFUTED
    if entry["orbit_dimension"] is None:
        assert derived.orbit_dimension < derived.redundancy, "state the orbit: it is closed now"
    else:
        assert derived.orbit_dimension == entry["orbit_dimension"]
    if entry["algebra"] is not None:
        assert derived.algebra.form == entry["algebra"]


# -- the contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo.names())
def test_file_is_self_contained(name: str) -> None:
    """It imports torch, layers of symgauge.nn perhaps, and the standard library."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(zoo.load(name)))))
    imported = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "." for n in nodes if isinstance(n, ast.ImportFrom)}
    imported -= {"symgauge.nn"}
    roots = {module.split(".")[0] for module in imported}
    assert "torch" in roots
    assert roots - {"torch"} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", zoo.names())
def test_file_says_what_it_holds(name: str) -> None:
    module = zoo.load(name)
    assert (module.__doc__ or "").strip().splitlines()[0].endswith(".")
    assert isinstance(module.REFERENCE, str) and len(module.REFERENCE) > 20
    assert len(module.EXPECTED) >= 2
    assert not module.EXPECTED[0]["sizes"], "the first entry is at the small sizes"
    assert all(set(entry) == KEYS for entry in module.EXPECTED)


@pytest.mark.parametrize("name", zoo.names())
def test_sizes_are_the_factory_s(name: str) -> None:
    module = zoo.load(name)
    signature = inspect.signature(module.factory)
    assert all(p.default is not p.empty for p in signature.parameters.values())
    signature.bind(**module.FULL)
    for entry in module.EXPECTED:
        signature.bind(**entry["sizes"])


@pytest.mark.parametrize("name", zoo.names())
def test_factory_runs_and_parameters_are_counted(name: str) -> None:
    for entry in zoo.load(name).EXPECTED:
        module, args = zoo.load(name).factory(**entry["sizes"])
        assert module(*args).isfinite().all()
        assert trainable(module) == entry["parameters"]


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.names())
def test_full_sizes_run(name: str) -> None:
    file = zoo.load(name)
    module, args = file.factory(**file.FULL)
    assert trainable(file.factory()[0]) < trainable(module) <= MAX_PARAMETERS
    with torch.no_grad():
        assert module(*args).isfinite().all()


# -- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "entry"), list(entries(SLOW, QUICK_ENTRIES)))
def test_derivation(name: str, entry: dict[str, Any]) -> None:
    check_derivation(name, entry)


@pytest.mark.parametrize(("name", "entry"), list(entries(SLOW_JACOBIANS, None)))
def test_redundancy_by_singular_values(name: str, entry: dict[str, Any]) -> None:
    found = referee(name, entry["sizes"])
    assert (found.parameters, found.redundancy) == (entry["parameters"], entry["redundancy"])
    assert found.gap > 1e3


def test_a_wrong_number_is_noticed() -> None:
    """Planted failures: a symmetry too many, one too few, and another algebra."""
    right = zoo.load("low_rank_adapter").EXPECTED[0]
    for wrong in ({"redundancy": 5}, {"orbit_dimension": 3}, {"algebra": "gl(3,R)"}):
        with pytest.raises(AssertionError):
            check_derivation("low_rank_adapter", {**right, **wrong})


# -- the page ------------------------------------------------------------------------------------


def test_page_is_the_zoo_s() -> None:
    spec = importlib.util.spec_from_file_location("zoo_table", ROOT / "docs" / "zoo_table.py")
    assert spec is not None and spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "run docs/zoo_table.py again"
