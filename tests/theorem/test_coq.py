"""proofs/coq without Coq: certificates and what is written from them agree, the docs name what is.

That the theorems hold is for Coq alone: `tox -e coq`.
"""

import copy
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import symgauge
from places import ROOT

COQ = ROOT / "proofs" / "coq"
CERTIFICATES = sorted(COQ.glob("*.json"))
SOURCES = {path.stem: path.read_text() for path in sorted(COQ.glob("*.v"))}


def script(name: str) -> ModuleType:
    """A script of proofs/coq as a module."""
    spec = importlib.util.spec_from_file_location(f"coq_{name}", COQ / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


export, build = script("export"), script("build")


@pytest.fixture
def square() -> Any:
    return json.loads((COQ / "square_mlp.json").read_text())


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_the_coq_file_is_what_export_writes(path: Path) -> None:
    assert SOURCES[path.stem] == export.export(json.loads(path.read_text()), path.stem)


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_the_certificate_verifies(path: Path) -> None:
    certificate = symgauge.Certificate.from_json(path.read_text())
    assert certificate.intact
    assert symgauge.verify(certificate).verdict is symgauge.Verdict.PROVED


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_each_certificate_is_shown_to_be_able_to_fail(path: Path) -> None:
    _, faults = build.faulty(SOURCES[path.stem], path.stem)
    assert len(faults) >= len(build.FAULTS)


def test_each_fault_is_planted_somewhere() -> None:
    planted = {f for path in CERTIFICATES for f in build.faulty(SOURCES[path.stem], path.stem)[1]}
    assert planted >= {what for what, _, _ in build.FAULTS}


def test_export_writes_beside_the_certificate(tmp_path: Path) -> None:
    path = tmp_path / "square_mlp.json"
    path.write_text((COQ / "square_mlp.json").read_text())
    assert export.main([str(path)]) == 0
    assert path.with_suffix(".v").read_text() == SOURCES["square_mlp"]


def test_export_says_what_it_does_not_read(
    square: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square["network"]["nodes"][9] = {"op": "exp", "inputs": [8], "attrs": {}, "shape": [1, 2]}
    path = tmp_path / "exponential.json"
    path.write_text(json.dumps(square))
    assert export.main([str(path)]) == 3
    assert "line 9 of the program, exp, is not among" in capsys.readouterr().err
    assert not path.with_suffix(".v").exists()


@pytest.mark.parametrize(("change", "says"), [
    ({"closed": False}, "does not close"),
    ({"unread": 1}, "not read"),
    ({"rank": 13}, "were not seen"),
    ({"redundancy": 3}, "were not seen"),
])
def test_export_refuses_what_coq_would(square: Any, change: dict[str, Any], says: str) -> None:
    with pytest.raises(export.NotExported, match=says):
        export.export({**square, **change}, "square_mlp")


def test_export_reads_rational_coefficients_and_powers(square: Any) -> None:
    field = {"shift": [[0, "1/2"]], "linear": [[1, 0, "-2/3"]], "higher": [[2, [[0, 2]], "5"]]}
    assert export.vector_field(field) == [(0, 3, []), (1, -4, [0]), (2, 30, [0, 0])]
    field["higher"] = [[2, [[0, -1]], "5"]]
    with pytest.raises(export.NotExported, match="negative powers"):
        export.vector_field(field)


def test_the_gradients_are_those_of_finite_differences(square: Any) -> None:
    """The output is of degree 2 in each parameter, so central differences are exact."""
    lines, P, n = export.translate(square["network"])
    theta, x = [2 * i % 7 - 3 for i in range(P)], list(range(1, n + 1))

    def value(at: list[int]) -> list[int]:
        W, b, A, c = at[:6], at[6:8], at[8:12], at[12:]
        hidden = [(sum(W[3 * i + j] * x[j] for j in range(3)) + b[i]) ** 2 for i in range(2)]
        return [sum(A[2 * o + i] * hidden[i] for i in range(2)) + c[o] for o in range(2)]

    for k in range(P):
        more, less = copy.copy(theta), copy.copy(theta)
        more[k] += 1
        less[k] -= 1
        slope = [(u - v) / 2 for u, v in zip(value(more), value(less), strict=True)]
        assert [row[k] for row in export.jacobian(lines, theta, x)] == slope


def test_the_docs_name_every_theorem_and_no_other() -> None:
    page = (ROOT / "docs" / "coq.rst").read_text()
    named = {
        (file, name) for file, name in re.findall(r"``(\w+)\.(\w+)``", page) if file in SOURCES
    }
    theorems = {
        (file, name) for file, text in SOURCES.items()
        for name in re.findall(r"^Theorem\s+(\w+)", text, re.MULTILINE)
    }
    assert named == theorems


def test_nothing_is_assumed_in_the_text() -> None:
    """Coq says so itself (`Print Assumptions`); this is seen without it."""
    words = r"\b(?:Axiom|Axioms|Conjecture|Admitted|admit|Parameter|Parameters)\b"
    for name, text in SOURCES.items():
        code = re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)
        assert not re.search(words, code), name


def test_without_coq_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.main() == 3
    assert "coqc was not found: install Debian's packages coq" in capsys.readouterr().err
